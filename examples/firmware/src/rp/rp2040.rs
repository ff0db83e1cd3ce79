//! RP2040: its random bytes, and a number that no other has.

use embassy_rp::clocks::RoscRng;
use session_device::condense;

use super::Driver;

/// Of a Pico's flash.
pub(super) const SIZE: usize = 2 * 1024 * 1024;

/// The ring oscillator's random bit is no source for security by the data sheet (2.17.5), so a kilobyte is hashed.
pub(crate) fn entropy() -> Option<[u8; 32]> {
    condense(1024, |piece| RoscRng.fill_bytes(piece))
}

/// The chip itself has none, but its flash has.
pub(super) fn id(flash: &mut Driver) -> [u8; 8] {
    let mut id = [0; 8];
    // an error is one of the second core, which is off
    let _ = flash.blocking_unique_id(&mut id);
    id
}
