//! Streams that are not to be had, as nodes refuse them.

use mcbp::dcp::{Open, StreamRequest, StreamRequestReply};
use mcbp::testing::{Bucket, Document, Node, Release};
use mcbp::value::CollectionId;
use mcbp::{Feature, OpenFlags, Status, StreamFlags, VbucketState};

use super::client::{Client, FEATURES, status};

/// A vbucket with seqnos up to 10.
fn bucket() -> Bucket {
    let mut bucket = Bucket::new("default", [0], 1);
    for number in 0..10 {
        let key = format!("key-{number}");
        bucket.set(0, CollectionId::DEFAULT, key, Document::default());
    }
    bucket
}

fn client() -> Client {
    Client::open(Node::new(bucket()), FEATURES, OpenFlags::empty())
}

/// A request to go on after this seqno.
fn after(client: &Client, seqno: u64) -> StreamRequest<'static> {
    StreamRequest {
        start_seqno: seqno,
        end_seqno: u64::MAX,
        vbucket_uuid: client.node.bucket.vbucket(0).map_or(0, |own| own.uuid()),
        snapshot_start_seqno: seqno,
        snapshot_end_seqno: seqno,
        ..StreamRequest::default()
    }
}

#[track_caller]
fn assert_rollback(client: &mut Client, request: StreamRequest<'_>, to: u64) {
    let answer = client.ask(0, request);
    let reply = answer.view().response::<StreamRequestReply<'_>>();
    let reply = reply.expect("an answer").reply;
    assert_eq!(reply, StreamRequestReply::Rollback { seqno: to });
}

#[test]
fn rollbacks() {
    let mut client = client();
    let request = after(&client, 5);
    let wrong = StreamRequest {
        vbucket_uuid: 0xbad,
        ..request
    };
    assert_rollback(&mut client, wrong, 0);
    let beyond = after(&client, 11);
    assert_rollback(&mut client, beyond, 10);
    let strict = StreamRequest {
        flags: StreamFlags::STRICT_VB_UUID,
        vbucket_uuid: 0xbad,
        ..after(&client, 0)
    };
    assert_rollback(&mut client, strict, 0);
    // Without the flag, a wrong branch does not matter at the start.
    let wrong = StreamRequest {
        flags: StreamFlags::empty(),
        ..strict
    };
    assert_eq!(status(&client.ask(0, wrong)), Status::SUCCESS);
}

#[test]
fn failed_over() {
    let mut client = client();
    let (seen_7, seen_5) = (after(&client, 7), after(&client, 5));
    let in_snapshot = StreamRequest {
        snapshot_start_seqno: 4,
        snapshot_end_seqno: 8,
        ..seen_5
    };
    client.node.bucket.fail_over(0, 6);
    assert_rollback(&mut client, seen_7, 6);
    assert_rollback(&mut client, in_snapshot, 4);
    assert_eq!(status(&client.ask(0, seen_5)), Status::SUCCESS);
    let log = client.node.bucket.vbucket(0).map(|own| own.failover_log());
    assert_eq!(log.map(<[_]>::len), Some(2));
}

#[test]
fn purged() {
    let mut client = client();
    client.node.bucket.purge(0, 8);
    let request = after(&client, 5);
    assert_rollback(&mut client, request, 0);
    let request = after(&client, 8);
    assert_eq!(status(&client.ask(0, request)), Status::SUCCESS);
}

#[test]
fn in_the_order_of_the_node() {
    let mut client = client();
    let ask = |client: &mut Client, vbucket, request| status(&client.ask(vbucket, request));
    let request = after(&client, 5);
    assert_eq!(ask(&mut client, 9, request), Status::NOT_MY_VBUCKET);
    let backwards = StreamRequest {
        end_seqno: 4,
        ..request
    };
    assert_eq!(ask(&mut client, 0, backwards), Status::ERANGE);
    let outside = StreamRequest {
        snapshot_start_seqno: 6,
        snapshot_end_seqno: 7,
        ..request
    };
    assert_eq!(ask(&mut client, 0, outside), Status::ERANGE);
    for (filter, expected) in [
        (r#"{"nothing":1}"#, Status::EINVAL),
        ("{", Status::EINVAL),
        (r#"{"collections":["0"],"scope":"0"}"#, Status::EINVAL),
        (r#"{"collections":["99"]}"#, Status::UNKNOWN_COLLECTION),
        (r#"{"scope":"99"}"#, Status::UNKNOWN_SCOPE),
        (r#"{"sid":5}"#, Status::DCP_STREAM_ID_INVALID),
        (r#"{"sid":0}"#, Status::DCP_STREAM_ID_INVALID),
    ] {
        let value = filter.into();
        let request = StreamRequest { value, ..request };
        assert_eq!(ask(&mut client, 0, request), expected, "{filter}");
    }
    assert_eq!(ask(&mut client, 0, request), Status::SUCCESS);
    assert_eq!(ask(&mut client, 0, request), Status::KEY_EEXISTS);
}

#[test]
fn unknown_collections_name_the_manifest() {
    let mut client = client();
    client.node.bucket.create_scope("shop");
    let answer = client.filtered(0, u64::MAX, r#"{"scope":"99"}"#);
    let value = answer.sections().value;
    let context = mcbp::value::ErrorContext::from_json(value.expose()).expect("JSON");
    assert_eq!(context.manifest_uid, Some(1));
}

#[test]
fn states_that_are_not_served() {
    for (state, flags, expected) in [
        (VbucketState::REPLICA, StreamFlags::empty(), Status::SUCCESS),
        (
            VbucketState::REPLICA,
            StreamFlags::ACTIVE_VB_ONLY,
            Status::NOT_MY_VBUCKET,
        ),
        (
            VbucketState::PENDING,
            StreamFlags::empty(),
            Status::NOT_MY_VBUCKET,
        ),
        (
            VbucketState::DEAD,
            StreamFlags::empty(),
            Status::NOT_MY_VBUCKET,
        ),
    ] {
        let mut client = client();
        client.node.bucket.set_state(0, state);
        let request = StreamRequest {
            flags,
            ..after(&client, 0)
        };
        assert_eq!(status(&client.ask(0, request)), expected, "{state}");
    }
}

#[test]
fn noops_come_first() {
    let mut client = Client::connect(Node::new(bucket()));
    client.set_up(FEATURES, OpenFlags::PRODUCER, "");
    assert_eq!(status(&client.stream(0, 10)), Status::NOT_SUPPORTED);
    assert_eq!(client.control("enable_noop", "true"), Status::SUCCESS);
    assert_eq!(status(&client.stream(0, 10)), Status::SUCCESS);
}

#[test]
fn unordered_execution() {
    let mut client = Client::connect(Node::new(bucket()));
    client.hello(&[Feature::UNORDERED_EXECUTION]);
    client.plain("user", "pencil");
    client.ask(
        0,
        mcbp::kv::SelectBucket {
            bucket: "default".into(),
        },
    );
    let open = Open {
        flags: OpenFlags::PRODUCER,
        name: "client".into(),
        ..Open::default()
    };
    assert_eq!(status(&client.ask(0, open)), Status::NOT_SUPPORTED);
}

#[test]
fn controls() {
    for (release, key, value, expected) in [
        (Release::V8_0, "set_noop_interval", "60", Status::SUCCESS),
        (
            Release::V8_0,
            "set_noop_interval",
            "0.100000",
            Status::SUCCESS,
        ),
        (Release::V8_0, "set_noop_interval", "0.01", Status::EINVAL),
        (
            Release::V7_2,
            "set_noop_interval",
            "0.100000",
            Status::EINVAL,
        ),
        (Release::V8_0, "set_noop_interval", "x", Status::EINVAL),
        (Release::V8_0, "max_marker_version", "2.2", Status::SUCCESS),
        (Release::V8_0, "max_marker_version", "2.0", Status::EINVAL),
        (Release::V7_2, "max_marker_version", "2.2", Status::EINVAL),
        (
            Release::V8_0,
            "flatbuffers_system_events",
            "false",
            Status::EINVAL,
        ),
        (
            Release::V8_0,
            "change_streams",
            "true",
            Status::NOT_SUPPORTED,
        ),
        (
            Release::V8_0,
            "stream_buffer_size",
            "1",
            Status::NOT_SUPPORTED,
        ),
        (
            Release::V8_0,
            "force_value_compression",
            "true",
            Status::EINVAL,
        ),
        (
            Release::V8_0,
            "include_deleted_user_xattrs",
            "true",
            Status::EINVAL,
        ),
        (Release::V8_0, "enable_noop", "no", Status::SUCCESS),
        (Release::V8_0, "set_priority", "highest", Status::EINVAL),
        (Release::V8_0, "no_such_control", "true", Status::EINVAL),
    ] {
        let mut client = client();
        client.node.release = release;
        assert_eq!(
            client.control(key, value),
            expected,
            "{release:?} {key} {value}"
        );
    }
}

#[test]
fn controls_that_exclude_each_other() {
    for (first, second) in [
        ("enable_stream_id", "enable_sync_writes"),
        ("enable_sync_writes", "enable_stream_id"),
    ] {
        let mut client = client();
        assert_eq!(client.control(first, "true"), Status::SUCCESS);
        assert_eq!(client.control(second, "true"), Status::NOT_SUPPORTED);
    }
}

#[test]
fn sync_replication_of_everything_only() {
    let mut client = client();
    client.control("enable_sync_writes", "true");
    client.control("consumer_name", "replica");
    let answer = client.filtered(0, u64::MAX, r#"{"collections":["0"]}"#);
    assert_eq!(status(&answer), Status::NOT_SUPPORTED);
    assert_eq!(status(&client.stream(0, u64::MAX)), Status::SUCCESS);
}
