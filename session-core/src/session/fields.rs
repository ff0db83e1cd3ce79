//! Values as bytes, for adapters that store the fields of an application's struct under separate keys.

use core::fmt;
use core::ops::DerefMut;

use rand_core::TryCryptoRng;

use super::view::Session;
use crate::base::environment::{Buffer, Clock};
use crate::base::error::Error;
use crate::base::events::{Event, LogId, Observer};
use crate::base::followed::Kind;
use crate::driver::mode::Mode;
use crate::protocol::state::RequestState;
use crate::record::values::{self, Entry};
use crate::store::contract::Store;

impl<'a, S, C, R, B, Q, O, M> Session<'a, S, C, R, Q, O, M>
where
    S: Store,
    C: Clock,
    R: TryCryptoRng,
    B: Buffer + 'a,
    Q: DerefMut<Target = RequestState<B>>,
    O: Observer,
    M: Mode,
{
    /// Returns the values whose keys begin with `prefix`, in key order: the rest of each key, and the bytes.
    ///
    /// They do not count as read. Another request's change to one of them does not conflict with this request's change
    /// to another.
    #[doc(hidden)]
    pub fn stored<'v>(&'v self, prefix: &str) -> impl Iterator<Item = (&'v str, &'v [u8])> {
        let data = self.request.record().map(|record| record.data()).unwrap_or_default();
        values::entries(data).filter_map(move |entry| Some((entry.key.strip_prefix(prefix)?, entry.bytes)))
    }

    /// Sets the value under `key` to bytes that the codec has written, or removes the value.
    ///
    /// # Errors
    /// As for [`set`](Self::set).
    #[doc(hidden)]
    pub fn put_stored(&mut self, key: &str, bytes: Option<&[u8]>) -> Result<(), Error> {
        values::check_key(key)?;
        self.request.writable()?;
        self.request.follow(key, Kind::Write);
        let (record, changes) = self.request.writable()?;
        match bytes {
            Some(bytes) => record.table().put(Entry { key, bytes })?,
            None => _ = record.table().remove(key),
        }
        changes.set_dirty();
        Ok(())
    }

    /// Reports that the value under `key` cannot be read, and why. With `fails`, the request does not count as activity
    /// unless it writes something.
    #[doc(hidden)]
    pub fn report_unreadable(&mut self, key: &str, why: &dyn fmt::Display, fails: bool) {
        let id = self.log_id().unwrap_or(LogId::NONE);
        self.sessions.observe(&Event::Unreadable(id, Some(why)));
        if fails {
            self.request.mark_unreadable(key);
        }
    }
}
