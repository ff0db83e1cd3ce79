//! Stellaris LM3S6965 evaluation board: Cortex-M3, 256 KB flash, 64 KB RAM, ethernet; and an EEPROM on its I2C bus. It is the
//! smallest board, so it has an address of its own and no DHCP client (6 KB), and none of what others show: mDNS, SNTP,
//! configuration over the serial line, reasons of panics (31 KB).

mod eeprom;
mod ethernet;
mod i2c;
mod idle;
mod interrupts;
mod runtime;
mod semihosting;
mod time;
mod watchdog;

use core::fmt::{self, Write};
use core::panic::PanicInfo;

use cortex_m::peripheral::SCB;
use cortex_m_rt::{ExceptionFrame, entry, exception};
use device_ui::flash::Shared;
use embassy_embedded_hal::adapter::BlockingAsync;
use embassy_net::{Config, Ipv4Address, Ipv4Cidr, StaticConfigV4};
use embassy_sync::mutex::Mutex;
use static_cell::StaticCell;

use crate::app::{Storage, spawn, start};
use crate::registers::Registers;
use eeprom::Eeprom;
pub(crate) use ethernet::Ethernet as Network;
use i2c::Master;
pub(crate) use semihosting::entropy;

/// Where the data and the sessions are.
pub(crate) type Flash = BlockingAsync<Eeprom<Master>>;

/// Where it is on its network, and the way to others: the addresses that QEMU's network has.
const ADDRESS: Ipv4Cidr = Ipv4Cidr::new(Ipv4Address::new(10, 0, 2, 15), 24);
const GATEWAY: Ipv4Address = Ipv4Address::new(10, 0, 2, 2);

/// A device of the chip.
#[allow(unsafe_code)]
const fn device(address: usize) -> Registers {
    assert!(address >= 0x4000_0000, "devices begin here, by the chip's data sheet");
    // SAFETY: from here on there is no memory
    unsafe { Registers::at(address) }
}

const WATCHDOG: Registers = device(0x4000_0000);
const SERIAL: Registers = device(0x4000_c000);
const I2C: Registers = device(0x4002_0000);
const MAC: Registers = device(0x4004_8000);
const SYSTEM: Registers = device(0x400f_e000);

/// Which devices get a clock.
const CLOCKS: usize = 0x100; // and the next two

#[entry]
fn main() -> ! {
    let Some(chip) = cortex_m::Peripherals::take() else { SCB::sys_reset() };
    SYSTEM.write(CLOCKS, 1 << 3); // watchdog
    SYSTEM.write(CLOCKS + 4, 1 | 1 << 12); // serial line, I2C
    SYSTEM.write(CLOCKS + 8, 1 << 28 | 1 << 30); // ethernet
    watchdog::start();
    time::start(chip.SYST);
    let network = Network::new([0x02, 0x00, 0x00, 0x65, 0x69, 0x65]);
    interrupts::allow();
    static EEPROM: StaticCell<Shared<Flash>> = StaticCell::new();
    let chip: &'static Shared<Flash> = EEPROM.init(Mutex::new(BlockingAsync::new(Eeprom(Master::new()))));
    idle::run(|spawner| {
        spawn(spawner, watchdog::feed());
        let storage = Storage::new(chip, 0..eeprom::SIZE as u32);
        let address = StaticConfigV4 { address: ADDRESS, gateway: Some(GATEWAY), dns_servers: Default::default() };
        start(spawner, network, Config::ipv4_static(address), storage);
    })
}

/// The serial line.
pub(crate) struct Serial;

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(|byte| SERIAL.write(0, u32::from(byte)));
        Ok(())
    }
}

/// What must not happen is told, and the device begins anew.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    let _ = Serial.write_str("panic\n");
    SCB::sys_reset()
}

#[exception]
#[allow(unsafe_code)] // the signature
unsafe fn HardFault(at: &ExceptionFrame) -> ! {
    let _ = writeln!(Serial, "fault at {:#x}", at.pc());
    SCB::sys_reset()
}
