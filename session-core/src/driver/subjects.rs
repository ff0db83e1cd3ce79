//! The sessions of one subject: listed, ended, capped (LC9). An index is a list of hints: an entry is valid if the
//! record under its handle confirms it. An entry is removed when its record turns out to be missing or to belong to
//! another login. It is not removed because of a clock, a policy or an unreadable record: by another node's the session
//! may be valid, and a revocation finds it only through the index.

use super::context::Context;
use super::mode::Mode;
use crate::base::environment::{Buffer, Clock, Time};
use crate::base::error::Error;
use crate::base::events::{Cause, Event, LogId, Observer};
use crate::base::names::Handle;
use crate::protocol::expiry::{self, Verdict};
use crate::protocol::operation::LOST;
use crate::record::layout::{self, Record};
use crate::store::contract::{DeleteCondition, Load, Outcome, Store};
use crate::store::index::{Epoch, IndexEntry, SubjectId, SubjectIndex};
use crate::wire::token::Token;

/// The number of entries read at a time.
const PAGE: usize = 4;
/// The report on an index that does not list the request's own session.
const LOSES: &str = "a subject's index lost an entry, so revocations may miss sessions: check the store";
/// The number of concurrent logins of a subject that cannot exceed its cap.
const AT_ONCE: u64 = 16;
/// The longest time of a login, in milliseconds. So an index may be forgotten an hour after its epoch moved.
pub(super) const LONGEST_LOGIN: u64 = 10 * 60 * 1_000;

/// A session in a list of a subject's sessions. `L` is the type of the label's text: borrowed while a list is shown,
/// owned where it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionInfo<L> {
    /// Names the session, so that its owner can end it. It opens nothing.
    pub id: LogId,
    /// When the session began, which is its last login.
    pub started_at: Time,
    /// The last activity. In stores where recording it costs a write, it may be up to `touch_every` too early.
    pub last_seen: Time,
    /// The label that the application gave the session. Escape it in pages.
    pub label: Option<L>,
    /// Whether it is the session of the request that lists.
    pub current: bool,
    /// Whether it is bound to its device, so that copied cookies stop working soon.
    pub device_bound: bool,
}

impl<'r> SessionInfo<&'r str> {
    /// Reads what a list shows from the head of the record under `key`, and whose session it is. For programs that look
    /// at a store from outside: the data of the record may be missing or sealed. Returns `None` for bytes that are no
    /// record and for a session without a subject. [`Stamp`](crate::record::Stamp) says
    /// whether the session has expired.
    #[must_use]
    pub fn of_record(key: Handle, record: &'r [u8]) -> Option<(&'r str, Self)> {
        let (subject, started_at, label, device_bound) = layout::listed(record)?;
        let last_seen = layout::Stamp::of(record)?.last_seen;
        Some((subject, Self { id: LogId(key), started_at, last_seen, label, current: false, device_bound }))
    }
}

impl<L> SessionInfo<L> {
    /// Converts the label's text to another type, for example `info.map_label(str::to_owned)`.
    pub fn map_label<M>(self, label: impl FnOnce(L) -> M) -> SessionInfo<M> {
        let Self { id, started_at, last_seen, label: text, current, device_bound } = self;
        SessionInfo { id, started_at, last_seen, label: text.map(label), current, device_bound }
    }
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

    /// Starts again, up to the entry of order `last`.
    const fn restart(&mut self, last: u64) {
        (self.after, self.last, self.len, self.at, self.ended) = (0, last, 0, 0, false);
    }
}

/// Whose sessions end, and why.
struct Ending<'s> {
    id: SubjectId,
    subject: &'s str,
    cause: Cause,
}

impl<'s> Ending<'s> {
    fn of(subject: &'s str, cause: Cause) -> Self {
        Self { id: SubjectId::of(subject), subject, cause }
    }
}

/// The sessions of subjects, found through the store's index.
pub(crate) struct Subjects<'c, S: Store, C, O> {
    context: &'c Context<S, C, O>,
    index: &'c S::Index,
}

impl<'c, S: Store, C: Clock, O: Observer> Subjects<'c, S, C, O> {
    /// [`Error::Unsupported`] where mode or store keep no index.
    pub(super) fn of(mode: impl Mode, context: &'c Context<S, C, O>) -> Result<Self, Error> {
        mode.index(&context.store).map(|index| Self { context, index }).ok_or(Error::Unsupported)
    }

    /// The subject's epoch, and whether a login may bring it beyond its cap. This needs no other call, because orders
    /// only grow: there are at most as many entries as orders between the first and the last. Concurrent logins do not
    /// see each other, so counting begins some entries before the cap.
    pub(super) async fn epoch(&self, subject: &str) -> Result<(Epoch, bool), Error> {
        let cap = u64::from(self.context.policy.cap());
        let mut page = [IndexEntry::NONE; PAGE];
        let room = if cap == 0 { 0 } else { PAGE };
        let into = page.get_mut(..room).unwrap_or_default();
        let listing = self.index.list(&SubjectId::of(subject), 0, self.context.now(), into).await;
        self.context.warned();
        let listing = self.context.heard(listing)?;
        let most = match page.first() {
            Some(first) if listing.entries == PAGE => listing.last.saturating_sub(first.order).saturating_add(1),
            _ => listing.entries as u64,
        };
        Ok((listing.epoch, cap > 0 && most.saturating_add(AT_ONCE) >= cap))
    }

    /// Ends every session of `subject`. Returns how many there were.
    pub(super) async fn end_all_of(&self, subject: &str) -> Result<usize, Error> {
        let ending = Ending::of(subject, Cause::All);
        let last = self.bump(&ending.id).await?;
        self.end_each(&ending, last, None).await.map(|(ended, _)| ended)
    }

    /// Ends the oldest sessions of `subject` beyond the policy's number, among those that were added before `own`, so
    /// that of two logins at the same time one ends the other. A login whose session has already ended ends none. The
    /// sessions are counted again before each one ends, because other logins may be ending the same ones.
    pub(crate) async fn cap<B: Buffer>(&self, subject: &str, own: &Token, room: &mut Record<B>) -> Result<(), Error> {
        let cap = usize::from(self.context.policy.cap());
        let ending = Ending::of(subject, Cause::Cap);
        let (mut pages, mut counts, mut count, mut oldest) = (Pages::new(ending.id, u64::MAX), false, 0_usize, None);
        // one loop for finding and counting, because each await takes code
        while let Some(entry) = self.next(&mut pages).await? {
            let is_own = entry.handle == own.handle();
            if counts {
                let holds = self.holds_or_forget(&ending.id, &entry, subject, room).await?;
                if holds {
                    count += 1;
                    oldest = oldest.or(Some(entry));
                }
                if !is_own {
                    continue;
                }
                // the own entry is the last one, unless its session has ended or it is not listed any more
                if let Some(oldest) = oldest.filter(|_| holds && count > cap) {
                    self.end_entry(&ending, &oldest).await?;
                }
                if !holds || count <= cap.saturating_add(1) {
                    break;
                }
            } else if !is_own {
                count += 1;
                continue;
            } else if count < cap {
                break;
            }
            (counts, count, oldest) = (true, 0, None);
            pages.restart(entry.order);
        }
        Ok(())
    }

    pub(crate) async fn list<B: Buffer>(
        &self,
        subject: &str,
        own: Option<&Token>,
        room: &mut Record<B>,
        each: &mut impl FnMut(&SessionInfo<&str>),
    ) -> Result<(), Error> {
        let id = SubjectId::of(subject);
        let mut pages = Pages::new(id, u64::MAX);
        while let Some(entry) = self.next(&mut pages).await? {
            if self.holds_or_forget(&id, &entry, subject, room).await? {
                each(&SessionInfo {
                    id: LogId(entry.handle),
                    started_at: room.created(),
                    last_seen: room.last_seen(),
                    label: room.label(),
                    current: own.is_some_and(|own| own.handle() == entry.handle),
                    device_bound: room.has_device(),
                });
            }
        }
        Ok(())
    }

    /// Ends the others of a subject's sessions, for the holder of `own`: the epoch moves, then the own record is
    /// accepted once more, and those that signed in before the move end (protocol rule 9). So a holder whose session
    /// has ended cannot end one that began later.
    pub(crate) async fn end_others<B: Buffer>(
        &self,
        subject: &str,
        own: &Token,
        room: &mut Record<B>,
    ) -> Result<usize, Error> {
        let ending = Ending::of(subject, Cause::Others);
        let last = self.bump(&ending.id).await?;
        self.accept_again(own, room).await?;
        let ended = self.end_each(&ending, last, Some(own)).await?;
        if ended.1 {
            return Ok(ended.0);
        }
        // unless a login has just moved the own entry behind the last one, the index has lost it, and perhaps others
        self.accept_again(own, room).await?;
        self.context.observer.observe(&Event::StoreWarned(&LOSES));
        Err(Error::Indeterminate)
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
        let entry = self.named(subject, name).await?;
        self.accept_again(own, room).await?;
        Ok(entry)
    }

    pub(super) async fn named(&self, subject: &str, name: &str) -> Result<Option<IndexEntry>, Error> {
        let mut pages = Pages::new(SubjectId::of(subject), u64::MAX);
        while let Some(entry) = self.next(&mut pages).await? {
            if LogId(entry.handle).is(name) {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// Loads the session that a list named `name` into `room`; `false` if the subject has none of that name.
    pub(super) async fn load_named<B: Buffer>(
        &self,
        subject: &str,
        name: &str,
        room: &mut Record<B>,
    ) -> Result<bool, Error> {
        match self.named(subject, name).await? {
            Some(entry) => self.holds_or_forget(&SubjectId::of(subject), &entry, subject, room).await,
            None => Ok(false),
        }
    }

    async fn next(&self, pages: &mut Pages) -> Result<Option<IndexEntry>, Error> {
        if pages.at == pages.len && !pages.ended {
            let listing = self.index.list(&pages.subject, pages.after, Time::ZERO, &mut pages.page).await;
            let entries = self.context.heard(listing)?.entries;
            (pages.len, pages.at, pages.ended) = (entries, 0, entries < PAGE);
        }
        let entry = pages.page.get(pages.at).filter(|entry| pages.at < pages.len && entry.order <= pages.last).copied();
        if let Some(entry) = entry {
            pages.at += 1;
            pages.after = entry.order;
        }
        Ok(entry)
    }

    async fn accept_again<B: Buffer>(&self, own: &Token, room: &mut Record<B>) -> Result<(), Error> {
        if self.is_there(&own.handle(), room).await? != Some(true) {
            return Err(Error::Ended);
        }
        match expiry::accept(own, room, &self.context.policy, self.context.now()) {
            Verdict::Current | Verdict::Grace => Ok(()),
            Verdict::Expired => Err(Error::Ended),
            Verdict::PastGrace | Verdict::Replaced => Err(Error::CookieReplaced),
        }
    }

    /// Loads a record into `room`, which may grow, regardless of the clock. `None` if there is none, `false` if it
    /// cannot be read.
    async fn is_there<B: Buffer>(&self, key: &Handle, room: &mut Record<B>) -> Result<Option<bool>, Error> {
        loop {
            let load = self.context.store.load(key, Time::ZERO, room.buffer()).await;
            match self.context.heard(load)? {
                Load::Found(found) => return Ok(Some(room.adopt(found.len).is_ok())),
                Load::Missing => return Ok(None),
                Load::TooLarge { size } => room.make_room(size)?,
            }
        }
    }

    async fn holds_or_forget<B: Buffer>(
        &self,
        id: &SubjectId,
        entry: &IndexEntry,
        subject: &str,
        room: &mut Record<B>,
    ) -> Result<bool, Error> {
        let meant = match self.is_there(&entry.handle, room).await? {
            Some(false) => return Ok(false),
            Some(true) => room.login() == entry.login && room.subject().is_some_and(|(of, _)| of == subject),
            None => false,
        };
        if !meant {
            self.forget(id, entry).await?;
        }
        Ok(meant && !expiry::expired(room, &self.context.policy, self.context.now()))
    }

    /// Ends each session of a subject up to the one of order `last`, except `own`. Returns their number, and whether
    /// `own` was among them.
    async fn end_each(&self, ending: &Ending<'_>, last: u64, own: Option<&Token>) -> Result<(usize, bool), Error> {
        let (mut pages, mut ended, mut met) = (Pages::new(ending.id, last), 0, false);
        while let Some(entry) = self.next(&mut pages).await? {
            if own.is_some_and(|own| own.handle() == entry.handle) {
                met = true;
            } else {
                ended += usize::from(self.end_entry(ending, &entry).await?);
            }
        }
        Ok((ended, met))
    }

    /// Ends the session of an entry if its login number is the entry's: an old revocation ends no newer login (rule 8).
    pub(crate) async fn end(&self, subject: &str, entry: &IndexEntry) -> Result<bool, Error> {
        self.end_entry(&Ending::of(subject, Cause::Chosen), entry).await
    }

    async fn end_entry(&self, ending: &Ending<'_>, entry: &IndexEntry) -> Result<bool, Error> {
        let mut lost = 0;
        let ended = loop {
            match self.context.heard(
                self.context.store.delete(&entry.handle, DeleteCondition::Login(entry.login), self.context.now()).await,
            ) {
                Ok(Outcome::Applied(_)) => break true,
                Ok(_) => break lost > 0,
                Err(_) if lost < LOST => lost += 1,
                Err(_) => return Err(Error::Indeterminate),
            }
        };
        if ended {
            self.context.observer.observe(&Event::Revoked(LogId(entry.handle), Some(ending.subject), ending.cause));
        }
        self.forget(&ending.id, entry).await?;
        Ok(ended)
    }

    async fn forget(&self, id: &SubjectId, entry: &IndexEntry) -> Result<(), Error> {
        let removed = self.index.remove(id, entry, self.context.now()).await;
        // a stale entry that remains is found again later
        self.context.heard(removed).or(Ok(()))
    }

    /// Moves the epoch and returns the last order. A lost answer may move it twice, which does no harm.
    async fn bump(&self, id: &SubjectId) -> Result<u64, Error> {
        let mut lost = 0;
        loop {
            match self.context.heard(self.index.bump(id, self.context.now()).await) {
                Ok(moved) => {
                    self.context.warned();
                    return Ok(moved.last);
                }
                Err(_) if lost < LOST => lost += 1,
                Err(_) => return Err(Error::Indeterminate),
            }
        }
    }
}
