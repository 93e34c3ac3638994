//! What DCP does over time: small state machines without I/O.
//!
//! Each is a value that is told what happened and says what to do. None of them owns a socket,
//! reads a clock or starts anything; they take parsed messages, so that the same machine serves a
//! consumer, a proxy between two servers and a test.
//!
//! | machine                    | one per           | what it answers                      | bytes    |
//! |----------------------------|-------------------|--------------------------------------|---------:|
//! | [`negotiate::Negotiation`] | connection        | what to ask for; what is in force    |      184 |
//! | [`resume::Cursor`]         | stream            | from where to go on                  |       80 |
//! | [`flow::ConsumerLedger`]   | connection        | how much to acknowledge              |       40 |
//! | [`flow::ProducerLedger`]   | connection        | whether more may be sent             |       32 |
//! | [`noop::NoopResponder`]    | connection        | whether the producer is still there  |       32 |
//! | [`noop::NoopSender`]       | connection        | whether the consumer is still there  |       72 |
//! | [`answers::Answers`]       | end of connection | what an answer belongs to            | 56 and a map entry per stream |
//! | [`streams::Streams`]       | replication       | which streams to open and close      | 52 per stream |
//! | [`takeover::Takeover`]     | takeover          | when a vbucket has moved; when to try again | 48 per try |
//!
//! * Time is an argument: `now` is a [`Duration`] since an instant of the
//!   caller's choosing. `next_timeout` says when to call `poll` if nothing happens before.
//! * Whatever order events come in, no machine panics, and none allocates for a message of a
//!   stream.
//! * What the other end may not do is a violation: an error that says what and why. Unless the doc
//!   of the machine says otherwise it leaves the machine as it was, so what follows is judged as
//!   if the offending message had not come.
//!
//! # Between two servers
//!
//! A server that consumes (the *consumer*) says nothing until it is told to add a stream, and it
//! does not connect to a server that produces (the *producer*). Someone stands between them, with
//! a connection to each, tells the consumer which streams to add, and passes nearly all packets on
//! as they are. The machines here are what that someone needs to know. Each has the same verbs:
//!
//! | verb                          | when                                                        |
//! |-------------------------------|-------------------------------------------------------------|
//! | `on_request`, `on_response`   | a packet was read from either socket, **before** it is passed on; the answer says whether to pass it on |
//! | `poll_send`                   | after every call, until `None`: a request to be sent, **after** the packet was passed on or kept |
//! | `poll_outcome`                | after every call: how what was asked for ended, once        |
//! | `next_timeout`, `on_timeout`  | to arm a timer after every call; when it goes off           |
//!
//! Packets with another opcode than those in `OPCODES` of a machine need not be shown to it, and so
//! need not be read: they are passed on. Both connections are negotiated before (`HELLO`, `DCP_OPEN`). Time is a [`Duration`] since any
//! moment that the caller likes, as long as it stays the same. If a connection is lost so are its
//! streams: drop the machine with it.
//!
//! ```
//! use core::time::Duration;
//! use mcbp::dcp::{DcpRequest, DcpResponse};
//! use mcbp::track::streams::{Config, Streams};
//! use mcbp::track::{Side, Verdict};
//! use mcbp::{Opcode, Packet};
//!
//! /// What is waiting to be written to the two sockets.
//! #[derive(Default)]
//! struct Sockets {
//!     consumer: Vec<u8>,
//!     producer: Vec<u8>,
//! }
//!
//! impl Sockets {
//!     fn towards(&mut self, side: Side) -> &mut Vec<u8> {
//!         match side {
//!             Side::Consumer => &mut self.consumer,
//!             Side::Producer => &mut self.producer,
//!         }
//!     }
//! }
//!
//! fn on_packet(streams: &mut Streams, sockets: &mut Sockets, from: Side, packet: Packet<&[u8]>) {
//!     // A packet that cannot be read is the business of whom it is for.
//!     let verdict = if packet.header().magic().is_response() {
//!         DcpResponse::read(packet).map_or(Ok(Verdict::Pass), |it| streams.on_response(from, &it))
//!     } else {
//!         DcpRequest::read(packet).map_or(Ok(Verdict::Pass), |it| streams.on_request(from, &it))
//!     };
//!     match verdict {
//!         Ok(Verdict::Pass) => packet.encode(sockets.towards(from.other())).expect("it was read"),
//!         Ok(Verdict::Keep) => {}
//!         Err(violation) => eprintln!("{violation}"), // Kept, too.
//!     }
//!     after_every_call(streams, sockets);
//! }
//!
//! fn after_every_call(streams: &mut Streams, sockets: &mut Sockets) {
//!     while let Some(outgoing) = streams.poll_send() {
//!         let socket = sockets.towards(outgoing.to);
//!         outgoing.request.encode(socket).expect("a request without a body");
//!     }
//!     if let Some(outcome) = streams.poll_outcome() {
//!         println!("{outcome:?}");
//!     }
//!     // Arm the timer with `streams.next_timeout()`.
//! }
//!
//! let mut streams = Streams::new(Config::default());
//! let mut sockets = Sockets::default();
//! streams.set_up(&[0, 1, 2], Duration::ZERO)?;
//! after_every_call(&mut streams, &mut sockets);
//! assert_eq!(Packet::iter(&sockets.consumer).count(), 3); // ADD_STREAM
//! # Ok::<(), mcbp::track::streams::CallRefused>(())
//! ```
//!
//! # Opaques, of which there are three kinds
//!
//! * That of an `ADD_STREAM` or `CLOSE_STREAM` that a machine sends comes back in the answer, which
//!   names no vbucket. It is made of the vbucket (low half) and a number that grows with each
//!   request (high half), so that no two requests share one and a late answer to one of them is
//!   never taken for the answer to another. The number of a takeover has its top bit set, so both
//!   machines can use one connection.
//! * That of a *stream* is chosen by the consumer: the header of its `STREAM_REQ`, and of every
//!   message of the stream, holds it. The machines learn it from there, because a `STREAM_END`
//!   tells only by it whether the stream that ended is the current one of its vbucket.
//! * The same integer stands in the extras of the answer to `ADD_STREAM`, but big-endian, while the
//!   header has the consumer's own byte order: `05 00 00 00` in the header is `00 00 00 05` here.
//!   This crate reads any opaque as big-endian, and the machines compare headers with headers;
//!   only if the `STREAM_REQ` was not seen do they fall back on
//!   [`header_opaque`](crate::dcp::AddStreamReply::header_opaque).
//!
//! # Two machines on one connection
//!
//! Show every packet to both and let [`agree`] make one verdict of two. They must not be told to
//! handle the same vbucket at the same time.

pub mod answers;
pub mod flow;
pub mod negotiate;
pub mod noop;
pub mod resume;
pub mod streams;
pub mod takeover;

pub use answers::Answers;
pub use flow::{ConsumerLedger, ProducerLedger};
pub use negotiate::{Negotiated, Negotiation, Plan, Wanted};
pub use noop::{NoopResponder, NoopSender};
pub use resume::{Checkpoint, Cursor};

use core::fmt;
use core::num::NonZeroU16;
#[cfg(doc)]
use core::time::Duration;

use crate::dcp::{AddStream, CloseStream, DcpRequest};
use crate::{Opcode, Request, Status, StreamFlags};

/// One of the two servers between which packets are passed on, or the socket to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The server that streams are added to.
    Consumer,
    /// The server that the streams come from.
    Producer,
}

impl Side {
    /// The side that a packet from this one is passed on to.
    pub const fn other(self) -> Self {
        match self {
            Self::Consumer => Self::Producer,
            Self::Producer => Self::Consumer,
        }
    }
}

/// What is to become of a packet.
#[must_use = "a packet is passed on or kept"]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It goes to the other side, as it is.
    Pass,
    /// It goes no further.
    Keep,
}

/// A request to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Outgoing {
    /// Whom it goes to.
    pub to: Side,
    /// An `ADD_STREAM` or a `CLOSE_STREAM`.
    pub request: DcpRequest<'static>,
}

/// A peer did what no peer does. Nothing has changed; keep the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Violation {
    /// An answer to a request that was never sent.
    ///
    /// Passed on to a producer, it could cost the connection (reference 11.1).
    UnknownRequest {
        /// Who answers.
        from: Side,
        /// What it answers.
        opcode: Opcode,
        /// The opaque of the answer.
        opaque: u32,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::UnknownRequest {
                from,
                opcode,
                opaque,
            } => write!(
                f,
                "{from:?} answered {opcode} {opaque:#010x}, which was not sent"
            ),
        }
    }
}

impl core::error::Error for Violation {}

/// The verdict on a packet that two machines have seen: it passes if both let it pass, and what one
/// of them knows is no violation.
pub fn agree(
    one: Result<Verdict, Violation>,
    other: Result<Verdict, Violation>,
) -> Result<Verdict, Violation> {
    match (one, other) {
        (Ok(Verdict::Pass), Ok(Verdict::Pass)) => Ok(Verdict::Pass),
        (Ok(_), Ok(_)) => Ok(Verdict::Keep),
        (Ok(verdict), Err(_)) | (Err(_), Ok(verdict)) => Ok(verdict),
        (Err(violation), Err(_)) => Err(violation),
    }
}

/// Whether an answer with this status to `CLOSE_STREAM` means that there is no stream any more.
///
/// The last is what a consumer says that negotiated `v7_dcp_status_codes` (reference 6.3).
const fn means_closed(status: Status) -> bool {
    matches!(
        status,
        Status::SUCCESS | Status::KEY_ENOENT | Status::DCP_STREAM_NOT_FOUND
    )
}

/// The number of a request: the high half of its opaque.
type Number = NonZeroU16;

/// Numbers requests, so that no two that could be confused have the same opaque.
#[derive(Debug, Clone, Copy)]
struct Numbers {
    /// Set in the numbers of all requests, or of none.
    class: u16,
    last: u16,
    /// Whether every number has been used.
    wrapped: bool,
}

impl Numbers {
    /// The bit that tells the requests of one machine from those of the other.
    const CLASS: u16 = 0x8000;

    const STREAMS: Self = Self {
        class: 0,
        last: 0,
        wrapped: false,
    };
    const TAKEOVER: Self = Self {
        class: Self::CLASS,
        ..Self::STREAMS
    };

    fn take(&mut self) -> Number {
        self.wrapped |= self.last == !Self::CLASS;
        self.last = self.last.wrapping_add(1) & !Self::CLASS;
        if self.last == 0 {
            self.last = 1;
        }
        Number::new(self.last | self.class).unwrap_or(Number::MIN)
    }

    /// Whether a request with this number may have been sent.
    fn contain(self, number: u16) -> bool {
        let rest = number & !Self::CLASS;
        number & Self::CLASS == self.class && rest != 0 && (self.wrapped || rest <= self.last)
    }
}

/// The opaque of a request.
fn opaque(number: Number, vbucket: u16) -> u32 {
    u32::from(number.get()) << 16 | u32::from(vbucket)
}

fn add_stream(opaque: u32, vbucket: u16, flags: StreamFlags) -> DcpRequest<'static> {
    let add = Request::from(AddStream { flags });
    DcpRequest::AddStream(Request {
        opaque,
        vbucket,
        ..add
    })
}

fn close_stream(opaque: u32, vbucket: u16) -> DcpRequest<'static> {
    let close = Request::from(CloseStream);
    DcpRequest::CloseStream(Request {
        opaque,
        vbucket,
        ..close
    })
}

/// The number and the vbucket that an opaque is made of.
fn number_and_vbucket(opaque: u32) -> (u16, u16) {
    let [a, b, c, d] = opaque.to_be_bytes();
    (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
}

/// A request to one side about one stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Ask {
    /// There is none, or it has been answered.
    #[default]
    Nothing,
    /// It waits for being sent.
    Unsent,
    /// It waits for an answer.
    Sent(Number),
}

impl Ask {
    fn is_pending(self) -> bool {
        self != Self::Nothing
    }

    /// Whether it was waiting for an answer with this number; it no longer is.
    fn take_answer(&mut self, number: u16) -> bool {
        let is_answer = matches!(*self, Self::Sent(own) if own.get() == number);
        if is_answer {
            *self = Self::Nothing;
        }
        is_answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_requests_share_an_opaque() {
        for mut numbers in [Numbers::STREAMS, Numbers::TAKEOVER] {
            assert!(!numbers.contain(0) && !numbers.contain(1 | numbers.class));
            for expected in 1..=0x7fff {
                let number = numbers.take().get();
                assert_eq!(number, expected | numbers.class);
                assert!(numbers.contain(number));
                assert!(!numbers.contain(number ^ Numbers::CLASS));
                assert!(!numbers.contain(expected.wrapping_add(1) & 0x7fff | numbers.class));
            }
            assert_eq!(numbers.take().get(), 1 | numbers.class);
            assert!(numbers.contain(0x7fff | numbers.class) && !numbers.contain(numbers.class));
        }
        let number = Number::new(0x8001).expect("not 0");
        assert_eq!(opaque(number, 0x0203), 0x8001_0203);
        assert_eq!(number_and_vbucket(0x8001_0203), (0x8001, 0x0203));
    }

    #[test]
    fn two_machines_agree() {
        let violation = Violation::UnknownRequest {
            from: Side::Consumer,
            opcode: Opcode::DCP_ADD_STREAM,
            opaque: 1,
        };
        let (pass, keep, unknown) = (Ok(Verdict::Pass), Ok(Verdict::Keep), Err(violation));
        for (one, other, both) in [
            (pass, pass, pass),
            (pass, keep, keep),
            (keep, keep, keep),
            (pass, unknown, pass),
            (keep, unknown, keep),
            (unknown, unknown, unknown),
        ] {
            assert_eq!(agree(one, other), both);
            assert_eq!(agree(other, one), both);
        }
    }
}
