//! Any bytes as Cookie header lines.
#![no_main]

use core_tests::bad_input::{cookie_header, unwatched};

libfuzzer_sys::fuzz_target!(|data: &[u8]| cookie_header(data, &unwatched));
