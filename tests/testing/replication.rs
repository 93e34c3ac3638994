//! Two nodes, and a proxy between them that passes everything on.

use core::time::Duration;

use bytes::BytesMut;
use mcbp::dcp::{AddStream, AddStreamReply, CloseStream, DcpRequest, Mutation, StreamEnd};
use mcbp::testing::{Bucket, Change, Document, Mix, Node, Recipe, Release};
use mcbp::value::CollectionId;
use mcbp::{
    Decoder, Feature, Message, Opcode, OpenFlags, Packet, Request, Status, StreamEndReason,
    StreamFlags, VbucketState,
};

use super::client::{Client, FEATURES, status, word};

/// A replication connection: the driver's two sockets.
struct Proxy {
    consumer: Client,
    producer: Client,
    /// What the driver got: the answers to what it has sent itself.
    answers: Vec<Packet>,
    /// What went by, in a word each, with who sent it.
    log: Vec<String>,
}

/// A node with nothing but replicas.
fn replica(vbuckets: u16) -> Node {
    let mut bucket = Bucket::new("default", [], 2);
    for vbucket in 0..vbuckets {
        bucket.set_state(vbucket, VbucketState::REPLICA);
    }
    Node::new(bucket)
}

impl Proxy {
    fn new(producer: Node, consumer: Node) -> Self {
        let features = [FEATURES, &[Feature::SNAPPY]].concat();
        let (mut producer, mut consumer) = (Client::connect(producer), Client::connect(consumer));
        let flags = OpenFlags::INCLUDE_XATTRS | OpenFlags::INCLUDE_DELETE_TIMES;
        producer.set_up(&features, flags | OpenFlags::PRODUCER, "");
        let name = r#"{"consumer_name":"replica"}"#;
        consumer.set_up(&features, flags, name);
        Self {
            consumer,
            producer,
            answers: Vec::new(),
            log: Vec::new(),
        }
    }

    /// Passes everything on until nothing moves.
    fn run(&mut self) {
        loop {
            let mut moved = false;
            self.consumer.poll();
            for packet in self.consumer.packets() {
                moved = true;
                let header = *packet.header();
                let is_ours = matches!(
                    header.opcode(),
                    Some(Opcode::DCP_ADD_STREAM | Opcode::DCP_CLOSE_STREAM)
                );
                if is_ours {
                    self.answers.push(packet);
                } else {
                    self.log.push(format!("< {}", word_of(&packet)));
                    pass(&mut self.producer, &packet);
                }
            }
            self.producer.poll();
            for packet in self.producer.packets() {
                moved = true;
                self.log.push(format!("> {}", word_of(&packet)));
                pass(&mut self.consumer, &packet);
            }
            if !moved {
                return;
            }
        }
    }

    fn add(&mut self, vbucket: u16, flags: StreamFlags) -> Vec<Packet> {
        self.tell(vbucket, AddStream { flags })
    }

    /// Sends a message of the driver to the consumer.
    fn tell<'a>(&mut self, vbucket: u16, message: impl Message<'a>) -> Vec<Packet> {
        let request = Request {
            opaque: vbucket.into(),
            vbucket,
            ..Request::from(message)
        };
        let mut bytes = BytesMut::new();
        request.encode(&mut bytes).expect("a legal request");
        let packet = Decoder::default().decode(&mut bytes).expect("a packet");
        pass(&mut self.consumer, &packet.expect("a whole packet"));
        self.run();
        core::mem::take(&mut self.answers)
    }

    fn log(&mut self) -> Vec<String> {
        core::mem::take(&mut self.log)
    }
}

/// Requests of a consumer say more than what comes on a stream.
fn word_of(packet: &Packet) -> String {
    match DcpRequest::read(packet.view()) {
        Ok(DcpRequest::Control(control)) => {
            format!("{}={}", control.message.key, control.message.value)
        }
        Ok(DcpRequest::StreamRequest(request)) => {
            let message = request.message;
            format!("request from {}", message.start_seqno)
        }
        Ok(DcpRequest::SeqnoAcknowledged(ack)) => {
            format!("prepared {}", ack.message.prepared_seqno)
        }
        Ok(DcpRequest::BufferAcknowledgement(_)) => "acknowledged".to_owned(),
        Ok(DcpRequest::Other(_)) if packet.header().status().is_none() => {
            packet.header().command().to_string()
        }
        _ => word(packet),
    }
}

fn pass(to: &mut Client, packet: &Packet) {
    to.connection
        .on_packet(&mut to.node, packet.view(), Duration::ZERO);
    to.poll();
}

fn statuses(answers: &[Packet]) -> Vec<Status> {
    answers.iter().map(status).collect()
}

/// What a node holds, and where.
fn documents(node: &Node) -> Vec<(u16, Change)> {
    let vbuckets = node.bucket.vbuckets();
    vbuckets
        .flat_map(|(number, own)| own.documents().map(move |each| (number, each.clone())))
        .collect()
}

#[test]
fn a_replica_holds_what_the_active_does() {
    for (from, to) in [
        (Release::V8_0, Release::V8_0),
        (Release::V7_2, Release::V8_0),
        (Release::V8_0, Release::V7_2),
    ] {
        let recipe = Recipe {
            vbuckets: 4,
            items: 600,
            collections: 2,
            keys: 60,
            value_len: 300,
            ..Recipe::default()
        };
        let mut active = Node::new(recipe.bucket());
        let mut growth = recipe.growth(&active.bucket);
        let mut other = replica(4);
        (active.release, other.release) = (from, to);
        let mut proxy = Proxy::new(active, other);
        for vbucket in 0..4 {
            let answers = proxy.add(vbucket, StreamFlags::empty());
            assert_eq!(statuses(&answers), [Status::SUCCESS], "{:?}", proxy.log());
        }
        growth.grow(&mut proxy.producer.node.bucket, 100);
        proxy.run();
        assert_eq!((proxy.producer.closed, proxy.consumer.closed), (None, None));
        let mut expected = documents(&proxy.producer.node);
        // A commit from disk comes as the write that it was.
        let mut found = documents(&proxy.consumer.node);
        for (_, change) in expected.iter_mut().chain(&mut found) {
            change.kind = plain(change);
        }
        assert!(expected.len() > 200);
        assert!(expected == found, "{from:?} to {to:?}");
    }
}

/// What a commit comes to; the replica of a prepare has its CAS.
fn plain(change: &mut Change) -> mcbp::testing::ChangeKind {
    use mcbp::testing::ChangeKind;

    if let ChangeKind::Commit {
        document: Some(document),
        ..
    } = &change.kind
    {
        (change.cas, change.rev_seqno) = (0, 0);
        return ChangeKind::Mutation(document.clone());
    }
    if matches!(change.kind, ChangeKind::Mutation(_)) {
        (change.cas, change.rev_seqno) = (0, 0);
    }
    change.kind.clone()
}

fn document() -> Document {
    Document {
        value: "{}".into(),
        ..Document::default()
    }
}

/// One vbucket with one document.
fn active() -> Node {
    let mut bucket = Bucket::new("default", [0], 1);
    bucket.set(0, CollectionId::DEFAULT, "a", document());
    Node::new(bucket)
}

#[test]
fn silent_until_the_first_stream() {
    let mut proxy = Proxy::new(active(), replica(1));
    proxy.run();
    assert!(proxy.log().is_empty());
    proxy.add(0, StreamFlags::empty());
    let log = proxy.log();
    let asked: Vec<_> = log.iter().filter(|line| line.starts_with('<')).collect();
    let expected = [
        "< GET_ERROR_MAP",
        "< enable_noop=true",
        "< set_noop_interval=1.000000",
        "< set_priority=high",
        "< supports_cursor_dropping_vulcan=true",
        "< supports_hifi_MFU=true",
        "< send_stream_end_on_client_close_stream=true",
        "< enable_expiry_opcode=true",
        "< enable_sync_writes=true",
        "< consumer_name=replica",
        "< include_deleted_user_xattrs=true",
        "< v7_dcp_status_codes=true",
        "< flatbuffers_system_events=true",
        "< change_streams=true",
        "< max_marker_version=2.2",
        "< connection_buffer_size=10485760",
        "< request from 0",
    ];
    assert_eq!(asked, expected);
    // One at a time: each is answered before the next.
    assert!(log[..32].chunks(2).all(|pair| pair[1].starts_with('>')));
}

#[test]
fn an_older_consumer_does_not_wait_for_most_answers() {
    let mut old = replica(1);
    old.release = Release::V7_2;
    let mut proxy = Proxy::new(active(), old);
    let answers = proxy.add(0, StreamFlags::empty());
    assert_eq!(statuses(&answers), [Status::SUCCESS]);
    let log = proxy.log();
    let at_once = [
        "< connection_buffer_size=10485760",
        "< GET_ERROR_MAP",
        "< enable_noop=true",
        "< set_noop_interval=1",
        "< set_priority=high",
        "< supports_cursor_dropping_vulcan=true",
        "< supports_hifi_MFU=true",
        "< send_stream_end_on_client_close_stream=true",
        "< enable_expiry_opcode=true",
        "< enable_sync_writes=true",
    ];
    assert_eq!(log[..10], at_once);
    assert!(log[10..20].iter().all(|line| line.starts_with('>')));
    assert_eq!(log[20], "< consumer_name=replica");
    assert!(log[21].starts_with('>'));
}

#[test]
fn an_older_producer_takes_whole_seconds_only() {
    let mut old = active();
    old.release = Release::V7_2;
    let mut proxy = Proxy::new(old, replica(1));
    let answers = proxy.add(0, StreamFlags::empty());
    assert_eq!(statuses(&answers), [Status::SUCCESS]);
    let log = proxy.log();
    let intervals = log.iter().filter(|line| line.contains("interval"));
    let expected = ["< set_noop_interval=1.000000", "< set_noop_interval=1"];
    assert_eq!(intervals.collect::<Vec<_>>(), expected);
}

#[test]
fn the_answer_swaps_the_opaque() {
    let mut proxy = Proxy::new(active(), replica(1));
    let answers = proxy.add(0, StreamFlags::empty());
    let reply = answers[0].view().response::<AddStreamReply<'_>>();
    let opaque = reply.expect("an answer").reply.header_opaque();
    // The seventeenth request of the consumer.
    assert_eq!(opaque, Some(0x1100_0000));
}

#[test]
fn streams_that_cannot_be_added() {
    let mut proxy = Proxy::new(active(), replica(1));
    // Refused after it has waited for the negotiation.
    let answers = proxy.add(9, StreamFlags::empty());
    assert_eq!(statuses(&answers), [Status::NOT_MY_VBUCKET]);
    assert_eq!(answers[0].sections().extras, [0; 4]);
    assert_eq!(
        statuses(&proxy.add(0, StreamFlags::empty())),
        [Status::SUCCESS]
    );
    // Refused at once.
    for (vbucket, expected) in [(0, Status::KEY_EEXISTS), (9, Status::NOT_MY_VBUCKET)] {
        let answers = proxy.add(vbucket, StreamFlags::empty());
        assert_eq!(statuses(&answers), [expected]);
        assert!(answers[0].sections().extras.is_empty());
    }
    // Refused by the producer.
    let dead = VbucketState::DEAD;
    proxy.producer.node.bucket.set_state(1, dead);
    proxy
        .consumer
        .node
        .bucket
        .set_state(1, VbucketState::REPLICA);
    let answers = proxy.add(1, StreamFlags::empty());
    assert_eq!(statuses(&answers), [Status::NOT_MY_VBUCKET]);
    assert_ne!(answers[0].sections().extras, [0; 4]);
}

#[test]
fn closed_streams() {
    let mut proxy = Proxy::new(active(), replica(1));
    proxy.add(0, StreamFlags::empty());
    assert_eq!(statuses(&proxy.tell(0, CloseStream)), [Status::SUCCESS]);
    let again = proxy.tell(0, CloseStream);
    assert_eq!(statuses(&again), [Status::DCP_STREAM_NOT_FOUND]);
    proxy.log();
    // What the producer still sends is refused, and forgiven.
    let bucket = &mut proxy.producer.node.bucket;
    bucket.set(0, CollectionId::DEFAULT, "b", document());
    proxy.run();
    let refused = "< DCP_MUTATION DCP_STREAM_NOT_FOUND".to_owned();
    assert!(proxy.log().contains(&refused));
    // But not that it ends the stream as well.
    proxy.producer.send(Request::from(CloseStream));
    proxy.producer.poll();
    let [_answer, end] = &proxy.producer.packets()[..] else {
        panic!("an answer to the proxy, and an end for the consumer");
    };
    assert_eq!(word_of(end), "end CLOSED");
    pass(&mut proxy.consumer, end);
    proxy.run();
    assert!(proxy.log().is_empty());
    assert_eq!((proxy.producer.closed, proxy.consumer.closed), (None, None));
}

#[test]
fn rolled_back_replicas_ask_again_under_the_same_opaque() {
    let mut proxy = Proxy::new(active(), replica(1));
    for key in ["b", "c"] {
        let bucket = &mut proxy.producer.node.bucket;
        bucket.set(0, CollectionId::DEFAULT, key, document());
    }
    proxy.add(0, StreamFlags::empty());
    proxy.tell(0, CloseStream);
    let bucket = &mut proxy.producer.node.bucket;
    bucket.fail_over(0, 2);
    bucket.set(0, CollectionId::DEFAULT, "d", document());
    proxy.run();
    proxy.log();
    assert_eq!(
        statuses(&proxy.add(0, StreamFlags::empty())),
        [Status::SUCCESS]
    );
    let log = proxy.log();
    let expected = [
        "< request from 3",
        "> DCP_STREAM_REQ ROLLBACK",
        "< request from 2",
        "> DCP_STREAM_REQ SUCCESS",
        "> marker 2..3 0x5",
        "> mutation 3 \0d",
    ];
    assert_eq!(log, expected);
    let (own, other) = (&proxy.consumer.node.bucket, &proxy.producer.node.bucket);
    let uuid = |bucket: &Bucket| bucket.vbucket(0).map(|own| own.uuid());
    assert_eq!(uuid(own), uuid(other));
    assert_eq!(
        documents(&proxy.consumer.node),
        documents(&proxy.producer.node)
    );
}

#[test]
fn durable_writes_are_acknowledged() {
    let mut proxy = Proxy::new(active(), replica(1));
    proxy.add(0, StreamFlags::empty());
    proxy.log();
    let bucket = &mut proxy.producer.node.bucket;
    bucket.prepare(0, CollectionId::DEFAULT, "a", document());
    proxy.run();
    bucket_of(&mut proxy).commit(0, CollectionId::DEFAULT, "a");
    proxy.run();
    let expected = [
        "> marker 2..2 0x5",
        "> prepare 2 \0a",
        "< prepared 2",
        "> marker 3..3 0x5",
        "> commit 3 of 2",
    ];
    assert_eq!(proxy.log(), expected);
}

fn bucket_of(proxy: &mut Proxy) -> &mut Bucket {
    &mut proxy.producer.node.bucket
}

#[test]
fn durable_writes_leave_both_alike() {
    let persisted = [0, 37, 50, 100].into_iter().cycle();
    let recipes = (0..12).flat_map(|seed| [3, 60, u64::MAX].map(|keys| (seed, keys)));
    // Three and four: each has met each.
    for ((seed, keys), persisted) in recipes.zip(persisted) {
        let recipe = Recipe {
            vbuckets: 2,
            items: 240,
            keys,
            mix: Mix {
                durable: 2,
                ..Mix::default()
            },
            persisted,
            seed,
            ..Recipe::default()
        };
        let active = Node::new(recipe.bucket());
        let mut growth = recipe.growth(&active.bucket);
        let mut proxy = Proxy::new(active, replica(2));
        proxy.add(0, StreamFlags::empty());
        for changes in [1, 7, 50] {
            growth.grow(bucket_of(&mut proxy), changes);
            proxy.run();
            growth.grow(bucket_of(&mut proxy), changes);
            bucket_of(&mut proxy).persist();
            proxy.run();
        }
        // This one has all of it to catch up with.
        growth.grow(bucket_of(&mut proxy), 20);
        proxy.add(1, StreamFlags::empty());
        assert_alike(&mut proxy);
    }
}

/// Both hold the same, and neither has found fault with the other.
#[track_caller]
fn assert_alike(proxy: &mut Proxy) {
    told(proxy);
    assert_eq!((proxy.producer.closed, proxy.consumer.closed), (None, None));
    let [expected, found] = [&proxy.producer.node, &proxy.consumer.node].map(|node| {
        let mut documents = documents(node);
        for (_, change) in &mut documents {
            change.kind = plain(change);
        }
        documents
    });
    assert!(!expected.is_empty());
    assert!(expected == found);
}

/// What the producer has said lately, of its last stream: the consumer refused none of it, and
/// missed nothing.
#[track_caller]
fn told(proxy: &mut Proxy) -> Vec<String> {
    let mut log = proxy.log();
    let is_wrong = |line: &&String| line.starts_with("< DCP_") || line.starts_with("> advanced");
    assert_eq!(log.iter().find(is_wrong), None);
    log.retain(|line| line.starts_with('>'));
    let accepted = log
        .iter()
        .rposition(|line| line == "> DCP_STREAM_REQ SUCCESS");
    log.split_off(accepted.map_or(0, |at| at.saturating_add(1)))
}

/// The key of all that the next tests write durably.
const KEY: (u16, CollectionId, &str) = (0, CollectionId::DEFAULT, "a");

#[test]
fn a_commit_of_what_was_prepared_on_disk() {
    let (vbucket, collection, key) = KEY;
    let mut node = active();
    node.bucket.prepare(vbucket, collection, key, document());
    node.bucket.persist();
    // Done already when the stream begins, but not on disk.
    node.bucket.commit(vbucket, collection, key);
    let mut proxy = Proxy::new(node, replica(1));
    proxy.add(vbucket, StreamFlags::empty());
    let expected = [
        "> marker 0..2 0x6",
        "> mutation 1 \0a",
        "> prepare 2 \0a",
        "> marker 3..3 0x5",
        "> commit 3 of 2",
    ];
    assert_eq!(told(&mut proxy), expected);
    // Told from memory, and on disk before it is done.
    bucket_of(&mut proxy).prepare(vbucket, collection, key, document());
    proxy.run();
    bucket_of(&mut proxy).persist();
    bucket_of(&mut proxy).commit(vbucket, collection, key);
    proxy.run();
    let expected = [
        "> marker 4..4 0x5",
        "> prepare 4 \0a",
        "> marker 5..5 0x5",
        "> commit 5 of 4",
    ];
    assert_eq!(told(&mut proxy), expected);
    assert_alike(&mut proxy);
}

#[test]
fn a_commit_is_not_left_out_for_what_follows() {
    let (vbucket, collection, key) = KEY;
    let mut proxy = Proxy::new(active(), replica(1));
    proxy.add(vbucket, StreamFlags::empty());
    told(&mut proxy);
    let bucket = bucket_of(&mut proxy);
    bucket.set(vbucket, collection, key, document());
    bucket.prepare(vbucket, collection, key, document());
    bucket.commit(vbucket, collection, key);
    bucket.set(vbucket, collection, key, document());
    bucket.delete(vbucket, collection, key);
    proxy.run();
    let expected = [
        "> marker 2..3 0x5",
        "> mutation 2 \0a",
        "> prepare 3 \0a",
        "> marker 4..4 0x5",
        "> commit 4 of 3",
        "> marker 5..6 0x5",
        "> deletion 6 \0a",
    ];
    assert_eq!(told(&mut proxy), expected);
    assert_alike(&mut proxy);
}

#[test]
fn what_is_on_disk_ends_a_durable_write() {
    let (vbucket, collection, key) = KEY;
    let mut proxy = Proxy::new(active(), replica(1));
    proxy.add(vbucket, StreamFlags::empty());
    bucket_of(&mut proxy).prepare(vbucket, collection, key, document());
    proxy.run();
    // Away while it was committed.
    let (mut producer, consumer) = (proxy.producer.node, proxy.consumer.node);
    producer.bucket.commit(vbucket, collection, key);
    producer.bucket.persist();
    let mut proxy = Proxy::new(producer, consumer);
    proxy.add(vbucket, StreamFlags::empty());
    bucket_of(&mut proxy).set(vbucket, collection, key, document());
    proxy.run();
    let expected = [
        "> marker 2..3 0x6",
        "> mutation 3 \0a",
        "> marker 4..4 0x5",
        "> mutation 4 \0a",
    ];
    assert_eq!(told(&mut proxy), expected);
    assert_alike(&mut proxy);
}

#[test]
fn a_replica_of_a_replica() {
    let (vbucket, collection, key) = KEY;
    let mut node = active();
    node.bucket.prepare(vbucket, collection, key, document());
    node.bucket.abort(vbucket, collection, key);
    node.bucket.persist();
    let mut first = Proxy::new(node, replica(1));
    first.add(vbucket, StreamFlags::empty());
    // The abort without its prepare is as good as on disk.
    let mut second = Proxy::new(first.consumer.node, replica(1));
    second.add(vbucket, StreamFlags::empty());
    let expected = ["> marker 0..3 0x6", "> mutation 1 \0a", "> abort 3 of 2"];
    assert_eq!(told(&mut second), expected);
    assert_alike(&mut second);
}

#[test]
fn takeover() {
    let mut proxy = Proxy::new(active(), replica(1));
    let answers = proxy.add(0, StreamFlags::TAKE_OVER);
    assert_eq!(statuses(&answers), [Status::SUCCESS]);
    let log = proxy.log();
    let expected = [
        "< request from 0",
        "> DCP_STREAM_REQ SUCCESS",
        "> marker 0..1 0xd",
        "> mutation 1 \0a",
        "< DCP_SNAPSHOT_MARKER SUCCESS",
        "> state PENDING",
        "< DCP_SET_VBUCKET_STATE SUCCESS",
        "> state ACTIVE",
        "< DCP_SET_VBUCKET_STATE SUCCESS",
        "> end OK",
    ];
    assert_eq!(log[log.len() - expected.len()..], expected);
    let state = |node: &Node| node.bucket.vbucket(0).map(|own| own.state());
    assert_eq!(state(&proxy.producer.node), Some(VbucketState::DEAD));
    assert_eq!(state(&proxy.consumer.node), Some(VbucketState::ACTIVE));
    // A branch of its own begins.
    let taken = proxy.consumer.node.bucket.vbucket(0);
    assert_eq!(taken.map(|own| own.failover_log().len()), Some(2));
}

#[test]
fn refused_takeovers() {
    let mut consumer = replica(1);
    consumer.faults = "refuse ETMPFAIL DCP_ADD_STREAM takeover times=2"
        .parse()
        .expect("a script");
    let mut proxy = Proxy::new(active(), consumer);
    for expected in [Status::ETMPFAIL, Status::ETMPFAIL, Status::SUCCESS] {
        let answers = proxy.add(0, StreamFlags::TAKE_OVER);
        assert_eq!(statuses(&answers), [expected]);
    }
    let taken = proxy.consumer.node.bucket.vbucket(0);
    assert_eq!(taken.map(|own| own.state()), Some(VbucketState::ACTIVE));
}

/// What a consumer answers to a message that its producer would not send.
#[track_caller]
fn assert_refused<'a>(message: impl Message<'a>, opaque: u32, expected: &[Status]) {
    let mut proxy = Proxy::new(active(), replica(1));
    proxy.add(0, StreamFlags::empty());
    let request = Request {
        opaque,
        ..Request::from(message)
    };
    let mut bytes = BytesMut::new();
    request.encode(&mut bytes).expect("a legal request");
    let packet = Decoder::default().decode(&mut bytes).expect("a packet");
    pass(&mut proxy.consumer, &packet.expect("a whole packet"));
    assert_eq!(statuses(&proxy.consumer.packets()), expected);
}

#[test]
fn what_a_consumer_refuses() {
    const OPAQUE: u32 = 0x1100_0000;
    let mutation = |by_seqno| Mutation {
        by_seqno,
        key: mcbp::UserData::new(b"\0a"),
        ..Mutation::default()
    };
    assert_refused(mutation(1), OPAQUE, &[Status::ERANGE]);
    assert_refused(mutation(9), OPAQUE, &[Status::ERANGE]);
    assert_refused(mutation(0), OPAQUE, &[Status::EINVAL]);
    assert_refused(mutation(2), 1, &[Status::OPAQUE_NO_MATCH]);
    let commit = mcbp::dcp::Commit {
        prepared_seqno: 1,
        commit_seqno: 2,
        key: mcbp::UserData::new(b"\0a"),
    };
    assert_refused(commit, OPAQUE, &[Status::KEY_ENOENT]);
    let advanced = mcbp::dcp::SeqnoAdvanced { by_seqno: 2 };
    assert_refused(advanced, OPAQUE, &[Status::UNKNOWN_COMMAND]);
    // A stale end is taken in silence.
    let end = StreamEnd {
        reason: StreamEndReason::CLOSED,
    };
    assert_refused(end, 1, &[]);
}

#[test]
fn flow_is_controlled_between_them() {
    let recipe = Recipe {
        vbuckets: 1,
        items: 2000,
        mix: Mix::MUTATIONS,
        persisted: 0,
        ..Recipe::default()
    };
    let mut consumer = replica(1);
    consumer.consumer_buffer_size = 4096;
    let mut proxy = Proxy::new(Node::new(recipe.bucket()), consumer);
    proxy.add(0, StreamFlags::empty());
    let log = proxy.log();
    let acks = log.iter().filter(|line| *line == "< acknowledged").count();
    assert!(acks > 40, "{acks}");
    assert_eq!(documents(&proxy.consumer.node).len(), 2000);
}
