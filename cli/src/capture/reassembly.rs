//! Puts TCP segments back into the byte streams they came from.
//!
//! Segments go in as they were captured: repeated, overlapping, out of order, some missing. Events
//! come out: for each connection and direction the bytes in stream order, each exactly once, with
//! a [`Gap`](EventKind::Gap) of the exact length where bytes are lost for good, and one
//! [`End`](EventKind::End). What arrives in order is handed on at once and not copied.
//!
//! # Connections
//!
//! A connection begins with its first segment of whatever kind but a reset, and is told from an
//! earlier one of the same two addresses by its SYN: one with another sequence number, or any at
//! all once both directions have ended. A SYN that repeats the one known is a retransmission. If
//! the SYN is not in the capture, the first payload is where the stream begins; what is older and
//! comes later is dropped.
//!
//! Without a SYN, sequence numbers are the only witness. Payload that is far from what is expected
//! (more than 1 GiB ahead or 16 MiB behind) belongs to a new connection if the known one has
//! ended, when 16 MiB ahead will do. Otherwise it is ignored, as a stray, until 16 segments in a
//! row are.
//!
//! # Gaps
//!
//! Segments beyond a missing one are held back until it arrives. It is given up when
//!
//! - the receiver has acknowledged it, so that it is not sent again, and 16 more segments have
//!   come in this direction, so that it is not just captured late;
//! - the segments held back exceed a [limit](Limits);
//! - the connection or the capture ends. Bytes at the very end that were acknowledged but never
//!   captured are a gap, too. A FIN that was not captured counts as one of them; a single one is
//!   taken for it.
//!
//! Bytes cut off by the snap length of the capture are a gap at once.
//!
//! # Limits
//!
//! [`Limits`] bounds the memory whatever the segments are: the number of connections, of which the
//! one silent for longest is evicted, and the bytes held back, in one direction and altogether,
//! including the cost of keeping track of them.

mod connection;
mod stream;
#[cfg(test)]
mod tests;

use core::fmt;
use core::net::SocketAddr;

use hashlink::LinkedHashMap;

use self::connection::{Connection, Endpoints, Relation};
use self::stream::Held;
use super::Segment;

/// Number of a connection, from 1 in order of the first segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(u64);

impl ConnectionId {
    /// The number itself.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Something that happened in one direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// Which connection.
    pub connection: ConnectionId,
    /// The sender of this direction.
    pub source: SocketAddr,
    /// The receiver of this direction.
    pub destination: SocketAddr,
    /// Whether the sender is the side that opened the connection; `None` if that was not captured.
    pub from_initiator: Option<bool>,
    /// For data when it was captured, otherwise when the event became certain, in nanoseconds
    /// since 1970-01-01 UTC. Goes back by a little for data that was captured out of order.
    pub time_ns: Option<u64>,
    /// What happened.
    pub kind: EventKind<'a>,
}

/// What happened in one direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind<'a> {
    /// The next bytes of the stream, never empty.
    Data(&'a [u8]),
    /// The next bytes of the stream are lost.
    Gap {
        /// How many bytes, at least 1.
        len: u64,
    },
    /// The last event of this direction. There is exactly one, whether or not data preceded it.
    End {
        /// Why nothing follows.
        reason: EndReason,
    },
}

/// Why a direction of a connection has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// The sender has closed it.
    Fin,
    /// One of the sides has aborted the connection.
    Reset,
    /// The same addresses have begun another connection.
    Reused,
    /// Too many connections were active since.
    Evicted,
    /// The capture is over.
    EndOfCapture,
}

/// How much a [`Reassembler`] may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections that are tracked, at least 1. Each costs about 400 bytes. By default 65,536.
    pub connections: usize,
    /// Bytes held back in one direction of a connection, 4 MiB by default. Each segment counts
    /// for 128 bytes more than its payload.
    pub stream_bytes: usize,
    /// Bytes held back altogether, 256 MiB by default. The direction that would exceed it gives
    /// up its missing segments.
    pub total_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1 << 16,
            stream_bytes: 4 << 20,
            total_bytes: 256 << 20,
        }
    }
}

/// Puts segments back into streams. See the [module](self) for the rules.
#[derive(Debug)]
pub struct Reassembler {
    /// In order of the last segment, the one silent for longest first.
    connections: LinkedHashMap<Endpoints, Connection>,
    /// How many connections there have been.
    count: u64,
    held: Held,
    /// When the last segment was captured.
    time_ns: Option<u64>,
}

impl Default for Reassembler {
    fn default() -> Self {
        Self::with_limits(Limits::default())
    }
}

impl Reassembler {
    /// A reassembler with other limits than the default ones.
    pub fn with_limits(limits: Limits) -> Self {
        Self {
            connections: LinkedHashMap::new(),
            count: 0,
            held: Held::new(limits),
            time_ns: None,
        }
    }

    /// Takes the next segment of the capture and calls `sink` with what follows from it.
    pub fn push(
        &mut self,
        time_ns: Option<u64>,
        segment: &Segment<'_>,
        sink: &mut impl FnMut(Event<'_>),
    ) {
        self.time_ns = time_ns.or(self.time_ns);
        let (endpoints, side) = Endpoints::of(segment);
        let relation = match self.connections.to_back(&endpoints) {
            Some(connection) => connection.relation(side, segment),
            None if segment.rst => Relation::Stray,
            None => Relation::Successor,
        };
        match relation {
            Relation::Member => {}
            Relation::Stray => return,
            Relation::Successor => self.begin(endpoints, sink),
        }
        if let Some(connection) = self.connections.get_mut(&endpoints) {
            connection.accept(side, segment, time_ns, &mut self.held, sink);
        }
    }

    /// Ends all connections, as the capture has no more segments.
    pub fn finish(mut self, sink: &mut impl FnMut(Event<'_>)) {
        while let Some((_, mut connection)) = self.connections.pop_front() {
            connection.finish(EndReason::EndOfCapture, self.time_ns, &mut self.held, sink);
        }
    }

    /// Begins a connection in place of one with the same addresses, and of the one silent for
    /// longest if there are too many.
    fn begin(&mut self, endpoints: Endpoints, sink: &mut impl FnMut(Event<'_>)) {
        if let Some(mut former) = self.connections.remove(&endpoints) {
            former.finish(EndReason::Reused, self.time_ns, &mut self.held, sink);
        }
        while self.connections.len() >= self.held.limits().connections.max(1) {
            let Some((_, mut silent)) = self.connections.pop_front() else {
                break;
            };
            silent.finish(EndReason::Evicted, self.time_ns, &mut self.held, sink);
        }
        self.count = self.count.saturating_add(1);
        let connection = Connection::new(ConnectionId(self.count), endpoints);
        self.connections.insert(endpoints, connection);
    }
}
