//! The list of keys that the handler read or changed. It is enough to apply the changes to a newer record, or to find
//! that they conflict with it.
//!
//! For every key, the list keeps a fingerprint of the value that was *loaded*. On a conflict, a key that was read or
//! changed and that now differs is a conflict, whatever would be written: two increments from 5 both write 6 (protocol
//! rule 10). Changes to different keys merge. Clearing, flash messages and `overwrite` ignore the current value.
//!
//! On a device the list is bounded. When it is full, any change by another request is a conflict.

use crate::base::codec::Codec;
use crate::base::environment::{Buffer, FollowedKey, FollowedKeys};
use crate::base::error::Error;
use crate::base::followed::Kind;
use crate::record::layout::Record;
use crate::record::values::{self, AsRead, Entry};

type Said<B> = <<B as Buffer>::Codec as Codec>::Said;

/// The list.
pub(crate) struct Changes<B: Buffer> {
    touched: B::Keys,
    /// The list is full, so any change by another request is a conflict.
    overflow: bool,
    cleared: bool,
    relabeled: bool,
    dirty: bool,
    /// A key that was read has since changed in the current record.
    stale: bool,
}

impl<B: Buffer> Changes<B> {
    pub(crate) const fn new() -> Self {
        Self { touched: B::Keys::NEW, overflow: false, cleared: false, relabeled: false, dirty: false, stale: false }
    }

    /// Whether bytes of the record differ from what was loaded.
    pub(crate) fn dirty(&self) -> bool {
        self.dirty
    }

    pub(crate) fn set_dirty(&mut self) {
        self.dirty = true;
    }

    pub(crate) fn relabel(&mut self) {
        (self.relabeled, self.dirty) = (true, true);
    }

    /// The data is cleared, whatever it contains. Keys that were read or set before stay in the list.
    pub(crate) fn clear(&mut self) {
        self.retain(|kind| matches!(kind, Kind::Read | Kind::Write));
        for touched in self.used().filter(|touched| touched.kind == Kind::Write) {
            touched.kind = Kind::Read;
        }
        (self.cleared, self.dirty) = (true, true);
    }

    /// Tracks `key` before it is read or changed for the first time; `entry` is its entry in `mine`, if that is known.
    /// Returns the key's hash.
    pub(crate) fn follow(&mut self, key: &str, kind: Kind, entry: Option<Entry<'_>>, mine: &[u8]) -> u64 {
        let hash = values::key_hash(key);
        // the value may equal the current one
        self.dirty |= self.stale && kind != Kind::Read;
        if let Some(touched) = self.used().find(|touched| touched.is(hash)) {
            touched.kind = match (touched.kind, kind) {
                // that update failed, and left nothing to run again
                (Kind::Rerun, kind) => kind,
                (before, Kind::Read) => before,
                (Kind::Blind, _) => Kind::Blind,
                (Kind::Read, Kind::Blind) | (Kind::Write, Kind::Blind | Kind::Write) => Kind::Write,
                (_, kind) => kind,
            };
            return hash;
        }
        if self.overflow || self.cleared {
            return hash;
        }
        let base = values::fingerprint(entry.or_else(|| values::find(mine, key)));
        loop {
            if let Some(free) = self.touched.as_mut().iter_mut().find(|touched| touched.kind.is_free()) {
                *free = FollowedKey { key: hash, base, kind, said: None };
                return hash;
            }
            if !self.touched.grow() {
                break;
            }
        }
        self.overflow = true;
        hash
    }

    /// Remembers the fingerprint of a key's value when it was read. If a hash map has the same fingerprint when it is
    /// set, it was not changed, although its bytes may be in another order (VA4).
    pub(crate) fn remember(&mut self, key: u64, said: Said<B>) {
        if let Some(touched) = self.used().find(|touched| touched.is(key)) {
            touched.said = Some(said);
        }
    }

    /// The value of a key as it was read, if that is remembered.
    pub(crate) fn as_read(&self, key: u64) -> Option<AsRead<Said<B>>> {
        let touched = self.touched.as_ref().iter().find(|touched| touched.is(key))?;
        let (entry, said) = (touched.base, touched.said);
        said.map(|said| AsRead { entry, said })
    }

    /// After a commit, the written values are the current state. Earlier reads still count for later writes, unless this
    /// request has dropped what they returned.
    pub(crate) fn settle(&mut self) {
        let cleared = self.cleared;
        self.retain(|kind| kind == Kind::Read && !cleared);
        (self.cleared, self.relabeled, self.dirty) = (false, false, false);
    }

    /// Whether a key that was read has changed since. It counts as soon as something is written (protocol rule 10), also by a
    /// later verb than the one that found it.
    pub(crate) fn stale(&self) -> bool {
        self.stale
    }

    /// Applies the changes in `mine` to `newer`, or says that they conflict and leaves it unspecified.
    pub(crate) fn merge(&mut self, mine: &Record<B>, newer: &mut Record<B>) -> Result<(), Error> {
        for touched in self.touched.as_ref() {
            if matches!(touched.kind, Kind::Read | Kind::Write)
                && fingerprint_at(newer.data(), touched.key) != touched.base
            {
                if touched.kind == Kind::Write {
                    return Err(Error::Conflict);
                }
                self.stale = true;
            }
        }
        self.stale |= self.overflow;
        // a key's value here replaces its value there; after a clear, all data is this request's
        let replaces = |key: &str| {
            self.cleared || self.followed(key).is_some_and(|touched| matches!(touched.kind, Kind::Write | Kind::Blind))
        };
        newer.table().remove_all(replaces);
        for entry in values::entries(mine.data()).filter(|entry| replaces(entry.key)) {
            newer.table().put(entry)?;
        }
        if self.relabeled {
            newer.set_label(mine.label().unwrap_or_default())?;
        }
        Ok(())
    }

    /// The places that are in use.
    fn used(&mut self) -> impl Iterator<Item = &mut FollowedKey<Said<B>>> {
        self.touched.as_mut().iter_mut().take_while(|touched| touched.kind != Kind::Free)
    }

    /// Tracks only those from this point.
    fn retain(&mut self, keep: impl Fn(Kind) -> bool) {
        self.used().filter(|touched| !keep(touched.kind)).for_each(|touched| touched.kind = Kind::Gone);
    }

    /// Resets the list for a new session.
    pub(crate) fn reset(&mut self) {
        self.touched.as_mut().iter_mut().for_each(|touched| touched.kind = Kind::Free);
        (self.overflow, self.cleared, self.relabeled, self.dirty, self.stale) = (false, false, false, false, false);
    }

    fn followed(&self, key: &str) -> Option<&FollowedKey<Said<B>>> {
        let hash = values::key_hash(key);
        self.touched.as_ref().iter().find(|touched| touched.is(hash))
    }
}

fn fingerprint_at(data: &[u8], key: u64) -> u64 {
    values::fingerprint(values::entries(data).find(|entry| values::key_hash(entry.key) == key))
}
