//! What all messages have in common: an envelope, and a body of a known shape.

mod answer;
mod status_only;

use bytes::BufMut;

pub use answer::Answer;
pub(crate) use answer::Payload;
pub use status_only::StatusOnly;

use crate::cursor::Cursor;
use crate::encode::Parts;
use crate::frame_info::Form;
use crate::{
    Command, Datatype, EncodeError, FrameInfoError, FramingExtras, Header, Lengths, Magic,
    MessageError, MessageErrorKind, Opcode, Packet, PacketBuf, Section, Sections, Status,
};

/// What a request says, apart from what every request says.
///
/// Implemented by the messages of this crate, and only by them.
pub trait Message<'a>: Sized {
    /// What announces this message in a header.
    const COMMAND: Command;
    /// The shape its body must have.
    const SHAPE: Shape;

    /// Reads the fields from a body of the right shape.
    #[doc(hidden)]
    fn read(body: Body<'a>) -> Result<Self, MessageError>;

    /// Takes the message apart for sending.
    #[doc(hidden)]
    fn parts(&self) -> Parts<'_>;
}

/// What a response says, apart from what every response says.
///
/// Implemented by the replies of this crate, and only by them.
pub trait Reply<'a>: Sized {
    /// What announces the request in a header, and the response to it.
    const COMMAND: Command;
    /// The shape its body must have, whatever the status.
    const SHAPE: Shape;

    /// Reads the fields that a response with `status` has from a body of the right shape.
    #[doc(hidden)]
    fn read(status: Status, body: Body<'a>) -> Result<Self, MessageError>;

    /// Takes the reply apart for sending.
    #[doc(hidden)]
    fn parts(&self) -> Parts<'_>;

    /// Whether a response with `status` may hold this reply.
    #[doc(hidden)]
    #[inline]
    fn fits(&self, _status: Status) -> bool {
        true
    }
}

/// What a body must look like before its fields mean anything: a row of the server's table of
/// validators (reference 1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// The lengths that the extras may have.
    pub extras: Lengths,
    /// The key.
    pub key: Presence,
    /// The value.
    pub value: Presence,
}

impl Shape {
    /// A body with extras of one of these lengths, and neither key nor value.
    pub(crate) const fn extras(extras: Lengths) -> Self {
        Self {
            extras,
            key: Presence::Absent,
            value: Presence::Absent,
        }
    }

    /// The same, with this key.
    pub(crate) const fn key(self, key: Presence) -> Self {
        Self { key, ..self }
    }

    /// The same, with this value.
    pub(crate) const fn value(self, value: Presence) -> Self {
        Self { value, ..self }
    }

    #[inline(always)]
    fn check(self, body: &Body<'_>) -> Result<(), MessageError> {
        let (extras, key, value) = (body.extras.len(), body.key.len(), body.value.len());
        if self.extras.contains(extras) && self.key.allows(key) && self.value.allows(value) {
            return Ok(());
        }
        let (section, kind) = self.violation(extras, key, value);
        Err(body.error(section, kind))
    }

    // Not of the body itself, which would have to lie in memory for it, be there a violation or not.
    #[cold]
    fn violation(self, extras: usize, key: usize, value: usize) -> (Section, MessageErrorKind) {
        let (section, len, allowed) = if !self.extras.contains(extras) {
            (Section::Extras, extras, self.extras)
        } else if !self.key.allows(key) {
            (Section::Key, key, Lengths::NONE)
        } else {
            (Section::Value, value, Lengths::NONE)
        };
        let kind = if len == 0 && section != Section::Extras {
            MessageErrorKind::Missing
        } else {
            MessageErrorKind::length(len, allowed)
        };
        (section, kind)
    }
}

/// Whether a section is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It is empty.
    Absent,
    /// It may be empty.
    Optional,
    /// It is not empty.
    Required,
}

impl Presence {
    #[inline]
    pub(crate) const fn allows(self, len: usize) -> bool {
        match self {
            Self::Absent => len == 0,
            Self::Optional => true,
            Self::Required => len > 0,
        }
    }
}

/// The sections that a message is read from.
#[expect(
    unnameable_types,
    reason = "who cannot name it cannot implement `Message` or `Reply`"
)]
#[derive(Debug, Clone, Copy)]
pub struct Body<'a> {
    pub(crate) command: Command,
    pub(crate) extras: &'a [u8],
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
}

impl<'a> Body<'a> {
    /// The first byte of the extras.
    #[inline(always)]
    pub(crate) const fn extras(&self) -> Cursor<'a> {
        Cursor::new(self.command, Section::Extras, self.extras)
    }

    /// The first byte of the value.
    #[inline(always)]
    pub(crate) const fn value(&self) -> Cursor<'a> {
        Cursor::new(self.command, Section::Value, self.value)
    }

    /// Checks the length of a value that consists of fields.
    #[inline]
    pub(crate) fn check_value_len(&self, allowed: Lengths) -> Result<(), MessageError> {
        if allowed.contains(self.value.len()) {
            return Ok(());
        }
        let kind = MessageErrorKind::length(self.value.len(), allowed);
        Err(self.error(Section::Value, kind))
    }

    #[inline]
    pub(crate) const fn error(&self, section: Section, kind: MessageErrorKind) -> MessageError {
        MessageError {
            command: self.command,
            section,
            kind,
        }
    }
}

/// A packet with its framing extras read, but not yet its message.
#[derive(Clone, Copy)]
pub(crate) struct Envelope<'a> {
    header: Header,
    framing_extras: FramingExtras<'a>,
    /// The other sections.
    rest: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// Opens a packet of a known command.
    #[inline(always)]
    pub(crate) fn open(packet: Packet<&'a [u8]>) -> Result<Self, MessageError> {
        let header = *packet.header();
        let body = packet.into_body();
        if !header.magic().has_framing_extras() {
            return Ok(Self {
                header,
                framing_extras: FramingExtras::ABSENT,
                rest: body,
            });
        }
        // Only two numbers are handed back from the rarer case: sections that came through memory
        // would cost the other more than all the rest of reading does.
        let (form, len) = framing_extras(header, body)?;
        let Some((bytes, rest)) = body.split_at_checked(len) else {
            return Err(cut_off(header));
        };
        Ok(Self {
            header,
            framing_extras: FramingExtras::of(bytes, form),
            rest,
        })
    }

    /// The other sections, if they have this shape.
    #[inline(always)]
    fn body(self, shape: Shape) -> Result<Body<'a>, MessageError> {
        let lengths = self.header.lengths();
        let Some((extras, rest)) = self.rest.split_at_checked(lengths.extras) else {
            return Err(cut_off(self.header));
        };
        let Some((key, value)) = rest.split_at_checked(lengths.key) else {
            return Err(cut_off(self.header));
        };
        let body = Body {
            command: self.header.command(),
            extras,
            key,
            value,
        };
        shape.check(&body)?;
        Ok(body)
    }
}

/// A body ends before its header says, which the header has refuted: the body's owner gives fewer
/// bytes than it did when the packet was made.
// Inline, like all that makes errors here: one that a call returned would be a number as wide as
// several fields of the message that could lie in its place, and they would have to be cut out of
// it.
#[inline(always)]
const fn cut_off(header: Header) -> MessageError {
    MessageError {
        command: header.command(),
        section: Section::Value,
        kind: MessageErrorKind::Truncated { offset: 0 },
    }
}

/// What the framing extras are in a packet with room for them, and their length in bytes.
#[inline(never)]
fn framing_extras(header: Header, body: &[u8]) -> Result<(Form, usize), MessageError> {
    if is_unannounced(&header, body) {
        return Ok((Form::Unannounced, STREAM_ID_LEN));
    }
    let bytes = Sections::split(body, header.lengths()).framing_extras;
    match FramingExtras::new(bytes) {
        Ok(_) => Ok((Form::Announced, bytes.len())),
        Err(FrameInfoError { offset }) => Err(MessageError {
            command: header.command(),
            section: Section::FramingExtras,
            kind: MessageErrorKind::Truncated { offset },
        }),
    }
}

/// Bytes in a stream id's frame info.
const STREAM_ID_LEN: usize = 3;

/// Whether the body starts with a stream id of which the header says nothing; see
/// [`FramingExtras::is_unannounced`].
fn is_unannounced(header: &Header, body: &[u8]) -> bool {
    let lengths = header.lengths();
    header.magic() == Magic::AltClientRequest
        && may_be_unannounced(header.command(), lengths.extras)
        && lengths.framing_extras == 0
        && lengths.value >= STREAM_ID_LEN
        && body.first() == Some(&0x22)
}

/// Whether this is one of the two requests that servers send with an unannounced stream id.
#[inline]
pub(crate) const fn may_be_unannounced(command: Command, extras_len: usize) -> bool {
    matches!(
        (command, extras_len),
        (Command::Client(Opcode::DCP_DELETION), 21) | (Command::Client(Opcode::DCP_EXPIRATION), 20)
    )
}

/// What the server asks, and what it is answered, has no magic with room for framing extras.
const NO_FRAMING_EXTRAS: EncodeError = EncodeError::TooLong {
    section: Section::FramingExtras,
    limit: 0,
};

/// A request: what every request carries, and the message that only this one does.
///
/// ```
/// use mcbp::{Request, dcp::Noop};
///
/// let noop = Request { opaque: 7, ..Request::from(Noop) };
/// let mut packet = Vec::new();
/// noop.encode(&mut packet)?;
/// assert_eq!(packet, *b"\x80\x5c\0\0\0\0\0\0\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\0");
/// # Ok::<(), mcbp::EncodeError>(())
/// ```
// `repr(C)`: what all requests have lies at the same place in each, so code that reads it does not
// depend on which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[repr(C)]
pub struct Request<'a, M> {
    /// Chosen by the sender, repeated in the response. The messages of a stream carry that of the
    /// stream request.
    pub opaque: u32,
    /// The vbucket it is about; 0 where it is about none.
    pub vbucket: u16,
    /// The version of the document; 0 where there is none.
    pub cas: u64,
    /// How the value is encoded.
    pub datatype: Datatype,
    /// Options that any request may carry; DCP uses the stream id.
    pub framing_extras: FramingExtras<'a>,
    /// The message.
    pub message: M,
}

/// All but the message is 0 or absent.
impl<M> From<M> for Request<'_, M> {
    fn from(message: M) -> Self {
        Self {
            opaque: 0,
            vbucket: 0,
            cas: 0,
            datatype: Datatype::RAW,
            framing_extras: FramingExtras::ABSENT,
            message,
        }
    }
}

impl<'a, M: Message<'a>> Request<'a, M> {
    /// Reads what is known to be a request with this command.
    #[inline(always)]
    pub(crate) fn read(envelope: Envelope<'a>) -> Result<Self, MessageError> {
        let body = envelope.body(M::SHAPE)?;
        let header = envelope.header;
        Ok(Self {
            opaque: header.opaque(),
            vbucket: header.vbucket_or_status(),
            cas: header.cas(),
            datatype: header.datatype(),
            framing_extras: envelope.framing_extras,
            message: M::read(body)?,
        })
    }

    /// Bytes that [`encode`](Self::encode) appends.
    #[inline]
    pub fn encoded_len(&self) -> usize {
        self.message.parts().encoded_len(self.framing_extras)
    }

    /// Appends the packet to `dst`.
    ///
    /// # Errors
    ///
    /// What no header can say or no reader would take is refused; then nothing was written.
    #[inline]
    pub fn encode(&self, dst: &mut impl BufMut) -> Result<(), EncodeError> {
        let rest = self.encode_head(dst)?;
        rest.into_iter().for_each(|section| dst.put_slice(section));
        Ok(())
    }

    /// Appends the packet but for its last sections, for which there is room.
    #[inline(always)]
    pub(crate) fn encode_head(&self, dst: &mut impl BufMut) -> Result<[&[u8]; 2], EncodeError> {
        if self.framing_extras.is_present() {
            return self.encode_framed_head(dst);
        }
        let none = FramingExtras::ABSENT;
        let (header, parts) = self.seal(none)?;
        parts.encode_head(&header, none, dst)
    }

    /// The same with framing extras: on their own, so that the others need not ask for them.
    #[inline(never)]
    fn encode_framed_head(&self, dst: &mut impl BufMut) -> Result<[&[u8]; 2], EncodeError> {
        let (header, parts) = self.seal(self.framing_extras)?;
        parts.encode_head(&header, self.framing_extras, dst)
    }

    /// The packet as a buffer of a few chunks; key and value are not copied.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    #[inline]
    pub fn to_buf(&self) -> Result<PacketBuf<'_>, EncodeError> {
        let (header, parts) = self.seal(self.framing_extras)?;
        Ok(parts.into_buf(&header, self.framing_extras))
    }

    /// The message taken apart, and the header for it with these framing extras.
    #[inline(always)]
    fn seal(&self, framing_extras: FramingExtras<'_>) -> Result<(Header, Parts<'_>), EncodeError> {
        let magic = match (M::COMMAND, framing_extras.is_present()) {
            (Command::Client(_), false) => Magic::ClientRequest,
            (Command::Client(_), true) => Magic::AltClientRequest,
            (Command::Server(_), false) => Magic::ServerRequest,
            (Command::Server(_), true) => return Err(NO_FRAMING_EXTRAS),
        };
        let parts = self.message.parts();
        parts.check(M::SHAPE)?;
        let mut header = parts.header(magic, M::COMMAND, framing_extras)?;
        header.set_datatype(self.datatype);
        header.set_vbucket_or_status(self.vbucket);
        header.set_opaque(self.opaque);
        header.set_cas(self.cas);
        Ok((header, parts))
    }
}

/// A response: what every response carries, and the reply that only this one does.
// `repr(C)` as for [`Request`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Response<'a, R> {
    /// That of the request.
    pub opaque: u32,
    /// How the request ended.
    pub status: Status,
    /// The version of the document; 0 where there is none.
    pub cas: u64,
    /// How the value is encoded; an error's JSON may come without the JSON bit (reference 1.4).
    pub datatype: Datatype,
    /// Options that any response may carry, such as how long the server took.
    pub framing_extras: FramingExtras<'a>,
    /// The reply.
    pub reply: R,
}

/// A success; all but the reply is 0 or absent.
impl<R> From<R> for Response<'_, R> {
    fn from(reply: R) -> Self {
        Self {
            opaque: 0,
            status: Status::SUCCESS,
            cas: 0,
            datatype: Datatype::RAW,
            framing_extras: FramingExtras::ABSENT,
            reply,
        }
    }
}

impl<'a, R: Reply<'a>> Response<'a, R> {
    /// Reads what is known to be a response with this command.
    #[inline(always)]
    pub(crate) fn read(envelope: Envelope<'a>) -> Result<Self, MessageError> {
        let body = envelope.body(R::SHAPE)?;
        let header = envelope.header;
        let status = Status(header.vbucket_or_status());
        Ok(Self {
            opaque: header.opaque(),
            status,
            cas: header.cas(),
            datatype: header.datatype(),
            framing_extras: envelope.framing_extras,
            reply: R::read(status, body)?,
        })
    }

    /// Bytes that [`encode`](Self::encode) appends.
    #[inline]
    pub fn encoded_len(&self) -> usize {
        self.reply.parts().encoded_len(self.framing_extras)
    }

    /// Appends the packet to `dst`.
    ///
    /// # Errors
    ///
    /// What no header can say or no reader would take is refused; then nothing was written.
    #[inline]
    pub fn encode(&self, dst: &mut impl BufMut) -> Result<(), EncodeError> {
        let rest = self.encode_head(dst)?;
        rest.into_iter().for_each(|section| dst.put_slice(section));
        Ok(())
    }

    /// Appends the packet but for its last sections, for which there is room.
    #[inline(always)]
    pub(crate) fn encode_head(&self, dst: &mut impl BufMut) -> Result<[&[u8]; 2], EncodeError> {
        if self.framing_extras.is_present() {
            return self.encode_framed_head(dst);
        }
        let none = FramingExtras::ABSENT;
        let (header, parts) = self.seal(none)?;
        parts.encode_head(&header, none, dst)
    }

    /// The same with framing extras: on their own, so that the others need not ask for them.
    #[inline(never)]
    fn encode_framed_head(&self, dst: &mut impl BufMut) -> Result<[&[u8]; 2], EncodeError> {
        let (header, parts) = self.seal(self.framing_extras)?;
        parts.encode_head(&header, self.framing_extras, dst)
    }

    /// The packet as a buffer of a few chunks; key and value are not copied.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    #[inline]
    pub fn to_buf(&self) -> Result<PacketBuf<'_>, EncodeError> {
        let (header, parts) = self.seal(self.framing_extras)?;
        Ok(parts.into_buf(&header, self.framing_extras))
    }

    /// The reply taken apart, and the header for it with these framing extras.
    #[inline(always)]
    fn seal(&self, framing_extras: FramingExtras<'_>) -> Result<(Header, Parts<'_>), EncodeError> {
        if !self.reply.fits(self.status) {
            return Err(EncodeError::OtherReply);
        }
        let magic = match (R::COMMAND, framing_extras.is_present()) {
            (Command::Client(_), false) => Magic::ClientResponse,
            (Command::Client(_), true) => Magic::AltClientResponse,
            (Command::Server(_), false) => Magic::ServerResponse,
            (Command::Server(_), true) => return Err(NO_FRAMING_EXTRAS),
        };
        let parts = self.reply.parts();
        parts.check(R::SHAPE)?;
        let mut header = parts.header(magic, R::COMMAND, framing_extras)?;
        header.set_datatype(self.datatype);
        header.set_vbucket_or_status(self.status.0);
        header.set_opaque(self.opaque);
        header.set_cas(self.cas);
        Ok((header, parts))
    }
}

/// Lists the messages of one direction, one line each, and makes of the list an enum and its
/// dispatch.
macro_rules! messages {
    (
        $(#[$meta:meta])*
        pub enum $Enum:ident of $Envelope:ident where $is_one:ident {
            $( $(#[$doc:meta])* $Name:ident($Message:ty) = $OPCODE:ident, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $Enum<'a> {
            $( $(#[$doc])* $Name($Envelope<'a, $Message>), )*
            /// A packet that is none of these, whole.
            Other($crate::Packet<&'a [u8]>),
        }

        impl<'a> $Enum<'a> {
            /// The opcodes of these messages, in ascending order.
            pub const OPCODES: &'static [Opcode] = &[$(Opcode::$OPCODE),*];

            /// Reads whichever of these messages the packet holds.
            // So that a `match` on it becomes one with the dispatch, and nothing has to be put
            // together in memory only to be taken apart.
            #[inline(always)]
            pub fn read(packet: $crate::Packet<&'a [u8]>) -> Result<Self, $crate::MessageError> {
                let header = packet.header();
                if !header.magic().$is_one() {
                    return Ok(Self::Other(packet));
                }
                let opcode = Opcode(header.command().byte());
                // Before the dispatch, so that it is done in one place.
                let envelope = match $crate::message::Envelope::open(packet) {
                    Ok(envelope) => envelope,
                    Err(error) if Self::OPCODES.contains(&opcode) => return Err(error),
                    Err(_) => return Ok(Self::Other(packet)),
                };
                Ok(match opcode {
                    $( Opcode::$OPCODE => Self::$Name($Envelope::read(envelope)?), )*
                    _ => Self::Other(packet),
                })
            }

            /// Options that any message may carry. Those of a packet without a type are absent
            /// if they cannot be read.
            pub fn framing_extras(&self) -> $crate::FramingExtras<'a> {
                match self {
                    $( Self::$Name(message) => message.framing_extras, )*
                    Self::Other(packet) => packet.framing_extras().unwrap_or_default(),
                }
            }

            /// Bytes that [`encode`](Self::encode) appends.
            pub fn encoded_len(&self) -> usize {
                match self {
                    $( Self::$Name(message) => message.encoded_len(), )*
                    Self::Other(packet) => packet.header().packet_len(),
                }
            }

            /// Appends the packet to `dst`.
            ///
            /// # Errors
            ///
            /// What no header can say or no reader would take is refused; then nothing was
            /// written.
            #[inline]
            pub fn encode(&self, dst: &mut impl bytes::BufMut) -> Result<(), $crate::EncodeError> {
                let rest = match self {
                    $( Self::$Name(message) => message.encode_head(dst)?, )*
                    Self::Other(packet) => return packet.encode(dst),
                };
                rest.into_iter().for_each(|section| dst.put_slice(section));
                Ok(())
            }

            /// The packet as a buffer of a few chunks; key and value are not copied.
            ///
            /// # Errors
            ///
            /// As [`encode`](Self::encode).
            #[inline]
            pub fn to_buf(&self) -> Result<$crate::PacketBuf<'_>, $crate::EncodeError> {
                match self {
                    $( Self::$Name(message) => message.to_buf(), )*
                    Self::Other(packet) => Ok(packet.to_buf()),
                }
            }
        }

        #[cfg(feature = "tokio-util")]
        impl $crate::codec::Encode for $Enum<'_> {
            #[inline]
            fn append_to(&self, stream: &mut bytes::BytesMut) -> Result<(), $crate::EncodeError> {
                stream.reserve(self.encoded_len());
                self.encode(stream)
            }
        }

        #[cfg(feature = "arbitrary")]
        impl<'a> arbitrary::Arbitrary<'a> for $Enum<'a> {
            fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
                Ok(match *u.choose(Self::OPCODES)? {
                    $( Opcode::$OPCODE => Self::$Name(u.arbitrary()?), )*
                    _ => return Err(arbitrary::Error::IncorrectFormat),
                })
            }
        }

        $(
            impl<'a> From<$Envelope<'a, $Message>> for $Enum<'a> {
                fn from(message: $Envelope<'a, $Message>) -> Self {
                    Self::$Name(message)
                }
            }
        )*
    };
}

pub(crate) use messages;
