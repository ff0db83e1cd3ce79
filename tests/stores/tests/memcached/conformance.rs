//! The store keeps the contract on one server and on several (ST11).

use session_store_memcached::{ConnectionOptions, MemcachedStore};
use store_support::now;
use store_tests::servers::conformance::conforms;
use store_tests::servers::{self, Certificates, PATIENT};

async fn keeps_the_contract(name: &str, url: &str, options: ConnectionOptions) {
    let store = MemcachedStore::open(url).unwrap().with_options(options);
    conforms(name, &store, now(), 0..5).await;
}

#[tokio::test]
async fn one_server() {
    keeps_the_contract("memcached", &servers::memcached::start().url(), PATIENT).await;
}

#[tokio::test]
async fn three_servers() {
    let servers = [(); 3].map(|()| servers::memcached::start());
    keeps_the_contract("memcached, three", &crate::common::url(&servers), PATIENT).await;
}

#[tokio::test]
async fn one_connection() {
    let server = servers::memcached::start();
    keeps_the_contract("memcached, one connection", &server.url(), PATIENT.with_max_connections(1)).await;
}

#[tokio::test]
async fn over_ipv6() {
    keeps_the_contract("memcached, IPv6", &servers::memcached::start_over_ipv6().url(), PATIENT).await;
}

#[tokio::test]
async fn on_a_socket() {
    keeps_the_contract("memcached, socket", &servers::memcached::start_on_socket().url(), PATIENT).await;
}

#[tokio::test]
async fn with_a_password() {
    keeps_the_contract("memcached, password", &servers::memcached::start_with_password().url(), PATIENT).await;
}

#[tokio::test]
async fn over_tls() {
    let certificates = Certificates::new();
    let server = servers::memcached::start_secure(&certificates, &[]);
    keeps_the_contract("memcached, TLS", &format!("{}?{}", server.url(), certificates.trusted()), PATIENT).await;
}
