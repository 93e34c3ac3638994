//! Packets and batches over [`tokio_util::codec`]: for `Framed`, `FramedRead` and `FramedWrite`.
//!
//! [`PacketCodec`] gives one packet at a time, each of which may outlive the next;
//! [`BatchCodec`] gives all whole packets of a read at once, which costs less where they are small.
//! Both write the same things: all that is [`Encode`].
//!
//! ```
//! use futures_util::{SinkExt, StreamExt};
//! use mcbp::codec::PacketCodec;
//! use mcbp::dcp::{DcpRequest, Noop, NoopReply};
//! use mcbp::{Request, Response};
//! use tokio_util::codec::Framed;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (here, there) = tokio::io::duplex(64);
//! let mut producer = Framed::new(here, PacketCodec::default());
//! let mut consumer = Framed::new(there, PacketCodec::default());
//!
//! producer.send(Request { opaque: 7, ..Request::from(Noop) }).await?;
//! let packet = consumer.next().await.expect("a packet")?;
//! if let DcpRequest::Noop(noop) = DcpRequest::read(packet.view())? {
//!     let answer = Response { opaque: noop.opaque, ..Response::from(NoopReply::default()) };
//!     consumer.send(answer).await?;
//! }
//! let answer = producer.next().await.expect("a packet")?;
//! assert_eq!(answer.header().opaque(), 7);
//! # Ok(())
//! # }
//! ```
//!
//! As many types can be written, a method of `Sink` that is given none cannot know which: flush by
//! `SinkExt::<Packet>::flush(&mut framed)`.
//!
//! The limit on bodies is that of the [`Decoder`], and so are the errors: after
//! [`CodecError::Frame`] the connection is lost.

use core::fmt;
use std::io;

use bytes::BytesMut;
use tokio_util::codec;

use crate::{
    Batch, Decoder, EncodeError, FrameError, Header, Message, Packet, Reply, Request, Response,
};

/// Reads packet by packet: `Packet<Bytes>`.
#[derive(Debug, Clone, Default)]
pub struct PacketCodec {
    decoder: Decoder,
}

impl PacketCodec {
    /// A codec that refuses bodies longer than `max_body_len` bytes.
    pub const fn new(max_body_len: u32) -> Self {
        Self {
            decoder: Decoder::new(max_body_len),
        }
    }
}

/// Reads all whole packets that are there, as one [`Batch`]; never an empty one.
///
/// How many these can be depends on how much is read at once: give
/// [`Framed::with_capacity`](codec::Framed::with_capacity) some 64 KiB.
#[derive(Debug, Clone, Default)]
pub struct BatchCodec {
    decoder: Decoder,
}

impl BatchCodec {
    /// A codec that refuses bodies longer than `max_body_len` bytes.
    pub const fn new(max_body_len: u32) -> Self {
        Self {
            decoder: Decoder::new(max_body_len),
        }
    }
}

impl codec::Decoder for PacketCodec {
    type Item = Packet;
    type Error = CodecError;

    #[inline]
    fn decode(&mut self, stream: &mut BytesMut) -> Result<Option<Packet>, CodecError> {
        Ok(self.decoder.decode(stream)?)
    }

    fn decode_eof(&mut self, stream: &mut BytesMut) -> Result<Option<Packet>, CodecError> {
        match self.decode(stream)? {
            None => at_end(stream),
            packet => Ok(packet),
        }
    }
}

impl codec::Decoder for BatchCodec {
    type Item = Batch;
    type Error = CodecError;

    #[inline]
    fn decode(&mut self, stream: &mut BytesMut) -> Result<Option<Batch>, CodecError> {
        let batch = self.decoder.decode_batch(stream)?;
        Ok((!batch.is_empty()).then_some(batch))
    }

    fn decode_eof(&mut self, stream: &mut BytesMut) -> Result<Option<Batch>, CodecError> {
        match self.decode(stream)? {
            None => at_end(stream),
            batch => Ok(batch),
        }
    }
}

/// What is left at the end of a stream is a packet that was cut off; it is told once.
fn at_end<T>(stream: &mut BytesMut) -> Result<Option<T>, CodecError> {
    let rest = stream.split();
    if rest.is_empty() {
        return Ok(None);
    }
    let expected = Header::peek(&rest)?.map(|header| header.packet_len());
    Err(CodecError::CutOff {
        arrived: rest.len(),
        expected,
    })
}

impl<T: Encode> codec::Encoder<T> for PacketCodec {
    type Error = CodecError;

    #[inline]
    fn encode(&mut self, item: T, stream: &mut BytesMut) -> Result<(), CodecError> {
        Ok(item.append_to(stream)?)
    }
}

impl<T: Encode> codec::Encoder<T> for BatchCodec {
    type Error = CodecError;

    #[inline]
    fn encode(&mut self, item: T, stream: &mut BytesMut) -> Result<(), CodecError> {
        Ok(item.append_to(stream)?)
    }
}

/// What can be written to a stream of packets: packets and batches as they came, and messages in
/// their envelopes, by value or by reference.
///
/// Implemented by the types of this crate, and only by them.
pub trait Encode {
    /// Appends it to `stream`, or nothing.
    #[doc(hidden)]
    fn append_to(&self, stream: &mut BytesMut) -> Result<(), EncodeError>;
}

impl<T: Encode> Encode for &T {
    #[inline]
    fn append_to(&self, stream: &mut BytesMut) -> Result<(), EncodeError> {
        T::append_to(self, stream)
    }
}

impl<B: AsRef<[u8]>> Encode for Packet<B> {
    #[inline]
    fn append_to(&self, stream: &mut BytesMut) -> Result<(), EncodeError> {
        stream.reserve(self.header().packet_len());
        self.encode(stream)
    }
}

impl Encode for Batch {
    #[inline]
    fn append_to(&self, stream: &mut BytesMut) -> Result<(), EncodeError> {
        stream.extend_from_slice(self.as_bytes());
        Ok(())
    }
}

impl<'a, M: Message<'a>> Encode for Request<'a, M> {
    #[inline]
    fn append_to(&self, stream: &mut BytesMut) -> Result<(), EncodeError> {
        stream.reserve(self.encoded_len());
        self.encode(stream)
    }
}

impl<'a, R: Reply<'a>> Encode for Response<'a, R> {
    #[inline]
    fn append_to(&self, stream: &mut BytesMut) -> Result<(), EncodeError> {
        stream.reserve(self.encoded_len());
        self.encode(stream)
    }
}

/// Why a framed connection cannot go on, or a packet was not written.
#[derive(Debug)]
#[non_exhaustive]
pub enum CodecError {
    /// The bytes that arrive are no stream of packets any more: close the connection.
    Frame(FrameError),
    /// The stream ends within a packet.
    CutOff {
        /// How much of it is there, in bytes.
        arrived: usize,
        /// How long it is, in bytes; `None` if its header is cut off too.
        expected: Option<usize>,
    },
    /// The packet cannot be written, and nothing of it was: the connection is unharmed.
    Encode(EncodeError),
    /// The connection itself has failed.
    Io(io::Error),
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(error) => fmt::Display::fmt(error, f),
            Self::CutOff { arrived, expected } => {
                write!(f, "the stream ends after {arrived}")?;
                match expected {
                    Some(expected) => write!(f, " of {expected} bytes of a packet"),
                    None => write!(f, " of the {} bytes of a header", Header::LEN),
                }
            }
            Self::Encode(error) => fmt::Display::fmt(error, f),
            Self::Io(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl core::error::Error for CodecError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            // The others are told in full by `Display`.
            Self::Io(error) => error.source(),
            _ => None,
        }
    }
}

impl From<FrameError> for CodecError {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}

impl From<EncodeError> for CodecError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl From<io::Error> for CodecError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
