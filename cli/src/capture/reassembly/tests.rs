#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

mod connections;
mod gaps;
mod order;
mod properties;

use super::{Event, EventKind, Limits, Reassembler};
use crate::capture::Segment;

const CLIENT: &str = "10.0.0.1:50000";
const SERVER: &str = "10.0.0.2:11210";

/// A segment from one address to another, without flags.
fn between<'a>(source: &str, destination: &str, seq: u32, payload: &'a [u8]) -> Segment<'a> {
    Segment {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
        seq,
        ack: None,
        syn: false,
        fin: false,
        rst: false,
        payload,
        cut: 0,
    }
}

fn client(seq: u32, payload: &[u8]) -> Segment<'_> {
    between(CLIENT, SERVER, seq, payload)
}

fn server(seq: u32, payload: &[u8]) -> Segment<'_> {
    between(SERVER, CLIENT, seq, payload)
}

impl Segment<'_> {
    fn syn(self) -> Self {
        Self { syn: true, ..self }
    }

    fn fin(self) -> Self {
        Self { fin: true, ..self }
    }

    fn rst(self) -> Self {
        Self { rst: true, ..self }
    }

    fn ack(self, ack: u32) -> Self {
        Self {
            ack: Some(ack),
            ..self
        }
    }

    fn cut(self, cut: u32) -> Self {
        Self { cut, ..self }
    }
}

/// The three segments that open a connection: the client's first byte is 100, the server's 500.
fn handshake() -> [Segment<'static>; 3] {
    [
        client(99, b"").syn(),
        server(499, b"").syn().ack(100),
        client(100, b"").ack(500),
    ]
}

/// A reassembler, and what has come out of it in one line per event:
/// connection, direction (`>` from the client, `<` from the server, `~` if unknown who that is),
/// and the data, the length of the gap, or the reason of the end.
struct Log {
    reassembler: Reassembler,
    lines: Vec<String>,
}

impl Log {
    fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    fn with_limits(limits: Limits) -> Self {
        Self {
            reassembler: Reassembler::with_limits(limits),
            lines: Vec::new(),
        }
    }

    /// A log after [`handshake`].
    fn opened() -> Self {
        let mut log = Self::new();
        for segment in handshake() {
            log.push(segment);
        }
        assert_eq!(log.lines, [""; 0]);
        log
    }

    fn push(&mut self, segment: Segment<'_>) {
        let lines = &mut self.lines;
        self.reassembler
            .push(Some(7), &segment, &mut |event| lines.push(line(&event)));
    }

    /// The lines since the last call.
    fn take(&mut self) -> Vec<String> {
        core::mem::take(&mut self.lines)
    }

    /// Pushes a segment and returns the lines that follow from it.
    fn after(&mut self, segment: Segment<'_>) -> Vec<String> {
        assert_eq!(self.lines, [""; 0], "lines that the test has not looked at");
        self.push(segment);
        self.take()
    }

    fn finish(mut self) -> Vec<String> {
        let lines = &mut self.lines;
        self.reassembler
            .finish(&mut |event| lines.push(line(&event)));
        self.lines
    }
}

fn line(event: &Event<'_>) -> String {
    let direction = match event.from_initiator {
        None => '~',
        Some(true) => '>',
        Some(false) => '<',
    };
    let kind = match event.kind {
        EventKind::Data(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        EventKind::Gap { len } => format!("+{len}"),
        EventKind::End { reason } => format!("{reason:?}"),
    };
    format!("{}{direction} {kind}", event.connection)
}
