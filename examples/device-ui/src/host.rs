//! The device on this machine: its flash in a file, a sensor that is made up, real time.

use core::fmt;
use std::boxed::Box;
use std::future::Future;
use std::net::TcpListener;
use std::path::Path;
use std::pin::Pin;
use std::string::String;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{format, vec};

use getrandom::SysRng;
use nor_flash::FileFlash;
use session_core::environment::{Clock, Time};
use session_picoserve::{Guard, Keys, Pool, Requests, Sessions};
use session_store_flash::{PersistedClock, WithoutPower};

use crate::flash::Shared;
use crate::{Data, Device, Limits, Possession, SetupCode};

/// Sessions at once, and bytes of each.
const SESSIONS: usize = 16;
const RECORD: usize = 256;
/// Pages of the flash, and bytes of each.
const PAGES: usize = 8;
const PAGE: usize = 4096;
/// Requests at once.
const REQUESTS: usize = 16;
/// Bytes of a request's head and body.
const REQUEST: usize = 4096;

/// What tells the time here.
pub type AnyClock = &'static (dyn Clock + Sync);

/// Unix time.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time::from_millis(since.as_millis().try_into().unwrap_or(u64::MAX))
    }
}

type Flash = crate::flash::Flash<'static, FileFlash<PAGE>, SESSIONS, RECORD>;

/// The flash in `device.flash`. What is not a flash of ours is not overwritten.
async fn open(directory: &Path) -> Result<(&'static Flash, Data), String> {
    let old = directory.join("device.bin");
    if old.exists() {
        let why = "is of a version that kept its data in files; delete it to begin with a new password";
        return Err(format!("{}: {why}", old.display()));
    }
    let path = directory.join("device.flash");
    let wrong = |why: &dyn fmt::Display| {
        let what_to_do = "put a copy back, or delete the file to begin with a new password";
        format!("{}: {why}; {what_to_do}", path.display())
    };
    let file: &'static Shared<_> =
        Box::leak(Box::new(Shared::new(FileFlash::open(&path, PAGES).map_err(|why| wrong(&why))?)));
    let flash: &'static Flash = Box::leak(Box::new(Flash::new(file, 0..(PAGES * PAGE) as u32)));
    let data = flash.boot(&mut SysRng).await.map_err(|why| wrong(&why))?;
    Ok((flash, data))
}

/// Somewhere between 20 and 24 °C.
fn sensor(now: Time) -> i16 {
    let phase = (now.millis() / 1_000 % 80) as i16;
    200 + if phase < 40 { phase } else { 80 - phase }
}

/// Serves the device whose flash is in `directory` until `stop` is ready. Its uptime is `clock`'s time, Unix time for one: then
/// what passes without power is known at the next boot. A device without a password gives its setup code to `show`, which
/// stands for a display or a serial line. An error is one line for whoever started it.
pub fn serve(
    listener: TcpListener,
    directory: &Path,
    clock: AnyClock,
    limits: Limits,
    show: &dyn Fn(&SetupCode),
    mut stop: Pin<Box<dyn Future<Output = ()>>>,
) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|why| format!("{why}"))?;
    listener.set_nonblocking(true).map_err(|why| format!("{why}"))?;
    tokio::task::LocalSet::new().block_on(&runtime, async move {
        let listener = tokio::net::TcpListener::from_std(listener).map_err(|why| format!("{why}"))?;
        let (flash, data) = open(directory).await?;
        let clock =
            PersistedClock::resume(clock, flash.store(), WithoutPower::Free).await.map_err(|why| format!("{why}"))?;
        let keys = Keys::new(&data.key).map_err(|why| format!("{why}"))?;
        let policy = limits.policy().map_err(|why| format!("{why}"))?;
        let possession = if data.has_password() {
            Possession::Nothing
        } else {
            let code = SetupCode::draw(&mut SysRng).map_err(|why| format!("{why}"))?;
            show(&code);
            Possession::Code(code)
        };
        let device: &'static _ = Box::leak(Box::new(Device::new(data, flash, limits, sensor, clock.now(), possession)));
        let sessions = Sessions::new(flash.store(), clock, &keys, policy);
        let pool: &'static _ = Box::leak(Box::new(Pool::<_, _, _, (), REQUESTS, RECORD>::new(sessions, SysRng)));
        let router: &'static _ = Box::leak(Box::new(crate::router(pool, device)));
        let config: &'static _ = Box::leak(Box::new(picoserve::Config::const_default().keep_connection_alive()));
        let mut tick = tokio::time::interval(Duration::from_secs(10));
        loop {
            let accepted = tokio::select! {
                // a clean stop loses no time; after a power cut the clock goes on from what was persisted last
                () = &mut stop => {
                    return pool.sessions().clock().persist(flash.store()).await.map_err(|why| format!("{why}"));
                }
                _ = tick.tick() => {
                    // the next one is tried ten seconds later; meanwhile requests say what is wrong
                    if let Err(why) = pool.sessions().clock().persist(flash.store()).await {
                        std::eprintln!("the time is not kept: {why}");
                    }
                    continue;
                }
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else { continue };
            tokio::task::spawn_local(async move {
                let mut guard = Guard::new();
                let mut buffer = vec![0; REQUEST];
                // an error here is the client's: it went away
                drop(picoserve::Server::new_tokio(router, config, &mut buffer).serve(guard.around(stream)).await);
            });
        }
    })
}
