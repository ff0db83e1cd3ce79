//! The SQL store over PostgreSQL, MariaDB and SQLite.

mod common;
mod conformance;
mod conversations;
mod outages;
mod pooler;
mod pools;
mod rows;
mod schema;
mod tls;
mod writers;
