//! Over IPv4, IPv6, a socket of this host and TLS, with a password and without: what a URL says, and what it is told if
//! the server is another than that.

use std::env;
use std::io::{Read, Write};
use std::net::TcpListener;

use session_core::store::{Outcome, Store, Version};
use session_store_memcached::{ConnectionOptions, MemcachedError, MemcachedStore};
use store_support::{key, now};
use store_tests::servers::{self, Certificates, PATIENT};

use crate::common::{commands, load, record, say};

/// Tells the test that it is the child of itself: whom the system trusts is read from the environment.
const URL: &str = "SESSION_TLS_TEST_URL";

fn open(url: &str) -> MemcachedStore {
    MemcachedStore::open(url).unwrap_or_else(|why| panic!("{url}: {why}")).with_options(PATIENT)
}

async fn works(store: &MemcachedStore) {
    let created = store.create(&key(7), &record(1, b"x"), now()).await;
    assert_eq!(created, Ok(Outcome::Applied(Version(1))));
    assert!(load(store, &key(7)).await.unwrap().is_some());
    store.check(now()).await.unwrap();
}

/// Asks for a sentence.
async fn told(store: &MemcachedStore) -> (MemcachedError, String) {
    let why = load(store, &key(7)).await.unwrap_err();
    let also = store.create(&key(7), &record(1, b"x"), now()).await.unwrap_err();
    assert!(std::mem::discriminant(&why) == std::mem::discriminant(&also), "{why}; {also}");
    let sentence = why.to_string();
    assert!(!sentence.contains('\n') && !sentence.ends_with(' '), "{sentence}");
    (why, sentence)
}

#[tokio::test]
async fn a_name_that_leads_to_several_addresses() {
    let server = servers::memcached::start();
    // IPv6 first in some systems, where nothing listens
    works(&open(&format!("memcached://localhost:{}", server.addr().port()))).await;
}

#[tokio::test]
async fn the_password_right_wrong_and_missing_id6() {
    let server = servers::memcached::start_with_password();
    works(&open(&server.url())).await;
    for (url, sentence) in [
        (format!("memcached://ann:hunter2@{}", server.addr()), "wrong user name or password"),
        (format!("memcached://bob:correct%40horse@{}", server.addr()), "wrong user name or password"),
        (format!("memcached://{}", server.addr()), "unauthenticated: give a user and a password"),
    ] {
        let store = open(&url);
        for _ in 0..3 {
            let (why, told) = told(&store).await;
            assert!(matches!(why, MemcachedError::Refused { .. }), "no outage, whose pause would hide why: {why}");
            assert!(told.contains(sentence) && !told.contains("hunter2") && !told.contains("horse"), "{told}");
            assert!(!format!("{why:?} {store:?}").contains("hunter2"));
        }
        assert!(store.check(now()).await.is_err());
    }
}

/// A server that wants no password takes what is said to it for an item.
#[tokio::test]
async fn a_password_stays_in_no_server_that_wants_none_id6() {
    let server = servers::memcached::start();
    works(&open(&format!("memcached://ann:hunter2@{}", server.addr()))).await;
    assert_eq!(say(server.addr(), b"get auth\r\n", "END\r\n"), "END\r\n");
}

#[tokio::test]
async fn tls_to_whom_the_url_trusts_and_to_nobody_else() {
    let certificates = Certificates::new();
    let server = servers::memcached::start_secure(&certificates, &[]);
    let (secure, trusted) = (server.url(), certificates.trusted());
    let before = commands(server.addr());
    works(&open(&format!("{secure}?{trusted}&prefix=mine:"))).await;
    assert!(commands(server.addr()) > before, "it was that server");
    works(&open(&format!("{}?{trusted}", secure.replace("localhost", "127.0.0.1")))).await;

    let stranger = format!("sslrootcert={}", certificates.file("stranger.pem"));
    let elsewhere = secure.replace("localhost", "[::1]");
    for (url, sentence) in [
        (secure.clone(), "certificate is not trusted"),
        (format!("{secure}?{stranger}"), "certificate is not trusted"),
        (format!("{elsewhere}?{trusted}"), "certificate is not trusted"),
        (format!("memcacheds://{}?{trusted}", server.addr()), "does not speak TLS"),
    ] {
        let (why, told) = told(&open(&url).with_options(PATIENT.with_max_failures(u32::MAX))).await;
        assert!(matches!(why, MemcachedError::Connect { .. }) && told.contains(sentence), "{url}: {told}");
    }
    // the other way round: the server ends such a connection
    let plain = secure.replace("memcacheds", "memcached");
    let (why, _) = told(&open(&plain).with_options(PATIENT.with_max_failures(u32::MAX))).await;
    assert!(matches!(why, MemcachedError::Broken { .. } | MemcachedError::Unexpected { .. }), "{why}");
}

#[tokio::test]
async fn tls_to_whom_the_system_trusts() {
    if let Ok(url) = env::var(URL) {
        works(&open(&url)).await;
        return;
    }
    let certificates = Certificates::new();
    let server = servers::memcached::start_secure(&certificates, &[]);
    certificates.trusted_by_the_system("addresses::tls_to_whom_the_system_trusts", URL, server.url());
}

#[tokio::test]
async fn a_client_certificate_where_the_server_wants_one() {
    let certificates = Certificates::new();
    let server = servers::memcached::start_secure(&certificates, &["-o", "ssl_verify_mode=2"]);
    works(&open(&format!("{}?{}", server.url(), certificates.both()))).await;
    let store = open(&format!("{}?{}", server.url(), certificates.trusted()));
    let (_, told) = told(&store.with_options(PATIENT.with_max_failures(u32::MAX))).await;
    assert!(told.contains("memcached localhost"), "{told}");
}

#[test]
fn files_that_are_none_are_told_when_the_store_is_opened() {
    let open =
        |parameters: &str| MemcachedStore::open(&format!("memcacheds://h?{parameters}")).unwrap_err().to_string();
    Certificates::refuses_wrong_files(
        open,
        &[("client.pem", "no private key in PEM"), ("server.key", "cannot be used")],
    );
}

/// What answers like no memcached: its first words, and the end of what the client understands.
#[tokio::test]
async fn something_else_behind_the_address_is_told() {
    for words in [
        "-ERR unknown command 'mg'\r\n",
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "VA x\r\n",
        "VA 99999999999 c1\r\n",
        "HD\r\n",
        "\r\n",
        "\0\n",
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        // says this to each client, until the test's process ends
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _gone = stream.read(&mut [0; 4096]).and_then(|_| stream.write_all(words.as_bytes()));
                std::thread::spawn(move || stream.read(&mut [0; 64]));
            }
        });
        let store = open(&format!("memcached://{addr}")).with_options(PATIENT.with_max_failures(u32::MAX));
        let why = load(&store, &key(7)).await.unwrap_err();
        assert!(matches!(why, MemcachedError::Unexpected { .. }), "{words:?}: {why}");
        assert!(why.to_string().contains("is not from memcached") && !why.to_string().contains('\n'), "{why}");
    }
    // one that hangs up
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let why = load(&open(&format!("memcached://{addr}")), &key(7)).await.unwrap_err();
    assert!(matches!(why, MemcachedError::Broken { .. }), "{why}");
}

/// `127.1` is this host, but does not look like it.
#[tokio::test]
async fn plaintext_to_another_host_is_an_event_once() {
    let server = servers::memcached::start();
    let store = open(&server.url().replace("127.0.0.1", "127.1"));
    works(&store).await;
    assert!(store.warning().is_some_and(|why| why.contains("TLS")));
    assert_eq!(store.warning(), None);
    for url in [server.url(), "memcached+unix:///s".into(), "memcached://localhost".into(), "memcached://[::1]".into()]
    {
        assert_eq!(open(&url).warning(), None, "{url}");
    }
    assert_eq!(MemcachedStore::open("memcacheds://cache.example").unwrap().warning(), None);
}

/// An answer that was not waited for is not taken for the next one's, also over TLS.
#[tokio::test]
async fn dropped_futures_over_tls_leave_no_broken_connection_st10() {
    let certificates = Certificates::new();
    let server = servers::memcached::start_secure(&certificates, &[]);
    let one = ConnectionOptions::new().with_max_connections(1);
    let store =
        MemcachedStore::open(&format!("{}?{}", server.url(), certificates.trusted())).unwrap().with_options(one);
    crate::outages::dropped_futures(&store).await;
}

#[tokio::test]
async fn a_restart_over_each_way_breaks_nothing_st10() {
    let certificates = Certificates::new();
    let secure = servers::memcached::start_secure(&certificates, &[]);
    let trusted = format!("{}?{}", secure.url(), certificates.trusted());
    for (mut server, url) in [
        (secure, Some(trusted)),
        (servers::memcached::start_on_socket(), None),
        (servers::memcached::start_over_ipv6(), None),
        (servers::memcached::start_with_password(), None),
    ] {
        let url = url.unwrap_or_else(|| server.url());
        let store = open(&url);
        works(&store).await;
        server.restart();
        assert_eq!(load(&store, &key(7)).await, Ok(None), "{url}: the dead connection is no error");
        works(&store).await;
        server.kill();
        let why = load(&store, &key(7)).await.unwrap_err();
        assert!(matches!(why, MemcachedError::Connect { .. } | MemcachedError::Broken { .. }), "{url}: {why}");
    }
}
