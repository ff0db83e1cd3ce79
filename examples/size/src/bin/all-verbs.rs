//! As `read-set-create`, or a request that increments, signs in, rotates or signs out.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
#[unsafe(no_mangle)]
extern "C" fn _start() -> bool {
    let Some(mut request) = size::request() else { return false };
    size::wait(size::any_verb(&mut request, &mut [0; 256])).is_ok()
}

#[cfg(not(target_os = "none"))]
fn main() {}
