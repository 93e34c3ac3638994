//! Takeovers and their retries.

use core::time::Duration;

use mcbp::dcp::DcpRequest;
use mcbp::track::takeover::{Config, Failure, StartRefused, State, Takeover, TakeoverError};
use mcbp::track::{Side, Verdict, Violation, agree};
use mcbp::{Status, StreamEndReason, StreamFlags, VbucketState};

use crate::messages::{
    added, closed, marker_answer, mutation, set_state, state_answer, stream_answer, stream_end,
    stream_request,
};
use crate::table;

const VBUCKET: u16 = 5;
const START: Duration = Duration::from_secs(100);
const FIRST: u32 = 0x0100_0000;
const SECOND: u32 = 0x0200_0000;
const OTHER: u32 = 0x7700_0000;

type Seen = Result<Verdict, Violation>;
const PASS: Seen = Ok(Verdict::Pass);
const KEEP: Seen = Ok(Verdict::Keep);

fn config() -> Config {
    Config {
        retries: 2,
        first_pause: Duration::from_secs(1),
        longest_pause: Duration::from_secs(3),
        timeout: Duration::from_secs(600),
        grace: Duration::from_secs(2),
        close_timeout: Duration::from_secs(10),
        ..Config::default()
    }
}

/// A takeover, and the opaques of what it has sent last.
#[derive(Clone)]
struct Rig {
    takeover: Takeover,
    now: Duration,
    add: u32,
    close_consumer: u32,
    close_producer: u32,
}

impl Rig {
    fn new() -> Self {
        Self {
            takeover: Takeover::new(config()),
            now: START,
            add: 0,
            close_consumer: 0,
            close_producer: 0,
        }
    }

    fn sends(&mut self) -> String {
        let mut letters = String::new();
        while let Some(outgoing) = self.takeover.poll_send() {
            let (letter, vbucket) = match (outgoing.to, outgoing.request) {
                (Side::Consumer, DcpRequest::AddStream(request)) => {
                    assert_eq!(request.message.flags, StreamFlags::TAKE_OVER);
                    assert_ne!(self.add, request.opaque);
                    self.add = request.opaque;
                    ('a', request.vbucket)
                }
                (Side::Consumer, DcpRequest::CloseStream(request)) => {
                    self.close_consumer = request.opaque;
                    ('c', request.vbucket)
                }
                (Side::Producer, DcpRequest::CloseStream(request)) => {
                    self.close_producer = request.opaque;
                    ('p', request.vbucket)
                }
                other => panic!("{other:?}"),
            };
            assert_eq!(vbucket, VBUCKET);
            letters.push(letter);
        }
        letters
    }

    fn start(&mut self) {
        self.takeover.start(VBUCKET, self.now).unwrap();
        assert_eq!(self.sends(), "a");
    }

    fn on_stream_request(&mut self, opaque: u32) -> Seen {
        let request = stream_request(VBUCKET, opaque);
        self.takeover.on_request(Side::Consumer, &request, self.now)
    }

    fn on_stream_answer(&mut self, opaque: u32, status: Status) -> Seen {
        let answer = stream_answer(opaque, status);
        self.takeover.on_response(Side::Producer, &answer, self.now)
    }

    fn on_added(&mut self, status: Status) -> Seen {
        let answer = added(self.add, status, Some(FIRST));
        self.takeover.on_response(Side::Consumer, &answer, self.now)
    }

    fn on_set_state(&mut self, opaque: u32, state: VbucketState) -> Seen {
        let set = set_state(VBUCKET, opaque, state);
        self.takeover.on_request(Side::Producer, &set, self.now)
    }

    fn on_state_answer(&mut self, opaque: u32, status: Status) -> Seen {
        let answer = state_answer(opaque, status);
        self.takeover.on_response(Side::Consumer, &answer, self.now)
    }

    fn on_stream_end(&mut self, opaque: u32, reason: StreamEndReason) -> Seen {
        let end = stream_end(VBUCKET, opaque, reason);
        self.takeover.on_request(Side::Producer, &end, self.now)
    }

    fn on_closed(&mut self, by: Side, status: Status) -> Seen {
        let opaque = match by {
            Side::Consumer => self.close_consumer,
            Side::Producer => self.close_producer,
        };
        self.takeover
            .on_response(by, &closed(opaque, status), self.now)
    }

    fn time_is_up(&mut self) {
        if let Some(deadline) = self.takeover.next_timeout() {
            self.now = deadline;
        }
        self.takeover.on_timeout(self.now);
    }

    fn result(&mut self) -> Option<Result<(), TakeoverError>> {
        let outcome = self.takeover.poll_outcome()?;
        assert_eq!(outcome.vbucket, VBUCKET);
        let result = outcome.result;
        assert_eq!(self.takeover.state(), State::Idle);
        assert_eq!(self.takeover.next_timeout(), None);
        Some(result)
    }

    fn activate(&mut self, opaque: u32) {
        for state in [VbucketState::PENDING, VbucketState::ACTIVE] {
            assert_eq!(self.on_set_state(opaque, state), PASS);
            assert_eq!(self.on_state_answer(opaque, Status::SUCCESS), PASS);
        }
    }

    /// The first try, of three, is so far; its stream is `FIRST`.
    fn at(state: State) -> Self {
        let mut rig = Self::new();
        rig.start();
        if state != State::Requested {
            assert_eq!(rig.on_stream_request(FIRST), PASS);
        }
        match state {
            State::Requested | State::Streaming => {}
            State::Idle => {
                assert_eq!(rig.on_added(Status::SUCCESS), KEEP);
                rig.activate(FIRST);
                assert_eq!(rig.result(), Some(Ok(())));
            }
            State::Acknowledged => assert_eq!(rig.on_added(Status::SUCCESS), KEEP),
            State::Active => rig.activate(FIRST),
            State::Ended => assert_eq!(rig.on_stream_end(FIRST, StreamEndReason::SLOW), PASS),
            State::Closing => {
                assert_eq!(rig.on_added(Status::EBUSY), KEEP);
                assert_eq!(rig.sends(), "cp");
            }
            State::Pausing => {
                assert_eq!(rig.on_stream_answer(FIRST, Status::ETMPFAIL), PASS);
                assert_eq!(rig.on_added(Status::ETMPFAIL), KEEP);
            }
        }
        assert_eq!(rig.takeover.state(), state);
        rig
    }

    fn play(&mut self, event: &str) -> Vec<Seen> {
        let answered = |rig: &mut Self, state, status| {
            // What the producer had said before is not what the row is about.
            let _ = rig.on_set_state(FIRST, state);
            vec![rig.on_state_answer(FIRST, status)]
        };
        match event {
            "consumer: `STREAM_REQ`, new" => vec![self.on_stream_request(FIRST)],
            "consumer: `ADD_STREAM` success" => vec![self.on_added(Status::SUCCESS)],
            "consumer: `ADD_STREAM` try later" => vec![self.on_added(Status::ETMPFAIL)],
            "consumer: `ADD_STREAM` refused" => vec![self.on_added(Status::NOT_MY_VBUCKET)],
            "producer: `STREAM_REQ` refused" => vec![self.on_stream_answer(FIRST, Status::ERANGE)],
            "producer: `SET_VBUCKET_STATE`" => {
                vec![self.on_set_state(FIRST, VbucketState::PENDING)]
            }
            "consumer: active answered, success" => {
                answered(self, VbucketState::ACTIVE, Status::SUCCESS)
            }
            "consumer: active answered, error" => {
                answered(self, VbucketState::ACTIVE, Status::EINVAL)
            }
            "consumer: pending answered" => answered(self, VbucketState::PENDING, Status::SUCCESS),
            "producer: `STREAM_END`" => vec![self.on_stream_end(FIRST, StreamEndReason::OK)],
            "producer: `STREAM_END`, other opaque" => {
                vec![self.on_stream_end(OTHER, StreamEndReason::OK)]
            }
            "both: `CLOSE_STREAM` closed" => vec![
                self.on_closed(Side::Consumer, Status::DCP_STREAM_NOT_FOUND),
                self.on_closed(Side::Producer, Status::KEY_ENOENT),
            ],
            "one: `CLOSE_STREAM` refused" => vec![self.on_closed(Side::Producer, Status::EINVAL)],
            "time is up" => {
                self.time_is_up();
                Vec::new()
            }
            other => panic!("{other}"),
        }
    }
}

const STATES: [State; 8] = [
    State::Idle,
    State::Requested,
    State::Streaming,
    State::Acknowledged,
    State::Active,
    State::Ended,
    State::Closing,
    State::Pausing,
];

#[test]
fn the_table_is_true() {
    let rows = table::read(include_str!("../../src/track/takeover.rs"));
    assert_eq!(rows.len(), 14);
    for row in &rows {
        for ((name, cell), state) in row.cells.iter().zip(STATES) {
            let case = format!("{} in {state:?}", row.event);
            assert_eq!(*name, format!("{state:?}"));
            let has_failed = matches!(state, State::Closing | State::Pausing);
            let verdict = match row.verdict.as_str() {
                "pass" => PASS,
                "keep" | "" => KEEP,
                "1" if has_failed || state == State::Ended => KEEP,
                "2" if has_failed => KEEP,
                "3" if has_failed || matches!(state, State::Requested | State::Ended) => KEEP,
                _ => PASS,
            };
            let mut rig = Rig::at(state);
            if row.event.contains("CLOSE") && state != State::Closing {
                // An answer to what was asked about a try before; here there is none.
                rig.close_consumer = rig.add;
                rig.close_producer = rig.add;
            }
            assert!(
                rig.play(&row.event).iter().all(|seen| *seen == verdict),
                "{case}"
            );
            let expected = cell.state.as_ref().unwrap_or(name);
            assert_eq!(format!("{:?}", rig.takeover.state()), *expected, "{case}");
            assert_eq!(rig.sends(), cell.sends, "{case}");
            let sign = match rig.result() {
                None => "",
                Some(Ok(())) => "✓",
                Some(Err(_)) => "✗",
            };
            assert_eq!(sign, cell.signs, "{case}");
        }
    }
}

#[test]
fn the_last_try_ends_it() {
    let mut rig = Rig::new();
    rig.start();
    for pause in [1, 2] {
        assert_eq!(rig.on_added(Status::ETMPFAIL), KEEP);
        assert_eq!(rig.takeover.state(), State::Pausing);
        let until = rig.now + Duration::from_secs(pause);
        assert_eq!(rig.takeover.next_timeout(), Some(until));
        rig.takeover.on_timeout(until - Duration::from_nanos(1));
        assert_eq!(rig.sends(), "");
        rig.time_is_up();
        assert_eq!(rig.sends(), "a");
    }
    // The stream of the last one may be open: it is closed before the outcome.
    assert_eq!(rig.on_stream_request(FIRST), PASS);
    assert_eq!(rig.on_added(Status::EBUSY), KEEP);
    assert_eq!(
        (rig.takeover.state(), rig.sends()),
        (State::Closing, "cp".into())
    );
    assert_eq!(rig.result(), None);
    rig.play("both: `CLOSE_STREAM` closed");
    assert_eq!(rig.result(), Some(Err(TakeoverError::Exhausted)));
    let failures = rig.takeover.tries().iter().map(|one| one.failure);
    let expected = [Status::ETMPFAIL, Status::ETMPFAIL, Status::EBUSY];
    assert!(failures.eq(expected.map(|status| Some(Failure::Refused(status)))));
    let opaques = rig.takeover.tries().iter().map(|one| one.opaque);
    assert!(opaques.eq([0x8001_0005, 0x8002_0005, 0x8003_0005]));
    let streams = rig.takeover.tries().iter().map(|one| one.stream_opaque);
    assert!(streams.eq([None, None, Some(FIRST)]));
}

#[test]
fn a_try_is_as_large_as_it_is_said_to_be() {
    assert_eq!(size_of::<mcbp::track::takeover::Try>(), 48);
}

#[test]
fn pauses_grow_to_the_longest() {
    let mut rig = Rig::new();
    rig.takeover = Takeover::new(Config {
        retries: u8::MAX,
        ..config()
    });
    rig.start();
    let mut pauses = Vec::new();
    while rig.takeover.state() != State::Idle {
        assert_eq!(rig.on_added(Status::ETMPFAIL), KEEP);
        if let Some(until) = rig.takeover.next_timeout() {
            pauses.push((until - rig.now).as_secs());
        }
        rig.time_is_up();
        rig.sends();
    }
    assert_eq!(pauses[..4], [1, 2, 3, 3]);
    assert_eq!(pauses.len(), 255);
    assert_eq!(rig.takeover.tries().len(), 256);
}

#[test]
fn each_failure_has_its_own_outcome() {
    let refused = Failure::Refused(Status::NOT_MY_VBUCKET);
    let ended = |reason| Failure::Ended {
        opaque: FIRST,
        reason,
    };
    for (state, event, failure) in [
        (State::Requested, "consumer: `ADD_STREAM` refused", refused),
        (State::Streaming, "consumer: `ADD_STREAM` refused", refused),
        (State::Active, "consumer: `ADD_STREAM` refused", refused),
        (
            State::Active,
            "consumer: `ADD_STREAM` try later",
            Failure::Refused(Status::ETMPFAIL),
        ),
        (State::Ended, "consumer: `ADD_STREAM` refused", refused),
        (
            State::Ended,
            "consumer: `ADD_STREAM` success",
            ended(StreamEndReason::SLOW),
        ),
        (State::Ended, "time is up", ended(StreamEndReason::SLOW)),
        (
            State::Acknowledged,
            "producer: `STREAM_END`",
            ended(StreamEndReason::OK),
        ),
        (
            State::Acknowledged,
            "consumer: active answered, error",
            Failure::NotActivated(Status::EINVAL),
        ),
        (State::Requested, "time is up", Failure::TimedOut),
        (State::Streaming, "time is up", Failure::TimedOut),
        (State::Acknowledged, "time is up", Failure::TimedOut),
        (State::Active, "time is up", Failure::TimedOut),
    ] {
        // Whether the stream can then be closed or not.
        for closing in [
            "both: `CLOSE_STREAM` closed",
            "one: `CLOSE_STREAM` refused",
            "time is up",
            "producer: `STREAM_END`",
        ] {
            let case = format!("{event} in {state:?}, then {closing}");
            let mut rig = Rig::at(state);
            rig.play(event);
            let sent = rig.sends();
            assert_eq!(
                rig.takeover.state() == State::Closing,
                !sent.is_empty(),
                "{case}"
            );
            if sent == "c" {
                // There is no stream yet that could end, and nothing that the producer could say.
                assert_eq!(rig.on_closed(Side::Consumer, Status::KEY_ENOENT), KEEP);
            } else if !sent.is_empty() {
                assert_eq!(rig.takeover.poll_outcome(), None, "{case}");
                rig.play(closing);
            }
            assert_eq!(
                rig.result(),
                Some(Err(TakeoverError::Failed(failure))),
                "{case}"
            );
            let [only] = rig.takeover.tries() else {
                panic!("{case}")
            };
            assert_eq!(only.failure, Some(failure), "{case}");
            assert_eq!(only.activated, state == State::Active, "{case}");
        }
    }
}

#[test]
fn a_failed_try_that_cannot_be_closed_is_not_followed_by_another() {
    let mut rig = Rig::at(State::Closing);
    assert_eq!(rig.on_closed(Side::Consumer, Status::SUCCESS), KEEP);
    assert_eq!(
        rig.takeover.state(),
        State::Closing,
        "the producer has not answered"
    );
    assert_eq!(rig.on_closed(Side::Producer, Status::EINTERNAL), KEEP);
    let error = TakeoverError::NotClosed {
        status: Some(Status::EINTERNAL),
    };
    assert_eq!(rig.result(), Some(Err(error)));
    let mut rig = Rig::at(State::Closing);
    rig.time_is_up();
    assert_eq!(
        rig.result(),
        Some(Err(TakeoverError::NotClosed { status: None }))
    );
}

#[test]
fn a_try_that_was_not_sent_has_no_stream() {
    let mut rig = Rig::new();
    rig.takeover.start(VBUCKET, rig.now).unwrap();
    assert_eq!(rig.on_stream_request(FIRST), KEEP);
    assert_eq!(rig.takeover.state(), State::Requested);
    rig.time_is_up();
    let error = TakeoverError::Failed(Failure::TimedOut);
    assert_eq!(rig.result(), Some(Err(error)), "there is nothing to close");
    assert_eq!(rig.sends(), "");
}

#[test]
fn an_end_after_activation_waits_for_the_acknowledgement_but_not_for_ever() {
    let refused = TakeoverError::Failed(Failure::Refused(Status::ETMPFAIL));
    for (event, result) in [
        ("consumer: `ADD_STREAM` success", Ok(())),
        ("time is up", Ok(())),
        ("consumer: `ADD_STREAM` try later", Err(refused)),
    ] {
        let mut rig = Rig::at(State::Active);
        assert_eq!(rig.on_stream_end(FIRST, StreamEndReason::OK), PASS);
        assert_eq!((rig.takeover.state(), rig.result()), (State::Ended, None));
        rig.play(event);
        assert_eq!(rig.result(), Some(result));
        assert!(rig.takeover.tries()[0].activated);
    }
}

#[test]
fn the_end_of_a_stream_and_the_wish_to_try_later_come_in_either_order() {
    for end_first in [false, true] {
        let mut rig = Rig::at(State::Streaming);
        if end_first {
            assert_eq!(rig.on_stream_end(FIRST, StreamEndReason::CLOSED), PASS);
            assert_eq!(rig.takeover.next_timeout(), Some(START + config().grace));
        }
        assert_eq!(rig.on_added(Status::ETMPFAIL), KEEP);
        if !end_first {
            // CLOSE_STREAM was not even sent.
            assert_eq!(rig.on_stream_end(FIRST, StreamEndReason::CLOSED), PASS);
        }
        assert_eq!(
            (rig.takeover.state(), rig.sends()),
            (State::Pausing, String::new())
        );
    }
}

#[test]
fn answers_to_states_are_counted() {
    let mut rig = Rig::at(State::Acknowledged);
    // An answer to nothing; two states before the first answer.
    assert_eq!(rig.on_state_answer(FIRST, Status::SUCCESS), PASS);
    assert_eq!(rig.on_set_state(FIRST, VbucketState::PENDING), PASS);
    assert_eq!(rig.on_set_state(FIRST, VbucketState::ACTIVE), PASS);
    assert_eq!(rig.on_state_answer(FIRST, Status::SUCCESS), PASS);
    assert_eq!(rig.result(), None, "that was for the first");
    assert_eq!(rig.on_state_answer(FIRST, Status::SUCCESS), PASS);
    assert_eq!(rig.result(), Some(Ok(())));
}

#[test]
fn one_at_a_time() {
    let mut rig = Rig::new();
    assert_eq!(rig.takeover.next_timeout(), None);
    rig.start();
    assert_eq!(rig.takeover.start(6, START), Err(StartRefused::Busy));
    assert_eq!(rig.on_added(Status::ERANGE), KEEP);
    let refused = Err(StartRefused::OutcomeWaiting);
    assert_eq!(rig.takeover.start(6, START), refused);
    rig.result().unwrap().unwrap_err();
    let stale = rig.add;
    rig.takeover.start(6, START).unwrap();
    let outgoing = rig.takeover.poll_send().unwrap();
    assert!(matches!(outgoing.request, DcpRequest::AddStream(add) if add.opaque == 0x8002_0006));
    // The right number about the vbucket before.
    for opaque in [stale, 0x8002_0005] {
        let answer = added(opaque, Status::SUCCESS, Some(FIRST));
        assert_eq!(
            rig.takeover.on_response(Side::Consumer, &answer, START),
            KEEP
        );
        assert_eq!(rig.takeover.state(), State::Requested);
    }
}

#[test]
fn what_is_no_business_of_the_machine_passes() {
    for state in STATES {
        let mut rig = Rig::at(state);
        let now = rig.now;
        for request in [
            stream_request(6, OTHER),
            set_state(6, OTHER, VbucketState::ACTIVE),
            stream_end(6, FIRST, StreamEndReason::OK),
            mutation(VBUCKET, FIRST),
        ] {
            for from in [Side::Consumer, Side::Producer] {
                assert_eq!(rig.takeover.on_request(from, &request, now), PASS);
            }
        }
        for answer in [state_answer(OTHER, Status::SUCCESS), marker_answer(OTHER)] {
            assert_eq!(rig.takeover.on_response(Side::Consumer, &answer, now), PASS);
        }
        assert_eq!(rig.takeover.state(), state);
    }
}

#[test]
fn both_machines_on_one_connection() {
    use mcbp::track::streams;
    let mut rig = Rig::new();
    rig.start();
    let mut streams = streams::Streams::new(streams::Config::default());
    streams.set_up(&[6], START).unwrap();
    streams.poll_send().unwrap();
    let streams_add = 0x0001_0006;
    for (opaque, known) in [
        (rig.add, true),
        (streams_add, true),
        (7, false),
        (0x8000_0007, false),
    ] {
        let answer = added(opaque, Status::SUCCESS, Some(FIRST));
        let one = streams.on_response(Side::Consumer, &answer);
        let other = rig.takeover.on_response(Side::Consumer, &answer, START);
        assert_eq!(agree(one, other).ok(), known.then_some(Verdict::Keep));
    }
    assert!(streams.poll_outcome().unwrap().is_success());
    assert_eq!(rig.takeover.state(), State::Acknowledged);
    let request = stream_request(VBUCKET, SECOND);
    let one = streams.on_request(Side::Consumer, &request);
    let other = rig.takeover.on_request(Side::Consumer, &request, START);
    assert_eq!(agree(one, other), PASS);
}

#[test]
fn nothing_is_begun_over_a_stream_that_may_be_open() {
    for (events, is_known_to_be_closed) in [
        (&["both: `CLOSE_STREAM` closed"][..], true),
        (&["producer: `STREAM_END`"], true),
        (&["producer: `STREAM_END`, other opaque"], false),
        (&["one: `CLOSE_STREAM` refused"], false),
        (
            &["one: `CLOSE_STREAM` refused", "both: `CLOSE_STREAM` closed"],
            false,
        ),
        (&[], false),
    ] {
        let mut rig = Rig::at(State::Closing);
        rig.time_is_up();
        rig.result().unwrap().unwrap_err();
        for event in events {
            rig.play(event);
        }
        assert_eq!((rig.result(), rig.sends()), (None, String::new()));
        let begun = rig.takeover.start(VBUCKET, rig.now);
        let expected = is_known_to_be_closed
            .then_some(())
            .ok_or(StartRefused::NotClosed);
        assert_eq!(begun, expected, "{events:?}");
    }
}
