//! The executor's loop. embassy's own for Cortex-M waits with WFE, which the emulator takes for no reason to wait.

#![allow(unsafe_code)] // embassy's raw executor

use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};

use cortex_m::{asm, interrupt};
use embassy_executor::{Spawner, raw};
use static_cell::StaticCell;

/// A task has something to do.
static PENDING: AtomicBool = AtomicBool::new(false);

#[unsafe(export_name = "__pender")]
fn pend(_: *mut ()) {
    PENDING.store(true, Ordering::Release);
}

/// Runs tasks while there is something to do, and sleeps until the next interrupt otherwise.
pub(crate) fn run(begin: impl FnOnce(Spawner)) -> ! {
    static EXECUTOR: StaticCell<raw::Executor> = StaticCell::new();
    let executor: &'static raw::Executor = EXECUTOR.init(raw::Executor::new(ptr::null_mut()));
    begin(executor.spawner());
    loop {
        // SAFETY: no task calls this
        unsafe { executor.poll() };
        // an interrupt that comes now is looked after behind this, but does end the sleep
        interrupt::free(|_| {
            if !PENDING.swap(false, Ordering::Acquire) {
                asm::wfi();
            }
        });
    }
}
