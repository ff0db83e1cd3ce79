//! Rejects requests that another site caused, in a layer that was configured to.

use std::sync::Arc;

pub use session_core::cross_site::Sent;

/// Decides which cross-site requests are rejected, with an exception for trusted origins.
#[derive(Clone, Debug, Default)]
pub struct CrossSite {
    /// `None`: nothing is rejected.
    trusted: Option<Arc<[Box<str>]>>,
}

impl CrossSite {
    /// Rejects nothing.
    pub const PASS: Self = Self { trusted: None };

    /// Rejects requests that another origin causes and that could change something. See [`Sent::is_cross_site`].
    #[must_use]
    pub fn refused_but_from(trusted: &[&str]) -> Self {
        Self { trusted: Some(trusted.iter().map(|origin| Box::from(*origin)).collect()) }
    }

    /// Returns whether requests are checked at all. If not, their headers need not be searched.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.trusted.is_some()
    }

    /// Returns whether the request must be rejected.
    #[must_use]
    pub fn refuses(&self, sent: &Sent<'_>) -> bool {
        self.trusted.as_ref().is_some_and(|trusted| sent.is_cross_site(trusted.iter().map(|origin| &**origin)))
    }
}
