//! As `all-verbs`, of sessions that travel in their cookies.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
#[unsafe(no_mangle)]
extern "C" fn _start() -> bool {
    let Some(mut request) = size::sealed_request() else { return false };
    size::wait(size::any_verb(&mut request, &mut [0; 1024])).is_ok()
}

#[cfg(not(target_os = "none"))]
fn main() {}
