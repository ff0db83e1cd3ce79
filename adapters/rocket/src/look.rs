//! The application's format of answers to errors of the session.

use std::fmt;
use std::sync::Arc;

use rocket::Request;
use session_std::Error;

/// Makes the answers to errors of the session; `None`: a line of text.
#[derive(Clone)]
pub(crate) struct Look(Option<Arc<MakeAnswer>>);

type MakeAnswer = dyn Fn(Error, &Request<'_>) -> rocket::response::Result<'static> + Send + Sync;

impl Look {
    pub(crate) const PLAIN: Self = Self(None);

    pub(crate) fn of(
        make: impl Fn(Error, &Request<'_>) -> rocket::response::Result<'static> + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Arc::new(make)))
    }

    /// Makes the application's answer, if it has a format.
    pub(crate) fn make(&self, error: Error, request: &Request<'_>) -> Option<rocket::response::Result<'static>> {
        self.0.as_ref().map(|make| make(error, request))
    }

    pub(crate) const fn is_plain(&self) -> bool {
        self.0.is_none()
    }
}

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_plain() { "plain" } else { "the application's" })
    }
}
