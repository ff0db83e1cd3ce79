//! Holds the conversations through axum, in this process, and tells all that it can: `loud NOTES [BLUNDER]`. With a
//! blunder only a few of them, and an observer tells what none may.

#[path = "../../../../adapters/axum/examples/reference.rs"]
#[allow(dead_code, unreachable_pub)] // its main is not called here
mod axum_app;

use std::net::TcpListener;
use std::sync::OnceLock;

use adapter_tests::kept::Kept;
use adapter_tests::notes::{self, Note, last, note};
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use base64ct::{Base64UrlUnpadded, Encoding};
use metrics_util::debugging::DebuggingRecorder;
use session_axum::SessionLayer;
use session_axum::events::{Event, Log, Metrics, Observer, Tracing};
use support::reference::{AnyClock, Config, Stop};
use tracing_subscriber::filter::LevelFilter;

/// What the observer does that none may; empty: nothing.
static BLUNDER: OnceLock<String> = OnceLock::new();

struct Everything;

impl Observer for Everything {
    fn observe(&self, event: &Event<'_>) {
        eprintln!("{event} | {} {:?} {:?}", event.name(), event.level(), event.log_id());
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
        match BLUNDER.get().map_or("", String::as_str) {
            "cookie" => eprintln!("id={}", Base64UrlUnpadded::encode_string(&last(Note::Cookie))),
            "handle" => eprintln!("{}", hex(&last(Note::Handle))),
            "secret" => eprintln!("{:?}", &last(Note::Cookie)[8..24]),
            "verifier" => eprintln!("{}", hex(&last(Note::Record)[32..48])),
            "csrf" => eprintln!("{}", hex(&last(Note::Csrf))),
            "key" => eprintln!("{}", conversations::KEY),
            "kept" => note(Note::Record, &[&[0; 60], &last(Note::Cookie)[8..24]].concat()),
            _ => {}
        }
    }
}

/// Learns what may be told nowhere: cookies and tokens.
fn learn(headers: &HeaderMap) {
    let lines = headers.get_all(header::SET_COOKIE).iter().chain(headers.get_all(header::COOKIE));
    for pair in lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';')) {
        let value = pair.split_once('=').map_or("", |(_, value)| value);
        // an id, or a sealed record
        match Base64UrlUnpadded::decode_vec(value.trim()) {
            Ok(value) if value.len() == 32 || value.len() >= 108 => note(Note::Cookie, &value),
            Ok(value) if value.len() == 22 => note(Note::Device, &value),
            _ => {}
        }
    }
}

async fn tell(request: Request, next: Next) -> Response {
    learn(request.headers());
    let is_csrf = request.uri().path() == "/csrf";
    let (head, body) = next.run(request).await.into_parts();
    learn(&head.headers);
    let body = to_bytes(body, 1 << 21).await.unwrap_or_default();
    match Base64UrlUnpadded::decode(&*body, &mut [0; 32]) {
        Ok(token) if is_csrf => note(Note::Csrf, token),
        // what a program would log of a request that failed
        _ if !head.status.is_success() => eprintln!("{} {}", head.status, String::from_utf8_lossy(&body)),
        _ => {}
    }
    Response::from_parts(head, Body::from(body))
}

fn serve(listener: TcpListener, config: Config, clock: AnyClock, stop: Stop) -> Result<(), String> {
    eprintln!("{config:?} {config:#?}");
    let struct_version = config.struct_version;
    let sessions = support::reference::sessions_in(config, clock, |store| Kept(store).into())?;
    let sessions = sessions.observed(((Tracing, Log), (Metrics, Everything)));
    eprintln!("{sessions:?} {:?}", SessionLayer::new(sessions.clone()));
    axum_app::run(listener, axum_app::router(sessions, struct_version).layer(from_fn(tell)), stop)
}

struct Stderr;

impl log::Log for Stderr {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        eprintln!("{record:?}");
    }

    fn flush(&self) {}
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    notes::into(&arguments.next().ok_or("no file for notes")?)?;
    let blunder = arguments.next().unwrap_or_default();
    let all = blunder.is_empty();
    BLUNDER.get_or_init(|| blunder);

    let recorder = DebuggingRecorder::new();
    let counted = recorder.snapshotter();
    recorder.install()?;
    log::set_boxed_logger(Box::new(Stderr))?;
    log::set_max_level(log::LevelFilter::Trace);
    let format = tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::stderr);
    tracing::subscriber::set_global_default(format.with_max_level(LevelFilter::TRACE).finish())?;

    if all {
        support::reference::converse("axum", &["memory:", "cookie:"], serve);
    } else {
        support::reference::converse_about(&["TR1"], "axum", &["memory:"], serve);
    }
    eprintln!("{:?}", counted.snapshot().into_vec());
    Ok(())
}
