//! Conversations over real memcached: all of them through one adapter, the delicate ones through another and on three
//! servers.

#[path = "../../../../adapters/axum/examples/reference.rs"]
#[allow(dead_code, unreachable_pub)] // its main is not called here
mod axum_app;

#[path = "../../../../adapters/poem/examples/reference.rs"]
#[allow(dead_code, unreachable_pub)] // its main is not called here
mod poem_app;

use store_tests::servers;

/// Conflicts, logins, logouts, renewals: where a store may go wrong.
const DELICATE: &[&str] = &["LC2", "LC3", "LC8", "ST2", "ST3"];

#[test]
fn all_through_axum() {
    let server = servers::memcached::start();
    support::reference::converse("axum", &[&server.url()], axum_app::serve);
}

#[test]
fn the_delicate_ones_through_poem_on_three_servers() {
    let servers = [(); 3].map(|()| servers::memcached::start());
    let addrs: Vec<String> = servers.iter().map(|server| server.addr().to_string()).collect();
    let url = format!("memcached://{}", addrs.join(","));
    support::reference::converse_about(DELICATE, "poem", &[&url], poem_app::serve);
}
