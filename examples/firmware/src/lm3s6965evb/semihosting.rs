//! The chip has no source of randomness: the emulator reads one on the host. On a real board this is a chip with a noise
//! source.

#![allow(unsafe_code)] // the calls to the emulator

use cortex_m_semihosting::{nr, syscall};

/// Where it is read from, unless the emulator's command line begins so and goes on with another file.
const SOURCE: &[u8] = b"entropy=/dev/urandom";
const KEY: usize = b"entropy=".len();

/// Fresh random bytes; `None` if the source is not there.
pub(crate) fn entropy() -> Option<[u8; 32]> {
    let mut line = [0_u8; 256];
    let place = [line.as_mut_ptr() as usize, line.len()];
    // SAFETY: room and its length as the call wants them
    let _ = unsafe { syscall(nr::GET_CMDLINE, &place) };
    if !line.starts_with(&SOURCE[..KEY]) {
        line.fill(0);
        line[..SOURCE.len()].copy_from_slice(SOURCE);
    }
    line[255] = 0; // the name's end
    let name = line[KEY..].split(|byte| *byte == 0).next().unwrap_or_default();
    let mut bytes = [0; 32];
    // SAFETY: name, mode and length as the call wants them; behind the name there is a zero
    let file = unsafe { syscall(nr::OPEN, &[name.as_ptr() as usize, nr::open::R_BINARY, name.len()]) };
    if file as isize == -1 {
        return None;
    }
    // SAFETY: the bytes are ours and as many as is said
    let missing = unsafe { syscall(nr::READ, &[file, bytes.as_mut_ptr() as usize, bytes.len()]) };
    // SAFETY: the file is open
    let _ = unsafe { syscall(nr::CLOSE, &[file]) };
    (missing == 0).then_some(bytes)
}
