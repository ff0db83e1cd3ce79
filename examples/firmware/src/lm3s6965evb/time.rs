//! Time from the SysTick timer, which interrupts once a millisecond.

use core::cell::{Cell, RefCell};
use core::task::Waker;

use cortex_m::interrupt::{self, Mutex};
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;
use embassy_time_driver::Driver;
use embassy_time_queue_utils::Queue;

/// The processor's clock after a reset, as the emulator has it.
pub(crate) const HERTZ: u32 = 12_500_000;

struct Ticks {
    passed: Mutex<Cell<u64>>,
    next: Mutex<Cell<u64>>,
    queue: Mutex<RefCell<Queue>>,
}

embassy_time_driver::time_driver_impl!(static TICKS: Ticks = Ticks {
    passed: Mutex::new(Cell::new(0)),
    next: Mutex::new(Cell::new(u64::MAX)),
    queue: Mutex::new(RefCell::new(Queue::new())),
});

impl Driver for Ticks {
    fn now(&self) -> u64 {
        interrupt::free(|cs| self.passed.borrow(cs).get())
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        interrupt::free(|cs| {
            if self.queue.borrow(cs).borrow_mut().schedule_wake(at, waker) {
                let next = self.next.borrow(cs);
                next.set(next.get().min(at));
            }
        });
    }
}

/// Begins to count.
pub(crate) fn start(mut timer: SYST) {
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(HERTZ / 1_000 - 1);
    timer.clear_current();
    timer.enable_counter();
    timer.enable_interrupt();
}

#[exception]
fn SysTick() {
    interrupt::free(|cs| {
        let now = TICKS.passed.borrow(cs).get() + 1;
        TICKS.passed.borrow(cs).set(now);
        let next = TICKS.next.borrow(cs);
        if next.get() <= now {
            next.set(TICKS.queue.borrow(cs).borrow_mut().next_expiration(now));
        }
    });
}
