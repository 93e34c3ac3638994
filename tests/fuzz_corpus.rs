//! The corpus of the fuzz targets, replayed without a fuzzer.
#![cfg(all(feature = "arbitrary", feature = "json", feature = "snappy"))]

use std::fs;
use std::path::Path;

#[expect(
    unreachable_pub,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
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

#[test]
fn key() {
    replay("key", properties::key);
}

#[test]
fn xattr() {
    replay("xattr", properties::xattr);
}

#[test]
fn system_event() {
    replay("system_event", properties::system_event);
}

#[test]
fn snappy() {
    replay("snappy", properties::snappy);
}

#[test]
fn json() {
    replay("json", properties::json);
}

#[test]
fn control() {
    replay("control", properties::control);
}

#[test]
fn policy() {
    replay("policy", |data| {
        // Nor are these.
        let _ = properties::policy(data);
    });
}

#[test]
fn validate() {
    replay("validate", |data| {
        // Nor are these.
        let _ = properties::validate(data);
    });
}

#[test]
fn streams() {
    replay("streams", properties::streams);
}

#[test]
fn takeover() {
    replay("takeover", properties::takeover);
}

#[test]
fn flow() {
    replay("flow", properties::flow);
}

#[test]
fn resume() {
    replay("resume", properties::resume);
}
