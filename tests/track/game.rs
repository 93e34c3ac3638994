//! A game: two servers, the machines between them, and someone who makes calls.

use core::time::Duration;

use std::collections::{BTreeMap, BTreeSet};

use mcbp::track::Side;
use mcbp::track::streams::{self, Call, CallEnd, Streams};
use mcbp::track::takeover::{self, Takeover};
use mcbp::{Status, StreamFlags, VbucketState};

use super::dice::Dice;
use super::model::{Mood, Step, World};

const TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) fn streams_of(vbuckets: u16) -> Streams {
    Streams::new(streams::Config {
        vbuckets,
        timeout: TIMEOUT,
        flags: StreamFlags::empty(),
    })
}

/// Which machines there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Machines {
    Both,
    Streams,
    Takeover,
}

impl Machines {
    pub(crate) fn streams(self) -> bool {
        self != Self::Takeover
    }

    pub(crate) fn takeover(self) -> bool {
        self != Self::Streams
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
    fn call(&mut self, world: &mut World, dice: &mut impl Dice) {
        let now = world.now;
        if let Some(streams) = &mut world.streams {
            let (call, called) = match dice.below(40) {
                0 => (Call::Shut, streams.shut(now)),
                1..10 => (
                    Call::Close,
                    streams.close(dice.below(VBUCKETS.into()) as u16, now),
                ),
                _ => {
                    let wanted: BTreeSet<_> =
                        (0..VBUCKETS).filter(|_| dice.below(2) == 0).collect();
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
        }
        if let Some(takeover) = &mut world.takeover {
            if dice.below(4) == 0 && takeover.start(TAKEN_OVER, now).is_ok() {
                world.consumer.active.clear();
                self.takeovers += 1;
            }
        }
        world.after_every_call();
        self.check(world);
    }

    /// What holds after each event.
    fn check(&mut self, world: &mut World) {
        self.check_streams(world);
        self.check_takeover(world);
    }

    fn check_streams(&mut self, world: &mut World) {
        let ending = world.ending();
        let Some(streams) = &mut world.streams else {
            return;
        };
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
    }

    fn check_takeover(&mut self, world: &mut World) {
        let Some(takeover) = &mut world.takeover else {
            return;
        };
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

/// Plays so many steps with these machines between two servers, and says what happened how often.
pub(crate) fn game(
    machines: Machines,
    dice: &mut impl Dice,
    steps: usize,
) -> BTreeMap<String, u64> {
    let config = takeover::Config {
        retries: 2,
        ..takeover::Config::default()
    };
    let mut world = World::new(
        machines.streams().then(|| streams_of(VBUCKETS)),
        machines.takeover().then(|| Takeover::new(config)),
    );
    let mut caller = Caller::default();
    let trouble = dice.below(3);
    for _ in 0..steps {
        if dice.below(8) == 0 {
            caller.call(&mut world, dice);
        }
        if trouble > 0 && dice.below(8) == 0 {
            let mood = dice.pick(&[
                Mood::Good,
                Mood::Hold,
                Mood::Refuse(Status::ETMPFAIL),
                Mood::Refuse(Status::NOT_MY_VBUCKET),
                Mood::Silent,
            ]);
            world.consumer.moods.push_back(mood);
            let answer = dice.pick(&[
                Status::SUCCESS,
                Status::ROLLBACK,
                Status::ETMPFAIL,
                Status::ERANGE,
            ]);
            world.producer.answers.push_back(answer);
        }
        let step = match dice.below(60) {
            0..16 => Step::Read(Side::Consumer),
            16..32 => Step::Read(Side::Producer),
            32..42 => Step::Deliver(Side::Consumer),
            42..52 => Step::Deliver(Side::Producer),
            52 => Step::TryLater {
                forgets: dice.below(2) == 0,
            },
            53..56 => Step::HandOver,
            56..58 => Step::Answer,
            58 if trouble > 1 => Step::End {
                from: dice.below(8) as u16,
            },
            59 if dice.below(4) == 0 => Step::Timeout,
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
        assert!(timeouts <= 8);
    }
    assert!(caller.calls.is_empty() && caller.takeovers == 0);
    caller.happened
}
