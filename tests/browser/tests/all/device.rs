//! The device, served in this process. Its clock moves only when a test steps it.

use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use device_ui::{Limits, SetupCode, host};
use session_core::environment::Time;
use session_core::testing::ManualClock;
use tokio::sync::oneshot;

/// A device on its first boot; dropping it stops it.
pub(crate) struct Device {
    pub(crate) limits: Limits,
    /// The setup code that it shows.
    pub(crate) code: String,
    address: SocketAddr,
    clock: &'static ManualClock,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<Result<(), String>>>,
}

impl Device {
    pub(crate) fn start() -> Self {
        // a password costs as little as it can: this is not built to be fast
        let limits = Limits { rounds: 1, ..Limits::default() };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let clock: &'static _ = Box::leak(Box::new(ManualClock::at(Time::from_millis(1_800_000_000_000))));
        let (stop, stopped) = oneshot::channel();
        let (show, shown) = channel();
        let serve = move || {
            let data = tempfile::tempdir().map_err(|why| why.to_string())?;
            let show = |code: &SetupCode| show.send(code.to_string()).expect("the test waits for it");
            host::serve(listener, data.path(), clock, limits, &show, Box::pin(async { drop(stopped.await) }))
        };
        let server = thread::Builder::new().stack_size(16 << 20).spawn(serve).expect("a thread");
        let code = shown.recv().expect("a setup code");
        Self { limits, code, address, clock, stop: Some(stop), server: Some(server) }
    }

    /// The address of one of its pages.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Its port.
    pub(crate) const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Lets time pass for the device.
    pub(crate) fn step(&self, span: Duration) {
        self.clock.advance(span);
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        drop(self.stop.take());
        let served = self.server.take().map(JoinHandle::join);
        // two panics at once would end all tests
        assert!(thread::panicking() || matches!(served, Some(Ok(Ok(())))), "the device failed: {served:?}");
    }
}
