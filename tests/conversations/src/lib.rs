#![doc = include_str!("../README.md")]

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

mod starts;
pub use starts::{BadStart, bad_starts, check_bad_starts};

mod run;
pub use run::{KEY, run_about, run_all};

mod script;
pub use script::{Dialogue, dialogues};

mod expect;
mod http;
mod template;

/// A reference app that can be started, once for each dialogue; several run at the same time.
pub trait Target: Sync {
    /// Starts the app on a free loopback port with these flags (`--listen` is not among them) and a clock that stands
    /// still but for [`Running`]'s steps. `Unsupported` skips the dialogue, and the report says so.
    fn start(&self, flags: &[&str]) -> Result<Running, Unsupported>;

    /// The stores on which a dialogue that names none is run.
    fn stores(&self) -> &[&str] {
        &["memory:", "fixed:"]
    }

    /// Flags for what this app cannot do: dialogues with one of them are not held.
    fn without(&self) -> &[&str] {
        &[]
    }
}

/// A started app; dropping it stops it.
pub struct Running {
    addr: SocketAddr,
    step: Box<dyn Fn(Duration) + Send>,
    stop: Option<Box<dyn FnOnce() + Send>>,
    beside: Box<Beside>,
    outage: Option<Box<dyn Fn(bool) + Send>>,
}

/// Starts another node with these flags, over the same store and with the same clock.
type Beside = dyn Fn(&[&str]) -> Result<Running, Unsupported> + Send;

impl Running {
    /// The app listens on `addr`; `step` moves its clock forward; `stop` ends it.
    pub fn new(
        addr: SocketAddr,
        step: impl Fn(Duration) + Send + 'static,
        stop: impl FnOnce() + Send + 'static,
    ) -> Self {
        let beside = |_: &[&str]| Err(Unsupported("it has no other nodes".into()));
        Self { addr, step: Box::new(step), stop: Some(Box::new(stop)), beside: Box::new(beside), outage: None }
    }

    /// Where the app listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.addr
    }

    /// Moves the app's clock forward.
    pub fn step(&self, span: Duration) {
        (self.step)(span);
    }

    /// `outage` switches the app's store off, with `true`, and on again.
    #[must_use]
    pub fn with_outages(self, outage: impl Fn(bool) + Send + 'static) -> Self {
        let mut this = self;
        this.outage = Some(Box::new(outage));
        this
    }

    /// `beside` starts another node with these flags, over the same store and with the same clock.
    #[must_use]
    pub fn with_nodes(self, beside: impl Fn(&[&str]) -> Result<Running, Unsupported> + Send + 'static) -> Self {
        let mut this = self;
        this.beside = Box::new(beside);
        this
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop();
        }
    }
}

/// Why an app cannot be started with some flags: it lacks that store, say.
#[derive(Debug)]
pub struct Unsupported(pub String);

/// What became of the dialogues.
#[derive(Debug, Default)]
pub struct Report {
    /// The adapter's name.
    pub adapter: String,
    /// Dialogues that ran, counted once for each store.
    pub ran: usize,
    /// Dialogues that this target cannot run, each with its reason.
    pub skipped: Vec<String>,
    /// A readable account of each dialogue that went wrong.
    pub failures: Vec<String>,
    /// How long all of it took.
    pub took: Duration,
}

impl Report {
    /// Prints the report.
    ///
    /// # Panics
    /// If a dialogue failed or was skipped, or none ran: what a target offers is said by [`Target::stores`], not by skips.
    pub fn assert_passed(&self) {
        println!("{self}");
        assert!(self.failures.is_empty(), "{} of {} dialogues failed, see above", self.failures.len(), self.ran);
        assert!(self.skipped.is_empty(), "{} dialogues were skipped, see above", self.skipped.len());
        assert!(self.ran > 0, "no dialogue ran");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for failure in &self.failures {
            writeln!(f, "{failure}")?;
        }
        for skipped in &self.skipped {
            writeln!(f, "skipped: {skipped}")?;
        }
        let (ran, failed, skipped) = (self.ran, self.failures.len(), self.skipped.len());
        let seconds = self.took.as_secs_f32();
        write!(f, "{}: {ran} dialogues, {failed} failed, {skipped} skipped, {seconds:.1} s", self.adapter)
    }
}
