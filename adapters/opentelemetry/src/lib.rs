#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod event_counter;
mod observed_store;

pub use event_counter::EventCounter;
pub use observed_store::ObservedStore;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/observability.md")]
struct Observability;
