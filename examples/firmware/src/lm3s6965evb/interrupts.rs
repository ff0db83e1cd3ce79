//! The chip's interrupts, of which the device uses one: cortex-m-rt's own table would be 800 bytes larger.

#![allow(unsafe_code)] // what the processor is told

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;

use super::ethernet;

/// The ethernet controller's.
#[derive(Clone, Copy)]
struct Ethernet;

impl Ethernet {
    const NUMBER: u16 = 42;
}

// SAFETY: the chip has this interrupt
unsafe impl InterruptNumber for Ethernet {
    fn number(self) -> u16 {
        Self::NUMBER
    }
}

/// Lets it through.
pub(super) fn allow() {
    // SAFETY: no critical section relies on its being masked
    unsafe { NVIC::unmask(Ethernet) }
}

/// What the chip calls. The section and the name are those that cortex-m-rt looks for.
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
static __INTERRUPTS: [Option<extern "C" fn()>; Ethernet::NUMBER as usize + 1] = {
    let mut table: [Option<extern "C" fn()>; _] = [None; _];
    table[Ethernet::NUMBER as usize] = Some(ethernet::interrupt);
    table
};
