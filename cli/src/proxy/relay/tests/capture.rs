//! The relay in the place of the proxy that stood between two real nodes: told the same, it passes
//! on the same.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;

use mcbp::OpenFlags;

use super::*;
use crate::capture::{self, ConnectionId, FrameReader, Reassembler};
use crate::framing::{Found, Framing};

/// A packet between the proxy and one of the nodes.
struct Seen {
    side: Side,
    by_proxy: bool,
    time: Duration,
    packet: Packet,
}

/// What was said on both connections of the proxy that called the replication so, from when both
/// were open.
fn seen(name: &str) -> Vec<Seen> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/captures/two-nodes.pcap"
    );
    let mut frames = FrameReader::new(File::open(path).unwrap()).unwrap();
    let mut segments = Reassembler::default();
    let mut framing = Framing::default();
    let mut sides = BTreeMap::<ConnectionId, Side>::new();
    let mut all = Vec::new();
    while let Some(frame) = frames.next_frame().unwrap() {
        let capture::Packet::Tcp(segment) = capture::Packet::from_frame(&frame) else {
            panic!("no TCP segment");
        };
        segments.push(frame.time_ns, &segment, &mut |event| {
            framing.push(&event, &mut |place, found| {
                let (Some(flow), Found::Packet(packet)) = (place.flow, found) else {
                    panic!("{place}");
                };
                if let Ok(DcpRequest::Open(open)) = DcpRequest::read(packet.view()) {
                    if open.message.name == name.into() {
                        let produces = open.message.flags.contains(OpenFlags::PRODUCER);
                        let side = if produces {
                            Side::Producer
                        } else {
                            Side::Consumer
                        };
                        sides.insert(flow.connection, side);
                        return;
                    }
                }
                let opcode = packet.header().opcode();
                match sides.get(&flow.connection) {
                    Some(&side) if opcode != Some(Opcode::DCP_OPEN) => all.push(Seen {
                        side,
                        by_proxy: flow.from_initiator.unwrap(),
                        time: Duration::from_nanos(place.time_ns.unwrap()),
                        packet,
                    }),
                    _ => {}
                }
            });
        });
    }
    all
}

/// Goes through what was said: what the proxy asked of its own is what the relay is told to do, and
/// what the nodes said goes to the relay, the answers under the opaques of the relay's requests.
fn replay(name: &str) -> Vec<String> {
    let mut bench = Bench::new(&[]);
    let mut opaques = HashMap::<(Side, u32), u32>::new();
    let mut asked = HashMap::<(Side, Opcode, u16), u32>::new();
    let (mut in_life, mut here) = (Sides::<Vec<u8>>::default(), Sides::<Vec<u8>>::default());
    let is_own = |opcode| [Opcode::DCP_ADD_STREAM, Opcode::DCP_CLOSE_STREAM].contains(&opcode);

    for seen in seen(name) {
        let header = *seen.packet.header();
        let opcode = header.opcode().unwrap();
        bench.now = seen.time;
        if !seen.by_proxy {
            let mut packet = seen.packet;
            if is_own(opcode) {
                packet.set_opaque(opaques[&(seen.side, header.opaque())]);
            }
            let mut bytes = Vec::new();
            packet.encode(&mut bytes).unwrap();
            bench.sends(seen.side, &[bytes]);
        } else if is_own(opcode) {
            let vbucket = header.vbucket().unwrap();
            let add = seen.packet.view().request::<mcbp::dcp::AddStream>();
            let command = match add {
                Ok(add) if add.message.flags.contains(StreamFlags::TAKE_OVER) => {
                    Some(format!("takeover {vbucket}"))
                }
                Ok(_) => Some(format!("replicate {vbucket}")),
                // In life the producer's turn came after the consumer's answer.
                Err(_) if seen.side == Side::Consumer => Some(format!("close {vbucket}")),
                Err(_) => None,
            };
            if let Some(command) = command {
                bench.relay.command(command.parse().unwrap(), bench.now);
            }
            for side in [Side::Consumer, Side::Producer] {
                for packet in bench.gets(side) {
                    let header = packet.header();
                    let opcode = header.opcode().unwrap();
                    if is_own(opcode) {
                        asked.insert((side, opcode, header.vbucket().unwrap()), header.opaque());
                    } else {
                        packet.encode(here.of_mut(side)).unwrap();
                    }
                }
            }
            let own = asked.remove(&(seen.side, opcode, vbucket)).unwrap();
            opaques.insert((seen.side, header.opaque()), own);
        } else {
            seen.packet.encode(in_life.of_mut(seen.side)).unwrap();
        }
    }
    for side in [Side::Consumer, Side::Producer] {
        for packet in bench.gets(side) {
            packet.encode(here.of_mut(side)).unwrap();
        }
        assert!(!in_life.of(side).is_empty());
        // The consumer's last words may have come when the producer had left.
        let unsaid = here.of(side).strip_prefix(&**in_life.of(side));
        let unsaid = Packet::iter(unsaid.expect("what was passed on, in order"));
        assert!(unsaid.count() <= usize::from(side == Side::Producer));
    }
    assert_eq!(asked, HashMap::new());
    assert_eq!(bench.relay.failures(), 0);
    bench.lines()
}

#[test]
fn what_passes_between_two_real_nodes_passes_here() {
    let lines = replay("replication:n_0->n_1:rep");
    let done = |task: &str| {
        lines
            .iter()
            .filter(|line| **line == format!("{task}: done"))
            .count()
    };
    // Two of them twice: added again after they were closed.
    let replicated: usize = (0..8).map(|it| done(&format!("replicate {it}"))).sum();
    assert_eq!(replicated, 10);
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.starts_with("close ") && line.ends_with(": done"))
            .count(),
        4
    );
    // What the nodes refused each other.
    let refused: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("passed on: "))
        .collect();
    assert!(
        refused
            .iter()
            .any(|line| line.contains("DCP_STREAM_REQ with ROLLBACK")),
        "{refused:?}"
    );
}

#[test]
fn vbuckets_move_between_two_real_nodes() {
    for (name, vbucket) in [
        ("replication:n_0->n_1:rep:takeover", 0),
        ("replication:n_0->n_1:rep:takeover2", 5),
    ] {
        let lines = replay(name);
        assert_eq!(
            lines.last(),
            Some(&format!("takeover {vbucket}: done")),
            "{lines:?}"
        );
    }
}
