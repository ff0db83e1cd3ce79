//! What the tests of this crate share: databases.

use session_core::store::{Handle, Outcome, Store, Version};
use session_store_sql::SqlStore;
use std::sync::Arc;
use std::time::Duration;
use store_support::{Draft, at};
use store_tests::servers::proxy::Proxy;

use store_tests::servers::{PATIENT, Server, mariadb, postgres};
use tempfile::TempDir;

/// A database of its own for a test, empty; gone with this value.
pub(crate) enum Fresh {
    Postgres(Server),
    /// A database of a server that all tests share, by its URL.
    MariaDb {
        url: String,
        _server: Arc<Server>,
    },
    Sqlite(TempDir),
}

impl Fresh {
    pub(crate) fn all() -> [Self; 3] {
        [Self::sqlite(), Self::postgres(), Self::mariadb()]
    }

    pub(crate) fn mariadb() -> Self {
        let (server, url) = mariadb::shared();
        Self::MariaDb { url, _server: server }
    }

    pub(crate) fn postgres() -> Self {
        Self::Postgres(postgres::start())
    }

    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Postgres(server) => server.url(),
            Self::MariaDb { url, .. } => url.clone(),
            Self::Sqlite(dir) => format!("sqlite:{}", dir.path().join("sessions.db").display()),
        }
    }

    /// A store that waits for a machine that does other things.
    pub(crate) fn store(&self) -> SqlStore {
        SqlStore::open(&self.url()).unwrap().with_options(PATIENT)
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// What each database calls the same thing.
    pub(crate) fn words(&self, sqlite: &'static str, postgres: &'static str, mariadb: &'static str) -> &'static str {
        match self {
            Self::Sqlite(_) => sqlite,
            Self::Postgres(_) => postgres,
            Self::MariaDb { .. } => mariadb,
        }
    }

    /// Runs SQL as somebody who shares the database.
    pub(crate) async fn sql(&self, sql: &'static str) -> Result<(), sqlx::Error> {
        use sqlx::{Connection, raw_sql};
        match self {
            Self::Postgres(server) => {
                let mut connection = sqlx::PgConnection::connect(&server.url()).await?;
                raw_sql(sql).execute(&mut connection).await?;
            }
            Self::MariaDb { url, .. } => {
                let mut connection = sqlx::MySqlConnection::connect(url).await?;
                raw_sql(sql).execute(&mut connection).await?;
            }
            Self::Sqlite(_) => {
                let mut connection = sqlx::SqliteConnection::connect(&format!("{}?mode=rwc", self.url())).await?;
                raw_sql(sql).execute(&mut connection).await?;
            }
        }
        Ok(())
    }

    /// Somebody who holds all sessions until he is dropped.
    pub(crate) async fn locked(&self) -> Box<dyn std::any::Any> {
        self.holding("BEGIN; SELECT handle FROM session_records FOR UPDATE").await
    }

    /// Somebody who holds all rows of a query until he is dropped; in SQLite, the whole database.
    pub(crate) async fn holding(&self, query: &'static str) -> Box<dyn std::any::Any> {
        use sqlx::{Connection, raw_sql};
        match self {
            Self::Postgres(server) => {
                let mut connection = sqlx::PgConnection::connect(&server.url()).await.unwrap();
                raw_sql(query).execute(&mut connection).await.unwrap();
                Box::new(connection)
            }
            Self::MariaDb { url, .. } => {
                let mut connection = sqlx::MySqlConnection::connect(url).await.unwrap();
                raw_sql(query).execute(&mut connection).await.unwrap();
                Box::new(connection)
            }
            Self::Sqlite(_) => {
                let mut connection = sqlx::SqliteConnection::connect(&self.url()).await.unwrap();
                raw_sql("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
                Box::new(connection)
            }
        }
    }

    /// The number that a query gives.
    pub(crate) async fn number(&self, sql: &'static str) -> i64 {
        use sqlx::{Connection, query_scalar};
        match self {
            Self::Postgres(server) => {
                let mut connection = sqlx::PgConnection::connect(&server.url()).await.unwrap();
                query_scalar(sql).fetch_one(&mut connection).await.unwrap()
            }
            Self::MariaDb { url, .. } => {
                let mut connection = sqlx::MySqlConnection::connect(url).await.unwrap();
                query_scalar(sql).fetch_one(&mut connection).await.unwrap()
            }
            Self::Sqlite(_) => {
                let mut connection = sqlx::SqliteConnection::connect(&self.url()).await.unwrap();
                query_scalar(sql).fetch_one(&mut connection).await.unwrap()
            }
        }
    }
}

/// How a store comes to its database: by a URL, or by an application's pool.
pub(crate) const WAYS: [fn(&str) -> SqlStore; 2] = [by_url, by_pool];

pub(crate) fn by_url(url: &str) -> SqlStore {
    SqlStore::open(url).unwrap()
}

/// A pool as an application makes it. What waits for it waits not for ever.
pub(crate) fn by_pool(url: &str) -> SqlStore {
    fn pool<DB: sqlx::Database>(url: &str) -> sqlx::Pool<DB> {
        let options = sqlx::pool::PoolOptions::new().max_connections(4).acquire_timeout(Duration::from_secs(3));
        options.connect_lazy(url).unwrap()
    }
    match url.split_once(':') {
        Some(("postgres", _)) => pool::<sqlx::Postgres>(url).into(),
        Some(("mysql", _)) => pool::<sqlx::MySql>(url).into(),
        _ => pool::<sqlx::Sqlite>(&format!("{url}?mode=rwc")).into(),
    }
}

/// A server of its own of each database that has one, for tests that kill it or make it hang.
pub(crate) fn servers() -> [Server; 2] {
    [postgres::start(), mariadb::start()]
}

/// A proxy before a server; it has a runtime of its own, which cannot be started in ours.
pub(crate) async fn proxy(server: &Server) -> (Proxy, String) {
    let addr = server.addr();
    let proxy = tokio::task::spawn_blocking(move || Proxy::start(addr)).await.unwrap();
    let url = server.url().replace(&addr.to_string(), &proxy.addr().to_string());
    (proxy, url)
}

pub(crate) fn key(number: u64) -> Handle {
    Handle::from_bytes(number.to_be_bytes())
}

pub(crate) async fn create(store: &impl Store, key: &Handle, draft: Draft, now: u64) {
    let outcome = store.create(key, &draft.record(), at(now)).await.unwrap();
    assert_eq!(outcome, Outcome::Applied(Version(draft.version)));
}

/// The record under `key`, if there is a live one.
pub(crate) async fn load(store: &impl Store, key: &Handle, now: u64) -> Option<Vec<u8>> {
    store_support::load(store, key, at(now)).await.unwrap()
}
