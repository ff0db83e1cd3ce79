//! `sslmode=verify-full`: a server whose certificate is trusted, and no other one. It is so for another host unless the URL
//! says otherwise.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use session_core::store::Store;
use session_store_sql::{SqlError, SqlStore};
use store_support::{Draft, at};

use store_tests::servers::{PATIENT, mariadb};

use crate::common::{Fresh, create, key, load, servers};

/// A certificate for 127.0.0.1, signed by itself.
fn certificate(dir: &Path) {
    let made = Command::new("openssl")
        .args("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -keyout server.key -out server.crt".split(' '))
        .args("-addext basicConstraints=critical,CA:FALSE -addext subjectAltName=IP:127.0.0.1".split(' '))
        .current_dir(dir)
        .output()
        .expect("openssl is there: `cargo xtask setup` installs it");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

#[tokio::test]
async fn only_a_server_that_is_trusted_is_spoken_to() {
    let database = Fresh::postgres();
    let Fresh::Postgres(server) = &database else { panic!("a server") };
    let data = server.dir().join("data");
    certificate(&data);
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

#[tokio::test]
async fn only_a_mariadb_that_is_trusted_is_spoken_to() {
    let dir = tempfile::tempdir().unwrap();
    certificate(dir.path());
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(dir.path().join("server.key"), Permissions::from_mode(0o644)).unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let [cert, key_file] = [format!("--ssl-cert={}", path("server.crt")), format!("--ssl-key={}", path("server.key"))];
    let server = mariadb::start_with(&[&cert, &key_file]);
    let url = |rest: &str| format!("{}?ssl-mode=VERIFY_IDENTITY{rest}", server.url());
    let trusting = url(&format!("&ssl-ca={}", path("server.crt")));
    let store = SqlStore::open(&trusting).unwrap().with_options(PATIENT);
    create(&store, &key(1), Draft::default(), 0).await;
    mariadb::ask(server.addr(), "CREATE USER app@'%' REQUIRE SSL; GRANT ALL ON app.* TO app@'%'").unwrap();
    let app = SqlStore::open(&trusting.replace("root", "app")).unwrap().with_options(PATIENT);
    assert!(load(&app, &key(1), 0).await.is_some(), "whose connection the server knows to be one of TLS");
    for stranger in [url(""), trusting.replace("127.0.0.1", "localhost")] {
        let why = SqlStore::open(&stranger).unwrap().check(at(0)).await.unwrap_err();
        assert!(matches!(&why, SqlError::Connect(_)) && !why.to_string().contains('\n'), "{why}");
    }
}

/// `127.1` is this host, but does not look like it.
#[tokio::test]
async fn another_host_is_verified_unless_the_url_says_otherwise() {
    for (server, plain) in servers().into_iter().zip(["sslmode=disable", "ssl-mode=DISABLED"]) {
        let url = server.url().replace("127.0.0.1", "127.1");
        let store = SqlStore::open(&url).unwrap();
        let why = store.check(at(0)).await.unwrap_err();
        assert!(matches!(&why, SqlError::Connect(why) if why.contains("TLS")), "{why}");
        assert_eq!(store.warning(), None);
        let store = SqlStore::open(&format!("{url}?{plain}")).unwrap().with_options(PATIENT);
        assert_eq!(store.check(at(0)).await, Ok(()));
        assert!(store.warning().is_some_and(|why| why.contains("TLS")), "an event, once");
        assert_eq!(store.warning(), None);
        let store = SqlStore::open(&server.url()).unwrap();
        assert_eq!((store.check(at(0)).await, store.warning()), (Ok(()), None), "this host needs none");
    }
}
