//! What can go wrong, and whose fault it is.

use core::fmt;

/// Why a session operation did not happen. Nothing was stored unless the variant says otherwise. Absent, expired and
/// forged sessions are not errors: they are no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Error {
    /// Another request changed a value that this one read or wrote. (409)
    Conflict,
    /// The session ended (logout, expiry, revocation) while this request was under way. (409)
    Ended,
    /// The request's cookie was replaced by a newer one: its session goes on under that. (409)
    CookieReplaced,
    /// To end all of the subject's sessions was begun after this login had begun, by a request that may itself have been
    /// refused or told of an unknown outcome; or the login took longer than ten minutes. (409)
    SignInAgain,
    /// Only somebody who is signed in can do this. (401)
    NotSignedIn,
    /// Another site caused this request. (403)
    CrossSite,
    /// The stored value cannot be read as the type that was asked for: it was written as another type, or by a version of
    /// the program whose type differs. The event says where. (500, the application's)
    Unreadable,
    /// The record would need `need` bytes, `have` can be used. (413)
    TooLarge {
        /// Bytes that the record, with this value, would take.
        need: usize,
        /// Bytes that this place offers.
        have: usize,
    },
    /// A key is 1 to 64 bytes of text without control characters. (500, the application's)
    BadKey,
    /// A subject is 1 to 255 bytes of text, a label at most 255: both often are what a visitor typed or a browser sent. (400)
    BadText,
    /// The value cannot be written: its `Serialize` refused, or needs a length in advance. (500, the application's)
    NotSerializable,
    /// The session handle was used twice at the same time within one request. (500, the application's)
    Busy,
    /// No session layer is mounted around this handler. (500, the application's)
    NotMounted,
    /// The answer was made, and the session was stored with it: what comes later, such as a stream or a spawned task, has no
    /// session any more. (500, the application's)
    AnswerSent,
    /// The store cannot list a subject's sessions, cannot end all, or cannot give a value to one request only. Or sessions are
    /// to be bound to devices and cannot be, because there is no endpoint for it. (501, the application's)
    Unsupported,
    /// The store is full, and the session to be stored has no claim to another's place. (507)
    Full,
    /// The random number generator is not ready; no weaker one is used. (503)
    Entropy,
    /// The store did not answer, or answered with an error. (503)
    Unavailable,
    /// The store's answer was lost and the change may or may not have been kept. (503)
    Indeterminate,
}

/// Who has to act on an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Fault {
    /// The client's or a concurrent request's: asking again is right.
    Request,
    /// The program's that uses this library.
    Application,
    /// The surroundings': store, random number generator.
    Environment,
}

impl Error {
    /// The HTTP status that says the same.
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

    /// Whose fault it is.
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
            Self::Ended => "the session ended while this request was under way: sign in again",
            Self::CookieReplaced => "the session goes on under a newer cookie: send the request again",
            Self::SignInAgain => {
                "an end of all the account's sessions was asked for while you were signing in, or it took too long: \
                 sign in again"
            }
            Self::NotSignedIn => "sign in first",
            Self::CrossSite => "the request was refused because another site caused it",
            Self::Unreadable => "a stored value cannot be read as the type that this version of the program asks for",
            Self::TooLarge { need, have } => {
                return write!(f, "too large: the session would take {need} bytes, {have} can be stored");
            }
            Self::BadKey => "a session key is 1 to 64 bytes of text without control characters",
            Self::BadText => "a subject is 1 to 255 bytes of text, a label at most 255",
            Self::NotSerializable => "the value's Serialize implementation refused, or gives no length in advance",
            Self::Busy => "the session was used twice at the same time within one request: await one call first",
            Self::NotMounted => "no session layer is mounted around this handler",
            Self::AnswerSent => {
                "the answer was sent, and the session was stored with it: use the session before, and hand a stream or a \
                 spawned task the values that it needs"
            }
            Self::Unsupported => {
                "sessions are kept in a way that does not support this: listing a person's, ending all, taking a value once, \
                 or binding them to devices"
            }
            Self::Full => "no room for another session: try again later",
            Self::Entropy => "the random number generator is not ready: try again later",
            Self::Unavailable => "the session store cannot be reached: try again later",
            Self::Indeterminate => {
                "the session store did not confirm the change: load the page again to see whether it was kept"
            }
        })
    }
}

impl core::error::Error for Error {}
