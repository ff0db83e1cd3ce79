//! Store URLs.

use session_store_sql::SqlStore;

#[test]
fn urls_that_cannot_be_read() {
    for bad in ["", "postgres", "mysql://h/d", "sqlite:", "sqlite::memory:", "sqlite:a?mode=ro", "postgres://h:port/d"]
    {
        let why = SqlStore::open(bad).unwrap_err().to_string();
        assert!(why.contains("sqlite:PATH"), "{bad}: {why}");
    }
    let why = SqlStore::open("postgres://u:geheim@h:99999/d").unwrap_err();
    assert!(!format!("{why} {why:?}").contains("geheim"), "{why}");
}
