//! What the reference apps of all adapters share: flags, store URLs, the program around the server, the conversations
//! with it, and what the routes do.

mod device;
mod flags;
mod flash;
mod header;
mod outage;
mod program;
pub mod routes;
mod store_url;
mod surroundings;

pub use device::{DevicePool, DeviceServer, DeviceSessions, REQUESTS, serve_device};
pub use flags::{Config, Flags};
pub use flash::{FileStore, flash_store};
pub use outage::Outage;
pub use program::{
    AnyClock, Bind, Ready, Serve, Stop, converse, converse_about, converse_binding, converse_binding_about,
    converse_in_a_header, converse_in_a_header_binding, converse_on_a_device, refuse_bad_starts, run, run_binding,
    sessions, sessions_in, with_flash, with_sqlite,
};
pub use store_url::StoreUrl;
pub use surroundings::{SysRng, SystemClock, refuse};
