//! Raspberry Pi Pico (RP2040) with a W5500 for the ethernet, wired as on the W5500-EVB-Pico.

use core::cell::RefCell;
use core::fmt::{self, Write};
use core::ops::Range;
use core::panic::PanicInfo;

use cortex_m::peripheral::SCB;
use device_ui::flash::Shared;
use embassy_embedded_hal::adapter::BlockingAsync;
use embassy_executor::Spawner;
use embassy_net_wiznet::chip::W5500;
use embassy_net_wiznet::{Device, Runner, State};
use embassy_rp::clocks::RoscRng;
use embassy_rp::gpio::{Input, Level, Output, Pull};
use embassy_rp::peripherals::{DMA_CH0, DMA_CH1, FLASH, SPI0};
use embassy_rp::spi::{self, Spi};
use embassy_rp::uart::{self, UartTx};
use embassy_rp::watchdog::Watchdog;
use embassy_rp::{bind_interrupts, dma, flash};
use embassy_sync::blocking_mutex::CriticalSectionMutex;
use embassy_sync::mutex::Mutex;
use embassy_time::{Delay, Duration, Timer};
use embedded_hal_bus::spi::ExclusiveDevice;
use session_device::condense;
use static_cell::{ConstStaticCell, StaticCell};

use crate::app::{Storage, dhcp, spawn};

const SIZE: usize = 2 * 1024 * 1024;
/// The end of the flash is the store's: memory.x leaves it out of the program's.
const PART: Range<u32> = SIZE as u32 - 64 * 1024..SIZE as u32;
/// Locally administered. Give each device of a network its own.
const MAC: [u8; 6] = [0x02, 0x00, 0x00, 0x20, 0x40, 0x01];
/// Twice what a boot takes, which is the longest that is done at once.
const HANGS: Duration = Duration::from_secs(8);

pub(crate) type Flash = BlockingAsync<flash::Flash<'static, FLASH, flash::Blocking, SIZE>>;
pub(crate) type Network = Device<'static>;
type Bus = ExclusiveDevice<Spi<'static, SPI0, spi::Async>, Output<'static>, Delay>;

bind_interrupts!(struct Interrupts {
    DMA_IRQ_0 => dma::InterruptHandler<DMA_CH0>, dma::InterruptHandler<DMA_CH1>;
});

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let p = embassy_rp::init(embassy_rp::config::Config::default());
    let serial = UartTx::new_blocking(p.UART0, p.PIN_0, uart::Config::default());
    SERIAL.lock(|place| place.replace(Some(serial)));
    spawn(spawner, feed(Watchdog::new(p.WATCHDOG)));
    let mut config = spi::Config::default();
    config.frequency = 50_000_000;
    let spi = Spi::new(p.SPI0, p.PIN_18, p.PIN_19, p.PIN_16, p.DMA_CH0, p.DMA_CH1, Interrupts, config);
    let Ok(bus) = ExclusiveDevice::new(spi, Output::new(p.PIN_17, Level::High), Delay);
    let (interrupt, reset) = (Input::new(p.PIN_21, Pull::Up), Output::new(p.PIN_20, Level::High));
    static STATE: ConstStaticCell<State<4, 4>> = ConstStaticCell::new(State::new());
    let made = embassy_net_wiznet::new(MAC, STATE.take(), bus, interrupt, reset).await;
    // a device without a network has nothing to do: it says so, and begins anew
    let Ok((network, wire)) = made else { panic!("the W5500 does not answer") };
    spawn(spawner, ethernet(wire));
    static CHIP: StaticCell<Shared<Flash>> = StaticCell::new();
    let chip = CHIP.init(Mutex::new(BlockingAsync::new(flash::Flash::new_blocking(p.FLASH))));
    crate::app::start(spawner, network, dhcp(), Storage { chip, part: PART });
}

#[embassy_executor::task]
async fn ethernet(wire: Runner<'static, W5500, Bus, Input<'static>, Output<'static>>) -> ! {
    wire.run().await
}

#[embassy_executor::task]
async fn feed(mut watchdog: Watchdog) -> ! {
    watchdog.start(HANGS);
    loop {
        watchdog.feed(HANGS);
        Timer::after_secs(1).await;
    }
}

/// The ring oscillator's random bit is no source for security by the data sheet (2.17.5), so a kilobyte is hashed.
pub(crate) fn entropy() -> Option<[u8; 32]> {
    condense(1024, |piece| RoscRng.fill_bytes(piece))
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

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    let _ = Serial.write_str("panic\n");
    SCB::sys_reset()
}
