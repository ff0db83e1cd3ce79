//! Any bytes at the endpoint of device-bound sessions.
#![no_main]

use core_tests::bad_input::device;

libfuzzer_sys::fuzz_target!(|data: &[u8]| device(data));
