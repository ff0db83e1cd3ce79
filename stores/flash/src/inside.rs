//! The log in flash and the table in RAM, in step.

use crate::error::FlashError;
use crate::kept::Kept;
use crate::log::{self, Contents, Entry, Log};
use crate::table::{Millis, Slot, Table, stamp};
use embedded_storage_async::nor_flash::{NorFlash, NorFlashErrorKind};
use session_core::environment::Time;
use session_core::record::{LAST_SEEN_AT, Stamp};
use session_core::store::{DeleteCondition, Found, Handle, Outcome, Version};

/// Bytes of a time in a record.
const TIME_LEN: usize = 6;

/// Items of the application's.
pub(crate) const ITEMS: usize = 4;

/// As if it did not answer.
const NONSENSE: FlashError = FlashError::Flash(NorFlashErrorKind::Other);

/// One of the application's things: where its entry begins (0 = none), and its length.
#[derive(Clone, Copy)]
pub(crate) struct Item {
    at: u32,
    len: u16,
}

/// How full the flash is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Pages in the ring.
    pub pages: u32,
    /// Bytes of all of them.
    pub size: u32,
    /// Bytes of sessions and items that count.
    pub live: u32,
    /// Bytes of the newest page that are still erased.
    pub rest: u32,
}

/// Everything, behind the lock.
pub(crate) struct Inside<F, const SESSIONS: usize, const BYTES: usize> {
    pub(crate) log: Log<F>,
    pub(crate) table: Table<SESSIONS>,
    pub(crate) items: [Item; ITEMS],
    pub(crate) epoch: u64,
    pub(crate) kept: Option<Kept>,
    /// Whether RAM says what flash says. Not at first, nor while something is being written: if that fails or its future
    /// is dropped, the next operation looks.
    pub(crate) in_step: Option<Contents>,
    /// Whether it ever did while there was a log.
    ours: bool,
    pub(crate) touch_every: u32,
}

impl<F: NorFlash, const SESSIONS: usize, const BYTES: usize> Inside<F, SESSIONS, BYTES> {
    pub(crate) const fn new(flash: F) -> Self {
        const { assert!(BYTES < 65_000, "a session of a FlashStore has less than 65,000 bytes") }
        Self {
            log: Log::new(flash),
            table: Table([const { Slot::FREE }; SESSIONS]),
            items: [const { Item { at: 0, len: 0 } }; ITEMS],
            epoch: 0,
            kept: None,
            in_step: None,
            ours: false,
            touch_every: 60_000,
        }
    }

    // ---- RAM and flash in step -----------------------------------------------------------------------------------------

    /// Reads the log, if that is necessary.
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
            // a log does not go away: it is not to be begun anew because the flash answers nonsense
            return Err(NONSENSE);
        }
        self.table.forget_places();
        self.items = [Item { at: 0, len: 0 }; ITEMS];
        (self.epoch, self.kept) = (0, None);
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

    /// The smallest flash in which all sessions and items at their largest are half of what counts.
    fn flash_needed() -> u32 {
        let largest = Log::<F>::size(log::REPLACING, BYTES);
        let live = u32::try_from(SESSIONS + ITEMS).unwrap_or(u32::MAX).saturating_mul(largest);
        // a page's last entry may not fit
        let page = Log::<F>::payload().saturating_sub(largest).max(1);
        let needed = if Log::<F>::payload() < 2 * largest { u32::MAX } else { live.saturating_mul(2).div_ceil(page) };
        needed.saturating_add(1).max(2).saturating_mul(F::ERASE_SIZE as u32)
    }

    fn apply(&mut self, found: &log::Found, payload: &[u8]) {
        let (entry, handle) = (&found.entry, Handle::from_bytes(found.entry.name));
        let whole = payload.get(..found.len);
        match entry.kind {
            log::RECORD | log::REPLACING => {
                if entry.kind == log::REPLACING {
                    self.table.remove(&Handle::from_bytes(entry.gone));
                }
                match whole {
                    Some(record) => self.table.found(found, record),
                    // of a program with larger places
                    None => self.table.remove(&handle),
                }
            }
            log::TOUCH => {
                let seen = whole.and_then(|bytes| bytes.first_chunk::<TIME_LEN>());
                if let (Some([a, b, c, d, e, f]), Some(slot)) = (seen, self.table.get_mut(&handle)) {
                    let seen = u64::from_le_bytes([*a, *b, *c, *d, *e, *f, 0, 0]);
                    slot.saw(Time::from_millis(seen));
                    slot.kept = Millis::new(slot.kept.get().max(seen));
                }
            }
            log::LISTED => {
                if let Some(slot) = self.table.get_mut(&handle) {
                    slot.order = entry.number;
                }
            }
            log::DELETE => self.table.remove(&handle),
            log::END_ALL => self.table.0 = [Slot::FREE; SESSIONS],
            log::EPOCH => self.epoch = u64::from_le_bytes(entry.name),
            log::TIME => self.kept = whole.map(|payload| Kept::parse(entry.name, payload)),
            log::ITEM => {
                if let Some(item) = self.items.get_mut(entry.number as usize) {
                    *item = Item { at: found.at, len: found.len as u16 };
                }
            }
            _ => {}
        }
    }

    /// Writes an entry and tells where it lies. Whoever calls puts RAM in step again.
    async fn append(&mut self, entry: &Entry, payload: &[&[u8]], now: Time) -> Result<u32, FlashError> {
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

    /// Writes an entry and does what reading it again would do.
    pub(crate) async fn put(&mut self, entry: Entry, payload: &[u8], now: Time) -> Result<(), FlashError> {
        let at = self.append(&entry, &[payload], now).await?;
        self.apply(&log::Found { entry, at, len: payload.len() }, payload);
        self.in_step = Some(Contents::Ours);
        Ok(())
    }

    /// Opens another page and moves into it what still counts in the oldest one.
    async fn next_page(&mut self, now: Time) -> Result<(), FlashError> {
        let oldest = self.log.begin().await?;
        let mut buffer = [0; BYTES];
        for place in 0..SESSIONS {
            let Some(slot) = self.table.0.get(place).filter(|slot| slot.used && self.log.page_of(slot.at) == oldest)
            else {
                continue;
            };
            // the page that gives way was never fuller than this one gets; garbage may say so
            let room = self.log.has_room(Log::<F>::size(log::RECORD, usize::from(slot.len)));
            let (mut moved, stays) = (*slot, slot.live(now) && room);
            let found = if stays { self.read(moved.at, &mut buffer).await? } else { None };
            if let Some(record) = found.and_then(|found| buffer.get_mut(..found.len)) {
                Stamp::touch(record, moved.seen());
                let entry =
                    Entry { kind: log::RECORD, name: *moved.handle.as_bytes(), number: moved.order, gone: [0; 8] };
                moved.at = self.log.write(&entry, &[record]).await?;
                moved.kept = Millis::new(moved.seen().millis());
            } else {
                // over, or garbled
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
            let room = self.log.has_room(Log::<F>::size(log::ITEM, usize::from(item.len)));
            if let Some(found) = self.read(at, &mut buffer).await?.filter(|_| room) {
                let bytes = buffer.get(..found.len).unwrap_or_default();
                moved.at = self.log.write(&found.entry, &[bytes]).await?;
            }
            if let Some(item) = self.items.get_mut(number) {
                *item = moved;
            }
        }
        self.log.open(self.epoch, self.kept).await
    }

    pub(crate) fn usage(&self) -> Usage {
        let sessions = self.table.0.iter().filter(|slot| slot.used);
        let sessions: u32 = sessions.map(|slot| Log::<F>::size(log::RECORD, usize::from(slot.len))).sum();
        let items = self.items.iter().filter(|item| item.at != 0);
        let items: u32 = items.map(|item| Log::<F>::size(log::ITEM, usize::from(item.len))).sum();
        let pages = self.log.pages();
        Usage { pages, size: pages * F::ERASE_SIZE as u32, live: sessions + items, rest: self.log.rest() }
    }

    // ---- the operations --------------------------------------------------------------------------------------------------

    /// Reads an entry, once more if that fails. `None`: its bits have decayed, while its page is what it was; otherwise
    /// the flash answers nonsense.
    async fn read(&mut self, at: u32, into: &mut [u8]) -> Result<Option<log::Found>, FlashError> {
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

    /// The record that the slot stands for. `Err(size)`: `into` is too small. `None`: its bits have decayed.
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

    async fn write_record(
        &mut self,
        place: usize,
        key: &Handle,
        record: &[u8],
        order: u32,
        seen: Time,
        now: Time,
    ) -> Result<Outcome, FlashError> {
        if record.len() > BYTES {
            return Err(FlashError::TooLarge { need: record.len(), have: BYTES });
        }
        let gone = self.table.0.get(place).filter(|slot| slot.used && slot.handle != *key);
        let kind = if gone.is_some() { log::REPLACING } else { log::RECORD };
        let gone = gone.map_or([0; 8], |slot| *slot.handle.as_bytes());
        let mut slot = Slot::new(*key, record, 0, order, seen);
        let seen = slot.seen().millis().to_le_bytes();
        let (before, rest) = record.split_at_checked(LAST_SEEN_AT).unwrap_or((record, &[]));
        let is_record = Stamp::of(record).is_some();
        let parts = match (rest.get(TIME_LEN..), seen.get(..TIME_LEN)) {
            (Some(after), Some(seen)) if is_record => [before, seen, after],
            _ => [record, &[], &[]],
        };
        let entry = Entry { kind, name: *key.as_bytes(), number: order, gone };
        slot.at = self.append(&entry, &parts, now).await?;
        // a page may have been opened meanwhile, and what was over is gone; the place is still its own or free
        if let Some(there) = self.table.0.get_mut(place) {
            *there = slot;
        }
        self.in_step = Some(Contents::Ours);
        Ok(Outcome::Applied(slot.stamp().version))
    }

    pub(crate) async fn create(&mut self, key: &Handle, record: &[u8], now: Time) -> Result<Outcome, FlashError> {
        if self.table.live(key, now).is_some() {
            return Ok(Outcome::Conflict(None));
        }
        let login = stamp(record).login;
        let Some(place) = self.table.place(key, login, now) else { return Ok(Outcome::Full) };
        self.write_record(place, key, record, 0, Time::ZERO, now).await
    }

    pub(crate) async fn update(
        &mut self,
        key: &Handle,
        seen: Version,
        record: &[u8],
        now: Time,
        there: &mut [u8],
    ) -> Result<Outcome, FlashError> {
        let Some(old) = self.table.live(key, now) else { return Ok(Outcome::Missing) };
        let Some(place) = self.table.0.iter().position(|slot| slot.used && slot.handle == *key) else {
            return Ok(Outcome::Missing);
        };
        if old.stamp().version != seen {
            let found = self.fetch(&old, there).await?;
            return Ok(Outcome::Conflict(found.and_then(Result::ok)));
        }
        // another login has to be listed anew
        let order = if stamp(record).login == old.stamp().login { old.order } else { 0 };
        self.write_record(place, key, record, order, old.seen(), now).await
    }

    pub(crate) async fn touch(&mut self, key: &Handle, now: Time) -> Result<Outcome, FlashError> {
        let Some(slot) = self.table.live(key, now) else { return Ok(Outcome::Missing) };
        let seen = slot.seen().max(now).millis();
        let due = seen.saturating_sub(slot.kept.get()) >= u64::from(self.touch_every);
        if due {
            let (bytes, entry) = (seen.to_le_bytes(), Entry::of(log::TOUCH, key));
            self.put(entry, bytes.get(..TIME_LEN).unwrap_or_default(), now).await?;
        } else if let Some(slot) = self.table.get_mut(key) {
            // RAM is never ahead of the flash by more than was said
            slot.saw(now);
        }
        Ok(Outcome::Applied(slot.stamp().version))
    }

    pub(crate) async fn delete(
        &mut self,
        key: &Handle,
        condition: DeleteCondition,
        now: Time,
    ) -> Result<Outcome, FlashError> {
        let Some(slot) = self.table.live(key, now) else { return Ok(Outcome::Missing) };
        if !condition.matches(&slot.stamp()) {
            return Ok(Outcome::Conflict(None));
        }
        self.put(Entry::of(log::DELETE, key), &[], now).await?;
        Ok(Outcome::Applied(slot.stamp().version))
    }

    pub(crate) async fn set_epoch(&mut self, epoch: u64, now: Time) -> Result<(), FlashError> {
        self.put(Entry { kind: log::EPOCH, name: epoch.to_le_bytes(), ..Entry::default() }, &[], now).await
    }

    /// Gives a session its place in its subject's list.
    pub(crate) async fn set_order(&mut self, key: &Handle, order: u32, now: Time) -> Result<(), FlashError> {
        self.put(Entry { number: order, ..Entry::of(log::LISTED, key) }, &[], now).await
    }

    pub(crate) async fn keep_time(&mut self, kept: Kept, now: Time) -> Result<(), FlashError> {
        let (name, offset) = kept.bytes();
        let entry = Entry { kind: log::TIME, name, ..Entry::default() };
        self.put(entry, offset.as_ref().map_or(&[], |offset| &offset[..]), now).await
    }

    pub(crate) async fn keep(&mut self, number: usize, bytes: &[u8], now: Time) -> Result<(), FlashError> {
        if number >= ITEMS {
            return Err(FlashError::NoSuchItem);
        }
        if bytes.len() > BYTES {
            return Err(FlashError::TooLarge { need: bytes.len(), have: BYTES });
        }
        self.put(Entry { kind: log::ITEM, number: number as u32, ..Entry::default() }, bytes, now).await
    }

    pub(crate) async fn kept<'b>(&mut self, number: usize, into: &'b mut [u8]) -> Result<Option<&'b [u8]>, FlashError> {
        let item = *self.items.get(number).ok_or(FlashError::NoSuchItem)?;
        let (need, have) = (usize::from(item.len), into.len());
        let place = into.get_mut(..need).ok_or(FlashError::TooLarge { need, have })?;
        let found = if item.at == 0 { None } else { self.read(item.at, place).await? };
        Ok(found.is_some_and(|found| found.len == need).then_some(place))
    }
}
