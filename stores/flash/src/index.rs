//! The sessions of a subject, from the records themselves. A session has a place in its subject's list once it is
//! added.

use crate::error::FlashError;
use crate::store::FlashStore;
use embedded_storage_async::nor_flash::NorFlash;
use session_core::environment::Time;
use session_core::subject::{Added, Epoch, IndexEntry, Listing, SubjectId, SubjectIndex};

/// All subjects share one epoch. When the sessions of one subject are revoked, a login of another that began before
/// must be repeated. An entry is removed with its record, and an entry without a record is not stored.
impl<F: NorFlash, const SESSIONS: usize, const BYTES: usize> SubjectIndex for FlashStore<F, SESSIONS, BYTES> {
    type Error = FlashError;

    async fn list(
        &self,
        subject: &SubjectId,
        after: u64,
        _now: Time,
        into: &mut [IndexEntry],
    ) -> Result<Listing, FlashError> {
        let state = self.mounted().await?;
        let (mut above, mut listed) = (u32::try_from(after).unwrap_or(u32::MAX), 0);
        for place in into {
            let Some(slot) = state.table.next_of(subject, above) else { break };
            (above, *place) = (slot.order, slot.index_entry());
            listed += 1;
        }
        Ok(Listing { epoch: Epoch(state.epoch), last: state.table.last_of(subject), entries: listed })
    }

    async fn add(&self, subject: &SubjectId, seen: Epoch, entry: &IndexEntry, now: Time) -> Result<Added, FlashError> {
        let mut state = self.mounted().await?;
        if seen.0 != state.epoch {
            return Ok(Added::Moved);
        }
        let there = state.table.get(&entry.handle).filter(|slot| slot.belongs(subject));
        if there.is_some_and(|slot| slot.order == 0 && slot.stamp().login == entry.login) {
            let order = state.table.next_order();
            state.set_order(&entry.handle, order, now).await?;
        }
        Ok(Added::Applied)
    }

    async fn bump(&self, subject: &SubjectId, now: Time) -> Result<Listing, FlashError> {
        let mut state = self.mounted().await?;
        let epoch = Epoch(state.epoch).next(now);
        state.set_epoch(epoch.0, now).await?;
        Ok(Listing { epoch, last: state.table.last_of(subject), entries: 0 })
    }

    async fn remove(&self, subject: &SubjectId, entry: &IndexEntry, now: Time) -> Result<(), FlashError> {
        let mut state = self.mounted().await?;
        let there = state.table.get(&entry.handle).filter(|slot| slot.listed(subject));
        if there.is_some_and(|there| there.stamp().login == entry.login) {
            state.set_order(&entry.handle, 0, now).await?;
        }
        Ok(())
    }
}
