#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod circuit_breaker;
mod connection_options;
#[doc(hidden)]
pub mod erased;
mod error;
mod key_list;
mod record_buffer;
mod store;
mod url_text;

pub use circuit_breaker::CircuitBreaker;
pub use connection_options::ConnectionOptions;
pub use erased::{Boxed, ErasedStore};
pub use error::{SharedError, UrlError};
pub use key_list::KeyList;
pub use record_buffer::RecordBuffer;
pub use store::SharedStore;
pub use url_text::{is_this_host, percent_decoded};
