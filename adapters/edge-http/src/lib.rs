#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod guard;
mod layer;
mod request;
mod response;

pub use edge_http;
pub use guard::{Guarded, GuardedSocket};
pub use layer::{Handler, SessionLayer};
pub use request::{Request, Socket};
pub use response::SessionRejection;
pub use session_core::{Error, Keys, LoginAttempt, SessionInfo, Sessions, events, policy};
pub use session_embedded::{Peek, Pool, RequestSession as Session, Requests, SealedPool, is_named};

/// A handler that uses its session after its answer does not compile.
///
/// ```compile_fail,E0499
/// # use session_edge_http::{Request, Requests, SessionRejection, Socket};
/// async fn handle<P: Requests, T: Socket, const N: usize>(
///     request: &mut Request<'_, '_, P, T, N>,
/// ) -> Result<(), SessionRejection<T::Error>> {
///     let session = request.session().await?;
///     request.send(200, &[], b"ok").await?;
///     Ok(session.set("a", &1_u32)?)
/// }
/// ```
#[cfg(doctest)]
struct LateUse;
