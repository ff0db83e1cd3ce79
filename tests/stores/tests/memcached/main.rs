//! The memcached store over real servers.

mod common;
mod conformance;
mod conversations;
mod outages;
mod server;
