//! What a history must not show. Pure functions, which know the promises and nothing of the code that keeps them.
//!
//! Where the outcome of a request is unknown, all that may have come of it is allowed. So each rule says when it binds,
//! and what binds was told to a client.

use std::collections::{HashMap, HashSet};

use crate::history::{Cookie, History, Millis, Request, STEP, Verb};

/// No request takes longer.
const PATIENCE: Millis = 8_000;
/// A store or node that is back is used again after this.
const RECOVERY: Millis = 3_000;
/// For so long, less five seconds, a cookie that was replaced is told 409, and after that is as unknown as any other.
const REPLACED: Millis = 55_000;
/// A cookie that another request in progress may have renewed is used in its grace, of two seconds.
const GRACE: Millis = 1_000;
/// A cookie that a login has made is not renewed before this.
const REPLACES: Millis = 3_000;
/// A renewal's cookie is handed out while the grace lasts.
const HANDED: Millis = 2_000;
/// What a node may have.
const KILOBYTES: u64 = 200_000;
const DESCRIPTORS: usize = 256;

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule's name.
    pub rule: &'static str,
    /// What is wrong, and the requests that show it.
    pub text: String,
}

/// What was checked.
#[derive(Debug, Default)]
pub struct Findings {
    /// None, if all is well.
    pub violations: Vec<Violation>,
    /// Requests whose cookie had ended by an acknowledged request.
    pub ended: usize,
    /// Reads that had to find their session.
    pub obliged: usize,
}

/// Checks a history by all rules.
#[must_use]
pub fn check(history: &History) -> Findings {
    let mut checker = Checker::new(history);
    for request in &history.requests {
        checker.answered(request);
        checker.told_of_its_own(request);
        checker.vanished(request);
        checker.refused(request);
    }
    checker.ended();
    checker.counted();
    checker.twice();
    checker.taken();
    checker.bounded();
    checker.findings
}

/// Returns how often a text has twenty characters of a cookie, those after its handle, or of a key; in either case.
#[must_use]
pub fn secrets_in(text: &str, secrets: &[String]) -> usize {
    const PART: usize = 20;
    // what follows the handle, which is no secret: 8 bytes are 11 characters
    let part = |secret: &String| secret.get(11..11 + PART).map(str::to_ascii_lowercase);
    let parts: HashSet<Vec<u8>> = secrets.iter().filter_map(part).map(String::into_bytes).collect();
    text.to_ascii_lowercase().as_bytes().windows(PART).filter(|window| parts.contains(*window)).count()
}

/// Which of a session's cookies open nothing from a moment on.
struct End<'a> {
    by: &'a Request,
    cookies: Which,
}

enum Which {
    All,
    Only(Cookie),
    /// Those that somebody had received by then.
    ReceivedBefore(Millis),
}

struct Checker<'a> {
    history: &'a History,
    /// The requests that touch a session.
    of: HashMap<u64, Vec<&'a Request>>,
    /// The sessions' cookies, and when they were first received.
    received: HashMap<u64, Vec<(Cookie, Millis)>>,
    /// Who may have signed in to a session, and who has.
    users: HashMap<u64, HashSet<&'a str>>,
    signed_in: HashMap<u64, Vec<&'a Request>>,
    writers: HashMap<u64, &'a Request>,
    takers: HashMap<u64, Vec<&'a Request>>,
    revocations: Vec<&'a Request>,
    findings: Findings,
}

impl<'a> Checker<'a> {
    fn new(history: &'a History) -> Self {
        let mut new = Self {
            history,
            of: HashMap::new(),
            received: HashMap::new(),
            users: HashMap::new(),
            signed_in: HashMap::new(),
            writers: HashMap::new(),
            takers: HashMap::new(),
            revocations: Vec::new(),
            findings: Findings::default(),
        };
        for request in &history.requests {
            let sessions: HashSet<u64> = [request.sent, request.got].iter().flatten().map(|it| it.session).collect();
            for session in sessions {
                new.of.entry(session).or_default().push(request);
            }
            if let Some(got) = request.got {
                let received = new.received.entry(got.session).or_default();
                if !received.iter().any(|(cookie, _)| *cookie == got) {
                    received.push((got, request.end));
                }
            }
            match request.verb {
                Verb::Set(_, value) => drop(new.writers.insert(value, request)),
                Verb::Take(_) => {
                    let taken = request.text().and_then(|text| text.strip_prefix('v')?.parse().ok());
                    taken.map(|value| new.takers.entry(value).or_default().push(request)).unwrap_or_default();
                }
                Verb::RevokeOthers => new.revocations.push(request),
                Verb::Login(user) if request.status() == 200 || request.unknown() => {
                    let session = request.got.or(request.sent).map(|cookie| cookie.session);
                    session.map(|session| new.users.entry(session).or_default().insert(user));
                    if let Some(session) = session.filter(|_| request.status() == 200) {
                        new.signed_in.entry(session).or_default().push(request);
                    }
                }
                _ => {}
            }
        }
        new
    }

    fn report(&mut self, rule: &'static str, what: &str, shown: &[&Request]) {
        let mut text = what.to_owned();
        for request in shown {
            text += &format!("\n    {request:?}");
        }
        self.findings.violations.push(Violation { rule, text });
    }

    fn of(&self, session: u64) -> &[&'a Request] {
        self.of.get(&session).map_or(&[], Vec::as_slice)
    }

    fn received(&self, cookie: Cookie) -> Option<Millis> {
        self.received.get(&cookie.session)?.iter().find(|(it, _)| *it == cookie).map(|(_, at)| *at)
    }

    /// A moment before which the cookie was not there. Its answer may have been slow, or that of a request which was handed
    /// what another one had made.
    fn made(&self, cookie: Cookie) -> Millis {
        let givers = || self.of(cookie.session).iter().filter(|it| it.got == Some(cookie));
        let made = |it: &&Request| match it.verb {
            Verb::Login(_) => {
                let clicks =
                    self.history.requests.iter().filter(|other| other.verb == it.verb && other.sent == it.sent);
                clicks.map(|click| click.start).min().unwrap_or(it.start)
            }
            _ => it.start.saturating_sub(HANDED + self.stepped(it.start, it.end)),
        };
        givers().map(made).min().unwrap_or(0)
    }

    /// By how much a clock may have been wrong, or times that a wrong clock wrote may be, between these moments.
    fn stepped(&self, from: Millis, to: Millis) -> Millis {
        let wrong = self.history.faults.iter().any(|it| it.stepped && it.from <= to && it.to + STEP >= from);
        if wrong { STEP } else { 0 }
    }

    /// Whether nobody had received a later cookie of its session by then.
    fn newest(&self, cookie: Cookie, by: Millis) -> bool {
        let received = self.received.get(&cookie.session).map_or(&[][..], Vec::as_slice);
        received.iter().all(|(it, at)| it.number <= cookie.number || *at > by)
    }

    /// No answer takes longer than its patience; 503, and no answer, only while a fault lasts and shortly after.
    fn answered(&mut self, request: &'a Request) {
        let Request { start, end, node, .. } = *request;
        let faults = &self.history.faults;
        let stopped = faults.iter().filter(|fault| fault.stopped == Some(node));
        let overlap = |from: Millis, to: Millis| to.min(end).saturating_sub(from.max(start));
        let excused: Millis = stopped.map(|fault| overlap(fault.from, fault.to)).sum();
        let faulty = faults.iter().any(|fault| fault.from <= end && start <= fault.to + RECOVERY);
        if end - start > PATIENCE + excused {
            self.report("hang", &format!("{} ms, {excused} of them excused", end - start), &[request]);
        }
        if request.unknown() && !faulty {
            self.report("unavailable", "no fault, and no answer", &[request]);
        }
        // not signed in, or a store that has no list
        let revokes = request.verb == Verb::RevokeOthers && [401, 501].contains(&request.status());
        if !revokes && ![0, 200, 204, 409, 503].contains(&request.status()) {
            self.report("status", "a status that has no place here", &[request]);
        }
    }

    /// A session shows what was written to it, and nothing of another; what was refused, replaced or taken is not shown.
    fn told_of_its_own(&mut self, request: &'a Request) {
        let (Some(text), Some(sent)) = (request.text(), request.sent) else { return };
        match request.verb {
            Verb::WhoAmI if !self.users.get(&sent.session).is_some_and(|users| users.contains(text)) => {
                self.report("apart", "nobody of this name has signed in to this session", &[request]);
            }
            Verb::Read(key) | Verb::Take(key) => {
                let Some(value) = text.strip_prefix('v').and_then(|value| value.parse().ok()) else { return };
                let Some(writer) = self.writers.get(&value).copied() else {
                    return self.report("apart", "nobody wrote this value", &[request]);
                };
                if !matches!(writer.verb, Verb::Set(its, _) if its == key)
                    || !writer.touches(sent.session)
                    || writer.wrote().is_some_and(|session| session != sent.session)
                    || writer.start > request.end
                {
                    return self.report("apart", "the value was written elsewhere", &[writer, request]);
                }
                if !writer.unknown() && writer.status() != 200 {
                    return self.report("refused", "the value was refused", &[writer, request]);
                }
                let later = |it: &&&Request| {
                    matches!(it.verb, Verb::Set(its, _) if its == key)
                        && it.wrote() == Some(sent.session)
                        && it.start > writer.done()
                        && it.end < request.start
                };
                if let Some(later) = self.of(sent.session).iter().find(later).copied() {
                    return self.report("set", "the value had been replaced", &[writer, later, request]);
                }
                let takers = self.takers.get(&value).map_or(&[][..], Vec::as_slice);
                if let Some(taker) = takers.iter().find(|taker| taker.end < request.start).copied() {
                    self.report("take", "the value had been taken", &[writer, taker, request]);
                }
            }
            _ => {}
        }
    }

    /// What was acknowledged is there, if nothing can have ended the session or replaced the cookie.
    fn vanished(&mut self, request: &'a Request) {
        let (Verb::Read(key), 204, Some(sent)) = (request.verb, request.status(), request.sent) else {
            if let (Verb::Read(_), 200, Some(sent)) = (request.verb, request.status(), request.sent) {
                self.findings.obliged += usize::from(self.must_open(sent, request));
            }
            return;
        };
        let kept = |it: &&&Request| {
            matches!(it.verb, Verb::Set(its, _) | Verb::Add(its) if its == key)
                && it.wrote() == Some(sent.session)
                && it.end < request.start
        };
        let takes = self.of(sent.session).iter().any(|it| it.verb == Verb::Take(key));
        let kept = self.of(sent.session).iter().find(kept).copied().filter(|_| !takes);
        if let Some(kept) = kept.filter(|_| self.must_open(sent, request)) {
            self.findings.obliged += 1;
            self.report("set", "what was acknowledged is not there", &[kept, request]);
        }
    }

    /// A write is refused only because of another request.
    fn refused(&mut self, request: &'a Request) {
        let (Verb::Set(..) | Verb::Add(_), 409, Some(sent)) = (request.verb, request.status(), request.sent) else {
            return;
        };
        let others = self.of(sent.session).iter().filter(|it| !std::ptr::eq(**it, request));
        let meets = |it: &&Request| it.start <= request.end && it.done() >= request.start;
        if !others.copied().any(|it| meets(&it)) && self.must_open(sent, request) {
            self.report("alone", "refused without another request", &[request]);
        }
    }

    fn must_open(&self, cookie: Cookie, by: &Request) -> bool {
        let made = self.made(cookie);
        let emptied = self.history.faults.iter().any(|it| it.emptied && it.from <= by.end && it.to >= made);
        let of = self.of(cookie.session);
        let uses = |it: &&&Request| it.opened() == Some(cookie.session) || it.wrote_cookie_of(cookie.session);
        let used = of.iter().filter(uses).filter(|it| it.end <= by.start).map(|it| it.end).max();
        let unused = used.is_none_or(|used| by.start - used > self.history.idle / 2);
        // a command that ends this login, and was given up after it, may be done at any time
        let numbered =
            |it: &&&Request| matches!(it.verb, Verb::Login(_) | Verb::Rotate) && it.wrote_cookie_of(cookie.session);
        let login = of.iter().filter(numbered).filter(|it| it.end <= by.start).map(|it| it.start).max().unwrap_or(0);
        let ends = |it: &&Request| {
            let gave = it.got == Some(cookie) && it.status() == 200;
            let since = if it.unknown() { login } else { made };
            it.verb.ends() && !gave && ![401, 501].contains(&it.status()) && it.start <= by.end && it.done() >= since
        };
        let users = self.users.get(&cookie.session);
        let revokes = |it: &&&Request| {
            let theirs =
                it.sent.filter(|sent| sent.session != cookie.session).and_then(|sent| self.users.get(&sent.session));
            users.zip(theirs).is_some_and(|(ours, theirs)| !ours.is_disjoint(theirs)) && ends(it)
        };
        // a renewal whose answer was lost, or is on its way
        let renews = |it: &&Request| {
            let lost = it.unknown() && it.done() >= made;
            let slow = it.end > by.start && it.start + GRACE < by.start;
            it.start <= by.end && (lost || slow)
        };
        let others = || of.iter().filter(|it| !std::ptr::eq(**it, by) && it.sent_to(cookie.session));
        self.newest(cookie, by.end)
            && self.stepped(made, by.end) == 0
            && !emptied
            && !unused
            && !others().any(|it| it.verb != Verb::RevokeOthers && ends(it) || renews(it))
            && !self.revocations.iter().any(|it| revokes(&it))
    }

    /// Two logins of one subject over one cookie, at the same time, end in one session. A cookie that was replaced before
    /// leads there as well, but only until the new one is renewed.
    fn twice(&mut self) {
        let mut found = Vec::new();
        for (session, of) in &self.of {
            let logins = || of.iter().copied().filter(|it| it.status() == 200 && matches!(it.verb, Verb::Login(_)));
            for first in logins().filter(|it| it.sent_to(*session) && it.wrote_cookie_of(*session)) {
                let same = |it: &&Request| {
                    it.sent == first.sent && it.verb == first.verb && it.start <= first.end && first.start <= it.end
                };
                let Some(other) = logins().filter(same).find(|it| !it.wrote_cookie_of(*session)) else { continue };
                let (from, to) = (first.start.min(other.start), first.end.max(other.end));
                let meets = |it: &Request| it.start <= to && it.done() >= from;
                let uses = |it: &&Request| it.sent == first.got || it.verb.ends() && it.sent != first.sent;
                let replaced = |it: &&Request| it.sent == first.sent && it.verb.ends() && it.start + REPLACES < from;
                if self.stepped(from, to) == 0
                    && !of.iter().copied().any(|it| replaced(&it))
                    && !of.iter().copied().filter(uses).chain(self.revocations.iter().copied()).any(meets)
                {
                    found.push([first, other]);
                }
            }
        }
        found.iter().for_each(|shown| self.report("twice", "two sessions of two clicks", shown));
    }

    /// No old cookie opens anything after an acknowledged logout, login, rotation or revocation.
    fn ended(&mut self) {
        let mut ends: HashMap<u64, Vec<End<'a>>> = HashMap::new();
        for by in self.history.requests.iter().filter(|it| it.status() == 200 && it.verb.ends()) {
            let Some(sent) = by.sent else { continue };
            let old = by.start > self.made(sent) + REPLACED && !self.newest(sent, by.start);
            let got_new = by
                .got
                .is_some_and(|got| got.session == sent.session && self.received(got) == Some(by.end) && got != sent);
            let cookies = match by.verb {
                Verb::Logout if old => Which::Only(sent),
                Verb::Logout => Which::All,
                Verb::Login(_) | Verb::Rotate if got_new => Which::ReceivedBefore(by.start),
                Verb::Login(_) => Which::Only(sent),
                Verb::RevokeOthers => {
                    // a session has one subject for life, but a login of another whose outcome is unknown says nothing
                    let Some(own) = self.signed_in.get(&sent.session).and_then(|logins| logins.first()) else {
                        continue;
                    };
                    let theirs = self.signed_in.iter().filter(|(session, logins)| {
                        let same = |login: &&Request| login.verb == own.verb && login.end < by.start;
                        **session != sent.session && logins.iter().any(same)
                    });
                    for (session, _) in theirs {
                        let end = End { by, cookies: Which::ReceivedBefore(by.start) };
                        ends.entry(*session).or_default().push(end);
                    }
                    continue;
                }
                _ => continue,
            };
            ends.entry(sent.session).or_default().push(End { by, cookies });
        }
        for request in &self.history.requests {
            let Some(sent) = request.sent else { continue };
            let over = |end: &&End<'_>| {
                let covered = match end.cookies {
                    Which::All => true,
                    Which::Only(cookie) => cookie == sent,
                    Which::ReceivedBefore(at) => self.received(sent).is_some_and(|received| received < at),
                };
                covered && end.by.end < request.start && end.by.got != Some(sent)
            };
            let Some(end) = ends.get(&sent.session).and_then(|ends| ends.iter().find(over)) else { continue };
            self.findings.ended += 1;
            if request.opened().is_some() {
                self.report("ended", "the cookie had ended, and opened its session", &[end.by, request]);
            }
        }
    }

    /// An acknowledged `add` is counted once, one of unknown outcome at most once, a refused one never.
    fn counted(&mut self) {
        let mut found = Vec::new();
        for (session, of) in &self.of {
            let mut numbers: HashMap<(&str, u64), &Request> = HashMap::new();
            for request in of.iter().copied() {
                let (Verb::Add(key) | Verb::Read(key)) = request.verb else { continue };
                let adds = matches!(request.verb, Verb::Add(_));
                let here = if adds { request.wrote() } else { request.sent.map(|sent| sent.session) };
                let number = request.text().and_then(|text| text.parse::<u64>().ok());
                let Some(number) = number.filter(|_| here == Some(*session)) else { continue };
                let adders = || of.iter().filter(|it| it.verb == Verb::Add(key));
                let before =
                    adders().filter(|it| it.wrote() == Some(*session) && it.end < request.start).count() as u64;
                let may = |it: &&&Request| it.wrote() == Some(*session) || it.unknown();
                let most = adders().filter(|it| it.start <= request.end).filter(may).count() as u64;
                let least = before + u64::from(adds);
                if number < least || number > most {
                    found.push((format!("{number}, and not {least} to {most}"), vec![request]));
                }
                if adds && let Some(other) = numbers.insert((key, number), request) {
                    found.push(("two were told the same number".into(), vec![other, request]));
                }
            }
        }
        found.into_iter().for_each(|(what, shown)| self.report("add", &what, &shown));
    }

    /// A value is given to one taker, and a handle has one subject for life.
    fn taken(&mut self) {
        let takers: Vec<_> = self.takers.values().filter(|takers| takers.len() > 1).cloned().collect();
        takers.iter().for_each(|takers| self.report("take", "several have taken one value", takers));
        let several = |logins: &&Vec<&Request>| logins.iter().any(|it| it.verb != logins[0].verb);
        let subjects: Vec<_> = self.signed_in.values().filter(several).cloned().collect();
        subjects.iter().for_each(|logins| self.report("apart", "a session of several subjects", logins));
    }

    fn bounded(&mut self) {
        for sample in &self.history.samples {
            if sample.kilobytes > KILOBYTES || sample.descriptors > DESCRIPTORS {
                self.report("bounded", &format!("{sample:?}"), &[]);
            }
        }
    }
}
