//! The program around an adapter's server, and the conversations with it.

use std::env;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;

use clap::Parser;
use conversations::{Running, Target, Unsupported};
use session_core::environment::{Clock, Time};
use session_core::testing::ManualClock;
use session_std::device::P256;
use session_std::{Sessions, SharedStore};

use super::flags::{Config, FLAGS, Flags};
use super::header;
use super::outage::Outage;
use super::surroundings::{SystemClock, refuse};

/// What tells the time: the system, or a test.
pub type AnyClock = &'static (dyn Clock + Sync);
/// Ready when the server is to end.
pub type Stop = Pin<Box<dyn Future<Output = ()> + Send>>;
/// Serves until it is told to stop. The error is one line for whoever started it.
pub type Serve = fn(TcpListener, Config, AnyClock, Stop) -> Result<(), String>;

/// The same of a framework that opens its socket itself: at `config.listen`. It tells where, once it can be reached.
pub type Bind = fn(Config, AnyClock, Ready, Stop) -> Result<(), String>;
/// Is told the address at which the server can be reached.
pub type Ready = Box<dyn FnOnce(SocketAddr) + Send>;

/// The main function of a reference app.
pub fn run(serve: Serve) {
    let mut config = Flags::of_command_line().config().unwrap_or_else(|why| refuse(why));
    let listener =
        TcpListener::bind(config.listen).unwrap_or_else(|why| refuse(format!("--listen {}: {why}", config.listen)));
    config.announce = Some(listener.local_addr().unwrap_or(config.listen));
    with_room(move || serve(listener, config, &SystemClock, Box::pin(std::future::pending())));
}

/// The main function of a reference app that opens its socket itself.
pub fn run_binding(serve: Bind) {
    let config = Flags::of_command_line().config().unwrap_or_else(|why| refuse(why));
    let ready = Box::new(|address| println!("listening on http://{address}"));
    with_room(move || serve(config, &SystemClock, ready, Box::pin(std::future::pending())));
}

/// Runs a server to its end on a stack that is large enough: the futures of all routes together are large in a debug build.
fn with_room(serve: impl FnOnce() -> Result<(), String> + Send + 'static) {
    let server = std::thread::Builder::new().stack_size(STACK).spawn(serve);
    let ended = server.unwrap_or_else(|why| refuse(why)).join();
    ended.unwrap_or_else(|_| Err("the server panicked".into())).unwrap_or_else(|why| refuse(why));
}

const STACK: usize = 16 << 20;
/// Where browsers register the keys of their devices, and prove that they have them.
const DEVICE_ENDPOINT: &str = "/device-session";

/// The application's sessions, for adapters over session-std.
pub fn sessions(config: Config, clock: AnyClock) -> Result<Sessions, String> {
    sessions_in(config, clock, std::convert::identity)
}

/// The same in what `around` makes of their store.
pub fn sessions_in(
    config: Config,
    clock: AnyClock,
    around: impl FnOnce(SharedStore) -> SharedStore,
) -> Result<Sessions, String> {
    let Config { store, keys, policy, token_header, announce, outage, .. } = config;
    let around = |store| match outage {
        Some(outage) => around(outage.of(store)),
        None => around(store),
    };
    let sessions = store.sessions(keys, around)?.policy(policy).clock(clock);
    let sessions = match token_header {
        Some(name) => sessions.in_header(&name).map_err(|why| format!("--token-header: {why}"))?,
        None => sessions,
    };
    let sessions = match policy.binds_devices() {
        true => sessions.device_endpoint(DEVICE_ENDPOINT, P256).map_err(|why| format!("--device-bound: {why}"))?,
        false => sessions,
    };
    if sessions.cannot_bind_devices() {
        return Err("--device-bound: is for sessions in a store and in cookies".into());
    }
    announced(announce);
    Ok(sessions)
}

/// Says where the program listens, if it is to be said now.
pub(super) fn announced(announce: Option<SocketAddr>) {
    if let Some(address) = announce {
        println!("listening on http://{address}");
    }
}

/// All conversations with a reference app that runs in this process, on each of these stores.
///
/// # Panics
/// If one of them goes wrong.
pub fn converse(name: &str, stores: &[&str], serve: Serve) {
    conversations::run_all(&InProcess::new(stores, Serves::There(serve)), name).assert_passed();
}

/// The same with an app for microcontrollers, whose sessions cannot be bound to the devices of browsers, on each store
/// that it has.
///
/// # Panics
/// If one of them goes wrong.
pub fn converse_on_a_device(name: &str, serve: Serve) {
    with_flash(|flash| {
        let stores = ["memory:", "fixed:", "cookie:", flash];
        let target = InProcess { without: &["--device-bound"], ..InProcess::new(&stores, Serves::There(serve)) };
        conversations::run_all(&target, name).assert_passed();
    });
}

/// The same with an app that opens its socket itself.
///
/// # Panics
/// If one of them goes wrong.
pub fn converse_binding(name: &str, stores: &[&str], serve: Bind) {
    conversations::run_all(&InProcess::new(stores, Serves::Itself(serve)), name).assert_passed();
}

/// Those conversations that show one of these requirements.
///
/// # Panics
/// If one of them goes wrong.
pub fn converse_about(ids: &[&str], name: &str, stores: &[&str], serve: Serve) {
    conversations::run_about(ids, &InProcess::new(stores, Serves::There(serve)), name).assert_passed();
}

/// The same with an app that opens its socket itself.
///
/// # Panics
/// If one of them goes wrong.
pub fn converse_binding_about(ids: &[&str], name: &str, stores: &[&str], serve: Bind) {
    conversations::run_about(ids, &InProcess::new(stores, Serves::Itself(serve)), name).assert_passed();
}

/// The tokens of an app in headers instead of cookies (TR5).
///
/// # Panics
/// Where it goes otherwise.
pub fn converse_in_a_header(serve: Serve) {
    header::tell(&InProcess::new(&[], Serves::There(serve)));
}

/// The same with an app that opens its socket itself.
///
/// # Panics
/// Where it goes otherwise.
pub fn converse_in_a_header_binding(serve: Bind) {
    header::tell(&InProcess::new(&[], Serves::Itself(serve)));
}

/// Starts that the program refuses. `test` is the test that calls this, which runs again as the program.
///
/// # Panics
/// If one of them is not refused as it should be.
pub fn refuse_bad_starts(test: &str, main: fn()) {
    if env::var_os(FLAGS).is_some() {
        return main();
    }
    let this = env::current_exe().expect("the test");
    conversations::check_bad_starts(|flags| {
        let mut program = Command::new(&this);
        program.args(["--exact", test, "--nocapture"]).env(FLAGS, flags.join("\n"));
        program
    });
}

/// Gives `converse` the URL of flash stores in a directory that goes when it is done.
///
/// # Panics
/// If `converse` does, or if there can be no such directory.
pub fn with_flash(converse: impl FnOnce(&str)) {
    let directory = tempfile::tempdir().expect("a directory for files");
    converse(&format!("flash:{}", directory.path().display()));
}

/// Gives `converse` the URL of SQLite databases in a directory that goes when it is done.
///
/// # Panics
/// If `converse` does, or if there can be no such directory.
pub fn with_sqlite(converse: impl FnOnce(&str)) {
    let directory = tempfile::tempdir().expect("a directory for files");
    converse(&format!("sqlite:{}/db", directory.path().display()));
}

struct InProcess<'a> {
    stores: &'a [&'a str],
    serve: Serves,
    without: &'a [&'a str],
}

impl<'a> InProcess<'a> {
    const fn new(stores: &'a [&'a str], serve: Serves) -> Self {
        Self { stores, serve, without: &[] }
    }
}

#[derive(Clone, Copy)]
enum Serves {
    There(Serve),
    Itself(Bind),
}

impl Serves {
    fn run(self, config: Config, clock: AnyClock, ready: Ready, stop: Stop) -> Result<(), String> {
        match self {
            Self::Itself(serve) => serve(config, clock, ready, stop),
            Self::There(serve) => {
                let listener = TcpListener::bind(config.listen).map_err(|why| why.to_string())?;
                // whoever comes early waits in the listener's queue
                ready(listener.local_addr().map_err(|why| why.to_string())?);
                serve(listener, config, clock, stop)
            }
        }
    }
}

impl Serves {
    /// Starts the app in a thread of its own.
    fn start(self, config: Config, clock: &'static ManualClock) -> Result<Running, Unsupported> {
        let (store, outage) = (config.store.clone(), Outage::default());
        let config = Config { outage: Some(outage.clone()), ..config };
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let stopped: Stop = Box::pin(async { drop(stopped.await) });
        let (tell, told) = mpsc::channel();
        let ready: Ready = Box::new(move |address| tell.send(address).unwrap_or_default());
        let server = std::thread::Builder::new().stack_size(STACK).spawn(move || {
            if let Err(why) = self.run(config, clock, ready, stopped) {
                eprintln!("{why}");
            }
        });
        let server = server.map_err(|why| Unsupported(why.to_string()))?;
        let address = told.recv().map_err(|_| Unsupported("the server did not start".into()))?;
        let end = move || {
            // a server that is gone already has nothing to be told
            let _gone = stop.send(());
            let _panicked = server.join();
        };
        let running = Running::new(address, move |span| clock.set(clock.now().after(span)), end);
        let running = running.with_outages(move |down| outage.set(down));
        Ok(running.with_nodes(move |flags| self.start(Config { store: store.clone(), ..config_of(flags)? }, clock)))
    }
}

/// Flags as a command line's, at a free port.
fn config_of(flags: &[&str]) -> Result<Config, Unsupported> {
    let flags = Flags::try_parse_from([&["reference", "--listen", "127.0.0.1:0"], flags].concat());
    flags.map_err(|why| why.to_string()).and_then(Flags::config).map_err(Unsupported)
}

impl Target for InProcess<'_> {
    fn start(&self, flags: &[&str]) -> Result<Running, Unsupported> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let mut config = config_of(flags)?;
        // each app begins with an empty store, also where all of them use one server
        config.store = config.store.apart(&format!("app{}", STARTED.fetch_add(1, Ordering::Relaxed)));
        let clock: &'static ManualClock = Box::leak(Box::new(ManualClock::at(Time::from_millis(1_800_000_000_000))));
        self.serve.start(config, clock)
    }

    fn stores(&self) -> &[&str] {
        self.stores
    }

    fn without(&self) -> &[&str] {
        self.without
    }
}
