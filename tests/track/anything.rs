//! Anything at all: what is known is repeated, mixed up, withheld, or made up.

use core::time::Duration;

use std::collections::BTreeSet;

use mcbp::dcp::{DcpRequest, DcpResponse};
use mcbp::track::streams::{CallEnd, State, Streams};
use mcbp::track::takeover::{self, Takeover};
use mcbp::track::{Outgoing, Side, Verdict};
use mcbp::{Status, StreamEndReason, VbucketState};

use super::dice::{Dice, Rolled};
use super::game::{Machines, streams_of};
use super::messages::{
    added, closed, marker_answer, mutation, set_state, state_answer, stream_answer, stream_end,
    stream_request,
};

/// What may happen to a machine, in any order.
#[derive(Debug, Clone)]
pub(crate) enum Event {
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
pub(crate) enum Opaque {
    /// That of one of the last requests, counted from the last.
    Sent(u8),
    Foreign(u32),
}

/// Older requests make no difference.
const LATEST: u64 = 12;

impl Opaque {
    fn any(dice: &mut impl Dice) -> Self {
        match dice.below(LATEST + 2) {
            back @ 0..LATEST => Self::Sent(back as u8),
            _ => Self::Foreign(dice.below(1 << 32) as u32),
        }
    }
}

fn vbucket(dice: &mut impl Dice) -> u16 {
    let vbucket = match dice.below(6) {
        0..4 => dice.below(6),
        4 => dice.below(1024),
        _ => dice.below(1 << 16),
    };
    vbucket as u16
}

fn stream(dice: &mut impl Dice) -> u32 {
    let opaque = match dice.below(10) {
        0 => dice.below(1 << 32),
        small => small,
    };
    opaque as u32
}

fn status(dice: &mut impl Dice) -> Status {
    dice.pick(&[
        Status::SUCCESS,
        Status::KEY_ENOENT,
        Status::SUCCESS,
        Status::KEY_EEXISTS,
        Status::SUCCESS,
        Status::ETMPFAIL,
        Status::SUCCESS,
        Status::EBUSY,
        Status::SUCCESS,
        Status::NOT_MY_VBUCKET,
        Status::SUCCESS,
        Status::ROLLBACK,
    ])
}

fn side(dice: &mut impl Dice) -> Side {
    dice.pick(&[Side::Consumer, Side::Producer])
}

impl Event {
    fn any(dice: &mut impl Dice) -> Self {
        match dice.below(114) {
            0..3 => {
                let count = dice.below(6);
                Self::SetUp((0..count).map(|_| vbucket(dice) % 1024).collect())
            }
            3 => Self::SetUp((0..1024).collect()),
            4..6 => Self::Close(vbucket(dice)),
            6 => Self::Shut,
            7..16 => Self::Send(dice.below(256) as u8),
            16..34 => Self::Added(Opaque::any(dice), status(dice), stream(dice)),
            34..52 => Self::Closed(side(dice), Opaque::any(dice), status(dice)),
            52..64 => Self::Asked(vbucket(dice), stream(dice)),
            64..70 => Self::Answered(stream(dice), status(dice)),
            70..76 => Self::Ended(vbucket(dice), stream(dice)),
            76..85 => {
                let state = dice.pick(VbucketState::NAMED);
                Self::State(vbucket(dice), stream(dice), state)
            }
            85..94 => Self::StateAnswered(stream(dice), status(dice)),
            94..96 => Self::MarkerAnswered(stream(dice)),
            96..98 => Self::Item(vbucket(dice), stream(dice)),
            98..104 => Self::Start(vbucket(dice)),
            104..108 => Self::Later(dice.below(40_000)),
            _ => Self::TimeIsUp,
        }
    }
}

/// As many events as there are bytes for.
pub(crate) fn events(mut dice: Rolled<'_>) -> Vec<Event> {
    let mut events = Vec::new();
    while !dice.is_empty() {
        events.push(Event::any(&mut dice));
    }
    events
}

/// No order of events makes a machine forget a call or a takeover, keep a foreign packet, pass its
/// own on, or wait for ever.
pub(crate) fn suffer(machines: Machines, events: &[Event]) {
    let config = takeover::Config {
        retries: 2,
        ..takeover::Config::default()
    };
    let mut shown = Shown {
        streams: machines.streams().then(|| streams_of(1024)),
        takeover: machines.takeover().then(|| Takeover::new(config)),
        now: Duration::ZERO,
        sent: Vec::new(),
        calls: 0,
        takeovers: 0,
    };
    for event in events {
        shown.play(event);
    }
    // Every call ends in bounded time when only time goes on.
    let mut timeouts = 0;
    while shown.calls + shown.takeovers > 0 {
        shown.play(&Event::TimeIsUp);
        timeouts += 1;
        assert!(timeouts <= 8);
    }
    assert_eq!(shown.poll_send(), None);
}

/// The machines, shown the same events.
struct Shown {
    streams: Option<Streams>,
    takeover: Option<Takeover>,
    now: Duration,
    sent: Vec<u32>,
    calls: usize,
    takeovers: usize,
}

impl Shown {
    fn opaque(&self, opaque: &Opaque) -> u32 {
        match *opaque {
            Opaque::Sent(back) => {
                let mut latest = self.sent.iter().rev().take(LATEST as usize).cycle();
                latest.nth(back.into()).copied().unwrap_or(7)
            }
            Opaque::Foreign(opaque) => opaque,
        }
    }

    fn poll_send(&mut self) -> Option<Outgoing> {
        let streams = self.streams.as_mut().and_then(Streams::poll_send);
        streams.or_else(|| self.takeover.as_mut().and_then(Takeover::poll_send))
    }

    fn send(&mut self, most: usize) {
        for _ in 0..most {
            let Some(Outgoing { to, request }) = self.poll_send() else {
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
            if is_of_takeover(opaque) {
                let takeover = self.takeover.as_ref().expect("who else");
                assert_ne!(takeover.state(), takeover::State::Idle);
            } else {
                let streams = self.streams.as_ref().expect("who else");
                let state = streams.state(vbucket);
                assert!(matches!(state, Some(State::Adding | State::Closing)));
                assert!(streams.call().is_some());
            }
            self.sent.push(opaque);
        }
    }

    fn request(&mut self, from: Side, request: &DcpRequest<'_>) {
        if let Some(streams) = &mut self.streams {
            let was_shut = streams.is_shut();
            let verdict = streams.on_request(from, request).unwrap();
            assert!(!was_shut || verdict == Verdict::Keep);
        }
        if let Some(takeover) = &mut self.takeover {
            let verdict = takeover.on_request(from, request, self.now).unwrap();
            let is_end = matches!(request, DcpRequest::StreamEnd(_));
            assert!(!is_end || verdict == Verdict::Pass);
        }
    }

    /// What answers a machine is kept, and what answers none is none of its business.
    fn answer(&mut self, from: Side, opaque: u32, response: &DcpResponse<'_>) {
        let is_known = self.sent.contains(&opaque);
        if let Some(streams) = &mut self.streams {
            let verdict = streams.on_response(from, response);
            if is_of_takeover(opaque) {
                assert!(verdict.is_err() || streams.is_shut());
            } else {
                assert!(!is_known || verdict != Ok(Verdict::Pass));
            }
        }
        if let Some(takeover) = &mut self.takeover {
            let verdict = takeover.on_response(from, response, self.now);
            if is_of_takeover(opaque) {
                assert!(!is_known || verdict != Ok(Verdict::Pass));
            } else {
                assert!(verdict.is_err());
            }
        }
    }

    /// An answer between the servers.
    fn respond(&mut self, from: Side, response: &DcpResponse<'_>) {
        if let Some(streams) = &mut self.streams {
            assert!(streams.on_response(from, response).is_ok());
        }
        if let Some(takeover) = &mut self.takeover {
            assert!(takeover.on_response(from, response, self.now).is_ok());
        }
    }

    fn play(&mut self, event: &Event) {
        let now = self.now;
        match event {
            Event::SetUp(vbuckets) => {
                let called = self.streams.as_mut().map(|it| it.set_up(vbuckets, now));
                self.calls += usize::from(called.is_some_and(|called| called.is_ok()));
            }
            Event::Close(vbucket) => {
                let called = self.streams.as_mut().map(|it| it.close(*vbucket, now));
                self.calls += usize::from(called.is_some_and(|called| called.is_ok()));
            }
            Event::Shut => {
                let called = self.streams.as_mut().map(|it| it.shut(now));
                self.calls += usize::from(called.is_some_and(|called| called.is_ok()));
            }
            Event::Send(most) => self.send(usize::from(*most)),
            Event::Added(opaque, status, stream) => {
                let opaque = self.opaque(opaque);
                let answer = added(opaque, *status, Some(*stream));
                self.answer(Side::Consumer, opaque, &answer);
            }
            Event::Closed(by, opaque, status) => {
                let opaque = self.opaque(opaque);
                self.answer(*by, opaque, &closed(opaque, *status));
            }
            Event::Asked(vbucket, opaque) => {
                self.request(Side::Consumer, &stream_request(*vbucket, *opaque));
            }
            Event::Answered(opaque, status) => {
                self.respond(Side::Producer, &stream_answer(*opaque, *status));
            }
            Event::Ended(vbucket, opaque) => {
                let end = stream_end(*vbucket, *opaque, StreamEndReason::OK);
                self.request(Side::Producer, &end);
            }
            Event::State(vbucket, opaque, state) => {
                self.request(Side::Producer, &set_state(*vbucket, *opaque, *state));
            }
            Event::StateAnswered(opaque, status) => {
                self.respond(Side::Consumer, &state_answer(*opaque, *status));
            }
            Event::MarkerAnswered(opaque) => {
                self.respond(Side::Consumer, &marker_answer(*opaque));
            }
            Event::Item(vbucket, opaque) => {
                self.request(Side::Producer, &mutation(*vbucket, *opaque));
            }
            Event::Start(vbucket) => {
                let started = self.takeover.as_mut().map(|it| it.start(*vbucket, now));
                self.takeovers += usize::from(started.is_some_and(|started| started.is_ok()));
            }
            Event::Later(millis) => {
                self.now += Duration::from_millis(*millis);
                self.time_is_up();
            }
            Event::TimeIsUp => {
                self.now = self.timeouts().min().unwrap_or(now).max(now);
                self.time_is_up();
            }
        }
        self.check();
    }

    fn timeouts(&self) -> impl Iterator<Item = Duration> {
        let streams = self.streams.as_ref().and_then(Streams::next_timeout);
        let takeover = self.takeover.as_ref().and_then(Takeover::next_timeout);
        streams.into_iter().chain(takeover)
    }

    fn time_is_up(&mut self) {
        if let Some(streams) = &mut self.streams {
            streams.on_timeout(self.now);
        }
        if let Some(takeover) = &mut self.takeover {
            takeover.on_timeout(self.now);
        }
        assert!(self.timeouts().all(|next| next > self.now), "time goes on");
    }

    fn check(&mut self) {
        if let Some(streams) = &mut self.streams {
            assert_eq!(streams.call().is_some(), streams.next_timeout().is_some());
            while let Some(outcome) = streams.poll_outcome() {
                self.calls -= 1;
                let vbuckets = outcome.errors.iter().map(|error| error.vbucket);
                let vbuckets: BTreeSet<_> = vbuckets.collect();
                assert_eq!(vbuckets.len(), outcome.errors.len());
                assert!(outcome.end != CallEnd::Answered || outcome.unanswered == 0);
            }
            assert_eq!(self.calls, usize::from(streams.call().is_some()));
        }
        if let Some(takeover) = &mut self.takeover {
            if let Some(outcome) = takeover.poll_outcome() {
                self.takeovers -= 1;
                assert!((1..=3).contains(&outcome.tries.len()));
            }
            let is_idle = takeover.state() == takeover::State::Idle;
            assert_eq!(is_idle, takeover.next_timeout().is_none());
            assert_eq!(self.takeovers, usize::from(!is_idle));
        }
    }
}

/// A takeover's own requests have the highest bit of their opaques set, those of streams do not.
fn is_of_takeover(opaque: u32) -> bool {
    opaque >> 31 == 1
}
