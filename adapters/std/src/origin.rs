//! The origin of a request, for observers.

use std::cell::RefCell;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{HeaderMap, HeaderValue, header::USER_AGENT};
use pin_project_lite::pin_project;

/// The origin of a request, as its layer knows it. An observer calls [`Origin::of_request`]. The origin is never
/// stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The client's address. It is the peer of the connection, unless the layer was configured with a way to find it
    /// behind a proxy.
    pub address: Option<IpAddr>,
    /// The `User-Agent` header, which a client can choose freely.
    pub user_agent: Option<HeaderValue>,
}

thread_local! {
    static CURRENT: RefCell<Option<Origin>> = const { RefCell::new(None) };
}

impl Origin {
    /// Creates an origin from an address and the user agent in a request's headers.
    #[must_use]
    pub fn new(address: Option<IpAddr>, headers: &HeaderMap) -> Self {
        Self { address, user_agent: headers.get(USER_AGENT).cloned() }
    }

    /// Creates an origin like [`new`](Self::new), for a framework with its own types.
    #[must_use]
    pub fn with_agent(address: Option<IpAddr>, user_agent: Option<&[u8]>) -> Self {
        Self { address, user_agent: user_agent.and_then(|agent| HeaderValue::from_bytes(agent).ok()) }
    }

    /// Returns the origin of the request that caused the current event, or `None` if no request caused it. Call it
    /// inside [`observe`](crate::events::Observer::observe).
    #[must_use]
    pub fn of_request() -> Option<Self> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// Returns the user agent if it is text.
    #[must_use]
    pub fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_ref()?.to_str().ok()
    }

    /// Makes this the origin of events within `within`.
    pub(crate) fn enter<T>(&self, within: impl FnOnce() -> T) -> T {
        let _left = Entered(CURRENT.replace(Some(self.clone())));
        within()
    }
}

pin_project! {
    /// A future of a request. Each poll sets the request's origin, because other requests use the same thread in turn.
    /// It is not an `async` block, which would hold the future twice.
    pub(crate) struct Follow<'o, F> {
        pub(crate) origin: Option<&'o Origin>,
        #[pin]
        pub(crate) future: F,
    }
}

impl<F: Future> Future for Follow<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        match this.origin {
            Some(origin) => origin.enter(|| this.future.poll(context)),
            None => this.future.poll(context),
        }
    }
}

/// Restores the previous origin, even if the code within panics.
struct Entered(Option<Origin>);

impl Drop for Entered {
    fn drop(&mut self) {
        // a thread that ends has no storage any more
        let _ = CURRENT.try_with(|current| current.replace(self.0.take()));
    }
}
