//! A consumer that loses its streams, its memory and its branch of history, and still ends up with
//! what the vbucket holds.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

#[path = "track/dice.rs"]
mod dice;
#[path = "track/resume.rs"]
mod resume;

use dice::{Random, Rolled};
use proptest::prelude::*;

#[test]
fn whatever_is_lost_in_the_end_nothing_is() {
    for seed in 0..3000 {
        println!("seed {seed}");
        resume::follow(&mut Random::new(seed));
    }
}

proptest! {
    #[test]
    fn any_sequence_of_events_leaves_a_legal_request(
        (collections, events) in prop::collection::vec(any::<u8>(), 0..300)
            .prop_map(|bytes| resume::events(Rolled(&bytes))),
    ) {
        resume::suffer(collections, &events);
    }
}
