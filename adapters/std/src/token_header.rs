//! The token in a header instead of a cookie, for clients without a cookie jar.

use std::fmt;
use std::sync::Arc;

use http::header::{AUTHORIZATION, COOKIE, HeaderName};

/// The header that carries the token of [`Sessions::in_header`](crate::Sessions::in_header), both ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenHeader(Arc<HeaderName>);

/// A header that cannot carry a token, because it has another use or because clients cannot send it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHeaderError(());

impl fmt::Display for TokenHeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "token header: use \"authorization\" or a name of your own such as \"x-session\", not a header that HTTP, \
             browsers or proxies use",
        )
    }
}

/// A `main` that returns the error prints this.
impl fmt::Debug for TokenHeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for TokenHeaderError {}

/// The scheme before a token in `Authorization` (RFC 6750), in any letter case.
const SCHEME: &str = "Bearer ";
/// The default header.
static COOKIES: HeaderName = COOKIE;
/// Headers with another meaning, and those that a program cannot send or a proxy writes.
const TAKEN: [&str; 38] = [
    "age",
    "allow",
    "authentication-info",
    "cache-control",
    "clear-site-data",
    "connection",
    "cookie",
    "cookie2",
    "date",
    "dnt",
    "etag",
    "expect",
    "expires",
    "forwarded",
    "from",
    "host",
    "keep-alive",
    "last-modified",
    "link",
    "location",
    "origin",
    "pragma",
    "range",
    "referer",
    "referrer-policy",
    "refresh",
    "server",
    "set-cookie",
    "set-cookie2",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "www-authenticate",
];
/// Prefixes of the names of such headers.
const TAKEN_FROM: [&str; 9] = [
    "accept",
    "access-control-",
    "content-",
    "cross-origin-",
    "if-",
    "proxy-",
    "sec-",
    "secure-session-",
    "x-forwarded-",
];

impl TokenHeader {
    pub(crate) fn named(name: &str) -> Result<Self, TokenHeaderError> {
        let name = HeaderName::try_from(name).map_err(|_| TokenHeaderError(()))?;
        if TAKEN.contains(&name.as_str()) || TAKEN_FROM.iter().any(|with| name.as_str().starts_with(with)) {
            Err(TokenHeaderError(()))
        } else {
            Ok(Self(Arc::new(name)))
        }
    }

    pub(crate) fn name(&self) -> &HeaderName {
        &self.0
    }

    /// The header whose lines are read.
    pub(crate) fn of_requests(header: Option<&Self>) -> &HeaderName {
        header.map_or(&COOKIES, Self::name)
    }

    fn scheme(&self) -> &'static str {
        if *self.0 == AUTHORIZATION { SCHEME } else { "" }
    }

    /// The lines of a request as those of a Cookie header, which is what the core reads. A line with a `;` is not a
    /// token, and would be several cookies.
    pub(crate) fn cookies<'h>(&self, cookie: &str, lines: impl Iterator<Item = &'h [u8]>) -> Vec<Vec<u8>> {
        let token = |line: &'h [u8]| {
            let (scheme, token) = line.split_at_checked(self.scheme().len())?;
            (scheme.eq_ignore_ascii_case(self.scheme().as_bytes()) && !token.contains(&b';')).then_some(token)
        };
        lines.filter_map(token).map(|token| [cookie.as_bytes(), b"=", token.trim_ascii()].concat()).collect()
    }

    /// The token of a `Set-Cookie` value for the answer's header; empty if the cookie is removed.
    pub(crate) fn answer(&self, set_cookie: &str) -> String {
        let pair = set_cookie.split(';').next().unwrap_or_default();
        match pair.split_once('=') {
            Some((_, token)) if !token.is_empty() => format!("{}{token}", self.scheme()),
            _ => String::new(),
        }
    }
}
