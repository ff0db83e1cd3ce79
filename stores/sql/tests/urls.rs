//! Store URLs, and what a store says of them.

use session_core::store::Store;
use session_store_sql::SqlStore;

#[test]
fn urls_that_cannot_be_read() {
    for bad in [
        "",
        "postgres",
        "mssql://h/d",
        "mysql://h",
        "mysql://h/d?ssl-mode=x",
        "sqlite:",
        "sqlite::memory:",
        "sqlite:a?mode=ro",
        "postgres://h:port/d",
    ] {
        let why = SqlStore::open(bad).unwrap_err().to_string();
        assert!(why.contains("sqlite:PATH"), "{bad}: {why}");
    }
    for scheme in ["postgres", "mysql"] {
        let why = SqlStore::open(&format!("{scheme}://u:geheim@h:99999/d")).unwrap_err();
        assert!(!format!("{why} {why:?}").contains("geheim"), "{why}");
    }
}

/// Of a database on another host that is not verified an operator hears, once; of a URL and of a pool.
#[tokio::test]
async fn an_unverified_connection_to_another_host_is_an_event() {
    let exposed = [
        "postgres://h/d?sslmode=disable",
        "postgres://h/d?sslmode=prefer",
        "postgresql://h/d?sslmode=require",
        "mysql://h/d?ssl-mode=DISABLED",
        "mariadb://h/d?ssl-mode=PREFERRED",
    ];
    let safe = [
        "postgres://h/d",
        "postgres://h/d?sslmode=verify-ca",
        "postgres://localhost/d?sslmode=disable",
        "postgres://127.0.0.2/d",
        "postgres://[::1]/d",
        "postgres:///d?host=/run/postgresql",
        "mysql://h/d",
        "mysql://localhost/d",
        "mysql://h/d?socket=/run/mysqld.sock",
        "sqlite:x",
    ];
    for (urls, told) in [(&exposed[..], true), (&safe, false)] {
        for url in urls {
            let store = SqlStore::open(url).unwrap();
            assert_eq!((store.warning().is_some(), store.warning()), (told, None), "{url}");
        }
    }
    let lazy = |url| sqlx::PgPool::connect_lazy(url).unwrap();
    assert!(SqlStore::from(lazy("postgres://h/d")).warning().is_some(), "sqlx prefers TLS and verifies nothing");
    assert_eq!(SqlStore::from(lazy("postgres://h/d?sslmode=verify-full")).warning(), None);
    assert!(SqlStore::from(sqlx::MySqlPool::connect_lazy("mysql://h/d").unwrap()).warning().is_some());
}
