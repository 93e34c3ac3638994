//! Two streams between the same endpoints: which segments are theirs, and what they do.

use core::net::SocketAddr;

use super::stream::{Held, Payload, Stream};
use super::{ConnectionId, EndReason, Event, EventKind, Segment};

/// So many stray segments in a row are a connection of their own.
const MAX_STRAYS: u32 = 16;

/// How far ahead payload may be: the largest window that TCP can have.
const REACH_AHEAD: u64 = 1 << 30;

/// How far behind payload may be to count as retransmitted, and how far ahead once the connection
/// has ended. Well above the windows in use, and yet the sequence numbers of a new connection
/// are rarely that close by chance.
const REACH_BEHIND: u64 = 16 << 20;

/// The addresses of a connection, the same for both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Endpoints {
    low: SocketAddr,
    high: SocketAddr,
}

/// One of the two endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Low,
    High,
}

/// What a segment is to the connection of the same endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// Part of it.
    Member,
    /// To be ignored.
    Stray,
    /// The first of the next connection.
    Successor,
}

#[derive(Debug)]
pub(super) struct Connection {
    id: ConnectionId,
    endpoints: Endpoints,
    initiator: Option<Side>,
    /// What the low endpoint sends.
    low: Stream,
    /// What the high endpoint sends.
    high: Stream,
    /// How many strays there have been since the last segment that fits.
    strays: u32,
}

impl Endpoints {
    /// The endpoints of a segment, and which of them has sent it.
    pub(super) fn of(segment: &Segment<'_>) -> (Self, Side) {
        let (source, destination) = (segment.source, segment.destination);
        if source <= destination {
            (
                Self {
                    low: source,
                    high: destination,
                },
                Side::Low,
            )
        } else {
            (
                Self {
                    low: destination,
                    high: source,
                },
                Side::High,
            )
        }
    }
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Low => Self::High,
            Self::High => Self::Low,
        }
    }
}

impl Connection {
    pub(super) fn new(id: ConnectionId, endpoints: Endpoints) -> Self {
        Self {
            id,
            endpoints,
            initiator: None,
            low: Stream::default(),
            high: Stream::default(),
            strays: 0,
        }
    }

    /// What a segment from `side` is to this connection.
    pub(super) fn relation(&mut self, side: Side, segment: &Segment<'_>) -> Relation {
        let (own, peer) = match side {
            Side::Low => (&self.low, &self.high),
            Side::High => (&self.high, &self.low),
        };
        let ended = own.has_ended() && peer.has_ended();
        if segment.syn {
            let repeated = own.begins_with(segment.seq.wrapping_add(1));
            let answered = segment.ack.map(|ack| peer.begins_with(ack) == Some(true));
            return match (repeated, answered) {
                _ if ended => Relation::Successor,
                (Some(true), _) => Relation::Member,
                // An answer to the SYN of this connection, but another one than before.
                (Some(false), Some(true)) => Relation::Stray,
                (Some(false), _) => Relation::Successor,
                // Nothing can have come from the other side before this.
                (None, None | Some(false)) if peer.has_advanced() => Relation::Successor,
                (None, _) => Relation::Member,
            };
        }
        let len = payload_len(segment);
        let (ahead, behind) = own.distance(segment.seq);
        if ended {
            let far = ahead > REACH_BEHIND || behind > REACH_BEHIND || !own.has_begun();
            return if far && len > 0 {
                Relation::Successor
            } else {
                Relation::Stray
            };
        }
        if ahead.saturating_add(len) <= REACH_AHEAD && behind <= REACH_BEHIND {
            if len > 0 {
                self.strays = 0;
            }
            return Relation::Member;
        }
        if len == 0 {
            return Relation::Stray;
        }
        self.strays = self.strays.saturating_add(1);
        if self.strays >= MAX_STRAYS {
            Relation::Successor
        } else {
            Relation::Stray
        }
    }

    #[cfg(test)]
    pub(super) fn holds_nothing(&self) -> bool {
        self.low.holds_nothing() && self.high.holds_nothing()
    }

    /// Takes a segment that belongs to this connection.
    pub(super) fn accept(
        &mut self,
        side: Side,
        segment: &Segment<'_>,
        time_ns: Option<u64>,
        held: &mut Held,
        sink: &mut impl FnMut(Event<'_>),
    ) {
        let mut seq = segment.seq;
        if segment.syn {
            seq = seq.wrapping_add(1);
            let opener = if segment.ack.is_some() {
                side.other()
            } else {
                side
            };
            self.initiator.get_or_insert(opener);
            self.direction(side).0.begin(seq);
            if let Some(ack) = segment.ack {
                self.direction(side.other()).0.begin(ack);
            }
        }
        if (segment.fin || payload_len(segment) > 0) && !segment.rst {
            let (stream, origin) = self.direction(side);
            let payload = Payload {
                seq,
                bytes: segment.payload,
                cut: segment.cut,
                fin: segment.fin,
                time_ns,
            };
            stream.accept(&payload, held, &mut |time_ns, kind| {
                sink(origin.event(time_ns, kind))
            });
        }
        if let Some(ack) = segment.ack {
            let (stream, origin) = self.direction(side.other());
            stream.acknowledge(ack, time_ns, held, &mut |time_ns, kind| {
                sink(origin.event(time_ns, kind));
            });
        }
        if segment.rst {
            self.finish(EndReason::Reset, time_ns, held, sink);
        }
    }

    /// Ends what has not ended yet.
    pub(super) fn finish(
        &mut self,
        reason: EndReason,
        time_ns: Option<u64>,
        held: &mut Held,
        sink: &mut impl FnMut(Event<'_>),
    ) {
        let first = self.initiator.unwrap_or(Side::Low);
        for side in [first, first.other()] {
            let (stream, origin) = self.direction(side);
            stream.finish(reason, time_ns, held, &mut |time_ns, kind| {
                sink(origin.event(time_ns, kind));
            });
        }
    }

    /// What `side` sends, and what all its events have in common.
    fn direction(&mut self, side: Side) -> (&mut Stream, Origin) {
        let Endpoints { low, high } = self.endpoints;
        let (stream, source, destination) = match side {
            Side::Low => (&mut self.low, low, high),
            Side::High => (&mut self.high, high, low),
        };
        let from_initiator = self.initiator.map(|initiator| initiator == side);
        (
            stream,
            Origin {
                connection: self.id,
                source,
                destination,
                from_initiator,
            },
        )
    }
}

/// Where an event happens.
#[derive(Debug, Clone, Copy)]
struct Origin {
    connection: ConnectionId,
    source: SocketAddr,
    destination: SocketAddr,
    from_initiator: Option<bool>,
}

impl Origin {
    fn event(self, time_ns: Option<u64>, kind: EventKind<'_>) -> Event<'_> {
        Event {
            connection: self.connection,
            source: self.source,
            destination: self.destination,
            from_initiator: self.from_initiator,
            time_ns,
            kind,
        }
    }
}

/// How many bytes of payload a segment had on the wire.
fn payload_len(segment: &Segment<'_>) -> u64 {
    (segment.payload.len() as u64).saturating_add(u64::from(segment.cut))
}
