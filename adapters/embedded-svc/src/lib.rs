#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod at_once;
mod handler;
mod layer;
mod rejection;
mod request;

pub use at_once::at_once;
pub use embedded_svc;
pub use handler::{Handler, SessionHandler};
pub use layer::{Layer, SealedSessionLayer, SessionLayer};
pub use rejection::SessionRejection;
pub use request::{Request, Session};
pub use session_core::{Error, Keys, LoginAttempt, SessionInfo, Sessions, events, policy};
pub use session_embedded::is_named;

/// A handler that uses its session after its answer does not compile.
///
/// ```compile_fail,E0499
/// # use session_embedded_svc::{Layer, Request, SessionRejection, embedded_svc::http::server::Connection};
/// fn handle<L: Layer, X: Connection>(request: &mut Request<'_, L, X>) -> Result<(), SessionRejection<X::Error>> {
///     let session = request.session()?;
///     request.send(200, &[], b"ok")?;
///     Ok(session.set("a", &1_u32)?)
/// }
/// ```
#[cfg(doctest)]
struct LateUse;
