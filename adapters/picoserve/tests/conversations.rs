//! All conversations, through this adapter's reference app.

use std::net::TcpListener;

use clap::Parser;
use conversations::{Running, Target, Unsupported, run_all};
use session_core::environment::{Clock, Time};
use session_core::testing::ManualClock;

#[path = "../examples/reference.rs"]
#[allow(dead_code, unreachable_pub)] // its main is not called here
mod reference;

struct Picoserve;

impl Target for Picoserve {
    fn start(&self, flags: &[&str]) -> Result<Running, Unsupported> {
        let flags = [&["reference"], flags].concat();
        let flags = reference_app::Flags::try_parse_from(flags).map_err(|why| Unsupported(why.to_string()))?;
        let config = flags.config().map_err(Unsupported)?;
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|why| Unsupported(why.to_string()))?;
        let addr = listener.local_addr().map_err(|why| Unsupported(why.to_string()))?;
        let clock: &'static ManualClock = Box::leak(Box::new(ManualClock::new()));
        clock.set(Time::from_millis(1_800_000_000_000));
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let server = std::thread::Builder::new().stack_size(16 << 20).spawn(move || {
            let stopped = async { drop(stopped.await) };
            reference::serve(listener, config, clock, stopped);
        });
        let server = server.map_err(|why| Unsupported(why.to_string()))?;
        let end = move || {
            // a server that is gone already has nothing to be told
            let _gone = stop.send(());
            let _panicked = server.join();
        };
        Ok(Running::new(addr, move |span| clock.set(clock.now().after(span)), end))
    }
}

#[test]
fn conversations() {
    run_all(&Picoserve, "picoserve").assert_passed();
}
