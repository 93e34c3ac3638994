//! Random streams and random segments.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::capture::EndReason;

/// How many segments may overtake another: fewer than it takes to give one up.
const MAX_LATENESS: usize = 8;

/// A segment as part of a stream that starts at 0.
#[derive(Debug, Clone)]
struct Part {
    start: usize,
    len: usize,
    captured: usize,
    lateness: usize,
}

/// Pushes the parts of a stream, later by their lateness, with the receiver's acknowledgements, and
/// returns the bytes and gaps that come out.
fn reassemble(stream: &[u8], isn: u32, parts: &[Part]) -> Vec<Option<u8>> {
    let seq = |at: usize| isn.wrapping_add(1).wrapping_add(at as u32);
    let mut acknowledged = 0;
    let mut order = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let end = part.start + part.len;
        acknowledged = acknowledged.max(end);
        let captured = &stream[part.start..part.start + part.captured];
        let mut segment = client(seq(part.start), captured).cut((part.len - part.captured) as u32);
        segment.fin = end == stream.len();
        let ack = server(500, b"").ack(seq(acknowledged));
        order.push((index + part.lateness, [segment, ack]));
    }
    order.sort_by_key(|&(key, _)| key);

    let mut out = Vec::new();
    let mut ends = 0;
    let mut sink = |event: Event<'_>| match event.kind {
        EventKind::Data(bytes) => out.extend(bytes.iter().copied().map(Some)),
        EventKind::Gap { len } => out.extend((0..len).map(|_| None)),
        EventKind::End { reason } => {
            ends += 1;
            assert_eq!(reason == EndReason::Fin, event.from_initiator == Some(true));
        }
    };
    let mut reassembler = Reassembler::default();
    reassembler.push(None, &client(isn, b"").syn(), &mut sink);
    for segment in order.iter().flat_map(|(_, segments)| segments) {
        reassembler.push(None, segment, &mut sink);
    }
    assert_eq!(reassembler.held.total() == 0, reassembler.nothing_is_held());
    reassembler.finish(&mut sink);
    assert_eq!(ends, 2);
    out
}

impl Reassembler {
    fn nothing_is_held(&self) -> bool {
        self.connections
            .values()
            .all(|connection| connection.holds_nothing())
    }
}

/// Initial sequence numbers, many of them shortly before the wrap.
fn isn() -> impl Strategy<Value = u32> {
    prop_oneof![
        any::<u32>(),
        (0_u32..3000).prop_map(|before| u32::MAX - before)
    ]
}

proptest! {
    #[test]
    fn nothing_is_lost_or_repeated(
        stream in vec(any::<u8>(), 1..2000),
        isn in isn(),
        cuts in vec((1_usize..100, 0_usize..150, 0_usize..150, 0..=MAX_LATENESS, any::<bool>()), 1..60),
    ) {
        let mut parts = Vec::new();
        let mut from = 0;
        for (len, before, after, lateness, again) in cuts.into_iter().cycle() {
            // Each part begins earlier and ends later than it must.
            let start = from - before.min(from);
            let end = (from + len + after).min(stream.len());
            parts.push(Part { start, len: end - start, captured: end - start, lateness });
            if again {
                parts.push(Part { lateness: MAX_LATENESS - lateness, ..parts[parts.len() - 1] });
            }
            from += len;
            if from >= stream.len() {
                break;
            }
        }
        let expected: Vec<_> = stream.iter().copied().map(Some).collect();
        prop_assert_eq!(reassemble(&stream, isn, &parts), expected);
    }

    #[test]
    fn what_is_lost_is_a_gap_in_its_place(
        stream in vec(any::<u8>(), 1..4000),
        isn in isn(),
        cuts in vec((1_usize..100, 0_usize..100, 0..=MAX_LATENESS, 0_u8..10), 1..100),
    ) {
        let mut expected: Vec<_> = stream.iter().copied().map(Some).collect();
        let mut parts = Vec::new();
        let mut start = 0;
        for (len, captured, lateness, fate) in cuts.into_iter().cycle() {
            let end = (start + len).min(stream.len());
            let len = end - start;
            let captured = match fate {
                0 | 1 => 0,
                2 => captured.min(len),
                _ => len,
            };
            expected[start + captured..end].fill(None);
            // The last is cut off instead of lost, to tell where the stream ends.
            if fate != 0 || end == stream.len() {
                parts.push(Part { start, len, captured, lateness });
            }
            start = end;
            if start == stream.len() {
                break;
            }
        }
        prop_assert_eq!(reassemble(&stream, isn, &parts), expected);
    }

    #[test]
    fn whatever_comes_is_harmless(
        segments in vec(any_segment(), 0..300),
        connections in 0_usize..4,
        stream_bytes in 0_usize..1000,
        total_bytes in 0_usize..2000,
    ) {
        let limits = Limits { connections, stream_bytes, total_bytes };
        let mut reassembler = Reassembler::with_limits(limits);
        let mut ended = BTreeMap::new();
        let mut sink = |event: Event<'_>| {
            let end = ended.entry((event.connection, event.source)).or_insert(false);
            assert!(!*end || event.source == event.destination, "an event after the end");
            match event.kind {
                EventKind::Data(bytes) => assert!(!bytes.is_empty()),
                EventKind::Gap { len } => assert!(len > 0),
                EventKind::End { .. } => *end = true,
            }
        };
        for (payload, segment) in &segments {
            let segment = Segment { payload: &b"some payload"[..*payload], ..*segment };
            reassembler.push(None, &segment, &mut sink);
            assert!(reassembler.held.total() <= total_bytes);
            assert!(reassembler.connections.len() <= connections.max(1));
            assert!(reassembler.held.total() > 0 || reassembler.nothing_is_held());
        }
        reassembler.finish(&mut sink);
        prop_assert!(ended.values().all(|&end| end));
    }
}

/// A segment of a few connections, often close to others, and the length of its payload.
fn any_segment() -> impl Strategy<Value = (usize, Segment<'static>)> {
    let seq = || {
        prop_oneof![
            8 => 90_u32..130,
            1 => (0_u32..20).prop_map(|before| u32::MAX - before),
            1 => any::<u32>(),
        ]
    };
    let address = || (0_usize..3).prop_map(|index| ["[::1]:1", CLIENT, SERVER][index]);
    let flags = (
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.05),
        prop::bool::weighted(0.03),
    );
    let ack = proptest::option::of(seq());
    let cut = prop_oneof![8 => Just(0_u32), 2 => 0_u32..20, 1 => any::<u32>()];
    (address(), address(), seq(), ack, flags, 0_usize..12, cut).prop_map(
        |(source, destination, seq, ack, (syn, fin, rst), payload, cut)| {
            let segment = between(source, destination, seq, b"").cut(cut);
            (
                payload,
                Segment {
                    ack,
                    syn,
                    fin,
                    rst,
                    ..segment
                },
            )
        },
    )
}
