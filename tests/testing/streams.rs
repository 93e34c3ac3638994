//! What comes on a stream.

use mcbp::dcp::{CloseStream, DcpRequest, SnapshotMarkerV2Minor, StreamRequest};
use mcbp::testing::{Bucket, Document, Node, Release};
use mcbp::value::{CollectionId, ScopeId};
use mcbp::{Magic, OpenFlags, Request, Status, VbucketState};

use super::client::{Client, FEATURES, status, stream_id, word};

const DEFAULT: CollectionId = CollectionId::DEFAULT;

fn document() -> Document {
    Document {
        value: "{}".into(),
        ..Document::default()
    }
}

/// A vbucket: three changes on disk, three in memory.
fn bucket() -> Bucket {
    let mut bucket = Bucket::new("default", [0], 1);
    bucket.set(0, DEFAULT, "a", document());
    bucket.set(0, DEFAULT, "b", document());
    bucket.delete(0, DEFAULT, "a");
    bucket.persist();
    bucket.set(0, DEFAULT, "c", document());
    bucket.expire(0, DEFAULT, "b");
    bucket.set(0, DEFAULT, "d", document());
    bucket
}

fn plain() -> Client {
    Client::open(Node::new(bucket()), &[], OpenFlags::empty())
}

fn with_collections(bucket: Bucket) -> Client {
    Client::open(Node::new(bucket), FEATURES, OpenFlags::empty())
}

#[test]
fn disk_then_memory_then_what_is_new() {
    let mut client = plain();
    assert_eq!(status(&client.stream(0, u64::MAX)), Status::SUCCESS);
    // The first marker starts where the request's snapshot does; the first "a" is not seen.
    let expected = [
        "marker 0..3 0x6",
        "mutation 2 b",
        "deletion 3 a",
        "marker 4..6 0x5",
        "mutation 4 c",
        "deletion 5 b",
        "mutation 6 d",
    ];
    assert_eq!(client.taken(), expected);
    client.node.bucket.set(0, DEFAULT, "e", document());
    client.poll();
    assert_eq!(client.taken(), ["marker 7..7 0x5", "mutation 7 e"]);
}

#[test]
fn a_stream_ends_at_its_end() {
    let mut client = plain();
    client.stream(0, 4);
    let expected = [
        "marker 0..3 0x6",
        "mutation 2 b",
        "deletion 3 a",
        "marker 4..4 0x5",
        "mutation 4 c",
        "end OK",
    ];
    assert_eq!(client.taken(), expected);
}

#[test]
fn a_stream_resumes_within_a_snapshot() {
    let mut client = plain();
    let uuid = client.node.bucket.vbucket(0).map(|own| own.uuid());
    let request = StreamRequest {
        start_seqno: 2,
        end_seqno: 6,
        vbucket_uuid: uuid.expect("a vbucket"),
        snapshot_start_seqno: 0,
        snapshot_end_seqno: 3,
        ..StreamRequest::default()
    };
    assert_eq!(status(&client.ask(0, request)), Status::SUCCESS);
    assert_eq!(client.taken()[..2], ["marker 0..3 0x6", "deletion 3 a"]);
}

#[test]
fn expirations_need_a_control_and_a_flag() {
    for (flags, control, expected) in [
        (OpenFlags::empty(), "true", "deletion 5 b"),
        (OpenFlags::INCLUDE_DELETE_TIMES, "false", "deletion 5 b"),
        (OpenFlags::INCLUDE_DELETE_TIMES, "true", "expiration 5 b"),
    ] {
        let mut client = Client::open(Node::new(bucket()), &[], flags);
        assert_eq!(
            client.control("enable_expiry_opcode", control),
            Status::SUCCESS
        );
        client.stream(0, 6);
        assert!(client.taken().contains(&expected.to_owned()));
    }
}

/// The table of reference 6.7.
#[test]
fn marker_versions() {
    let sync: &[_] = &["enable_sync_writes"];
    let replication: &[_] = &["enable_sync_writes", "consumer_name"];
    for (controls, is_new, memory, disk) in [
        (&[][..], false, None, None),
        (&[], true, None, Some(2)),
        (sync, false, None, None),
        (replication, false, Some(0), Some(0)),
        (replication, true, Some(0), Some(2)),
    ] {
        let mut client = with_collections(bucket());
        for control in controls {
            assert_eq!(client.control(control, "true"), Status::SUCCESS);
        }
        if is_new {
            assert_eq!(client.control("max_marker_version", "2.2"), Status::SUCCESS);
        }
        client.stream(0, 6);
        let packets = client.packets();
        let mut minors = packets.iter().filter_map(|packet| {
            let DcpRequest::SnapshotMarker(marker) = DcpRequest::read(packet.view()).ok()? else {
                return None;
            };
            Some(marker.message.v2.map(|v2| match v2.minor {
                SnapshotMarkerV2Minor::V2_0 => 0,
                SnapshotMarkerV2Minor::V2_1 { .. } => 1,
                SnapshotMarkerV2Minor::V2_2 { .. } => 2,
            }))
        });
        assert_eq!(minors.next(), Some(disk), "{controls:?} {is_new}");
        assert_eq!(minors.next(), Some(memory), "{controls:?} {is_new}");
        assert_eq!(minors.next(), None);
    }
}

/// A durable write that is committed, and one that is aborted.
fn durable() -> Bucket {
    let mut bucket = Bucket::new("default", [0], 1);
    bucket.prepare(0, DEFAULT, "a", document());
    bucket.commit(0, DEFAULT, "a");
    bucket.prepare(0, DEFAULT, "b", document());
    bucket.abort(0, DEFAULT, "b");
    bucket
}

#[test]
fn durable_writes_for_those_who_ask() {
    let mut client = with_collections(durable());
    assert_eq!(
        client.control("enable_sync_writes", "true"),
        Status::SUCCESS
    );
    client.stream(0, 4);
    // A prepare and its abort are not of one checkpoint.
    let expected = [
        "marker 0..3 0x5",
        "prepare 1 \0a",
        "commit 2 of 1",
        "prepare 3 \0b",
        "marker 4..4 0x5",
        "abort 4 of 3",
        "end OK",
    ];
    assert_eq!(client.taken(), expected);
}

#[test]
fn durable_writes_for_all_others() {
    let mut client = with_collections(durable());
    client.stream(0, 4);
    let expected = [
        "marker 0..2 0x5",
        "mutation 2 \0a",
        "marker 4..4 0x5",
        "advanced 4",
        "end OK",
    ];
    assert_eq!(client.taken(), expected);
    let mut client = Client::open(Node::new(durable()), &[], OpenFlags::empty());
    client.stream(0, 4);
    assert_eq!(
        client.taken(),
        ["marker 0..2 0x5", "mutation 2 a", "end OK"]
    );
}

#[test]
fn what_is_done_is_not_on_disk() {
    let mut bucket = durable();
    bucket.persist();
    let mut client = with_collections(bucket);
    client.control("enable_sync_writes", "true");
    client.stream(0, 4);
    let expected = [
        "marker 0..4 0x6",
        "mutation 2 \0a",
        "abort 4 of 3",
        "end OK",
    ];
    assert_eq!(client.taken(), expected);
}

/// Two collections, a document in each.
fn collections() -> (Bucket, ScopeId, CollectionId) {
    let mut bucket = Bucket::new("default", [0], 1);
    let scope = bucket.create_scope("shop");
    let beer = bucket.create_collection(scope, "beer", Some(60));
    let beer = beer.expect("there is the scope");
    bucket.set(0, DEFAULT, "a", document());
    bucket.set(0, beer, "b", document());
    (bucket, scope, beer)
}

#[test]
fn system_events_in_both_versions() {
    for (flatbuffers, scope, collection) in [
        (false, "CREATE_SCOPE v0 shop", "CREATE_COLLECTION v1 beer"),
        (true, "CREATE_SCOPE v2 shop", "CREATE_COLLECTION v2 beer"),
    ] {
        let (bucket, ..) = collections();
        let mut client = with_collections(bucket);
        if flatbuffers {
            client.control("flatbuffers_system_events", "true");
        }
        client.stream(0, 4);
        let expected = [
            "marker 0..4 0x5",
            scope,
            collection,
            "mutation 3 \0a",
            "mutation 4 \u{8}b",
            "end OK",
        ];
        assert_eq!(client.taken(), expected);
    }
}

#[test]
fn filtered_streams() {
    let (mut bucket, scope, beer) = collections();
    bucket.set(0, DEFAULT, "c", document());
    let mut client = with_collections(bucket);
    let answer = client.filtered(0, u64::MAX, r#"{"collections":["8"]}"#);
    assert_eq!(status(&answer), Status::SUCCESS);
    // From memory the marker ends with the last that is shown.
    let expected = [
        "marker 0..4 0x5",
        "CREATE_COLLECTION v1 beer",
        "mutation 4 \u{8}b",
    ];
    assert_eq!(client.taken(), expected);
    client.node.bucket.set(0, DEFAULT, "d", document());
    client.poll();
    assert_eq!(client.taken(), ["marker 6..6 0x5", "advanced 6"]);
    client.node.bucket.drop_collection(beer);
    client.poll();
    let expected = [
        "marker 7..7 0x5",
        "DELETE_COLLECTION v0 ",
        "end FILTER_EMPTY",
    ];
    assert_eq!(client.taken(), expected);
    client.node.bucket.drop_scope(scope);
    let answer = client.filtered(0, u64::MAX, r#"{"scope":"8"}"#);
    assert_eq!(status(&answer), Status::UNKNOWN_SCOPE);
}

#[test]
fn a_client_without_collections_sees_the_default_one() {
    let (bucket, ..) = collections();
    let mut client = Client::open(Node::new(bucket), &[], OpenFlags::empty());
    client.stream(0, 4);
    assert_eq!(
        client.taken(),
        ["marker 0..3 0x5", "mutation 3 a", "end OK"]
    );
}

#[test]
fn of_no_collections_at_all() {
    for (release, expected) in [
        (Release::V7_2, &["marker 0..4 0x5", "advanced 4"][..]),
        (Release::V8_0, &["end FILTER_EMPTY"]),
    ] {
        let (bucket, ..) = collections();
        let mut client = with_collections(bucket);
        client.node.release = release;
        client.filtered(0, u64::MAX, r#"{"collections":[]}"#);
        assert_eq!(client.taken(), expected);
    }
}

#[test]
fn out_of_order() {
    for (control, advanced) in [("true", false), ("true_with_seqno_advanced", true)] {
        let (mut bucket, _, beer) = collections();
        bucket.set(0, beer, "A", document());
        bucket.set(0, DEFAULT, "z", document());
        bucket.persist();
        let mut client = with_collections(bucket);
        let set = client.control("enable_out_of_order_snapshots", control);
        assert_eq!(set, Status::SUCCESS);
        client.filtered(0, u64::MAX, r#"{"collections":["8"]}"#);
        let mut expected = vec![
            "oso 1",
            "CREATE_COLLECTION v1 beer",
            "mutation 5 \u{8}A",
            "mutation 4 \u{8}b",
        ];
        expected.extend(advanced.then_some("advanced 6"));
        expected.push("oso 2");
        assert_eq!(client.taken(), expected);
        client.node.bucket.set(0, beer, "c", document());
        client.poll();
        assert_eq!(client.taken(), ["marker 7..7 0x5", "mutation 7 \u{8}c"]);
    }
}

#[test]
fn stream_ids() {
    let mut client = Client::open(
        Node::new(bucket()),
        FEATURES,
        OpenFlags::INCLUDE_DELETE_TIMES,
    );
    assert_eq!(client.control("enable_stream_id", "true"), Status::SUCCESS);
    for sid in [5, 6] {
        let answer = client.filtered(0, u64::MAX, &format!(r#"{{"sid":{sid}}}"#));
        assert_eq!(status(&answer), Status::SUCCESS);
        for packet in client.packets() {
            let message = DcpRequest::read(packet.view()).expect("a message");
            assert_eq!(message.framing_extras().stream_id(), Some(sid));
            // A node announces no framing extras with these two.
            let is_deletion = matches!(message, DcpRequest::Deletion(_));
            assert_eq!(packet.header().magic(), Magic::AltClientRequest);
            let announced = packet.header().lengths().framing_extras;
            assert_eq!(
                announced,
                if is_deletion { 0 } else { 3 },
                "{}",
                word(&packet)
            );
        }
    }
    let close = |info| Request {
        framing_extras: stream_id(info),
        ..Request::from(CloseStream)
    };
    let unknown = client.ask_with(close(&[0x22, 0, 7]));
    assert_eq!(status(&unknown), Status::DCP_STREAM_ID_INVALID);
    assert_eq!(
        status(&client.ask(0, CloseStream)),
        Status::DCP_STREAM_ID_INVALID
    );
    let closed = client.ask_with(close(&[0x22, 0, 5]));
    assert_eq!(status(&closed), Status::SUCCESS);
    client.node.bucket.set(0, DEFAULT, "e", document());
    client.poll();
    // Of one of the two.
    assert_eq!(client.taken(), ["marker 7..7 0x5", "mutation 7 \0e"]);
}

#[test]
fn keys_only() {
    for (release, expected) in [
        (Release::V7_2, ["mutation 2 b", "deletion 3 a"]),
        (Release::V8_0, ["mutation 2 b", "mutation 3 a"]),
    ] {
        let mut client = plain().reconnect();
        client.node.release = release;
        client.set_up(&[], OpenFlags::PRODUCER | OpenFlags::NO_VALUE, "");
        client.stream(0, 3);
        let packets = client.packets();
        assert_eq!(packets[1..3].iter().map(word).collect::<Vec<_>>(), expected);
        let has_cas = packets[1].header().cas() > 0;
        assert_eq!(has_cas, release == Release::V7_2);
        assert!(
            packets[1..3]
                .iter()
                .all(|packet| packet.sections().value.is_empty())
        );
    }
}

#[test]
fn closed_streams_end_if_that_was_asked_for() {
    let mut client = plain();
    client.stream(0, u64::MAX);
    client.packets();
    assert_eq!(status(&client.ask(0, CloseStream)), Status::SUCCESS);
    assert!(client.taken().is_empty());
    assert_eq!(status(&client.ask(0, CloseStream)), Status::KEY_ENOENT);
    client.control("send_stream_end_on_client_close_stream", "true");
    client.stream(0, u64::MAX);
    client.packets();
    client.send(Request::from(CloseStream));
    assert_eq!(client.taken(), ["DCP_CLOSE_STREAM SUCCESS", "end CLOSED"]);
}

#[test]
fn a_state_that_changes_ends_the_stream() {
    let mut client = plain();
    client.stream(0, u64::MAX);
    client.packets();
    client.node.bucket.set_state(0, VbucketState::DEAD);
    client.poll();
    assert_eq!(client.taken(), ["end STATE_CHANGED"]);
}
