//! The PLIC, which tells which device wants something.

use riscv::interrupt::machine::Interrupt;
use riscv_rt::core_interrupt;

use super::{PLIC, PLIC_CLAIM, PLIC_ENABLE, network};

/// Lets a device's interrupt through, once.
pub(crate) fn allow(number: usize) {
    PLIC.write(4 * number, 1); // its priority
    PLIC_CLAIM.write(0, 0); // any priority will do
    PLIC_ENABLE.write(0, 1 << number);
}

/// No other device was let through. It goes on asking until it is looked after, so that it has to be kept out until then.
#[core_interrupt(Interrupt::MachineExternal)]
fn external() {
    let number = PLIC_CLAIM.read(4);
    PLIC_ENABLE.write(0, 0);
    PLIC_CLAIM.write(4, number);
    network::interrupt();
}
