//! Any bytes as a stored record under a genuine cookie.
#![no_main]

use core_tests::bad_input::{record, unwatched};

libfuzzer_sys::fuzz_target!(|data: &[u8]| record(data, &unwatched));
