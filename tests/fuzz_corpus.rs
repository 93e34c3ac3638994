//! The corpus of the fuzz targets, replayed without a fuzzer.
#![cfg(feature = "arbitrary")]

use std::fs;
use std::path::Path;

#[expect(
    unreachable_pub,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a crate of its own, of tests"
)]
#[path = "../fuzz/src/lib.rs"]
mod properties;

#[track_caller]
fn replay(target: &str, property: impl Fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let inputs = fs::read_dir(corpus.join(target)).expect("a corpus");
    let replayed = inputs.map(|input| {
        let path = input.expect("an input").path();
        // Names the input, should it panic.
        println!("{}", path.display());
        property(&fs::read(path).expect("an input"));
    });
    assert_ne!(replayed.count(), 0, "no inputs");
    property(&[]);
}

#[test]
fn stream() {
    replay("stream", properties::stream);
}

#[test]
fn packet() {
    replay("packet", properties::packet);
}

#[test]
fn message() {
    replay("message", |data| {
        // Bytes that make no message are none of its business.
        let _ = properties::message(data);
    });
}

#[test]
fn frame_infos() {
    replay("frame_infos", properties::frame_infos);
}

#[test]
fn cache_transfer() {
    replay("cache_transfer", properties::cache_transfer);
}
