//! A consumer without a socket: a plan, a cursor, a ledger and noops, and a scripted producer.
//!
//! `cargo run --example consumer`

#![allow(clippy::arithmetic_side_effects, reason = "an example may panic")]

use core::error::Error;
use core::time::Duration;

use mcbp::dcp::{
    BufferAcknowledgement, DcpRequest, DcpResponse, FailoverEntry, FailoverLog, Mutation, Noop,
    SnapshotMarker, StreamRequestReply,
};
use mcbp::track::flow::Sender;
use mcbp::track::negotiate::{MarkerVersion, Step, Wish};
use mcbp::track::resume::Progress;
use mcbp::track::{
    Checkpoint, ConsumerLedger, Cursor, Negotiated, Negotiation, NoopResponder, Plan, Wanted,
};
use mcbp::{
    Feature, Message, Metadata, Packet, Request, Response, SnapshotFlags, Status, StreamFlags,
};

const STREAM: u32 = 0xbeef;
const NOOP: u32 = 0x8196_9800;
const VBUCKET: u16 = 7;

fn main() -> Result<(), Box<dyn Error>> {
    let negotiated = negotiate()?;
    assert!(negotiated.collections && negotiated.expiry_opcode);
    assert_eq!(negotiated.marker_version, MarkerVersion::V1);

    // Nothing is stored yet.
    let (checkpoint, sent) = consume(Checkpoint::START, &negotiated)?;
    assert_eq!(sent.noops, [NOOP]);
    // A marker and three mutations are more than a fifth of the buffer; the fourth has to wait.
    assert_eq!(sent.acknowledged, [44 + 3 * 59, 59]);
    // The connection was lost in the middle of the snapshot.
    let expected = Checkpoint {
        vbucket_uuid: 0xfeed,
        seqno: 4,
        snapshot_start_seqno: 1,
        snapshot_end_seqno: 9,
        purge_seqno: 0,
    };
    assert_eq!(checkpoint, expected);

    // After a restart it goes on from there.
    let mut cursor = Cursor::new(checkpoint, negotiated.collections)?;
    let request = cursor.request(StreamFlags::empty(), u64::MAX, Metadata::default())?;
    assert_eq!(request.start_seqno, 4);
    assert_eq!(
        (request.snapshot_start_seqno, request.snapshot_end_seqno),
        (1, 9)
    );
    println!("resumed with {request:?}");
    Ok(())
}

/// What the consumer wants, and what this producer makes of it: it knows no markers 2.2.
fn negotiate() -> Result<Negotiated, Box<dyn Error>> {
    let plan = Plan::new(Wanted {
        collections: Wish::Required,
        buffer_size: 1000,
        ..Wanted::consumer("example".into())
    })?;
    let mut negotiation = Negotiation::new(plan);
    while let Some(planned) = negotiation.next_step() {
        let mut status = Status::SUCCESS;
        match planned.step {
            Step::Hello => {
                println!("HELLO {:?}", plan.features().collect::<Vec<_>>());
                negotiation.on_granted([Feature::XATTR, Feature::COLLECTIONS])?;
                continue;
            }
            Step::Authenticate => println!("SASL_AUTH"),
            Step::SelectBucket => println!("SELECT_BUCKET"),
            Step::Open(open) => println!("DCP_OPEN {:?} {:?}", open.name, open.flags),
            Step::Control(control) => {
                println!("DCP_CONTROL {}={}", control.key, control.value);
                if control.key == "max_marker_version" {
                    status = Status::EINVAL;
                }
            }
        }
        negotiation.on_answer(status)?;
    }
    negotiation
        .negotiated()
        .copied()
        .ok_or_else(|| "a step is unanswered".into())
}

/// What the consumer has sent.
#[derive(Default)]
struct Sent {
    noops: Vec<u32>,
    acknowledged: Vec<u32>,
}

/// Takes a stream until the producer has been silent for too long; returns what to store.
fn consume(
    checkpoint: Checkpoint,
    negotiated: &Negotiated,
) -> Result<(Checkpoint, Sent), Box<dyn Error>> {
    let mut now = Duration::ZERO;
    let mut sent = Sent::default();
    let mut cursor = Cursor::new(checkpoint, negotiated.collections)?;
    let mut ledger = ConsumerLedger::new(negotiated.buffer_size, now);
    let interval = negotiated.noop_interval.ok_or("no noops")?;
    let mut noops = NoopResponder::new(interval, now);

    cursor.request(StreamFlags::empty(), u64::MAX, Metadata::default())?;
    for packet in Packet::iter(&script()?) {
        let packet = packet?;
        now += Duration::from_millis(10);
        noops.on_packet(now);
        let bytes = ledger.on_packet(Sender::Producer, packet.header());
        if packet.header().magic().is_response() {
            if let DcpResponse::StreamRequest(reply) = DcpResponse::read(packet)? {
                assert_eq!(cursor.on_reply(&reply)?, Progress::Accepted);
            }
        } else {
            match DcpRequest::read(packet)? {
                DcpRequest::Noop(noop) => sent.noops.push(noops.on_noop(&noop, now).opaque),
                message => assert_eq!(cursor.on_message(&message)?, Progress::Taken),
            }
        }
        // Here it is stored, with the checkpoint, and only then acknowledged.
        ledger.on_processed(bytes)?;
        while let Some(BufferAcknowledgement { bytes }) = ledger.poll(now) {
            sent.acknowledged.push(bytes);
        }
    }
    let last = now;

    // Nothing comes any more: sleep from one timeout to the next.
    while noops.poll(now).is_ok() {
        let silence = noops.next_timeout();
        now = ledger
            .next_timeout()
            .map_or(silence, |ack| ack.min(silence));
        while let Some(BufferAcknowledgement { bytes }) = ledger.poll(now) {
            sent.acknowledged.push(bytes);
        }
    }
    assert_eq!(now, last + 2 * interval);
    assert_eq!(ledger.outstanding(), 0);
    cursor.on_closed();
    Ok((cursor.checkpoint(), sent))
}

/// What the producer sends: half a snapshot, with a noop in it.
fn script() -> Result<Vec<u8>, Box<dyn Error>> {
    let mut bytes = vec![];
    let log = FailoverEntry {
        vbucket_uuid: 0xfeed,
        seqno: 0,
    }
    .to_bytes();
    let log = FailoverLog::new(&log).ok_or("an empty log")?;
    let accepted = Response {
        opaque: STREAM,
        ..Response::from(StreamRequestReply::Accepted(log))
    };
    accepted.encode(&mut bytes)?;
    let marker = SnapshotMarker {
        start_seqno: 1,
        end_seqno: 9,
        flags: SnapshotFlags::MEMORY,
        v2: None,
    };
    of_stream(marker).encode(&mut bytes)?;
    for by_seqno in 1..=4 {
        let mutation = Mutation {
            by_seqno,
            rev_seqno: 1,
            key: "\0key".into(),
            ..Mutation::default()
        };
        if by_seqno == 3 {
            let noop = Request {
                opaque: NOOP,
                ..Request::from(Noop)
            };
            noop.encode(&mut bytes)?;
        }
        of_stream(mutation).encode(&mut bytes)?;
    }
    Ok(bytes)
}

fn of_stream<'a, M: Message<'a>>(message: M) -> Request<'a, M> {
    Request {
        opaque: STREAM,
        vbucket: VBUCKET,
        ..Request::from(message)
    }
}
