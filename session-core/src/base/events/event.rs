//! Events, their levels and names, and who observes them.

use core::fmt;

use crate::base::hmac::sha256;
use crate::base::names::Handle;

/// Names a session in logs: prints eight hex digits of a hash of its handle, computed only if somebody prints it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LogId(pub(crate) Handle);

impl LogId {
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
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Event<'e> {
    /// A session was stored for the first time.
    Created(LogId),
    /// The cookie value was renewed after its age; the old one works until the grace is over.
    Renewed(LogId),
    /// A subject signed in.
    LoggedIn(LogId),
    /// The cookie value was changed by `rotate`.
    Rotated(LogId),
    /// The session was ended by `logout`.
    Ended(LogId),
    /// The session was ended by its subject from another one, by an administrator, or by a login beyond the cap.
    Revoked(LogId),
    /// A cookie came whose session had reached its idle or absolute limit.
    Expired(LogId),
    /// A cookie value came that none of our keys signed, or that is malformed.
    Forged,
    /// A well-signed cookie came whose session the store does not have.
    Unknown(LogId),
    /// The cookie before the last renewal came after its grace.
    PastGrace(LogId),
    /// A cookie came that was replaced before the last change of the cookie.
    Replaced(LogId),
    /// A request came from elsewhere than its session was bound to.
    Mismatch(LogId),
    /// The store held bytes that are no record of this version; they were left alone and not used.
    Corrupt(LogId),
    /// A value of the session cannot be read as the type that the program asked for: the key, the type, the field and what
    /// is there instead, never a stored value. Devices do not say it.
    Unreadable(LogId, Option<&'e dyn fmt::Display>),
    /// Two requests changed the same value; this one was told (409).
    Conflict(LogId),
    /// The store failed; its own words.
    StoreFailed(&'e dyn fmt::Display),
    /// The store works, and what it promises may not hold: what the operator should look at.
    StoreWarned(&'e dyn fmt::Display),
    /// The random number generator failed.
    EntropyFailed,
}

/// How much an event matters to an operator. Nothing is an error by itself: the program knows whether it is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Happens all the time.
    Debug,
    /// Somebody did something.
    Info,
    /// Somebody should look at it if it happens often.
    Warn,
}

impl<'e> Event<'e> {
    /// Its name, for filters and counters: one of the table [in its module](crate::events).
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
            Self::StoreFailed(why) | Self::StoreWarned(why) => Some(*why),
            Self::Unreadable(_, why) => *why,
            _ => None,
        }
    }

    fn parts(&self) -> (&'static str, Level, Option<LogId>) {
        match *self {
            Self::Created(id) => ("created", Level::Debug, Some(id)),
            Self::Renewed(id) => ("renewed", Level::Debug, Some(id)),
            Self::LoggedIn(id) => ("logged_in", Level::Info, Some(id)),
            Self::Rotated(id) => ("rotated", Level::Debug, Some(id)),
            Self::Ended(id) => ("ended", Level::Info, Some(id)),
            Self::Revoked(id) => ("revoked", Level::Info, Some(id)),
            Self::Expired(id) => ("expired", Level::Debug, Some(id)),
            Self::Forged => ("forged", Level::Warn, None),
            Self::Unknown(id) => ("unknown", Level::Debug, Some(id)),
            Self::PastGrace(id) => ("past_grace", Level::Warn, Some(id)),
            Self::Replaced(id) => ("replaced", Level::Warn, Some(id)),
            Self::Mismatch(id) => ("mismatch", Level::Warn, Some(id)),
            Self::Corrupt(id) => ("corrupt", Level::Warn, Some(id)),
            Self::Unreadable(id, _) => ("unreadable", Level::Warn, Some(id)),
            Self::Conflict(id) => ("conflict", Level::Info, Some(id)),
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
            Self::Renewed(id) => write!(f, "session {id}: cookie renewed"),
            Self::LoggedIn(id) => write!(f, "session {id}: signed in"),
            Self::Rotated(id) => write!(f, "session {id}: cookie rotated"),
            Self::Ended(id) => write!(f, "session {id} ended"),
            Self::Revoked(id) => write!(f, "session {id} revoked"),
            Self::Expired(id) => write!(f, "session {id} expired"),
            Self::Forged => f.write_str("cookie refused: not signed by us"),
            Self::Unknown(id) => write!(f, "cookie refused: no session {id}"),
            Self::PastGrace(id) => write!(f, "session {id}: old cookie after its grace"),
            Self::Replaced(id) => write!(f, "session {id}: replaced cookie"),
            Self::Mismatch(id) => write!(f, "session {id}: not from where it was bound to"),
            Self::Corrupt(id) => write!(f, "session {id}: stored bytes are no record of this version"),
            Self::Unreadable(id, None) => write!(f, "session {id}: a value cannot be read"),
            Self::Unreadable(id, Some(why)) => write!(f, "session {id}: a value cannot be read: {why}"),
            Self::Conflict(id) => write!(f, "session {id}: conflicting change refused"),
            Self::StoreFailed(why) => write!(f, "session store failed: {why}"),
            Self::StoreWarned(why) => write!(f, "session store: {why}"),
            Self::EntropyFailed => f.write_str("random number generator not ready"),
        }
    }
}

/// Is told what happens. Called within the request: it counts or logs and returns. `()` ignores everything.
pub trait Observer {
    /// Something happened.
    fn observe(&self, event: &Event<'_>);
}

impl Observer for () {
    fn observe(&self, _: &Event<'_>) {}
}

impl<O: Observer + ?Sized> Observer for &O {
    fn observe(&self, event: &Event<'_>) {
        (**self).observe(event);
    }
}

/// Both are told.
impl<A: Observer, B: Observer> Observer for (A, B) {
    fn observe(&self, event: &Event<'_>) {
        self.0.observe(event);
        self.1.observe(event);
    }
}
