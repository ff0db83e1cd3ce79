//! ESP32-C3 or ESP32-C6, as a Wi-Fi station.

use core::fmt::Write;
use core::panic::PanicInfo;

use device_ui::flash::Shared;
use embassy_embedded_hal::adapter::BlockingAsync;
use embassy_executor::Spawner;
use embassy_sync::mutex::Mutex;
use embassy_time::Timer;
use esp_bootloader_esp_idf::partitions::{PARTITION_TABLE_MAX_LEN, read_partition_table};
use esp_hal::clock::CpuClock;
use esp_hal::gpio::AnyPin;
use esp_hal::rng::Trng;
use esp_hal::rtc_cntl::{Rtc, RwdtStage};
use esp_hal::system::software_reset;
use esp_hal::time::Duration;
use esp_hal::timer::timg::TimerGroup;
pub(crate) use esp_println::Printer as Serial;
use esp_radio::wifi::{Interface, WifiController};
use esp_storage::FlashStorage;
use session_device::condense;
use static_cell::StaticCell;

pub(crate) use crate::access::ITEMS;
use crate::app::{Storage, spawn, start};
pub(crate) use crate::serial::{Lines, lines};
use crate::{console, part, serial, wifi};

/// The radio's driver allocates. Nothing else does.
const RADIO: usize = 72 * 1024;
/// Twice what a boot takes, which is the longest that is done at once.
const HANGS: Duration = Duration::from_secs(8);

pub(crate) type Flash = BlockingAsync<FlashStorage<'static>>;
pub(crate) type Network = Interface;

esp_bootloader_esp_idf::esp_app_desc!();

#[esp_rtos::main]
async fn main(spawner: Spawner) {
    let p = esp_hal::init(esp_hal::Config::default().with_cpu_clock(CpuClock::max()));
    esp_alloc::heap_allocator!(size: RADIO);
    esp_rtos::start(TimerGroup::new(p.TIMG0).timer0, p.FROM_CPU_INTR0);
    spawn(spawner, feed(Rtc::new(p.RTC_TIMER)));
    let pin: AnyPin<'static> = if cfg!(feature = "esp32c3") { p.GPIO20.into() } else { p.GPIO17.into() };
    serial::hear(p.USB_DEVICE, p.UART0, pin);
    let storage = storage(FlashStorage::new(p.FLASH));
    let Ok(radio) = WifiController::new(p.WIFI, Default::default()) else {
        give_up("no network: the radio does not start")
    };
    spawn(spawner, wifi::connect(radio, storage));
    start(spawner, Interface::station(), console::address(storage), storage);
}

/// The device's part of the flash is the one that the partition table names.
#[inline(never)] // the table is not to stay on the stack
fn storage(mut driver: FlashStorage<'static>) -> Storage {
    static CHIP: StaticCell<Shared<Flash>> = StaticCell::new();
    let (size, mut bytes) = (driver.capacity() as u32, [0; PARTITION_TABLE_MAX_LEN]);
    let table =
        read_partition_table(&mut driver, &mut bytes).map_err(|_| "the partition table is truncated or corrupt");
    let part = table.and_then(|table| {
        let entries = (0..table.len()).filter_map(|at| table.get_partition(at).ok());
        part::find(entries.map(|entry| (entry.label_as_str() == part::LABEL, entry.offset(), entry.len())), size)
    });
    // a store without a place says so on every page
    let part = part.unwrap_or_else(|why| {
        let _ = writeln!(Serial, "no partition: {why}");
        0..0
    });
    Storage::new(CHIP.init(Mutex::new(BlockingAsync::new(driver))), part)
}

#[embassy_executor::task]
async fn feed(mut rtc: Rtc<'static>) -> ! {
    rtc.rwdt.set_timeout(RwdtStage::Stage0, HANGS);
    rtc.rwdt.enable();
    loop {
        rtc.rwdt.feed();
        Timer::after_secs(1).await;
    }
}

/// True random numbers only while the radio is on, so none before. docs/board.md says why they are hashed.
pub(crate) fn entropy() -> Option<[u8; 32]> {
    let source = Trng::try_new().ok()?;
    condense(1024, |piece| source.read(piece))
}

/// Says what the board cannot do without, and begins anew.
pub(crate) fn give_up(why: &str) -> ! {
    let _ = writeln!(Serial, "{why}");
    software_reset()
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    give_up("panic")
}
