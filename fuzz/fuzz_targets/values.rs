//! Any bytes as a stored value, read by one of the codecs as one of many types.
#![no_main]

use values_tests::any_bytes::{as_one_type, unwatched};

libfuzzer_sys::fuzz_target!(|data: &[u8]| as_one_type(data, &unwatched));
