//! What must hold, whatever the order of events. It watches every write to the store and every answer, and keeps what it
//! needs to know; the first thing that does not hold is kept as a sentence.

mod answers;
mod writes;

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::record::{Cookie, HandleBytes, Record};
use crate::protocol::request::Verb;
use crate::protocol::world::Kind;

/// A write that was done: `old` is what it found, `new` what it left.
pub(crate) struct Write {
    pub(crate) id: usize,
    pub(crate) handle: HandleBytes,
    pub(crate) old: Option<Record>,
    pub(crate) new: Option<Record>,
    /// It was given up before.
    pub(crate) late: bool,
}

/// A cookie that was answered with, and until when it is good if nobody ends it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Good {
    /// As long as the session is.
    Yes,
    /// In the grace of a renewal.
    Until(u64),
    /// Never again, since a login, rotation or logout.
    No,
}

/// What one request has done so far.
#[derive(Clone, Hash, Default)]
struct Watched {
    verb: Option<Verb>,
    cookie: Option<Cookie>,
    text: Option<String>,
    /// The record that was accepted at first.
    accepted: Option<Record>,
    /// Login number of the record that it last wrote or was accepted for.
    login: u32,
    /// Where it wrote last.
    wrote: Option<HandleBytes>,
    /// Its change is stored.
    landed: bool,
    counted: bool,
    /// The cookie that it was answered with.
    sent: Option<String>,
    /// The status that it was answered with.
    told: Option<u16>,
    /// Another request has written to its session since it began.
    rivalled: bool,
    /// How often the epoch had moved when it first looked at the index, and when it moved it itself.
    attempt: Option<u32>,
    moved: Option<u32>,
}

impl Watched {
    /// Whose sessions a revocation ends.
    fn ends_those_of(&self) -> Option<String> {
        let own = || self.accepted.as_ref().and_then(|record| record.subject.clone());
        if self.verb == Some(Verb::EndA) { Some("a".to_owned()) } else { own() }
    }
}

#[derive(Clone, Hash)]
pub(crate) struct Monitor {
    kind: Kind,
    watched: Vec<Watched>,
    /// Handles that ever had a record, and the request under way that made it.
    born: BTreeMap<HandleBytes, Option<usize>>,
    /// Handles of sessions that ended for good.
    ended: BTreeSet<HandleBytes>,
    /// The latest moment at which a session was used while it was alive, and the end of its absolute lifetime.
    alive: BTreeMap<HandleBytes, (u64, u64)>,
    /// The latest last_seen that was ever stored.
    seen: BTreeMap<HandleBytes, u64>,
    cookies: BTreeMap<Cookie, Good>,
    /// What the counters should be: at least and at most; none when data was dropped.
    counts: BTreeMap<HandleBytes, Option<(u64, u64)>>,
    /// How often an epoch has moved.
    moves: u32,
    /// The logins by session and number: whose they are, and the first and the last ticket of those that are one login.
    logins: BTreeMap<(HandleBytes, u32), (Option<String>, u32, u32)>,
    /// The logins that have ended, and how often the epoch had moved when they did, or a revocation was acknowledged.
    revoked: BTreeMap<(HandleBytes, u32), u32>,
    /// Something went wrong, so that a cap need not be reached.
    disturbed: bool,
    pub(crate) broken: Option<String>,
}

/// The limits of the explored policy, in milliseconds.
pub(crate) const IDLE: u64 = 300_000;
pub(crate) const ABSOLUTE: u64 = 1_000_000;
pub(crate) const TOUCH_EVERY: u64 = 10_000;

impl Monitor {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            watched: Vec::new(),
            born: BTreeMap::new(),
            ended: BTreeSet::new(),
            alive: BTreeMap::new(),
            seen: BTreeMap::new(),
            cookies: BTreeMap::new(),
            counts: BTreeMap::new(),
            moves: 0,
            logins: BTreeMap::new(),
            revoked: BTreeMap::new(),
            disturbed: false,
            broken: None,
        }
    }

    fn must(&mut self, holds: bool, sentence: &str) {
        if !holds && self.broken.is_none() {
            self.broken = Some(sentence.to_owned());
        }
    }

    /// Forgets the requests, not what they did.
    pub(crate) fn expect(&mut self, requests: usize) {
        self.watched = vec![Watched::default(); requests];
        self.born.values_mut().for_each(|by| *by = None);
    }

    pub(crate) fn begins(&mut self, id: usize, verb: Verb, text: Option<&str>) {
        let cookie = text.map(Cookie::open);
        self.watched[id] = Watched { verb: Some(verb), cookie, text: text.map(str::to_owned), ..Watched::default() };
    }

    // ---- accepted or not -----------------------------------------------------------------------------------------

    pub(crate) fn loaded(
        &mut self,
        id: usize,
        accepted: bool,
        record: impl Fn(HandleBytes) -> Option<Record>,
        now: u64,
    ) {
        let Some(cookie) = self.watched[id].cookie else { return };
        let good = self.cookies.get(&cookie).copied().unwrap_or(Good::No);
        let alive = self.alive.get(&cookie.handle).copied();
        if accepted {
            self.must(good != Good::No, "a cookie works that a login, rotation or logout has ended");
            self.must(!matches!(good, Good::Until(end) if now >= end), "a cookie works after its grace");
            let (used, ends) = alive.unwrap_or_default();
            self.must(now < used + IDLE, "a session is accepted after its idle timeout");
            self.must(now < ends, "a session is accepted after its absolute lifetime");
            self.watched[id].accepted = record(cookie.handle);
            self.watched[id].login = self.watched[id].accepted.as_ref().map_or(0, |record| record.login);
            let login = (cookie.handle, self.watched[id].login);
            self.must(!self.revoked.contains_key(&login), "a session is accepted that was revoked");
        }
    }

    /// The request is refused although nothing speaks against it; asked when no store call was disturbed.
    pub(crate) fn refused(&mut self, id: usize, accepted: bool, now: u64) {
        let Some(cookie) = self.watched[id].cookie else { return };
        let good = match self.cookies.get(&cookie) {
            Some(Good::Yes) => true,
            Some(Good::Until(end)) => now < *end,
            _ => false,
        };
        let slack = if self.kind.is_memory() { 0 } else { TOUCH_EVERY };
        let seen = self.seen.get(&cookie.handle).copied().unwrap_or_default();
        let ends = self.alive.get(&cookie.handle).map_or(0, |(_, ends)| *ends);
        let over = now + slack >= seen + IDLE || now >= ends || self.ended.contains(&cookie.handle);
        self.must(accepted || !good || over, "a cookie that should work is refused");
    }

    /// Request `id` does something, which is use of its session if that is still alive.
    pub(crate) fn acts(&mut self, id: usize, now: u64) {
        let watched = &self.watched[id];
        if watched.accepted.is_none() || watched.verb == Some(Verb::Peek) {
            return;
        }
        if let Some((used, ends)) = watched.cookie.and_then(|cookie| self.alive.get_mut(&cookie.handle))
            && now < *used + IDLE
            && now < *ends
        {
            *used = now;
        }
    }

    // ---- the index -------------------------------------------------------------------------------------------------

    /// Request `id` looks at the index: if it signs in, that is its attempt.
    pub(crate) fn listed(&mut self, id: usize) {
        let moves = self.moves;
        self.watched[id].attempt.get_or_insert(moves);
    }

    /// Request `id` moves the epoch of a subject.
    pub(crate) fn bumped(&mut self, id: usize, late: bool) {
        self.moves += 1;
        if !late {
            self.watched[id].moved = Some(self.moves);
        }
    }

    /// Something is lost, or the clock jumps.
    pub(crate) fn disturb(&mut self) {
        self.disturbed = true;
    }
}
