//! What an answer says about its session.

use session_core::Error;

/// The text of the 503 for a request that finds no free slot.
pub const CROWDED_OUT: &str = "more requests at once than the session pool has slots: give it one for each connection";

/// What an answer says about its session, once that is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished<'l> {
    /// Replaces the handler's answer.
    pub error: Option<Error>,
    /// The value of a `Set-Cookie` header.
    pub cookie: Option<&'l str>,
    /// The answer depends on the cookie.
    pub varies: bool,
}

impl<'l> Finished<'l> {
    /// Returns the header lines (CK9). They stand beside what the handler set: all three are lists, so the lines add up.
    pub fn headers(self) -> impl Iterator<Item = (&'static str, &'l str)> {
        let cookie = self.cookie.into_iter().flat_map(|cookie| [("Set-Cookie", cookie), ("Cache-Control", "no-store")]);
        cookie.chain(self.varies.then_some(("Vary", "Cookie")))
    }
}
