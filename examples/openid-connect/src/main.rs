//! `OIDC_ISSUER=… OIDC_CLIENT_ID=… OIDC_CLIENT_SECRET=… cargo run -p openid-connect`: see the README.

use std::env;

use openid_connect::{Provider, app};
use session_axum::{MemoryStore, Policy, Sessions, keys};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let variable = |name: &str| env::var(name).map_err(|why| format!("{name}: {why}"));
    let address = env::var("ADDRESS").unwrap_or_else(|_| "127.0.0.1:8080".into());
    let base = env::var("BASE_URL").unwrap_or_else(|_| format!("http://{address}"));
    let provider = Provider::new(
        &variable("OIDC_ISSUER")?,
        &variable("OIDC_CLIENT_ID")?,
        &variable("OIDC_CLIENT_SECRET")?,
        &base,
    )?;
    // without a key of its own, a restart signs everybody out
    let keys =
        if env::var_os("SESSION_KEY").is_some() { keys::from_env("SESSION_KEY")? } else { keys::generated().into() };
    let policy = if base.starts_with("https:") { Policy::SECURE } else { Policy::PLAIN_HTTP };
    let listener = TcpListener::bind(&address).await?;
    println!("{base}");
    Ok(axum::serve(listener, app(provider, Sessions::new(MemoryStore::new(), keys).policy(policy))).await?)
}
