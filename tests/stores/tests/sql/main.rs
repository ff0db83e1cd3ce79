//! The SQL store over PostgreSQL and SQLite.

mod common;
mod conformance;
mod conversations;
mod outages;
mod pooler;
mod rows;
mod schema;
mod tls;
mod writers;
