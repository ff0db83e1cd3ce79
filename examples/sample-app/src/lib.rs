#![doc = include_str!("../README.md")]

mod notes;
mod pages;
pub mod story;
mod throttle;
mod users;
pub mod words;

pub use notes::{Note, Notes};
pub use pages::{Device, DevicesPage, NotesPage, SignInPage, ago, device_name};
pub use users::{Checked, Users};

/// The style sheet of all pages.
pub const STYLE: &str = include_str!("style.css");

/// The `Content-Security-Policy` of all pages: no scripts, no frames, forms to ourselves only.
pub const SECURITY: &str =
    "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
