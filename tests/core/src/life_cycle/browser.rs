//! A cookie jar.

use session_core::environment::Time;
use std::time::Duration;

/// Keeps one cookie of one name, as long as Max-Age says.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    cookie: Option<(String, Time)>,
}

impl Browser {
    /// A browser that has never been here.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A browser with this `NAME=VALUE`, for ever.
    #[must_use]
    pub fn with(cookie: &str) -> Self {
        Self { cookie: Some((cookie.to_owned(), Time::MAX)) }
    }

    /// `NAME=VALUE`, if there is a cookie that is not over.
    #[must_use]
    pub fn cookie(&self, now: Time) -> Option<&str> {
        self.cookie.as_ref().filter(|(_, until)| now < *until).map(|(cookie, _)| cookie.as_str())
    }

    /// Takes a `Set-Cookie` value.
    pub fn receive(&mut self, set_cookie: &str, now: Time) {
        let mut parts = set_cookie.split("; ");
        let cookie = parts.next().unwrap_or_default().to_owned();
        let seconds = parts.find_map(|part| part.strip_prefix("Max-Age=")).map_or(Ok(u64::MAX), str::parse);
        let until = now.after(Duration::from_secs(seconds.unwrap_or_default()));
        self.cookie = (until > now).then_some((cookie, until));
    }
}
