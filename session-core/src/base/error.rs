//! Errors, and whose fault each of them is.

use core::fmt;

/// Why a session operation failed.
///
/// Nothing was stored unless the variant says otherwise. Absent, expired and forged sessions are not errors: such a
/// request has an empty session. [`status`](Self::status) gives the HTTP status, [`fault`](Self::fault) the side that
/// has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Error {
    /// Another request changed a value that this request read or wrote. Load the session again and repeat the change.
    /// (409)
    Conflict,
    /// The session ended by logout, expiry or revocation while this request ran. (409)
    Ended,
    /// A newer cookie replaced the one of this request. The session continues under the newer one, so send the request
    /// again. (409)
    CookieReplaced,
    /// The end of all sessions of the subject was requested after this login began, or the login took longer than ten minutes.
    /// Check the credentials again. The revoking request may itself have failed. (409)
    SignInAgain,
    /// The operation needs a signed-in subject. (401)
    NotSignedIn,
    /// Another site caused this request. (403)
    CrossSite,
    /// The stored value cannot be read as the requested type. It was written as another type, or by a version of the
    /// program whose type differs. The event says where. (500, the application's fault)
    Unreadable,
    /// The record would take `need` bytes, but at most `have` are available. (413)
    TooLarge {
        /// Bytes that the record takes with this value.
        need: usize,
        /// Bytes that are available.
        have: usize,
    },
    /// A key is not 1 to 64 bytes of text without control characters. (500, the application's fault)
    BadKey,
    /// A subject is not 1 to 255 bytes of text, or a label is longer than 255 bytes. Both often come from a visitor or
    /// a browser. (400)
    BadText,
    /// The value cannot be written: its `Serialize` implementation returned an error, or it does not know its length in
    /// advance. (500, the application's fault)
    NotSerializable,
    /// Two calls used the session at the same time within one request. (500, the application's fault)
    Busy,
    /// No session layer is mounted around this handler. (500, the application's fault)
    NotMounted,
    /// The response was already created and the session stored with it. A stream or a spawned task that runs later has
    /// no session. (500, the application's fault)
    AnswerSent,
    /// The store cannot do this: list a subject's sessions, end all sessions, or hand a value to exactly one request.
    /// Or the policy binds sessions to devices and the adapter has no endpoint for it. (501, the application's fault)
    Unsupported,
    /// The store is full, and it may not evict another session for this one. (507)
    Full,
    /// The random number generator is not ready. The core uses no weaker one instead. (503)
    Entropy,
    /// The store did not answer, or answered with an error. (503)
    Unavailable,
    /// The store's answer was lost: the change may or may not have been stored. (503)
    Indeterminate,
}

/// Which side has to act on an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Fault {
    /// The client, or a concurrent request. Repeating the request is right.
    Request,
    /// The program that uses this library.
    Application,
    /// The environment: the store or the random number generator.
    Environment,
}

impl Error {
    /// Returns the HTTP status for this error.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::BadText => 400,
            Self::NotSignedIn => 401,
            Self::CrossSite => 403,
            Self::Conflict | Self::Ended | Self::CookieReplaced | Self::SignInAgain => 409,
            Self::TooLarge { .. } => 413,
            Self::Unreadable
            | Self::BadKey
            | Self::NotSerializable
            | Self::Busy
            | Self::NotMounted
            | Self::AnswerSent => 500,
            Self::Unsupported => 501,
            Self::Entropy | Self::Unavailable | Self::Indeterminate => 503,
            Self::Full => 507,
        }
    }

    /// Returns whose fault the error is.
    #[must_use]
    pub const fn fault(self) -> Fault {
        match self {
            Self::Conflict
            | Self::Ended
            | Self::CookieReplaced
            | Self::SignInAgain
            | Self::NotSignedIn
            | Self::CrossSite
            | Self::BadText => Fault::Request,
            Self::Unreadable
            | Self::TooLarge { .. }
            | Self::BadKey
            | Self::Unsupported
            | Self::NotSerializable
            | Self::Busy
            | Self::NotMounted
            | Self::AnswerSent => Fault::Application,
            Self::Full | Self::Entropy | Self::Unavailable | Self::Indeterminate => Fault::Environment,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Conflict => "another request changed the same value: load the page again and repeat the change",
            Self::Ended => "the session ended during this request: sign in again",
            Self::CookieReplaced => "the session has a newer cookie: send the request again",
            Self::SignInAgain => {
                "a request to end all sessions of the account came during the sign-in, or it took too long: sign in again"
            }
            Self::NotSignedIn => "not signed in: sign in first",
            Self::CrossSite => "another site caused this request: send it from this site",
            Self::Unreadable => "a stored value does not match the program's type for it: see the log of events",
            Self::TooLarge { need, have } => {
                return write!(f, "the session would take {need} bytes, at most {have} fit: store less");
            }
            Self::BadKey => "invalid session key: use 1 to 64 bytes without control characters",
            Self::BadText => "invalid text: a subject has 1 to 255 bytes, a label at most 255",
            Self::NotSerializable => "the value cannot be stored and read back: check its serde implementation",
            Self::Busy => "two calls used the session at once: await one before the next",
            Self::NotMounted => "this handler has no session layer: add one to its router",
            Self::AnswerSent => {
                "the response was sent and the session stored: use the session earlier, and pass its values to the \
                 stream or task"
            }
            Self::Unsupported => {
                "this store or mode cannot list sessions, end all of them, take values or bind devices: choose another"
            }
            Self::Full => "the session store is full: try again later",
            Self::Entropy => "the random number generator is not ready: try again later",
            Self::Unavailable => "the session store is unavailable: try again later",
            Self::Indeterminate => "the session store did not confirm the change: load the page again to check it",
        })
    }
}

impl core::error::Error for Error {}
