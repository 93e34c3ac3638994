//! The state machines in the place of the proxy that stood between two real nodes: what it did,
//! they do, and what came of it is what they say.

#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;

use mcbp::dcp::{DcpRequest, DcpResponse};
use mcbp::track::streams::{self, Call, CallEnd, State, Streams};
use mcbp::track::takeover::{self, Takeover};
use mcbp::track::{Side, Verdict};
use mcbp::{Opcode, OpenFlags, Packet, Status, StreamFlags, VbucketState};
use mcbp_cli::capture::{self, ConnectionId, FrameReader, Reassembler};
use mcbp_cli::framing::{Found, Framing};

/// A packet between the proxy and one of the nodes.
struct Seen {
    connection: ConnectionId,
    by_proxy: bool,
    time: Duration,
    packet: Packet,
}

fn packets() -> Vec<Seen> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/captures/two-nodes.pcap"
    );
    let mut frames = FrameReader::new(File::open(path).unwrap()).unwrap();
    let mut segments = Reassembler::default();
    let mut framing = Framing::default();
    let mut packets = Vec::new();
    while let Some(frame) = frames.next_frame().unwrap() {
        let capture::Packet::Tcp(segment) = capture::Packet::from_frame(&frame) else {
            panic!("no TCP segment");
        };
        segments.push(frame.time_ns, &segment, &mut |event| {
            framing.push(&event, &mut |place, found| {
                let (Some(flow), Found::Packet(packet)) = (place.flow, found) else {
                    panic!("{place}");
                };
                packets.push(Seen {
                    connection: flow.connection,
                    by_proxy: flow.from_initiator.unwrap(),
                    time: Duration::from_nanos(place.time_ns.unwrap()),
                    packet,
                });
            });
        });
    }
    packets
}

/// The connections of each proxy, by the name they were opened with: that to the consumer and that
/// to the producer.
fn proxies(packets: &[Seen]) -> BTreeMap<String, (ConnectionId, ConnectionId)> {
    let mut ends = BTreeMap::<_, [Option<ConnectionId>; 2]>::new();
    for seen in packets {
        if let Ok(DcpRequest::Open(open)) = DcpRequest::read(seen.packet.view()) {
            let produces = open.message.flags.contains(OpenFlags::PRODUCER);
            let name = String::from_utf8(open.message.name.0.to_vec()).unwrap();
            ends.entry(name).or_default()[usize::from(produces)] = Some(seen.connection);
        }
    }
    let pairs = ends.into_iter().filter_map(|(name, ends)| match ends {
        [Some(consumer), Some(producer)] => Some((name, (consumer, producer))),
        _ => None,
    });
    pairs.collect()
}

/// What passes between the two nodes, in both directions.
#[derive(Default)]
struct Passed {
    in_life: [Vec<Packet>; 2],
    here: [Vec<Packet>; 2],
}

fn towards(side: Side) -> usize {
    usize::from(side == Side::Producer)
}

impl Passed {
    fn assert_same(&self) {
        for (in_life, here) in self.in_life.iter().zip(&self.here) {
            assert!(!in_life.is_empty());
            assert_eq!(in_life.len(), here.len());
            for (in_life, here) in in_life.iter().zip(here) {
                assert_eq!(in_life.header(), here.header());
                assert_eq!(in_life.body(), here.body());
            }
        }
    }
}

/// The opaque that a machine gave the request which had this one in life.
type Opaques = BTreeMap<u32, u32>;

/// The answer as it would have been to the machine.
fn translated<'a>(mut answer: DcpResponse<'a>, opaques: &Opaques) -> DcpResponse<'a> {
    match &mut answer {
        DcpResponse::AddStream(answer) => answer.opaque = opaques[&answer.opaque],
        DcpResponse::CloseStream(answer) => answer.opaque = opaques[&answer.opaque],
        _ => {}
    }
    answer
}

#[test]
fn eight_vbuckets_are_set_up_and_some_closed_and_set_up_again() {
    let packets = packets();
    let (consumer, producer) = proxies(&packets)["replication:n_0->n_1:rep"];
    let mut streams = Streams::new(streams::Config {
        vbuckets: 16,
        ..streams::Config::default()
    });
    let mut wanted = BTreeSet::new();
    let mut opaques = Opaques::new();
    let mut to_producer = BTreeMap::new();
    let mut passed = Passed::default();
    let mut calls = Vec::new();
    let mut requests = BTreeMap::<u16, Vec<u32>>::new();
    let mut late_ends = 0;

    for seen in &packets {
        let side = match seen.connection {
            it if it == consumer => Side::Consumer,
            it if it == producer => Side::Producer,
            _ => continue,
        };
        let view = seen.packet.view();
        let is_shown = seen
            .packet
            .header()
            .opcode()
            .is_some_and(|it| Streams::OPCODES.contains(&it));
        if seen.packet.header().magic().is_response() {
            let response = DcpResponse::read(view).unwrap();
            if seen.by_proxy {
                passed.in_life[towards(side)].extend(is_shown.then(|| seen.packet.clone()));
                continue;
            }
            if !is_shown {
                continue;
            }
            let answer = translated(response, &opaques);
            match streams.on_response(side, &answer).unwrap() {
                Verdict::Pass => passed.here[towards(side.other())].push(seen.packet.clone()),
                Verdict::Keep => {}
            }
        } else {
            let request = DcpRequest::read(view).unwrap();
            match request {
                // The proxy's own: that is where someone called it.
                DcpRequest::AddStream(add) if seen.by_proxy => {
                    assert!(wanted.insert(add.vbucket));
                    let all: Vec<_> = wanted.iter().copied().collect();
                    streams.set_up(&all, seen.time).unwrap();
                    let sent = streams.poll_send().unwrap();
                    let DcpRequest::AddStream(own) = sent.request else {
                        panic!("{sent:?}")
                    };
                    assert_eq!(
                        (sent.to, own.vbucket, own.message),
                        (side, add.vbucket, add.message)
                    );
                    opaques.insert(add.opaque, own.opaque);
                    assert_eq!(streams.poll_send(), None);
                }
                DcpRequest::CloseStream(close) if seen.by_proxy && side == Side::Consumer => {
                    assert!(wanted.remove(&close.vbucket));
                    streams.close(close.vbucket, seen.time).unwrap();
                    while let Some(sent) = streams.poll_send() {
                        let DcpRequest::CloseStream(own) = sent.request else {
                            panic!("{sent:?}")
                        };
                        assert_eq!(own.vbucket, close.vbucket);
                        match sent.to {
                            Side::Consumer => opaques.insert(close.opaque, own.opaque),
                            Side::Producer => to_producer.insert(close.vbucket, own.opaque),
                        };
                    }
                }
                // In life it had waited for the consumer's answer.
                DcpRequest::CloseStream(close) if seen.by_proxy => {
                    opaques.insert(close.opaque, to_producer.remove(&close.vbucket).unwrap());
                }
                _ if seen.by_proxy => {
                    passed.in_life[towards(side)].extend(is_shown.then(|| seen.packet.clone()));
                }
                _ if is_shown => {
                    if let DcpRequest::StreamRequest(request) = &request {
                        requests
                            .entry(request.vbucket)
                            .or_default()
                            .push(request.opaque);
                    }
                    assert_eq!(streams.on_request(side, &request), Ok(Verdict::Pass));
                    passed.here[towards(side.other())].push(seen.packet.clone());
                    if let DcpRequest::StreamEnd(end) = &request {
                        let known = streams.state(end.vbucket);
                        late_ends += usize::from(known == Some(State::Closed));
                    }
                }
                _ => {}
            }
        }
        if let Some(outcome) = streams.poll_outcome() {
            assert!(outcome.is_success(), "{outcome:?}");
            assert_eq!(outcome.end, CallEnd::Answered);
            calls.push(outcome.call);
        }
    }

    use Call::{Close, SetUp};
    let expected = [SetUp; 8]
        .into_iter()
        .chain([Close, SetUp, Close, SetUp, Close, Close]);
    assert!(calls.iter().copied().eq(expected), "{calls:?}");
    assert!(streams.open().eq([1, 2, 3, 4, 6, 7]));
    assert!(streams.open().eq(wanted.iter().copied()));
    // The rollback: the same opaque twice, under one ADD_STREAM.
    let [first, again, repeated] = requests[&4][..] else {
        panic!("{requests:?}")
    };
    assert_eq!(again, repeated);
    assert_ne!(first, again);
    assert_eq!(streams.stream_opaque(4), Some(again));
    // Every stream that was closed had its end after both sides had answered.
    assert_eq!(late_ends, 4);
    passed.assert_same();
}

#[test]
fn two_vbuckets_are_taken_over() {
    let packets = packets();
    let proxies = proxies(&packets);
    let mut taken = Vec::new();
    for name in [
        "replication:n_0->n_1:rep:takeover",
        "replication:n_0->n_1:rep:takeover2",
    ] {
        let (consumer, producer) = proxies[name];
        let mut takeover = Takeover::new(takeover::Config::default());
        let mut opaques = Opaques::new();
        let mut passed = Passed::default();
        let mut states = Vec::new();
        for seen in &packets {
            let side = match seen.connection {
                it if it == consumer => Side::Consumer,
                it if it == producer => Side::Producer,
                _ => continue,
            };
            let opcode = seen.packet.header().opcode().unwrap();
            if !Takeover::OPCODES.contains(&opcode) {
                continue;
            }
            let view = seen.packet.view();
            let verdict = if seen.packet.header().magic().is_response() {
                let answer = DcpResponse::read(view).unwrap();
                if seen.by_proxy {
                    passed.in_life[towards(side)].push(seen.packet.clone());
                    continue;
                }
                let answer = translated(answer, &opaques);
                let verdict = takeover.on_response(side, &answer, seen.time).unwrap();
                if let Some(outcome) = takeover.poll_outcome() {
                    assert_eq!(outcome.result, Ok(()));
                    // Not before the very answer that says so.
                    let DcpResponse::SetVbucketState(answer) = answer else {
                        panic!("{answer:?}")
                    };
                    assert_eq!(answer.status, Status::SUCCESS);
                    let [only] = outcome.tries else {
                        panic!("{outcome:?}")
                    };
                    assert_eq!(only.stream_opaque, Some(answer.opaque));
                    assert_eq!(only.state, Some(VbucketState::ACTIVE));
                    taken.push(outcome.vbucket);
                }
                verdict
            } else {
                let request = DcpRequest::read(view).unwrap();
                match request {
                    DcpRequest::AddStream(add) if seen.by_proxy => {
                        takeover.start(add.vbucket, seen.time).unwrap();
                        let sent = takeover.poll_send().unwrap();
                        let DcpRequest::AddStream(own) = sent.request else {
                            panic!("{sent:?}")
                        };
                        assert_eq!((sent.to, own.vbucket), (side, add.vbucket));
                        assert_eq!(own.message.flags, StreamFlags::TAKE_OVER);
                        assert_eq!(own.message, add.message);
                        opaques.insert(add.opaque, own.opaque);
                        continue;
                    }
                    _ if seen.by_proxy => {
                        passed.in_life[towards(side)].push(seen.packet.clone());
                        continue;
                    }
                    _ => takeover.on_request(side, &request, seen.time).unwrap(),
                }
            };
            if states.last() != Some(&takeover.state()) {
                states.push(takeover.state());
            }
            if verdict == Verdict::Pass {
                passed.here[towards(side.other())].push(seen.packet.clone());
            } else {
                assert_eq!(opcode, Opcode::DCP_ADD_STREAM);
            }
            assert_eq!(takeover.poll_send(), None);
        }
        use takeover::State::{Acknowledged, Idle, Streaming};
        assert_eq!(states, [Streaming, Acknowledged, Idle]);
        passed.assert_same();
    }
    assert_eq!(taken, [0, 5]);
}
