//! MCBP packets out of reassembled TCP streams.
//!
//! Which streams carry MCBP is not told by their port but by how they begin: with a legal header
//! whose opcode has a name. A stream whose beginning is missing, or that was lost track of, is
//! taken up where a captured segment begins with such a header, or where one is found elsewhere
//! with another behind it. Bytes that were not captured cost the packets they belong to, not the
//! stream: if the header is there, it says where the next one is.
//!
//! At most [`Framing::MAX_HELD`] bytes of incomplete packets are held; the packet that would exceed
//! it is given up.

use core::fmt;
use core::net::SocketAddr;
use std::collections::HashMap;

use bytes::{Buf, BytesMut};
use mcbp::{Command, Decoder, FrameError, Header, Magic, Packet};

use crate::capture::{ConnectionId, Event, EventKind};

/// A direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The connection.
    pub connection: ConnectionId,
    /// The sender.
    pub source: SocketAddr,
    /// The receiver.
    pub destination: SocketAddr,
    /// Whether the sender opened the connection, if that was captured.
    pub from_initiator: Option<bool>,
}

/// A place in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The stream, if there are several.
    pub flow: Option<Flow>,
    /// When the last byte was captured, in nanoseconds since 1970.
    pub time_ns: Option<u64>,
    /// Bytes from the first one of the stream that was captured.
    pub offset: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(flow) = &self.flow {
            let Flow {
                connection,
                source,
                destination,
                ..
            } = flow;
            write!(f, "connection {connection}, {source} to {destination}, ")?;
        }
        write!(f, "byte {}", self.offset)
    }
}

/// What was found in a stream.
#[derive(Debug)]
pub enum Found {
    /// A whole packet.
    Packet(Packet),
    /// A packet whose sections do not fit into its body; a server would close the connection. The
    /// body's length still tells where the next packet begins.
    Illegal(FrameError),
    /// Something that is no packet.
    Problem(Problem),
}

/// Why bytes of a stream are no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A header is illegal.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A packet is incomplete, as some of it was not captured.
    #[error("{missing} bytes of a packet of {len} were not captured")]
    Hole {
        /// How many bytes are missing.
        missing: u64,
        /// How long the packet is.
        len: u64,
    },
    /// Headers were not captured.
    #[error("{len} bytes were not captured, headers among them")]
    LostHeaders {
        /// How many bytes are missing.
        len: u64,
    },
    /// Bytes had to be passed over to find a header.
    #[error("{len} bytes passed over to find a header")]
    Skipped {
        /// How many bytes.
        len: u64,
    },
    /// The stream ends within a packet.
    #[error("the stream ends after {len} bytes of a packet")]
    CutOff {
        /// How much of the packet there is.
        len: u64,
    },
    /// A packet is too large to be held beside all the others.
    #[error("packet of {len} bytes given up: too many are incomplete")]
    TooMuchHeld {
        /// How long the packet is.
        len: u64,
    },
}

/// Finds the packets of all streams of a capture.
#[derive(Debug, Default)]
pub struct Framing {
    streams: HashMap<(ConnectionId, SocketAddr), Stream>,
    held: usize,
}

impl Framing {
    /// How many bytes of incomplete packets are held at most, in all streams together: 512 MiB.
    pub const MAX_HELD: usize = 512 << 20;

    /// Takes the next event of a stream and calls `sink` with what is found.
    pub fn push(&mut self, event: &Event<'_>, sink: &mut impl FnMut(Place, Found)) {
        let key = (event.connection, event.source);
        let flow = Flow {
            connection: event.connection,
            source: event.source,
            destination: event.destination,
            from_initiator: event.from_initiator,
        };
        let mut sink = |offset, found| {
            let place = Place {
                flow: Some(flow),
                time_ns: event.time_ns,
                offset,
            };
            sink(place, found);
        };
        let stream = self.streams.entry(key).or_insert_with(|| {
            Stream::new(State::New {
                complete: event.from_initiator.is_some(),
            })
        });
        self.held = self.held.saturating_sub(stream.buffer.len());
        match event.kind {
            EventKind::Data(bytes) => stream.data(bytes, &mut sink),
            EventKind::Gap { len } => stream.gap(len, &mut sink),
            EventKind::End { .. } => {
                stream.end(&mut sink);
                self.streams.remove(&key);
                return;
            }
        }
        if self.held.saturating_add(stream.buffer.len()) > Self::MAX_HELD {
            stream.give_up(&mut sink);
        }
        self.held = self.held.saturating_add(stream.buffer.len());
    }
}

/// Finds the packets of one stream that is known to carry MCBP, in one direction.
#[derive(Debug)]
pub struct RawFraming(Stream);

impl Default for RawFraming {
    fn default() -> Self {
        Self(Stream::new(State::InStep(Decoder::default())))
    }
}

impl RawFraming {
    /// Takes the next bytes of the stream and calls `sink` with what is found.
    pub fn push(&mut self, bytes: &[u8], sink: &mut impl FnMut(Place, Found)) {
        self.0.data(bytes, &mut Self::placed(sink));
    }

    /// Ends the stream.
    pub fn finish(mut self, sink: &mut impl FnMut(Place, Found)) {
        self.0.end(&mut Self::placed(sink));
    }

    fn placed(sink: &mut impl FnMut(Place, Found)) -> impl FnMut(u64, Found) {
        |offset, found| {
            let place = Place {
                flow: None,
                time_ns: None,
                offset,
            };
            sink(place, found);
        }
    }
}

/// One direction of a connection.
#[derive(Debug)]
struct Stream {
    state: State,
    /// What has not been understood yet; starts at `offset`.
    buffer: BytesMut,
    offset: u64,
}

#[derive(Debug)]
enum State {
    /// The beginning, complete or not.
    New { complete: bool },
    /// At the front of `buffer` there is a header.
    InStep(Decoder),
    /// The next header is so many bytes behind the end of `buffer`, which is empty.
    Passing(u64),
    /// It is not known where the next header is; so many bytes have been passed over.
    Lost(u64),
    /// This is no MCBP.
    Foreign,
}

impl Stream {
    fn new(state: State) -> Self {
        Self {
            state,
            buffer: BytesMut::new(),
            offset: 0,
        }
    }

    fn data(&mut self, bytes: &[u8], sink: &mut impl FnMut(u64, Found)) {
        let bytes = self.pass(bytes);
        if bytes.is_empty() {
            return;
        }
        if !matches!(self.state, State::Foreign) {
            self.buffer.extend_from_slice(bytes);
        }
        self.recognise(sink);
        while self.packets(sink) {
            self.recognise(sink);
        }
    }

    /// Passes over the rest of a packet that is incomplete.
    fn pass<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let State::Passing(left) = &mut self.state else {
            return bytes;
        };
        let (passed, rest) = usize::try_from(*left)
            .ok()
            .and_then(|left| bytes.split_at_checked(left))
            .unwrap_or((bytes, &[]));
        *left = left.saturating_sub(passed.len() as u64);
        if *left == 0 {
            self.state = State::InStep(Decoder::default());
        }
        self.offset = self.offset.saturating_add(passed.len() as u64);
        rest
    }

    /// Finds the first header, where it is not known to be at the front of `buffer`.
    fn recognise(&mut self, sink: &mut impl FnMut(u64, Found)) {
        let before = match self.state {
            State::New { complete: true } => {
                match begins_with_packet(&self.buffer, Proof::Header) {
                    None => {}
                    Some(true) => self.state = State::InStep(Decoder::default()),
                    Some(false) => {
                        self.discard();
                        self.state = State::Foreign;
                    }
                }
                return;
            }
            // A stream without a beginning may be anything: nothing is said of what is skipped.
            State::New { complete: false } => 0,
            State::Lost(before) => before,
            State::InStep(_) | State::Passing(_) | State::Foreign => return,
        };
        let lost = matches!(self.state, State::Lost(_));
        let (skipped, found) = find_packet(&self.buffer);
        self.skip(skipped);
        let len = before.saturating_add(skipped as u64);
        if found {
            if lost && len > 0 {
                let start = self.offset.saturating_sub(len);
                sink(start, Found::Problem(Problem::Skipped { len }));
            }
            self.state = State::InStep(Decoder::default());
        } else if lost {
            self.state = State::Lost(len);
        }
    }

    /// Takes all whole packets off the front of `buffer`; true if the way to the next got lost.
    fn packets(&mut self, sink: &mut impl FnMut(u64, Found)) -> bool {
        while let State::InStep(decoder) = &mut self.state {
            match decoder.decode(&mut self.buffer) {
                Ok(Some(packet)) => {
                    let len = packet.header().packet_len() as u64;
                    sink(self.offset, Found::Packet(packet));
                    self.offset = self.offset.saturating_add(len);
                }
                Ok(None) => return false,
                Err(error) => match illegal_packet_len(&self.buffer) {
                    Some(len) => {
                        sink(self.offset, Found::Illegal(error));
                        self.state = State::Passing(len);
                        let buffer = core::mem::take(&mut self.buffer);
                        let rest = self.pass(&buffer);
                        self.buffer.extend_from_slice(rest);
                    }
                    None => {
                        sink(self.offset, Found::Problem(error.into()));
                        self.skip(1);
                        self.state = State::Lost(1);
                        return true;
                    }
                },
            }
        }
        false
    }

    fn gap(&mut self, gap: u64, sink: &mut impl FnMut(u64, Found)) {
        let start = self.offset;
        let partial = Header::peek(&self.buffer).ok().flatten();
        let had = self.discard();
        self.offset = self.offset.saturating_add(gap);
        // How much of the gap is known to hold no header, if the stream is in step.
        let passing = match (&self.state, partial) {
            (State::Foreign, _) => return,
            (State::New { .. }, _) => {
                self.state = State::New { complete: false };
                return;
            }
            (State::Lost(skipped), _) => {
                self.state = State::Lost(skipped.saturating_add(had).saturating_add(gap));
                return;
            }
            (State::Passing(left), _) => *left,
            (State::InStep(_), None) => 0,
            (State::InStep(_), Some(header)) => {
                let len = header.packet_len() as u64;
                let left = len.saturating_sub(had);
                let missing = left.min(gap);
                sink(start, Found::Problem(Problem::Hole { missing, len }));
                left
            }
        };
        self.state = match gap.checked_sub(passing) {
            None => State::Passing(passing.saturating_sub(gap)),
            Some(0) if passing > 0 => State::InStep(Decoder::default()),
            Some(len) => {
                sink(start, Found::Problem(Problem::LostHeaders { len }));
                State::Lost(0)
            }
        };
    }

    fn end(&mut self, sink: &mut impl FnMut(u64, Found)) {
        let start = self.offset;
        let len = self.discard();
        match self.state {
            State::InStep(_) if len > 0 => {
                sink(start, Found::Problem(Problem::CutOff { len }));
            }
            State::Lost(skipped) if skipped.saturating_add(len) > 0 => {
                let len = skipped.saturating_add(len);
                sink(
                    start.saturating_sub(skipped),
                    Found::Problem(Problem::Skipped { len }),
                );
            }
            _ => {}
        }
    }

    /// Gives up the packet at the front of `buffer`, but not the ones behind it.
    fn give_up(&mut self, sink: &mut impl FnMut(u64, Found)) {
        let Ok(Some(header)) = Header::peek(&self.buffer) else {
            return;
        };
        let len = header.packet_len() as u64;
        sink(self.offset, Found::Problem(Problem::TooMuchHeld { len }));
        let had = self.discard();
        self.state = State::Passing(len.saturating_sub(had));
    }

    /// Drops the first bytes of `buffer`.
    fn skip(&mut self, len: usize) {
        self.buffer.advance(len);
        self.offset = self.offset.saturating_add(len as u64);
    }

    /// Empties `buffer`, and gives how much there was.
    fn discard(&mut self) -> u64 {
        let len = self.buffer.len() as u64;
        self.buffer = BytesMut::new();
        self.offset = self.offset.saturating_add(len);
        len
    }
}

/// How long the packet is at the front of `bytes`, whose header is illegal, if that can be told:
/// nothing follows it but packets.
fn illegal_packet_len(bytes: &[u8]) -> Option<u64> {
    let body_len = u32::from_be_bytes(*bytes.get(8..)?.first_chunk()?);
    let len = Header::LEN.checked_add(usize::try_from(body_len).ok()?)?;
    let next = bytes.get(len..)?;
    let likely = next.is_empty() || begins_with_packet(next, Proof::Header) == Some(true);
    (Magic::from_byte(*bytes.first()?).is_some() && likely).then_some(len as u64)
}

/// What must be seen of a packet to take it for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// Its header.
    Header,
    /// Its header with a legal datatype, and that of the next packet if there are bytes behind it.
    NextIfThere,
    /// Its header with a legal datatype, and behind its last byte either that of the next packet or nothing.
    Next,
}

/// Whether `bytes` begin with a packet; `None` if there are too few to tell.
fn begins_with_packet(bytes: &[u8], proof: Proof) -> Option<bool> {
    let header = match Header::peek(bytes) {
        Ok(header) => header?,
        Err(_) => return Some(false),
    };
    let name = match header.command() {
        Command::Client(opcode) => opcode.name(),
        Command::Server(opcode) => opcode.name(),
    };
    let strange = proof != Proof::Header && header.datatype().bits() > 0x07;
    if name.is_none() || header.body_len() > Decoder::DEFAULT_MAX_BODY_LEN || strange {
        return Some(false);
    }
    let next = bytes.get(header.packet_len()..);
    match (
        proof,
        next.map(|next| (next.is_empty(), begins_with_packet(next, Proof::Header))),
    ) {
        (Proof::Header, _) | (_, Some((true, _)) | Some((_, Some(true)))) => Some(true),
        (_, Some((_, Some(false)))) => Some(false),
        (Proof::NextIfThere, _) => Some(true),
        (Proof::Next, _) => None,
    }
}

/// How many bytes there are before the first packet, or before what may become one when there is
/// more; and which of the two it is.
///
/// The bytes begin with a captured segment. A packet is likely there, so less proof is asked for
/// than anywhere else.
fn find_packet(bytes: &[u8]) -> (usize, bool) {
    let begins = |at, proof| {
        bytes
            .get(at..)
            .and_then(|rest| begins_with_packet(rest, proof))
    };
    if begins(0, Proof::NextIfThere) == Some(true) {
        return (0, true);
    }
    if let Some(at) = (1..bytes.len()).find(|&at| begins(at, Proof::Next) == Some(true)) {
        return (at, true);
    }
    let tail = bytes.len().saturating_sub(Header::LEN.saturating_sub(1));
    let may_become = (tail..bytes.len()).find(|&at| begins(at, Proof::Header).is_none());
    (may_become.unwrap_or(bytes.len()), false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{FrameReader, Reassembler};

    /// A stream of 61 packets of different lengths.
    fn stream() -> Vec<u8> {
        let mut bytes = Vec::new();
        for number in 0_u8..61 {
            let mut packet = vec![0x80, 0x57, 0, 3, 31, 0, 0, 0, 0, 0, 0, 34, 0, 0, 0, number];
            packet.resize(Header::LEN + 34, 0);
            let value = vec![0x5a; usize::from(number) * 3];
            let value_len = u8::try_from(value.len()).expect("at most 180");
            packet[11] = 34_u8.saturating_add(value_len);
            bytes.extend(packet);
            bytes.extend(value);
        }
        bytes
    }

    /// What is found in a stream of these pieces: packets by their number, problems by their text.
    fn found(state: State, pieces: &[Result<&[u8], u64>]) -> Vec<Result<u32, String>> {
        let mut stream = Stream::new(state);
        let mut all = Vec::new();
        let mut sink = |_, found| {
            all.push(match found {
                Found::Packet(packet) => Ok(packet.header().opaque()),
                Found::Illegal(error) => Err(error.to_string()),
                Found::Problem(problem) => Err(problem.to_string()),
            });
        };
        for piece in pieces {
            match piece {
                Ok(bytes) => stream.data(bytes, &mut sink),
                Err(gap) => stream.gap(*gap, &mut sink),
            }
        }
        stream.end(&mut sink);
        all
    }

    const COMPLETE: State = State::New { complete: true };

    fn numbers(numbers: core::ops::Range<u32>) -> impl Iterator<Item = Result<u32, String>> {
        numbers.map(Ok)
    }

    #[test]
    fn any_pieces_give_the_same_packets() {
        let stream = stream();
        for len in 1..200 {
            let pieces: Vec<_> = stream.chunks(len).map(Ok).collect();
            assert!(
                found(COMPLETE, &pieces).into_iter().eq(numbers(0..61)),
                "{len}"
            );
        }
    }

    #[test]
    fn a_strange_first_packet_is_not_skipped() {
        let mut strange = stream();
        // A datatype that no server knows.
        strange[5] = 0x81;
        for len in [1, 24, 58, strange.len()] {
            let pieces: Vec<_> = strange.chunks(len).map(Ok).collect();
            assert!(found(COMPLETE, &pieces).into_iter().eq(numbers(0..61)));
        }
        // What follows it does not make it worse.
        let first = &stream()[..58];
        let bytes = [first, &[0xff; 24]].concat();
        let illegal = "unknown magic 0xff".to_owned();
        assert_eq!(found(COMPLETE, &[Ok(&bytes)])[..2], [Ok(0), Err(illegal)]);
    }

    /// Packet 10 starts at 715 and is 88 bytes long.
    #[test]
    fn a_gap_costs_the_packets_it_touches() {
        let stream = stream();
        let start = 10 * 58 + 3 * 45;
        for from in start + 24..start + 88 {
            for to in from + 1..=start + 88 {
                let pieces = [
                    Ok(&stream[..from]),
                    Err((to - from) as u64),
                    Ok(&stream[to..]),
                ];
                let hole = format!("{} bytes of a packet of 88 were not captured", to - from);
                let expected = numbers(0..10).chain([Err(hole)]).chain(numbers(11..61));
                assert!(
                    found(COMPLETE, &pieces).into_iter().eq(expected),
                    "{from}..{to}"
                );
            }
        }
    }

    #[test]
    fn a_gap_over_headers_is_left_at_the_next_packet() {
        let stream = stream();
        let (start, next) = (10 * 58 + 3 * 45, 11 * 58 + 3 * 55);
        for from in start..start + 24 {
            // The rest of packet 10 is there, but where it ends is not known.
            let pieces = [Ok(&stream[..from]), Err(24), Ok(&stream[from + 24..])];
            let lost = "24 bytes were not captured, headers among them".to_owned();
            let skipped = format!("{} bytes passed over to find a header", next - from - 24);
            let expected = numbers(0..10)
                .chain([Err(lost), Err(skipped)])
                .chain(numbers(11..61));
            assert!(found(COMPLETE, &pieces).into_iter().eq(expected), "{from}");
        }
    }

    #[test]
    fn a_stream_without_its_beginning_is_taken_up() {
        let stream = stream();
        let (start, next) = (10 * 58 + 3 * 45, 11 * 58 + 3 * 55);
        for from in start..next {
            let all = found(State::New { complete: false }, &[Ok(&stream[from..])]);
            let first = if from == start { 10 } else { 11 };
            assert!(all.into_iter().eq(numbers(first..61)), "{from}");
        }
    }

    #[test]
    fn what_does_not_begin_like_mcbp_is_left_alone() {
        let http = b"GET / HTTP/1.1\r\n\r\n".as_slice();
        let stream = stream();
        assert_eq!(found(COMPLETE, &[Ok(http), Ok(&stream)]), []);
        // A magic alone proves nothing: this opcode has no name.
        let unnamed = [&[0x80, 0xff][..], &[0; 22]].concat();
        assert_eq!(found(COMPLETE, &[Ok(&unnamed), Ok(&stream)]), []);
    }

    #[test]
    fn garbage_ends_at_the_next_packet_wherever_it_is_cut() {
        let stream = stream();
        let garbage = [&stream[..], &[0x80; 50], &stream].concat();
        for len in [1, 23, 24, 25, 100, garbage.len()] {
            let pieces: Vec<_> = garbage.chunks(len).map(Ok).collect();
            let all = found(COMPLETE, &pieces);
            let packets = all.iter().filter(|found| found.is_ok()).count();
            assert!(packets >= 120, "{packets} packets in pieces of {len}");
            assert!(all.iter().any(Result::is_err));
        }
    }

    #[test]
    fn an_illegal_header_costs_its_own_packet() {
        let stream = stream();
        let mut illegal = stream[..58].to_vec();
        illegal[4] = 0xff;
        let bytes = [&stream[..], &illegal, &stream].concat();
        let error = "sections need 258 bytes, the body has 34".to_owned();
        let expected = numbers(0..61).chain([Err(error)]).chain(numbers(0..61));
        assert!(found(COMPLETE, &[Ok(&bytes)]).into_iter().eq(expected));
    }

    #[test]
    fn an_end_within_a_packet_is_a_problem() {
        let stream = stream();
        for cut in 1..58 {
            let all = found(COMPLETE, &[Ok(&stream), Ok(&stream[..cut])]);
            let error = format!("the stream ends after {cut} bytes of a packet");
            assert!(
                all.into_iter().eq(numbers(0..61).chain([Err(error)])),
                "{cut}"
            );
        }
    }

    /// The whole way from a capture, with a connection that carries no MCBP in between.
    #[test]
    fn streams_are_told_apart() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../tests/captures/two-nodes.pcap"
        );
        let mut frames = FrameReader::new(std::fs::File::open(path).unwrap()).unwrap();
        let mut segments = Reassembler::default();
        let mut framing = Framing::default();
        let mut packets = 0;
        while let Some(frame) = frames.next_frame().unwrap() {
            if let crate::capture::Packet::Tcp(segment) = crate::capture::Packet::from_frame(&frame)
            {
                segments.push(frame.time_ns, &segment, &mut |event| {
                    framing.push(&event, &mut |place, found| {
                        assert!(matches!(found, Found::Packet(_)), "{place}: {found:?}");
                        packets += 1;
                    });
                });
            }
        }
        assert_eq!(packets, 5686);
        assert!(framing.held < 1 << 20);
    }
}
