//! What the reference apps without `session-std` are made of: one thread, and a pool over any store that a device has.

use session_core::Sessions;
use session_core::mode::DynamicMode;
use session_core::store::Store;
use session_embedded::Pool;
use session_store_memory::FixedStore;

use super::flags::Config;
use super::flash::flash_store;
use super::program::{AnyClock, announced};
use super::store_url::{StoreUrl, memory};
use super::surroundings::SysRng;

/// Requests served at once, each with room for two records of `RECORD` bytes.
pub const REQUESTS: usize = 128;
const RECORD: usize = 4096;
/// Room for a session that travels in its cookie.
const COOKIE: usize = RECORD / 3 * 4 + 256;

/// The pool of such an app.
pub type DevicePool<S> = Pool<S, AnyClock, SysRng, (), REQUESTS, RECORD, COOKIE, DynamicMode>;

/// The sessions in it.
pub type DeviceSessions<S> = Sessions<S, AnyClock, (), DynamicMode>;

/// The server around it.
pub trait DeviceServer {
    /// Serves these sessions, in a pool that it makes itself: one is too large to be passed around.
    fn serve<S: Store + 'static>(self, sessions: DeviceSessions<S>) -> Result<(), String>;
}

/// Serves sessions in the store that the flags name.
pub fn serve_device(config: Config, clock: AnyClock, server: impl DeviceServer) -> Result<(), String> {
    if config.token_header.is_some() {
        return Err("--token-header: this program is for devices, which have cookies only".into());
    }
    if config.policy.binds_devices() {
        return Err(
            "--device-bound: this program is for devices, which have no certificates that browsers accept".into()
        );
    }
    let (mode, store) = config.store.clone().parts();
    match store {
        StoreUrl::Memory { capacity, anonymous } => {
            server.serve(sessions(memory(capacity, anonymous), &config, clock, mode))
        }
        StoreUrl::Fixed => server.serve(sessions(FixedStore::<256, RECORD>::new(), &config, clock, mode)),
        StoreUrl::Flash(path) => server.serve(sessions(flash_store(&path)?, &config, clock, mode)),
        _ => Err("--store: this program is for devices, which have memory:, fixed:, flash: and cookie: only".into()),
    }
}

fn sessions<S: Store>(store: S, config: &Config, clock: AnyClock, mode: DynamicMode) -> DeviceSessions<S> {
    announced(config.announce);
    Sessions::dynamic(store, clock, &config.keys, config.policy, mode)
}
