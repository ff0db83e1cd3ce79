//! Store URLs, and what a store says of them.

use session_core::environment::Time;
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
        "sqlite:a?immutable=1",
        "sqlite://a?mode=memory",
        "sqlite:a?mode=x",
        "sqlite:a?journal=wal",
        "postgres://h:port/d",
    ] {
        let why = SqlStore::open(bad).unwrap_err().to_string();
        store_support::check_text(bad, &why);
        assert!(
            why.starts_with("invalid database URL (")
                && why.ends_with(
                    "): use postgres://USER@HOST/DATABASE, \
                mysql://USER@HOST/DATABASE or sqlite:PATH"
                ),
            "{bad}: {why}"
        );
    }
    for scheme in ["postgres", "mysql"] {
        let why = SqlStore::open(&format!("{scheme}://u:geheim@h:99999/d")).unwrap_err();
        assert!(!format!("{why} {why:?}").contains("geheim"), "{why}");
    }
}

#[test]
fn a_table_prefix_that_is_no_name_is_an_error_with_a_text() {
    for bad in ["1a", "a-b", "A", "a b", "abcdefghijklmnopqrstuvwxyz_abcdefgh"] {
        let why = SqlStore::open("sqlite:x").unwrap().with_table_prefix(bad).unwrap_err().to_string();
        store_support::check_text(bad, &why);
        assert!(why.contains(": use at most 32"), "{why}");
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

/// One `DATABASE_URL` does for an application's sqlx and for its sessions.
#[tokio::test]
async fn sqlite_urls_are_those_of_sqlx() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    for (url, file) in [
        (format!("sqlite:{}?mode=rwc", path("a.db")), "a.db"),
        (format!("sqlite://{}?mode=rwc", path("b.db")), "b.db"),
        (format!("sqlite://{}", path("c.db")), "c.db"),
        (format!("sqlite:{}?mode=rwc&table_prefix=web_", path("d%20d.db")), "d d.db"),
    ] {
        SqlStore::open(&url).unwrap().count(Time::from_millis(1)).await.unwrap();
        assert!(directory.path().join(file).exists(), "{url}");
    }
    let store = SqlStore::open(&format!("sqlite://{}?mode=rw", path("missing.db"))).unwrap();
    assert!(store.count(Time::from_millis(1)).await.is_err());
    assert!(!directory.path().join("missing.db").exists());
}
