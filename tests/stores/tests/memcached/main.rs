//! The memcached store over real servers.

mod addresses;
mod common;
mod conformance;
mod conversations;
mod outages;
mod server;
