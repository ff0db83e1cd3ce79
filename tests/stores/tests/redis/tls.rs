//! `rediss://`, with servers whose certificates an authority of our own has signed; and passwords of sentinels.

use std::env;

use session_core::store::Store;
use session_store_redis::{ConnectionOptions, RedisStore, RedisStoreError};
use store_support::now;
use store_tests::servers::redis::{Cluster, Guarded, start_secure};
use store_tests::servers::{Certificates, PATIENT};

use crate::common::{GUARD, applied, create, key, load, record};

/// Tells the test that it is the child of itself: whom the system trusts is read from the environment.
const URL: &str = "SESSION_TLS_TEST_URL";

fn open(url: &str) -> RedisStore {
    RedisStore::open(url).unwrap_or_else(|why| panic!("{url}: {why}")).with_options(PATIENT)
}

async fn works(store: &RedisStore) {
    assert_eq!(create(store, 0, &record(1, 0, b"")).await, applied(1));
    assert!(load(store, 0).await.is_some());
}

/// Asks for a sentence.
async fn told(store: &RedisStore) -> String {
    let why = store.load(&key(0), now(), &mut [0; 256]).await.unwrap_err();
    assert!(!matches!(why, RedisStoreError::Timeout(_)), "{why}");
    let told = why.to_string();
    assert!(!told.contains('\n') && !told.contains("hunter2"), "{told}");
    told
}

#[tokio::test]
async fn over_tls_to_whom_the_system_trusts() {
    if let Ok(url) = env::var(URL) {
        works(&open(&url)).await;
        return;
    }
    let certificates = Certificates::new();
    let (_server, at) = start_secure(&certificates, &["--tls-auth-clients", "no"]);
    certificates.trusted_by_the_system("tls::over_tls_to_whom_the_system_trusts", URL, format!("rediss://{at}"));
    // we do not know that authority
    assert!(told(&open(&format!("rediss://{at}"))).await.contains("certificate"));
}

#[tokio::test]
async fn tls_to_whom_the_url_trusts_and_to_nobody_else() {
    let certificates = Certificates::new();
    let (server, at) = start_secure(&certificates, &["--tls-auth-clients", "no", "--requirepass", "secret"]);
    let trusted = certificates.trusted();
    works(&open(&format!("rediss://:secret@{at}?{trusted}&prefix=mine:"))).await;
    let stranger = format!("sslrootcert={}", certificates.file("stranger.pem"));
    let elsewhere = at.replace("localhost", "[::1]");
    for (url, sentence) in [
        (format!("rediss://:secret@{at}?{stranger}"), "certificate"),
        (format!("rediss://:secret@{elsewhere}?{trusted}"), "certificate"),
        (format!("rediss://:hunter2@{at}?{trusted}"), "wrong user name or password"),
        (format!("rediss://:secret@{}?{trusted}", server.addr()), "no connection to Redis"),
        (format!("redis://:secret@{at}"), "no connection to Redis"),
    ] {
        // a server that does not speak TLS waits for the rest of what it takes for a command
        let store = open(&url).with_options(ConnectionOptions::new().with_operation_timeout(GUARD));
        let told = told(&store).await;
        assert!(told.contains(sentence), "{url}: {told}");
    }
}

#[tokio::test]
async fn a_client_certificate_where_the_server_wants_one() {
    let certificates = Certificates::new();
    let (_server, at) = start_secure(&certificates, &["--tls-auth-clients", "yes"]);
    works(&open(&format!("rediss://{at}?{}", certificates.both()))).await;
    let told = told(&open(&format!("rediss://{at}?{}", certificates.trusted()))).await;
    assert!(told.contains("no connection to Redis"), "{told}");
}

#[tokio::test]
async fn a_cluster_over_tls() {
    let certificates = Certificates::new();
    let (_cluster, port) = Cluster::start_secure(&certificates);
    let store = open(&format!("rediss-cluster://127.0.0.1:{port}?{}", certificates.both()));
    // on every node
    for group in 0..=255 {
        let handle = session_core::store::Handle::from_bytes([group, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(store.create(&handle, &record(1, 0, b""), now()).await.unwrap(), applied(1));
    }
    assert!(told(&open(&format!("rediss-cluster://127.0.0.1:{port}"))).await.contains("no connection"));
}

#[tokio::test]
async fn sentinels_with_passwords_of_their_own_over_tls() {
    let certificates = Certificates::new();
    let guarded = Guarded::start(&certificates);
    let (port, trusted) = (guarded.port, certificates.trusted());
    let sentinel = "sentinel_username=ann&sentinel_password=sentinel";
    works(&open(&format!("rediss-sentinel://:primary@localhost:{port}/main?{trusted}&{sentinel}"))).await;
    for wrong in ["sentinel_username=ann&sentinel_password=hunter2", "sentinel_password=hunter2", "prefix=x:"] {
        let store = open(&format!("rediss-sentinel://:primary@localhost:{port}/main?{trusted}&{wrong}"));
        let told = told(&store).await;
        assert!(!told.contains("primary@") && !told.contains("hunter2"), "{wrong}: {told}");
    }
    let told = told(&open(&format!("rediss-sentinel://:hunter2@localhost:{port}/main?{trusted}&{sentinel}"))).await;
    assert!(told.contains("wrong user name or password"), "{told}");
    assert!(!format!("{:?}", open(&format!("redis-sentinel://h/main?{sentinel}"))).contains("ann"));
}

#[test]
fn files_that_are_none_are_told_when_the_store_is_opened() {
    let open = |parameters: &str| RedisStore::open(&format!("rediss://h?{parameters}")).unwrap_err().to_string();
    Certificates::refuses_wrong_files(open, &[("client.pem", "cannot be used")]);
}

/// `127.1` is this host, but does not look like it.
#[tokio::test]
async fn plaintext_to_another_host_is_an_event_once() {
    let server = store_tests::servers::redis::start();
    let url = server.url().replace("127.0.0.1", "127.1");
    let client = redis::Client::open(url.as_str()).unwrap();
    for store in [open(&url), RedisStore::from(client)] {
        works(&store).await;
        store.delete(&key(0), session_core::store::DeleteCondition::Any, now()).await.unwrap();
        assert!(store.warning().is_some_and(|why| why.contains("TLS")));
        assert_eq!(store.warning(), None);
    }
    assert_eq!(open(&server.url()).warning(), None, "this host needs none");
}
