//! Packets out of a byte stream.

use core::fmt;

use bytes::{Buf, Bytes, BytesMut};

use crate::packet::slice_ref;
use crate::{FrameError, Header, Packet};

/// Cuts a byte stream into packets. It holds no bytes of its own: the caller reads into a
/// [`BytesMut`], and the decoder takes whole packets off its front.
///
/// ```
/// use bytes::BytesMut;
/// use mcbp::{Decoder, dcp::DcpRequest};
///
/// let mut decoder = Decoder::default();
/// let mut stream = BytesMut::new();
/// let mut noops = 0;
/// // However the bytes arrive, the packets are the same.
/// for read in b"\x80\x5c\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0".chunks(5) {
///     stream.extend_from_slice(read);
///     while let Some(packet) = decoder.decode(&mut stream)? {
///         if let DcpRequest::Noop(noop) = DcpRequest::read(packet.view())? {
///             assert_eq!(noop.opaque, 1);
///             noops += 1;
///         }
///     }
/// }
/// assert_eq!(noops, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// After a [`FrameError`] there is no way to tell where the next packet starts: the decoder repeats
/// the error, and takes nothing more off the stream.
#[derive(Debug, Clone)]
pub struct Decoder {
    max_body_len: u32,
    position: u64,
    failed: Option<FrameError>,
}

impl Decoder {
    /// The longest body that a server accepts by default: its `max_packet_size` of 30 MiB counts
    /// the header too (reference 1.2).
    pub const DEFAULT_MAX_BODY_LEN: u32 = (30 << 20) - 24;

    /// Room for this many bytes may be reserved, however few have arrived.
    const MIN_RESERVE: usize = 4096;

    /// A decoder that refuses bodies longer than `max_body_len` bytes.
    pub const fn new(max_body_len: u32) -> Self {
        Self {
            max_body_len,
            position: 0,
            failed: None,
        }
    }

    /// How many bytes of the stream have been taken: after an error, where the bad header starts.
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// Takes the next packet off the front of `stream`; `None` if it is not all there yet.
    ///
    /// A header is judged as soon as it is there, its magic on the first byte. Room for the rest
    /// of a packet is reserved in step with what has arrived of it, so a length alone never makes
    /// us allocate.
    ///
    /// # Errors
    ///
    /// [`FrameError`]: close the connection. The bad header and what follows it stay in `stream`.
    #[inline]
    pub fn decode(&mut self, stream: &mut BytesMut) -> Result<Option<Packet>, FrameError> {
        let Some(header) = self.judge(stream)? else {
            return Ok(None);
        };
        if header.packet_len() > stream.len() {
            reserve(stream, header.packet_len());
            return Ok(None);
        }
        self.took(header.packet_len());
        stream.advance(Header::LEN);
        let body = split_to(stream, header.body_len() as usize);
        Ok(Some(Packet::of(header, body)))
    }

    /// Takes all whole packets off the front of `stream`, as one block; possibly none.
    ///
    /// Small packets arrive many to a read, and a reference count for each costs more than reading
    /// it: the block has one for all. What is wrong behind the last whole packet is reported by
    /// the next call, so that the packets before it are not lost.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode).
    pub fn decode_batch(&mut self, stream: &mut BytesMut) -> Result<Batch, FrameError> {
        let mut len: usize = 0;
        let pending = loop {
            match self.judge(stream.get(len..).unwrap_or_default()) {
                Ok(Some(header)) => {
                    let end = len.saturating_add(header.packet_len());
                    if end > stream.len() {
                        break header.packet_len();
                    }
                    len = end;
                }
                Ok(None) => break 0,
                Err(error) if len == 0 => return Err(error),
                Err(_) => break 0,
            }
        };
        self.took(len);
        let bytes = split_to(stream, len);
        // Not before the split: what is whole need not move to make room for what is not.
        reserve(stream, pending);
        Ok(Batch { bytes })
    }

    /// The header at the front of `bytes`, if it is there and may be followed.
    #[inline]
    fn judge(&mut self, bytes: &[u8]) -> Result<Option<Header>, FrameError> {
        let judged = match (self.failed, Header::peek(bytes)) {
            (Some(error), _) => Err(error),
            (None, Ok(Some(header))) if header.body_len() > self.max_body_len => {
                Err(FrameError::BodyTooLong {
                    body: header.body_len(),
                    limit: self.max_body_len,
                })
            }
            (None, peeked) => peeked,
        };
        self.failed = judged.err();
        judged
    }

    #[inline]
    const fn took(&mut self, len: usize) {
        self.position = self.position.saturating_add(len as u64);
    }
}

/// Takes `len` bytes off the front; none keep none of the block alive.
#[inline]
fn split_to(stream: &mut BytesMut, len: usize) -> Bytes {
    if len == 0 {
        return Bytes::new();
    }
    stream.split_to(len).freeze()
}

/// Makes room for a packet that ends at `end`, but at most as much again as has arrived.
fn reserve(stream: &mut BytesMut, end: usize) {
    let missing = end.saturating_sub(stream.len());
    stream.reserve(missing.min(stream.len().max(Decoder::MIN_RESERVE)));
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(Self::DEFAULT_MAX_BODY_LEN)
    }
}

/// Whole packets of a stream that share one block of memory.
///
/// ```
/// use bytes::BytesMut;
/// use mcbp::{Decoder, Opcode};
///
/// let noop = b"\x80\x5c\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0";
/// let mut stream = BytesMut::from([noop, noop, &noop[..4]].concat().as_slice());
/// let batch = Decoder::default().decode_batch(&mut stream)?;
/// assert_eq!(batch.iter().count(), 2);
/// assert!(batch.iter().all(|packet| packet.header().opcode() == Some(Opcode::DCP_NOOP)));
/// assert_eq!(stream.len(), 4);
/// # Ok::<(), mcbp::FrameError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Batch {
    bytes: Bytes,
}

impl Batch {
    /// The packets, in order.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = Packet<&[u8]>> + Clone {
        // All of them have been judged already.
        Packet::iter(&self.bytes).map_while(Result::ok)
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The packets as they came.
    pub const fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Makes bytes borrowed from a packet of the batch outlive it, without a copy; `None` if they
    /// are not part of it. The block lives as long as any of its parts.
    pub fn slice_ref(&self, part: &[u8]) -> Option<Bytes> {
        slice_ref(&self.bytes, part)
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
