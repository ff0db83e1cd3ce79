//! Requests that another site caused: refused by a layer that was told to (TR4).

use session_core::cross_site::Sent;
use session_core::events::Event;

use crate::requests::Requests;

/// Refuses what another site causes, but for origins that are trusted.
#[derive(Clone, Copy, Debug, Default)]
pub struct CrossSite<'t>(Option<&'t [&'t str]>);

impl<'t> CrossSite<'t> {
    /// Passes everything.
    pub const PASS: Self = Self(None);

    /// Refuses requests that another origin causes and that could change something; see [`Sent::is_cross_site`].
    #[must_use]
    pub const fn refused_but_from(trusted: &'t [&'t str]) -> Self {
        Self(Some(trusted))
    }

    /// Returns whether the request is to be refused, and tells the observer of `pool`. What was sent is looked up only if
    /// anything is refused.
    pub fn refuses<'r>(self, pool: &impl Requests, sent: impl FnOnce() -> Sent<'r>) -> bool {
        let refused = self.0.is_some_and(|trusted| sent().is_cross_site(trusted.iter().copied()));
        if refused {
            pool.sessions().observe(&Event::CrossSite);
        }
        refused
    }
}
