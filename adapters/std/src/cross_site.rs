//! Requests that another site caused: refused by a layer that was told to (TR4).

use std::sync::Arc;

pub use session_core::cross_site::Sent;

/// Refuses what another site causes, but for origins that are trusted.
#[derive(Clone, Debug, Default)]
pub struct CrossSite {
    /// `None`: nothing is refused.
    trusted: Option<Arc<[Box<str>]>>,
}

impl CrossSite {
    /// Passes everything.
    pub const PASS: Self = Self { trusted: None };

    /// Refuses requests that another origin causes and that could change something; see [`Sent::is_cross_site`].
    #[must_use]
    pub fn refused_but_from(trusted: &[&str]) -> Self {
        Self { trusted: Some(trusted.iter().map(|origin| Box::from(*origin)).collect()) }
    }

    /// Whether requests are looked at. Otherwise their headers need not be searched.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.trusted.is_some()
    }

    /// Whether the request is to be refused.
    #[must_use]
    pub fn refuses(&self, sent: &Sent<'_>) -> bool {
        self.trusted.as_ref().is_some_and(|trusted| sent.is_cross_site(trusted.iter().map(|origin| &**origin)))
    }
}
