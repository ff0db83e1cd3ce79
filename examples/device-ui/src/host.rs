//! The device on this machine: its data in a file, its sessions in another that stands for a flash, a sensor that is made
//! up, real time.

use std::boxed::Box;
use std::fs::{self, File, OpenOptions};
use std::future::Future;
use std::io::{self, Write};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::string::String;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{format, vec};

use nor_flash::FileFlash;
use rand_core::{TryCryptoRng, TryRng};
use session_core::environment::{Clock, Time};
use session_picoserve::policy::{Lifetimes, PlainCookie, Policy};
use session_picoserve::{Keys, Pool, Sessions};
use session_store_flash::{Contents, FlashStore};

use crate::{Data, Device, Keeper, Limits, NotKept};

/// Sessions at once, and bytes of each.
const SESSIONS: usize = 16;
const RECORD: usize = 256;
/// Pages of 4 KB for the sessions.
const PAGES: usize = 8;
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

/// The operating system's random numbers.
pub struct OsRng;

impl TryRng for OsRng {
    type Error = getrandom::Error;

    fn try_next_u32(&mut self) -> Result<u32, getrandom::Error> {
        getrandom::u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, getrandom::Error> {
        getrandom::u64()
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), getrandom::Error> {
        getrandom::fill(into)
    }
}

impl TryCryptoRng for OsRng {}

/// A file, replaced as a whole: after a power cut it is the old or the new.
struct DataFile(PathBuf);

impl Keeper for DataFile {
    async fn keep(&self, data: &Data) -> Result<(), NotKept> {
        self.write(data).map_err(|why| {
            std::eprintln!("{}: {why}", self.0.display());
            NotKept
        })
    }
}

impl DataFile {
    fn write(&self, data: &Data) -> io::Result<()> {
        let mut buffer = [0; Data::LEN];
        let bytes = data.encode(&mut buffer).ok_or(io::ErrorKind::InvalidData)?;
        let new = self.0.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, &self.0)?;
        File::open(self.0.parent().unwrap_or(Path::new(".")))?.sync_all()
    }

    /// The data, or on first boot fresh data. An unreadable file is never taken for a first boot: whoever could cut it
    /// could then choose the password.
    fn read(&self) -> Result<Data, String> {
        let wrong = |why: &dyn core::fmt::Display| format!("{}: {why}", self.0.display());
        match fs::read(&self.0) {
            Ok(bytes) => Data::decode(&bytes).map_err(|why| {
                format!("{}; put a copy back, or delete the file to begin with a new password", wrong(&why))
            }),
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                let (mut key, mut salt) = ([0; 32], [0; 16]);
                getrandom::fill(&mut key).and_then(|()| getrandom::fill(&mut salt)).map_err(|why| wrong(&why))?;
                let data = Data::new(key, salt);
                self.write(&data).map_err(|why| wrong(&why))?;
                Ok(data)
            }
            Err(why) => Err(wrong(&why)),
        }
    }
}

/// The sessions in `sessions.flash`, which survive a reboot. What is not a flash of ours is not overwritten.
async fn sessions_of(directory: &Path) -> Result<FlashStore<FileFlash<4096>, SESSIONS, RECORD>, String> {
    let path = directory.join("sessions.flash");
    let wrong =
        |why: &dyn core::fmt::Display| format!("{}: {why}; delete it to begin without sessions", path.display());
    let store = FlashStore::new(FileFlash::open(&path, PAGES).map_err(|why| wrong(&why))?);
    match store.contents().await.map_err(|why| wrong(&why))? {
        Contents::Foreign => Err(wrong(&"holds something else than sessions")),
        Contents::Blank | Contents::Ours => Ok(store),
    }
}

/// Somewhere between 20 and 24 °C.
fn sensor(now: Time) -> i16 {
    let phase = (now.millis() / 1_000 % 80) as i16;
    200 + if phase < 40 { phase } else { 80 - phase }
}

/// Serves the device whose data is in `directory` until `stop` is ready. An error is one line for whoever started it.
pub fn serve(
    listener: TcpListener,
    directory: &Path,
    clock: AnyClock,
    limits: Limits,
    mut stop: Pin<Box<dyn Future<Output = ()>>>,
) -> Result<(), String> {
    let file = DataFile(directory.join("device.bin"));
    let data = file.read()?;
    let keys = Keys::new(&data.key).map_err(|why| format!("{}: {why}", file.0.display()))?;
    let lifetimes = Lifetimes { idle: Some(limits.idle), ..Lifetimes::DEFAULT };
    let policy = Policy::plain_http(PlainCookie::new(), lifetimes).map_err(|why| format!("{why}"))?;
    let device: &'static _ = Box::leak(Box::new(Device::new(data, file, limits, sensor, clock.now())));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|why| format!("{why}"))?;
    listener.set_nonblocking(true).map_err(|why| format!("{why}"))?;
    tokio::task::LocalSet::new().block_on(&runtime, async move {
        let listener = tokio::net::TcpListener::from_std(listener).map_err(|why| format!("{why}"))?;
        let sessions = Sessions::new(sessions_of(directory).await?, clock, &keys, policy);
        let pool: &'static _ = Box::leak(Box::new(Pool::<_, _, _, (), REQUESTS, RECORD>::new(sessions, OsRng)));
        let router: &'static _ = Box::leak(Box::new(crate::router(pool, device)));
        let config: &'static _ = Box::leak(Box::new(picoserve::Config::const_default().keep_connection_alive()));
        loop {
            let accepted = tokio::select! {
                () = &mut stop => return Ok(()),
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else { continue };
            tokio::task::spawn_local(async move {
                let mut buffer = vec![0; REQUEST];
                // an error here is the client's: it went away
                drop(picoserve::Server::new_tokio(router, config, &mut buffer).serve(stream).await);
            });
        }
    })
}
