//! What an answer says about its session.

use core::fmt;

use session_core::Error;
use session_core::answer::{SITE_DATA, uncached};

/// The text of the 503 for a request that finds no free slot.
pub const CROWDED_OUT: &str = "more requests at once than the session pool has slots: give it one for each connection";

/// What an answer says about its session, once that is stored.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Finished<'l> {
    /// Replaces the handler's answer.
    pub error: Option<Error>,
    /// The value of a `Set-Cookie` header.
    pub cookie: Option<&'l str>,
    /// The answer depends on the cookie.
    pub varies: bool,
    /// No cache may keep the answer, also without a cookie.
    pub no_store: bool,
    /// The browser is to forget what it has stored of the site.
    pub clears_site_data: bool,
}

impl<'l> Finished<'l> {
    /// Returns the header lines (CK9). They stand beside what the handler set: all of them are lists, so the lines add up.
    pub fn headers(self) -> impl Iterator<Item = (&'static str, &'l str)> {
        let lines = [
            self.cookie.map(|cookie| ("Set-Cookie", cookie)),
            self.is_uncached().then_some(("Cache-Control", "no-store")),
            self.varies.then_some(("Vary", "Cookie")),
            self.clears_site_data.then_some(("Clear-Site-Data", SITE_DATA)),
        ];
        lines.into_iter().flatten()
    }

    /// Returns whether a header line of the handler's may stay beside these. One that would let a cache keep the answer all
    /// the same does not: with `must-understand`, a cache that knows the status ignores `no-store` (RFC 9111, 5.2.2.3), and
    /// some headers override `Cache-Control`.
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
