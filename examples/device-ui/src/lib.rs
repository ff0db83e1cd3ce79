//! The local web UI of a device, as one would ship it: a setup code and a password on first boot, sign-in with throttling, a dashboard that
//! polls without keeping the session alive, settings behind a second look at the password, sign-out.
//!
//! No heap here: what a page shows is written straight into the connection. A device brings one flash for everything that it
//! keeps, a clock of its uptime, random numbers and a sensor; `host` is such a device on this machine (feature of that name,
//! `cargo xtask demo`).
//!
//! ```
//! # use embedded_storage_async::nor_flash::NorFlash;
//! # use session_core::environment::{Clock, Time};
//! # use session_picoserve::{Keys, Pool, Requests, Sessions};
//! # use session_store_flash::{PersistedClock, WithoutPower};
//! # use device_ui::flash::{CannotBoot, Flash};
//! # use device_ui::{Device, Limits, Possession, SetupCode};
//! async fn serve<F: NorFlash>(
//!     flash: &'static Flash<'static, F, 16, 256>, // `Flash::new(&SHARED, 0..32 * 1024)`
//!     uptime: impl Clock + 'static,
//!     mut rng: impl rand_core::TryCryptoRng + 'static,
//! ) -> Result<(), CannotBoot> {
//!     let data = flash.boot(&mut rng).await?; // first: it tells a first boot by there being nothing else
//!     let clock = PersistedClock::resume(uptime, flash.store(), WithoutPower::Free).await?;
//!     let keys = Keys::new(&data.key).expect("a key of random bytes");
//!     let limits = Limits::default();
//!     let policy = limits.policy().expect("limits that can work");
//!     // shown on the serial line, for one: without it the first who finds the device on the network owns it
//!     let possession = match data.has_password() {
//!         true => Possession::Nothing,
//!         false => Possession::Code(SetupCode::draw(&mut rng)?),
//!     };
//!     let device = Device::new(data, flash, limits, |_now| 215, clock.now(), possession);
//!     let pool: Pool<_, _, _, (), 6, 256> = Pool::new(Sessions::new(flash.store(), clock, &keys, policy), rng);
//!     # let (device, pool) = (Box::leak(Box::new(device)), Box::leak(Box::new(pool)));
//!     // both in statics; and a task that does this every ten seconds:
//!     pool.sessions().clock().persist(flash.store()).await?;
//!     let router = device_ui::router(pool, device);
//!     # drop(router);
//!     Ok(())
//! }
//! ```
#![no_std]
#![recursion_limit = "256"] // the type of all routes, inside the futures that serve them

#[cfg(feature = "host")]
extern crate std;

mod answer;
mod browsers;
mod copies;
mod data;
mod device;
pub mod flash;
mod form;
mod page;
mod password;
mod routes;
mod setup;
mod throttle;

#[cfg(feature = "host")]
pub mod host;

pub use data::{Data, Keeper, NotKept, Settings};
pub use device::{Device, Limits};
pub use page::{SCRIPT, STYLE};
pub use routes::router;
pub use setup::{Possession, SetupCode};
