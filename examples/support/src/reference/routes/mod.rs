//! What the routes do: `servers` for handlers that hold a `session_std::Session`, `devices` for those that hold one of a
//! pool.

/// Answers the routes whose code is the same for both types of session, and the others by the arms that follow. There is
/// no trait of both: its futures would have to borrow in one way.
macro_rules! answered {
    ($call:expr, $session:ident, $args:ident, { $($own:tt)* }) => {
        match $call {
            (_, "/read") => {
                let key = $args.key()?;
                Ok(Reply::value(text($session.get(key), || $session.get(key))?))
            }
            (_, "/set") => {
                $args.wait().await;
                $session.set($args.key()?, &$args.value)?;
                Ok(Reply::ok("ok"))
            }
            (_, "/incr") => {
                let number = $session.get::<u64>($args.key()?)?.unwrap_or(0) + 1;
                $args.wait().await;
                $session.set($args.key()?, &number)?;
                Ok(Reply::ok(number.to_string()))
            }
            (_, "/add") => {
                $args.wait().await;
                let number = $session.update_with($args.key()?, |number: Option<u64>| number.unwrap_or(0) + 1).await?;
                Ok(Reply::ok(number.to_string()))
            }
            (_, "/take") => {
                let taken = match $session.take::<String>($args.key()?).await {
                    Err(Error::Unreadable) => $session.take::<u64>(&$args.key).await?.map(|number| number.to_string()),
                    taken => taken?,
                };
                Ok(Reply::value(taken))
            }
            (_, "/remove") => $session.remove($args.key()?).map(|()| Reply::ok("ok")),
            (_, "/clear") => $session.clear().map(|()| Reply::ok("ok")),
            (_, "/login") => {
                let attempt = $session.begin_login(&$args.user).await?;
                // here an application checks the password
                $session.login(if $args.remember == 1 { attempt.remembered() } else { attempt }).await?;
                Ok(Reply::ok("ok"))
            }
            (_, "/logout") => $session.logout().await.map(|()| Reply::ok("ok")),
            (_, "/rotate") => $session.rotate().await.map(|()| Reply::ok("ok")),
            ("POST", "/flash") => $session.flash_message(&$args.message).map(|()| Reply::ok("ok")),
            (_, "/csrf") => Ok(Reply::ok($session.csrf_token()?.as_str())),
            (_, "/set-then-fail") => {
                $session.set($args.key()?, &$args.value)?;
                Ok(Reply::failed_on_purpose())
            }
            (_, "/type-clash") => {
                $session.set("n", &7_u32)?;
                Ok(Reply::type_clash($session.get::<String>("n")))
            }
            (_, "/big") => $session.set($args.key()?, &big($args.bytes)?).map(|()| Reply::ok("ok")),
            (_, "/revoke") => $session.revoke(&$args.handle).await.map(Reply::revoked),
            (_, "/revoke-others") => Ok(Reply::ok($session.revoke_others().await?.to_string())),
            $($own)*
            _ => Ok(Reply::nowhere()),
        }
    };
}

pub mod devices;
pub mod servers;
mod versions;

use std::time::Duration;

use session_core::{Error, SessionInfo};

/// The routes that look at the session: method and path. `/plain` does not, `/peek` has its own function.
pub const ROUTES: &[(&str, &str)] = &[
    ("GET", "/read"),
    ("GET", "/keys"),
    ("POST", "/set"),
    ("POST", "/incr"),
    ("POST", "/add"),
    ("POST", "/take"),
    ("POST", "/remove"),
    ("POST", "/clear"),
    ("POST", "/login"),
    ("GET", "/whoami"),
    ("POST", "/logout"),
    ("POST", "/rotate"),
    ("GET", "/fresh"),
    ("GET", "/flash"),
    ("POST", "/flash"),
    ("GET", "/csrf"),
    ("POST", "/protected"),
    ("POST", "/set-then-fail"),
    ("POST", "/type-clash"),
    ("POST", "/big"),
    ("GET", "/health"),
    ("GET", "/sessions"),
    ("POST", "/revoke"),
    ("POST", "/revoke-others"),
    ("GET", "/struct"),
    ("POST", "/struct"),
];

/// Which version of the struct behind `/struct` this program has: 1, 2 or 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StructVersion(pub u8);

/// What a query says; what it does not say is empty or zero.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct Args {
    pub key: String,
    pub value: String,
    pub message: String,
    pub user: String,
    pub handle: String,
    pub remember: u8,
    pub delay_ms: u64,
    pub within: u64,
    pub bytes: usize,
    pub name: Option<String>,
    pub count: Option<u32>,
    pub theme: Option<String>,
}

impl Args {
    /// Reads the query of a URL, for frameworks that do not.
    pub fn of_query(query: &str) -> Result<Self, String> {
        serde_urlencoded::from_str(query).map_err(|why| format!("the query cannot be read: {why}"))
    }

    /// The key that the request names.
    pub fn key(&self) -> Result<&str, Error> {
        if self.key.is_empty() { Err(Error::BadKey) } else { Ok(&self.key) }
    }

    /// As long as the request says.
    pub async fn wait(&self) {
        if self.delay_ms > 0 {
            // a timer for every executor
            async_io::Timer::after(Duration::from_millis(self.delay_ms)).await;
        }
    }
}

/// An answer: status and text; 204 has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The text.
    pub text: String,
}

impl Reply {
    /// 200.
    pub fn ok(text: impl Into<String>) -> Self {
        Self { status: 200, text: text.into() }
    }

    /// The value, or 204 without one.
    fn value(value: Option<String>) -> Self {
        value.map_or(Self { status: 204, text: String::new() }, Self::ok)
    }

    /// 404.
    #[must_use]
    pub fn nowhere() -> Self {
        Self { status: 404, text: "no such route".into() }
    }

    /// 501.
    fn not_offered() -> Self {
        Self { status: 501, text: "this adapter has no typed data".into() }
    }

    fn protected(genuine: bool) -> Self {
        if genuine {
            return Self::ok("ok");
        }
        Self { status: 403, text: "the CSRF token is not this session's".into() }
    }

    fn yes_or_no(yes: bool) -> Self {
        Self::ok(if yes { "yes" } else { "no" })
    }

    fn failed_on_purpose() -> Self {
        Self { status: 500, text: "failed on purpose".into() }
    }

    fn type_clash(read: Result<Option<String>, Error>) -> Self {
        Self::ok(match read {
            Ok(value) => format!("a value: {value:?}"),
            Err(error) => format!("error: {error}"),
        })
    }

    fn revoked(ended: bool) -> Self {
        if ended { Self::ok("ok") } else { Self { status: 404, text: "no session of yours has this handle".into() } }
    }
}

/// Here keys, users and the types of values come from the request: what cannot be is the client's mistake, and this line. In a
/// program that names them itself it is the program's, and 500.
fn mistake_of_the_client(error: Error) -> Option<Reply> {
    let (status, text) = match error {
        Error::BadKey => (400, "a key is 1 to 64 bytes of text without control characters\n".into()),
        Error::BadText => (400, "a user is 1 to 255 bytes of text\n".into()),
        Error::Unreadable => (409, format!("{error}\n")),
        _ => return None,
    };
    Some(Reply { status, text })
}

fn told(result: Result<Reply, Error>) -> Result<Reply, Error> {
    result.or_else(|error| mistake_of_the_client(error).ok_or(error))
}

/// A session in a list as a line of JSON. Nothing in it needs escaping: an id has letters and digits.
fn json<L>(info: &SessionInfo<L>) -> String {
    let SessionInfo { id, started_at, last_seen, current, .. } = info;
    let (created, last_seen) = (started_at.millis(), last_seen.millis());
    format!("{{\"handle\":\"{id}\",\"created\":{created},\"last_seen\":{last_seen},\"current\":{current}}}\n")
}

/// The text of `/big`. Nobody is given memory for more than a mebibyte just because he asks.
fn big(bytes: usize) -> Result<String, Error> {
    const MOST: usize = 1 << 20;
    if bytes > MOST { Err(Error::TooLarge { need: bytes, have: MOST }) } else { Ok("x".repeat(bytes)) }
}

/// A text as it is, a number in decimal.
fn text(
    text: Result<Option<String>, Error>,
    number: impl FnOnce() -> Result<Option<u64>, Error>,
) -> Result<Option<String>, Error> {
    match text {
        Err(Error::Unreadable) => Ok(number()?.map(|number| number.to_string())),
        other => other,
    }
}
