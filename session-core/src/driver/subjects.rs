//! The sessions of one subject: listed, ended, capped (LC9). An index is a list of hints: an entry holds if the record
//! under its handle says so, and one that does not hold is taken out of the index where it is met.

use super::Sessions;
use crate::environment::{Buffer, Clock, Time};
use crate::error::Error;
use crate::events::{Event, LogId, Observer};
use crate::exchange::{Intent, LOST};
use crate::expiry::{self, Verdict};
use crate::mode::Mode;
use crate::record::Record;
use crate::store::{DeleteCondition, Handle, Outcome, Store};
use crate::subject::{Added, Epoch, IndexEntry, SubjectId, SubjectIndex};
use crate::token::Token;

/// Entries that are read at a time.
const PAGE: usize = 4;
/// A login takes at most so long, in milliseconds: an index may then be forgotten an hour after its epoch moved.
const LONGEST_LOGIN: u64 = 10 * 60 * 1_000;

/// A session in a list of its subject's.
#[derive(Clone, Copy, Debug)]
pub struct SessionInfo<'l> {
    /// Names it, for its owner to end it by; opens nothing.
    pub id: LogId,
    /// When it began: its last login.
    pub created: Time,
    /// Its last activity; where touching costs a write, up to the touch interval too early.
    pub last_seen: Time,
    /// The label that the application gave it. Escape it in pages.
    pub label: Option<&'l str>,
    /// It is the session of the request that lists.
    pub current: bool,
}

/// Walks through a subject's entries in their order, up to one that was the last.
struct Pages {
    subject: SubjectId,
    after: u64,
    last: u64,
    page: [IndexEntry; PAGE],
    len: usize,
    at: usize,
    ended: bool,
}

impl Pages {
    const fn new(subject: SubjectId, last: u64) -> Self {
        Self { subject, after: 0, last, page: [IndexEntry::NONE; PAGE], len: 0, at: 0, ended: false }
    }

    async fn next<I: SubjectIndex>(&mut self, index: &I, now: Time) -> Result<Option<IndexEntry>, I::Error> {
        if self.at == self.len && !self.ended {
            let listing = index.list(&self.subject, self.after, now, &mut self.page).await?;
            (self.len, self.at, self.ended) = (listing.entries.min(PAGE), 0, listing.entries < PAGE);
        }
        let Some(entry) = self.page.get(..self.len).and_then(|page| page.get(self.at)).copied() else {
            return Ok(None);
        };
        self.at += 1;
        self.after = entry.order;
        if entry.order > self.last {
            (self.at, self.len, self.ended) = (0, 0, true);
            return Ok(None);
        }
        Ok(Some(entry))
    }
}

impl<S: Store, C: Clock, O: Observer, M: Mode> Sessions<S, C, O, M> {
    fn index(&self) -> Result<&S::Index, Error> {
        self.store.index().filter(|_| !self.mode.is_sealed()).ok_or(Error::Unsupported)
    }

    /// Said before anything else: whoever asks learns it also without a subject.
    pub(crate) fn can_list(&self) -> Result<(), Error> {
        self.index().map(drop)
    }

    // ---- for an administrator ------------------------------------------------------------------------------------

    /// Shows each session of `subject`, the oldest login first. `room` is for one record; one that is larger is an error.
    pub async fn list(
        &self,
        subject: &str,
        room: impl Buffer,
        mut each: impl FnMut(&SessionInfo<'_>),
    ) -> Result<(), Error> {
        self.list_each(subject, None, &mut Record::new(room), &mut each).await
    }

    /// Ends every session of `subject`, also those whose login has begun and is not over (LC9). The number of those that
    /// were there; 0 of sessions that travel in their cookies, which nobody counts. An error means that some may live on:
    /// ask again.
    pub async fn revoke_all(&self, subject: &str) -> Result<usize, Error> {
        M::end(self, Some(subject)).await
    }

    /// Ends the session of `subject` that a list named `id`; `false` if it has none of that name.
    pub async fn revoke(&self, subject: &str, id: &str) -> Result<bool, Error> {
        let subject = SubjectId::of(subject);
        match self.named(&subject, id).await? {
            Some(entry) => self.end(&subject, &entry).await.map(|_| true),
            None => Ok(false),
        }
    }

    /// Ends everybody's sessions that were created before now (LC10), in one step. [`Error::Unsupported`] if the store
    /// cannot.
    pub async fn end_all(&self) -> Result<(), Error> {
        M::end(self, None).await.map(|_| ())
    }

    pub(crate) async fn end_stored(&self, subject: Option<&str>) -> Result<usize, Error> {
        if let Some(subject) = subject {
            let id = SubjectId::of(subject);
            let last = self.bump(&id).await?;
            return self.end_each(&id, last, None).await;
        }
        let ended = self.store.end_all(self.clock.now()).await;
        if self.heard(ended)? { Ok(0) } else { Err(Error::Unsupported) }
    }

    // ---- for a login -----------------------------------------------------------------------------------------------

    /// What a attempt keeps of the index. A store that cannot list has epoch 0 for everybody.
    pub(crate) async fn epoch_stored(&self, subject: &str) -> Result<Epoch, Error> {
        match self.store.index() {
            None if self.policy.max_sessions > 0 => Err(Error::Unsupported),
            None => Ok(Epoch(0)),
            Some(index) => {
                let listing = index.list(&SubjectId::of(subject), 0, self.clock.now(), &mut []).await;
                self.heard(listing).map(|listing| listing.epoch)
            }
        }
    }

    /// Whether a login that began then may still be carried out.
    pub(crate) fn in_time(&self, begun: Time) -> bool {
        self.clock.now().millis_since(begun) < LONGEST_LOGIN
    }

    pub(super) async fn add_to_index(&self, intent: Intent<'_>, entry: &IndexEntry, now: Time) -> Result<Added, ()> {
        match (intent, self.store.index()) {
            (Intent::Login { subject, epoch, .. }, Some(index)) => {
                let added = index.add(&SubjectId::of(subject), epoch, entry, now).await;
                self.heard(added).map_err(|_| ())
            }
            _ => Ok(Added::Applied),
        }
    }

    /// Ends the oldest sessions of `subject` beyond the policy's number, among those that were added before `own`, so that
    /// of two logins at the same time one ends the other.
    pub(crate) async fn cap<B: Buffer>(&self, subject: &str, own: &Token, room: &mut Record<B>) -> Result<(), Error> {
        let keep = usize::from(self.policy.max_sessions).saturating_sub(1);
        if self.policy.max_sessions == 0 {
            return Ok(());
        }
        let (index, id) = (self.index()?, SubjectId::of(subject));
        let (mut pages, mut before, mut order) = (Pages::new(id, u64::MAX), 0_usize, None);
        while let Some(entry) = self.heard(pages.next(index, self.clock.now()).await)? {
            if entry.handle == own.handle() {
                order = Some(entry.order);
                break;
            }
            before += 1;
        }
        // no entry of its own: somebody has ended it already
        let Some(last) = order.and_then(|order| order.checked_sub(1)).filter(|_| before > keep) else {
            return Ok(());
        };
        let (mut pages, mut there) = (Pages::new(id, last), 0_usize);
        while let Some(entry) = self.heard(pages.next(index, self.clock.now()).await)? {
            there += usize::from(self.holds_or_forget(&id, &entry, subject, room).await?);
        }
        let (mut pages, mut beyond) = (Pages::new(id, last), there.saturating_sub(keep));
        while beyond > 0 {
            let Some(entry) = self.heard(pages.next(index, self.clock.now()).await)? else { break };
            self.end(&id, &entry).await?;
            beyond -= 1;
        }
        Ok(())
    }

    // ---- for a request -----------------------------------------------------------------------------------------------

    pub(crate) async fn list_each<B: Buffer>(
        &self,
        subject: &str,
        own: Option<&Token>,
        room: &mut Record<B>,
        each: &mut impl FnMut(&SessionInfo<'_>),
    ) -> Result<(), Error> {
        let (index, id) = (self.index()?, SubjectId::of(subject));
        let mut pages = Pages::new(id, u64::MAX);
        while let Some(entry) = self.heard(pages.next(index, self.clock.now()).await)? {
            if self.holds_or_forget(&id, &entry, subject, room).await? {
                each(&SessionInfo {
                    id: LogId(entry.handle),
                    created: room.created(),
                    last_seen: room.last_seen(),
                    label: room.label(),
                    current: own.is_some_and(|own| own.handle() == entry.handle),
                });
            }
        }
        Ok(())
    }

    /// Ends the others of a subject's sessions, for the holder of `own`: the epoch moves, then the own record is accepted
    /// once more, and those that signed in before the move end (protocol rule 9). So nobody whose session has ended ends
    /// one that began after that.
    pub(crate) async fn revoke_others<B: Buffer>(
        &self,
        subject: &str,
        own: &Token,
        room: &mut Record<B>,
    ) -> Result<usize, Error> {
        let id = SubjectId::of(subject);
        let last = self.bump(&id).await?;
        self.accept_again(own, room).await?;
        self.end_each(&id, last, Some(own)).await
    }

    /// The entry that a list named `name`, for the holder of `own`, whose record is accepted once more after the index was
    /// read.
    pub(crate) async fn own_entry<B: Buffer>(
        &self,
        subject: &str,
        name: &str,
        own: &Token,
        room: &mut Record<B>,
    ) -> Result<Option<IndexEntry>, Error> {
        let entry = self.named(&SubjectId::of(subject), name).await?;
        self.accept_again(own, room).await?;
        Ok(entry)
    }

    async fn named(&self, subject: &SubjectId, name: &str) -> Result<Option<IndexEntry>, Error> {
        let index = self.index()?;
        let mut pages = Pages::new(*subject, u64::MAX);
        while let Some(entry) = self.heard(pages.next(index, self.clock.now()).await)? {
            if LogId(entry.handle).is(name) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    async fn accept_again<B: Buffer>(&self, own: &Token, room: &mut Record<B>) -> Result<(), Error> {
        if !self.is_there(&own.handle(), room).await? {
            return Err(Error::Ended);
        }
        match expiry::accept(own, room, &self.policy, self.clock.now()) {
            Verdict::Current | Verdict::Grace => Ok(()),
            Verdict::Expired => Err(Error::Ended),
            Verdict::PastGrace | Verdict::Replaced => Err(Error::CookieReplaced),
        }
    }

    /// Loads a record into `room`; `false` if there is none, or none that can be read.
    async fn is_there<B: Buffer>(&self, key: &Handle, room: &mut Record<B>) -> Result<bool, Error> {
        Ok(self.load_into(key, room).await?.is_some_and(|found| room.adopt(found.len).is_ok()))
    }

    async fn holds_or_forget<B: Buffer>(
        &self,
        id: &SubjectId,
        entry: &IndexEntry,
        subject: &str,
        room: &mut Record<B>,
    ) -> Result<bool, Error> {
        let holds = self.is_there(&entry.handle, room).await?
            && room.login() == entry.login
            && room.subject().is_some_and(|(of, _)| of == subject)
            && !expiry::expired(room, &self.policy, self.clock.now());
        if !holds {
            self.forget(id, entry).await?;
        }
        Ok(holds)
    }

    /// Ends each session of a subject up to the one of order `last`, but for `own`.
    async fn end_each(&self, id: &SubjectId, last: u64, own: Option<&Token>) -> Result<usize, Error> {
        let index = self.index()?;
        let (mut pages, mut ended) = (Pages::new(*id, last), 0);
        while let Some(entry) = self.heard(pages.next(index, self.clock.now()).await)? {
            if own.is_none_or(|own| own.handle() != entry.handle) {
                ended += usize::from(self.end(id, &entry).await?);
            }
        }
        Ok(ended)
    }

    /// Ends the session of an entry if its login number is the entry's: an old revocation ends no newer login (rule 8).
    pub(crate) async fn end(&self, id: &SubjectId, entry: &IndexEntry) -> Result<bool, Error> {
        let mut lost = 0;
        let ended = loop {
            match self
                .heard(self.store.delete(&entry.handle, DeleteCondition::Login(entry.login), self.clock.now()).await)
            {
                Ok(Outcome::Applied(_)) => break true,
                Ok(_) => break lost > 0,
                Err(_) if lost < LOST => lost += 1,
                Err(_) => return Err(Error::Indeterminate),
            }
        };
        if ended {
            self.observer.observe(&Event::Revoked(LogId(entry.handle)));
        }
        self.forget(id, entry).await?;
        Ok(ended)
    }

    async fn forget(&self, id: &SubjectId, entry: &IndexEntry) -> Result<(), Error> {
        let removed = self.index()?.remove(id, entry, self.clock.now()).await;
        // what stays there holds no more, and is met again
        self.heard(removed).or(Ok(()))
    }

    /// Moves the epoch and tells the last order; a lost answer may move it twice, which does not matter.
    async fn bump(&self, id: &SubjectId) -> Result<u64, Error> {
        let index = self.index()?;
        let mut lost = 0;
        loop {
            match self.heard(index.bump(id, self.clock.now()).await) {
                Ok(moved) => return Ok(moved.last),
                Err(_) if lost < LOST => lost += 1,
                Err(_) => return Err(Error::Indeterminate),
            }
        }
    }
}
