//! What an answer may say, and what must hold when all are there.

use std::collections::BTreeSet;

use super::{Good, IDLE, Monitor, Watched};
use crate::protocol::record::{Cookie, HandleBytes, Record};
use crate::protocol::request::{Answer, Sent, Verb};
use crate::protocol::world::World;

impl Monitor {
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
        self.watched[id].sent = match &answer.sent {
            Sent::Cookie(text) => Some(text.clone()),
            _ => None,
        };
        self.watched[id].told = Some(answer.told.as_ref().map_or_else(|(_, status)| *status, |()| 200));
        if let Err((error, status)) = &answer.told {
            let no = *status == 409;
            self.must(error != "Conflict" || watched.rivalled, "a conflict is told and no other request has written");
            // a login that is taken back when its record is over already, or that another login has joined, deletes nothing
            let own = |record: &Record| record.live(now) && record.login == watched.login && !self.shared(id);
            let there = watched.wrote.and_then(&record).is_some_and(|record| own(&record));
            // its rotation is no part of what is told of the commit
            let landed = watched.landed && (there || !verb.signs_in()) && verb != Verb::Upgrade;
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
            Verb::Write | Verb::Same | Verb::Increment | Verb::Add | Verb::Upgrade => true,
            Verb::Flash | Verb::LoginA | Verb::LoginB => true,
            Verb::Rotate => watched.accepted.is_some(),
            _ => false,
        };
        self.must(!must_land || watched.landed, "success is told of a change that is not stored");
        if matches!(verb, Verb::Increment | Verb::Add | Verb::Upgrade)
            && let Some(Some((least, _))) = handle.and_then(|handle| self.counts.get_mut(&handle))
        {
            *least += 1;
        }
        if verb.revokes() {
            let own = watched.cookie.filter(|_| verb == Verb::Others).map(|cookie| cookie.handle);
            let moved = watched.moved.unwrap_or_default();
            self.must(watched.moved.is_some(), "a revocation is acknowledged and the epoch has not moved");
            let ended = self.logins.iter().filter(|((handle, _), (subject, _, last))| {
                Some(*handle) != own && *subject == watched.ends_those_of() && *last < moved
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

    /// Whether another login of the same subject over the same cookie has written the session of `id`'s login.
    pub(super) fn shared(&self, id: usize) -> bool {
        let own = &self.watched[id];
        let others = self.watched.iter().enumerate().filter(|(other, _)| *other != id);
        own.verb.is_some_and(Verb::signs_in)
            && others.into_iter().any(|(_, other)| {
                let same = other.verb == own.verb && other.text == own.text;
                same && other.landed && (other.wrote, other.login) == (own.wrote, own.login)
            })
    }

    /// Two logins of a subject over one cookie, and nothing else: both are told of one session (rule 15).
    fn two_clicks(&mut self) {
        let [one, two] = &self.watched[..] else { return };
        let same = one.verb == two.verb && one.text == two.text && one.told == Some(200) && two.told == one.told;
        let subject = one.verb.and_then(Verb::subject);
        // a handle has one subject for life
        let fits = |record: &Record| record.subject.is_none() || record.subject.as_deref() == subject;
        let accepted = [one, two].iter().any(|login| login.accepted.as_ref().is_some_and(fits));
        if same && subject.is_some() && accepted && !self.disturbed {
            let met = one.sent == two.sent;
            self.must(met, "two logins of one subject over one cookie end in two sessions");
        }
    }

    /// Nothing is under way any more.
    pub(crate) fn at_rest(&mut self, world: &World, now: u64) {
        let records = |handle| world.record(handle);
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
            let record = record.filter(|_| works);
            if let Some((subject, login)) = record.as_ref().and_then(|of| Some((of.subject.as_ref()?, of.login))) {
                let found = !self.kind.is_memory() || world.lists(subject, cookie.handle, login);
                self.must(found, "a cookie works whose session no revocation finds");
            }
            let login = record.map_or(0, |record| record.login);
            self.must(!self.revoked.contains_key(&(cookie.handle, login)), "a cookie works whose session was revoked");
        }
        self.two_clicks();
        if self.kind.cap() > 0 && !self.disturbed {
            self.at_the_cap(&records, now);
        }
    }

    fn at_the_cap(&mut self, records: &impl Fn(HandleBytes) -> Option<Record>, now: u64) {
        let opens = |cookie: &Cookie| {
            let record = records(cookie.handle).filter(|record| record.accepts(cookie, now));
            record.is_some_and(|record| record.subject.as_deref() == Some("a"))
        };
        let working: BTreeSet<_> = self.cookies.keys().filter(|cookie| opens(cookie)).map(|c| c.handle).collect();
        let cap = usize::from(self.kind.cap());
        self.must(working.len() <= cap, "a subject has more sessions than the cap allows");
        let mut verbs = self.watched.iter().filter_map(|watched| watched.verb);
        let ends = verbs.any(|verb| verb == Verb::Logout || verb.revokes());
        // all that would be alive without a cap
        let in_time = |handle| self.alive.get(handle).is_some_and(|(used, ends)| now < used + IDLE && now < *ends);
        let all = self
            .logins
            .iter()
            .filter(|((handle, _), (subject, ..))| subject.as_deref() == Some("a") && in_time(handle));
        let all: BTreeSet<_> = all.map(|((handle, _), _)| handle).collect();
        self.must(ends || working.len() >= cap.min(all.len()), "logins at the cap end more sessions than they add");
    }
}
