//! The time, persisted while the device runs.

use embassy_time::{Duration, Timer};
use embedded_storage_async::nor_flash::NorFlash;
use session_core::environment::Clock;
use session_store_flash::{FlashStore, PersistedClock};

use crate::blocking::block_on;
use crate::turn::Chip;

/// How often [`keep_time`] looks whether a time is due. The clock demands every 15 seconds.
pub const PERSIST_EVERY: Duration = Duration::from_secs(10);

/// Persists the time for as long as the device runs: the last thing that a boot does. A flash that fails is left to the
/// requests to report, because the time goes on in memory.
pub async fn keep_time<U: Clock, F: NorFlash, const SESSIONS: usize, const BYTES: usize>(
    clock: &PersistedClock<U>,
    store: &FlashStore<F, SESSIONS, BYTES>,
    chip: &dyn Chip,
) -> ! {
    loop {
        if !chip.is_held() {
            let _ = block_on(clock.persist(store));
        }
        Timer::after(PERSIST_EVERY).await;
    }
}
