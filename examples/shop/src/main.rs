//! `NOTES_PASSWORD=… cargo run -p shop [ADDRESS]`, then http://127.0.0.1:8080, as `ann`, who is an administrator.

use std::sync::Arc;

use session_axum::{MemoryStore, Policy, Sessions, keys};
use shop::{Role, Shop, app};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let shop = Arc::new(Shop::new(notes_common::users_of_env()?));
    shop.set_role("ann", Role::Admin);
    let sessions = Sessions::new(MemoryStore::new(), keys::from_env("SESSION_KEY")?).policy(Policy::PLAIN_HTTP);
    let listener = tokio::net::TcpListener::bind(notes_common::address()).await?;
    println!("http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app(shop, sessions)).await?)
}
