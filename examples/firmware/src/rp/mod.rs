//! What boards with Raspberry Pi's chips have in common: the serial line, the flash, the watchdog, a MAC address.

use core::fmt::Write;
use core::ops::Range;
use core::panic::PanicInfo;

use cortex_m::peripheral::SCB;
use device_ui::flash::Shared;
use embassy_embedded_hal::adapter::BlockingAsync;
use embassy_executor::Spawner;
use embassy_rp::peripherals::{FLASH, WATCHDOG};
use embassy_rp::uart::{self, UartTx};
use embassy_rp::watchdog::Watchdog;
use embassy_rp::{Peri, flash};
use embassy_sync::mutex::Mutex;
use embassy_time::{Duration, Timer};
use session_core::hash::sha256;
use static_cell::StaticCell;

use crate::app::{Storage, spawn};

#[cfg_attr(feature = "pico2", path = "rp2350.rs")]
#[cfg_attr(not(feature = "pico2"), path = "rp2040.rs")]
mod chip;
mod serial;
pub(crate) use chip::*;
pub(crate) use serial::*;

/// The end of the flash is the store's: the map of the memory leaves it out of the program's.
const PART: Range<u32> = SIZE as u32 - 64 * 1024..SIZE as u32;
/// Twice what a boot takes, which is the longest that is done at once.
const HANGS: Duration = Duration::from_secs(8);

type Driver = flash::Flash<'static, FLASH, flash::Blocking, SIZE>;
pub(crate) type Flash = BlockingAsync<Driver>;

/// The first thing that a board does.
pub(crate) fn begin(spawner: Spawner, serial: UartTx<'static, uart::Blocking>, watchdog: Peri<'static, WATCHDOG>) {
    serial::open(serial);
    spawn(spawner, feed(Watchdog::new(watchdog)));
}

/// The flash, and a MAC address for the device, locally administered: what the maker wrote into the chip is no other chip's.
pub(crate) fn flash(peripheral: Peri<'static, FLASH>) -> (Storage, [u8; 6]) {
    static CHIP: StaticCell<Shared<Flash>> = StaticCell::new();
    let mut driver = Driver::new_blocking(peripheral);
    // a maker's numbers often differ in a few bits, wherever those are
    let [a, b, c, d, e, ..] = sha256(&[&id(&mut driver)]);
    (Storage::new(CHIP.init(Mutex::new(BlockingAsync::new(driver))), PART), [0x02, a, b, c, d, e])
}

#[embassy_executor::task]
async fn feed(mut watchdog: Watchdog) -> ! {
    watchdog.start(HANGS);
    loop {
        watchdog.feed(HANGS);
        Timer::after_secs(1).await;
    }
}

/// Says what the board cannot do without, and begins anew.
pub(crate) fn give_up(why: &str) -> ! {
    let _ = writeln!(Serial, "{why}");
    SCB::sys_reset()
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    give_up("panic")
}
