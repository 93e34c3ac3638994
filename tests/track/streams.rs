//! The set-up of streams.

use core::time::Duration;

use mcbp::dcp::{DcpRequest, DcpResponse};
use mcbp::track::streams::{
    Call, CallEnd, CallRefused, Config, Failure, State, StreamError, Streams,
};
use mcbp::track::{Outgoing, Side, Verdict, Violation};
use mcbp::{Opcode, Status, StreamEndReason, StreamFlags};

use crate::messages::{added, closed, mutation, stream_answer, stream_end, stream_request};
use crate::table;

const START: Duration = Duration::from_secs(100);
const TIMEOUT: Duration = Duration::from_secs(60);
const CONFIG: Config = Config {
    vbuckets: 8,
    timeout: TIMEOUT,
    flags: StreamFlags::empty(),
};

/// The streams, and what they have sent.
struct Rig {
    streams: Streams,
    sent: Vec<Outgoing>,
}

/// What became of a packet.
type Seen = Result<Verdict, Violation>;
const PASS: Seen = Ok(Verdict::Pass);
const KEEP: Seen = Ok(Verdict::Keep);

impl Rig {
    fn new() -> Self {
        Self {
            streams: Streams::new(CONFIG),
            sent: Vec::new(),
        }
    }

    /// What is sent now, in letters: a, c, p; about the vbucket.
    fn sends(&mut self, vbucket: u16) -> String {
        let before = self.sent.len();
        while let Some(outgoing) = self.streams.poll_send() {
            self.sent.push(outgoing);
        }
        let news = self.sent[before..].iter();
        news.filter(|outgoing| about(outgoing).0 == vbucket)
            .map(|outgoing| match (outgoing.to, outgoing.request) {
                (Side::Consumer, DcpRequest::AddStream(_)) => 'a',
                (Side::Consumer, DcpRequest::CloseStream(_)) => 'c',
                (Side::Producer, DcpRequest::CloseStream(_)) => 'p',
                other => panic!("{other:?}"),
            })
            .collect()
    }

    /// The opaque of the last request of this kind about the vbucket.
    fn last(&self, kind: char, vbucket: u16) -> u32 {
        let is_it = |outgoing: &&Outgoing| {
            about(outgoing).0 == vbucket
                && (outgoing.to == Side::Producer) == (kind == 'p')
                && matches!(outgoing.request, DcpRequest::AddStream(_)) == (kind == 'a')
        };
        let outgoing = self.sent.iter().rfind(is_it).expect("it was sent");
        about(outgoing).1
    }

    fn set_up(&mut self, vbuckets: &[u16]) {
        self.streams.set_up(vbuckets, START).unwrap();
        self.sends(0);
    }

    fn on_added(&mut self, vbucket: u16, status: Status) -> Seen {
        let answer = added(self.last('a', vbucket), status, Some(0x0bad));
        self.streams.on_response(Side::Consumer, &answer)
    }

    fn on_closed(&mut self, by: Side, vbucket: u16, status: Status) -> Seen {
        let kind = if by == Side::Consumer { 'c' } else { 'p' };
        let answer = closed(self.last(kind, vbucket), status);
        self.streams.on_response(by, &answer)
    }

    fn on_stream_request(&mut self, vbucket: u16, opaque: u32) -> Seen {
        let request = stream_request(vbucket, opaque);
        self.streams.on_request(Side::Consumer, &request)
    }

    fn on_stream_end(&mut self, vbucket: u16, opaque: u32) -> Seen {
        let end = stream_end(vbucket, opaque, StreamEndReason::STATE_CHANGED);
        self.streams.on_request(Side::Producer, &end)
    }

    fn open(&mut self, vbucket: u16, opaque: u32) {
        assert_eq!(self.on_stream_request(vbucket, opaque), PASS);
        assert_eq!(self.on_added(vbucket, Status::SUCCESS), KEEP);
        assert_eq!(self.streams.state(vbucket), Some(State::Open));
        assert_eq!(self.streams.stream_opaque(vbucket), Some(opaque));
    }

    /// The outcome: the call, what ended it, the errors.
    fn outcome(&mut self) -> Option<(Call, CallEnd, Vec<StreamError>)> {
        let outcome = self.streams.poll_outcome()?;
        Some((outcome.call, outcome.end, outcome.errors.to_vec()))
    }

    fn assert_success(&mut self, call: Call) {
        assert_eq!(self.outcome(), Some((call, CallEnd::Answered, Vec::new())));
        assert_eq!(self.streams.next_timeout(), None);
    }

    /// Vbucket 1 had the stream `OLD` once, is in this state, with the stream `CURRENT` if there
    /// is one, and part of a set-up that waits for vbucket 2.
    fn during(state: State) -> Self {
        let mut rig = Self::new();
        rig.set_up(&[1]);
        rig.open(1, OLD);
        rig.assert_success(Call::SetUp);
        rig.set_up(&[]);
        for by in [Side::Consumer, Side::Producer] {
            assert_eq!(rig.on_closed(by, 1, Status::SUCCESS), KEEP);
        }
        rig.assert_success(Call::SetUp);
        match state {
            State::Closed => rig.set_up(&[2]),
            State::Adding => {
                rig.set_up(&[1, 2]);
                assert_eq!(rig.on_stream_request(1, CURRENT), PASS);
            }
            State::Open => {
                rig.set_up(&[1, 2]);
                rig.open(1, CURRENT);
            }
            State::Closing | State::Unsure => {
                rig.set_up(&[1]);
                rig.open(1, CURRENT);
                rig.assert_success(Call::SetUp);
                rig.set_up(&[2]);
            }
        }
        if state == State::Unsure {
            assert_eq!(rig.on_closed(Side::Producer, 1, Status::SUCCESS), KEEP);
            assert_eq!(rig.on_closed(Side::Consumer, 1, Status::EINTERNAL), KEEP);
        }
        assert_eq!(rig.streams.state(1), Some(state));
        rig
    }

    /// The same, when that set-up is over.
    fn idle(state: State) -> Self {
        let mut rig = Self::during(state);
        rig.streams.on_timeout(START + TIMEOUT);
        rig.outcome().unwrap();
        assert_eq!(rig.streams.state(1), Some(state));
        rig
    }

    /// What the packets of an event become.
    fn play(&mut self, event: &str) -> Vec<Seen> {
        match event {
            "consumer: `STREAM_REQ`" => vec![self.on_stream_request(1, NEXT)],
            "consumer: `ADD_STREAM` success" => vec![self.on_added(1, Status::SUCCESS)],
            "consumer: `ADD_STREAM` KEY_EEXISTS" => vec![self.on_added(1, Status::KEY_EEXISTS)],
            "consumer: `ADD_STREAM` error" => vec![self.on_added(1, Status::ETMPFAIL)],
            "producer: `STREAM_END`" => vec![self.on_stream_end(1, CURRENT)],
            "producer: `STREAM_END`, other opaque" => vec![self.on_stream_end(1, OLD)],
            "both: `CLOSE_STREAM` closed" => vec![
                self.on_closed(Side::Producer, 1, Status::KEY_ENOENT),
                self.on_closed(Side::Consumer, 1, Status::DCP_STREAM_NOT_FOUND),
            ],
            "both: `CLOSE_STREAM`, one refuses" => vec![
                self.on_closed(Side::Consumer, 1, Status::SUCCESS),
                self.on_closed(Side::Producer, 1, Status::EINVAL),
            ],
            "one: `CLOSE_STREAM` closed" => {
                vec![self.on_closed(Side::Consumer, 1, Status::SUCCESS)]
            }
            "time is up" => {
                self.streams.on_timeout(START + TIMEOUT);
                Vec::new()
            }
            other => panic!("{other}"),
        }
    }
}

fn about(outgoing: &Outgoing) -> (u16, u32) {
    match outgoing.request {
        DcpRequest::AddStream(request) => (request.vbucket, request.opaque),
        DcpRequest::CloseStream(request) => (request.vbucket, request.opaque),
        other => panic!("{other:?}"),
    }
}

/// The opaques of vbucket 1's streams, in the header.
const OLD: u32 = 0x0100_0000;
const CURRENT: u32 = 0x0500_0000;
const NEXT: u32 = 0x0900_0000;

const STATES: [State; 5] = [
    State::Closed,
    State::Adding,
    State::Open,
    State::Closing,
    State::Unsure,
];

#[test]
fn the_table_is_true() {
    let rows = table::read(include_str!("../../src/track/streams.rs"));
    assert_eq!(rows.len(), 13);
    for row in &rows {
        for ((name, cell), state) in row.cells.iter().zip(STATES) {
            let case = format!("{} in {state:?}", row.event);
            assert_eq!(*name, format!("{state:?}"));
            let expected = cell.state.clone().unwrap_or(name.clone());
            if row.event.contains("`STREAM")
                || row.event.contains("`ADD")
                || row.event.contains("time")
                || row.event.contains(": `CLOSE")
            {
                let verdict = match row.verdict.as_str() {
                    "pass" => PASS,
                    "pass k" if state != State::Closing => PASS,
                    _ => KEEP,
                };
                // As part of a call.
                let mut rig = Rig::during(state);
                let was_learnt = rig.streams.stream_opaque(1);
                assert!(
                    rig.play(&row.event).iter().all(|seen| *seen == verdict),
                    "{case}"
                );
                assert_eq!(
                    format!("{:?}", rig.streams.state(1).unwrap()),
                    expected,
                    "{case}"
                );
                assert_eq!(rig.sends(1), cell.sends, "{case}");
                let learns = rig.streams.stream_opaque(1) == Some(NEXT);
                assert_eq!(learns, cell.rest == "learns", "{case}");
                assert!(
                    learns
                        || rig.streams.state(1) != Some(state)
                        || rig.streams.stream_opaque(1) == was_learnt
                );
                let ends_at_once = cell.signs.contains('!');
                assert_eq!(
                    rig.streams.call().is_none(),
                    ends_at_once || row.event == "time is up",
                    "{case}"
                );
                if ends_at_once {
                    let error = Failure::Ended {
                        opaque: CURRENT,
                        reason: StreamEndReason::STATE_CHANGED,
                    };
                    let errors = vec![StreamError {
                        vbucket: 1,
                        failure: error,
                    }];
                    assert_eq!(
                        rig.outcome(),
                        Some((Call::SetUp, CallEnd::StreamEnded, errors)),
                        "{case}"
                    );
                    continue;
                }
                rig.streams.on_timeout(START + TIMEOUT);
                let (_, _, errors) = rig.outcome().unwrap();
                let count = errors.iter().filter(|error| error.vbucket == 1).count();
                // The set-up in which a stream became `Unsure` has an error already, and one that
                // is given up has one for what is unanswered.
                let others =
                    state == State::Unsure || expected == "Adding" || expected == "Closing";
                assert_eq!(
                    count == 1,
                    cell.signs.contains('✗') || others,
                    "{case}: {errors:?}"
                );

                // When the call is over it changes the stream all the same, and nothing else.
                let mut rig = Rig::idle(state);
                assert!(
                    rig.play(&row.event).iter().all(|seen| *seen == verdict),
                    "{case}"
                );
                assert_eq!(
                    format!("{:?}", rig.streams.state(1).unwrap()),
                    expected,
                    "{case}"
                );
                assert_eq!((rig.sends(1).as_str(), rig.outcome()), ("", None), "{case}");
            } else {
                let mut rig = Rig::idle(state);
                let idle = START + TIMEOUT;
                match row.event.as_str() {
                    "`set_up` with it" => rig.streams.set_up(&[1, 2], idle).unwrap(),
                    "`set_up` without it, `close`" => rig.streams.set_up(&[2], idle).unwrap(),
                    "`shut`" => rig.streams.shut(idle).unwrap(),
                    other => panic!("{other}"),
                }
                if cell.rest == "then" {
                    assert_eq!(rig.sends(1), "", "{case}");
                    rig.play("both: `CLOSE_STREAM` closed");
                    assert_eq!(rig.streams.state(1), Some(State::Adding), "{case}");
                    assert_eq!(rig.sends(1), cell.sends, "{case}");
                    continue;
                }
                assert_eq!(rig.sends(1), cell.sends, "{case}");
                assert_eq!(
                    format!("{:?}", rig.streams.state(1).unwrap()),
                    expected,
                    "{case}"
                );
                if row.event.contains("`close`") {
                    let mut rig = Rig::idle(state);
                    rig.streams.close(1, idle).unwrap();
                    assert_eq!(rig.sends(1), cell.sends, "{case}");
                    assert_eq!(
                        format!("{:?}", rig.streams.state(1).unwrap()),
                        expected,
                        "{case}"
                    );
                    if state != State::Closed {
                        rig.play("both: `CLOSE_STREAM` closed");
                    }
                    assert_eq!(rig.streams.state(1), Some(State::Closed), "{case}");
                    rig.assert_success(Call::Close);
                }
            }
        }
    }
}

/// The mission's third behaviour: the proxy before this one waited for ever, as it compared the
/// opaque of the end with that of its own `ADD_STREAM`.
#[test]
fn mb_53445_stream_end_during_set_up_fails_it_at_once_and_never_hangs() {
    for answered in [false, true] {
        for rolled_back in [false, true] {
            let mut rig = Rig::new();
            rig.set_up(&[0, 1, 2, 3]);
            assert_eq!(rig.on_stream_request(1, CURRENT), PASS);
            if rolled_back {
                let rollback = stream_answer(CURRENT, Status::ROLLBACK);
                assert_eq!(rig.streams.on_response(Side::Producer, &rollback), PASS);
                assert_eq!(rig.on_stream_request(1, CURRENT), PASS);
            }
            rig.open(0, OLD);
            if answered {
                assert_eq!(rig.on_added(1, Status::SUCCESS), KEEP);
            }
            assert_eq!(rig.on_added(2, Status::NOT_MY_VBUCKET), KEEP);
            assert_eq!(rig.outcome(), None);
            assert_eq!(rig.streams.next_timeout(), Some(START + TIMEOUT));

            assert_eq!(rig.on_stream_end(1, CURRENT), PASS);
            let outcome = rig.streams.poll_outcome().expect("at once");
            assert!(!outcome.is_success());
            assert_eq!(
                (outcome.call, outcome.end),
                (Call::SetUp, CallEnd::StreamEnded)
            );
            assert_eq!(outcome.unanswered, 1);
            let texts: Vec<_> = outcome.errors.iter().map(ToString::to_string).collect();
            assert_eq!(
                texts,
                [
                    "vbucket 2: ADD_STREAM refused with NOT_MY_VBUCKET",
                    "vbucket 1: stream 0x05000000 ended with STATE_CHANGED",
                ]
            );
            assert_eq!(rig.streams.next_timeout(), None);

            // What is still to come is followed, and hurts nobody.
            if !answered {
                assert_eq!(rig.on_added(1, Status::SUCCESS), KEEP);
            }
            rig.open(3, NEXT);
            assert_eq!(rig.outcome(), None);
            assert!(rig.streams.open().eq([0, 3]));
            rig.set_up(&[0, 1, 2, 3]);
            assert_eq!(rig.on_stream_end(1, CURRENT), PASS);
            rig.open(1, NEXT + 1);
            rig.open(2, NEXT + 2);
            rig.assert_success(Call::SetUp);
        }
    }
}

#[test]
fn an_end_is_matched_by_vbucket_and_stream_opaque_and_by_nothing_else() {
    let mut rig = Rig::new();
    rig.set_up(&[1]);
    let add = rig.last('a', 1);
    // Before the STREAM_REQ every end is one of an earlier stream, whatever its opaque.
    for opaque in [OLD, CURRENT, add, 1, 1_u32.swap_bytes(), 0] {
        assert_eq!(rig.on_stream_end(1, opaque), PASS);
    }
    assert_eq!(rig.on_stream_request(1, CURRENT), PASS);
    for opaque in [OLD, add, 1, 1_u32.swap_bytes(), 0, CURRENT.swap_bytes()] {
        assert_eq!(rig.on_stream_end(1, opaque), PASS);
    }
    for vbucket in [0, 2, 7, 8, 0xffff] {
        assert_eq!(rig.on_stream_end(vbucket, CURRENT), PASS);
    }
    // Nor does the consumer end streams.
    let end = stream_end(1, CURRENT, StreamEndReason::OK);
    assert_eq!(rig.streams.on_request(Side::Consumer, &end), PASS);
    assert_eq!(rig.outcome(), None);
    assert_eq!(rig.on_added(1, Status::SUCCESS), KEEP);
    rig.assert_success(Call::SetUp);
}

#[test]
fn without_a_stream_request_the_opaque_is_that_of_the_answer_in_the_other_byte_order() {
    let mut rig = Rig::new();
    rig.set_up(&[1]);
    assert_eq!(rig.on_added(1, Status::SUCCESS), KEEP);
    rig.assert_success(Call::SetUp);
    assert_eq!(rig.streams.stream_opaque(1), Some(0x0bad));
}

#[test]
fn a_late_end_after_both_sides_have_closed_changes_nothing() {
    let mut rig = Rig::new();
    rig.set_up(&[1]);
    rig.open(1, CURRENT);
    rig.assert_success(Call::SetUp);
    rig.streams.close(1, START).unwrap();
    assert_eq!(rig.sends(1), "cp");
    for by in [Side::Consumer, Side::Producer] {
        assert_eq!(rig.on_closed(by, 1, Status::SUCCESS), KEEP);
    }
    rig.assert_success(Call::Close);
    assert_eq!(rig.on_stream_end(1, CURRENT), PASS);
    assert_eq!(rig.streams.state(1), Some(State::Closed));
    rig.set_up(&[1]);
    assert_eq!(rig.on_stream_end(1, CURRENT), PASS);
    rig.open(1, NEXT);
    rig.assert_success(Call::SetUp);
}

#[test]
fn an_open_stream_that_is_wanted_and_ends_fails_the_set_up() {
    let mut rig = Rig::new();
    rig.set_up(&[1]);
    rig.open(1, CURRENT);
    rig.assert_success(Call::SetUp);
    rig.set_up(&[1, 2]);
    assert_eq!(rig.sent.len(), 2, "the open stream is not added again");
    assert_eq!(rig.on_stream_end(1, CURRENT), PASS);
    let (_, end, errors) = rig.outcome().unwrap();
    assert_eq!((end, errors.len()), (CallEnd::StreamEnded, 1));
}

#[test]
fn shut_interrupts_a_set_up_and_then_nothing_passes() {
    let mut rig = Rig::new();
    rig.set_up(&[1, 5]);
    rig.open(1, OLD);
    rig.open(5, OLD + 5);
    rig.assert_success(Call::SetUp);
    rig.streams.set_up(&[1, 2, 3, 4], START).unwrap();
    for expected in [2, 3] {
        let outgoing = rig.streams.poll_send().unwrap();
        assert_eq!(about(&outgoing).0, expected);
        rig.sent.push(outgoing);
    }
    assert_eq!(rig.on_stream_request(2, CURRENT), PASS);
    let late = START + TIMEOUT / 2;
    rig.streams.shut(late).unwrap();
    assert_eq!(rig.streams.shut(late), Err(CallRefused::Busy(Call::Shut)));
    assert_eq!(rig.streams.next_timeout(), Some(late + TIMEOUT));
    let interrupted = (Call::SetUp, CallEnd::Interrupted, Vec::new());
    assert_eq!(rig.outcome(), Some(interrupted));
    assert_eq!(rig.outcome(), None);
    // The ADD_STREAM for 4 was never sent; the producer is not asked to close anything.
    let before = rig.sent.len();
    rig.sends(1);
    let closes = rig.sent[before..].iter().map(|outgoing| about(outgoing).0);
    assert!(closes.eq([1, 2, 3, 5]));
    assert!(
        rig.sent
            .iter()
            .all(|outgoing| outgoing.to == Side::Consumer)
    );
    assert!(!rig.sent.iter().any(|outgoing| about(outgoing).0 == 4));
    // The producer's answers to what the consumer had asked for do not reach it any more.
    let answer = stream_answer(CURRENT, Status::SUCCESS);
    assert_eq!(rig.streams.on_response(Side::Producer, &answer), KEEP);
    assert_eq!(rig.streams.on_response(Side::Consumer, &answer), PASS);
    assert_eq!(rig.on_stream_request(3, NEXT), KEEP);
    let item = mutation(1, OLD);
    assert_eq!(rig.streams.on_request(Side::Producer, &item), PASS);
    for vbucket in [1, 2, 3, 5] {
        assert_eq!(
            rig.on_closed(Side::Consumer, vbucket, Status::DCP_STREAM_NOT_FOUND),
            KEEP
        );
    }
    rig.assert_success(Call::Shut);
    assert!(rig.streams.is_shut());
    assert_eq!(rig.streams.on_request(Side::Producer, &item), KEEP);
    assert_eq!(rig.on_stream_request(3, NEXT), KEEP);
    assert_eq!(rig.on_stream_end(1, OLD), KEEP);
    assert_eq!(rig.streams.on_response(Side::Producer, &answer), KEEP);
    for refused in [
        rig.streams.set_up(&[], late),
        rig.streams.close(1, late),
        rig.streams.shut(late),
    ] {
        assert_eq!(refused, Err(CallRefused::Shut));
    }
}

#[test]
fn a_stream_closed_before_it_was_answered_is_not_answered_any_more() {
    let mut rig = Rig::idle(State::Adding);
    rig.streams.close(1, START).unwrap();
    rig.sends(1);
    let answer = stream_answer(CURRENT, Status::SUCCESS);
    let other = stream_answer(NEXT, Status::SUCCESS);
    assert_eq!(rig.streams.on_response(Side::Producer, &other), PASS);
    assert_eq!(rig.streams.on_response(Side::Producer, &answer), KEEP);
    assert_eq!(rig.on_stream_request(1, CURRENT), KEEP);
    // Behind its answer to CLOSE_STREAM the producer has none to give.
    assert_eq!(rig.on_closed(Side::Producer, 1, Status::SUCCESS), KEEP);
    assert_eq!(rig.streams.on_response(Side::Producer, &answer), PASS);
    assert_eq!(rig.on_added(1, Status::ETMPFAIL), KEEP);
    assert_eq!(rig.on_closed(Side::Consumer, 1, Status::SUCCESS), KEEP);
    rig.assert_success(Call::Close);
}

#[test]
fn answers_after_the_time_is_up_are_followed_and_not_asked_for_again() {
    let mut rig = Rig::new();
    rig.set_up(&[1, 2]);
    rig.streams
        .on_timeout(START + TIMEOUT - Duration::from_nanos(1));
    assert_eq!(rig.outcome(), None);
    rig.streams.on_timeout(START + TIMEOUT);
    let errors = [1, 2].map(|vbucket| StreamError {
        vbucket,
        failure: Failure::TimedOut,
    });
    assert_eq!(
        rig.outcome(),
        Some((Call::SetUp, CallEnd::TimedOut, errors.to_vec()))
    );
    rig.open(1, CURRENT);
    rig.set_up(&[1, 2]);
    assert_eq!(rig.sent.len(), 2, "both are open or asked for");
    rig.open(2, NEXT);
    rig.assert_success(Call::SetUp);
}

#[test]
fn nothing_is_sent_for_a_call_that_is_over() {
    let mut rig = Rig::idle(State::Open);
    rig.streams.set_up(&[3, 4], START).unwrap();
    rig.streams.on_timeout(START + TIMEOUT);
    rig.outcome().unwrap();
    assert_eq!(rig.streams.poll_send(), None);
    assert_eq!(rig.streams.state(1), Some(State::Unsure), "it may be open");
    assert_eq!(rig.streams.state(3), Some(State::Closed));
}

#[test]
fn a_stream_is_not_added_again_for_a_call_that_is_over() {
    let mut rig = Rig::idle(State::Closing);
    rig.set_up(&[1]);
    rig.streams.on_timeout(START + TIMEOUT);
    assert_eq!(rig.outcome().unwrap().1, CallEnd::TimedOut);
    rig.play("both: `CLOSE_STREAM` closed");
    assert_eq!(rig.streams.state(1), Some(State::Closed));
    assert_eq!(rig.sends(1), "");
}

#[test]
fn what_another_stream_is_refused_is_no_error_of_the_call() {
    let mut rig = Rig::idle(State::Adding);
    rig.streams.close(2, START).unwrap();
    rig.sends(2);
    assert_eq!(rig.on_added(1, Status::ETMPFAIL), KEEP);
    assert_eq!(rig.streams.state(1), Some(State::Closed));
    for by in [Side::Consumer, Side::Producer] {
        assert_eq!(rig.on_closed(by, 2, Status::SUCCESS), KEEP);
    }
    rig.assert_success(Call::Close);
}

#[test]
fn what_is_due_first_is_sent_first() {
    let mut rig = Rig::new();
    rig.set_up(&[1, 7]);
    rig.open(1, OLD);
    rig.open(7, NEXT);
    rig.assert_success(Call::SetUp);
    rig.set_up(&[]);
    rig.streams.on_timeout(START + TIMEOUT);
    rig.outcome().unwrap();
    rig.set_up(&[1, 7]);
    // They are to be added again as soon as they are closed.
    for vbucket in [7, 1] {
        for by in [Side::Consumer, Side::Producer] {
            assert_eq!(rig.on_closed(by, vbucket, Status::SUCCESS), KEEP);
        }
    }
    let added = core::iter::from_fn(|| rig.streams.poll_send());
    assert!(added.map(|outgoing| about(&outgoing).0).eq([7, 1]));
}

#[test]
fn shut_does_not_close_again_what_the_consumer_has_closed() {
    let mut rig = Rig::idle(State::Open);
    rig.streams.close(1, START).unwrap();
    assert_eq!(rig.sends(1), "cp");
    assert_eq!(rig.on_closed(Side::Consumer, 1, Status::SUCCESS), KEEP);
    rig.streams.shut(START).unwrap();
    assert_eq!(rig.outcome().unwrap().1, CallEnd::Interrupted);
    assert_eq!(rig.streams.state(1), Some(State::Closed));
    assert_eq!(rig.sends(1), "");
}

#[test]
fn calls_that_cannot_be_begun_change_nothing() {
    let mut rig = Rig::new();
    assert_eq!(
        rig.streams.set_up(&[0, 8], START),
        Err(CallRefused::UnknownVbucket(8))
    );
    assert_eq!(
        rig.streams.close(8, START),
        Err(CallRefused::UnknownVbucket(8))
    );
    assert_eq!(rig.streams.call(), None);
    rig.streams.close(1, START).unwrap();
    assert_eq!(
        rig.streams.set_up(&[], START),
        Err(CallRefused::OutcomeWaiting)
    );
    assert_eq!(rig.streams.shut(START), Err(CallRefused::OutcomeWaiting));
    rig.assert_success(Call::Close);
    rig.set_up(&[1, 1, 1]);
    assert_eq!(rig.sent.len(), 1);
    assert_eq!(
        rig.streams.close(1, START),
        Err(CallRefused::Busy(Call::SetUp))
    );
    assert_eq!(
        (rig.streams.state(8), rig.streams.stream_opaque(8)),
        (None, None)
    );
    rig.open(1, CURRENT);
    rig.assert_success(Call::SetUp);
    rig.streams.shut(START).unwrap();
    assert_eq!(rig.sends(1), "c");
}

#[test]
fn answers_to_what_was_not_asked_are_violations() {
    let mut rig = Rig::new();
    rig.set_up(&[1]);
    let add = rig.last('a', 1);
    let unknown = |from, opcode, opaque| {
        Err(Violation::UnknownRequest {
            from,
            opcode,
            opaque,
        })
    };
    // The vbucket number; the next number; another vbucket; a takeover's; the stream's.
    for opaque in [
        1,
        add + 0x1_0000,
        add + 1,
        add | 0x8000_0000,
        CURRENT,
        add | 0xffff,
    ] {
        for (from, status) in [
            (Side::Consumer, Status::SUCCESS),
            (Side::Producer, Status::EBUSY),
        ] {
            let answer = added(opaque, status, Some(0));
            let seen = rig.streams.on_response(from, &answer);
            assert_eq!(seen, unknown(from, Opcode::DCP_ADD_STREAM, opaque));
            let seen = rig.streams.on_response(from, &closed(opaque, status));
            assert_eq!(seen, unknown(from, Opcode::DCP_CLOSE_STREAM, opaque));
        }
    }
    let seen = rig
        .streams
        .on_response(Side::Producer, &added(add, Status::SUCCESS, Some(0)));
    assert_eq!(seen, unknown(Side::Producer, Opcode::DCP_ADD_STREAM, add));
    assert_eq!(
        seen.unwrap_err().to_string(),
        "Producer answered DCP_ADD_STREAM 0x00010001, which was not sent"
    );
    assert_eq!(
        rig.streams
            .on_response(Side::Consumer, &closed(add, Status::SUCCESS)),
        KEEP
    );
    assert_eq!(rig.streams.state(1), Some(State::Adding));
}

#[test]
fn what_is_no_business_of_the_machine_passes() {
    let mut rig = Rig::during(State::Open);
    for from in [Side::Consumer, Side::Producer] {
        assert_eq!(rig.streams.on_request(from, &mutation(1, CURRENT)), PASS);
        let answer: DcpResponse<'_> = stream_answer(CURRENT, Status::SUCCESS);
        assert_eq!(rig.streams.on_response(from, &answer), PASS);
    }
    let request = stream_request(1, NEXT);
    assert_eq!(rig.streams.on_request(Side::Producer, &request), PASS);
    assert_eq!(rig.streams.stream_opaque(1), Some(CURRENT));
}

#[test]
fn memory_is_taken_once() {
    const { assert!(Streams::BYTES_PER_STREAM > size_of::<StreamError>()) };
    const { assert!(Streams::BYTES_PER_STREAM <= 52) };
    let mut streams = Streams::new(Config {
        vbuckets: 1024,
        ..CONFIG
    });
    let all: Vec<u16> = (0..1024).collect();
    let mut place = None;
    for round in 0..3 {
        streams.set_up(&all, START).unwrap();
        assert_eq!(
            core::iter::from_fn(|| streams.poll_send()).count(),
            if round == 0 { 1024 } else { 0 }
        );
        streams.on_timeout(START + TIMEOUT);
        let errors = streams.poll_outcome().unwrap().errors;
        assert_eq!(errors.len(), 1024);
        assert_eq!(*place.get_or_insert(errors.as_ptr()), errors.as_ptr());
    }
}
