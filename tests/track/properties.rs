//! What holds whatever happens.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::anything;
use crate::dice::{Random, Rolled};
use crate::game::{self, Machines};

#[test]
fn two_servers_and_the_machines_between_them() {
    let mut happened = BTreeMap::<String, u64>::new();
    for seed in 1..=4000 {
        println!("seed {seed}");
        for (case, count) in game::game(Machines::Both, &mut Random::new(seed), 400) {
            *happened.entry(case).or_default() += count;
        }
    }
    for (case, count) in &happened {
        println!("{count:>6} {case}");
    }
    for expected in [
        "SetUp Answered true",
        "SetUp Answered false",
        "SetUp StreamEnded false",
        "SetUp TimedOut false",
        "SetUp Interrupted false",
        "Close Answered true",
        "Shut Answered true",
        "takeover Ok(()) after 1",
        "takeover Ok(()) after 2",
        "takeover Err(\"Exhausted\") after 3",
    ] {
        assert!(
            happened.contains_key(expected),
            "{expected} never happened: {happened:?}"
        );
    }
}

fn machines() -> impl Strategy<Value = Machines> {
    prop_oneof![
        Just(Machines::Both),
        Just(Machines::Streams),
        Just(Machines::Takeover),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_events_is_too_much(
        machines in machines(),
        events in prop::collection::vec(any::<u8>(), 0..500)
            .prop_map(|bytes| anything::events(Rolled(&bytes))),
    ) {
        anything::suffer(machines, &events);
    }
}
