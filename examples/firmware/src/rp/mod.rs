//! What boards with Raspberry Pi's chips have in common: the serial line, the flash, the watchdog, a MAC address.

use core::cell::RefCell;
use core::fmt::{self, Write};
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
use embassy_sync::blocking_mutex::CriticalSectionMutex;
use embassy_sync::mutex::Mutex;
use embassy_time::{Duration, Timer};
use sha2::{Digest, Sha256};
use static_cell::StaticCell;

use crate::app::{Storage, spawn};

#[cfg_attr(feature = "pico2", path = "rp2350.rs")]
#[cfg_attr(not(feature = "pico2"), path = "rp2040.rs")]
mod chip;
pub(crate) use chip::*;

/// The end of the flash is the store's: the map of the memory leaves it out of the program's.
const PART: Range<u32> = SIZE as u32 - 64 * 1024..SIZE as u32;
/// Twice what a boot takes, which is the longest that is done at once.
const HANGS: Duration = Duration::from_secs(8);

type Driver = flash::Flash<'static, FLASH, flash::Blocking, SIZE>;
pub(crate) type Flash = BlockingAsync<Driver>;

/// The first thing that a board does.
pub(crate) fn begin(spawner: Spawner, serial: UartTx<'static, uart::Blocking>, watchdog: Peri<'static, WATCHDOG>) {
    SERIAL.lock(|place| place.replace(Some(serial)));
    spawn(spawner, feed(Watchdog::new(watchdog)));
}

/// The flash, and a MAC address for the device, locally administered: what the maker wrote into the chip is no other chip's.
pub(crate) fn flash(peripheral: Peri<'static, FLASH>) -> (Storage, [u8; 6]) {
    static CHIP: StaticCell<Shared<Flash>> = StaticCell::new();
    let mut driver = Driver::new_blocking(peripheral);
    // a maker's numbers often differ in a few bits, wherever those are
    let digest: [u8; 32] = Sha256::digest(id(&mut driver)).into();
    let [a, b, c, d, e, ..] = digest;
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

static SERIAL: CriticalSectionMutex<RefCell<Option<UartTx<'static, uart::Blocking>>>> =
    CriticalSectionMutex::new(RefCell::new(None));

/// UART 0, at pin 0: 115,200 baud.
pub(crate) struct Serial;

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        SERIAL.lock(|line| line.borrow_mut().as_mut().map(|line| line.blocking_write(text.as_bytes())));
        Ok(())
    }
}

/// What comes on UART 0, at pin 1.
#[cfg(feature = "console")]
pub(crate) struct Lines(uart::BufferedUartRx);

#[cfg(feature = "console")]
impl Lines {
    /// The next byte. What the line garbled is left out.
    pub(crate) async fn byte(&mut self) -> u8 {
        let mut byte = [0];
        while !matches!(embedded_io_async::Read::read(&mut self.0, &mut byte).await, Ok(1)) {}
        byte[0]
    }
}

#[cfg(feature = "console")]
static LINES: CriticalSectionMutex<RefCell<Option<Lines>>> = CriticalSectionMutex::new(RefCell::new(None));

/// Where lines come from.
#[cfg(feature = "console")]
pub(crate) fn hear(line: uart::BufferedUartRx) {
    LINES.lock(|place| place.replace(Some(Lines(line))));
}

/// The lines, for the first who asks.
#[cfg(feature = "console")]
pub(crate) fn lines() -> Option<Lines> {
    LINES.lock(|place| place.take())
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
