//! Events, their levels and names, and who observes them.

use core::fmt;

use crate::base::hmac::sha256;
use crate::base::names::Handle;

/// Names a session in logs: prints eight hex digits of a hash of its handle, computed only if somebody prints it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogId(pub(crate) Handle);

impl LogId {
    /// A session that is not stored yet may have no name; what is told of it is for the reason.
    pub(crate) const NONE: Self = Self(Handle::from_bytes([0; Handle::LEN]));

    pub(super) fn hash(self) -> [u8; 4] {
        sha256(&[b"session-core/1 id", self.0.as_bytes()]).first_chunk().copied().unwrap_or_default()
    }

    /// Whether this is how it prints.
    pub(crate) fn is(self, name: &str) -> bool {
        let digit = |digit: u8| b"0123456789abcdef".get(usize::from(digit)).copied().unwrap_or_default();
        name.bytes().eq(self.hash().into_iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]))
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hash().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Something that happened to a session.
///
/// | event | level | when |
/// | --- | --- | --- |
/// | `created` | debug | a session was stored for the first time |
/// | `renewed` | debug | its cookie value was changed by its age |
/// | `logged_in` | info | a subject signed in |
/// | `login_failed` | warn | a sign-in was refused: by the application, which said so, or because it was overtaken |
/// | `rotated` | debug | its cookie value was changed by `rotate` |
/// | `ended` | info | it was ended by its logout |
/// | `revoked` | info | it was ended by something else than its logout |
/// | `others_revoked` | info | a subject ended all of its other sessions |
/// | `all_revoked` | info | all sessions of a subject were ended |
/// | `everybody_revoked` | info | everybody's sessions were ended |
/// | `expired` | debug | its cookie came after its end |
/// | `forged` | warn | a cookie came that is not signed by us |
/// | `cookies_ignored` | warn | a request brought more than eight cookies of our name, and none of the first eight was accepted |
/// | `unknown` | debug | a cookie of ours came whose session is not there any more |
/// | `past_grace` | warn | the cookie before the last renewal came after its grace |
/// | `replaced` | warn | a cookie came that had been replaced before |
/// | `bound` | info | it was bound to another fingerprint, or to none |
/// | `mismatch` | warn | a request came from elsewhere than its session was bound to |
/// | `device_bound` | info | it was bound to a key in the browser's device |
/// | `device_proven` | debug | the device has proven that it has the key |
/// | `unproven` | warn | the cookie of a device-bound session came without a proof that holds, and opened nothing |
/// | `proof_refused` | warn | a proof of a device was refused |
/// | `proof_skipped` | info | a browser says why it sends no proof, which anybody can say |
/// | `csrf_failed` | warn | a CSRF token was refused |
/// | `cross_site` | warn | a request that another site caused was refused |
/// | `plain_http` | warn | a browser came by plain http, where it ignores a cookie with `Secure` |
/// | `corrupt` | warn | the store held something else under the session's key |
/// | `unreadable` | warn | a stored value cannot be read as the type that the program asked for |
/// | `conflict` | info | a change was refused (409), for another request had made one |
/// | `left_out` | warn | so many events of a name came within a minute that those who write lines were not told all |
/// | `store_failed` | warn | the store failed, and said why |
/// | `store_warned` | warn | the store works, and something of it should be looked at |
/// | `entropy_failed` | warn | there were no random numbers |
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Event<'e> {
    /// A session was stored for the first time.
    Created(LogId),
    /// The cookie value was renewed after its age; the old one works until the grace is over.
    Renewed(LogId, Option<&'e str>),
    /// A subject signed in.
    LoggedIn(LogId, &'e str),
    /// A sign-in was refused: the account, if there is one, and why. The application says so in its words, or a login with the
    /// right credentials failed: all sessions of the account were ended meanwhile, or the store was full or down.
    LoginFailed(Option<&'e str>, &'e dyn fmt::Display),
    /// The cookie value was changed by `rotate`.
    Rotated(LogId, Option<&'e str>),
    /// The session was ended by `logout`; it was this subject's.
    Ended(LogId, Option<&'e str>),
    /// The session was ended by something else than its logout; it was this subject's.
    Revoked(LogId, Option<&'e str>, Cause),
    /// A subject ended all of its sessions but this one.
    OthersRevoked(LogId, &'e str),
    /// All sessions of a subject were ended.
    AllRevoked(&'e str),
    /// Everybody's sessions were ended.
    EverybodyRevoked,
    /// A cookie came whose session had reached its idle or absolute limit.
    Expired(LogId, Option<&'e str>),
    /// A cookie value came that none of our keys signed, or that is malformed.
    Forged,
    /// A request brought more than eight cookies of our name. None of the first eight was accepted, and the others were not
    /// looked at: a good one among them is hidden, for instance by cookies that another host of the domain has set.
    CookiesIgnored,
    /// A well-signed cookie came whose session the store does not have.
    Unknown(LogId),
    /// The cookie before the last renewal came after its grace.
    PastGrace(LogId, Option<&'e str>),
    /// A cookie came that was replaced before the last change of the cookie.
    Replaced(LogId, Option<&'e str>),
    /// The session of this subject was bound to another fingerprint, or to none.
    Bound(LogId, Option<&'e str>),
    /// A request came from elsewhere than its session was bound to; it is this subject's.
    Mismatch(LogId, Option<&'e str>),
    /// The session of this subject was bound to a key in the device that signed in.
    DeviceBound(LogId, Option<&'e str>),
    /// The device has proven that it has the key, and got the cookie that says so.
    DeviceProven(LogId),
    /// The cookie of a device-bound session of this subject came without a proof that holds, and counted as none: a copy of
    /// the cookie, or a browser that lost its key or was kept from proving it. How many seconds ago the proof was made, if
    /// there was one.
    Unproven(LogId, Option<&'e str>, Option<u32>),
    /// A proof was refused: of which session, if that is known, and why.
    ProofRefused(Option<LogId>, &'e dyn fmt::Display),
    /// A browser says why it sends no proof: of which session, and the reason. Anybody can say it.
    ProofSkipped(Option<LogId>, &'e dyn fmt::Display),
    /// A CSRF token was refused; this subject is signed in.
    CsrfFailed(Option<LogId>, Option<&'e str>),
    /// A request was refused because another site had caused it.
    CrossSite,
    /// A browser sent a form or a script's request from a page on plain http, and the cookie is for https only: the browser
    /// ignores it, so that each request is one of a new visitor. Adapters for servers report it.
    PlainHttp,
    /// The store held bytes that are no record of this version; they were left alone and not used.
    Corrupt(LogId),
    /// A value of the session cannot be read as the type that the program asked for: the key, the type, the field and what
    /// is there instead, never a stored value. Devices do not say it.
    Unreadable(LogId, Option<&'e dyn fmt::Display>),
    /// Two requests changed the same value; this one was told (409).
    Conflict(LogId),
    /// So many events of this name came within a minute that an observer that writes lines was not told all: so many it was
    /// not told. Adapters for servers report it.
    LeftOut(&'static str, u32),
    /// The store failed; its own words.
    StoreFailed(&'e dyn fmt::Display),
    /// The store works, and what it promises may not hold: what the operator should look at.
    StoreWarned(&'e dyn fmt::Display),
    /// The random number generator failed.
    EntropyFailed,
}

/// Why a session was ended that did not sign out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Cause {
    /// Its subject, or an administrator, ended this one.
    Chosen,
    /// Its subject ended all others.
    Others,
    /// All sessions of its subject were ended.
    All,
    /// Its subject signed in elsewhere, and has more sessions than the policy allows.
    Cap,
    /// Another subject signed in over it. The event does not say whose it was.
    AnotherLogin,
    /// Its binding did not match, and the policy ends it then.
    Mismatch,
    /// Its old cookie was used again, and the policy ends it then.
    Reuse,
    /// Its browser signed in anew, without the proof of its device: the key is lost, or nobody proved for too long.
    BindingLost,
}

impl Cause {
    /// Returns its name, for filters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chosen => "chosen",
            Self::Others => "others",
            Self::All => "all",
            Self::Cap => "cap",
            Self::AnotherLogin => "another_login",
            Self::Mismatch => "mismatch",
            Self::Reuse => "reuse",
            Self::BindingLost => "binding_lost",
        }
    }
}

/// How much an event matters to an operator. Nothing is an error by itself: the program knows whether it is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Level {
    /// Happens all the time.
    Debug,
    /// Somebody did something.
    Info,
    /// Somebody should look at it if it happens often.
    Warn,
}

impl<'e> Event<'e> {
    /// Its name, for filters and counters: one of the table [above](Event).
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.parts().0
    }

    /// How much it matters.
    #[must_use]
    pub fn level(&self) -> Level {
        self.parts().1
    }

    /// The session to which it happened; `None` if there is none.
    #[must_use]
    pub fn log_id(&self) -> Option<LogId> {
        self.parts().2
    }

    /// What went wrong: the store's own words, or what of a value is unreadable.
    #[must_use]
    pub fn reason(&self) -> Option<&'e dyn fmt::Display> {
        match self {
            Self::StoreFailed(why) | Self::StoreWarned(why) | Self::LoginFailed(_, why) => Some(*why),
            Self::ProofRefused(_, why) | Self::ProofSkipped(_, why) => Some(*why),
            Self::Unreadable(_, why) => *why,
            _ => None,
        }
    }

    /// Whom it concerns: who signed in, whose session it is. `None` for a visitor who is not signed in, and for events that
    /// audits do not need. It is what the application called the subject, and comes from it unchanged: an observer that
    /// writes lines of text has to quote it.
    #[must_use]
    pub fn subject(&self) -> Option<&'e str> {
        match *self {
            Self::LoggedIn(_, subject) | Self::OthersRevoked(_, subject) | Self::AllRevoked(subject) => Some(subject),
            Self::LoginFailed(subject, _)
            | Self::Renewed(_, subject)
            | Self::Rotated(_, subject)
            | Self::Ended(_, subject)
            | Self::Revoked(_, subject, _)
            | Self::Expired(_, subject)
            | Self::PastGrace(_, subject)
            | Self::Replaced(_, subject)
            | Self::Bound(_, subject)
            | Self::Mismatch(_, subject)
            | Self::DeviceBound(_, subject)
            | Self::Unproven(_, subject, _)
            | Self::CsrfFailed(_, subject) => subject,
            _ => None,
        }
    }

    /// Why a session was ended that did not sign out.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        if let Self::Revoked(_, _, cause) = *self { Some(cause) } else { None }
    }

    fn parts(&self) -> (&'static str, Level, Option<LogId>) {
        match *self {
            Self::Created(id) => ("created", Level::Debug, Some(id)),
            Self::Renewed(id, _) => ("renewed", Level::Debug, Some(id)),
            Self::LoggedIn(id, _) => ("logged_in", Level::Info, Some(id)),
            Self::LoginFailed(..) => ("login_failed", Level::Warn, None),
            Self::Rotated(id, _) => ("rotated", Level::Debug, Some(id)),
            Self::Ended(id, _) => ("ended", Level::Info, Some(id)),
            Self::Revoked(id, ..) => ("revoked", Level::Info, Some(id)),
            Self::OthersRevoked(id, _) => ("others_revoked", Level::Info, Some(id)),
            Self::AllRevoked(_) => ("all_revoked", Level::Info, None),
            Self::EverybodyRevoked => ("everybody_revoked", Level::Info, None),
            Self::Expired(id, _) => ("expired", Level::Debug, Some(id)),
            Self::Forged => ("forged", Level::Warn, None),
            Self::CookiesIgnored => ("cookies_ignored", Level::Warn, None),
            Self::Unknown(id) => ("unknown", Level::Debug, Some(id)),
            Self::PastGrace(id, _) => ("past_grace", Level::Warn, Some(id)),
            Self::Replaced(id, _) => ("replaced", Level::Warn, Some(id)),
            Self::Bound(id, _) => ("bound", Level::Info, Some(id)),
            Self::Mismatch(id, _) => ("mismatch", Level::Warn, Some(id)),
            Self::DeviceBound(id, _) => ("device_bound", Level::Info, Some(id)),
            Self::DeviceProven(id) => ("device_proven", Level::Debug, Some(id)),
            Self::Unproven(id, ..) => ("unproven", Level::Warn, Some(id)),
            Self::ProofRefused(id, _) => ("proof_refused", Level::Warn, id),
            Self::ProofSkipped(id, _) => ("proof_skipped", Level::Info, id),
            Self::CsrfFailed(id, _) => ("csrf_failed", Level::Warn, id),
            Self::CrossSite => ("cross_site", Level::Warn, None),
            Self::PlainHttp => ("plain_http", Level::Warn, None),
            Self::Corrupt(id) => ("corrupt", Level::Warn, Some(id)),
            Self::Unreadable(id, _) => ("unreadable", Level::Warn, Some(id)),
            Self::Conflict(id) => ("conflict", Level::Info, Some(id)),
            Self::LeftOut(..) => ("left_out", Level::Warn, None),
            Self::StoreFailed(_) => ("store_failed", Level::Warn, None),
            Self::StoreWarned(_) => ("store_warned", Level::Warn, None),
            Self::EntropyFailed => ("entropy_failed", Level::Warn, None),
        }
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created(id) => write!(f, "session {id} created"),
            Self::Renewed(id, who) => write!(f, "session {id}{}: cookie renewed", Of(*who)),
            Self::LoggedIn(id, subject) => write!(f, "session {id}: {subject:?} signed in"),
            Self::LoginFailed(subject, why) => match subject {
                Some(subject) => write!(f, "sign-in of {subject:?} refused: {why}"),
                None => write!(f, "sign-in refused: {why}"),
            },
            Self::Rotated(id, who) => write!(f, "session {id}{}: cookie rotated", Of(*who)),
            Self::Ended(id, who) => write!(f, "session {id}{} ended", Of(*who)),
            Self::Revoked(id, who, why) => write!(f, "session {id}{} revoked: {}", Of(*who), why.name()),
            Self::OthersRevoked(id, who) => write!(f, "session {id}: {who:?} ended all other sessions"),
            Self::AllRevoked(who) => write!(f, "all sessions of {who:?} revoked"),
            Self::EverybodyRevoked => f.write_str("everybody's sessions revoked"),
            Self::Expired(id, who) => write!(f, "session {id}{} expired", Of(*who)),
            Self::Forged => f.write_str("cookie refused: not signed by us"),
            Self::CookiesIgnored => f.write_str("more than eight cookies of our name: the others were not looked at"),
            Self::Unknown(id) => write!(f, "cookie refused: no session {id}"),
            Self::PastGrace(id, who) => write!(f, "session {id}{}: old cookie after its grace", Of(*who)),
            Self::Replaced(id, who) => write!(f, "session {id}{}: replaced cookie", Of(*who)),
            Self::Bound(id, who) => write!(f, "session {id}{}: binding changed", Of(*who)),
            Self::Mismatch(id, who) => write!(f, "session {id}{}: not from where it was bound to", Of(*who)),
            Self::DeviceBound(id, who) => write!(f, "session {id}{}: bound to its device", Of(*who)),
            Self::DeviceProven(id) => write!(f, "session {id}: device proven"),
            Self::Unproven(id, who, None) => write!(f, "session {id}{}: no proof of its device", Of(*who)),
            Self::Unproven(id, who, Some(age)) => {
                write!(f, "session {id}{}: the proof of its device is {age} s old", Of(*who))
            }
            Self::ProofRefused(Some(id), why) => write!(f, "session {id}: proof refused: {why}"),
            Self::ProofRefused(None, why) => write!(f, "proof refused: {why}"),
            Self::ProofSkipped(Some(id), why) => write!(f, "session {id}: the browser sends no proof: {why}"),
            Self::ProofSkipped(None, why) => write!(f, "the browser sends no proof: {why}"),
            Self::CsrfFailed(Some(id), who) => write!(f, "session {id}{}: CSRF token refused", Of(*who)),
            Self::CsrfFailed(None, _) => f.write_str("CSRF token refused: there is no session"),
            Self::CrossSite => f.write_str("request refused: another site caused it"),
            Self::PlainHttp => f.write_str(
                "a browser came by plain http, where it ignores the session's cookie: use https, or for development \
                 localhost or Policy::PLAIN_HTTP",
            ),
            Self::Corrupt(id) => write!(f, "session {id}: stored bytes are no record of this version"),
            Self::Unreadable(id, None) => write!(f, "session {id}: a value cannot be read"),
            Self::Unreadable(id, Some(why)) => write!(f, "session {id}: a value cannot be read: {why}"),
            Self::Conflict(id) => write!(f, "session {id}: conflicting change refused"),
            Self::LeftOut(name, count) => write!(f, "{count} events `{name}` were left out"),
            Self::StoreFailed(why) => write!(f, "session store failed: {why}"),
            Self::StoreWarned(why) => write!(f, "session store: {why}"),
            Self::EntropyFailed => f.write_str("random number generator not ready"),
        }
    }
}

/// Whose session it is. In quotes, so that nothing in a name looks like another line of a log.
struct Of<'e>(Option<&'e str>);

impl fmt::Display for Of<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |subject| write!(f, " of {subject:?}"))
    }
}

/// Is told what happens. Called within the request: it counts or logs and returns. `()` ignores everything.
pub trait Observer {
    /// Something happened.
    fn observe(&self, event: &Event<'_>);

    /// Something happened that can be provoked at will, and has happened many times within a minute. An observer that counts
    /// counts it, which is what this does unless it is said otherwise. One that writes lines leaves it out. The adapters for
    /// servers call it in the place of [`observe`](Self::observe).
    fn observe_excess(&self, event: &Event<'_>) {
        self.observe(event);
    }

    /// Whether it ignores everything, so that nothing has to be computed for it.
    fn ignores(&self) -> bool {
        false
    }
}

impl Observer for () {
    fn observe(&self, _: &Event<'_>) {}

    fn ignores(&self) -> bool {
        true
    }
}

impl<O: Observer + ?Sized> Observer for &O {
    fn observe(&self, event: &Event<'_>) {
        (**self).observe(event);
    }

    fn observe_excess(&self, event: &Event<'_>) {
        (**self).observe_excess(event);
    }

    fn ignores(&self) -> bool {
        (**self).ignores()
    }
}

/// Both are told.
impl<A: Observer, B: Observer> Observer for (A, B) {
    fn observe(&self, event: &Event<'_>) {
        self.0.observe(event);
        self.1.observe(event);
    }

    fn observe_excess(&self, event: &Event<'_>) {
        self.0.observe_excess(event);
        self.1.observe_excess(event);
    }

    fn ignores(&self) -> bool {
        self.0.ignores() && self.1.ignores()
    }
}

#[cfg(test)]
mod tests {
    use std::string::String;
    use std::vec::Vec;

    /// The table in the documentation of `Event` has each name with its level, and no other.
    #[test]
    fn the_table_names_every_event_lc13() {
        let source = include_str!("event.rs");
        let told = source.lines().filter_map(|line| {
            let (name, level) = line.split_once("=> (\"")?.1.split_once("\", Level::")?;
            Some(std::format!("`{name}` | {}", level.split(',').next()?.to_lowercase()))
        });
        let listed = source.lines().filter_map(|line| {
            let mut cells = line.strip_prefix("/// | `")?.split(" | ");
            Some(std::format!("`{} | {}", cells.next()?, cells.next()?))
        });
        assert_eq!(listed.collect::<Vec<String>>(), told.collect::<Vec<String>>());
    }
}
