#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod cross_site;
mod finished;
mod head;
mod host;
mod lines;
mod pool;
mod requests;
mod rng;
mod session;
mod slot;

pub use cross_site::CrossSite;
pub use finished::{CROWDED_OUT, Finished};
pub use head::{Answer, Head, Progress, Refusal};
pub use host::is_named;
pub use lines::{ErrorLine, HeaderLines, TooManyLines};
pub use pool::{Pool, SealedPool};
pub use requests::{Requests, Slot};
pub use rng::{NoEntropy, SharedRng};
pub use session::{Peek, RequestSession};
pub use slot::{RequestSlot, SlotGuard};
