//! The device's data in a flash, twice: a power cut and a page that decays take one copy at most.
//!
//! ```text
//! page  seal 64 | after 64 | data ... | erased
//! seal  "DEVI" | format u8 | word size u8 | length u16 | page size u32 | number u32 | check 8 | ff...
//! after 00 00 00 00 ... | ff...
//! ```
//! The data is written first, then the seal, with which the copy counts, then what comes after it: whose `after` is erased
//! and has no seal was never whole. The copy of the higher number is the newer one; both are written at each change, so
//! that nothing old is left to come back.

use embedded_storage_async::nor_flash::{NorFlash, NorFlashError};
use session_core::hash::sha256;
use session_store_flash::FlashError;

use crate::data::Data;

/// No smaller than any flash's word.
const PIECE: usize = 64;
const BODY: usize = 2 * PIECE;
const MAGIC: [u8; 4] = *b"DEVI";

/// Both copies, one in each page of `flash`, which has two.
pub(crate) struct Copies<F> {
    flash: F,
    /// The page of the newest that counts, and its number.
    newest: Option<(u32, u32)>,
}

/// What the two pages hold together.
#[allow(clippy::large_enum_variant)] // there is no heap to put the data on
pub(crate) enum Held {
    Data(Data),
    /// Nothing was ever whole here.
    Nothing,
    /// Another version, or other pages.
    Foreign,
    Corrupt,
}

/// What one page holds.
#[allow(clippy::large_enum_variant)] // as above
enum Page {
    Whole { number: u32, data: Data },
    Nothing,
    Foreign,
    Corrupt,
}

impl Page {
    const fn number(&self) -> Option<u32> {
        match self {
            Self::Whole { number, .. } => Some(*number),
            _ => None,
        }
    }
}

impl<F: NorFlash> Copies<F> {
    pub(crate) const fn new(flash: F) -> Self {
        const {
            assert!(
                PIECE.is_multiple_of(F::WRITE_SIZE) && PIECE.is_multiple_of(F::READ_SIZE),
                "words of 1 to 64 bytes"
            );
            assert!(Data::LEN.is_multiple_of(PIECE) && F::ERASE_SIZE >= BODY + Data::LEN, "pages of 512 bytes");
        }
        Self { flash, newest: None }
    }

    /// Reads both and makes both the newer one.
    pub(crate) async fn read(&mut self) -> Result<Held, FlashError> {
        let (first, second) = (self.page(0).await?, self.page(1).await?);
        let (page, number, data, other) = match (first, second) {
            (Page::Whole { number, data }, other) if other.number() <= Some(number) => (0, number, data, other),
            (other, Page::Whole { number, data }) => (1, number, data, other),
            (Page::Foreign, _) | (_, Page::Foreign) => return Ok(Held::Foreign),
            (Page::Nothing, Page::Nothing) => return Ok(Held::Nothing),
            _ => return Ok(Held::Corrupt),
        };
        self.newest = Some((page, number));
        if other.number() != Some(number) {
            self.write(1 - page, number, &data).await?;
        }
        Ok(Held::Data(data))
    }

    /// Replaces both; until one is whole the other stays. If this fails or is dropped, either may count.
    pub(crate) async fn keep(&mut self, data: &Data) -> Result<(), FlashError> {
        if self.newest.is_none() {
            self.read().await?;
        }
        let (newest, number) = self.newest.unwrap_or((1, 0));
        for page in [1 - newest, newest] {
            self.write(page, number.wrapping_add(1), data).await?;
            self.newest = Some((page, number.wrapping_add(1)));
        }
        Ok(())
    }

    async fn page(&mut self, page: u32) -> Result<Page, FlashError> {
        let mut bytes = [0; BODY + Data::LEN];
        self.flash.read(page * F::ERASE_SIZE as u32, &mut bytes).await.map_err(of)?;
        Ok(look(&bytes, F::WRITE_SIZE as u8, F::ERASE_SIZE as u32))
    }

    async fn write(&mut self, page: u32, number: u32, data: &Data) -> Result<(), FlashError> {
        let data = data.encode();
        let seal = seal(&data, F::WRITE_SIZE as u8, F::ERASE_SIZE as u32, number);
        let mut body = [0xff; Data::LEN];
        body.iter_mut().zip(&data).for_each(|(place, byte)| *place = *byte);
        let at = page * F::ERASE_SIZE as u32;
        self.flash.erase(at, at + F::ERASE_SIZE as u32).await.map_err(of)?;
        let pieces: [(usize, &[u8]); 3] = [(BODY, &body), (0, &seal), (PIECE, &[0; PIECE])];
        for (place, bytes) in pieces {
            self.flash.write(at + place as u32, bytes).await.map_err(of)?;
        }
        Ok(())
    }
}

/// What these bytes of a page are, in a flash with such words and pages.
fn look(bytes: &[u8; BODY + Data::LEN], word: u8, size: u32) -> Page {
    let (head, body) = bytes.split_at(BODY);
    let (seal, after) = head.split_at(PIECE);
    let [m, a, g, i, format, word_there, low, high, p, q, r, s, number @ .., _, _, _, _, _, _, _, _] =
        *seal.first_chunk::<24>().unwrap_or(&[0; 24]);
    let body = body.get(..u16::from_le_bytes([low, high]).into());
    let genuine = [m, a, g, i] == MAGIC && body.is_some_and(|body| seal.get(16..24) == Some(&check(seal, body)));
    let ours = format == Data::FORMAT && word_there == word && u32::from_le_bytes([p, q, r, s]) == size;
    match (genuine, ours, body.and_then(Data::decode)) {
        (true, true, Some(data)) => Page::Whole { number: u32::from_le_bytes(number), data },
        (true, _, _) => Page::Foreign,
        _ if after.iter().all(|byte| *byte == 0xff) => Page::Nothing,
        _ => Page::Corrupt,
    }
}

/// What makes these bytes of data count.
fn seal(data: &[u8], word: u8, size: u32, number: u32) -> [u8; PIECE] {
    let mut seal = [0xff; PIECE];
    let [low, high] = (data.len() as u16).to_le_bytes();
    let fields = [&MAGIC[..], &[Data::FORMAT, word, low, high], &size.to_le_bytes(), &number.to_le_bytes()];
    seal.iter_mut().zip(fields.into_iter().flatten()).for_each(|(place, byte)| *place = *byte);
    let sum = check(&seal, data);
    seal.iter_mut().skip(16).zip(sum).for_each(|(place, byte)| *place = byte);
    seal
}

fn of(error: impl NorFlashError) -> FlashError {
    FlashError::Flash(error.kind())
}

/// Over the seal's fields and the data.
fn check(seal: &[u8], body: &[u8]) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = sha256(&[seal.get(..16).unwrap_or_default(), body]);
    [a, b, c, d, e, f, g, h]
}
