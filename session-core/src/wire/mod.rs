//! The bytes that a browser sees: the Cookie header that comes in, the token or sealed record in it, and the Set-Cookie
//! value and CSRF token that go out. Every value that comes in is untrusted until a MAC has verified it.

pub mod answer;
pub(crate) mod base64url;
pub mod cookie_header;
pub mod cross_site;
pub mod csrf;
pub(crate) mod device;
pub(crate) mod proof;
pub(crate) mod sealed;
pub(crate) mod set_cookie;
pub(crate) mod token;
