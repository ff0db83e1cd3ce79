//! Real servers, each a process that ends with the value that stands for it.

use std::time::Duration;

use session_store_shared::ConnectionOptions;

pub mod conformance;
pub mod mariadb;
pub mod memcached;
pub mod postgres;
pub mod proxy;
pub mod redis;

mod account;
mod certificates;
mod process;

pub use certificates::Certificates;
pub use process::{Server, free_port, wait_until};

/// Options of a store under test that no busy machine makes time out.
pub const PATIENT: ConnectionOptions = ConnectionOptions::new()
    .with_connect_timeout(Duration::from_secs(60))
    .with_operation_timeout(Duration::from_secs(120));
