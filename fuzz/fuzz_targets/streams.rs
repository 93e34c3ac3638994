#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mcbp_fuzz::streams(data));
