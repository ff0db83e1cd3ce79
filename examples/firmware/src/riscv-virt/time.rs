//! Time from the CLINT's timer: ten million a second, compared with an alarm.

use core::cell::RefCell;
use core::task::Waker;

use critical_section::Mutex;
use embassy_time_driver::{Driver, TICK_HZ};
use embassy_time_queue_utils::Queue;
use riscv::interrupt::machine::Interrupt;
use riscv_rt::core_interrupt;

use super::{ALARM, TIME};

/// Of the timer, in one tick of embassy's.
const UNITS: u64 = 10_000_000 / TICK_HZ;

struct Clint {
    queue: Mutex<RefCell<Queue>>,
}

embassy_time_driver::time_driver_impl!(static CLINT: Clint = Clint { queue: Mutex::new(RefCell::new(Queue::new())) });

/// Wakes whoever is due, and sets the alarm for the next.
fn next(queue: &mut Queue) {
    let next = queue.next_expiration(now());
    // never a moment that has passed without meaning to: first to the end of time, then the low half, then the high
    let [low, high] = halves(next.saturating_mul(UNITS));
    ALARM.write(4, u32::MAX);
    ALARM.write(0, low);
    ALARM.write(4, high);
}

const fn halves(time: u64) -> [u32; 2] {
    [time as u32, (time >> 32) as u32]
}

fn now() -> u64 {
    loop {
        let (high, low) = (TIME.read(0xffc), TIME.read(0xff8));
        if TIME.read(0xffc) == high {
            return (u64::from(high) << 32 | u64::from(low)) / UNITS;
        }
    }
}

impl Driver for Clint {
    fn now(&self) -> u64 {
        now()
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|cs| {
            let mut queue = self.queue.borrow_ref_mut(cs);
            if queue.schedule_wake(at, waker) {
                next(&mut queue);
            }
        });
    }
}

/// An alarm that has passed meanwhile comes at once.
#[core_interrupt(Interrupt::MachineTimer)]
fn alarm() {
    critical_section::with(|cs| next(&mut CLINT.queue.borrow_ref_mut(cs)));
}
