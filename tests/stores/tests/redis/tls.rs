//! `rediss://`, with a server whose certificate an authority of our own has signed.

use std::env;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use session_core::store::Store;
use session_store_redis::RedisStore;
use store_support::now;
use store_tests::servers;

use crate::common::{applied, create, key, record};

/// Tells the test that it is the child of itself: whom to trust is read from the environment.
const URL: &str = "SESSION_TLS_TEST_URL";

#[tokio::test]
async fn over_tls_to_whom_the_system_trusts() {
    if let Ok(url) = env::var(URL) {
        let store = RedisStore::open(&url).unwrap();
        assert_eq!(create(&store, 0, &record(1, 0, b"")).await, applied(1));
        return;
    }
    let dir = env::temp_dir().join(format!("session-tls-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    make_certificates(&dir);
    // somebody else may take the port in between; then the server says so
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let file = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let (certificate, private, authority) = (file("cert.pem"), file("key.pem"), file("ca.pem"));
    let server = servers::redis::start_with(&[
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &private,
        "--tls-ca-cert-file",
        &authority,
        "--tls-auth-clients",
        "no",
    ]);
    let url = format!("rediss://localhost:{port}");
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "tls::over_tls_to_whom_the_system_trusts"])
        .envs([(URL, url.as_str()), ("SSL_CERT_FILE", authority.as_str())])
        .output()
        .unwrap();
    assert!(child.status.success(), "{}{}", String::from_utf8_lossy(&child.stdout), server.log());
    // we do not know that authority
    let stranger = RedisStore::open(&url).unwrap();
    assert!(stranger.load(&key(0), now(), &mut [0; 256]).await.is_err());
    std::fs::remove_dir_all(dir).unwrap();
}

fn make_certificates(dir: &Path) {
    let openssl = |line: &str| {
        let made = Command::new("openssl").args(line.split(' ')).current_dir(dir).output();
        let made = made.expect("openssl is there: `cargo xtask setup` installs it");
        assert!(made.status.success(), "{line}: {}", String::from_utf8_lossy(&made.stderr));
    };
    std::fs::write(dir.join("extensions"), "subjectAltName=DNS:localhost\nbasicConstraints=critical,CA:FALSE\n")
        .unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=authority -days 2"));
    openssl(&format!("req -new {key} -keyout key.pem -out request.pem -subj /CN=localhost"));
    openssl(
        "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -out cert.pem -days 2 -extfile extensions",
    );
}
