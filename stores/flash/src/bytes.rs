//! Reads and writes pieces of at most 64 bytes, for any word size of the flash, and computes a checksum.

use crate::error::FlashError;
use crc::{CRC_32_ISO_HDLC, Crc, Digest, NoTable};
use embedded_storage_async::nor_flash::NorFlash;

/// Bytes of a piece: a page of common EEPROMs, and no smaller than any flash's word.
pub(crate) const PIECE: usize = 64;

static CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// A checksum that depends on the place and on the page's number, so that old or moved bytes are not accepted.
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

    /// The bytes at `at`, as far as the piece contains them.
    pub(crate) async fn at<F: NorFlash>(&mut self, flash: &mut F, at: u32) -> Result<&[u8], FlashError> {
        let skip = at as usize % PIECE;
        let start = at - skip as u32;
        if self.start != Some(start) {
            self.start = None;
            flash.read(start, &mut self.bytes).await.map_err(FlashError::of)?;
            self.start = Some(start);
        }
        Ok(self.bytes.get(skip..).unwrap_or_default())
    }
}

/// Writes all parts one after the other, then the checksum, and fills the last word; beginning at `at`, the start of a
/// word. Writes whole pieces, so that no word is written twice.
pub(crate) async fn write<F: NorFlash>(
    flash: &mut F,
    mut at: u32,
    mut crc: Digest<'static, u32, NoTable>,
    head: &[u8],
    payload: &[&[u8]],
) -> Result<(), FlashError> {
    let parts = [head].into_iter().chain(payload.iter().copied());
    parts.clone().for_each(|part| crc.update(part));
    let sum = crc.finalize().to_le_bytes();
    let mut bytes = parts.chain([&sum[..]]).flatten();
    loop {
        // the first piece ends where the flash's own pages may end
        let room = PIECE - at as usize % PIECE;
        let (mut piece, mut used) = ([0xff; PIECE], 0_usize);
        for (place, byte) in piece.iter_mut().take(room).zip(&mut bytes) {
            *place = *byte;
            used += 1;
        }
        let whole = piece.get(..used.next_multiple_of(F::WRITE_SIZE)).unwrap_or_default();
        if whole.is_empty() {
            return Ok(());
        }
        flash.write(at, whole).await.map_err(FlashError::of)?;
        at += whole.len() as u32;
    }
}
