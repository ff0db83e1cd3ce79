//! What each page shows, for any template engine.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use askama::Template;
use serde::Serialize;
use session_core::SessionInfo;
use session_core::environment::Time;

use crate::Note;

/// `GET /sign-in`.
#[derive(Clone, Debug, Serialize, Template)]
#[template(path = "sign-in.html")]
pub struct SignInPage {
    /// The form's token.
    pub csrf: String,
    /// The session's message.
    pub message: Option<String>,
}

/// `GET /`.
#[derive(Clone, Debug, Serialize, Template)]
#[template(path = "notes.html")]
pub struct NotesPage {
    /// Who is signed in.
    pub user: String,
    /// Their notes.
    pub notes: Vec<Note>,
    /// The forms' token.
    pub csrf: String,
    /// The session's message.
    pub message: Option<String>,
}

/// `GET /devices`.
#[derive(Clone, Debug, Serialize, Template)]
#[template(path = "devices.html")]
pub struct DevicesPage {
    /// Who is signed in.
    pub user: String,
    /// Where.
    pub devices: Vec<Device>,
    /// The forms' token.
    pub csrf: String,
    /// The session's message.
    pub message: Option<String>,
}

/// A session of a user, as `GET /devices` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Device {
    /// Names the session to its user; opens nothing.
    pub handle: String,
    /// [`device_name`] of the browser that signed in.
    pub name: String,
    /// When, as [`ago`] says it.
    pub signed_in: String,
    /// When it was last used.
    pub last_seen: String,
    /// It is the one that looks.
    pub current: bool,
}

impl Device {
    /// Shows a session of a list.
    pub fn of<L: AsRef<str>>(info: &SessionInfo<L>) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let ago = |time: Time| ago(now.saturating_sub(Duration::from_millis(time.millis())));
        Self {
            handle: info.id.to_string(),
            name: info.label.as_ref().map_or_else(String::new, |label| label.as_ref().to_owned()),
            signed_in: ago(info.started_at),
            last_seen: ago(info.last_seen),
            current: info.current,
        }
    }
}

/// What a browser calls itself, in two words. The client can write there what it likes: it gets one of ours.
#[must_use]
pub fn device_name(user_agent: &str) -> String {
    let first = |known: &[(&str, &'static str)], other| {
        known.iter().find(|(part, _)| user_agent.contains(part)).map_or(other, |(_, name)| *name)
    };
    // each of them calls itself also by the names that come later
    let browsers = [("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome")];
    let browser = first(&[&browsers[..], &[("Safari/", "Safari"), ("curl/", "curl")]].concat(), "A browser");
    let systems = [("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows")];
    let system = first(&[&systems[..], &[("Mac OS", "macOS"), ("Linux", "Linux")]].concat(), "some system");
    format!("{browser} on {system}")
}

/// How long ago something was.
#[must_use]
pub fn ago(span: Duration) -> String {
    match span.as_secs() {
        0..60 => "just now".into(),
        s @ 60..3_600 => format!("{} min ago", s / 60),
        s @ 3_600..86_400 => format!("{} h ago", s / 3_600),
        s => format!("{} d ago", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_devices() {
        for (user_agent, name) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
                "Edge on Windows",
            ),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone"),
            ("<script>", "A browser on some system"),
        ] {
            assert_eq!(device_name(user_agent), name);
        }
    }
}
