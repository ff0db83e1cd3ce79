//! The Redis store over real servers.

mod application;
mod common;
mod conformance;
mod conversations;
mod eviction;
mod failover;
mod index;
mod outages;
mod requests;
mod scan;
mod server;
mod tls;
mod versions;
