//! The corpus of the fuzz target `capture`, replayed without a fuzzer.

use std::fs;
use std::path::Path;

#[expect(
    unreachable_pub,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "a part of another crate, of tests"
)]
#[path = "../../fuzz/src/capture.rs"]
mod property;

#[test]
fn capture() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/capture");
    let inputs = fs::read_dir(corpus).expect("a corpus");
    let replayed = inputs.map(|input| {
        let path = input.expect("an input").path();
        // Names the input, should it panic.
        println!("{}", path.display());
        property::capture(&fs::read(path).expect("an input"));
    });
    assert_ne!(replayed.count(), 0, "no inputs");
    property::capture(&[]);
}
