//! The session's part of a response.

use core::fmt;

use session_core::Error;
use session_core::answer::{SITE_DATA, uncached};

/// The text of the 503 response to a request that finds no free slot.
pub const CROWDED_OUT: &str = "more requests at once than the session pool has slots: give it one for each connection";

/// The session's part of a response, once the session is stored.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Finished<'l> {
    /// The error that replaces the handler's response.
    pub error: Option<Error>,
    /// The value of a `Set-Cookie` header.
    pub cookie: Option<&'l str>,
    /// Whether the response depends on the cookie.
    pub varies: bool,
    /// Whether no cache may store the response, even without a cookie.
    pub no_store: bool,
    /// Whether the browser must delete what it has stored for the site.
    pub clears_site_data: bool,
}

impl<'l> Finished<'l> {
    /// Returns the header lines. Add them to the handler's own: all of them are lists, so the lines combine.
    pub fn headers(self) -> impl Iterator<Item = (&'static str, &'l str)> {
        let lines = [
            self.cookie.map(|cookie| ("Set-Cookie", cookie)),
            self.is_uncached().then_some(("Cache-Control", "no-store")),
            self.varies.then_some(("Vary", "Cookie")),
            self.clears_site_data.then_some(("Clear-Site-Data", SITE_DATA)),
        ];
        lines.into_iter().flatten()
    }

    /// Returns whether a header line of the handler may be sent beside these. A line that would let a cache store the
    /// response may not: with `must-understand`, a cache that knows the status ignores `no-store` (RFC 9111, 5.2.2.3),
    /// and some headers override `Cache-Control`.
    #[must_use]
    pub fn keeps(&self, name: &str, value: &str) -> bool {
        const IGNORES: &[u8] = b"must-understand";
        let ignores = || value.as_bytes().windows(IGNORES.len()).any(|part| part.eq_ignore_ascii_case(IGNORES));
        !self.is_uncached() || uncached(name).is_none() && !(name.eq_ignore_ascii_case("cache-control") && ignores())
    }

    const fn is_uncached(&self) -> bool {
        self.no_store || self.cookie.is_some()
    }
}

impl fmt::Debug for Finished<'_> {
    /// Prints no cookie.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { error, cookie, varies, no_store, clears_site_data } = self;
        f.debug_struct("Finished")
            .field("error", error)
            .field("cookie", &cookie.map(|_| "redacted"))
            .field("varies", varies)
            .field("no_store", no_store)
            .field("clears_site_data", clears_site_data)
            .finish()
    }
}
