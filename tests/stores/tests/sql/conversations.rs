//! Conversations over PostgreSQL, MariaDB and SQLite: all of them through one adapter, the delicate ones through
//! others.

#[path = "../../../../adapters/actix/examples/reference.rs"]
#[allow(dead_code, unreachable_pub)] // its main is not called here
mod actix_app;

#[path = "../../../../adapters/axum/examples/reference.rs"]
#[allow(dead_code, unreachable_pub)] // its main is not called here
mod axum_app;

#[path = "../../../../adapters/poem/examples/reference.rs"]
#[allow(dead_code, unreachable_pub)] // its main is not called here
mod poem_app;

use store_tests::servers::{self, Server};

/// Conflicts, logins, logouts, renewals: where a store may go wrong.
const DELICATE: &[&str] = &["LC2", "LC3", "LC8", "LC9", "ST2", "ST3"];

/// A server with a schema for each app.
fn postgres() -> Server {
    const SCHEMAS: &str = "DO $$ BEGIN FOR i IN 0..999 LOOP EXECUTE format('CREATE SCHEMA app%s', i); END LOOP; END $$";
    let server = servers::postgres::start_with(&["max_connections=400"]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        use sqlx::Connection;
        let mut connection = sqlx::PgConnection::connect(&server.url()).await.unwrap();
        sqlx::raw_sql(SCHEMAS).execute(&mut connection).await.unwrap();
    });
    server
}

#[test]
fn all_through_axum_over_postgres() {
    let server = postgres();
    support::reference::converse("axum", &[&server.url()], axum_app::serve);
}

#[test]
fn all_through_axum_over_mariadb() {
    let (_server, url) = servers::mariadb::shared();
    support::reference::converse("axum", &[&url], axum_app::serve);
}

#[test]
fn all_through_axum_over_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("sessions").display());
    support::reference::converse("axum", &[&url], axum_app::serve);
}

/// Its workers have a runtime each, and the connections are shared by all of them.
#[test]
fn the_delicate_ones_through_actix_web() {
    let server = postgres();
    support::reference::converse_about(DELICATE, "actix-web", &[&server.url()], actix_app::serve);
}

#[test]
fn the_delicate_ones_through_poem() {
    let server = postgres();
    support::reference::converse_about(DELICATE, "poem", &[&server.url()], poem_app::serve);
}
