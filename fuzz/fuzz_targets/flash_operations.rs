//! Any operations on the flash store, with power cuts, failures and dropped futures, against a map.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    nor_flash::power_cuts::play::<4, 512>(data, None);
});
