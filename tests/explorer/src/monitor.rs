//! What must hold, whatever the order of events. It watches every write to the store and every answer, and keeps what it
//! needs to know; the first thing that does not hold is kept as a sentence.

use std::collections::{BTreeMap, BTreeSet};

use crate::record::{Cookie, HandleBytes, Record};
use crate::request::{Answer, Sent, Verb};
use crate::world::Kind;

/// A write that was done: `old` is what it found, `new` what it left.
pub(crate) struct Write {
    pub(crate) id: usize,
    pub(crate) handle: HandleBytes,
    pub(crate) old: Option<Record>,
    pub(crate) new: Option<Record>,
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
    /// How often the epoch had moved when it first looked at the index, and when it moved it itself.
    ticket: Option<u32>,
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
    /// The logins by session and number: whose they are, and their tickets.
    logins: BTreeMap<(HandleBytes, u32), (Option<String>, u32)>,
    /// The logins that were ended by a revocation, and how often the epoch had moved when that was acknowledged.
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

    /// Request `id` looks at the index: if it signs in, that is its ticket.
    pub(crate) fn listed(&mut self, id: usize) {
        let moves = self.moves;
        self.watched[id].ticket.get_or_insert(moves);
    }

    /// Request `id` moves the epoch of a subject.
    pub(crate) fn bumped(&mut self, id: usize) {
        self.moves += 1;
        self.watched[id].moved = Some(self.moves);
    }

    // ---- writes --------------------------------------------------------------------------------------------------

    pub(crate) fn touched(&mut self, id: usize, handle: HandleBytes, record: &Record) {
        self.must(self.watched[id].verb != Some(Verb::Peek), "a peek counts as activity");
        let before = self.seen.get(&handle).copied().unwrap_or_default();
        self.must(record.last_seen >= before, "the last activity moves back");
        self.seen.insert(handle, record.last_seen.max(before));
    }

    /// `asked` is the time that the caller went by, `now` the time of the deed.
    pub(crate) fn wrote(&mut self, write: Write, asked: u64, now: u64) {
        let Some(verb) = self.watched[write.id].verb else { return };
        match (&write.old, &write.new) {
            (None, Some(new)) => self.created(&write, new, verb, now),
            (Some(old), Some(new)) => self.updated(&write, old, new, verb, asked, now),
            (Some(old), None) => self.deleted(&write, old, verb),
            (None, None) => {}
        }
        if let Some(new) = &write.new {
            let seen = self.seen.entry(write.handle).or_default();
            *seen = (*seen).max(new.last_seen);
            (self.watched[write.id].login, self.watched[write.id].wrote) = (new.login, Some(write.handle));
            if write.old.as_ref().is_none_or(|old| old.login != new.login) && new.login > 0 {
                let ticket = self.watched[write.id].ticket.unwrap_or_default();
                self.logins.insert((write.handle, new.login), (new.subject.clone(), ticket));
            }
        }
    }

    fn created(&mut self, write: &Write, new: &Record, verb: Verb, now: u64) {
        let before = self.born.insert(write.handle, Some(write.id));
        // its own, over before anybody got the cookie: the answer was lost and the idle timeout passed
        let own = before == Some(Some(write.id)) && !self.cookies.keys().any(|cookie| cookie.handle == write.handle);
        self.must(before.is_none() || own, "a session is created again under a handle that was used before");
        let own = |key: &String| verb.changes(write.id, key);
        let stranger = new.data.keys().find(|key| !own(key)).is_some();
        self.must(!stranger, "a new session has data of another");
        self.alive.insert(write.handle, (now, now + ABSOLUTE));
        self.counts.insert(write.handle, Some((0, 0)));
        (self.watched[write.id].landed, self.watched[write.id].counted) = (true, false);
        self.count(write, 0, new.counter());
    }

    fn updated(&mut self, write: &Write, old: &Record, new: &Record, verb: Verb, asked: u64, now: u64) {
        let watched = self.watched[write.id].clone();
        self.must(verb != Verb::Peek, "a peek writes");
        // what it created itself a moment ago is its own
        let own = self.born.get(&write.handle) == Some(&Some(write.id));
        if !own {
            self.must(
                may_write(&watched, write.handle, old, asked),
                "a request writes into a session that it is not accepted for",
            );
        }
        let base = watched.accepted.as_ref().filter(|_| !own).unwrap_or(old);
        self.must(
            old.subject.is_none() || old.subject == new.subject,
            "a session goes from one subject to another, or loses it",
        );
        self.must(new.last_seen >= old.last_seen, "the last activity moves back");
        let prolonged = new.ends > old.ends || new.created != old.created;
        self.must(!prolonged || verb.signs_in(), "the absolute lifetime is extended without a login");
        if prolonged {
            self.alive.insert(write.handle, (now, now + ABSOLUTE));
        }
        for key in old.data.keys().chain(new.data.keys()) {
            let (before, after) = (old.data.get(key), new.data.get(key));
            if before == after {
                continue;
            }
            self.must(verb.changes(write.id, key), "a value changes that this request did not touch");
            let judged = !verb.judges(key) || before == base.data.get(key);
            self.must(judged, "a value is overwritten that another request changed meanwhile");
        }
        if verb == Verb::Clear {
            let emptied = new.data.is_empty() || watched.landed;
            self.must(emptied, "a session is cleared and keeps data");
        }
        if old.verifier != new.verifier {
            self.replaced(write, old, new, verb, asked);
        }
        // a renewal alone is not the change that the handler is told about
        let changed = old.data != new.data || cuts(verb, old, new);
        self.watched[write.id].landed |= changed || old.data == new.data && old.verifier == new.verifier;
        self.count(write, old.counter(), new.counter());
        if verb == Verb::Clear || old.data.contains_key("n") && !new.data.contains_key("n") {
            self.counts.insert(write.handle, None);
        }
    }

    /// The cookie of a session changes.
    fn replaced(&mut self, write: &Write, old: &Record, new: &Record, verb: Verb, asked: u64) {
        let grace = match new.previous {
            Some((verifier, until)) if verifier == old.verifier => Some(until),
            _ => None,
        };
        let cuts = cuts(verb, old, new) && !self.watched[write.id].landed;
        self.must(grace.is_some() || cuts, "the cookie changes without grace, and nobody asked for it");
        self.must(grace.is_none() || !cuts, "the cookie from before a login or rotation keeps working");
        let running = old.previous.is_some_and(|(_, until)| asked < until);
        self.must(grace.is_none() || !running, "a renewal ends the grace of the one before");
        for (cookie, good) in self.cookies.iter_mut().filter(|(cookie, _)| cookie.handle == write.handle) {
            *good = match (*good, grace) {
                (Good::Yes, Some(until)) if cookie.verifier == old.verifier => Good::Until(until),
                (Good::Until(until), Some(_)) => Good::Until(until),
                _ => Good::No,
            };
        }
    }

    fn deleted(&mut self, write: &Write, old: &Record, verb: Verb) {
        let watched = self.watched[write.id].clone();
        let presented = watched.cookie.is_some_and(|cookie| cookie.handle == write.handle);
        let ends = verb == Verb::Logout || verb.signs_in() || verb.revokes();
        self.must(ends, "a record is deleted by neither logout nor login nor revocation");
        // a login that is taken back: nobody has got its cookie
        let written = watched.wrote == Some(write.handle) && watched.login == old.login;
        let withdrawn = verb.signs_in() && written && watched.landed;
        let same = watched.accepted.as_ref().is_none_or(|base| base.login == old.login);
        let ticket = self.logins.get(&(write.handle, old.login)).map(|(_, ticket)| *ticket);
        let holds = match verb {
            Verb::EndA | Verb::Others => {
                let theirs = old.subject == watched.ends_those_of();
                let own = watched.cookie.and_then(|cookie| self.revoked.get(&(cookie.handle, watched.login)));
                let void = verb == Verb::Others && own.is_some_and(|at| watched.moved > Some(*at));
                self.must(!void, "a session that was revoked ends others");
                theirs
                    && ticket.is_some_and(|ticket| Some(ticket) < watched.moved)
                    && (verb == Verb::EndA || !presented)
            }
            // the cap: a session of the same subject that is not the one it has just made
            Verb::LoginA if self.kind == Kind::Capped && !written => old.subject.as_deref() == Some("a"),
            _ => withdrawn || presented && same,
        };
        self.must(holds, "a request ends a session of a login that it did not see, or that began after the revocation");
        self.ended.insert(write.handle);
        self.end_cookies(write.handle);
        self.watched[write.id].landed = !withdrawn;
    }

    fn end_cookies(&mut self, handle: HandleBytes) {
        let of_session = self.cookies.iter_mut().filter(|(cookie, _)| cookie.handle == handle);
        of_session.for_each(|(_, good)| *good = Good::No);
    }

    fn count(&mut self, write: &Write, before: u64, after: u64) {
        if before != after {
            let counts = after == before + 1 && !self.watched[write.id].counted;
            let dropped = after == 0;
            self.must(counts || dropped, "a counter moves by something else than one, or twice for one request");
            self.watched[write.id].counted = true;
            if let Some(Some((_, most))) = self.counts.get_mut(&write.handle) {
                *most += 1;
            }
        }
    }

    // ---- answers -------------------------------------------------------------------------------------------------

    /// The answer of request `id` arrives at a client whose jar holds `jar`; `record` looks into the store.
    pub(crate) fn answered(
        &mut self,
        id: usize,
        answer: &Answer,
        jar: Option<&str>,
        record: impl Fn(HandleBytes) -> Option<Record>,
        now: u64,
    ) {
        let watched = self.watched[id].clone();
        let Some(verb) = watched.verb else { return };
        let writes = !verb.only_looks() && !verb.revokes();
        if let Err((error, status)) = &answer.told {
            let no = *status == 409;
            // a login that is taken back when its record is over already has nothing to delete
            let there = watched.wrote.and_then(&record).is_some_and(|record| record.live(now));
            let landed = watched.landed && (there || !verb.signs_in());
            self.must(!no || !landed || !writes, "a change is stored of which the client was told that it is not");
            let anonymous = *status == 401 && matches!(verb, Verb::List | Verb::Others);
            self.must(*status == 409 || *status == 503 || anonymous, &format!("unexpected error: {error}"));
        }
        if let Sent::Cookie(text) = &answer.sent {
            let cookie = Cookie::open(text);
            self.must(self.born.contains_key(&cookie.handle), "a cookie is sent for which there never was a session");
            self.must(Some(text) != watched.text.as_ref(), "a cookie is sent that the browser has already");
            let good = match record(cookie.handle) {
                Some(record) if record.verifier == cookie.verifier => Good::Yes,
                Some(record) => match record.previous {
                    Some((verifier, until)) if verifier == cookie.verifier => Good::Until(until),
                    _ => Good::No,
                },
                None => Good::No,
            };
            self.cookies.entry(cookie).or_insert(good);
        }
        let old = watched
            .cookie
            .zip(watched.accepted.as_ref())
            .is_some_and(|(cookie, base)| base.verifier != cookie.verifier);
        let led = matches!(answer.sent, Sent::Cookie(_)) || verb == Verb::Logout || answer.told.is_err();
        self.must(led || !old, "an answer in the grace does not carry the new cookie");
        if answer.sent == Sent::Removal {
            let working = jar
                .map(Cookie::open)
                .is_some_and(|cookie| record(cookie.handle).is_some_and(|record| record.accepts(&cookie, now)));
            let others = jar.is_some() && jar != watched.text.as_deref();
            self.must(verb == Verb::Logout || !(working && others), "a cookie is wiped that a login has just set");
        }
        if answer.told.is_ok() {
            self.acknowledged(verb, &watched, answer, &record, now);
        }
    }

    fn acknowledged(
        &mut self,
        verb: Verb,
        watched: &Watched,
        answer: &Answer,
        record: &impl Fn(HandleBytes) -> Option<Record>,
        now: u64,
    ) {
        let handle = match (&answer.sent, watched.cookie) {
            (Sent::Cookie(text), _) => Some(Cookie::open(text).handle),
            (_, cookie) => cookie.map(|cookie| cookie.handle),
        };
        let must_land = match verb {
            Verb::Write | Verb::Same | Verb::Increment | Verb::Add | Verb::Flash | Verb::LoginA | Verb::LoginB => true,
            Verb::Rotate => watched.accepted.is_some(),
            _ => false,
        };
        self.must(!must_land || watched.landed, "success is told of a change that is not stored");
        if matches!(verb, Verb::Increment | Verb::Add)
            && let Some(Some((least, _))) = handle.and_then(|handle| self.counts.get_mut(&handle))
        {
            *least += 1;
        }
        if verb.revokes() {
            let own = watched.cookie.filter(|_| verb == Verb::Others).map(|cookie| cookie.handle);
            let moved = watched.moved.unwrap_or_default();
            self.must(watched.moved.is_some(), "a revocation is acknowledged and the epoch has not moved");
            let ended = self.logins.iter().filter(|((handle, _), (subject, ticket))| {
                Some(*handle) != own && *subject == watched.ends_those_of() && *ticket < moved
            });
            let ended: Vec<_> = ended.map(|(login, _)| *login).collect();
            ended.into_iter().for_each(|login| _ = self.revoked.entry(login).or_insert(self.moves));
        }
        let Some(cookie) = watched.cookie else { return };
        if verb == Verb::Logout {
            let works = record(cookie.handle).is_some_and(|record| record.accepts(&cookie, now));
            self.must(!works, "a logout is acknowledged and the session works on");
            let gone = record(cookie.handle).is_none_or(|record| !record.live(now));
            self.must(watched.accepted.is_none() || gone, "a logout is acknowledged and the record is still there");
            self.cookies.insert(cookie, Good::No);
        }
        if verb.cuts() && watched.accepted.is_some() {
            let works = record(cookie.handle).is_some_and(|record| record.accepts(&cookie, now));
            self.must(!works, "a login or rotation is acknowledged and the old cookie works on");
            self.cookies.insert(cookie, Good::No);
        }
    }

    /// Nothing is under way any more.
    pub(crate) fn at_rest(&mut self, records: impl Fn(HandleBytes) -> Option<Record>, now: u64) {
        let counts = self.counts.clone();
        for (handle, count) in counts {
            let (Some((least, most)), Some(record)) = (count, records(handle)) else { continue };
            let within = (least..=most).contains(&record.counter());
            self.must(within, "increments are lost, or counted twice");
        }
        for (cookie, good) in self.cookies.clone() {
            let record = records(cookie.handle).filter(|record| record.live(now));
            let works = record.as_ref().is_some_and(|record| record.accepts(&cookie, now));
            self.must(!works || good != Good::No, "a cookie works that a login, rotation or logout has ended");
            self.must(works || good != Good::Yes || record.is_none(), "a cookie that should work does not");
            let login = record.filter(|_| works).map_or(0, |record| record.login);
            self.must(!self.revoked.contains_key(&(cookie.handle, login)), "a cookie works whose session was revoked");
        }
        if self.kind == Kind::Capped && !self.disturbed {
            self.at_the_cap(&records, now);
        }
    }
}

impl Monitor {
    /// Something is lost, or the clock jumps.
    pub(crate) fn disturb(&mut self) {
        self.disturbed = true;
    }

    fn at_the_cap(&mut self, records: &impl Fn(HandleBytes) -> Option<Record>, now: u64) {
        let opens = |cookie: &Cookie| {
            let record = records(cookie.handle).filter(|record| record.accepts(cookie, now));
            record.is_some_and(|record| record.subject.as_deref() == Some("a"))
        };
        let working: BTreeSet<_> = self.cookies.keys().filter(|cookie| opens(cookie)).map(|c| c.handle).collect();
        self.must(working.len() <= 1, "a subject has more sessions than the cap allows");
        let verbs = || self.watched.iter().filter_map(|watched| watched.verb);
        let ends = verbs().any(|verb| verb == Verb::Logout || verb.revokes());
        let signed_in = verbs().any(Verb::signs_in);
        self.must(!working.is_empty() || !signed_in || ends, "two logins end each other");
    }
}

/// Whether the verb has changed the cookie: one that could not begin its login may still renew.
fn cuts(verb: Verb, old: &Record, new: &Record) -> bool {
    if verb.signs_in() { old.login != new.login } else { verb.cuts() && old.verifier != new.verifier }
}

/// Whether the request's cookie is one of the session as it is.
fn may_write(watched: &Watched, handle: HandleBytes, old: &Record, asked: u64) -> bool {
    let (Some(base), Some(cookie)) = (&watched.accepted, &watched.cookie) else { return false };
    // a grace that ends between load and commit does not matter as long as nobody else wrote
    let unchanged = old.version == base.version;
    let continued = watched.landed && old.login == watched.login;
    cookie.handle == handle && (unchanged || continued || old.accepts(cookie, asked))
}
