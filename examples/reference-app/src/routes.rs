//! What the routes do, for the frameworks whose handlers hold a `session_std::Session`.

use std::time::Duration;

use session_std::{Error, Peek, Session, SessionInfo};

/// The routes that look at the session: method and path. `/plain` does not, `/peek` has its own function.
pub const ROUTES: &[(&str, &str)] = &[
    ("GET", "/read"),
    ("GET", "/keys"),
    ("POST", "/set"),
    ("POST", "/incr"),
    ("POST", "/add"),
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
];

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
            tokio::time::sleep(Duration::from_millis(self.delay_ms)).await;
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
    fn ok(text: impl Into<String>) -> Self {
        Self { status: 200, text: text.into() }
    }

    fn value(value: Option<String>) -> Self {
        value.map_or(Self { status: 204, text: String::new() }, Self::ok)
    }
}

/// Here keys and users come from the request: one that cannot be is the client's mistake, 400 and this line. In a program that
/// names its keys itself it is the program's, and 500.
#[must_use]
pub const fn mistake_of_the_client(error: Error) -> Option<&'static str> {
    match error {
        Error::BadKey => Some("a key is 1 to 64 bytes of text without control characters\n"),
        Error::BadText => Some("a user is 1 to 255 bytes of text\n"),
        _ => None,
    }
}

fn told(result: Result<Reply, Error>) -> Result<Reply, Error> {
    result.or_else(|error| {
        let text = mistake_of_the_client(error).ok_or(error)?;
        Ok(Reply { status: 400, text: text.into() })
    })
}

/// `GET /peek`.
pub fn peek(session: &Peek, args: &Args) -> Result<Reply, Error> {
    told(args.key().and_then(|key| text(session.get(key), || session.get(key))).map(Reply::value))
}

/// All of [`ROUTES`]. `csrf` is the header `x-csrf-token`.
pub async fn answer(
    method: &str,
    path: &str,
    session: &Session,
    args: &Args,
    csrf: Option<&str>,
) -> Result<Reply, Error> {
    told(route(method, path, session, args, csrf).await)
}

async fn route(method: &str, path: &str, session: &Session, args: &Args, csrf: Option<&str>) -> Result<Reply, Error> {
    match (method, path) {
        (_, "/read") => {
            let key = args.key()?;
            Ok(Reply::value(text(session.get(key), || session.get(key))?))
        }
        (_, "/keys") => Ok(Reply::ok(session.keys()?.iter().map(|key| format!("{key}\n")).collect::<String>())),
        (_, "/set") => {
            args.wait().await;
            session.set(args.key()?, &args.value)?;
            Ok(Reply::ok("ok"))
        }
        (_, "/incr") => {
            let number = session.get::<u64>(args.key()?)?.unwrap_or(0) + 1;
            args.wait().await;
            session.set(args.key()?, &number)?;
            Ok(Reply::ok(number.to_string()))
        }
        (_, "/add") => {
            args.wait().await;
            let number = session.update_with(args.key()?, |number: Option<u64>| number.unwrap_or(0) + 1).await?;
            Ok(Reply::ok(number.to_string()))
        }
        (_, "/remove") => session.remove(args.key()?).map(|()| Reply::ok("ok")),
        (_, "/clear") => session.clear().map(|()| Reply::ok("ok")),
        (_, "/login") => {
            let attempt = session.begin_login(&args.user).await?;
            // here an application checks the password
            session.login(if args.remember == 1 { attempt.remembered() } else { attempt }).await?;
            Ok(Reply::ok("ok"))
        }
        (_, "/whoami") => Ok(Reply::value(session.subject()?)),
        (_, "/logout") => session.logout().await.map(|()| Reply::ok("ok")),
        (_, "/rotate") => session.rotate().await.map(|()| Reply::ok("ok")),
        (_, "/fresh") => {
            Ok(Reply::ok(if session.authenticated_within(Duration::from_secs(args.within))? { "yes" } else { "no" }))
        }
        ("GET", "/flash") => Ok(Reply::value(session.take_flash_message()?)),
        (_, "/flash") => session.flash_message(&args.message).map(|()| Reply::ok("ok")),
        (_, "/csrf") => Ok(Reply::ok(session.csrf_token()?.as_str())),
        (_, "/protected") => Ok(match session.csrf_ok(csrf.unwrap_or_default())? {
            true => Reply::ok("ok"),
            false => Reply { status: 403, text: "the CSRF token is not this session's".into() },
        }),
        (_, "/set-then-fail") => {
            session.set(args.key()?, &args.value)?;
            Ok(Reply { status: 500, text: "failed on purpose".into() })
        }
        (_, "/type-clash") => {
            session.set("n", &7_u32)?;
            Ok(match session.get::<String>("n") {
                Ok(value) => Reply::ok(format!("a value: {value:?}")),
                Err(error) => Reply::ok(format!("error: {error}")),
            })
        }
        (_, "/big") => session.set(args.key()?, &big(args.bytes)?).map(|()| Reply::ok("ok")),
        (_, "/sessions") => Ok(Reply::ok(session.list().await?.iter().map(json).collect::<String>())),
        (_, "/revoke") => Ok(match session.revoke(&args.handle).await? {
            true => Reply::ok("ok"),
            false => Reply { status: 404, text: "no session of yours has this handle".into() },
        }),
        (_, "/revoke-others") => Ok(Reply::ok(session.revoke_others().await?.to_string())),
        (_, "/health") => session.check().await.map(|()| Reply::ok("ok")),
        _ => Ok(Reply { status: 404, text: "no such route".into() }),
    }
}

/// A session in a list as a line of JSON. Nothing in it needs escaping: an id has letters and digits.
fn json(info: &SessionInfo) -> String {
    let SessionInfo { id, started_at, last_seen, current, .. } = info;
    let (created, last_seen) = (started_at.millis(), last_seen.millis());
    format!("{{\"handle\":\"{id}\",\"created\":{created},\"last_seen\":{last_seen},\"current\":{current}}}\n")
}

/// The text of `/big`. Nobody is given memory for more than a mebibyte just because he asks.
pub fn big(bytes: usize) -> Result<String, Error> {
    const MOST: usize = 1 << 20;
    if bytes > MOST { Err(Error::TooLarge { need: bytes, have: MOST }) } else { Ok("x".repeat(bytes)) }
}

/// A text as it is, a number in decimal.
pub fn text(
    text: Result<Option<String>, Error>,
    number: impl FnOnce() -> Result<Option<u64>, Error>,
) -> Result<Option<String>, Error> {
    match text {
        Err(Error::TypeMismatch) => Ok(number()?.map(|number| number.to_string())),
        other => other,
    }
}
