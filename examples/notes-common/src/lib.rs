#![doc = include_str!("../README.md")]

mod forms;
mod notes;
mod pages;
pub mod story;
mod throttle;
mod users;
pub mod words;

pub use askama::Template;
pub use forms::Fields;
pub use notes::{Note, Notes};
pub use pages::{Device, DevicesPage, NotesPage, SignInPage, ago, device_name};
pub use users::{Checked, Users};

use session_std::{Error, Session};

/// The style sheet of all pages.
pub const STYLE: &str = include_str!("style.css");

/// The `Content-Security-Policy` of all pages: no scripts, no frames, forms to ourselves only.
pub const SECURITY: &str =
    "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The users of the environment: `ann`, with the password `NOTES_PASSWORD`.
pub fn users_of_env() -> Result<Users, String> {
    let password = std::env::var("NOTES_PASSWORD").map_err(|_| "NOTES_PASSWORD is not set: give ann a password")?;
    Users::new(&[("ann", &password)]).map_err(|why| why.to_string())
}

/// The address on the command line, or 127.0.0.1:8080.
#[must_use]
pub fn address() -> String {
    std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".into())
}

/// What every page has: the token of its forms, and what was left for it to tell. A visitor who is not signed in gets no
/// token, which would take a session: the layer refuses what other sites send.
pub async fn token_and_message(session: &Session) -> Result<(String, Option<String>), Error> {
    let csrf = match session.subject()? {
        Some(_) => session.csrf_token()?.as_str().to_owned(),
        None => String::new(),
    };
    Ok((csrf, session.take_flash_message().await?))
}

/// Whether a form has the token of its page, if that had one.
pub fn token_ok(session: &Session, csrf: &str) -> Result<bool, Error> {
    Ok(session.subject()?.is_none() || session.csrf_ok(csrf)?)
}
