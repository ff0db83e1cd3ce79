//! Rejects requests that another site caused, in a layer that was configured to (TR4).

use session_core::Sessions;
use session_core::cross_site::Sent;
use session_core::environment::Clock;
use session_core::events::{Event, Observer};
use session_core::mode::Mode;
use session_core::store::Store;

/// Rejects requests that another site caused, except from trusted origins.
#[derive(Clone, Copy, Debug, Default)]
pub struct CrossSite<'t>(Option<&'t [&'t str]>);

impl<'t> CrossSite<'t> {
    /// Accepts every request.
    pub const PASS: Self = Self(None);

    /// Rejects requests that another origin causes and that could change something. See [`Sent::is_cross_site`].
    #[must_use]
    pub const fn refused_but_from(trusted: &'t [&'t str]) -> Self {
        Self(Some(trusted))
    }

    /// Returns whether the request must be rejected, and reports it to the observer of `sessions`. `sent` is called only if
    /// the check is on.
    pub fn refuses<'r, S: Store, C: Clock, O: Observer, M: Mode>(
        self,
        sessions: &Sessions<S, C, O, M>,
        sent: impl FnOnce() -> Sent<'r>,
    ) -> bool {
        let refused = self.0.is_some_and(|trusted| sent().is_cross_site(trusted.iter().copied()));
        if refused {
            sessions.observe(&Event::CrossSite);
        }
        refused
    }
}
