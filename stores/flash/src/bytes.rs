//! Reading and writing by pieces of at most 64 bytes, whatever the flash's word is, with a checksum on the way.

use crate::FlashError;
use crc::{CRC_32_ISO_HDLC, Crc, Digest, NoTable};
use embedded_storage_async::nor_flash::NorFlash;

/// Bytes of a piece: a page of common EEPROMs, and no smaller than any flash's word.
pub(crate) const PIECE: usize = 64;

static CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// A checksum that is another at each place of each page's life, so that nothing old or moved counts.
pub(crate) fn checksum(page: u32, at: u32) -> Digest<'static, u32, NoTable> {
    let mut crc = CRC.digest();
    crc.update(&page.to_le_bytes());
    crc.update(&at.to_le_bytes());
    crc
}

/// The piece of flash that was read last.
pub(crate) struct Window {
    start: Option<u32>,
    bytes: [u8; PIECE],
}

impl Window {
    pub(crate) const fn new() -> Self {
        Self { start: None, bytes: [0; PIECE] }
    }

    /// Copies what is at `at`.
    pub(crate) async fn read<F: NorFlash>(
        &mut self,
        flash: &mut F,
        mut at: u32,
        mut into: &mut [u8],
    ) -> Result<(), FlashError> {
        while !into.is_empty() {
            let skip = at as usize % PIECE;
            let start = at - skip as u32;
            if self.start != Some(start) {
                self.start = None;
                flash.read(start, &mut self.bytes).await.map_err(FlashError::of)?;
                self.start = Some(start);
            }
            let piece = self.bytes.get(skip..).unwrap_or_default();
            let (now, later) = into.split_at_mut(piece.len().min(into.len()));
            now.copy_from_slice(piece.get(..now.len()).unwrap_or_default());
            at += now.len() as u32;
            into = later;
        }
        Ok(())
    }
}

/// Writes one after the other; whole pieces, so that no word is written twice.
pub(crate) struct Writer<'f, F> {
    flash: &'f mut F,
    at: u32,
    crc: Digest<'static, u32, NoTable>,
    used: usize,
    bytes: [u8; PIECE],
}

impl<'f, F: NorFlash> Writer<'f, F> {
    /// Begins at `at`, a whole number of words.
    pub(crate) fn new(flash: &'f mut F, at: u32, crc: Digest<'static, u32, NoTable>) -> Self {
        Self { flash, at, crc, used: 0, bytes: [0xff; PIECE] }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), FlashError> {
        self.crc.update(bytes);
        self.pass(bytes).await
    }

    /// Writes the checksum and fills the last word.
    pub(crate) async fn finish(mut self) -> Result<(), FlashError> {
        let crc = self.crc.clone().finalize().to_le_bytes();
        self.pass(&crc).await?;
        let whole = self.used.next_multiple_of(F::WRITE_SIZE);
        self.flush(whole).await
    }

    async fn pass(&mut self, mut bytes: &[u8]) -> Result<(), FlashError> {
        while !bytes.is_empty() {
            // the first piece ends where the flash's own pages may end
            let room = PIECE - self.at as usize % PIECE - self.used;
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            if let Some(place) = self.bytes.get_mut(self.used..self.used + now.len()) {
                place.copy_from_slice(now);
            }
            self.used += now.len();
            bytes = later;
            if now.len() == room {
                self.flush(self.used).await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self, len: usize) -> Result<(), FlashError> {
        if len > 0 {
            self.flash.write(self.at, self.bytes.get(..len).unwrap_or_default()).await.map_err(FlashError::of)?;
        }
        self.at += len as u32;
        self.used = 0;
        self.bytes.fill(0xff);
        Ok(())
    }
}
