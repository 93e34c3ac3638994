//! What becomes of single packets.

#![allow(clippy::indexing_slicing, reason = "a test may panic")]

mod capture;
mod shuffled;

use bytes::{Buf, BytesMut};
use mcbp::dcp::{
    AddStreamReply, CloseStreamReply, Control, ControlReply, FailoverLog, Mutation, MutationReply,
    SetVbucketState, SetVbucketStateReply, StreamEnd, StreamRequest, StreamRequestReply,
};
use mcbp::{
    Decoder, Message, Opcode, Reply, Request, Response, Status, StreamEndReason, StreamFlags,
    VbucketState,
};

use super::*;

/// A relay, and what has come out of it.
struct Bench {
    relay: Relay,
    now: Duration,
}

impl Bench {
    fn new(commands: &[&str]) -> Self {
        let relay = Relay::new(streams::Config::default(), takeover::Config::default());
        let now = Duration::ZERO;
        let mut bench = Self { relay, now };
        for command in commands {
            bench.relay.command(command.parse().unwrap(), now);
        }
        bench
    }

    /// Takes what a node has sent in one piece.
    fn sends(&mut self, from: Side, packets: &[Vec<u8>]) {
        let mut received = BytesMut::from(packets.concat().as_slice());
        let batch = Decoder::default().decode_batch(&mut received).unwrap();
        assert!(received.is_empty());
        self.relay.on_batch(from, &batch, self.now);
    }

    /// What there is for a node.
    fn gets(&mut self, side: Side) -> Vec<Packet> {
        let outbox = self.relay.outboxes().of_mut(side);
        let mut bytes = BytesMut::from(&*outbox.copy_to_bytes(outbox.len()));
        let mut decoder = Decoder::default();
        let packets = core::iter::from_fn(|| decoder.decode(&mut bytes).unwrap()).collect();
        assert!(bytes.is_empty());
        packets
    }

    fn opcodes(&mut self, side: Side) -> Vec<Opcode> {
        let opcode = |packet: &Packet| packet.header().opcode().unwrap();
        self.gets(side).iter().map(opcode).collect()
    }

    /// What it tells, without details.
    fn lines(&mut self) -> Vec<String> {
        let events = core::iter::from_fn(|| self.relay.poll_event());
        let told = events.filter(|event| !event.is_detail());
        told.map(|event| event.to_string()).collect()
    }

    /// Adds the streams of vbuckets 0 and 1, whose opaques are 0x100 and 0x101.
    fn with_two_streams() -> Self {
        let mut bench = Self::new(&["replicate 0-1"]);
        let asked = bench.gets(Side::Consumer);
        bench.sends(Side::Consumer, &[wants(0, 0x100), wants(1, 0x101)]);
        bench.sends(Side::Producer, &[grants(0x100), grants(0x101)]);
        bench.sends(
            Side::Consumer,
            &[
                added(opaque(&asked[0]), Status::SUCCESS),
                added(opaque(&asked[1]), Status::SUCCESS),
            ],
        );
        assert_eq!(
            bench.lines(),
            ["replicate 0-1: begun", "replicate 0-1: done"]
        );
        bench.gets(Side::Consumer);
        bench.gets(Side::Producer);
        bench
    }
}

fn opaque(packet: &Packet) -> u32 {
    packet.header().opaque()
}

fn request<'a, M: Message<'a>>(message: M, vbucket: u16, opaque: u32) -> Vec<u8>
where
    Request<'a, M>: From<M>,
{
    let mut bytes = Vec::new();
    let request = Request {
        vbucket,
        opaque,
        ..Request::from(message)
    };
    request.encode(&mut bytes).unwrap();
    bytes
}

fn response<'a, R: Reply<'a>>(reply: R, status: Status, opaque: u32) -> Vec<u8>
where
    Response<'a, R>: From<R>,
{
    let mut bytes = Vec::new();
    let response = Response {
        status,
        opaque,
        ..Response::from(reply)
    };
    response.encode(&mut bytes).unwrap();
    bytes
}

/// The consumer asks for a stream.
fn wants(vbucket: u16, opaque: u32) -> Vec<u8> {
    request(StreamRequest::default(), vbucket, opaque)
}

/// The producer answers.
fn grants(opaque: u32) -> Vec<u8> {
    let log = FailoverLog::new(&[1; 16]).unwrap();
    response(StreamRequestReply::Accepted(log), Status::SUCCESS, opaque)
}

/// The consumer has added a stream, or has not.
fn added(opaque: u32, status: Status) -> Vec<u8> {
    let reply = AddStreamReply {
        stream_opaque: Some(0),
        ..AddStreamReply::default()
    };
    response(reply, status, opaque)
}

fn ends(vbucket: u16, opaque: u32, reason: StreamEndReason) -> Vec<u8> {
    request(StreamEnd { reason }, vbucket, opaque)
}

fn mutation(vbucket: u16, opaque: u32, value: &[u8]) -> Vec<u8> {
    let mutation = Mutation {
        value: value.into(),
        key: b"\0key".as_slice().into(),
        ..Mutation::default()
    };
    request(mutation, vbucket, opaque)
}

fn of(opcode: Opcode) -> impl Fn(&Packet) -> bool {
    move |packet| packet.header().opcode() == Some(opcode)
}

#[test]
fn streams_are_added_and_what_answers_the_proxy_is_kept() {
    let mut bench = Bench::new(&["replicate 0-1"]);
    let asked = bench.gets(Side::Consumer);
    assert!(asked.len() == 2 && asked.iter().all(of(Opcode::DCP_ADD_STREAM)));
    bench.sends(
        Side::Consumer,
        &[wants(0, 0x100), added(opaque(&asked[1]), Status::SUCCESS)],
    );
    assert_eq!(bench.opcodes(Side::Producer), [Opcode::DCP_STREAM_REQ]);
    bench.sends(Side::Consumer, &[added(opaque(&asked[0]), Status::SUCCESS)]);
    assert!(bench.gets(Side::Producer).is_empty());
    assert_eq!(
        bench.lines(),
        ["replicate 0-1: begun", "replicate 0-1: done"]
    );
    assert_eq!(bench.relay.failures(), 0);
    // It is so already.
    bench
        .relay
        .command("replicate 1".parse().unwrap(), bench.now);
    assert_eq!(bench.lines(), ["replicate 1: begun", "replicate 1: done"]);
    // What is there stays.
    bench
        .relay
        .command("replicate 5".parse().unwrap(), bench.now);
    assert_eq!(bench.opcodes(Side::Consumer), [Opcode::DCP_ADD_STREAM]);
}

#[test]
fn a_vbucket_that_the_consumer_lacks_is_told_with_the_reason() {
    let mut bench = Bench::new(&["replicate 0-1", "quit"]);
    let asked = bench.gets(Side::Consumer);
    bench.sends(
        Side::Consumer,
        &[
            added(opaque(&asked[0]), Status::NOT_MY_VBUCKET),
            wants(1, 0x101),
            added(opaque(&asked[1]), Status::SUCCESS),
        ],
    );
    let lines = bench.lines();
    assert_eq!(
        lines[1],
        "replicate 0-1: vbucket 0: ADD_STREAM refused with NOT_MY_VBUCKET: the consumer does not \
         have the vbucket, or the producer is not active for it (stream only: The consumer refuses \
         the stream, or passes on the status by which its producer did. (own-add-stream; reference \
         6.2, 12.4))"
    );
    assert_eq!(
        lines[2..],
        [
            "replicate 0-1: failed: 1 vbucket refused; open: 1",
            "shut down: begun"
        ]
    );
    assert_eq!(bench.relay.failures(), 1);
}

/// MB-53445: the consumer may never answer.
#[test]
fn a_stream_that_ends_while_it_is_added_ends_the_set_up_at_once() {
    let mut bench = Bench::new(&["replicate 0-1"]);
    bench.gets(Side::Consumer);
    bench.sends(Side::Consumer, &[wants(0, 0x100)]);
    bench.sends(
        Side::Producer,
        &[
            grants(0x100),
            ends(0, 0x100, StreamEndReason::STATE_CHANGED),
        ],
    );
    assert_eq!(
        bench.lines()[1..],
        [
            "vbucket 0: the producer ended the stream with STATE_CHANGED: The vbucket moved to \
             another node or was rolled back, which the producer does not tell apart. (reopen with \
             a new cluster map)",
            "replicate 0-1: vbucket 0: stream 0x00000100 ended with STATE_CHANGED",
            "replicate 0-1: failed: a stream has ended, 1 more are unanswered; open: ",
        ]
    );
    // The consumer is told all the same.
    let told = [Opcode::DCP_STREAM_REQ, Opcode::DCP_STREAM_END];
    assert_eq!(bench.opcodes(Side::Consumer), told);
}

#[test]
fn a_refusal_of_a_change_goes_to_the_producer_and_is_told_once() {
    let mut bench = Bench::with_two_streams();
    let refused = || response(MutationReply::default(), Status::KEY_EEXISTS, 0x100);
    bench.sends(Side::Consumer, &[refused(), refused()]);
    bench.sends(Side::Consumer, &[refused()]);
    assert_eq!(bench.gets(Side::Producer).len(), 3);
    // MB-37009: it concerns the one stream.
    assert_eq!(
        bench.lines(),
        [
            "passed on: the consumer answers DCP_MUTATION with KEY_EEXISTS, which belongs to the \
             stream of vbucket 0; to the producer that is stream only: The consumer has a stream of \
             another opaque for the vbucket. (producer-key-eexists; MB-37009, 36134ec90, 6.6.0; \
             reference 11.1 e, f)"
        ]
    );
    assert_eq!(bench.relay.fatal(Side::Producer), None);
    bench.relay.command("status".parse().unwrap(), bench.now);
    let lines = bench.lines();
    let last = lines.last().map(String::as_str);
    assert_eq!(
        last,
        Some("the consumer answered DCP_MUTATION with KEY_EEXISTS: 3 times")
    );
}

#[test]
fn the_status_codes_of_release_7_change_what_a_refusal_means() {
    let mut bench = Bench::with_two_streams();
    let control = Control {
        key: "v7_dcp_status_codes".into(),
        value: "true".into(),
    };
    bench.sends(Side::Consumer, &[request(control, 0, 9)]);
    bench.sends(
        Side::Producer,
        &[response(ControlReply::default(), Status::SUCCESS, 9)],
    );
    bench.sends(
        Side::Consumer,
        &[response(
            MutationReply::default(),
            Status::KEY_EEXISTS,
            0x100,
        )],
    );
    let lines = bench.lines();
    assert!(
        lines[0].contains("to the producer that is fatal: "),
        "{lines:?}"
    );
    let fatal = bench.relay.fatal(Side::Producer).unwrap();
    assert_eq!(fatal.status, Status::KEY_EEXISTS);
    assert_eq!(bench.relay.fatal(Side::Consumer), None);
}

#[test]
fn what_was_not_asked_is_dropped_and_the_rest_of_the_block_passes() {
    let mut bench = Bench::with_two_streams();
    let large = vec![b'x'; 5000];
    let packets = [
        mutation(0, 0x100, b"1"),
        response(CloseStreamReply::default(), Status::SUCCESS, 0x0005_0000),
        mutation(0, 0x100, &large),
        // A map of the cluster, which is for clients.
        b"\x82\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0".to_vec(),
        mutation(1, 0x101, b"3"),
    ];
    bench.sends(Side::Producer, &packets);
    let passed = [&*packets[0], &*packets[2], &*packets[4]].concat();
    let mut got = Vec::new();
    for packet in bench.gets(Side::Consumer) {
        packet.encode(&mut got).unwrap();
    }
    assert_eq!(got, passed);
    let lines = bench.lines();
    let dropped = "dropped: Producer answered DCP_CLOSE_STREAM 0x00050000, which was not sent";
    assert_eq!(lines[0], dropped);
    assert!(
        lines[1].starts_with("dropped: CLUSTERMAP_CHANGE_NOTIFICATION"),
        "{lines:?}"
    );
}

#[test]
fn a_stream_that_is_taken_over_is_closed_first() {
    let mut bench = Bench::with_two_streams();
    bench
        .relay
        .command("takeover 1".parse().unwrap(), bench.now);
    let [at_consumer] = &bench.gets(Side::Consumer)[..] else {
        panic!()
    };
    let [at_producer] = &bench.gets(Side::Producer)[..] else {
        panic!()
    };
    for (side, asked) in [(Side::Consumer, at_consumer), (Side::Producer, at_producer)] {
        let closed = response(CloseStreamReply::default(), Status::SUCCESS, opaque(asked));
        bench.sends(side, &[closed]);
    }
    let [add] = &bench.gets(Side::Consumer)[..] else {
        panic!()
    };
    let asked = add.view().request::<mcbp::dcp::AddStream>().unwrap();
    assert_eq!(
        (asked.vbucket, asked.message.flags),
        (1, StreamFlags::TAKE_OVER)
    );
    let add = opaque(add);

    // Late, and of the stream that was closed.
    bench.sends(Side::Producer, &[ends(1, 0x101, StreamEndReason::CLOSED)]);
    bench.sends(Side::Consumer, &[wants(1, 0x102)]);
    bench.sends(Side::Producer, &[grants(0x102)]);
    bench.sends(Side::Consumer, &[added(add, Status::SUCCESS)]);
    for state in [VbucketState::PENDING, VbucketState::ACTIVE] {
        bench.sends(
            Side::Producer,
            &[request(SetVbucketState { state }, 1, 0x102)],
        );
        let reply = SetVbucketStateReply::default();
        bench.sends(Side::Consumer, &[response(reply, Status::SUCCESS, 0x102)]);
    }
    bench.sends(Side::Producer, &[ends(1, 0x102, StreamEndReason::OK)]);
    assert_eq!(
        bench.lines(),
        [
            "takeover 1: begun",
            "takeover 1: it has a stream, which is closed first",
            "takeover 1: try 1: the consumer is to add the stream",
            "takeover 1: try 1: the consumer asks the producer for the stream",
            "takeover 1: try 1: the consumer has added the stream, and is not active yet",
            "takeover 1: done",
        ]
    );
    assert_eq!(bench.relay.failures(), 0);
}

#[test]
fn a_takeover_that_is_put_off_is_tried_again() {
    let mut bench = Bench::new(&["takeover 7", "quit"]);
    for _ in 0..2 {
        let [add] = &bench.gets(Side::Consumer)[..] else {
            panic!()
        };
        let refused = added(opaque(add), Status::ETMPFAIL);
        bench.sends(Side::Consumer, &[refused]);
        bench.now = bench.relay.next_timeout().unwrap();
        bench.relay.on_timeout(bench.now);
    }
    let [add] = &bench.gets(Side::Consumer)[..] else {
        panic!()
    };
    let add = opaque(add);
    bench.sends(Side::Consumer, &[wants(7, 0x700)]);
    bench.sends(
        Side::Producer,
        &[request(
            SetVbucketState {
                state: VbucketState::ACTIVE,
            },
            7,
            0x700,
        )],
    );
    let reply = SetVbucketStateReply::default();
    bench.sends(
        Side::Consumer,
        &[
            response(reply, Status::SUCCESS, 0x700),
            added(add, Status::SUCCESS),
        ],
    );
    let lines = bench.lines();
    let tries: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("failed"))
        .collect();
    assert!(tries[0].starts_with("takeover 7: try 1 failed: ADD_STREAM refused with ETMPFAIL ("));
    assert!(
        tries[1].starts_with("takeover 7: try 2 failed: "),
        "{tries:?}"
    );
    let pauses: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("next try"))
        .collect();
    assert_eq!(
        pauses[0],
        "takeover 7: try 1: the stream is closed, the next try is in 250 ms"
    );
    assert_eq!(
        pauses[1],
        "takeover 7: try 2: the stream is closed, the next try is in 500 ms"
    );
    assert_eq!(
        lines[lines.len() - 3..],
        ["takeover 7: done", "shut down: begun", "shut down: done"]
    );
    assert!(bench.relay.is_done());
    assert_eq!(bench.relay.failures(), 0);
}

#[test]
fn a_side_that_does_not_take_what_it_gets_stops_the_other() {
    let mut bench = Bench::with_two_streams();
    let change = mutation(0, 0x100, &vec![b'x'; 100_000]);
    let mut sent = 0;
    while bench.relay.wants(Side::Producer) {
        bench.sends(Side::Producer, core::slice::from_ref(&change));
        sent += 1;
    }
    assert_eq!(sent, Relay::LIMIT.div_ceil(change.len()));
    // The other direction goes on: acknowledgements must get through.
    assert!(bench.relay.wants(Side::Consumer));
    bench.relay.outboxes().consumer.advance(change.len());
    assert!(bench.relay.wants(Side::Producer));
}

#[test]
fn the_end_closes_the_streams_and_has_a_limit() {
    let mut bench = Bench::with_two_streams();
    bench.relay.shut(bench.now);
    let asked = bench.gets(Side::Consumer);
    assert!(asked.len() == 2 && asked.iter().all(of(Opcode::DCP_CLOSE_STREAM)));
    assert!(bench.gets(Side::Producer).is_empty());
    assert!(!bench.relay.wants_command());
    let answers = asked
        .iter()
        .map(|asked| response(CloseStreamReply::default(), Status::SUCCESS, opaque(asked)));
    // Until it is over packets pass.
    bench.sends(Side::Producer, &[mutation(0, 0x100, b"1")]);
    assert_eq!(bench.gets(Side::Consumer).len(), 1);
    let mut silent = Bench::with_two_streams();
    silent.relay.shut(silent.now);

    bench.sends(Side::Consumer, &answers.collect::<Vec<_>>());
    assert!(bench.relay.is_done());
    assert_eq!(bench.lines(), ["shut down: begun", "shut down: done"]);
    assert_eq!(bench.relay.failures(), 0);
    bench.sends(Side::Producer, &[mutation(0, 0x100, b"2")]);
    assert!(bench.gets(Side::Consumer).is_empty());

    assert_eq!(silent.relay.next_timeout(), Some(Relay::SHUT_LIMIT));
    silent.relay.on_timeout(Relay::SHUT_LIMIT);
    assert!(silent.relay.is_done());
    assert_eq!(
        silent.lines(),
        [
            "shut down: begun",
            "shut down: failed: the consumer did not answer in time"
        ]
    );
    assert_eq!(silent.relay.failures(), 1);
}

#[test]
fn a_signal_interrupts_and_tells_what_is_not_so() {
    let mut bench = Bench::new(&["takeover 7-8", "replicate 0"]);
    bench.relay.shut(bench.now);
    assert_eq!(
        bench.lines()[2..],
        [
            "takeover 8: failed: not begun before the end",
            "replicate 0: failed: not begun before the end",
            "shut down: begun",
            "takeover 7: failed: interrupted",
            "shut down: done",
        ]
    );
    assert!(bench.relay.is_done());
    assert_eq!(bench.relay.failures(), 3);
}
