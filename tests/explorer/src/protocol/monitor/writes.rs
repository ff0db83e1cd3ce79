//! What a write to the store may do.

use super::{ABSOLUTE, Good, Monitor, Watched, Write};
use crate::protocol::record::{HandleBytes, Record};
use crate::protocol::request::Verb;

impl Monitor {
    pub(crate) fn touched(&mut self, id: usize, handle: HandleBytes, record: &Record) {
        self.must(self.watched[id].verb != Some(Verb::Peek), "a peek counts as activity");
        let before = self.seen.get(&handle).copied().unwrap_or_default();
        self.must(record.last_seen >= before, "the last activity moves back");
        self.seen.insert(handle, record.last_seen.max(before));
    }

    /// `asked` is the time that the caller went by, `now` the time of the deed.
    pub(crate) fn wrote(&mut self, write: &Write, asked: u64, now: u64) {
        let Some(verb) = self.watched[write.id].verb else { return };
        let others = self.watched.iter_mut().enumerate().filter(|(id, _)| *id != write.id);
        let met = others.filter(|(_, other)| other.cookie.is_some_and(|cookie| cookie.handle == write.handle));
        met.for_each(|(_, other)| other.rivalled = true);
        match (&write.old, &write.new) {
            (None, Some(new)) => self.created(write, new, verb, now),
            (Some(old), Some(new)) => self.updated(write, old, new, verb, asked, now),
            (Some(old), None) => self.deleted(write, old, verb),
            (None, None) => {}
        }
        if let Some(new) = &write.new {
            let seen = self.seen.entry(write.handle).or_default();
            *seen = (*seen).max(new.last_seen);
            if !self.left_behind(write) {
                (self.watched[write.id].login, self.watched[write.id].wrote) = (new.login, Some(write.handle));
            }
            if write.old.as_ref().is_none_or(|old| old.login != new.login) && new.login > 0 {
                let attempt = self.watched[write.id].attempt.unwrap_or_default();
                self.logins.insert((write.handle, new.login), (new.subject.clone(), attempt, attempt));
            } else if self.watched[write.id].verb.is_some_and(Verb::signs_in) {
                let attempt = self.watched[write.id].attempt.unwrap_or_default();
                self.logins.entry((write.handle, new.login)).and_modify(|(_, first, last)| {
                    (*first, *last) = (attempt.min(*first), attempt.max(*last));
                });
                // one that the index refused after a revocation, and that a login from after it has joined
                let in_force = |other: &Watched| {
                    (other.wrote, other.login, other.told) == (Some(write.handle), new.login, Some(200))
                };
                if !self.watched.iter().any(in_force) {
                    self.revoked.remove(&(write.handle, new.login));
                }
            }
        }
    }

    /// A session is made late, and its request has gone on without it: nobody gets its cookie.
    fn left_behind(&self, write: &Write) -> bool {
        let watched = &self.watched[write.id];
        let elsewhere = watched.wrote.is_some_and(|wrote| wrote != write.handle);
        write.late && write.old.is_none() && (elsewhere || watched.told.is_some())
    }

    fn created(&mut self, write: &Write, new: &Record, verb: Verb, now: u64) {
        let before = self.born.insert(write.handle, Some(write.id));
        self.must(before.is_none(), "a session is created again under a handle that was used before");
        let own = |key: &String| verb.changes(write.id, key);
        let stranger = new.data.keys().find(|key| !own(key)).is_some();
        self.must(!stranger, "a new session has data of another");
        self.alive.insert(write.handle, (now, now + ABSOLUTE));
        self.counts.insert(write.handle, Some((0, 0)).filter(|_| !self.left_behind(write)));
        if !self.left_behind(write) {
            (self.watched[write.id].landed, self.watched[write.id].counted) = (true, false);
            self.count(write, 0, new.counter());
        }
    }

    fn updated(&mut self, write: &Write, old: &Record, new: &Record, verb: Verb, asked: u64, now: u64) {
        let watched = self.watched[write.id].clone();
        self.must(verb != Verb::Peek, "a peek writes");
        // what it created itself a moment ago is its own
        let own = self.born.get(&write.handle) == Some(&Some(write.id));
        // a login of the same subject has replaced the same cookie, or another one has joined this one
        let joins = self.watched.iter().any(|other| {
            let same = other.verb == watched.verb && other.text == watched.text && other.wrote == Some(write.handle);
            same && other.landed && other.login == old.login && old.subject.as_deref() == verb.subject()
        });
        if !(own || joins && verb.signs_in()) {
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
        self.must(!changed || watched.told != Some(409), "a change is stored after the client was told that it is not");
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
        // a rotation ends a session that is over by its clock
        let over = verb.cuts() && watched.accepted.is_none();
        let ends = verb == Verb::Logout || verb.signs_in() || verb.revokes() || over;
        self.must(ends, "a record is deleted by neither logout nor login nor revocation");
        // a login that is taken back: nobody has got its cookie
        let written = watched.wrote == Some(write.handle) && watched.login == old.login;
        let withdrawn = verb.signs_in() && written && watched.landed;
        self.must(!(withdrawn && self.shared(write.id)), "a login that another one has joined is taken back");
        let same = watched.accepted.as_ref().is_none_or(|base| base.login == old.login);
        let attempt = self.logins.get(&(write.handle, old.login)).map(|(_, first, _)| *first);
        let holds = match verb {
            Verb::EndA | Verb::Others => {
                let theirs = old.subject == watched.ends_those_of();
                let own = watched.cookie.and_then(|cookie| self.revoked.get(&(cookie.handle, watched.login)));
                let void = verb == Verb::Others && own.is_some_and(|at| watched.moved > Some(*at));
                self.must(!void, "a session that was revoked ends others");
                theirs
                    && attempt.is_some_and(|attempt| Some(attempt) < watched.moved)
                    && (verb == Verb::EndA || !presented)
            }
            // the cap: a session of the same subject that is not the one it has just made
            Verb::LoginA if self.kind.cap() > 0 && !written => old.subject.as_deref() == Some("a") || presented && same,
            _ => withdrawn || presented && same,
        };
        self.must(
            verb != Verb::Logout || watched.told != Some(409),
            "a session ends after the client was told that it does not",
        );
        self.must(holds, "a request ends a session of a login that it did not see, or that began after the revocation");
        if !withdrawn && old.login > 0 {
            // whoever had it ends nobody from now on
            self.revoked.entry((write.handle, old.login)).or_insert(self.moves);
        }
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
}

/// Whether the verb has changed the cookie: one that could not begin its login may still renew.
fn cuts(verb: Verb, old: &Record, new: &Record) -> bool {
    if verb.signs_in() { old.login != new.login } else { verb.cuts() && old.verifier != new.verifier }
}

/// Whether the request's cookie is one of the session as it is.
fn may_write(watched: &Watched, handle: HandleBytes, old: &Record, asked: u64) -> bool {
    let Some(cookie) = &watched.cookie else { return false };
    // a grace that ends between load and commit does not matter as long as nobody else wrote
    let unchanged = watched.accepted.as_ref().is_some_and(|base| old.version == base.version);
    let continued = watched.landed && old.login == watched.login;
    cookie.handle == handle && (unchanged || continued || watched.accepted.is_some() && old.accepts(cookie, asked))
}
