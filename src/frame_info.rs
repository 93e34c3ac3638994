//! Framing extras: options that any message may carry, and that no message is about.
//!
//! ```text
//! byte 0        (id << 4) | length    both four bits
//! [id escape]   if the id's bits are 15: id = 15 + this byte
//! [len escape]  if the length's bits are 15: length = 15 + this byte
//! payload       length bytes
//! ```
//!
//! A section of at most 255 bytes holds any number of these, in any order (reference 2). Ids of
//! requests and responses are two number spaces: the magic decides.

mod duration;

use core::fmt;

use bytes::BufMut;
use nom::Parser;

pub use duration::EncodedDuration;

use crate::cursor::{Parsed, Remaining, be_u8, take};
use crate::{DurabilityLevel, EncodeError, Metadata, Section, UserData};

/// The framing extras of a packet: every info in them is known to be whole.
///
/// ```
/// use mcbp::{FramingExtras, RequestInfo};
///
/// let extras = FramingExtras::new(&[0x22, 0x00, 0x05])?;
/// assert_eq!(extras.request_infos().collect::<Vec<_>>(), [RequestInfo::StreamId(5)]);
/// assert_eq!(extras.stream_id(), Some(5));
/// # Ok::<(), mcbp::FrameInfoError>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct FramingExtras<'a> {
    bytes: &'a [u8],
    form: Form,
}

/// What the header says of the framing extras.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// The magic has no room for them.
    #[default]
    Absent,
    /// The header gives their length, which may be 0.
    Announced,
    /// The header gives 0, yet there they are.
    Unannounced,
}

impl<'a> FramingExtras<'a> {
    /// None at all: the packet has a magic without room for them.
    pub const ABSENT: Self = Self {
        bytes: &[],
        form: Form::Absent,
    };

    /// Framing extras of these bytes, possibly none, in a packet with room for them.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Result<Self, FrameInfoError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match frame_info(rest) {
                Ok((rest, _)) => rest,
                Err(_) => {
                    let offset = bytes.len().saturating_sub(rest.len());
                    let offset = u32::try_from(offset).unwrap_or(u32::MAX);
                    return Err(FrameInfoError { offset });
                }
            };
        }
        Ok(Self {
            bytes,
            form: Form::Announced,
        })
    }

    /// Framing extras that are known to be whole.
    #[inline]
    pub(crate) const fn of(bytes: &'a [u8], form: Form) -> Self {
        Self { bytes, form }
    }

    /// Whether the packet has a magic with room for framing extras.
    #[inline]
    pub const fn is_present(self) -> bool {
        !matches!(self.form, Form::Absent)
    }

    /// Whether the header is silent about the framing extras that its body starts with.
    ///
    /// Producers up to at least 8.0.1 send `DCP_DELETION` with 21 bytes of extras and
    /// `DCP_EXPIRATION` like this on a stream with a stream id: magic 0x08, the three bytes
    /// `22 hh ll` in the body and in its length, but 0 in header byte 2 (reference 6.8). Such a
    /// message is read as it was meant and written as it came.
    #[inline]
    pub const fn is_unannounced(self) -> bool {
        matches!(self.form, Form::Unannounced)
    }

    /// The bytes of the section.
    #[inline]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The infos, known or not.
    #[inline]
    pub fn iter(self) -> FrameInfos<'a> {
        FrameInfos { rest: self.bytes }
    }

    /// The infos of a request, by their meaning.
    pub fn request_infos(self) -> impl Iterator<Item = RequestInfo<'a>> + Clone {
        self.iter().map(RequestInfo::from)
    }

    /// The infos of a response, by their meaning.
    pub fn response_infos(self) -> impl Iterator<Item = ResponseInfo<'a>> + Clone {
        self.iter().map(ResponseInfo::from)
    }

    /// The stream that a request belongs to, where a vbucket may have several.
    #[inline]
    pub fn stream_id(self) -> Option<u16> {
        // What DCP sends is this one info, so look no further if it is.
        if let &[0x22, hi, lo] = self.bytes {
            return Some(u16::from_be_bytes([hi, lo]));
        }
        self.request_infos().find_map(|info| match info {
            RequestInfo::StreamId(id) => Some(id),
            _ => None,
        })
    }
}

impl<'a> IntoIterator for FramingExtras<'a> {
    type Item = FrameInfo<'a>;
    type IntoIter = FrameInfos<'a>;

    fn into_iter(self) -> FrameInfos<'a> {
        self.iter()
    }
}

impl fmt::Debug for FramingExtras<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_unannounced() {
            f.write_str("unannounced ")?;
        }
        f.debug_list().entries(*self).finish()
    }
}

/// Framing extras that end within an info.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameInfoError {
    /// Where that info starts, in bytes from the start of the section.
    pub offset: u32,
}

impl fmt::Display for FrameInfoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "frame info at byte {} is cut off", self.offset)
    }
}

impl core::error::Error for FrameInfoError {}

/// One option, not yet understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrameInfo<'a> {
    /// What it is: 0..=270, a different space for requests and responses.
    pub id: u16,
    /// What it says, at most 270 bytes; may hold a user name.
    pub payload: UserData<'a>,
}

impl FrameInfo<'_> {
    /// The largest id, and the longest payload in bytes, that the encoding can say.
    pub const MAX: u16 = ESCAPE as u16 + u8::MAX as u16;

    /// Bytes that [`encode`](Self::encode) appends.
    pub const fn encoded_len(&self) -> usize {
        let mut header: usize = 1;
        if self.id >= ESCAPE as u16 {
            header = header.saturating_add(1);
        }
        if self.payload.len() >= ESCAPE as usize {
            header = header.saturating_add(1);
        }
        header.saturating_add(self.payload.len())
    }

    /// Appends the info to `dst`.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLong`] for an id or a payload above [`MAX`](Self::MAX),
    /// [`EncodeError::NoRoom`] if `dst` cannot take all of it; then nothing was written.
    pub fn encode(&self, dst: &mut impl BufMut) -> Result<(), EncodeError> {
        let payload = self.payload.expose();
        let too_long = EncodeError::TooLong {
            section: Section::FramingExtras,
            limit: Self::MAX.into(),
        };
        let (id, id_escape) = nibble(usize::from(self.id)).ok_or(too_long)?;
        let (len, len_escape) = nibble(payload.len()).ok_or(too_long)?;
        if dst.remaining_mut() < self.encoded_len() {
            return Err(EncodeError::NoRoom);
        }
        dst.put_u8(id << 4 | len);
        for escape in [id_escape, len_escape].into_iter().flatten() {
            dst.put_u8(escape);
        }
        dst.put_slice(payload);
        Ok(())
    }
}

/// The id or length, in four bits, that says the real one follows.
const ESCAPE: u8 = 15;

/// The four bits that say `value`, and the byte that follows if they cannot.
fn nibble(value: usize) -> Option<(u8, Option<u8>)> {
    match value.checked_sub(usize::from(ESCAPE)) {
        None => Some((u8::try_from(value).ok()?, None)),
        Some(beyond) => Some((ESCAPE, Some(u8::try_from(beyond).ok()?))),
    }
}

/// What the four bits say, and the byte that follows if they cannot.
#[inline]
fn escaped<'a>(nibble: u8) -> impl Parser<&'a [u8], Output = u16, Error = Remaining> {
    move |input| {
        if nibble == ESCAPE {
            let (rest, beyond) = be_u8(input)?;
            Ok((rest, u16::from(ESCAPE).wrapping_add(beyond.into())))
        } else {
            Ok((input, nibble.into()))
        }
    }
}

#[inline]
fn frame_info(input: &[u8]) -> Parsed<'_, FrameInfo<'_>> {
    let (rest, head) = be_u8(input)?;
    let (rest, id) = escaped(head >> 4).parse(rest)?;
    let (rest, len) = escaped(head & 0x0f).parse(rest)?;
    let (rest, payload) = take(len).parse(rest)?;
    let payload = UserData::new(payload);
    Ok((rest, FrameInfo { id, payload }))
}

/// The infos of [`FramingExtras`].
#[derive(Clone)]
pub struct FrameInfos<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for FrameInfos<'a> {
    type Item = FrameInfo<'a>;

    fn next(&mut self) -> Option<FrameInfo<'a>> {
        let (rest, info) = frame_info(self.rest).ok()?;
        self.rest = rest;
        Some(info)
    }
}

impl core::iter::FusedIterator for FrameInfos<'_> {}

impl fmt::Debug for FrameInfos<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// An option of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum RequestInfo<'a> {
    /// 0: the server finishes what came before, and starts nothing that comes after, until this
    /// request is done.
    Barrier,
    /// 1: how durable a write must become before it counts. No DCP command takes it.
    Durability {
        /// How many nodes must hold the write.
        level: DurabilityLevel,
        /// After how many milliseconds the server gives up; 0 and 0xffff are reserved. `None`
        /// leaves it to the server.
        timeout_ms: Option<u16>,
    },
    /// 2: the stream this message belongs to, where a vbucket may have several; never 0.
    StreamId(u16),
    /// 4: the user to act as; a leading `^` marks one of an external domain.
    Impersonate(UserData<'a>),
    /// 5: a write keeps the expiry the document has. No DCP command takes it.
    PreserveTtl,
    /// 6: the name of one more privilege to act with; may repeat.
    ImpersonateExtraPrivilege(Metadata<'a>),
    /// 7: the number of a registered token to act with.
    ImpersonateWithTokenAuthDataId(u16),
    /// An info without a name, or a named one whose payload has a length it cannot have.
    Other(FrameInfo<'a>),
}

impl<'a> From<FrameInfo<'a>> for RequestInfo<'a> {
    #[inline]
    fn from(info: FrameInfo<'a>) -> Self {
        match (info.id, info.payload.expose()) {
            (0, []) => Self::Barrier,
            (1, &[level]) => Self::Durability {
                level: DurabilityLevel(level),
                timeout_ms: None,
            },
            (1, &[level, hi, lo]) => Self::Durability {
                level: DurabilityLevel(level),
                timeout_ms: Some(u16::from_be_bytes([hi, lo])),
            },
            (2, &[hi, lo]) => Self::StreamId(u16::from_be_bytes([hi, lo])),
            (4, [_, ..]) => Self::Impersonate(info.payload),
            (5, []) => Self::PreserveTtl,
            (6, name @ [_, ..]) => Self::ImpersonateExtraPrivilege(Metadata(name)),
            (7, &[hi, lo]) => Self::ImpersonateWithTokenAuthDataId(u16::from_be_bytes([hi, lo])),
            _ => Self::Other(info),
        }
    }
}

impl RequestInfo<'_> {
    /// Appends the info to `dst`; errors are those of [`FrameInfo::encode`].
    pub fn encode(&self, dst: &mut impl BufMut) -> Result<(), EncodeError> {
        let put = |dst, id, payload| {
            let payload = UserData::new(payload);
            FrameInfo { id, payload }.encode(dst)
        };
        match *self {
            Self::Barrier => put(dst, 0, &[]),
            Self::Durability {
                level: DurabilityLevel(level),
                timeout_ms: None,
            } => put(dst, 1, &[level]),
            Self::Durability {
                level: DurabilityLevel(level),
                timeout_ms: Some(timeout_ms),
            } => {
                let [hi, lo] = timeout_ms.to_be_bytes();
                put(dst, 1, &[level, hi, lo])
            }
            Self::StreamId(id) => put(dst, 2, &id.to_be_bytes()),
            Self::Impersonate(user) => put(dst, 4, user.expose()),
            Self::PreserveTtl => put(dst, 5, &[]),
            Self::ImpersonateExtraPrivilege(privilege) => put(dst, 6, privilege.0),
            Self::ImpersonateWithTokenAuthDataId(id) => put(dst, 7, &id.to_be_bytes()),
            Self::Other(info) => info.encode(dst),
        }
    }
}

/// An option of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum ResponseInfo<'a> {
    /// 0: from the request's arrival to the sending of its response (HELLO feature `TRACING`).
    ServerDuration(EncodedDuration),
    /// 1: read units used (HELLO feature `REPORT_UNIT_USAGE`).
    ReadUnits(u16),
    /// 2: write units used (HELLO feature `REPORT_UNIT_USAGE`).
    WriteUnits(u16),
    /// 3: how long the request was held back (HELLO feature `REPORT_UNIT_USAGE`).
    ThrottleDuration(EncodedDuration),
    /// An info without a name, or a named one whose payload has a length it cannot have.
    Other(FrameInfo<'a>),
}

impl<'a> From<FrameInfo<'a>> for ResponseInfo<'a> {
    #[inline]
    fn from(info: FrameInfo<'a>) -> Self {
        let &[hi, lo] = info.payload.expose() else {
            return Self::Other(info);
        };
        let number = u16::from_be_bytes([hi, lo]);
        match info.id {
            0 => Self::ServerDuration(EncodedDuration(number)),
            1 => Self::ReadUnits(number),
            2 => Self::WriteUnits(number),
            3 => Self::ThrottleDuration(EncodedDuration(number)),
            _ => Self::Other(info),
        }
    }
}

impl ResponseInfo<'_> {
    /// Appends the info to `dst`; errors are those of [`FrameInfo::encode`].
    pub fn encode(&self, dst: &mut impl BufMut) -> Result<(), EncodeError> {
        let (id, number) = match *self {
            Self::ServerDuration(duration) => (0, duration.0),
            Self::ReadUnits(units) => (1, units),
            Self::WriteUnits(units) => (2, units),
            Self::ThrottleDuration(duration) => (3, duration.0),
            Self::Other(info) => return info.encode(dst),
        };
        let payload = &number.to_be_bytes();
        let payload = UserData::new(payload);
        FrameInfo { id, payload }.encode(dst)
    }
}
