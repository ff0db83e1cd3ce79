//! The sessions of a subject.

use session_core::environment::Time;
use session_core::store::Handle;
use session_core::subject::{Added, Epoch, IndexEntry, Listing, SubjectId, SubjectIndex};

use crate::connection::{Row, Value};
use crate::error::SqlError;
use crate::store::{SqlStore, handle, number, time};

impl SubjectIndex for SqlStore {
    type Error = SqlError;

    async fn list(
        &self,
        subject: &SubjectId,
        after: u64,
        now: Time,
        into: &mut [IndexEntry],
    ) -> Result<Listing, SqlError> {
        // at least one row, for the epoch
        let (after, room) = (unsigned(after), number(into.len().max(1)).into());
        let rows = self.read(self.dialect().list, &[name(subject), time(now), after, room]).await?;
        let mut listing = rows.first().map_or(Ok(Listing::default()), moved)?;
        for (place, row) in into.iter_mut().zip(&rows) {
            let order = natural(row, 5)?;
            if order == 0 {
                // there are no entries, and this row has the epoch only
                break;
            }
            *place = IndexEntry {
                handle: Handle::from_bytes(row.number(2)?.to_be_bytes()),
                login: u32::try_from(row.number(3)?).unwrap_or_default(),
                ends: Time::from_millis(natural(row, 4)?),
                order,
            };
            listing.entries += 1;
        }
        Ok(listing)
    }

    async fn add(&self, subject: &SubjectId, seen: Epoch, entry: &IndexEntry, _now: Time) -> Result<Added, SqlError> {
        let values =
            [name(subject), unsigned(seen.0), handle(&entry.handle), i64::from(entry.login).into(), time(entry.ends)];
        let rows = self.write(self.dialect().add, &values).await?;
        Ok(if rows.is_empty() { Added::Moved } else { Added::Applied })
    }

    async fn bump(&self, subject: &SubjectId, now: Time) -> Result<Listing, SqlError> {
        let rows = self.write(self.dialect().bump, &[name(subject), unsigned(Epoch(0).next(now).0)]).await?;
        moved(rows.first().ok_or_else(|| SqlError::Schema("no row of the epoch".into()))?)
    }

    async fn remove(&self, subject: &SubjectId, entry: &IndexEntry, _now: Time) -> Result<(), SqlError> {
        let values = [name(subject), handle(&entry.handle), i64::from(entry.login).into()];
        self.write(self.dialect().remove, &values).await.map(drop)
    }
}

fn name(subject: &SubjectId) -> Value<'_> {
    subject.as_bytes().as_slice().into()
}

fn unsigned(number: u64) -> Value<'static> {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}

/// Reads a number that is never below 0; another program may have written one that is.
fn natural(row: &Row, at: usize) -> Result<u64, SqlError> {
    row.number(at).map(|number| u64::try_from(number).unwrap_or_default())
}

/// Reads the epoch and the last place.
fn moved(row: &Row) -> Result<Listing, SqlError> {
    Ok(Listing { epoch: Epoch(natural(row, 0)?), last: natural(row, 1)?, entries: 0 })
}
