//! The log in flash and the tables in RAM, synchronized.

use crate::error::FlashError;
use crate::log::{Contents, Log};
use crate::log_entry::{FoundEntry, LogEntry, kind};
use crate::persisted_time::PersistedTime;
use crate::session_table::{Millis, SessionTable, Slot};
use embedded_storage_async::nor_flash::{NorFlash, NorFlashErrorKind};
use session_core::environment::Time;
use session_core::record::Stamp;
use session_core::store::{Found, Handle};

/// Bytes of a time in a record.
pub(crate) const TIME_LEN: usize = 6;

/// How many items an application has.
pub(crate) const ITEMS: usize = 4;

/// The flash gives other bytes than were written.
const NONSENSE: FlashError = FlashError::Flash(NorFlashErrorKind::Other);

/// An item of the application: where its entry begins (0 = none), and its length.
#[derive(Clone, Copy)]
pub(crate) struct Item {
    pub(crate) at: u32,
    pub(crate) len: u16,
}

/// How full the flash is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Usage {
    /// The number of pages in the ring.
    pub pages: u32,
    /// The size of all pages in bytes.
    pub size: u32,
    /// The bytes of current sessions and items.
    pub live: u32,
    /// The bytes of the newest page that are still erased.
    pub rest: u32,
}

/// The whole state of a store, behind its lock.
pub(crate) struct State<F, const SESSIONS: usize, const BYTES: usize> {
    pub(crate) log: Log<F>,
    pub(crate) table: SessionTable<SESSIONS>,
    pub(crate) items: [Item; ITEMS],
    pub(crate) epoch: u64,
    pub(crate) time: Option<PersistedTime>,
    /// The content of the flash, if RAM agrees with it. It does not at first, nor during a write: if the write fails or
    /// its future is dropped, the next operation reads the log again.
    pub(crate) in_step: Option<Contents>,
    /// Whether a log was ever read.
    ours: bool,
    pub(crate) touch_interval: u32,
}

impl<F: NorFlash, const SESSIONS: usize, const BYTES: usize> State<F, SESSIONS, BYTES> {
    pub(crate) const fn new(flash: F) -> Self {
        const { assert!(BYTES < 65_000, "a session of a FlashStore has less than 65,000 bytes") }
        Self {
            log: Log::new(flash),
            table: SessionTable([const { Slot::FREE }; SESSIONS]),
            items: [const { Item { at: 0, len: 0 } }; ITEMS],
            epoch: 0,
            time: None,
            in_step: None,
            ours: false,
            touch_interval: 60_000,
        }
    }

    /// Reads the log if RAM and flash are not synchronized.
    pub(crate) async fn mount(&mut self) -> Result<Contents, FlashError> {
        if let Some(contents) = self.in_step {
            self.ours |= contents == Contents::Ours;
            return Ok(contents);
        }
        let (need, have) = (Self::flash_needed(), self.log.pages() * F::ERASE_SIZE as u32);
        if have < need {
            return Err(FlashError::TooSmall { need, have });
        }
        let contents = self.log.find().await?;
        if self.ours && contents != Contents::Ours {
            // a log does not vanish, so it must not be started anew because the flash returns other bytes
            return Err(NONSENSE);
        }
        self.table.forget_places();
        self.items = [Item { at: 0, len: 0 }; ITEMS];
        (self.epoch, self.time) = (0, None);
        if contents == Contents::Ours {
            let mut buffer = [0; BYTES];
            for number in self.log.numbers() {
                if !self.log.holds(number).await? {
                    continue;
                }
                let mut cursor = self.log.cursor(number);
                while let Some(found) = self.log.next(&mut cursor, &mut buffer).await? {
                    self.apply(&found, &buffer);
                }
                self.log.go_on(&cursor);
            }
        }
        self.table.drop_unfound();
        self.in_step = Some(contents);
        Ok(contents)
    }

    /// Returns the size of the smallest flash of which all sessions and items, at their largest, take half.
    fn flash_needed() -> u32 {
        let largest = Log::<F>::size(kind::REPLACING, BYTES);
        let live = u32::try_from(SESSIONS + ITEMS).unwrap_or(u32::MAX).saturating_mul(largest);
        // the last entry of a page may not fit
        let page = Log::<F>::payload().saturating_sub(largest).max(1);
        let needed = if Log::<F>::payload() < 2 * largest { u32::MAX } else { live.saturating_mul(2).div_ceil(page) };
        needed.saturating_add(1).max(2).saturating_mul(F::ERASE_SIZE as u32)
    }

    /// Applies an entry of the log to RAM.
    fn apply(&mut self, found: &FoundEntry, payload: &[u8]) {
        let (entry, handle) = (&found.entry, Handle::from_bytes(found.entry.name));
        let whole = payload.get(..found.len);
        match entry.kind {
            kind::RECORD | kind::REPLACING => {
                if entry.kind == kind::REPLACING {
                    self.table.remove(&Handle::from_bytes(entry.gone));
                }
                match whole {
                    Some(record) => self.table.found(found, record),
                    // written by a program with larger places
                    None => self.table.remove(&handle),
                }
            }
            kind::TOUCH => {
                let seen = whole.and_then(|bytes| bytes.first_chunk::<TIME_LEN>());
                if let (Some([a, b, c, d, e, f]), Some(slot)) = (seen, self.table.get_mut(&handle)) {
                    let seen = u64::from_le_bytes([*a, *b, *c, *d, *e, *f, 0, 0]);
                    slot.saw(Time::from_millis(seen));
                    slot.persisted = Millis::new(slot.persisted.get().max(seen));
                }
            }
            kind::LISTED => {
                if let Some(slot) = self.table.get_mut(&handle) {
                    slot.order = entry.number;
                }
            }
            kind::DELETE => self.table.remove(&handle),
            kind::END_ALL => {
                self.table.0 = [Slot::FREE; SESSIONS];
                // an earlier log has none there
                self.epoch = self.epoch.max(u64::from_le_bytes(entry.name));
            }
            kind::EPOCH => self.epoch = u64::from_le_bytes(entry.name),
            kind::TIME => self.time = whole.map(|payload| PersistedTime::parse(entry.name, payload)),
            kind::ITEM => {
                if let Some(item) = self.items.get_mut(entry.number as usize) {
                    *item = Item { at: found.at, len: found.len as u16 };
                }
            }
            _ => {}
        }
    }

    /// Writes an entry and returns its place. The caller then updates RAM.
    pub(crate) async fn append(&mut self, entry: &LogEntry, payload: &[&[u8]], now: Time) -> Result<u32, FlashError> {
        self.in_step = None;
        let size = Log::<F>::size(entry.kind, payload.iter().map(|part| part.len()).sum());
        for _ in 0..=self.log.pages() {
            if self.log.has_room(size) {
                return self.log.write(entry, payload).await;
            }
            self.next_page(now).await?;
        }
        let size = self.log.pages() * F::ERASE_SIZE as u32;
        Err(FlashError::TooSmall { need: size.saturating_add(1), have: size })
    }

    /// Writes an entry and applies it to RAM.
    pub(crate) async fn put(&mut self, entry: LogEntry, payload: &[u8], now: Time) -> Result<(), FlashError> {
        let at = self.append(&entry, &[payload], now).await?;
        self.apply(&FoundEntry { entry, at, len: payload.len() }, payload);
        self.in_step = Some(Contents::Ours);
        Ok(())
    }

    /// Opens another page and moves the valid entries of the oldest one into it.
    async fn next_page(&mut self, now: Time) -> Result<(), FlashError> {
        let oldest = self.log.begin().await?;
        let mut buffer = [0; BYTES];
        for place in 0..SESSIONS {
            let Some(slot) = self.table.0.get(place).filter(|slot| slot.used && self.log.page_of(slot.at) == oldest)
            else {
                continue;
            };
            // the oldest page was never fuller than this one gets, unless the log is corrupt
            let room = self.log.has_room(Log::<F>::size(kind::RECORD, usize::from(slot.len)));
            let (mut moved, stays) = (*slot, slot.live(now) && room);
            let found = if stays { self.read(moved.at, &mut buffer).await? } else { None };
            if let Some(record) = found.and_then(|found| buffer.get_mut(..found.len)) {
                Stamp::touch(record, moved.seen());
                let entry =
                    LogEntry { kind: kind::RECORD, name: *moved.handle.as_bytes(), number: moved.order, gone: [0; 8] };
                moved.at = self.log.write(&entry, &[record]).await?;
                moved.persisted = Millis::new(moved.seen().millis());
            } else {
                // expired or corrupt
                moved = Slot::FREE;
            }
            if let Some(slot) = self.table.0.get_mut(place) {
                *slot = moved;
            }
        }
        for number in 0..ITEMS {
            let Some(item) = self.items.get(number).filter(|item| item.at != 0 && self.log.page_of(item.at) == oldest)
            else {
                continue;
            };
            let (at, mut moved) = (item.at, Item { at: 0, len: item.len });
            let room = self.log.has_room(Log::<F>::size(kind::ITEM, usize::from(item.len)));
            if let Some(found) = self.read(at, &mut buffer).await?.filter(|_| room) {
                let bytes = buffer.get(..found.len).unwrap_or_default();
                moved.at = self.log.write(&found.entry, &[bytes]).await?;
            }
            if let Some(item) = self.items.get_mut(number) {
                *item = moved;
            }
        }
        self.log.open(self.epoch, self.time).await
    }

    pub(crate) fn usage(&self) -> Usage {
        let sessions = self.table.0.iter().filter(|slot| slot.used);
        let sessions: u32 = sessions.map(|slot| Log::<F>::size(kind::RECORD, usize::from(slot.len))).sum();
        let items = self.items.iter().filter(|item| item.at != 0);
        let items: u32 = items.map(|item| Log::<F>::size(kind::ITEM, usize::from(item.len))).sum();
        let pages = self.log.pages();
        Usage { pages, size: pages * F::ERASE_SIZE as u32, live: sessions + items, rest: self.log.rest() }
    }

    /// Reads an entry, and retries once. Returns `None` if the entry is corrupt in a page that is not. If the page is
    /// corrupt as well, the flash gives other bytes than were written, which is an error.
    pub(crate) async fn read(&mut self, at: u32, into: &mut [u8]) -> Result<Option<FoundEntry>, FlashError> {
        for _ in 0..2 {
            let found = self.log.read(at, into).await?;
            if found.is_some() {
                return Ok(found);
            }
            if !self.log.holds(self.log.page_of(at)).await? {
                self.in_step = None;
                return Err(NONSENSE);
            }
        }
        Ok(None)
    }

    /// Reads the record of a slot. `Err(size)`: `into` is too small. `None`: the record is corrupt.
    pub(crate) async fn fetch(
        &mut self,
        slot: &Slot,
        into: &mut [u8],
    ) -> Result<Option<Result<Found, usize>>, FlashError> {
        let len = usize::from(slot.len);
        let Some(place) = into.get_mut(..len) else { return Ok(Some(Err(len))) };
        let found = self.read(slot.at, place).await?;
        if found.is_some_and(|found| found.len == len && found.entry.name == *slot.handle.as_bytes()) {
            Stamp::touch(place, slot.seen());
            return Ok(Some(Ok(Found { len, version: slot.stamp().version })));
        }
        self.table.remove(&slot.handle);
        Ok(None)
    }
}
