//! Records under one lock, by the rules of the protocol.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Reply;
use super::token::Token;

/// What libraries of today do wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Bug {
    AdoptsAnyId,
    LogoutLeavesTheRecord,
    SaveAfterLogoutRevives,
    LoginKeepsTheCookie,
    OldCookieAfterLogin,
    LateWriteNotAcceptedAgain,
    LastWriteWins,
    CookieOnEveryResponse,
    CookieForVisitors,
    UnknownIsRemoved,
    FirstCookieOnly,
    NameInAnyCase,
    QuotesStripped,
    NotCanonical,
    NoVary,
    NoNoStore,
    IdleNotEnforced,
    IdleASecondLate,
    ActivityExtendsAbsolute,
    PeekIsActivity,
    PlainIsActivity,
    RenewalsDiverge,
    GraceForever,
    NoRenewal,
    FailureLosesTheChange,
    FlashTwice,
    TakesTwice,
    SecondLoginMakesAnother,
    NoQuotaOfVisitors,
    FlashSurvivesLogin,
    CsrfSurvivesLogin,
    CsrfUnmasked,
    NoCsrf,
    RememberForgotten,
    MaxAgeFixed,
    DataPassedToAnotherUser,
    NoCapacity,
    LoginEvictsUsers,
    RotationExtends,
    LateLogoutIgnored,
    ListShowsEverybody,
    ListKeepsTheEnded,
    HandleWorksForAnybody,
    RevokeOthersEndsAll,
    RevokeOthersEndsNobody,
    RevokeLeavesTheRecord,
    NoCap,
    CapEndsTheNewest,
    CapCountsTheEnded,
    LengthEndsTheServer,
    CrossSitePasses,
    NoStoreForgotten,
    SiteDataForgotten,
    ProofNotAsked,
    ProofHoldsForever,
    ProofOfAnySession,
    SignatureNotVerified,
    ChallengeNotVerified,
    RegisteredForAnyLogin,
    RegisteredLate,
    KeyReplaced,
    KeySurvivesLogin,
    ProofReplayed,
    ProofNeedsTheCookie,
    ProofOfAnothersCookie,
    ProofIsActivity,
    ScriptsRegister,
    OutageIsFinal,
    LogoutNeedsAProof,
    UnprovenSurvivesLogin,
    RequirementForgotten,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    Text(String),
    Number(u64),
}

#[derive(Clone, Default, Debug)]
pub(crate) struct Record {
    pub(super) secret: u128,
    previous: Option<(u128, u64)>,
    /// The cookie that the last login replaced, until the next write.
    before_login: Option<u128>,
    rotated_at: u64,
    pub(super) created: u64,
    pub(crate) authenticated_at: Option<u64>,
    pub(crate) subject: Option<String>,
    pub(super) login: u64,
    /// Counts logins of everybody.
    order: u64,
    pub(super) last_seen: u64,
    idle: u64,
    absolute: u64,
    pub(crate) data: BTreeMap<String, Value>,
    pub(crate) flash: Option<String>,
    /// The key of the device, and when the challenge of the last proof was made.
    pub(super) device: Option<([u8; 64], u64)>,
}

/// What the cookies of a request come to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found {
    None,
    Live(Token),
    Stale { token: Token, late: bool },
}

pub(crate) struct Sessions {
    pub(crate) bug: Option<Bug>,
    pub(crate) cookie_name: String,
    pub(crate) no_store: bool,
    pub(crate) clear_site_data: bool,
    clock: Arc<AtomicU64>,
    random: RandomState,
    drawn: u64,
    pub(super) key: String,
    pub(super) records: HashMap<u64, Record>,
    capacity: usize,
    anonymous: usize,
    idle: u64,
    absolute: u64,
    renew_after: u64,
    grace: u64,
    cap: usize,
    logins: u64,
    /// Subject and login of sessions that a logout ended.
    ended: Vec<(Option<String>, u64)>,
    /// For how many milliseconds the proof of a device holds; 0: sessions are not bound.
    pub(crate) device_bound: u64,
    pub(super) single_use: bool,
    pub(super) required: bool,
    /// The store does not answer.
    pub(crate) down: bool,
    /// Every challenge, proof and URL that was handed out.
    pub(super) issued: HashMap<String, super::device::Issued>,
}

const DAY: u64 = 86_400_000;
const ENDED: &str = "the session ended";
const NEWER: &str = "the session goes on under a newer cookie";

impl Sessions {
    pub(crate) fn new(flags: &[&str], bug: Option<Bug>, clock: Arc<AtomicU64>) -> Self {
        let flag = |name: &str| flags.windows(2).find(|two| two[0] == name).map(|two| two[1]);
        let millis = |name: &str, default: u64| flag(name).and_then(|v| v.parse().ok()).unwrap_or(default) * 1000;
        let default_name = if flags.contains(&"--https") { "__Host-id" } else { "id" };
        let random = RandomState::new();
        Self {
            bug,
            cookie_name: flag("--cookie-name").unwrap_or(default_name).to_owned(),
            no_store: flags.contains(&"--no-store"),
            clear_site_data: flags.contains(&"--clear-site-data"),
            clock,
            key: flag("--key").map_or_else(|| random.hash_one(0).to_string(), str::to_owned),
            random,
            drawn: 0,
            records: HashMap::new(),
            capacity: flag("--store").and_then(|s| s.split_once("capacity=")?.1.parse().ok()).unwrap_or(usize::MAX),
            anonymous: flag("--anonymous-most").and_then(|number| number.parse().ok()).unwrap_or(usize::MAX),
            idle: millis("--idle", 1800),
            absolute: millis("--absolute", 43_200),
            renew_after: millis("--renew-after", 3600),
            grace: millis("--grace", 60),
            cap: flag("--max-per-user").and_then(|number| number.parse().ok()).unwrap_or(0),
            logins: 0,
            ended: Vec::new(),
            device_bound: millis("--device-bound", 0),
            single_use: flags.contains(&"--single-use-proofs"),
            required: flags.contains(&"--require-device"),
            down: false,
            issued: HashMap::new(),
        }
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.load(Ordering::SeqCst)
    }

    pub(crate) fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.random.hash_one(self.drawn)
    }

    pub(super) fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    pub(super) fn secret(&mut self) -> u128 {
        u128::from(self.draw()) << 64 | u128::from(self.draw())
    }

    pub(super) fn live(&self, record: &Record) -> bool {
        let late = if self.has(Bug::IdleASecondLate) { 1000 } else { 0 };
        let idle =
            record.idle == 0 || self.has(Bug::IdleNotEnforced) || self.now() < record.last_seen + record.idle + late;
        let from = if self.has(Bug::ActivityExtendsAbsolute) { record.last_seen } else { record.created };
        idle && (record.absolute == 0 || self.now() < from + record.absolute)
    }

    fn accept(&self, token: Token) -> Found {
        let Some(record) = self.records.get(&token.handle).filter(|record| self.live(record)) else {
            return Found::None;
        };
        let grace = |until| self.now() < until || self.has(Bug::GraceForever);
        match record.previous {
            _ if record.secret == token.secret => Found::Live(token),
            Some((previous, until)) if previous == token.secret && grace(until) => Found::Live(token),
            _ if self.now() - record.rotated_at >= 60_000 => Found::None,
            previous => Found::Stale { token, late: previous.is_some_and(|(previous, _)| previous == token.secret) },
        }
    }

    pub(crate) fn begin(&mut self, cookies: &[Vec<u8>]) -> Found {
        let any_case = self.has(Bug::NameInAnyCase);
        let name = self.cookie_name.clone().into_bytes();
        let ours = |cookie: &Vec<u8>| {
            let cookie = cookie.trim_ascii();
            let at = cookie.iter().position(|&b| b == b'=')?;
            let same = if any_case { cookie[..at].eq_ignore_ascii_case(&name) } else { cookie[..at] == name };
            same.then(|| cookie[at + 1..].to_vec())
        };
        let count = if self.has(Bug::FirstCookieOnly) { 1 } else { 8 };
        let mut best = Found::None;
        for mut value in cookies.iter().filter_map(ours).take(count) {
            if self.has(Bug::QuotesStripped) {
                value.retain(|&b| b != b'"');
            }
            let key = if self.has(Bug::AdoptsAnyId) { None } else { Some(self.key.as_str()) };
            let Some(token) = Token::open(&value, key, !self.has(Bug::NotCanonical)) else { continue };
            if self.has(Bug::AdoptsAnyId) && !self.records.contains_key(&token.handle) {
                let record = Record { secret: token.secret, ..self.blank() };
                self.records.insert(token.handle, record);
            }
            match self.accept(token) {
                Found::Live(token) => return Found::Live(token),
                Found::None => {}
                stale => best = stale,
            }
        }
        best
    }

    pub(crate) fn record(&self, found: &Found) -> Option<Record> {
        let Found::Live(token) = found else { return None };
        self.records.get(&token.handle).cloned()
    }

    fn blank(&mut self) -> Record {
        let (now, secret) = (self.now(), self.secret());
        let (idle, absolute) = (self.idle, self.absolute);
        Record { secret, rotated_at: now, created: now, last_seen: now, idle, absolute, ..Record::default() }
    }

    fn create(&mut self, record: Record, reply: &mut Reply) {
        let dead: Vec<_> = self.records.iter().filter(|(_, r)| !self.live(r)).map(|(h, _)| *h).collect();
        dead.iter().for_each(|handle| _ = self.records.remove(handle));
        let visitors = self.records.values().filter(|record| record.subject.is_none()).count();
        if record.subject.is_none() && visitors >= self.anonymous && !self.has(Bug::NoQuotaOfVisitors) {
            return *reply = Reply::new(507, "no room for another visitor");
        }
        if self.records.len() >= self.capacity && !self.has(Bug::NoCapacity) {
            let user_may_go = self.has(Bug::LoginEvictsUsers);
            let anonymous = self.records.iter().filter(|(_, r)| r.subject.is_none() || user_may_go);
            let victim = anonymous.min_by_key(|(_, r)| r.last_seen).map(|(handle, _)| *handle);
            match victim.filter(|_| record.subject.is_some()) {
                Some(victim) => _ = self.records.remove(&victim),
                None => return *reply = Reply::new(507, "no room"),
            }
        }
        let token = Token { handle: self.draw(), secret: record.secret };
        reply.cookie = Some(self.cookie(token, &record));
        self.records.insert(token.handle, record);
    }

    fn cookie(&self, token: Token, record: &Record) -> (String, u64) {
        let rest = if record.absolute == 0 { 400 * DAY } else { record.created + record.absolute - self.now() };
        let age = if self.has(Bug::MaxAgeFixed) { 43_200 } else { rest.min(400 * DAY) / 1000 };
        (token.text(&self.key), age)
    }

    /// A handler's write at its end: accept again, merge or conflict.
    pub(crate) fn write(
        &mut self,
        found: &Found,
        loaded: &BTreeMap<String, Value>,
        key: Option<&str>,
        mut reply: Reply,
        edit: impl FnOnce(&mut Record),
    ) -> Reply {
        let token = match found {
            Found::None => {
                let mut record = self.blank();
                edit(&mut record);
                self.create(record, &mut reply);
                return reply;
            }
            Found::Stale { .. } => return Reply::new(409, NEWER),
            Found::Live(token) => *token,
        };
        if self.has(Bug::SaveAfterLogoutRevives) && !self.records.contains_key(&token.handle) {
            let record = Record { secret: token.secret, data: loaded.clone(), ..self.blank() };
            self.records.insert(token.handle, record);
        }
        let again = self.accept(token);
        let anyway = self.has(Bug::LateWriteNotAcceptedAgain);
        let last_wins = self.has(Bug::LastWriteWins);
        match (self.records.get_mut(&token.handle), again) {
            (None, _) | (_, Found::None) => Reply::new(409, ENDED),
            (_, Found::Stale { .. }) if !anyway => Reply::new(409, NEWER),
            (Some(record), _) => {
                if !last_wins && key.is_some_and(|key| record.data.get(key) != loaded.get(key)) {
                    return Reply::new(409, "another request changed the same value");
                }
                edit(record);
                record.before_login = None;
                reply
            }
        }
    }

    /// The commit of a request that is no peek: touch, renew, hand out the current cookie.
    pub(crate) fn end(&mut self, found: &Found, reply: &mut Reply) {
        let Found::Live(token) = *found else {
            if self.has(Bug::UnknownIsRemoved) && reply.cookie.is_none() {
                reply.cookie = Some((String::new(), 0));
            }
            if self.has(Bug::CookieForVisitors) && matches!(found, Found::None) && reply.cookie.is_none() {
                let record = self.blank();
                self.create(record, reply);
            }
            return;
        };
        if !matches!(self.accept(token), Found::Live(_)) {
            return;
        }
        let (now, secret, grace) = (self.now(), self.secret(), self.grace);
        let (renews, diverge) = (self.renew_after > 0 && !self.has(Bug::NoRenewal), self.has(Bug::RenewalsDiverge));
        let Some(record) = self.records.get_mut(&token.handle) else { return };
        record.last_seen = now;
        let in_grace = record.previous.is_some_and(|(_, until)| now < until) && !diverge;
        if renews && now - record.rotated_at >= self.renew_after && !in_grace
            || diverge && record.secret != token.secret
        {
            record.previous = Some((token.secret, now + grace));
            (record.secret, record.rotated_at) = (secret, now);
        }
        let record = record.clone();
        if record.secret != token.secret || self.has(Bug::CookieOnEveryResponse) {
            reply.cookie = Some(self.cookie(Token { secret: record.secret, ..token }, &record));
        }
    }

    pub(crate) fn login(&mut self, found: &Found, subject: &str, remember: bool) -> Reply {
        let reply = self.signed_in(found, subject, remember);
        if self.cap > 0 && !self.has(Bug::NoCap) {
            let mut theirs = self.of(subject);
            let stale = self.ended.iter().filter(|(of, _)| of.as_deref() == Some(subject)).count();
            let counted = theirs.len() + if self.has(Bug::CapCountsTheEnded) { stale } else { 0 };
            if self.has(Bug::CapEndsTheNewest) {
                theirs.reverse();
            }
            let beyond = counted.saturating_sub(self.cap);
            theirs.iter().take(beyond).for_each(|handle| _ = self.records.remove(handle));
        }
        reply
    }

    /// The handles of a subject's sessions, the oldest login first.
    fn of(&self, subject: &str) -> Vec<u64> {
        let all = self.has(Bug::ListShowsEverybody);
        let theirs = |record: &Record| {
            record.subject.as_deref() == Some(subject) && (self.live(record) || self.has(Bug::ListKeepsTheEnded))
        };
        let mut handles: Vec<_> = self.records.iter().filter(|(_, r)| all || theirs(r)).map(|(h, _)| *h).collect();
        handles.sort_by_key(|handle| self.records[handle].order);
        handles
    }

    fn name(&self, handle: u64) -> String {
        format!("{:08x}", self.random.hash_one((handle, "name")) as u32)
    }

    pub(crate) fn list(&self, found: &Found, subject: &str) -> String {
        let line = |handle: &u64| {
            let record = &self.records[handle];
            let current = matches!(found, Found::Live(token) if token.handle == *handle);
            let name = self.name(*handle);
            let (created, seen) = (record.created, record.last_seen);
            format!("{{\"handle\":\"{name}\",\"created\":{created},\"last_seen\":{seen},\"current\":{current}}}\n")
        };
        self.of(subject).iter().map(line).collect()
    }

    pub(crate) fn revoke(&mut self, found: &Found, name: &str) -> Reply {
        let Some(subject) = self.record(found).and_then(|record| record.subject) else {
            return Reply::new(401, "sign in first");
        };
        let anybody = self.has(Bug::HandleWorksForAnybody);
        let among = if anybody { self.records.keys().copied().collect() } else { self.of(&subject) };
        let Some(handle) = among.into_iter().find(|handle| self.name(*handle) == name) else {
            return Reply::new(404, "no such session");
        };
        if matches!(found, Found::Live(token) if token.handle == handle) {
            return self.logout(found);
        }
        if !self.has(Bug::RevokeLeavesTheRecord) {
            self.records.remove(&handle);
        }
        Reply::new(200, "ok")
    }

    pub(crate) fn revoke_others(&mut self, found: &Found) -> Reply {
        let (Some(subject), Found::Live(token)) = (self.record(found).and_then(|record| record.subject), *found) else {
            return Reply::new(401, "sign in first");
        };
        let all = self.has(Bug::RevokeOthersEndsAll);
        let mut others = self.of(&subject);
        others.retain(|handle| *handle != token.handle || all);
        if !self.has(Bug::RevokeOthersEndsNobody) {
            others.iter().for_each(|handle| _ = self.records.remove(handle));
        }
        Reply::new(200, others.len().to_string())
    }

    fn signed_in(&mut self, found: &Found, subject: &str, remember: bool) -> Reply {
        let mut reply = Reply::new(200, "ok");
        self.logins += 1;
        let (now, fresh) = (self.now(), self.blank());
        let long = |limit| if remember && self.bug != Some(Bug::RememberForgotten) { 30 * DAY } else { limit };
        let (idle, absolute) = (long(fresh.idle), long(fresh.absolute));
        let (subject, authenticated_at) = (Some(subject.to_owned()), Some(now));
        let order = self.logins;
        let mut record = Record { idle, absolute, subject, authenticated_at, login: 1, order, ..fresh };
        let found = match *found {
            Found::Live(token) => self.accept(token),
            other => other,
        };
        if let Found::Stale { token, .. } = found
            && let Some(joined) = self.records.get(&token.handle)
            && joined.before_login == Some(token.secret)
            && joined.subject == record.subject
            && !self.has(Bug::SecondLoginMakesAnother)
        {
            reply.cookie = Some(self.cookie(Token { secret: joined.secret, ..token }, joined));
            return reply;
        }
        let Found::Live(token) = found else {
            self.create(record, &mut reply);
            return reply;
        };
        record.before_login = Some(token.secret);
        let old = self.records[&token.handle].clone();
        let another = old.subject.is_some() && old.subject != record.subject;
        if !another || self.has(Bug::DataPassedToAnotherUser) {
            record.data = old.data;
        }
        if another {
            self.records.remove(&token.handle);
            self.create(record, &mut reply);
            return reply;
        }
        record.login = old.login + u64::from(!self.has(Bug::CsrfSurvivesLogin));
        if self.has(Bug::KeySurvivesLogin) {
            record.device = old.device;
        }
        if self.has(Bug::FlashSurvivesLogin) {
            record.flash = old.flash;
        }
        if self.has(Bug::OldCookieAfterLogin) {
            record.previous = Some((token.secret, now + 60_000));
        }
        if self.has(Bug::LoginKeepsTheCookie) {
            record.secret = old.secret;
        } else {
            reply.cookie = Some(self.cookie(Token { secret: record.secret, ..token }, &record));
        }
        self.records.insert(token.handle, record);
        reply
    }

    pub(crate) fn rotate(&mut self, found: &Found) -> Reply {
        let mut reply = Reply::new(200, "ok");
        match *found {
            Found::None => {}
            Found::Stale { .. } => return Reply::new(409, NEWER),
            Found::Live(token) => {
                let fresh = self.blank();
                let mut record = Record { previous: None, ..self.records[&token.handle].clone() };
                (record.secret, record.rotated_at, record.last_seen) =
                    (fresh.secret, fresh.rotated_at, fresh.last_seen);
                if self.has(Bug::RotationExtends) {
                    record.created = fresh.created;
                }
                reply.cookie = Some(self.cookie(Token { secret: record.secret, ..token }, &record));
                self.records.insert(token.handle, record);
            }
        }
        reply
    }

    pub(crate) fn logout(&mut self, found: &Found) -> Reply {
        let mut reply = Reply::new(200, "ok");
        match *found {
            Found::None => return reply,
            Found::Stale { late: false, .. } => return Reply::new(409, NEWER),
            Found::Stale { .. } if self.has(Bug::LateLogoutIgnored) => {}
            Found::Live(token) | Found::Stale { token, .. } => {
                if !self.has(Bug::LogoutLeavesTheRecord) {
                    let gone = self.records.remove(&token.handle);
                    self.ended.extend(gone.map(|record| (record.subject, record.login)));
                }
            }
        }
        reply.cookie = Some((String::new(), 0));
        reply
    }

    /// What a token of the session is made of; `made` is the cookie of a session that this request made.
    pub(crate) fn csrf_of(&self, found: &Found, made: Option<&str>) -> u64 {
        let made = made.and_then(|text| Token::open(text.as_bytes(), Some(&self.key), true));
        let token = if let Found::Live(token) = *found { Some(token) } else { made };
        let login = token.and_then(|token| self.records.get(&token.handle)).map(|record| record.login);
        self.random.hash_one((token.map(|token| token.handle), login))
    }
}
