//! The state machines of `mcbp::track` on what real data nodes did.

#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

use core::time::Duration;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::Path;

use mcbp::dcp::{
    BufferAcknowledgement, DcpRequest, DcpResponse, Noop, NoopReply, StreamRequest,
    StreamRequestReply,
};
use mcbp::track::answers::{Acknowledgement, Answers, Owner, StreamKind};
use mcbp::track::flow::{ConsumerLedger, ProducerLedger, Sender};
use mcbp::track::negotiate::{
    MarkerVersion, Negotiated, Negotiation, Plan, ServerVersion, Step, Wanted, Wish,
};
use mcbp::track::noop::{NoopResponder, NoopSender};
use mcbp::track::resume::{Checkpoint, Cursor, CursorViolation, Progress};
use mcbp::{Feature, Opcode, OpenFlags, Packet, Request, Response, Status};
use mcbp_cli::capture::{self, FrameReader, Reassembler};
use mcbp_cli::framing::{Found, Framing};

const CAPTURES: [&str; 4] = [
    "two-nodes.pcap",
    "durability.pcap",
    "producer-7.2.9.pcap",
    "producer-8.0.1.pcap",
];

/// A packet where and when it was seen.
struct Seen {
    connection: u64,
    /// Sent by the end that opened the connection: a client, or the proxy between two nodes.
    from_client: bool,
    time: Duration,
    packet: Packet,
}

impl Seen {
    fn request(&self) -> Option<DcpRequest<'_>> {
        let is_request = self.packet.header().magic().is_client_request();
        is_request
            .then(|| DcpRequest::read(self.packet.view()).ok())
            .flatten()
    }

    fn response(&self) -> Option<DcpResponse<'_>> {
        let is_response = self.packet.header().magic().is_client_response();
        is_response
            .then(|| DcpResponse::read(self.packet.view()).ok())
            .flatten()
    }
}

/// All packets of a capture in the order in which they were seen.
fn packets(name: &str) -> Vec<Seen> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/captures")
        .join(name);
    let mut frames = FrameReader::new(File::open(path).unwrap()).unwrap();
    let mut segments = Reassembler::default();
    let mut framing = Framing::default();
    let mut seen = vec![];
    let mut sink = |event: capture::Event<'_>| {
        framing.push(&event, &mut |place, found| {
            if let Found::Packet(packet) = found {
                let flow = place.flow.unwrap();
                seen.push(Seen {
                    connection: flow.connection.get(),
                    from_client: flow.from_initiator.unwrap(),
                    time: Duration::from_nanos(place.time_ns.unwrap()),
                    packet,
                });
            }
        });
    };
    while let Some(frame) = frames.next_frame().unwrap() {
        if let capture::Packet::Tcp(segment) = capture::Packet::from_frame(&frame) {
            segments.push(frame.time_ns, &segment, &mut sink);
        }
    }
    segments.finish(&mut sink);
    seen
}

/// The connections on which the client consumes, with what is known of them.
#[derive(Default)]
struct Connections(HashMap<u64, Connection>);

#[derive(Default, Clone)]
struct Connection {
    collections: bool,
    is_producer: bool,
}

impl Connections {
    fn of(packets: &[Seen]) -> Self {
        let mut connections = Self::default();
        for seen in packets {
            let connection = connections.0.entry(seen.connection).or_default();
            let header = seen.packet.header();
            if header.opcode() == Some(Opcode::HELLO) && header.status() == Some(Status::SUCCESS) {
                let features = seen.packet.sections().value.expose();
                connection.collections = features
                    .chunks_exact(2)
                    .any(|feature| feature == Feature::COLLECTIONS.0.to_be_bytes());
            }
            if let Some(DcpRequest::Open(open)) = seen.request() {
                connection.is_producer |= open.message.flags.contains(OpenFlags::PRODUCER);
            }
        }
        connections
    }
}

/// What a test needs of a value that two ends agreed on by control.
fn buffer_size(request: &DcpRequest<'_>) -> Option<u32> {
    let DcpRequest::Control(control) = request else {
        return None;
    };
    let is_it = control.message.key == "connection_buffer_size".into();
    is_it.then(|| control.message.value.to_string().parse().unwrap())
}

/// The acknowledgements of real consumers and of the scripted ones, and what the ledger of their
/// producer makes of them.
#[test]
fn no_consumer_acknowledges_more_than_the_ledger_has_counted() {
    let mut log = String::new();
    for name in CAPTURES {
        let packets = packets(name);
        let connections = Connections::of(&packets);
        let mut ledgers: BTreeMap<u64, ProducerLedger> = BTreeMap::new();
        for seen in packets {
            let Seen {
                connection, time, ..
            } = seen;
            if !connections.0[&connection].is_producer {
                continue;
            }
            let ledger = ledgers.entry(connection).or_insert(ProducerLedger::new(0));
            let header = seen.packet.header();
            if !seen.from_client {
                let may_send = ledger.may_send();
                let counted = ledger.on_packet(Sender::Producer, header, time);
                assert!(may_send || counted == 0, "{name} {connection}: {header:?}");
                continue;
            }
            assert_eq!(ledger.on_packet(Sender::Consumer, header, time), 0);
            let request = seen.request();
            if let Some(size) = request.as_ref().and_then(buffer_size) {
                ledger.set_buffer_size(size, time);
            }
            if let Some(DcpRequest::BufferAcknowledgement(ack)) = request {
                let surplus = ledger.on_acknowledgement(ack.message, time);
                let bytes = ack.message.bytes;
                let left = ledger.outstanding();
                log += &format!("{name} {connection}: {bytes}, {left} left, {surplus} too many\n");
            }
        }
    }
    // The scripts of the producers acknowledge all of it each time, and 0 and u32::MAX at last.
    let expected = "\
two-nodes.pcap 7: 13144, 4153 left, 0 too many
two-nodes.pcap 7: 13287, 0 left, 0 too many
two-nodes.pcap 7: 14176, 0 left, 0 too many
two-nodes.pcap 7: 13172, 0 left, 0 too many
two-nodes.pcap 7: 13458, 19332 left, 0 too many
two-nodes.pcap 7: 13139, 10292 left, 0 too many
two-nodes.pcap 7: 13416, 3880 left, 0 too many
two-nodes.pcap 7: 13251, 131 left, 0 too many
two-nodes.pcap 7: 13597, 7443 left, 0 too many
two-nodes.pcap 7: 13163, 302054 left, 0 too many
two-nodes.pcap 7: 302054, 0 left, 0 too many
two-nodes.pcap 7: 13855, 4697 left, 0 too many
two-nodes.pcap 12: 13407, 3402 left, 0 too many
two-nodes.pcap 10: 211, 0 left, 0 too many
two-nodes.pcap 12: 3455, 0 left, 0 too many
producer-7.2.9.pcap 75: 5, 0 left, 0 too many
producer-7.2.9.pcap 93: 1063, 0 left, 0 too many
producer-7.2.9.pcap 93: 2596, 0 left, 0 too many
producer-7.2.9.pcap 93: 1067, 0 left, 0 too many
producer-7.2.9.pcap 93: 401, 0 left, 0 too many
producer-7.2.9.pcap 93: 0, 0 left, 0 too many
producer-7.2.9.pcap 93: 4294967295, 0 left, 4294967295 too many
producer-8.0.1.pcap 74: 5, 0 left, 0 too many
producer-8.0.1.pcap 92: 1063, 0 left, 0 too many
producer-8.0.1.pcap 92: 2596, 0 left, 0 too many
producer-8.0.1.pcap 92: 1067, 0 left, 0 too many
producer-8.0.1.pcap 92: 433, 0 left, 0 too many
producer-8.0.1.pcap 92: 0, 0 left, 0 too many
producer-8.0.1.pcap 92: 4294967295, 0 left, 4294967295 too many
";
    assert_eq!(log, expected);
}

/// Connection 8 of two-nodes.pcap: the consumer of a server, and a ledger beside it that takes every
/// message as processed on receipt.
#[test]
fn the_ledger_acknowledges_what_the_consumer_of_a_server_does() {
    let mut ledger = ConsumerLedger::new(0, Duration::ZERO);
    let (mut expected, mut proposed) = (vec![], vec![]);
    for seen in packets("two-nodes.pcap") {
        if seen.connection != 8 {
            continue;
        }
        let request = seen.request();
        if let Some(size) = request.as_ref().and_then(buffer_size) {
            ledger.set_buffer_size(size, seen.time);
        }
        match request {
            Some(DcpRequest::BufferAcknowledgement(ack)) => expected.push(ack.message),
            // What the proxy itself asks is not the producer's.
            Some(DcpRequest::AddStream(_) | DcpRequest::CloseStream(_)) => {}
            _ if seen.from_client => {
                let bytes = ledger.on_packet(Sender::Producer, seen.packet.header());
                ledger.on_processed(bytes).unwrap();
            }
            _ => {}
        }
        while let Some(ack) = ledger.poll(seen.time) {
            proposed.push(ack);
        }
    }
    // It acknowledges when it is done with a batch, the ledger after each message: the first two
    // batches ended where the threshold was crossed.
    assert_eq!(expected[..2], proposed[..2]);
    let sum = |acks: &[BufferAcknowledgement]| acks.iter().map(|ack| u64::from(ack.bytes)).sum();
    let expected: u64 = sum(&expected);
    let proposed: u64 = sum(&proposed);
    assert_eq!(
        proposed + ledger.outstanding(),
        expected,
        "to the byte, prepares included"
    );
}

fn checkpoint(request: &StreamRequest<'_>) -> Checkpoint {
    Checkpoint {
        vbucket_uuid: request.vbucket_uuid,
        seqno: request.start_seqno,
        snapshot_start_seqno: request.snapshot_start_seqno,
        snapshot_end_seqno: request.snapshot_end_seqno,
        purge_seqno: 0,
    }
}

/// What the producer says of a stream, taken by its cursor.
fn follow(cursor: &mut Cursor, seen: &Seen) -> Result<Progress, CursorViolation> {
    if let Some(DcpResponse::StreamRequest(reply)) = seen.response() {
        return cursor.on_reply(&reply);
    }
    match seen.request() {
        Some(request) => cursor.on_message(&request),
        None => Ok(Progress::Irrelevant),
    }
}

/// No stream of a real producer violates anything; the requests that are refused here were refused
/// by it, with ERANGE.
#[test]
fn cursors_follow_every_stream() {
    let expected: [(&str, [u32; 6], &[&str]); 4] = [
        ("two-nodes.pcap", [12, 1, 0, 247, 628, 6], &[]),
        ("durability.pcap", [19, 0, 0, 60, 158, 1], &[]),
        (
            "producer-7.2.9.pcap",
            [53, 5, 23, 85, 1211, 31],
            &[
                "end 3 asked for, but already at 5",
                "seqno 5 is outside its snapshot 6..=7",
                "seqno 9 is outside its snapshot 6..=7",
            ],
        ),
        (
            "producer-8.0.1.pcap",
            [54, 5, 21, 71, 1161, 31],
            &[
                "end 3 asked for, but already at 5",
                "seqno 5 is outside its snapshot 6..=7",
                "seqno 9 is outside its snapshot 6..=7",
            ],
        ),
    ];
    for (name, expected, expected_refused) in expected {
        let packets = packets(name);
        let connections = Connections::of(&packets);
        let mut streams = BTreeMap::new();
        let mut refused = vec![];
        let mut counts = [0; 6];
        for seen in &packets {
            let connection = &connections.0[&seen.connection];
            if !connection.is_producer {
                continue;
            }
            let key = (seen.connection, seen.packet.header().opaque());
            if seen.from_client {
                let Some(DcpRequest::StreamRequest(request)) = seen.request() else {
                    continue;
                };
                streams.remove(&key);
                let StreamRequest {
                    flags,
                    end_seqno,
                    value,
                    ..
                } = request.message;
                let mut cursor =
                    match Cursor::new(checkpoint(&request.message), connection.collections) {
                        Ok(cursor) => cursor,
                        Err(invalid) => {
                            refused.push(invalid.to_string());
                            continue;
                        }
                    };
                match cursor.request(flags, end_seqno, value) {
                    // A script named a branch where there is nothing of it.
                    Ok(own) if own.vbucket_uuid == 0 => {
                        let vbucket_uuid = 0;
                        assert_eq!(
                            own,
                            StreamRequest {
                                vbucket_uuid,
                                ..request.message
                            }
                        );
                    }
                    Ok(own) => assert_eq!(own, request.message),
                    Err(violation) => {
                        refused.push(violation.to_string());
                        continue;
                    }
                }
                streams.insert(key, cursor);
                continue;
            }
            let Some(cursor) = streams.get_mut(&key) else {
                continue;
            };
            let index = match follow(cursor, seen).unwrap() {
                Progress::Accepted => 0,
                Progress::Rollback { .. } => 1,
                Progress::Refused(_) => 2,
                Progress::SnapshotComplete { .. } => 3,
                Progress::Taken => 4,
                Progress::Ended(_) => 5,
                Progress::Irrelevant => continue,
            };
            counts[index] += 1;
        }
        assert_eq!(counts, expected, "{name}");
        assert_eq!(refused, expected_refused, "{name}");
    }
}

/// Where a replica resumed, was rolled back or took over: the cursor of its vbucket asks the same.
#[test]
fn the_cursor_asks_as_the_replica_did() {
    let packets = packets("two-nodes.pcap");
    let connections = Connections::of(&packets);
    let mut vbuckets: BTreeMap<u16, Cursor> = BTreeMap::new();
    let mut streams = HashMap::new();
    let mut log = vec![];
    for seen in &packets {
        if !connections.0[&seen.connection].is_producer {
            continue;
        }
        let key = (seen.connection, seen.packet.header().opaque());
        match (seen.from_client, seen.request()) {
            (true, Some(DcpRequest::StreamRequest(request))) => {
                let vbucket = request.vbucket;
                streams.insert(key, vbucket);
                let asked = request.message;
                let own = vbuckets.get_mut(&vbucket).map(|cursor| {
                    cursor.on_closed();
                    cursor.request(asked.flags, asked.end_seqno, asked.value)
                });
                let as_asked = match own {
                    None => "new",
                    Some(own) if own == Ok(asked) => "as the cursor",
                    Some(_) => "otherwise",
                };
                log.push((vbucket, asked.start_seqno, as_asked));
                if as_asked != "as the cursor" {
                    let mut cursor = Cursor::new(checkpoint(&asked), true).unwrap();
                    cursor
                        .request(asked.flags, asked.end_seqno, asked.value)
                        .unwrap();
                    vbuckets.insert(vbucket, cursor);
                }
            }
            (false, _) => {
                if let Some(vbucket) = streams.get(&key) {
                    let cursor = vbuckets.get_mut(vbucket).unwrap();
                    follow(cursor, seen).unwrap();
                }
            }
            _ => {}
        }
    }
    let new = (0..8).map(|vbucket| (vbucket, 0, "new"));
    let later = [
        (3, 72, "as the cursor"),
        // It had been made active, and had written on a branch of its own.
        (4, 76, "otherwise"),
        // Told to roll back, it asked again.
        (4, 0, "as the cursor"),
        // A takeover.
        (0, 80, "as the cursor"),
        // The vbucket had been deleted.
        (5, 0, "otherwise"),
    ];
    assert_eq!(log, new.chain(later).collect::<Vec<_>>());
}

/// Both ends of every connection between a consumer and a producer.
#[test]
fn every_answer_has_its_owner() {
    let mut log = String::new();
    for name in ["two-nodes.pcap", "durability.pcap"] {
        let packets = packets(name);
        let connections = Connections::of(&packets);
        let mut ends: HashMap<(u64, bool), Answers> = HashMap::new();
        let mut requested = HashMap::new();
        let mut counts = BTreeMap::<_, u32>::new();
        for seen in &packets {
            if !connections.0[&seen.connection].is_producer {
                continue;
            }
            let opaque = (seen.connection, seen.packet.header().opaque());
            let sender = ends.entry((seen.connection, seen.from_client)).or_default();
            if let Some(request) = seen.request() {
                sender.on_sent(&request);
                if let DcpRequest::StreamRequest(request) = request {
                    requested.insert(opaque, request.vbucket);
                }
            }
            let Some(response) = seen.response() else {
                continue;
            };
            if let DcpResponse::StreamRequest(reply) = &response {
                if matches!(reply.reply, StreamRequestReply::Accepted(_)) {
                    sender.on_stream_opened(opaque.1, requested[&opaque], StreamKind::Active);
                }
            }
            if matches!(response, DcpResponse::Other(_) | DcpResponse::Open(_)) {
                continue;
            }
            let receiver = ends
                .entry((seen.connection, !seen.from_client))
                .or_default();
            let answer = receiver.on_answer(&response);
            let owner = match answer.owner {
                Owner::Stream { .. } => "a stream",
                Owner::Noop => "the noop",
                Owner::Control => "a control",
                Owner::StreamRequest { .. } => "a stream request",
                Owner::Nothing => "nothing",
            };
            let acknowledged = match answer.acknowledges {
                Some(Acknowledgement::Marker { left }) => format!(", marker, {left} left"),
                Some(Acknowledgement::State { left }) => format!(", state, {left} left"),
                Some(Acknowledgement::Noop) | None => String::new(),
            };
            let command = seen.packet.header().command();
            *counts
                .entry(format!("{command}: {owner}{acknowledged}"))
                .or_default() += 1;
        }
        for (answer, count) in counts {
            log += &format!("{name} {count} {answer}\n");
        }
    }
    let expected = "\
two-nodes.pcap 4 DCP_CLOSE_STREAM: nothing
two-nodes.pcap 42 DCP_CONTROL: a control
two-nodes.pcap 1 DCP_MUTATION: a stream
two-nodes.pcap 20 DCP_NOOP: the noop
two-nodes.pcap 4 DCP_SET_VBUCKET_STATE: a stream, state, 0 left
two-nodes.pcap 1 DCP_SNAPSHOT_MARKER: a stream, marker, 0 left
two-nodes.pcap 13 DCP_STREAM_REQ: a stream request
durability.pcap 1 DCP_CLOSE_STREAM: nothing
durability.pcap 116 DCP_CONTROL: a control
durability.pcap 8 DCP_GET_FAILOVER_LOG: nothing
durability.pcap 6 DCP_SEQNO_ACKNOWLEDGED: nothing
durability.pcap 19 DCP_STREAM_REQ: a stream request
";
    assert_eq!(log, expected);
}

/// The noops of real producers, by a sender beside them; the answers of their consumers, by a
/// responder.
#[test]
fn noops_and_their_answers() {
    let mut answered = 0;
    let mut unanswered = 0;
    for name in CAPTURES {
        let packets = packets(name);
        let connections = Connections::of(&packets);
        let mut ends: HashMap<u64, (NoopSender, NoopResponder)> = HashMap::new();
        for Seen {
            connection,
            from_client,
            time,
            packet,
        } in &packets
        {
            let header = packet.header();
            if !connections.0[connection].is_producer || header.opcode() != Some(Opcode::DCP_NOOP) {
                continue;
            }
            // The server's timer is a little early at times.
            let interval = Duration::from_millis(90);
            let (sender, responder) = ends.entry(*connection).or_insert_with(|| {
                let before = time.saturating_sub(interval);
                (
                    NoopSender::new(interval, before),
                    NoopResponder::new(interval, before),
                )
            });
            if *from_client != header.magic().is_response() {
                // Scripts sent what no end sends.
                continue;
            }
            if *from_client {
                let answer = packet.view().response::<NoopReply<'_>>().unwrap();
                if answer.status == Status::SUCCESS {
                    let noop = Request {
                        opaque: answer.opaque,
                        ..Request::from(Noop)
                    };
                    assert_eq!(responder.on_noop(&noop, *time), answer);
                }
                // The server counts in its own byte order.
                let opaque = answer.opaque.swap_bytes();
                sender
                    .on_answer(&Response { opaque, ..answer }, *time)
                    .unwrap();
                answered += 1;
            } else {
                let noop = packet.view().request::<Noop>().unwrap();
                let own = sender
                    .poll(*time)
                    .unwrap()
                    .expect("one at a time, not too early");
                assert_eq!(own.opaque.swap_bytes(), noop.opaque, "{name} {connection}");
            }
        }
        unanswered += ends
            .values()
            .filter(|(sender, _)| sender.under_way().is_some())
            .count();
    }
    // Four scripts left a noop unanswered, and were sent no other.
    assert_eq!((answered, unanswered), (70, 4));
}

/// The controls of a replica of release 7.2.9, and what its producer said to them.
#[test]
fn the_plan_is_that_of_the_replica() {
    let packets = packets("two-nodes.pcap");
    let wanted = Wanted {
        server: Some(ServerVersion(7, 2, 9)),
        name: "replication:n_0->n_1:rep".into(),
        flags: OpenFlags::INCLUDE_XATTRS
            | OpenFlags::INCLUDE_DELETE_TIMES
            | OpenFlags::INCLUDE_DELETED_USER_XATTRS,
        collections: Wish::Required,
        snappy: Wish::Required,
        noop_interval: Some(Duration::from_secs(1)),
        priority: Some("high".into()),
        cursor_dropping: Wish::IfPossible,
        hifi_mfu: Wish::IfPossible,
        stream_end_on_close: Wish::IfPossible,
        expiry_opcode: Wish::IfPossible,
        sync_writes: Wish::Required,
        consumer_name: Some("n_1".into()),
        v7_status_codes: Wish::IfPossible,
        flatbuffers_system_events: Wish::IfPossible,
        change_streams: Wish::IfPossible,
        buffer_size: 65536,
        ..Wanted::default()
    };
    let plan = Plan::new(wanted).unwrap();
    assert_eq!(plan.warnings().next(), None);

    // Connection 7 is that of the proxy to the producer; the replica's requests are passed on.
    let on_wire = || packets.iter().filter(|seen| seen.connection == 7);
    let mut sent: Vec<(String, String, u32)> = vec![];
    let mut answers: HashMap<u32, Status> = HashMap::new();
    let mut granted = vec![];
    let mut open = None;
    for seen in on_wire() {
        match (seen.request(), seen.response()) {
            (Some(DcpRequest::Control(control)), _) => sent.push((
                control.message.key.to_string(),
                control.message.value.to_string(),
                control.opaque,
            )),
            (Some(DcpRequest::Open(request)), _) => open = Some(request.message),
            (_, Some(DcpResponse::Control(reply))) => {
                answers.insert(reply.opaque, reply.status);
            }
            _ => {}
        }
        let header = seen.packet.header();
        if header.opcode() == Some(Opcode::HELLO) && header.status().is_some() {
            let features = seen.packet.sections().value.expose().chunks_exact(2);
            granted = features
                .map(|it| Feature(u16::from_be_bytes([it[0], it[1]])))
                .collect();
        }
    }
    // Release 8 moved the size of the buffer from the first place to the last.
    assert_eq!(sent[0].0, "connection_buffer_size");
    sent.rotate_left(1);

    let mut negotiation = Negotiation::new(plan);
    let mut sent = sent.into_iter();
    while let Some(planned) = negotiation.next_step() {
        match planned.step {
            Step::Hello => negotiation.on_granted(granted.iter().copied()).unwrap(),
            Step::Authenticate | Step::SelectBucket => {
                negotiation.on_answer(Status::SUCCESS).unwrap();
            }
            Step::Open(own) => {
                assert_eq!(Some(own), open);
                negotiation.on_answer(Status::SUCCESS).unwrap();
            }
            Step::Control(own) => {
                let (key, value, opaque) = sent.next().unwrap();
                assert_eq!((own.key, own.value.to_string()), (key.as_str(), value));
                negotiation.on_answer(answers[&opaque]).unwrap();
            }
        }
    }
    assert_eq!(sent.next(), None);
    let negotiated = negotiation.negotiated().unwrap();
    let expected = Negotiated {
        collections: true,
        xattrs: true,
        snappy: true,
        json: true,
        delete_times: true,
        expiry_opcode: true,
        deleted_user_xattrs: true,
        sync_writes: true,
        sync_replication: true,
        v7_status_codes: true,
        flatbuffers_system_events: true,
        // The storage keeps no history.
        change_streams: false,
        stream_end_on_close: true,
        marker_version: MarkerVersion::V2_0,
        buffer_size: 65536,
        noop_interval: Some(Duration::from_secs(1)),
        ..Negotiated::default()
    };
    assert_eq!(*negotiated, expected);
}
