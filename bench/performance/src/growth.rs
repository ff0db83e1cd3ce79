//! What a read costs as sessions become many, and with two threads.

use std::sync::Barrier;
use std::time::Instant;

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::SET_COOKIE;

use crate::ask::Ask;
use crate::ours::through_axum::send;
use crate::table::Table;
use crate::{Done, Size, median, ours, peers};

fn app(library: &str) -> Router {
    match library {
        "ours" => ours::through_axum::routes().layer(ours::through_axum::layer()),
        "bare" => ours::through_axum::routes(),
        _ => peers::through_axum::routes().layer(peers::through_axum::layer()),
    }
    .with_state(())
}

fn runtime() -> Done<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// Cookies of so many sessions.
async fn fill(app: &mut Router, sessions: usize) -> Vec<HeaderValue> {
    let mut cookies = Vec::with_capacity(sessions);
    for _ in 0..sessions {
        let answer = send(app, Ask::New, None).await;
        let set = answer.headers().get(SET_COOKIE).and_then(|value| value.to_str().ok());
        let pair = set.and_then(|set| set.split(';').next()).unwrap_or("theme=dark");
        cookies.extend(HeaderValue::from_str(pair));
    }
    cookies
}

/// Nanoseconds of each of so many reads, of any of the sessions.
async fn read(app: &mut Router, ask: Ask, cookies: &[HeaderValue], times: usize) -> f64 {
    let (began, mut number) = (Instant::now(), 1_usize);
    for _ in 0..times {
        number = number.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        let answer = send(app, ask, Some(&cookies[(number >> 20) % cookies.len()])).await;
        assert_eq!(answer.status(), 200);
    }
    began.elapsed().as_nanos() as f64 / times as f64
}

pub(crate) fn section(size: Size) -> Done {
    let times = size.of(100_000, 5_000);
    let mut table = Table::new(&["library", "sessions", "ns a read"]);
    for sessions in size.of(&[1_000, 10_000, 100_000, 1_000_000][..], &[1_000, 10_000]) {
        for library in ["ours", "tower-sessions"] {
            let mut app = app(library);
            let each = runtime()?.block_on(async {
                let cookies = fill(&mut app, *sessions).await;
                read(&mut app, Ask::Read, &cookies, times / 4).await;
                let mut rounds = Vec::new();
                for _ in 0..5 {
                    rounds.push(read(&mut app, Ask::Read, &cookies, times).await);
                }
                median(rounds)
            });
            table.push(vec![library.into(), sessions.to_string(), format!("{each:.0}")]);
        }
    }
    table.write("growth")?;
    threads(size)
}

/// The same application in threads with a runtime each, over one store.
fn threads(size: Size) -> Done {
    let times = size.of(200_000, 5_000);
    let mut table = Table::new(&["library", "threads", "reads a second"]);
    for library in ["bare", "ours", "tower-sessions"] {
        let mut first = app(library);
        let ask = if library == "bare" { Ask::Bare } else { Ask::Read };
        let cookies = runtime()?.block_on(fill(&mut first, 1_000));
        for threads in [1, 2] {
            let mut rounds = Vec::new();
            for _ in 0..5 {
                let barrier = Barrier::new(threads + 1);
                let spent = std::thread::scope(|scope| {
                    for _ in 0..threads {
                        let mut app = first.clone();
                        let (barrier, cookies) = (&barrier, &cookies);
                        scope.spawn(move || {
                            let runtime = runtime().expect("a runtime");
                            barrier.wait();
                            runtime.block_on(read(&mut app, ask, cookies, times));
                            barrier.wait();
                        });
                    }
                    barrier.wait();
                    let began = Instant::now();
                    barrier.wait();
                    began.elapsed()
                });
                rounds.push((times * threads) as f64 / spent.as_secs_f64());
            }
            table.push(vec![library.into(), threads.to_string(), format!("{:.0}", median(rounds))]);
        }
    }
    table.write("threads")
}
