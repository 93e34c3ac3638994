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

/// Anything at all: what is known is repeated, mixed up, withheld, or made up.
#[derive(Debug, Clone)]
enum Event {
    SetUp(Vec<u16>),
    Close(u16),
    Shut,
    Send(u8),
    Added(Opaque, Status, u32),
    Closed(Side, Opaque, Status),
    Asked(u16, u32),
    Answered(u32, Status),
    Ended(u16, u32),
    State(u16, u32, VbucketState),
    StateAnswered(u32, Status),
    MarkerAnswered(u32),
    Item(u16, u32),
    Start(u16),
    Later(u64),
    TimeIsUp,
}

/// The opaque of an answer.
#[derive(Debug, Clone)]
enum Opaque {
    /// That of one of the last requests.
    Sent(proptest::sample::Index),
    Foreign(u32),
}

fn vbucket() -> impl Strategy<Value = u16> {
    prop_oneof![4 => 0..6_u16, 1 => 0..1024_u16, 1 => any::<u16>()]
}

fn stream() -> impl Strategy<Value = u32> {
    prop_oneof![9 => 1..9_u32, 1 => any::<u32>()]
}

fn status() -> impl Strategy<Value = Status> {
    const KNOWN: [Status; 7] = [
        Status::SUCCESS,
        Status::KEY_ENOENT,
        Status::KEY_EEXISTS,
        Status::ETMPFAIL,
        Status::EBUSY,
        Status::NOT_MY_VBUCKET,
        Status::ROLLBACK,
    ];
    prop_oneof![3 => Just(Status::SUCCESS), 3 => proptest::sample::select(&KNOWN[..])]
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Consumer), Just(Side::Producer)]
}

fn opaque() -> impl Strategy<Value = Opaque> {
    prop_oneof![
        9 => any::<proptest::sample::Index>().prop_map(Opaque::Sent),
        1 => any::<u32>().prop_map(Opaque::Foreign),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let state = proptest::sample::select(VbucketState::NAMED);
    prop_oneof![
        3 => vec(vbucket().prop_map(|it| it % 1024), 0..6).prop_map(Event::SetUp),
        1 => Just((0..1024).collect()).prop_map(Event::SetUp),
        2 => vbucket().prop_map(Event::Close),
        1 => Just(Event::Shut),
        9 => any::<u8>().prop_map(Event::Send),
        18 => (opaque(), status(), stream()).prop_map(|(a, b, c)| Event::Added(a, b, c)),
        18 => (side(), opaque(), status()).prop_map(|(a, b, c)| Event::Closed(a, b, c)),
        12 => (vbucket(), stream()).prop_map(|(a, b)| Event::Asked(a, b)),
        6 => (stream(), status()).prop_map(|(a, b)| Event::Answered(a, b)),
        6 => (vbucket(), stream()).prop_map(|(a, b)| Event::Ended(a, b)),
        9 => (vbucket(), stream(), state).prop_map(|(a, b, c)| Event::State(a, b, c)),
        9 => (stream(), status()).prop_map(|(a, b)| Event::StateAnswered(a, b)),
        2 => stream().prop_map(Event::MarkerAnswered),
        2 => (vbucket(), stream()).prop_map(|(a, b)| Event::Item(a, b)),
        6 => vbucket().prop_map(Event::Start),
        3 => (0..40_000_u64).prop_map(Event::Later),
        2 => Just(Event::TimeIsUp),
    ]
}

/// Both machines, shown the same events.
struct Both {
    streams: Streams,
    takeover: Takeover,
    now: Duration,
    sent: Vec<u32>,
    calls: usize,
    takeovers: usize,
}

impl Both {
    fn opaque(&self, opaque: &Opaque) -> u32 {
        match opaque {
            // Mostly of the latest, as older ones make no difference.
            Opaque::Sent(index) if !self.sent.is_empty() => {
                let latest = &self.sent[self.sent.len().saturating_sub(12)..];
                *index.get(latest)
            }
            Opaque::Sent(_) => 7,
            Opaque::Foreign(opaque) => *opaque,
        }
    }

    fn send(&mut self, most: usize) {
        for _ in 0..most {
            let next = self
                .streams
                .poll_send()
                .or_else(|| self.takeover.poll_send());
            let Some(Outgoing { to, request }) = next else {
                return;
            };
            let (vbucket, opaque) = match request {
                DcpRequest::AddStream(add) => {
                    assert_eq!(to, Side::Consumer);
                    (add.vbucket, add.opaque)
                }
                DcpRequest::CloseStream(close) => (close.vbucket, close.opaque),
                other => panic!("{other:?}"),
            };
            assert!(
                !self.sent.contains(&opaque),
                "no two requests share an opaque"
            );
            assert_eq!(opaque as u16, vbucket);
            assert_ne!(opaque, u32::from(vbucket));
            if opaque >> 31 == 0 {
                let state = self.streams.state(vbucket);
                assert!(matches!(state, Some(State::Adding | State::Closing)));
                assert!(self.streams.call().is_some());
            } else {
                assert_ne!(self.takeover.state(), takeover::State::Idle);
            }
            self.sent.push(opaque);
        }
    }

    fn play(&mut self, event: &Event) {
        let now = self.now;
        let request = |both: &mut Self, from, request| {
            let was_shut = both.streams.is_shut();
            let one = both.streams.on_request(from, &request).unwrap();
            assert!(!was_shut || one == Verdict::Keep);
            let other = both.takeover.on_request(from, &request, now);
            assert!(other.is_ok());
            if matches!(request, DcpRequest::StreamEnd(_)) {
                assert_eq!(other, Ok(Verdict::Pass));
            }
        };
        let respond = |both: &mut Self, from, response, is_ours: Option<u32>| {
            let one = both.streams.on_response(from, &response);
            let other = both.takeover.on_response(from, &response, now);
            match is_ours {
                None => assert!(one.is_ok() && other.is_ok()),
                // What answers a machine is kept, and what answers none is none of its business.
                Some(opaque) => {
                    let takes = opaque >> 31 == 1;
                    let (own, foreign) = if takes { (other, one) } else { (one, other) };
                    assert!(!both.sent.contains(&opaque) || own != Ok(Verdict::Pass));
                    assert!(foreign.is_err() || both.streams.is_shut());
                }
            }
        };
        match event {
            Event::SetUp(vbuckets) => {
                self.calls += usize::from(self.streams.set_up(vbuckets, now).is_ok());
            }
            Event::Close(vbucket) => {
                self.calls += usize::from(self.streams.close(*vbucket, now).is_ok());
            }
            Event::Shut => self.calls += usize::from(self.streams.shut(now).is_ok()),
            Event::Send(most) => self.send(usize::from(*most)),
            Event::Added(opaque, status, stream) => {
                let opaque = self.opaque(opaque);
                let answer = added(opaque, *status, Some(*stream));
                respond(self, Side::Consumer, answer, Some(opaque));
            }
            Event::Closed(by, opaque, status) => {
                let opaque = self.opaque(opaque);
                respond(self, *by, closed(opaque, *status), Some(opaque));
            }
            Event::Asked(vbucket, opaque) => {
                request(self, Side::Consumer, stream_request(*vbucket, *opaque));
            }
            Event::Answered(opaque, status) => {
                respond(self, Side::Producer, stream_answer(*opaque, *status), None);
            }
            Event::Ended(vbucket, opaque) => {
                let end = stream_end(*vbucket, *opaque, StreamEndReason::OK);
                request(self, Side::Producer, end);
            }
            Event::State(vbucket, opaque, state) => {
                request(self, Side::Producer, set_state(*vbucket, *opaque, *state));
            }
            Event::StateAnswered(opaque, status) => {
                respond(self, Side::Consumer, state_answer(*opaque, *status), None);
            }
            Event::MarkerAnswered(opaque) => {
                respond(self, Side::Consumer, marker_answer(*opaque), None);
            }
            Event::Item(vbucket, opaque) => {
                request(self, Side::Producer, mutation(*vbucket, *opaque));
            }
            Event::Start(vbucket) => {
                self.takeovers += usize::from(self.takeover.start(*vbucket, now).is_ok());
            }
            Event::Later(millis) => {
                self.now += Duration::from_millis(*millis);
                self.time_is_up();
            }
            Event::TimeIsUp => {
                let next = [self.streams.next_timeout(), self.takeover.next_timeout()];
                self.now = next.into_iter().flatten().min().unwrap_or(now).max(now);
                self.time_is_up();
            }
        }
        self.check();
    }

    fn time_is_up(&mut self) {
        self.streams.on_timeout(self.now);
        self.takeover.on_timeout(self.now);
        for next in [self.streams.next_timeout(), self.takeover.next_timeout()] {
            assert!(next.is_none_or(|next| next > self.now), "time goes on");
        }
    }

    fn check(&mut self) {
        assert_eq!(
            self.streams.call().is_some(),
            self.streams.next_timeout().is_some()
        );
        while let Some(outcome) = self.streams.poll_outcome() {
            self.calls -= 1;
            let vbuckets: BTreeSet<_> = outcome.errors.iter().map(|error| error.vbucket).collect();
            assert_eq!(vbuckets.len(), outcome.errors.len());
            assert!(outcome.end != CallEnd::Answered || outcome.unanswered == 0);
        }
        assert_eq!(self.calls, usize::from(self.streams.call().is_some()));
        if let Some(outcome) = self.takeover.poll_outcome() {
            self.takeovers -= 1;
            assert!((1..=3).contains(&outcome.tries.len()));
        }
        let is_idle = self.takeover.state() == takeover::State::Idle;
        assert_eq!(is_idle, self.takeover.next_timeout().is_none());
        assert_eq!(self.takeovers, usize::from(!is_idle));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_events_is_too_much(events in vec(event(), 1..120)) {
        let config = takeover::Config { retries: 2, ..takeover::Config::default() };
        let mut both = Both {
            streams: streams_of(1024),
            takeover: Takeover::new(config),
            now: Duration::ZERO,
            sent: Vec::new(),
            calls: 0,
            takeovers: 0,
        };
        for event in &events {
            both.play(event);
        }
        // Every call ends in bounded time when only time goes on.
        let mut timeouts = 0;
        while both.calls + both.takeovers > 0 {
            both.play(&Event::TimeIsUp);
            timeouts += 1;
            assert!(timeouts <= 8);
        }
        assert_eq!(both.streams.poll_send(), None);
        assert_eq!(both.takeover.poll_send(), None);
    }
}
