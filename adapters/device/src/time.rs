//! The time, persisted while the device runs.

use embassy_time::{Duration, Timer};
use embedded_storage_async::nor_flash::NorFlash;
use session_core::environment::Clock;
use session_store_flash::{FlashStore, PersistedClock};

use crate::blocking::block_on;
use crate::turn::Chip;

/// How often [`keep_time`] checks whether the time has to be persisted. The clock requires it every 15 seconds.
pub const PERSIST_EVERY: Duration = Duration::from_secs(10);

/// Persists the time while the device runs. It never returns: call it last in the boot task. It ignores errors of the
/// flash, because the time continues in memory and requests report the errors.
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
