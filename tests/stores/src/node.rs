//! A reference app as a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// A process of the reference app. Dropped, it is killed and waited for.
pub struct Node {
    child: Child,
    stdout: BufReader<ChildStdout>,
    addr: SocketAddr,
}

impl Node {
    /// Starts the command, which has all flags but `--listen`, on a port of the system's choice.
    ///
    /// # Panics
    /// If it does not listen.
    #[must_use]
    pub fn start(command: Command) -> Self {
        Self::start_at(command, (Ipv4Addr::LOCALHOST, 0).into())
    }

    /// Starts the command at this address, and waits until it listens.
    ///
    /// # Panics
    /// If it does not.
    #[must_use]
    pub fn start_at(mut command: Command, addr: SocketAddr) -> Self {
        let child = command.args(["--listen", &addr.to_string()]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|why| panic!("cannot run {}: {why}", command.get_program().display()));
        let Some(stdout) = child.stdout.take() else { unreachable!("it is piped") };
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        let read = stdout.read_line(&mut line);
        let addr = line.trim().strip_prefix("listening on http://").and_then(|addr| addr.parse().ok());
        let addr = addr.unwrap_or_else(|| panic!("{line:?} instead of an address: {read:?}"));
        Self { child, stdout, addr }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The number of its process.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a crash does, and returns what it has printed since it listens.
    pub fn kill(&mut self) -> String {
        // one that ended by itself is what we want
        let _ended = self.child.kill();
        let _ended = self.child.wait();
        let mut printed = Vec::new();
        let _gone = self.stdout.read_to_end(&mut printed);
        String::from_utf8_lossy(&printed).into_owned()
    }

    /// Stops it in its tracks: connections stay open, and nobody answers.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // one that has just ended needs no signal
        let _gone = pid.map(|pid| kill_process(pid, signal));
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}
