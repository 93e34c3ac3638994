//! A producer and a consumer that exchange over a bounded buffer, both by their ledgers: nothing is
//! acknowledged that was not received, and nothing ever comes to a standstill.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

#[path = "track/dice.rs"]
mod dice;
#[path = "track/flow.rs"]
mod flow;

use flow::Event;
use proptest::prelude::*;

use dice::{Random, Rolled};

#[test]
fn thousands_of_exchanges_come_to_an_end() {
    for seed in 0..4000 {
        println!("seed {seed}");
        flow::exchange(Random::new(seed));
    }
}

fn events() -> impl Strategy<Value = (u32, Vec<Event>)> {
    prop::collection::vec(any::<u8>(), 0..600).prop_map(|bytes| flow::events(Rolled(&bytes)))
}

proptest! {
    #[test]
    fn never_more_is_acknowledged_than_was_received((size, events) in events()) {
        flow::consume(size, &events);
    }

    #[test]
    fn a_producer_never_counts_below_nothing((size, events) in events()) {
        flow::produce(size, &events);
    }
}
