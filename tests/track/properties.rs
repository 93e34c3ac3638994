//! What holds whatever happens.

use core::time::Duration;

use std::collections::{BTreeMap, BTreeSet};

use mcbp::dcp::DcpRequest;
use mcbp::track::streams::{self, Call, CallEnd, State, Streams};
use mcbp::track::takeover::{self, Takeover};
use mcbp::track::{Outgoing, Side, Verdict};
use mcbp::{Status, StreamEndReason, StreamFlags, VbucketState};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::messages::{
    added, closed, marker_answer, mutation, set_state, state_answer, stream_answer, stream_end,
    stream_request,
};
use crate::model::{Mood, Step, World};

const TIMEOUT: Duration = Duration::from_secs(60);

fn streams_of(vbuckets: u16) -> Streams {
    Streams::new(streams::Config {
        vbuckets,
        timeout: TIMEOUT,
        flags: StreamFlags::empty(),
    })
}

/// xorshift64*: every seed plays the same game for ever.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// The streams' vbuckets; the one behind them is taken over.
const VBUCKETS: u16 = 6;
const TAKEN_OVER: u16 = VBUCKETS;

/// Someone who makes calls, and what they were promised.
#[derive(Default)]
struct Caller {
    wanted: BTreeSet<u16>,
    /// The calls that have no outcome.
    calls: Vec<Call>,
    takeovers: u32,
    /// How often each thing happened.
    happened: BTreeMap<String, u64>,
}

impl Caller {
    fn call(&mut self, world: &mut World, random: &mut Random) {
        let now = world.now;
        let streams = world.streams.as_mut().unwrap();
        let (call, called) = match random.below(40) {
            0 => (Call::Shut, streams.shut(now)),
            1..10 => (
                Call::Close,
                streams.close(random.below(VBUCKETS.into()) as u16, now),
            ),
            _ => {
                let wanted: BTreeSet<_> = (0..VBUCKETS).filter(|_| random.below(2) == 0).collect();
                let list: Vec<_> = wanted.iter().copied().collect();
                let called = streams.set_up(&list, now);
                if called.is_ok() {
                    self.wanted = wanted;
                }
                (Call::SetUp, called)
            }
        };
        if called.is_ok() {
            self.calls.push(call);
        }
        let takeover = world.takeover.as_mut().unwrap();
        if random.below(4) == 0 && takeover.start(TAKEN_OVER, now).is_ok() {
            world.consumer.active.clear();
            self.takeovers += 1;
        }
        world.after_every_call();
        self.check(world);
    }

    /// What holds after each event.
    fn check(&mut self, world: &mut World) {
        let ending = world.ending();
        let streams = world.streams.as_mut().unwrap();
        assert_eq!(streams.call().is_some(), streams.next_timeout().is_some());
        let open: Vec<_> = streams.open().collect();
        let opaques: Vec<_> = (0..VBUCKETS).map(|it| streams.stream_opaque(it)).collect();
        while let Some(outcome) = streams.poll_outcome() {
            assert_eq!(
                self.calls.remove(0),
                outcome.call,
                "one outcome for each call, in order"
            );
            let vbuckets: BTreeSet<_> = outcome.errors.iter().map(|error| error.vbucket).collect();
            assert_eq!(vbuckets.len(), outcome.errors.len());
            let case = format!(
                "{:?} {:?} {}",
                outcome.call,
                outcome.end,
                outcome.is_success()
            );
            *self.happened.entry(case).or_default() += 1;
            // An end that was passed on reaches the consumer before anything that is sent now.
            let own = || {
                let all = world.consumer.streams.iter();
                all.filter(|(it, own)| **it != TAKEN_OVER && !ending.contains(&own.opaque))
            };
            match outcome.call {
                Call::SetUp if outcome.is_success() => {
                    assert!(open.iter().eq(&self.wanted));
                    // The servers think so, too.
                    assert!(own().map(|(it, _)| it).eq(&self.wanted));
                    assert!(own().all(|(it, own)| opaques[usize::from(*it)] == Some(own.opaque)));
                }
                Call::Shut if outcome.is_success() => assert_eq!(own().count(), 0),
                _ => {}
            }
            if outcome.end != CallEnd::Interrupted {
                assert!(self.calls.is_empty());
            }
        }
        assert_eq!(self.calls.len(), usize::from(streams.call().is_some()));

        let takeover = world.takeover.as_mut().unwrap();
        assert_eq!(
            takeover.state() == takeover::State::Idle,
            takeover.next_timeout().is_none()
        );
        if let Some(outcome) = takeover.poll_outcome() {
            self.takeovers -= 1;
            let active = world.consumer.active.get(&TAKEN_OVER).copied();
            let last = outcome.tries.last().unwrap();
            assert!(outcome.tries.len() <= 3);
            assert!(
                outcome
                    .tries
                    .iter()
                    .rev()
                    .skip(1)
                    .all(|one| one.failure.is_some())
            );
            assert_eq!(outcome.result.is_ok(), last.failure.is_none());
            if outcome.result.is_ok() {
                assert_eq!(active, last.stream_opaque);
            }
            // What made it active, if one of these did, was passed on in that try.
            let by = outcome
                .tries
                .iter()
                .find(|one| active.is_some() && one.stream_opaque == active);
            assert!(by.is_none_or(|by| by.state == Some(VbucketState::ACTIVE)));
            let result = outcome.result.map_err(|error| match error {
                takeover::TakeoverError::Failed(failure) => {
                    let text = format!("{failure:?}");
                    text.split([' ', '(']).next().unwrap().to_owned()
                }
                other => format!("{other:?}"),
            });
            let case = format!("takeover {result:?} after {}", outcome.tries.len());
            *self.happened.entry(case).or_default() += 1;
        }
        let is_under_way = takeover.state() != takeover::State::Idle;
        assert_eq!(self.takeovers, u32::from(is_under_way));
    }
}

#[test]
fn two_servers_and_the_machines_between_them() {
    let mut happened = BTreeMap::<String, u64>::new();
    for seed in 1..=4000_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let config = takeover::Config {
            retries: 2,
            ..takeover::Config::default()
        };
        let mut world = World::new(Some(streams_of(VBUCKETS)), Some(Takeover::new(config)));
        let mut caller = Caller::default();
        let trouble = random.below(3);
        for _ in 0..400 {
            if random.below(8) == 0 {
                caller.call(&mut world, &mut random);
            }
            if trouble > 0 && random.below(8) == 0 {
                let mood = random.pick(&[
                    Mood::Good,
                    Mood::Hold,
                    Mood::Refuse(Status::ETMPFAIL),
                    Mood::Refuse(Status::NOT_MY_VBUCKET),
                    Mood::Silent,
                ]);
                world.consumer.moods.push_back(mood);
                let answer = random.pick(&[
                    Status::SUCCESS,
                    Status::ROLLBACK,
                    Status::ETMPFAIL,
                    Status::ERANGE,
                ]);
                world.producer.answers.push_back(answer);
            }
            let step = match random.below(60) {
                0..16 => Step::Read(Side::Consumer),
                16..32 => Step::Read(Side::Producer),
                32..42 => Step::Deliver(Side::Consumer),
                42..52 => Step::Deliver(Side::Producer),
                52 => Step::TryLater {
                    forgets: random.below(2) == 0,
                },
                53..56 => Step::HandOver,
                56..58 => Step::Answer,
                58 if trouble > 1 => Step::End {
                    from: random.below(8) as u16,
                },
                59 if random.below(4) == 0 => Step::Timeout,
                _ => continue,
            };
            world.step(step);
            caller.check(&mut world);
        }
        // When only timers go off, all is over soon.
        let mut timeouts = 0;
        while world.next_timeout().is_some() {
            assert!(world.step(Step::Timeout));
            caller.check(&mut world);
            timeouts += 1;
            assert!(timeouts <= 8, "seed {seed}");
        }
        assert!(caller.calls.is_empty() && caller.takeovers == 0);
        for (case, count) in caller.happened {
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
