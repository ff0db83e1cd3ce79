//! Everything that the device keeps, in one flash: its data in the first two pages, one copy in each; the sessions and the
//! persisted time in the log of a [`FlashStore`] over all others.

use core::fmt;
use core::ops::Range;

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::{Mutex, MutexGuard};
use embedded_storage_async::nor_flash::{ErrorType, NorFlash, NorFlashError as _, NorFlashErrorKind, ReadNorFlash};
use rand_core::TryCryptoRng;
use session_store_flash::{Contents, FlashError, FlashStore, Usage};

use crate::copies::{Copies, Held};
use crate::data::{Data, Keeper, NotKept};

/// A flash and those who use it, in turn, on one executor.
pub type Shared<F> = Mutex<NoopRawMutex, F>;

/// Some pages of it. It does not wait: while another task has the flash, an operation fails. A board serves requests only
/// while none has it, and the code that waits would take a kilobyte.
pub struct Part<'f, F> {
    flash: &'f Shared<F>,
    start: u32,
    size: u32,
}

impl<'f, F> Part<'f, F> {
    /// The flash, if all of these bytes are in the part, and where they begin there.
    fn at(&self, at: u32, len: usize) -> Result<(MutexGuard<'f, NoopRawMutex, F>, u32), NorFlashErrorKind> {
        let inside = u32::try_from(len).ok().and_then(|len| at.checked_add(len)).is_some_and(|end| end <= self.size);
        if !inside {
            return Err(NorFlashErrorKind::OutOfBounds);
        }
        Ok((self.flash.try_lock().map_err(|_| NorFlashErrorKind::Other)?, self.start + at))
    }
}

impl<F> ErrorType for Part<'_, F> {
    type Error = NorFlashErrorKind;
}

impl<F: ReadNorFlash> ReadNorFlash for Part<'_, F> {
    const READ_SIZE: usize = F::READ_SIZE;

    async fn read(&mut self, at: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        let (mut flash, at) = self.at(at, bytes.len())?;
        flash.read(at, bytes).await.map_err(|why| why.kind())
    }

    fn capacity(&self) -> usize {
        self.size as usize
    }
}

impl<F: NorFlash> NorFlash for Part<'_, F> {
    const WRITE_SIZE: usize = F::WRITE_SIZE;
    const ERASE_SIZE: usize = F::ERASE_SIZE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        let len = to.saturating_sub(from);
        let (mut flash, from) = self.at(from, len as usize)?;
        flash.erase(from, from + len).await.map_err(|why| why.kind())
    }

    async fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        let (mut flash, at) = self.at(at, bytes.len())?;
        flash.write(at, bytes).await.map_err(|why| why.kind())
    }
}

/// What the device keeps in its flash.
pub struct Flash<'f, F: NorFlash, const SESSIONS: usize, const BYTES: usize> {
    copies: Mutex<NoopRawMutex, Copies<Part<'f, F>>>,
    store: FlashStore<Part<'f, F>, SESSIONS, BYTES>,
}

impl<'f, F: NorFlash, const SESSIONS: usize, const BYTES: usize> Flash<'f, F, SESSIONS, BYTES> {
    /// In this part of the flash: whole pages, two more than the store needs. The rest is others', a program's for
    /// instance. Nothing is read yet.
    ///
    /// # Panics
    /// If they are not whole pages.
    #[must_use]
    pub const fn new(flash: &'f Shared<F>, part: Range<u32>) -> Self {
        let (page, size) = (F::ERASE_SIZE as u32, part.end.saturating_sub(part.start));
        assert!(part.start.is_multiple_of(page), "the part begins with a page");
        assert!(size.is_multiple_of(page), "whole pages");
        let copies = Mutex::new(Copies::new(Part { flash, start: part.start, size: 2 * page }));
        let sessions = Part { flash, start: part.start + 2 * page, size: size.saturating_sub(2 * page) };
        Self { copies, store: FlashStore::new(sessions) }
    }

    /// Where the sessions and the time are kept.
    pub const fn store(&self) -> &FlashStore<Part<'f, F>, SESSIONS, BYTES> {
        &self.store
    }

    /// Whether the device's data was made, and the store is the device's. Otherwise nothing may be written into the store:
    /// a first boot would not be known as one, or something else would be overwritten.
    pub async fn has_booted(&self) -> bool {
        let mut copies = self.copies.lock().await;
        // the log first, as below
        matches!(self.store.contents().await, Ok(Contents::Blank | Contents::Ours))
            && matches!(copies.read().await, Ok(Held::Data(_)))
    }

    /// The device's data; on first boot it is made and kept. To be called before anything else is written, the time too: it
    /// is the first boot if nothing is there, or what a power cut left of a first boot.
    pub async fn boot<R: TryCryptoRng>(&self, rng: &mut R) -> Result<Data, CannotBoot> {
        let mut copies = self.copies.lock().await;
        // the log first: a part that is too small for it may be too small for the copies
        let (log, held) = (self.store.contents().await?, copies.read().await?);
        match (held, log) {
            (Held::Foreign, _) | (_, Contents::Foreign) => Err(CannotBoot::Foreign),
            (Held::Data(data), _) => Ok(data),
            (Held::Nothing, Contents::Blank) => {
                let (mut key, mut salt) = ([0; 32], [0; 16]);
                let drawn = rng.try_fill_bytes(&mut key).and_then(|()| rng.try_fill_bytes(&mut salt));
                drawn.map_err(|_| CannotBoot::NoRandomness)?;
                let data = Data::new(key, salt);
                copies.keep(&data).await?;
                Ok(data)
            }
            (Held::Nothing | Held::Corrupt, _) => Err(CannotBoot::Corrupt),
        }
    }
}

impl<F: NorFlash, const SESSIONS: usize, const BYTES: usize> Keeper for &Flash<'_, F, SESSIONS, BYTES> {
    async fn keep(&self, data: &Data) -> Result<(), NotKept> {
        self.copies.lock().await.keep(data).await.map_err(|_| NotKept)
    }

    async fn wear(&self, erases: &mut [u32]) -> Option<Usage> {
        self.store.wear(erases).await.ok()
    }
}

/// Why there is no data to begin with. In none of these cases may the device act as if it had never been used: whoever
/// damages it could choose the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CannotBoot {
    /// The flash does not answer, or is too small.
    Flash(FlashError),
    /// The flash holds something else, such as a program into which the part reaches by mistake, or was written by another
    /// version or for other pages.
    Foreign,
    /// The device was used before, and both copies of its data are damaged; or a program ends in their place.
    Corrupt,
    /// Another task holds the flash.
    Held,
    /// This is the first boot, and there are no random numbers yet (EM4): wait for them and try again.
    NoRandomness,
}

impl From<FlashError> for CannotBoot {
    fn from(error: FlashError) -> Self {
        Self::Flash(error)
    }
}

impl fmt::Display for CannotBoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(why) => why.fmt(f),
            Self::Foreign => {
                f.write_str("the flash holds a program or something else, or what another version or page size wrote")
            }
            Self::Corrupt => {
                f.write_str("the device's data in the flash is truncated or corrupt, or a program is in its place")
            }
            Self::Held => f.write_str("another task holds the flash"),
            Self::NoRandomness => f.write_str("there are no random numbers yet for the device's key"),
        }
    }
}

impl core::error::Error for CannotBoot {}
