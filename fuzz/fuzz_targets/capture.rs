#![no_main]

// Not part of the library, which `cargo test` includes where there is no command.
#[path = "../src/capture.rs"]
mod capture;

libfuzzer_sys::fuzz_target!(|data: &[u8]| capture::capture(data));
