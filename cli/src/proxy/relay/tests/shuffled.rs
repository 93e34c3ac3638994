//! The relay between two nodes without sockets, with packets that arrive in any order and in any
//! pieces.

use core::ops::Range;

use mcbp::dcp::Open;
use mcbp::kv::{Features, Hello, Plain, SaslAuth, SelectBucket};
use mcbp::testing::{Action, Bucket, Change, ChangeKind, Connection, Node, Recipe};
use mcbp::{Datatype, Feature, OpenFlags};
use proptest::prelude::*;

use super::*;

/// A node, its end of the connection, and what is on its way on both.
struct End {
    node: Node,
    connection: Connection,
    to_node: BytesMut,
    to_relay: BytesMut,
    /// What has arrived at the relay.
    received: BytesMut,
    is_closed: bool,
}

impl End {
    fn new(node: Node, flags: OpenFlags, value: &str) -> Self {
        let mut end = Self {
            node,
            connection: Connection::new(),
            to_node: BytesMut::new(),
            to_relay: BytesMut::new(),
            received: BytesMut::new(),
            is_closed: false,
        };
        let (mut plain, mut features) = (Vec::new(), Vec::new());
        let who = Plain::new("".into(), "user".into(), "".into()).unwrap();
        who.encode(&mut plain).unwrap();
        let all = [
            Feature::XATTR,
            Feature::SNAPPY,
            Feature::JSON,
            Feature::COLLECTIONS,
        ];
        Features::encode(&all, &mut features).unwrap();
        let hello = Hello {
            agent: "test".into(),
            features: Features::new(&features).unwrap(),
        };
        let login = SaslAuth {
            mechanism: "PLAIN".into(),
            data: plain.as_slice().into(),
        };
        let open = Request {
            datatype: if value.is_empty() {
                Datatype::RAW
            } else {
                Datatype::JSON
            },
            ..Request::from(Open {
                flags: flags | OpenFlags::INCLUDE_XATTRS | OpenFlags::INCLUDE_DELETE_TIMES,
                name: "test".into(),
                value: value.into(),
                ..Open::default()
            })
        };
        let out = &mut end.to_node;
        Request::from(hello).encode(out).unwrap();
        Request::from(login).encode(out).unwrap();
        let bucket = "default".into();
        Request::from(SelectBucket { bucket }).encode(out).unwrap();
        open.encode(out).unwrap();
        end.takes(usize::MAX, Duration::ZERO);
        end.says(usize::MAX, Duration::ZERO);
        for answer in Packet::iter(&end.to_relay) {
            assert_eq!(answer.unwrap().header().status(), Some(Status::SUCCESS));
        }
        end.to_relay.clear();
        end
    }

    /// Takes so many packets of those that have arrived.
    fn takes(&mut self, limit: usize, now: Duration) -> bool {
        let mut decoder = Decoder::default();
        let mut moved = false;
        for _ in 0..limit {
            let Some(packet) = decoder.decode(&mut self.to_node).unwrap() else {
                break;
            };
            self.connection
                .on_packet(&mut self.node, packet.view(), now);
            moved = true;
        }
        moved
    }

    /// Says so many packets of what there is to say.
    fn says(&mut self, limit: usize, now: Duration) -> bool {
        let mut moved = false;
        for _ in 0..limit {
            match self.connection.poll(&mut self.node, now) {
                Some(Action::Send(packet)) => packet.encode(&mut self.to_relay).unwrap(),
                Some(Action::SendCut(bytes)) => self.to_relay.extend_from_slice(&bytes),
                Some(Action::Close(_)) => self.is_closed = true,
                None => break,
            }
            moved = true;
        }
        moved
    }
}

struct World {
    bench: Bench,
    ends: Sides<End>,
}

impl World {
    fn new(vbuckets: Range<u16>, script: &str, seed: u64) -> Self {
        let recipe = Recipe {
            vbuckets: vbuckets.end,
            items: 40 * u64::from(vbuckets.end),
            seed,
            ..Recipe::default()
        };
        let mut replicas = Bucket::new("default", [], 2);
        for vbucket in vbuckets {
            replicas.set_state(vbucket, VbucketState::REPLICA);
        }
        let mut consumer = Node::new(replicas);
        consumer.faults = script.parse().unwrap();
        let producer = Node::new(recipe.bucket());
        Self {
            bench: Bench::new(&[]),
            ends: Sides {
                consumer: End::new(consumer, OpenFlags::empty(), r#"{"consumer_name":"r"}"#),
                producer: End::new(producer, OpenFlags::PRODUCER, ""),
            },
        }
    }

    /// Moves something somewhere, if there is anything to move there.
    fn step(&mut self, choice: u16) -> bool {
        let [what, limit] = choice.to_be_bytes();
        let limit = usize::from(limit) + 1;
        let side = if what & 1 == 0 {
            Side::Consumer
        } else {
            Side::Producer
        };
        let now = self.bench.now;
        let end = self.ends.of_mut(side);
        match what >> 1 & 3 {
            0 => end.says(limit, now),
            1 => end.takes(limit, now),
            2 => {
                let outbox = self.bench.relay.outboxes().of_mut(side);
                let len = outbox.len().min(limit.saturating_mul(7));
                end.to_node.extend_from_slice(&outbox.copy_to_bytes(len));
                len > 0
            }
            _ => {
                let len = end.to_relay.len().min(limit.saturating_mul(7));
                end.received.unsplit(end.to_relay.split_to(len));
                let batch = Decoder::default().decode_batch(&mut end.received).unwrap();
                self.bench.relay.on_batch(side, &batch, now);
                len > 0
            }
        }
    }

    /// Goes on until nothing moves, and no time makes anything move.
    fn run(&mut self, choices: &[u16]) {
        for &choice in choices {
            self.step(choice);
        }
        loop {
            let mut moved = false;
            for what in 0..8_u8 {
                moved |= self.step(u16::from_be_bytes([what, 0xff]));
            }
            if moved {
                continue;
            }
            assert!(!self.ends.consumer.is_closed && !self.ends.producer.is_closed);
            match self.bench.relay.next_timeout() {
                Some(time) => {
                    self.bench.now = time;
                    self.bench.relay.on_timeout(time);
                }
                None => return,
            }
        }
    }
}

/// A commit from disk comes as the write that it was.
fn plain(change: &Change) -> ChangeKind {
    match &change.kind {
        ChangeKind::Commit {
            document: Some(document),
            ..
        } => ChangeKind::Mutation(document.clone()),
        kind => kind.clone(),
    }
}

/// What a node holds of these vbuckets, apart from what a replica does not keep.
fn documents(node: &Node, vbuckets: &[u16]) -> Vec<(u16, ChangeKind)> {
    let vbuckets = vbuckets
        .iter()
        .map(|&it| (it, node.bucket.vbucket(it).unwrap()));
    vbuckets
        .flat_map(|(number, own)| own.documents().map(move |each| (number, plain(each))))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever comes first and in which pieces: all is done that was asked for, the replicas hold
    /// what the originals do, and a vbucket has moved.
    #[test]
    fn whatever_comes_first(
        choices in prop::collection::vec(any::<u16>(), 0..600),
        seed in any::<u64>(),
        times in 0..4_u32,
    ) {
        let script = format!("refuse ETMPFAIL DCP_ADD_STREAM takeover times={times}");
        let mut world = World::new(0..5, &script, seed);
        let commands = ["replicate 0-3", "takeover 2", "close 1", "takeover 4", "replicate 1"];
        for command in commands {
            world.bench.relay.command(command.parse().unwrap(), Duration::ZERO);
        }
        world.run(&choices);
        let lines = world.bench.lines();
        prop_assert_eq!(world.bench.relay.failures(), 0, "{:#?}", lines);
        prop_assert_eq!(&lines.last().map(String::as_str), &Some("replicate 1: done"));
        let Sides { consumer, producer } = &world.ends;
        let all = [0, 1, 2, 3, 4];
        let own = documents(&consumer.node, &all);
        prop_assert!(own.len() > 100);
        prop_assert!(own == documents(&producer.node, &all));
        let states = |node: &Node| all.map(|it| node.bucket.vbucket(it).unwrap().state());
        let (active, replica) = (VbucketState::ACTIVE, VbucketState::REPLICA);
        prop_assert_eq!(states(&consumer.node), [replica, replica, active, replica, active]);
        let dead = VbucketState::DEAD;
        prop_assert_eq!(states(&producer.node), [active, active, dead, active, dead]);

        world.bench.relay.command("quit".parse().unwrap(), world.bench.now);
        world.run(&[]);
        prop_assert!(world.bench.relay.is_done());
        prop_assert_eq!(world.bench.relay.failures(), 0);
    }

    /// Whenever the end comes: it comes, and in order.
    #[test]
    fn whenever_the_end_comes(
        choices in prop::collection::vec(any::<u16>(), 0..200),
        seed in any::<u64>(),
    ) {
        let mut world = World::new(0..4, "", seed);
        world.bench.relay.command("replicate 0-3".parse().unwrap(), Duration::ZERO);
        for &choice in &choices {
            world.step(choice);
        }
        world.bench.relay.shut(world.bench.now);
        world.run(&[]);
        prop_assert!(world.bench.relay.is_done());
        let lines = world.bench.lines();
        prop_assert_eq!(lines.last().map(String::as_str), Some("shut down: done"));
        let interrupted = lines.iter().filter(|line| line.ends_with("failed: interrupted"));
        prop_assert_eq!(interrupted.count(), world.bench.relay.failures());
    }
}
