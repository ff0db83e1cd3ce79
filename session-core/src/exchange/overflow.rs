//! Decides which record is the session where its cookie and the store may both have one, and says where it is.

use super::RequestState;
use crate::environment::{Buffer, Time};
use crate::record::{MIN_LEN, Record};
use crate::store::{Found, Version};

impl<B: Buffer> RequestState<B> {
    /// The unsealed record is none, but stands for the one in the store.
    pub(crate) fn is_pointer(&self) -> bool {
        self.mine.created() == Time::MAX
    }

    /// Of a sealed record and the one in the store, which is in the other place, takes the session's into its place: what
    /// is stored, if it is not older. The browser is told if it has another one.
    pub(crate) fn choose(&mut self, sealed: Found, stored: Option<Found>) -> Found {
        // a cookie that came before this one and was refused leaves nothing
        (self.stored, self.rewritten, self.beneath) = (false, false, None);
        (self.pointed, self.moved_at) = (self.is_pointer(), self.mine.rotated_at());
        let Some(stored) = stored else {
            return sealed;
        };
        if self.moved_at >= self.other.rotated_at() {
            self.beneath = Some(self.other.version());
            return Found { version: stored.version, ..sealed };
        }
        self.rewritten = !self.pointed;
        self.news();
        core::mem::swap(&mut self.mine, &mut self.other);
        stored
    }

    /// The session is what the store has, which is in the other place.
    pub(crate) fn news(&mut self) {
        (self.stored, self.beneath) = (true, Some(self.other.version()));
        self.moved_at = self.other.rotated_at();
    }

    /// Whether the store has another record than this request has seen; one is in the other place.
    pub(crate) fn is_news(&self) -> bool {
        self.beneath != Some(self.other.version())
    }

    /// The record gets a place in time after all that were sealed of this session before.
    pub(crate) fn move_on(&mut self, now: Time) {
        let next = Time::from_millis(self.moved_at.millis().saturating_add(1));
        self.mine.set_rotated_at(self.mine.rotated_at().max(now).max(next));
    }

    /// The record is in the store; `alone`: the cookie points to it.
    pub(crate) fn landed_beneath(&mut self, alone: bool) {
        (self.stored, self.beneath) = (alone, Some(self.mine.version()));
        self.moved_at = self.mine.rotated_at();
    }

    /// What the store has is what this request has seen, under another of the store's versions.
    pub(crate) fn unchanged(&mut self, version: Version) {
        self.seen = version;
    }

    /// The store has nothing of the session.
    pub(crate) fn nothing_beneath(&mut self) {
        (self.stored, self.beneath) = (false, None);
    }

    /// A record that stands for the one in the store, to be sealed.
    pub(crate) fn pointer(&self) -> Record<[u8; MIN_LEN]> {
        let mut pointer = Record::new([0; MIN_LEN]);
        if pointer.begin().is_ok() {
            pointer.set_verifier(self.mine.verifier());
            pointer.set_created(Time::MAX);
        }
        pointer
    }

    /// The place for another record.
    pub(crate) fn other(&mut self) -> &mut Record<B> {
        &mut self.other
    }

    /// What the store is to hand over to be updated.
    pub(crate) fn seen(&self) -> Version {
        self.seen
    }

    pub(crate) fn version(&self) -> Version {
        self.mine.version()
    }
}
