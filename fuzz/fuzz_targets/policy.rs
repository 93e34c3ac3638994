#![no_main]

use libfuzzer_sys::Corpus;

libfuzzer_sys::fuzz_target!(|data: &[u8]| -> Corpus {
    match mcbp_fuzz::policy(data) {
        Ok(()) => Corpus::Keep,
        Err(_) => Corpus::Reject,
    }
});
