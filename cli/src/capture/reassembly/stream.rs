//! One direction of a connection: payload in any order in, the stream out.
//!
//! A place in the stream is a 64-bit position, of which the lower half is the sequence number. So
//! positions do not wrap, and a stream may be longer than 4 GiB.

use std::collections::BTreeMap;

use super::{EndReason, EventKind, Limits};

/// How many sequence numbers there are.
const SEQ_SPACE: u64 = 1 << 32;

/// How many segments must come after a missing one before it is given up.
const PATIENCE: u32 = 16;

/// What a piece that is held back costs in addition to its bytes: the entry in the map, the
/// allocation, and their slack.
const PIECE_OVERHEAD: usize = 128;

/// How many bytes all streams hold back.
#[derive(Debug)]
pub(super) struct Held {
    limits: Limits,
    total: usize,
}

impl Held {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, total: 0 }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    #[cfg(test)]
    pub(super) fn total(&self) -> usize {
        self.total
    }
}

/// What a segment says about the stream of its sender.
#[derive(Debug, Clone, Copy)]
pub(super) struct Payload<'a> {
    /// Sequence number of the first byte.
    pub(super) seq: u32,
    pub(super) bytes: &'a [u8],
    /// How many bytes follow that were not captured.
    pub(super) cut: u32,
    /// Whether the stream ends after that.
    pub(super) fin: bool,
    pub(super) time_ns: Option<u64>,
}

/// Payload that is held back since something before it is missing.
#[derive(Debug)]
struct Piece {
    bytes: Box<[u8]>,
    /// How many bytes follow that were not captured.
    cut: u64,
    time_ns: Option<u64>,
}

#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Where the first byte is, once known.
    start: Option<u64>,
    /// Where the next byte to hand on is, if the start is known.
    next: u64,
    /// Up to where the receiver has everything.
    acknowledged: u64,
    /// Where the stream ends, once known.
    fin: Option<u64>,
    /// By position, all beyond `next` and none overlapping another.
    held: BTreeMap<u64, Piece>,
    held_cost: usize,
    /// How many segments have come since the byte at `next` is missing.
    waited: u32,
    ended: bool,
}

impl Stream {
    pub(super) fn has_begun(&self) -> bool {
        self.start.is_some()
    }

    pub(super) fn has_advanced(&self) -> bool {
        self.start.is_some_and(|start| start < self.next)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    #[cfg(test)]
    pub(super) fn holds_nothing(&self) -> bool {
        self.held.is_empty() && self.held_cost == 0
    }

    /// Whether the first byte has this sequence number, if it is known which one it has.
    pub(super) fn begins_with(&self, seq: u32) -> Option<bool> {
        self.start.map(|start| start == self.position(seq))
    }

    /// How far the byte with this sequence number is ahead and behind of the next one.
    pub(super) fn distance(&self, seq: u32) -> (u64, u64) {
        if !self.has_begun() {
            return (0, 0);
        }
        let position = self.position(seq);
        (
            position.saturating_sub(self.next),
            self.next.saturating_sub(position),
        )
    }

    /// Fixes the first byte, unless it is known already.
    pub(super) fn begin(&mut self, seq: u32) {
        if self.start.is_none() {
            // With room for older sequence numbers before it.
            let start = SEQ_SPACE.saturating_add(u64::from(seq));
            self.start = Some(start);
            self.next = start;
        }
    }

    /// Takes payload, and begins with it if it is the first.
    pub(super) fn accept(
        &mut self,
        payload: &Payload<'_>,
        held: &mut Held,
        emit: &mut impl FnMut(Option<u64>, EventKind<'_>),
    ) {
        if self.ended {
            return;
        }
        self.begin(payload.seq);
        let position = self.position(payload.seq);
        let captured = position.saturating_add(payload.bytes.len() as u64);
        let end = captured.saturating_add(u64::from(payload.cut));
        if payload.fin && self.fin.is_none() && end >= self.next {
            self.fin = Some(end);
        }
        if let Some(fresh) = payload.bytes.get(self.offset_of_next(position)..) {
            if position <= self.next && !fresh.is_empty() {
                emit(payload.time_ns, EventKind::Data(fresh));
                self.advance(captured);
            }
        }
        self.hold(position, payload, held);
        self.release(payload.time_ns, held, emit);
        if self.end_of_gap().is_some() {
            self.waited = self.waited.saturating_add(1);
        }
        self.give_up(payload.time_ns, held, emit);
    }

    /// Takes the receiver's word for what has arrived there.
    pub(super) fn acknowledge(
        &mut self,
        seq: u32,
        time_ns: Option<u64>,
        held: &mut Held,
        emit: &mut impl FnMut(Option<u64>, EventKind<'_>),
    ) {
        if self.has_begun() && !self.ended {
            self.acknowledged = self.acknowledged.max(self.position(seq));
            self.give_up(time_ns, held, emit);
        }
    }

    /// Hands on what is held back, and ends the stream if it has not ended yet.
    pub(super) fn finish(
        &mut self,
        reason: EndReason,
        time_ns: Option<u64>,
        held: &mut Held,
        emit: &mut impl FnMut(Option<u64>, EventKind<'_>),
    ) {
        while let Some(end) = self.end_of_gap() {
            self.skip_to(end, time_ns, emit);
            self.release(time_ns, held, emit);
        }
        if self.ended {
            return;
        }
        // If it is but one byte, that may be a FIN.
        if self.has_begun() && self.acknowledged.saturating_sub(self.next) > 1 {
            self.skip_to(self.acknowledged, time_ns, emit);
        }
        self.end(reason, time_ns, held, emit);
    }

    fn end(
        &mut self,
        reason: EndReason,
        time_ns: Option<u64>,
        held: &mut Held,
        emit: &mut impl FnMut(Option<u64>, EventKind<'_>),
    ) {
        self.ended = true;
        // Whatever claims to be beyond a FIN.
        self.held.clear();
        held.total = held.total.saturating_sub(self.held_cost);
        self.held_cost = 0;
        emit(time_ns, EventKind::End { reason });
    }

    /// The position with this sequence number that is nearest to the next byte.
    fn position(&self, seq: u32) -> u64 {
        let ahead = u64::from(seq).wrapping_sub(self.next) % SEQ_SPACE;
        let position = self.next.saturating_add(ahead);
        if ahead < SEQ_SPACE / 2 {
            position
        } else {
            position.saturating_sub(SEQ_SPACE)
        }
    }

    /// Index of the next byte in what begins at `position`, beyond the end if it is not in there.
    fn offset_of_next(&self, position: u64) -> usize {
        usize::try_from(self.next.saturating_sub(position)).unwrap_or(usize::MAX)
    }

    fn advance(&mut self, position: u64) {
        if position > self.next {
            self.next = position;
            self.waited = 0;
        }
    }

    /// Hands on a gap.
    fn skip_to(
        &mut self,
        position: u64,
        time_ns: Option<u64>,
        emit: &mut impl FnMut(Option<u64>, EventKind<'_>),
    ) {
        let len = position.saturating_sub(self.next);
        if len > 0 {
            emit(time_ns, EventKind::Gap { len });
            self.advance(position);
        }
    }

    /// Holds back what is beyond the next byte and not held back yet.
    fn hold(&mut self, position: u64, payload: &Payload<'_>, held: &mut Held) {
        let end = position
            .saturating_add(payload.bytes.len() as u64)
            .saturating_add(u64::from(payload.cut));
        let mut from = position.max(self.next);
        if let Some((&at, piece)) = self.held.range(..=from).next_back() {
            from = from.max(piece.end(at));
        }
        while from < end {
            let known = self
                .held
                .range(from..end)
                .next()
                .map(|(&at, piece)| (at, piece.end(at)));
            let (to, resume) = known.unwrap_or((end, end));
            if from < to {
                let piece = Piece::new(position, payload, from, to);
                self.held_cost = self.held_cost.saturating_add(piece.cost());
                held.total = held.total.saturating_add(piece.cost());
                self.held.insert(from, piece);
            }
            from = resume;
        }
    }

    /// Hands on what is held back and has its turn.
    fn release(
        &mut self,
        time_ns: Option<u64>,
        held: &mut Held,
        emit: &mut impl FnMut(Option<u64>, EventKind<'_>),
    ) {
        while let Some(entry) = self.held.first_entry() {
            let position = *entry.key();
            if position > self.next {
                break;
            }
            let piece = entry.remove();
            self.held_cost = self.held_cost.saturating_sub(piece.cost());
            held.total = held.total.saturating_sub(piece.cost());
            if let Some(fresh) = piece.bytes.get(self.offset_of_next(position)..) {
                if !fresh.is_empty() {
                    emit(piece.time_ns, EventKind::Data(fresh));
                    self.advance(position.saturating_add(piece.bytes.len() as u64));
                }
            }
            self.skip_to(piece.end(position), piece.time_ns, emit);
        }
        if !self.ended && self.fin.is_some_and(|fin| fin <= self.next) {
            self.end(EndReason::Fin, time_ns, held, emit);
        }
    }

    /// Gives up missing bytes that will not come any more, or for which too much is held back.
    fn give_up(
        &mut self,
        time_ns: Option<u64>,
        held: &mut Held,
        emit: &mut impl FnMut(Option<u64>, EventKind<'_>),
    ) {
        while let Some(end) = self.end_of_gap() {
            let delivered = self.acknowledged >= end && self.waited >= PATIENCE;
            let too_much = self.held_cost > held.limits.stream_bytes
                || held.total > held.limits.total_bytes && self.held_cost > 0;
            if !delivered && !too_much {
                break;
            }
            self.skip_to(end, time_ns, emit);
            self.release(time_ns, held, emit);
        }
    }

    /// Where the missing bytes at `next` end, if there are any.
    fn end_of_gap(&self) -> Option<u64> {
        let piece = self.held.first_key_value().map(|(&position, _)| position);
        piece.or(self.fin.filter(|_| !self.ended))
    }
}

impl Piece {
    /// The part between two positions of a payload at `position`.
    fn new(position: u64, payload: &Payload<'_>, from: u64, to: u64) -> Self {
        let index = |at: u64| {
            let index = usize::try_from(at.saturating_sub(position)).unwrap_or(usize::MAX);
            index.min(payload.bytes.len())
        };
        let bytes = payload
            .bytes
            .get(index(from)..index(to))
            .unwrap_or_default();
        Self {
            bytes: bytes.into(),
            cut: to.saturating_sub(from).saturating_sub(bytes.len() as u64),
            time_ns: payload.time_ns,
        }
    }

    /// Where it ends if it begins at `position`.
    fn end(&self, position: u64) -> u64 {
        position
            .saturating_add(self.bytes.len() as u64)
            .saturating_add(self.cut)
    }

    fn cost(&self) -> usize {
        self.bytes.len().saturating_add(PIECE_OVERHEAD)
    }
}
