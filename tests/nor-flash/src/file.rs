//! NOR flash in a file, so that a program on a host keeps its data as a device does. Written where it lies; a program that
//! is killed loses nothing that was written. When the machine itself loses power, it may lose what the operating system
//! had not written yet.

use crate::Failure;
use embedded_storage_async::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Words of four bytes, pages of `PAGE` bytes.
#[derive(Debug)]
pub struct FileFlash<const PAGE: usize> {
    file: File,
    len: usize,
}

impl<const PAGE: usize> FileFlash<PAGE> {
    /// The flash in this file, which is made, erased, if there is none, for its owner only. A file of another size is an
    /// error that names both.
    pub fn open(path: &Path, pages: usize) -> io::Result<Self> {
        let (len, file) = (pages * PAGE, OpenOptions::new().read(true).write(true).open(path));
        let file = match file {
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                // complete before it has its name
                let mut new = path.as_os_str().to_owned();
                new.push(".new");
                let mut options = OpenOptions::new();
                let file = options.read(true).write(true).create(true).truncate(true).mode(0o600).open(&new)?;
                file.write_all_at(&vec![0xff; len], 0)?;
                file.sync_all()?;
                std::fs::rename(&new, path)?;
                file
            }
            file => file?,
        };
        let there = file.metadata()?.len();
        if there != len as u64 {
            let why = format!("a flash of {len} bytes was expected, the file has {there}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(Self { file, len })
    }

    fn check(&self, at: usize, len: usize, size: usize) -> Result<(), Failure> {
        let good = at.is_multiple_of(size) && len.is_multiple_of(size) && at.saturating_add(len) <= self.len;
        if good { Ok(()) } else { Err(Failure::OutOfBounds) }
    }
}

impl From<io::Error> for Failure {
    fn from(_: io::Error) -> Self {
        Self::Medium
    }
}

impl<const PAGE: usize> ErrorType for FileFlash<PAGE> {
    type Error = Failure;
}

impl<const PAGE: usize> ReadNorFlash for FileFlash<PAGE> {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Failure> {
        self.file.read_exact_at(bytes, u64::from(offset)).map_err(Failure::from)
    }

    fn capacity(&self) -> usize {
        self.len
    }
}

impl<const PAGE: usize> NorFlash for FileFlash<PAGE> {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = PAGE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Failure> {
        let (from, len) = (from as usize, to.saturating_sub(from) as usize);
        self.check(from, len, PAGE)?;
        self.file.write_all_at(&vec![0xff; len], from as u64).map_err(Failure::from)
    }

    /// Clears bits, as flash does.
    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Failure> {
        self.check(offset as usize, bytes.len(), Self::WRITE_SIZE)?;
        let mut there = vec![0; bytes.len()];
        self.read(offset, &mut there).await?;
        there.iter_mut().zip(bytes).for_each(|(there, new)| *there &= new);
        self.file.write_all_at(&there, u64::from(offset)).map_err(Failure::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use session_core::testing::run;

    type Flash = FileFlash<64>;

    #[test]
    fn bits_are_only_cleared_until_they_are_erased_and_stay_in_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("flash");
        let mut bytes = [0; 4];
        {
            let mut flash = Flash::open(&path, 2).unwrap();
            run(flash.read(64, &mut bytes)).unwrap();
            assert_eq!((bytes, flash.capacity()), ([0xff; 4], 128));
            run(flash.write(64, &[0xf0; 4])).unwrap();
            run(flash.write(64, &[0x3c; 4])).unwrap();
        }
        let mut flash = Flash::open(&path, 2).unwrap();
        run(flash.read(64, &mut bytes)).unwrap();
        assert_eq!(bytes, [0x30; 4]);
        run(flash.erase(64, 128)).unwrap();
        run(flash.read(64, &mut bytes)).unwrap();
        assert_eq!(bytes, [0xff; 4]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("flash");
        let mut flash = Flash::open(&path, 2).unwrap();
        assert!(run(flash.write(2, &[0; 4])).is_err() && run(flash.write(0, &[0; 3])).is_err());
        assert!(run(flash.write(128, &[0; 4])).is_err() && run(flash.read(126, &mut [0; 4])).is_err());
        assert!(run(flash.erase(0, 32)).is_err() && run(flash.erase(64, 192)).is_err());
        let error = Flash::open(&path, 3).unwrap_err().to_string();
        assert_eq!(error, "a flash of 192 bytes was expected, the file has 128");
    }
}
