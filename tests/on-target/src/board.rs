//! Runs the tests and says what came of them over semihosting.

use core::panic::PanicInfo;

// brings the critical section for one core
use cortex_m as _;
use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hprint, hprintln};
use embedded_alloc::LlffHeap;

/// Some tests format text or collect values; what they test does not.
#[global_allocator]
static HEAP: LlffHeap = LlffHeap::empty();

#[entry]
fn main() -> ! {
    static mut MEMORY: [u8; 16 * 1024] = [0; _];
    // SAFETY: once, before anything allocates; `entry` lends this memory to nobody else
    unsafe { HEAP.init(MEMORY.as_mut_ptr() as usize, MEMORY.len()) };
    for (name, test) in crate::TESTS {
        hprint!("test {} ... ", name);
        test();
        hprintln!("ok");
    }
    crate::frames::check();
    hprintln!("defmt frames as they should be");
    debug::exit(debug::EXIT_SUCCESS);
    unreachable!("semihosting has ended the emulator");
}

/// The name of the test stands on the line already.
#[panic_handler]
fn panic(why: &PanicInfo) -> ! {
    hprintln!("FAILED\n{}", why);
    debug::exit(debug::EXIT_FAILURE);
    loop {}
}
