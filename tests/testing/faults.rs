//! What goes wrong when it is told to.

use core::time::Duration;

use mcbp::dcp::{StreamRequest, StreamRequestReply};
use mcbp::testing::{Action, Bucket, Closing, Document, Node};
use mcbp::value::CollectionId;
use mcbp::{OpenFlags, Status, StreamFlags};

use super::client::{Client, status};

/// Three mutations in each of two vbuckets.
fn client(script: &str) -> Client {
    let mut bucket = Bucket::new("default", 0..2, 1);
    for key in ["a", "b", "c"] {
        for vbucket in 0..2 {
            bucket.set(vbucket, CollectionId::DEFAULT, key, Document::default());
        }
    }
    let mut client = Client::open(Node::new(bucket), &[], OpenFlags::empty());
    client.node.faults = script.parse().expect("a script");
    client
}

const HEALTHY: [&str; 5] = [
    "marker 0..3 0x5",
    "mutation 1 a",
    "mutation 2 b",
    "mutation 3 c",
    "end OK",
];

#[test]
fn dropped() {
    let mut client = client("drop DCP_MUTATION after=1");
    client.stream(0, 3);
    let without_b = [HEALTHY[0], HEALTHY[1], HEALTHY[3], HEALTHY[4]];
    assert_eq!(client.taken(), without_b);
    client.stream(1, 3);
    assert_eq!(client.taken(), HEALTHY, "once");
    assert_eq!(client.node.faults.happened(), 1);
}

#[test]
fn delayed() {
    let mut client = client("delay 2s DCP_MUTATION after=1 vb=0");
    client.stream(0, 3);
    // What follows it in its stream waits, and no other stream does.
    assert_eq!(client.taken(), HEALTHY[..2]);
    client.stream(1, 3);
    assert_eq!(client.taken(), HEALTHY);
    client.wait(Duration::from_secs(1));
    assert!(client.taken().is_empty());
    client.wait(Duration::from_secs(1));
    assert_eq!(client.taken(), HEALTHY[2..]);
}

#[test]
fn repeated() {
    let mut client = client("repeat DCP_MUTATION");
    client.stream(0, 2);
    let expected = [
        "marker 0..2 0x5",
        "mutation 1 a",
        "mutation 1 a",
        "mutation 2 b",
        "end OK",
    ];
    assert_eq!(client.taken(), expected);
}

#[test]
fn of_another_opaque() {
    let mut client = client("opaque DCP_MUTATION");
    let opaque = client.stream(0, 2).header().opaque();
    let opaques: Vec<_> = client
        .packets()
        .iter()
        .map(|packet| packet.header().opaque())
        .collect();
    assert_eq!(opaques, [opaque, !opaque, opaque, opaque]);
}

#[test]
fn cut_off() {
    let mut client = client("cut 30 DCP_MUTATION after=1");
    let request = mcbp::Request {
        opaque: 99,
        ..mcbp::Request::from(StreamRequest {
            end_seqno: 3,
            ..StreamRequest::default()
        })
    };
    let mut bytes = bytes::BytesMut::new();
    request.encode(&mut bytes).expect("room");
    let packet = mcbp::Decoder::default().decode(&mut bytes);
    let packet = packet.expect("a packet").expect("a whole packet");
    let Client {
        node, connection, ..
    } = &mut client;
    connection.on_packet(node, packet.view(), Duration::ZERO);
    let actions: Vec<_> = core::iter::from_fn(|| connection.poll(node, Duration::ZERO)).collect();
    let [.., Action::SendCut(cut), Action::Close(Closing::Fault)] = &actions[..] else {
        panic!("{actions:?}");
    };
    // The answer, the marker, the first mutation, and 30 bytes of the second.
    assert_eq!(actions.len(), 5);
    assert_eq!((cut.len(), &cut[..2]), (30, &b"\x80\x57"[..]));
}

#[test]
fn closed() {
    let mut client = client("close any after=2");
    client.stream(0, 3);
    assert_eq!(client.taken(), HEALTHY[..1]);
    assert_eq!(client.closed, Some(Closing::Fault));
    let mut client = client.reconnect();
    client.set_up(&[], OpenFlags::PRODUCER, "");
    client.stream(0, 3);
    assert_eq!(client.taken(), HEALTHY, "once");
}

#[test]
fn ended() {
    for reason in [
        "STATE_CHANGED",
        "DISCONNECTED",
        "SLOW",
        "BACKFILL_FAIL",
        "ROLLBACK",
        "FILTER_EMPTY",
        "LOST_PRIVILEGES",
    ] {
        let mut client = client(&format!("end {reason} DCP_MUTATION after=1"));
        client.stream(0, 3);
        let end = format!("end {reason}");
        let expected = [HEALTHY[0], HEALTHY[1], &end];
        assert_eq!(client.taken(), expected);
        // It is gone.
        assert_eq!(status(&client.stream(0, 3)), Status::SUCCESS);
    }
}

#[test]
fn ended_instead_of_an_answer() {
    let mut client = client("end OK DCP_STREAM_REQ");
    let request = StreamRequest {
        end_seqno: 3,
        ..StreamRequest::default()
    };
    client.send(mcbp::Request::from(request));
    assert_eq!(client.taken(), ["end OK"]);
}

#[test]
fn refused() {
    let mut client = client("refuse ETMPFAIL DCP_STREAM_REQ takeover times=2");
    let takeover = StreamRequest {
        flags: StreamFlags::TAKE_OVER,
        end_seqno: u64::MAX,
        ..StreamRequest::default()
    };
    assert_eq!(status(&client.stream(1, 3)), Status::SUCCESS);
    for expected in [Status::ETMPFAIL, Status::ETMPFAIL, Status::SUCCESS] {
        assert_eq!(status(&client.ask(0, takeover)), expected);
    }
}

#[test]
fn rolled_back() {
    let mut client = client("rollback 2 DCP_STREAM_REQ vb=1");
    assert_eq!(status(&client.stream(0, 3)), Status::SUCCESS);
    let answer = client.stream(1, 3);
    let reply = answer.view().response::<StreamRequestReply<'_>>();
    let reply = reply.expect("an answer").reply;
    assert_eq!(reply, StreamRequestReply::Rollback { seqno: 2 });
    assert_eq!(status(&client.stream(1, 3)), Status::SUCCESS);
}
