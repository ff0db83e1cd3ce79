//! What a read costs: a bare GET through the same client, the store's load, and a whole request that reads a session, in
//! turn, over one connection. `cargo run --release -p store-tests --example latency`

use std::time::{Duration, Instant};

use session_core::environment::Clock;
use session_core::store::{Handle, Load, Store};
use session_std::{Request, Sessions, SystemClock, keys};
use session_store_redis::RedisStore;
use store_tests::servers;

const ROUNDS: usize = 20_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure())
}

async fn measure() -> Result<(), Box<dyn std::error::Error>> {
    let server = servers::redis::start();
    let store = RedisStore::open(&server.url())?;
    let sessions = Sessions::new(store.clone(), keys::generated());
    let request = Request::new(sessions.clone());
    request.session(std::iter::empty(), true).await?.set("n", &1_u64)?;
    let cookie = request.finish().await.cookie.ok_or("no cookie")?;
    let line = cookie.split(';').next().unwrap_or_default();

    let mut bare = redis::Client::open(server.url())?.get_multiplexed_async_connection().await?;
    let found: Vec<String> = redis::cmd("KEYS").arg("session:{*}?*").query_async(&mut bare).await?;
    let name = found.first().ok_or("no session")?;
    let digits: String = name.chars().filter(char::is_ascii_hexdigit).collect();
    // "session:" has two hexadecimal digits of its own
    let handle = u64::from_str_radix(digits.get(digits.len() - 16..).unwrap_or_default(), 16)?;
    let handle = Handle::from_bytes(handle.to_be_bytes());

    let mut times = [const { Vec::new() }; 3];
    let mut buffer = [0; 1024];
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let value: Vec<u8> = redis::cmd("GET").arg(name).query_async(&mut bare).await?;
        times[0].push(began.elapsed());
        let began = Instant::now();
        let load = store.load(&handle, SystemClock.now(), &mut buffer).await?;
        times[1].push(began.elapsed());
        let began = Instant::now();
        let request = Request::new(sessions.clone());
        let number = request.session(std::iter::once(line.as_bytes()), true).await?.get::<u64>("n")?;
        let finished = request.finish().await;
        times[2].push(began.elapsed());
        if value.is_empty() || !matches!(load, Load::Found(_)) || number != Some(1) || finished.error.is_some() {
            return Err("a read found nothing".into());
        }
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1e6
    };
    let [get, load, read] = times.each_mut().map(median);
    println!(
        "bare GET {get:.1} us; load {load:.1} us, {:.2} x; whole request {read:.1} us, {:.2} x",
        load / get,
        read / get
    );
    Ok(())
}
