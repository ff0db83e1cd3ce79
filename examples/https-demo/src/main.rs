//! `cargo xtask demo --dbsc`: the notes application with device-bound sessions, over https.

use std::time::Duration;

use https_demo::{Certificate, FEATURES};
use notes_common::Users;
use session_axum::device::P256;
use session_axum::{MemoryStore, Policy, Sessions, keys};

#[allow(dead_code, unreachable_pub)] // its main, and what is public there
#[path = "../../../adapters/axum/examples/notes.rs"]
mod notes;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let certificate = Certificate::for_hosts(&["localhost"])?;
    // short, so that there is something to be seen; ten minutes are a good choice
    let policy = Policy::SECURE.device_bound(Duration::from_secs(30))?;
    let sessions = Sessions::new(MemoryStore::new(), keys::generated()).policy(policy);
    let sessions = sessions.device_endpoint("/device-session", P256)?;
    let password = "a long password";
    let users = Users::new(&[("ann", password)]).map_err(|why| why.to_string())?;
    let app = notes::app(users, sessions);
    println!("https://localhost:{port} as ann, with the password: {password}\n");
    println!("chromium --user-data-dir=$(mktemp -d) --enable-features={FEATURES} \\");
    println!("    {} https://localhost:{port}\n", certificate.argument());
    Ok(https_demo::serve(listener, certificate, app).await?)
}
