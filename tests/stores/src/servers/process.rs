//! One server process.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A server that does not answer after this does not work.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a port may turn out to be somebody else's.
const PORTS: usize = 8;

type Run = dyn Fn(&Path, u16) -> Command + Send + Sync;

/// How a kind of server is started and asked.
pub(crate) struct Kind {
    /// What errors call it.
    pub(crate) name: &'static str,
    /// The command that runs it in the foreground with its data in this directory, on this port.
    pub(crate) command: Box<Run>,
    /// Whether it answers.
    pub(crate) answers: Box<dyn Fn(SocketAddr) -> bool + Send + Sync>,
    /// Its URL.
    pub(crate) url: Box<dyn Fn(SocketAddr) -> String + Send + Sync>,
}

/// A running server. Dropped, it is killed, waited for, and its directory removed.
pub struct Server {
    kind: Kind,
    dir: TempDir,
    addr: SocketAddr,
    child: Child,
}

impl Server {
    /// Starts a server whose directory may have been prepared, and waits until it answers.
    ///
    /// # Panics
    /// If it cannot be started or does not answer; shows its log.
    pub(crate) fn start(kind: Kind, dir: TempDir) -> Self {
        let addr = free_port();
        let child = spawn(&kind, &dir, addr);
        let mut server = Self { kind, dir, addr, child };
        for tried in 1.. {
            match server.wait() {
                Ok(()) => break,
                // the port was taken between our look and its
                Err(_) if tried < PORTS && server.log().to_lowercase().contains("already in use") => {
                    server.addr = free_port();
                    server.child = spawn(&server.kind, &server.dir, server.addr);
                }
                Err(why) => panic!("{why}"),
            }
        }
        server
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The store URL that names it.
    #[must_use]
    pub fn url(&self) -> String {
        (self.kind.url)(self.addr)
    }

    /// What it has printed.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.dir.path().join("log")).unwrap_or_default()).into_owned()
    }

    /// Its directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Ends it at once, as a crash does, and all processes that it started. Its data stays.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        // one that ended by itself is what we want
        let _ended = self.child.wait();
    }

    /// Stops it in its tracks: connections stay open, and nobody answers.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Starts it again (kills it first if it runs) on the same port with the same data, and waits until it answers.
    ///
    /// # Panics
    /// If it does not.
    pub fn restart(&mut self) {
        let began = Instant::now();
        loop {
            self.kill();
            self.child = spawn(&self.kind, &self.dir, self.addr);
            match self.wait() {
                Ok(()) => return,
                // what the one before held, the port or shared memory, is given back a little later
                Err(_) if began.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(50)),
                Err(why) => panic!("{why}"),
            }
        }
    }

    fn wait(&mut self) -> Result<(), String> {
        let began = Instant::now();
        loop {
            let ended = self.child.try_wait().map_err(|why| why.to_string())?;
            // asked only while our process lives: another server's answer on this port would be a lie
            if ended.is_none() && (self.kind.answers)(self.addr) {
                return Ok(());
            }
            let told = |what: String| format!("{} on {}: {what}. Its log:\n{}", self.kind.name, self.addr, self.log());
            match ended {
                Some(status) => return Err(told(format!("ended with {status}"))),
                None if began.elapsed() > PATIENCE => return Err(told("does not answer".into())),
                None => thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    /// Signals the process and its descendants: those of PostgreSQL hold the connections.
    fn signal(&self, signal: Signal) {
        let root = self.child.id();
        // whoever is stopped has no more children; one that has just ended needs no signal
        let _gone = pid(root).map(|pid| kill_process(pid, Signal::STOP));
        while status(root).is_some_and(|(state, _)| !"TtZX".contains(state)) {
            thread::sleep(Duration::from_millis(1));
        }
        // children first: they would say a last word when they miss their parent
        for each in family(root).into_iter().rev().filter_map(pid) {
            let _gone = kill_process(each, signal);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(kind: &Kind, dir: &TempDir, addr: SocketAddr) -> Child {
    let log = fs::File::options().create(true).append(true).open(dir.path().join("log"));
    let log = log.and_then(|log| Ok((log.try_clone()?, log)));
    let (out, err) = log.unwrap_or_else(|why| panic!("{}: no log in {}: {why}", kind.name, dir.path().display()));
    let mut command = (kind.command)(dir.path(), addr.port());
    let child = command.current_dir(dir.path()).stdin(Stdio::null()).stdout(out).stderr(err).spawn();
    child.unwrap_or_else(|why| {
        let program = command.get_program().to_string_lossy().into_owned();
        panic!("{}: cannot run {program}: {why}; `cargo xtask setup` installs it", kind.name)
    })
}

fn pid(id: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(id).ok()?)
}

/// State and parent of a process.
fn status(id: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // pid (name, which may hold anything) state parent …
    let mut words = stat.rsplit_once(") ")?.1.split(' ');
    Some((words.next()?.chars().next()?, words.next()?.parse().ok()?))
}

/// A process and its descendants.
fn family(root: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let parents: Vec<(u32, u32)> = ids.filter_map(|id| Some((id, status(id)?.1))).collect();
    let mut all = vec![root];
    let mut at = 0;
    while let Some(&parent) = all.get(at) {
        all.extend(parents.iter().filter(|(_, its)| *its == parent).map(|(id, _)| *id));
        at += 1;
    }
    all
}

/// A port of loopback on which nobody listens; below those that the system gives to clients, so that it is still free when
/// a server is started again.
pub fn free_port() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const SPAN: u32 = 20_000;
    loop {
        // tests run in several processes at once: each begins elsewhere
        let at = std::process::id().wrapping_mul(617).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed).into()) % SPAN;
        let port = 10_000 + u16::try_from(at).unwrap_or_default();
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(addr).is_ok() {
            return addr;
        }
    }
}

/// What a server answers to a line, up to `end`; empty if nothing comes.
pub(crate) fn ask(addr: SocketAddr, line: &str, end: &str) -> String {
    let asked = || {
        let mut stream = TcpStream::connect_timeout(&addr, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(line.as_bytes())?;
        let mut answer = Vec::new();
        let mut byte = [0];
        while !answer.ends_with(end.as_bytes()) && stream.read(&mut byte)? == 1 {
            answer.push(byte[0]);
        }
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&answer).into_owned())
    };
    asked().unwrap_or_default()
}

/// A directory for a server's data.
pub(crate) fn directory() -> TempDir {
    let dir = tempfile::Builder::new().prefix("session-server-").tempdir();
    dir.unwrap_or_else(|why| panic!("no temporary directory: {why}"))
}

/// Waits until something holds.
///
/// # Panics
/// If it does not, for as long as a server may take.
pub fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
