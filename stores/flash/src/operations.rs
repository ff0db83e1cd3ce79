//! The operations: each reads RAM, writes an entry, and updates RAM.

use crate::error::FlashError;
use crate::log::Contents;
use crate::log_entry::{LogEntry, kind};
use crate::persisted_time::PersistedTime;
use crate::session_table::Slot;
use crate::state::{ITEMS, State, TIME_LEN};
use embedded_storage_async::nor_flash::NorFlash;
use session_core::environment::Time;
use session_core::record::{LAST_SEEN_AT, Stamp};
use session_core::store::{DeleteCondition, Handle, Outcome, Version};

impl<F: NorFlash, const SESSIONS: usize, const BYTES: usize> State<F, SESSIONS, BYTES> {
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
            return Ok(Outcome::TooLarge { need: record.len(), have: BYTES });
        }
        let gone = self.table.0.get(place).filter(|slot| slot.used && slot.handle != *key);
        let kind = if gone.is_some() { kind::REPLACING } else { kind::RECORD };
        let gone = gone.map_or([0; 8], |slot| *slot.handle.as_bytes());
        let mut slot = Slot::new(*key, record, 0, order, seen);
        let seen = slot.seen().millis().to_le_bytes();
        let (before, rest) = record.split_at_checked(LAST_SEEN_AT).unwrap_or((record, &[]));
        let is_record = Stamp::of(record).is_some();
        let parts = match (rest.get(TIME_LEN..), seen.get(..TIME_LEN)) {
            (Some(after), Some(seen)) if is_record => [before, seen, after],
            _ => [record, &[], &[]],
        };
        let entry = LogEntry { kind, name: *key.as_bytes(), number: order, gone };
        slot.at = self.append(&entry, &parts, now).await?;
        // a page may have been opened, which removes expired sessions; the place is still its own or free
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
        let Some(place) = self.table.place(key, Stamp::is_anonymous(record), now) else { return Ok(Outcome::Full) };
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
        // another login has to be added to the list again
        let order = if Stamp::of_any(record).login == old.stamp().login { old.order } else { 0 };
        self.write_record(place, key, record, order, old.seen(), now).await
    }

    pub(crate) async fn touch(&mut self, key: &Handle, now: Time) -> Result<Outcome, FlashError> {
        let Some(slot) = self.table.live(key, now) else { return Ok(Outcome::Missing) };
        let seen = slot.seen().max(now).millis();
        let due = seen.saturating_sub(slot.persisted.get()) >= u64::from(self.touch_interval);
        if due {
            let (bytes, entry) = (seen.to_le_bytes(), LogEntry::of(kind::TOUCH, key));
            self.put(entry, bytes.get(..TIME_LEN).unwrap_or_default(), now).await?;
        } else if let Some(slot) = self.table.get_mut(key) {
            // RAM is ahead of the flash by less than the touch interval
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
        let Some(slot) = self.table.live(key, Time::ZERO) else { return Ok(Outcome::Missing) };
        if !condition.matches(&slot.stamp()) {
            return Ok(Outcome::Conflict(None));
        }
        self.put(LogEntry::of(kind::DELETE, key), &[], now).await?;
        Ok(Outcome::Applied(slot.stamp().version))
    }

    pub(crate) async fn set_epoch(&mut self, epoch: u64, now: Time) -> Result<(), FlashError> {
        self.put(LogEntry { kind: kind::EPOCH, name: epoch.to_le_bytes(), ..LogEntry::default() }, &[], now).await
    }

    /// Sets a session's place in its subject's list.
    pub(crate) async fn set_order(&mut self, key: &Handle, order: u32, now: Time) -> Result<(), FlashError> {
        self.put(LogEntry { number: order, ..LogEntry::of(kind::LISTED, key) }, &[], now).await
    }

    pub(crate) async fn persist_time(&mut self, time: PersistedTime, now: Time) -> Result<(), FlashError> {
        let (name, offset) = time.bytes();
        let entry = LogEntry { kind: kind::TIME, name, ..LogEntry::default() };
        self.put(entry, offset.as_ref().map_or(&[], |offset| &offset[..]), now).await
    }

    pub(crate) async fn write_item(&mut self, number: usize, bytes: &[u8], now: Time) -> Result<(), FlashError> {
        if number >= ITEMS {
            return Err(FlashError::NoSuchItem);
        }
        if bytes.len() > BYTES {
            return Err(FlashError::TooLarge { need: bytes.len(), have: BYTES });
        }
        self.put(LogEntry { kind: kind::ITEM, number: number as u32, ..LogEntry::default() }, bytes, now).await
    }

    pub(crate) async fn read_item<'b>(
        &mut self,
        number: usize,
        into: &'b mut [u8],
    ) -> Result<Option<&'b [u8]>, FlashError> {
        let item = *self.items.get(number).ok_or(FlashError::NoSuchItem)?;
        let (need, have) = (usize::from(item.len), into.len());
        let place = into.get_mut(..need).ok_or(FlashError::TooLarge { need, have })?;
        let found = if item.at == 0 { None } else { self.read(item.at, place).await? };
        Ok(found.is_some_and(|found| found.len == need).then_some(place))
    }
}
