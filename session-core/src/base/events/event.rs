//! Events, their levels and names, and the observer interface.

use core::fmt;

use crate::base::hmac::sha256;
use crate::base::names::Handle;

/// Names a session in logs. It prints as eight hex digits of a hash of the session's handle. The hash is computed only
/// when it is printed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogId(pub(crate) Handle);

impl LogId {
    /// A session that is not stored yet may have no name. Events about it are reported for their reason.
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
/// | `renewed` | debug | the cookie reached its renewal age and was replaced |
/// | `logged_in` | info | a subject signed in |
/// | `login_failed` | warn | a sign-in was rejected, by the application or because the session could not be stored |
/// | `rotated` | debug | `rotate` replaced the cookie |
/// | `ended` | info | `logout` ended the session |
/// | `revoked` | info | something other than its own logout ended the session |
/// | `others_revoked` | info | a subject ended all of its other sessions |
/// | `all_revoked` | info | all sessions of a subject were ended |
/// | `everybody_revoked` | info | all sessions of all subjects were ended |
/// | `expired` | debug | a cookie of an expired session arrived |
/// | `forged` | warn | a cookie arrived that none of our keys signed |
/// | `cookies_ignored` | warn | a request carried more than eight cookies of our name, and none of the first eight was accepted |
/// | `unknown` | debug | a signed cookie arrived whose session does not exist any more |
/// | `past_grace` | warn | the cookie before the last renewal arrived after its grace period |
/// | `replaced` | warn | an older, replaced cookie arrived |
/// | `bound` | info | the session was bound to another fingerprint, or unbound |
/// | `mismatch` | warn | a request's fingerprint differs from the one its session is bound to |
/// | `device_bound` | info | the session was bound to a key in the browser's device |
/// | `device_proven` | debug | the device proved that it holds the key |
/// | `unproven` | warn | the cookie of a device-bound session arrived without a valid proof and was ignored |
/// | `proof_refused` | warn | a device's proof was rejected |
/// | `proof_skipped` | info | a browser stated why it sends no proof; any client can send such a statement |
/// | `csrf_failed` | warn | a CSRF token was rejected |
/// | `cross_site` | warn | a request that another site caused was rejected |
/// | `plain_http` | warn | a browser used plain http, where it ignores a `Secure` cookie |
/// | `corrupt` | warn | the store holds bytes under the session's key that are no valid record |
/// | `unreadable` | warn | a stored value cannot be read as the type that the program asked for |
/// | `conflict` | info | a change was rejected (409) because another request changed the same value |
/// | `left_out` | warn | an observer that writes lines left out events of one name because too many came within a minute |
/// | `store_failed` | warn | the store returned an error |
/// | `store_warned` | warn | the store works, but reports a condition that an operator should check |
/// | `entropy_failed` | warn | the random number generator failed |
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Event<'e> {
    /// A session was stored for the first time.
    Created(LogId),
    /// The cookie reached its renewal age and was replaced. The old one works until the end of the grace period.
    Renewed(LogId, Option<&'e str>),
    /// A subject signed in.
    LoggedIn(LogId, &'e str),
    /// A sign-in was rejected: the account, if it exists, and the reason.
    ///
    /// Either the application reported it, or a login with correct credentials failed because all sessions of the
    /// account were revoked meanwhile or because the store was full or unavailable.
    LoginFailed(Option<&'e str>, &'e dyn fmt::Display),
    /// `rotate` replaced the cookie.
    Rotated(LogId, Option<&'e str>),
    /// `logout` ended the session of this subject.
    Ended(LogId, Option<&'e str>),
    /// Something other than its own logout ended the session of this subject.
    Revoked(LogId, Option<&'e str>, Cause),
    /// A subject ended all of its other sessions.
    OthersRevoked(LogId, &'e str),
    /// All sessions of a subject were ended.
    AllRevoked(&'e str),
    /// All sessions of all subjects were ended.
    EverybodyRevoked,
    /// A cookie arrived whose session had reached its idle or absolute limit.
    Expired(LogId, Option<&'e str>),
    /// A cookie value arrived that is malformed or that none of our keys signed.
    Forged,
    /// A request carried more than eight cookies of our name, and none of the first eight was accepted. The rest were
    /// ignored, and a valid one among them is lost. Cookies that another host of the domain sets can cause this.
    CookiesIgnored,
    /// A signed cookie arrived whose session is not in the store.
    Unknown(LogId),
    /// The cookie before the last renewal arrived after its grace period.
    PastGrace(LogId, Option<&'e str>),
    /// A cookie arrived that was replaced before the last change of the cookie.
    Replaced(LogId, Option<&'e str>),
    /// The session of this subject was bound to another fingerprint, or unbound.
    Bound(LogId, Option<&'e str>),
    /// The fingerprint of a request differs from the one that the session of this subject is bound to.
    Mismatch(LogId, Option<&'e str>),
    /// The session of this subject was bound to a key in the device that signed in.
    DeviceBound(LogId, Option<&'e str>),
    /// The device proved that it holds the key, and received the cookie that confirms it.
    DeviceProven(LogId),
    /// The cookie of this subject's device-bound session arrived without a valid proof and was ignored. The cookie was
    /// copied, or the browser lost its key or was prevented from proving it. The last field is the proof's age in
    /// seconds, if there was one.
    Unproven(LogId, Option<&'e str>, Option<u32>),
    /// A proof was rejected: its session, if known, and the reason.
    ProofRefused(Option<LogId>, &'e dyn fmt::Display),
    /// A browser stated why it sends no proof: its session, if known, and the reason. Any client can send such a
    /// statement.
    ProofSkipped(Option<LogId>, &'e dyn fmt::Display),
    /// A CSRF token was rejected: the session and its subject, if any.
    CsrfFailed(Option<LogId>, Option<&'e str>),
    /// A request was rejected because another site caused it.
    CrossSite,
    /// A browser sent a form or a script's request from a page on plain http, although the cookie is for https only.
    /// The browser ignores the cookie, so every request starts a new session. Adapters for servers report this.
    PlainHttp,
    /// The store holds bytes that are no record of this version. They were neither used nor changed.
    Corrupt(LogId),
    /// A value of the session cannot be read as the type that the program asked for. The text names the key, the type,
    /// the field and the kind of data found, but no stored value. `None` on devices.
    Unreadable(LogId, Option<&'e dyn fmt::Display>),
    /// Two requests changed the same value. This one failed with 409.
    Conflict(LogId),
    /// An observer that writes lines left out this number of events of this name because too many came within a minute.
    /// Adapters for servers report this.
    LeftOut(&'static str, u32),
    /// The store returned an error, in its own words.
    StoreFailed(&'e dyn fmt::Display),
    /// The store works, but one of its guarantees may not hold. The text says what the operator should check.
    StoreWarned(&'e dyn fmt::Display),
    /// The random number generator failed.
    EntropyFailed,
}

/// Why a session was ended other than by its own logout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Cause {
    /// Its subject or an administrator chose this session.
    Chosen,
    /// Its subject ended all of its other sessions.
    Others,
    /// All sessions of its subject were ended.
    All,
    /// Its subject signed in elsewhere and has more sessions than the policy allows.
    Cap,
    /// Another subject signed in over it. The event does not name the session's subject.
    AnotherLogin,
    /// Its binding did not match, and the policy ends such sessions.
    Mismatch,
    /// A replaced cookie was used again, and the policy ends such sessions.
    Reuse,
    /// Its browser signed in again without the proof of its device: the key is lost, or the last proof is too old.
    BindingLost,
}

impl Cause {
    /// Returns the name for filters.
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

/// How important an event is to an operator. No event is an error: the program decides that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Level {
    /// Routine.
    Debug,
    /// A deliberate change, such as a login.
    Info,
    /// Worth investigating if it happens often.
    Warn,
}

impl<'e> Event<'e> {
    /// Returns the event's name for filters and counters, as in the table [above](Event).
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.parts().0
    }

    /// Returns the event's level.
    #[must_use]
    pub fn level(&self) -> Level {
        self.parts().1
    }

    /// Returns the session that the event is about, or `None` if there is none.
    #[must_use]
    pub fn log_id(&self) -> Option<LogId> {
        self.parts().2
    }

    /// Returns what went wrong: the store's error, the reason for a rejection, or a description of an unreadable value.
    #[must_use]
    pub fn reason(&self) -> Option<&'e dyn fmt::Display> {
        match self {
            Self::StoreFailed(why) | Self::StoreWarned(why) | Self::LoginFailed(_, why) => Some(*why),
            Self::ProofRefused(_, why) | Self::ProofSkipped(_, why) => Some(*why),
            Self::Unreadable(_, why) => *why,
            _ => None,
        }
    }

    /// Returns the subject of the session that the event is about. `None` for a visitor who is not signed in, and for
    /// events that an audit does not need.
    ///
    /// This is the subject exactly as the application passed it. An observer that writes lines of text must quote it.
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

    /// Returns why a session was revoked, or `None` for other events.
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
                Some(subject) => write!(f, "sign-in of {subject:?} rejected: {why}"),
                None => write!(f, "sign-in rejected: {why}"),
            },
            Self::Rotated(id, who) => write!(f, "session {id}{}: cookie rotated", Of(*who)),
            Self::Ended(id, who) => write!(f, "session {id}{} ended", Of(*who)),
            Self::Revoked(id, who, why) => write!(f, "session {id}{} revoked: {}", Of(*who), why.name()),
            Self::OthersRevoked(id, who) => write!(f, "session {id}: {who:?} ended all other sessions"),
            Self::AllRevoked(who) => write!(f, "all sessions of {who:?} revoked"),
            Self::EverybodyRevoked => f.write_str("all sessions of all subjects revoked"),
            Self::Expired(id, who) => write!(f, "session {id}{} expired", Of(*who)),
            Self::Forged => f.write_str("cookie rejected: none of the keys signed it"),
            Self::CookiesIgnored => {
                f.write_str("more than eight session cookies in one request: the rest were ignored")
            }
            Self::Unknown(id) => write!(f, "cookie rejected: session {id} does not exist"),
            Self::PastGrace(id, who) => write!(f, "session {id}{}: cookie rejected after its grace period", Of(*who)),
            Self::Replaced(id, who) => {
                write!(f, "session {id}{}: cookie rejected because a newer one replaced it", Of(*who))
            }
            Self::Bound(id, who) => write!(f, "session {id}{}: binding changed", Of(*who)),
            Self::Mismatch(id, who) => write!(f, "session {id}{}: request does not match its binding", Of(*who)),
            Self::DeviceBound(id, who) => write!(f, "session {id}{}: bound to its device", Of(*who)),
            Self::DeviceProven(id) => write!(f, "session {id}: device proven"),
            Self::Unproven(id, who, None) => {
                write!(f, "session {id}{}: cookie ignored without a proof of its device", Of(*who))
            }
            Self::Unproven(id, who, Some(age)) => {
                write!(f, "session {id}{}: cookie ignored because the proof of its device is {age} s old", Of(*who))
            }
            Self::ProofRefused(Some(id), why) => write!(f, "session {id}: proof rejected: {why}"),
            Self::ProofRefused(None, why) => write!(f, "proof rejected: {why}"),
            Self::ProofSkipped(Some(id), why) => write!(f, "session {id}: the browser sends no proof: {why}"),
            Self::ProofSkipped(None, why) => write!(f, "the browser sends no proof: {why}"),
            Self::CsrfFailed(Some(id), who) => write!(f, "session {id}{}: CSRF token rejected", Of(*who)),
            Self::CsrfFailed(None, _) => f.write_str("CSRF token rejected: the request has no session"),
            Self::CrossSite => f.write_str("request rejected: another site caused it"),
            Self::PlainHttp => f.write_str(
                "a browser used plain http, where it ignores the session's cookie: use https, or for development \
                 localhost or Policy::PLAIN_HTTP",
            ),
            Self::Corrupt(id) => write!(f, "session {id}: the stored bytes are not a record of this version"),
            Self::Unreadable(id, None) => write!(f, "session {id}: a value cannot be read"),
            Self::Unreadable(id, Some(why)) => write!(f, "session {id}: a value cannot be read: {why}"),
            Self::Conflict(id) => write!(f, "session {id}: conflicting change rejected"),
            Self::LeftOut(name, count) => write!(f, "{count} `{name}` events were not logged: too many in one minute"),
            Self::StoreFailed(why) => write!(f, "session store failed: {why}"),
            Self::StoreWarned(why) => write!(f, "session store warning: {why}"),
            Self::EntropyFailed => f.write_str("random number generator failed"),
        }
    }
}

/// Prints the subject in quotes, so that no subject can imitate another line of a log.
struct Of<'e>(Option<&'e str>);

impl fmt::Display for Of<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |subject| write!(f, " of {subject:?}"))
    }
}

/// Receives events. It is called within the request, so it must count or log and return. `()` ignores everything.
pub trait Observer {
    /// Handles an event.
    fn observe(&self, event: &Event<'_>);

    /// Handles an event that a client can provoke at will and that has occurred many times within a minute.
    ///
    /// The default passes it to [`observe`](Self::observe), which suits an observer that counts. An observer that
    /// writes lines should drop it. The adapters for servers call this in place of `observe`.
    fn observe_excess(&self, event: &Event<'_>) {
        self.observe(event);
    }

    /// Returns whether this observer ignores every event, so that the core need not compute anything for one.
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

/// Both observers receive every event.
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
