//! Any bytes as Cookie header lines.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bad_input::cookie_header(data, &bad_input::unwatched));
