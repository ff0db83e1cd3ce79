//! QEMU's riscv32 `virt`: a NOR bank that the program is in, another for what it keeps, virtio for network and randomness.

mod interrupts;
mod network;
mod nor;
mod time;
mod virtio;

use core::fmt::{self, Write};
use core::panic::PanicInfo;

use device_ui::flash::Shared;
use embassy_executor::Executor;
use embassy_net::Config;
use embassy_sync::mutex::Mutex;
use riscv::interrupt::machine::Interrupt;
use riscv_rt::entry;
use static_cell::StaticCell;

use crate::app::{Storage, start};
use crate::registers::Registers;
pub(crate) use network::Network;
pub(crate) use nor::Nor as Flash;
pub(crate) use virtio::entropy;

/// A device of the board.
#[allow(unsafe_code)]
const fn device(address: usize) -> Registers {
    assert!(address < 0x2000_0000, "devices end here, by the board's map");
    // SAFETY: below there is no memory
    unsafe { Registers::at(address) }
}

const TEST: Registers = device(0x0010_0000);
const ALARM: Registers = device(0x0200_4000);
const TIME: Registers = device(0x0200_b000);
const PLIC: Registers = device(0x0c00_0000);
const PLIC_ENABLE: Registers = device(0x0c00_2000);
const PLIC_CLAIM: Registers = device(0x0c20_0000);
const SERIAL: Registers = device(0x1000_0000);

/// A place in the second NOR bank: registers of a device like any other, as long as nothing else is read from there.
#[allow(unsafe_code)]
fn bank(at: u32) -> (Registers, usize) {
    let at = at as usize % (32 * 1024 * 1024);
    // SAFETY: the bank has these 32 MB, and there is nothing of the program in it
    (unsafe { Registers::at(0x2200_0000 + at / 4096 * 4096) }, at % 4096)
}

#[entry]
fn main() -> ! {
    ALARM.write(4, u32::MAX);
    let network = virtio::find().and_then(Network::new).expect("the board has a network");
    allow();
    static EXECUTOR: StaticCell<Executor> = StaticCell::new();
    static BANK: StaticCell<Shared<Flash>> = StaticCell::new();
    let chip: &'static Shared<Flash> = BANK.init(Mutex::new(Flash::new()));
    EXECUTOR.init(Executor::new()).run(|spawner| {
        let storage = Storage::new(chip, 0..nor::SIZE as u32);
        start(spawner, network, Config::dhcpv4(Default::default()), storage);
    })
}

#[allow(unsafe_code)]
fn allow() {
    // SAFETY: all that handlers touch is there, and nothing relies on their being kept out
    unsafe {
        riscv::interrupt::machine::enable_interrupt(Interrupt::MachineTimer);
        riscv::interrupt::machine::enable_interrupt(Interrupt::MachineExternal);
        riscv::interrupt::machine::enable();
    }
}

/// The serial line.
pub(crate) struct Serial;

impl Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(|byte| SERIAL.write_byte(0, byte));
        Ok(())
    }
}

/// What must not happen is told, and the device begins anew.
#[panic_handler]
fn panic(why: &PanicInfo<'_>) -> ! {
    let _ = writeln!(Serial, "{why}");
    TEST.write(0, 0x7777);
    loop {
        riscv::asm::wfi();
    }
}

/// The same for what the processor cannot do.
#[allow(unsafe_code)] // the name
#[unsafe(export_name = "ExceptionHandler")]
fn fault(_: &riscv_rt::TrapFrame) -> ! {
    let _ = writeln!(Serial, "fault at {:#x}", riscv::register::mepc::read());
    TEST.write(0, 0x7777);
    loop {
        riscv::asm::wfi();
    }
}
