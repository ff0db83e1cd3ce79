//! `sslmode=verify-full`: a server whose certificate is trusted, and nobody else.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::process::Command;

use session_core::store::Store;
use session_store_sql::{SqlError, SqlStore};
use store_support::{Draft, at};

use crate::common::{Fresh, create, key, load};

#[tokio::test]
async fn only_a_server_that_is_trusted_is_spoken_to() {
    let database = Fresh::postgres();
    let Fresh::Postgres(server) = &database else { panic!("a server") };
    let data = server.dir().join("data");
    let made = Command::new("openssl")
        .args("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -keyout server.key -out server.crt".split(' '))
        .args("-addext basicConstraints=critical,CA:FALSE -addext subjectAltName=IP:127.0.0.1".split(' '))
        .current_dir(&data)
        .output()
        .expect("openssl is there: `cargo xtask setup` installs it");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let owner = fs::metadata(&data).unwrap();
    let private = data.join("server.key");
    fs::set_permissions(&private, Permissions::from_mode(0o600)).unwrap();
    chown(&private, Some(owner.uid()), Some(owner.gid())).unwrap();
    let certificate = server.dir().join("trusted.crt");
    fs::copy(data.join("server.crt"), &certificate).unwrap();

    let url = |rest: &str| format!("{}?sslmode=verify-full{rest}", database.url());
    let trusting = url(&format!("&sslrootcert={}", certificate.display()));
    let why = SqlStore::open(&trusting).unwrap().check(at(0)).await.unwrap_err();
    assert!(matches!(why, SqlError::Connect(_)), "a server without TLS: {why}");

    database.sql("ALTER SYSTEM SET ssl = on").await.unwrap();
    database.sql("SELECT pg_reload_conf()").await.unwrap();
    let store = SqlStore::open(&trusting).unwrap();
    for _ in 0..200 {
        if store.check(at(0)).await.is_ok() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    create(&store, &key(1), Draft::default(), 0).await;
    let spoken = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND datname IS NOT NULL";
    assert!(database.number(spoken).await > 0);
    // the roots of webpki do not know it, and it is not the certificate of another host
    let another_host = trusting.replace("127.0.0.1", "localhost");
    for stranger in [url(""), another_host] {
        let why = SqlStore::open(&stranger).unwrap().check(at(0)).await.unwrap_err();
        assert!(matches!(why, SqlError::Connect(_)), "{why}");
    }
    assert!(load(&store, &key(1), 0).await.is_some());
}
