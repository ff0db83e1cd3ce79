//! What lies in flash: a log over a ring of pages.
//!
//! ```text
//! page   header | entry | entry | ... | erased        (for entries see log_entry.rs)
//! header "SESS" | format 1 | word size u8 | pages u16 | page size u32 | number u32 | erases u32 | crc u32 | ff...
//! ```
//! Pages have numbers that only grow; number `n` lies at place `n` modulo the pages, so that all wear alike. One page
//! is always free. When the newest is full, the free one is erased and begun, what still counts in the oldest is copied
//! into it, and an entry `OPENED` makes it count and the oldest free, in one. A page without that entry is as good as
//! free, so a power cut before it changes nothing; what lies in a page below the newest's floor never counts again,
//! even if a later erase of it is torn.
//!
//! An entry counts if its checksum is right. Its length is written before its body, by itself, and its complement shows
//! whether it was written to its end; so after a power cut there is a torn length or a torn body, and where the next
//! entry begins is known in either case. Nothing in a body is ever mistaken for an entry. No word is written twice.

use crate::bytes::{self, PIECE, Window, checksum};
use crate::error::FlashError;
use crate::log_entry::{CRC, FoundEntry, LogEntry, MAX_HEAD, kind, length, length_bytes};
use crate::persisted_time::PersistedTime;
use embedded_storage_async::nor_flash::NorFlash;

const MAGIC: [u8; 4] = *b"SESS";
const FORMAT: u8 = 1;
const HEADER: usize = 24;
/// The last number of a page. No flash endures so many erases.
const LAST: u32 = u32::MAX / 2;

/// The contents of a flash before the store's first write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Contents {
    /// Nothing was ever written, or power was lost while the first page was opened.
    Blank,
    /// A log of this version and geometry.
    Ours,
    /// Other data: a log of another version or geometry, or data of another program. The first write begins to erase
    /// it.
    Foreign,
}

pub(crate) struct Log<F> {
    pub(crate) flash: F,
    /// Number of the newest page; 0 before the first.
    newest: u32,
    /// No page below is valid.
    floor: u32,
    /// The place of the next entry.
    tail: u32,
    /// Bytes at the end of the newest page that stay erased. Its opening did not use them, but the opening of the page
    /// into which all of this is moved may.
    spare: u32,
}

impl<F: NorFlash> Log<F> {
    /// The size of an entry's length. All places are multiples of it.
    pub(crate) const UNIT: usize = if F::WRITE_SIZE < 4 { 4 } else { F::WRITE_SIZE };

    pub(crate) const fn new(flash: F) -> Self {
        const {
            assert!(PIECE.is_multiple_of(F::WRITE_SIZE), "a word of the flash is 1, 2, 4, ... or 64 bytes");
            assert!(PIECE.is_multiple_of(F::READ_SIZE), "reads of 64 bytes must be possible");
            assert!(F::ERASE_SIZE.is_multiple_of(PIECE), "a page of the flash is a multiple of 64 bytes");
            assert!(F::ERASE_SIZE <= 1 << 24, "a page of the flash is at most 16 MB");
        }
        Self { flash, newest: 0, floor: 1, tail: 0, spare: 0 }
    }

    pub(crate) fn pages(&self) -> u32 {
        (self.flash.capacity() / F::ERASE_SIZE).min(usize::from(u16::MAX)) as u32
    }

    /// Returns the bytes that an entry takes.
    pub(crate) const fn size(kind: u8, payload: usize) -> u32 {
        (Self::UNIT + (LogEntry::head(kind) + payload + CRC).next_multiple_of(Self::UNIT)) as u32
    }

    /// Returns the most bytes that the opening of a page takes.
    const fn opening() -> u32 {
        Self::size(kind::EPOCH, 0) + Self::size(kind::TIME, PersistedTime::OFFSET_LEN) + Self::size(kind::OPENED, 0)
    }

    /// Returns the bytes of a page for all other entries.
    pub(crate) const fn payload() -> u32 {
        (F::ERASE_SIZE as u32).saturating_sub(HEADER.next_multiple_of(Self::UNIT) as u32 + Self::opening())
    }

    const fn start(&self, place: u32) -> u32 {
        place * F::ERASE_SIZE as u32
    }

    /// Returns the number of the page that an entry lies in, if that page counts.
    pub(crate) fn page_of(&self, at: u32) -> u32 {
        let pages = self.pages().max(1);
        let behind = (self.newest % pages + pages - at / F::ERASE_SIZE as u32 % pages) % pages;
        self.newest.saturating_sub(behind)
    }

    // ---- reading ---------------------------------------------------------------------------------------------------

    /// Returns the number and the erases of the page at `place`. `Err` says whether it is blank.
    async fn header(&mut self, place: u32) -> Result<Result<(u32, u32), bool>, FlashError> {
        let (at, mut window) = (self.start(place), Window::new());
        let bytes = window.at(&mut self.flash, at).await?.first_chunk().unwrap_or(&[0; HEADER]);
        let fields = |bytes: &[u8; HEADER]| {
            let (rest, crc) = bytes.split_last_chunk::<CRC>()?;
            let (rest, erases) = rest.split_last_chunk::<4>()?;
            let (rest, number) = rest.split_last_chunk::<4>()?;
            let number = u32::from_le_bytes(*number);
            let mut sum = checksum(number, at);
            sum.update(rest);
            sum.update(&number.to_le_bytes());
            sum.update(erases);
            let genuine = u32::from_le_bytes(*crc) == sum.finalize() && *rest == self.identity();
            let known = (1..=LAST).contains(&number) && number % self.pages().max(1) == place;
            (genuine && known).then_some((number, u32::from_le_bytes(*erases)))
        };
        Ok(fields(bytes).ok_or_else(|| bytes.iter().all(|byte| *byte == 0xff)))
    }

    fn identity(&self) -> [u8; 12] {
        let [s, e, t, u] = MAGIC;
        let [p, q] = (self.pages() as u16).to_le_bytes();
        let [a, b, c, d] = (F::ERASE_SIZE as u32).to_le_bytes();
        [s, e, t, u, FORMAT, F::WRITE_SIZE as u8, p, q, a, b, c, d]
    }

    /// Finds the newest page that counts. The caller then reads all of [`Self::numbers`].
    pub(crate) async fn find(&mut self) -> Result<Contents, FlashError> {
        (self.newest, self.floor, self.tail) = (0, 1, 0);
        let mut below = LAST + 1;
        loop {
            let mut newest = 0;
            for place in 0..self.pages() {
                if let Some((number, _)) = self.header(place).await?.ok().filter(|(number, _)| *number < below) {
                    newest = newest.max(number);
                }
            }
            if newest == 0 {
                return Ok(if self.is_blank().await? { Contents::Blank } else { Contents::Foreign });
            }
            self.newest = newest;
            let (mut cursor, mut opening) = (self.cursor(newest), 0);
            while let Some(found) = self.next(&mut cursor, &mut []).await? {
                if [kind::EPOCH, kind::TIME, kind::OPENED].contains(&found.entry.kind) {
                    opening += Self::size(found.entry.kind, found.len);
                }
                if found.entry.kind == kind::OPENED {
                    self.spare = Self::opening().saturating_sub(opening);
                    let oldest = (newest + 2).saturating_sub(self.pages()).max(1);
                    self.floor = found.entry.number.clamp(oldest, newest);
                    return Ok(Contents::Ours);
                }
            }
            // the power was cut while it was being opened
            self.newest = 0;
            below = newest;
        }
    }

    /// Returns whether the flash holds nothing but the opening of the first page, torn or whole. Reads all of the
    /// flash: another geometry's log may begin where this one's pages have no header.
    async fn is_blank(&mut self) -> Result<bool, FlashError> {
        let mut first = self.cursor(1);
        let opening = first.at + Self::size(kind::EPOCH, 0) + Self::size(kind::OPENED, 0);
        while self.next(&mut first, &mut []).await?.is_some() {}
        let page = F::ERASE_SIZE as u32;
        let mut piece = [0; PIECE];
        for at in (0..self.start(self.pages())).step_by(PIECE).filter(|at| at / page + 1 != first.end / page) {
            self.flash.read(at, &mut piece).await.map_err(FlashError::of)?;
            if piece.iter().any(|byte| *byte != 0xff) {
                return Ok(false);
            }
        }
        Ok(first.used <= opening)
    }

    /// Returns the numbers of the pages that count, in the order in which they were written.
    pub(crate) fn numbers(&self) -> core::ops::RangeInclusive<u32> {
        self.floor..=self.newest
    }

    /// Returns whether the page of this number is there and not corrupt.
    pub(crate) async fn holds(&mut self, number: u32) -> Result<bool, FlashError> {
        let there = self.header(number % self.pages().max(1)).await?;
        Ok(there.is_ok_and(|(there, _)| there == number))
    }

    pub(crate) fn cursor(&self, number: u32) -> Cursor {
        let start = self.start(number % self.pages().max(1));
        let at = start + HEADER.next_multiple_of(Self::UNIT) as u32;
        Cursor { window: Window::new(), number, at, used: at, end: start + F::ERASE_SIZE as u32 }
    }

    /// Returns the next entry that counts, and copies its payload to `into` as far as there is room.
    pub(crate) async fn next(
        &mut self,
        cursor: &mut Cursor,
        into: &mut [u8],
    ) -> Result<Option<FoundEntry>, FlashError> {
        let unit = Self::UNIT as u32;
        while cursor.at + unit <= cursor.end {
            let at = cursor.at;
            let piece = cursor.window.at(&mut self.flash, at).await?;
            let bytes = piece.get(..Self::UNIT).unwrap_or_default();
            let Some(body) = length(bytes).filter(|body| at + unit + padded::<F>(*body) <= cursor.end) else {
                cursor.at += unit;
                if bytes.iter().any(|byte| *byte != 0xff) {
                    cursor.used = cursor.at;
                }
                continue;
            };
            cursor.at += unit + padded::<F>(body);
            cursor.used = cursor.at;
            if let Some(found) = self.body(cursor, at, body, into).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    async fn body(
        &mut self,
        cursor: &mut Cursor,
        at: u32,
        body: usize,
        into: &mut [u8],
    ) -> Result<Option<FoundEntry>, FlashError> {
        let (start, mut crc) = (at + Self::UNIT as u32, checksum(cursor.number, at));
        let (mut head, mut sum) = ([0; MAX_HEAD], [0; CRC]);
        let (mut done, end) = (0, body.saturating_sub(CRC));
        while done < body {
            let piece = cursor.window.at(&mut self.flash, start + done as u32).await?;
            for byte in piece.iter().take(body - done) {
                head.get_mut(done).into_iter().for_each(|place| *place = *byte);
                let [kind, ..] = head;
                if done >= end {
                    sum.get_mut(done - end).into_iter().for_each(|place| *place = *byte);
                } else {
                    crc.update(&[*byte]);
                    let place = done.checked_sub(LogEntry::head(kind)).and_then(|place| into.get_mut(place));
                    place.into_iter().for_each(|place| *place = *byte);
                }
                done += 1;
            }
        }
        let entry = LogEntry::parse(head);
        let len = end.checked_sub(LogEntry::head(entry.kind));
        let genuine = sum == crc.finalize().to_le_bytes();
        Ok(len.filter(|_| genuine).map(|len| FoundEntry { entry, at, len }))
    }

    /// Reads the entry at `at` again.
    pub(crate) async fn read(&mut self, at: u32, into: &mut [u8]) -> Result<Option<FoundEntry>, FlashError> {
        let number = self.page_of(at);
        let mut cursor = self.cursor(number);
        cursor.at = at;
        Ok(self.next(&mut cursor, into).await?.filter(|found| found.at == at))
    }

    /// Continues the log behind the cursor, which has read all of the newest page.
    pub(crate) fn go_on(&mut self, cursor: &Cursor) {
        self.tail = cursor.used;
    }

    // ---- writing ---------------------------------------------------------------------------------------------------

    pub(crate) fn has_room(&self, size: u32) -> bool {
        let start = self.start(self.newest % self.pages().max(1));
        self.newest > 0 && self.tail.saturating_add(size + self.spare) <= start + F::ERASE_SIZE as u32
    }

    /// Writes an entry, for which there is room, and returns its place.
    pub(crate) async fn write(&mut self, entry: &LogEntry, payload: &[&[u8]]) -> Result<u32, FlashError> {
        let len: usize = payload.iter().map(|part| part.len()).sum();
        let (at, head) = (self.tail, LogEntry::head(entry.kind));
        // at once, so that nothing is written twice if this future is dropped
        self.tail += Self::size(entry.kind, len);
        let mut unit = [0xff; PIECE];
        if let Some(place) = unit.first_chunk_mut() {
            *place = length_bytes(head + len + CRC);
        }
        let unit = unit.get(..Self::UNIT).unwrap_or_default();
        self.flash.write(at, unit).await.map_err(FlashError::of)?;
        let (sum, bytes) = (checksum(self.newest, at), entry.bytes());
        let head = bytes.get(..head).unwrap_or_default();
        bytes::write(&mut self.flash, at + Self::UNIT as u32, sum, head, payload).await?;
        Ok(at)
    }

    /// Begins the free page, and returns the number of the oldest one. The caller copies what counts there, and then
    /// calls [`Self::open`].
    pub(crate) async fn begin(&mut self) -> Result<u32, FlashError> {
        let number = self.newest + 1;
        let place = number % self.pages().max(1);
        let start = self.start(place);
        let erases = match self.header(place).await? {
            Ok((_, erases)) => erases,
            Err(true) => 0,
            // a torn header lost its count, which is similar to those of the others
            Err(false) => self.header(self.newest % self.pages().max(1)).await?.map_or(0, |(_, erases)| erases),
        };
        let erases = erases.saturating_add(1);
        self.flash.erase(start, start + F::ERASE_SIZE as u32).await.map_err(FlashError::of)?;
        let identity = self.identity();
        let numbers: [&[u8]; 2] = [&number.to_le_bytes(), &erases.to_le_bytes()];
        bytes::write(&mut self.flash, start, checksum(number, start), &identity, &numbers).await?;
        self.newest = number;
        (self.tail, self.spare) = (self.cursor(number).at, Self::opening());
        Ok((number + 1).saturating_sub(self.pages()))
    }

    /// Makes the page count that was begun.
    pub(crate) async fn open(&mut self, epoch: u64, time: Option<PersistedTime>) -> Result<(), FlashError> {
        let begin = self.tail;
        self.write(&LogEntry { kind: kind::EPOCH, name: epoch.to_le_bytes(), ..LogEntry::default() }, &[]).await?;
        if let Some(time) = time {
            let (name, offset) = time.bytes();
            let entry = LogEntry { kind: kind::TIME, name, ..LogEntry::default() };
            self.write(&entry, &[offset.as_ref().map_or(&[], |offset| &offset[..])]).await?;
        }
        let oldest = (self.newest + 2).saturating_sub(self.pages());
        self.floor = self.floor.max(oldest);
        self.write(&LogEntry { kind: kind::OPENED, number: self.floor, ..LogEntry::default() }, &[]).await?;
        self.spare = Self::opening().saturating_sub(self.tail - begin);
        Ok(())
    }

    /// Returns in `into` how often each page was erased; 0 for a page that was never begun.
    pub(crate) async fn erases(&mut self, into: &mut [u32]) -> Result<(), FlashError> {
        for (place, count) in (0..self.pages()).zip(into) {
            *count = self.header(place).await?.map_or(0, |(_, erases)| erases);
        }
        Ok(())
    }

    /// Returns how many bytes of the newest page are still erased.
    pub(crate) fn rest(&self) -> u32 {
        let start = self.start(self.newest % self.pages().max(1));
        if self.newest == 0 { 0 } else { (start + F::ERASE_SIZE as u32).saturating_sub(self.tail) }
    }
}

/// A place in a page, from one entry to the next.
pub(crate) struct Cursor {
    window: Window,
    number: u32,
    at: u32,
    /// The end of what was written.
    used: u32,
    end: u32,
}

fn padded<F: NorFlash>(body: usize) -> u32 {
    body.next_multiple_of(Log::<F>::UNIT) as u32
}
