//! RP2350: its random bytes, and a number that no other has.

use core::cell::RefCell;

use embassy_rp::peripherals::TRNG;
use embassy_rp::trng::{Config, InterruptHandler, Trng};
use embassy_rp::{Peri, bind_interrupts, otp};
use embassy_sync::blocking_mutex::CriticalSectionMutex;

use super::Driver;

/// Of a Pico 2's flash.
pub(super) const SIZE: usize = 4 * 1024 * 1024;

bind_interrupts!(struct Interrupts {
    TRNG_IRQ => InterruptHandler<TRNG>;
});

static SOURCE: CriticalSectionMutex<RefCell<Option<Trng<'static, TRNG>>>> =
    CriticalSectionMutex::new(RefCell::new(None));

/// Hands over the generator, before the first random bytes are drawn.
pub(crate) fn randomness(trng: Peri<'static, TRNG>) {
    SOURCE.lock(|source| source.replace(Some(Trng::new(trng, Interrupts, Config::default()))));
}

/// The chip's true random number generator is meant for keys by the data sheet (12.12). It tests each 192 bits itself, and
/// draws them again if they fail.
pub(crate) fn entropy() -> Option<[u8; 32]> {
    SOURCE.lock(|source| {
        let mut bytes = [0; 32];
        source.borrow_mut().as_mut()?.blocking_fill_bytes(&mut bytes);
        Some(bytes)
    })
}

/// The number that the chip was given when it was made.
pub(super) fn id(_: &mut Driver) -> [u8; 8] {
    otp::get_chipid().unwrap_or_default().to_be_bytes()
}
