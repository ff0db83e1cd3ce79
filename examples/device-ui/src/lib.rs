//! The local web UI of a device, as one would ship it: a password on first boot, sign-in with throttling, a dashboard that
//! polls without keeping the session alive, settings behind a second look at the password, sign-out.
//!
//! No heap here: what a page shows is written straight into the connection. A device brings a [`Keeper`] for its data, a
//! pool of sessions and a sensor; `host` is such a device on this machine (feature of that name, `cargo xtask demo`).
#![no_std]
#![recursion_limit = "256"] // the type of all routes, inside the futures that serve them

#[cfg(feature = "host")]
extern crate std;

mod data;
mod device;
mod form;
mod page;
mod routes;
mod throttle;

#[cfg(feature = "host")]
pub mod host;

pub use data::{Data, Garbled, Keeper, NotKept, Settings};
pub use device::{Device, Limits};
pub use page::{SCRIPT, STYLE};
pub use routes::router;
