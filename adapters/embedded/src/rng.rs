//! One random number generator for all requests.

use core::cell::RefCell;
use core::fmt;

use rand_core::{TryCryptoRng, TryRng};

/// One random number generator for all requests of an executor.
pub struct SharedRng<'r, R>(pub(crate) &'r RefCell<R>);

/// The generator is not ready or is in use.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NoEntropy;

impl fmt::Display for NoEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the random number generator is not ready: try again later")
    }
}

impl core::error::Error for NoEntropy {}

impl<R: TryCryptoRng> TryRng for SharedRng<'_, R> {
    type Error = NoEntropy;

    fn try_next_u32(&mut self) -> Result<u32, NoEntropy> {
        self.0.try_borrow_mut().map_err(|_| NoEntropy)?.try_next_u32().map_err(|_| NoEntropy)
    }

    fn try_next_u64(&mut self) -> Result<u64, NoEntropy> {
        self.0.try_borrow_mut().map_err(|_| NoEntropy)?.try_next_u64().map_err(|_| NoEntropy)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        self.0.try_borrow_mut().map_err(|_| NoEntropy)?.try_fill_bytes(bytes).map_err(|_| NoEntropy)
    }
}

impl<R: TryCryptoRng> TryCryptoRng for SharedRng<'_, R> {}
