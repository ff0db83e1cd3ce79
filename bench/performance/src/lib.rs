//! Ours and the session libraries of today, side by side: `cargo xtask performance`. Allocations are counted in the program
//! `counted`, instructions in `stepped`; the program `timed` does the rest, and writes docs/performance.md.

#[path = "../../src/adapters/ask.rs"]
mod ask;
mod counts;
mod flash;
#[path = "../../src/core/floor.rs"]
#[allow(dead_code)] // what only the program that test-all counts uses
mod floor;
mod growth;
mod http;
mod memory;
#[allow(dead_code)] // what only the program that test-all counts uses
mod ours;
mod page;
mod serve;
mod stepped;
mod stores;
#[path = "../../src/core/surroundings.rs"]
#[allow(dead_code)]
mod surroundings;
mod table;
mod times;

/// The same requests through the session libraries of today.
mod peers {
    pub(crate) mod through_actix;
    pub(crate) mod through_axum;
    pub(crate) mod through_poem;
    pub(crate) mod through_rocket;
    pub(crate) mod through_rocket_session;
}

use std::process::ExitCode;

/// Signs the cookies.
const KEY: [u8; 32] = *b"\x1a\x7f\x03\xc2\x55\x9e\x60\xd4\x21\xb8\x0c\x73\xea\x4f\x96\x38\xd1\x2a\x85\x6b\x17\xfc\x40\x9d\xe3\x58\x04\xa7\x72\xcb\x39\x16";

/// The key is for the peers' private cookies; without it Rocket does not start.
fn rocket_config() -> rocket::Config {
    use rocket::config::{Config, LogLevel, SecretKey};
    let secret_key = SecretKey::derive_from(&[0x5a; 64]);
    Config { log_level: LogLevel::Off, secret_key, workers: 1, ..Config::release_default() }
}

/// Libraries and the framework that each is for; ours first.
const LIBRARIES: [(&str, &[&str]); 4] = [
    ("axum", &["ours", "tower-sessions"]),
    ("poem", &["ours", "poem-session"]),
    ("rocket", &["ours", "rocket_flex_session", "rocket_session"]),
    ("actix", &["ours", "actix-session"]),
];
/// What is asked.
const REQUESTS: [&str; 4] = ["untouched", "read", "increment", "new"];

type Failed = Box<dyn std::error::Error>;
type Done<T = ()> = Result<T, Failed>;

/// How much is done: little of it shows that everything works.
#[derive(Clone, Copy)]
struct Size {
    quick: bool,
}

impl Size {
    fn of<T>(self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

/// A part of the page: its name, and what fills its tables.
type Section = (&'static str, fn(Size) -> Done);

const SECTIONS: [Section; 7] = [
    ("counts", counts::section),
    ("times", times::section),
    ("http", http::section),
    ("memory", memory::section),
    ("growth", growth::section),
    ("stores", stores::section),
    ("flash", flash::section),
];

/// `LIBRARY FRAMEWORK REQUEST TIMES [stepped]` or `memory LIBRARY SESSIONS`.
pub fn counted() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let library = arguments.next().unwrap_or_default();
    if library == "memory" {
        return ended(memory::count(arguments));
    }
    request(&library, arguments)
}

/// `LIBRARY FRAMEWORK REQUEST TIMES`, `serve LIBRARY FRAMEWORK PORT`, or sections: `[--quick] [--only SECTION]...`.
pub fn timed() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("serve") => ended(serve::serve(&arguments[1..])),
        Some(library) if !library.starts_with("--") => {
            let library = arguments.remove(0);
            request(&library, arguments.into_iter())
        }
        _ => ended(sections(&arguments)),
    }
}

fn request(library: &str, arguments: impl Iterator<Item = String>) -> ExitCode {
    use peers::through_rocket_session;
    ask::count("LIBRARY", arguments, async |framework, ask, times| match (framework, library) {
        ("actix", "ours") => Some(ours::through_actix::ask(ask, times).await),
        ("axum", "ours") => Some(ours::through_axum::ask(ask, times).await),
        ("poem", "ours") => Some(ours::through_poem::ask(ask, times).await),
        ("rocket", "ours") => Some(ours::through_rocket::ask(ask, times).await),
        ("actix", "actix-session") => Some(peers::through_actix::ask(ask, times).await),
        ("axum", "tower-sessions") => Some(peers::through_axum::ask(ask, times).await),
        ("poem", "poem-session") => Some(peers::through_poem::ask(ask, times).await),
        ("rocket", "rocket_flex_session") => Some(peers::through_rocket::ask(ask, times).await),
        ("rocket", "rocket_session") => Some(through_rocket_session::ask(ask, times).await),
        ("no framework", "floor") => Some(by_hand(ask, times)),
        _ => None,
    })
}

/// The work of a session's request, written by hand for this one case, without a framework.
fn by_hand(ask: ask::Ask, times: usize) -> usize {
    use ask::Ask;
    use floor::Floor;
    let mut request = match ask {
        Ask::Bare | Ask::Untouched => Box::new(|| ()),
        Ask::Read => Floor::case(times, floor::read, true),
        Ask::Increment => Floor::case(times, floor::increment, true),
        Ask::New => Floor::case(times, floor::new, false),
    };
    ask::rounds(times).map(|()| std::hint::black_box(&mut request)()).count()
}

fn sections(arguments: &[String]) -> Done {
    let (mut size, mut only) = (Size { quick: false }, Vec::new());
    let mut arguments = arguments.iter().map(String::as_str);
    while let Some(argument) = arguments.next() {
        match (argument, argument == "--only") {
            ("--quick", _) => size.quick = true,
            (_, true) => only.push(arguments.next().ok_or("--only needs a section")?),
            _ => return Err(format!("there is no option `{argument}`: [--quick] [--only SECTION]...").into()),
        }
    }
    let names = SECTIONS.map(|(name, _)| name);
    if let Some(other) = only.iter().find(|name| **name != "page" && !names.contains(name)) {
        return Err(format!("there is no section `{other}`; there are {} and page", names.join(", ")).into());
    }
    for (name, run) in SECTIONS.into_iter().filter(|(name, _)| only.is_empty() || only.contains(name)) {
        let began = std::time::Instant::now();
        println!("{name}");
        run(size).map_err(|why| format!("{name}: {why}"))?;
        println!("{name}: {:.0} s", began.elapsed().as_secs_f32());
    }
    page::write()
}

fn ended(done: Done) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// The middle one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
