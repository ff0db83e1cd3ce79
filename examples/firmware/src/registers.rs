//! The registers of a device on the bus.

#![allow(unsafe_code)] // the only code that touches them

use core::ptr;

/// 4 KB of 32-bit registers.
#[derive(Clone, Copy)]
pub(crate) struct Registers(usize);

impl Registers {
    /// Bytes of them.
    const SIZE: usize = 4096;

    /// The registers that begin here.
    ///
    /// # Safety
    /// These 4 KB are a device's, not memory: nothing that is written there changes what any reference points at.
    pub(crate) const unsafe fn at(address: usize) -> Self {
        Self(address)
    }

    /// Reads the register so many bytes behind the first.
    pub(crate) fn read(self, offset: usize) -> u32 {
        // SAFETY: inside of the device, which whoever made `self` has promised
        unsafe { ptr::read_volatile(self.register(offset)) }
    }

    /// Writes it.
    pub(crate) fn write(self, offset: usize, value: u32) {
        // SAFETY: inside of the device, which whoever made `self` has promised
        unsafe { ptr::write_volatile(self.register(offset), value) }
    }

    /// Writes a register that has eight bits.
    #[cfg(target_arch = "riscv32")]
    pub(crate) fn write_byte(self, offset: usize, value: u8) {
        // SAFETY: inside of the device, which whoever made `self` has promised
        unsafe { ptr::write_volatile(self.register(offset).cast(), value) }
    }

    const fn register(self, offset: usize) -> *mut u32 {
        assert!(offset < Self::SIZE && offset.is_multiple_of(4), "no register of this device");
        (self.0 + offset) as *mut u32
    }
}
