//! The watchdog: resets a board whose tasks do not run any more. A task of its own feeds it, so that it gets nothing if
//! another keeps the processor, if an interrupt does not end, or if the time stands still.

use embassy_time::Timer;

use super::{WATCHDOG, time};

// offsets of registers
const LOAD: usize = 0x00;
const CONTROL: usize = 0x08;
const CLEAR: usize = 0x0c;

/// It counts down twice before it bites: 8 s, twice what a boot takes to read the flash at 100 kbit/s.
const SECONDS: u32 = 4;

/// From here on somebody has to feed it; only a reset stops it.
pub(crate) fn start() {
    WATCHDOG.write(LOAD, SECONDS * time::HERTZ);
    WATCHDOG.write(CONTROL, 0b11); // count, and reset the second time
}

#[embassy_executor::task]
pub(crate) async fn feed() -> ! {
    loop {
        WATCHDOG.write(CLEAR, 0);
        Timer::after_secs(1).await;
    }
}
