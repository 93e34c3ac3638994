#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mcbp_fuzz::takeover(data));
