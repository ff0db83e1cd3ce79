//! Any bytes as the content of a flash.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nor_flash::power_cuts::image(data));
