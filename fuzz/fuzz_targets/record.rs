//! Any bytes as a stored record under a genuine cookie.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bad_input::record(data, &bad_input::unwatched));
