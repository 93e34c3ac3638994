//! What can be wrong, split by what the caller must do about it.
//!
//! * Not all there yet is no error: read more.
//! * [`MessageError`]: this packet is not the message it claims to be. It is whole, the packets
//!   around it are unharmed, and it can be passed on as it is.
//! * [`ValueError`](crate::ValueError): this key or value is not what it should be; the message
//!   around it is unharmed.
//! * [`FrameError`]: the bytes are no stream of packets any more: close the connection.
//! * [`EncodeError`]: the packet cannot be written; nothing was.
//!
//! A status is not an error: a response that says `ROLLBACK` is read without one.

use core::fmt;

use crate::Command;

/// The bytes are no stream of packets: no later byte can be trusted.
///
/// The server closes such a connection without a response (reference 1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// The first byte of the header is not one of the six magics.
    UnknownMagic(u8),
    /// The sections need more bytes than the body has.
    SectionsExceedBody {
        /// What framing extras, extras and key add up to, in bytes.
        sections: u32,
        /// The total body length the header gives, in bytes.
        body: u32,
    },
    /// The body is longer than the receiver is willing to hold.
    BodyTooLong {
        /// The total body length the header gives, in bytes.
        body: u32,
        /// The receiver's limit, in bytes.
        limit: u32,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::UnknownMagic(byte) => write!(f, "unknown magic {byte:#04x}"),
            Self::SectionsExceedBody { sections, body } => {
                write!(f, "sections need {sections} bytes, the body has {body}")
            }
            Self::BodyTooLong { body, limit } => {
                write!(f, "body of {body} bytes exceeds the limit of {limit}")
            }
        }
    }
}

impl core::error::Error for FrameError {}

/// A packet that is not the message its header announces; the packets around it are unharmed.
///
/// ```
/// use mcbp::{Packet, dcp::SeqnoAdvanced};
///
/// // Four bytes of extras where DCP_SEQNO_ADVANCED has eight.
/// let bytes = b"\x80\x64\0\0\x04\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07";
/// let (packet, _rest) = Packet::split_first(bytes)?.expect("a whole packet");
/// let error = packet.request::<SeqnoAdvanced>().unwrap_err();
/// assert_eq!(error.to_string(), "DCP_SEQNO_ADVANCED: extras of 4 bytes, expected 8");
/// # Ok::<(), mcbp::FrameError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageError {
    /// What the packet claims to be.
    pub command: Command,
    /// The section of the body that is wrong.
    pub section: Section,
    /// What is wrong with it, and where.
    pub kind: MessageErrorKind,
}

/// What is wrong with a section; offsets count in bytes from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MessageErrorKind {
    /// The packet holds another message, or goes in the other direction, than was asked for.
    OtherMessage,
    /// The section must not be empty, and is.
    Missing,
    /// No form of the message has a section of this length.
    Length {
        /// How long the section is, in bytes.
        len: u32,
        /// How long it may be.
        allowed: Lengths,
    },
    /// The section ends within the field that starts here.
    Truncated {
        /// Where the field starts.
        offset: u32,
    },
    /// The message has no such version.
    UnknownVersion(u8),
    /// A record gives its key a length that no key has.
    KeyLength {
        /// The length it gives, in bytes.
        len: u16,
        /// Where in the section it says so.
        offset: u32,
    },
}

impl MessageErrorKind {
    pub(crate) fn length(len: usize, allowed: Lengths) -> Self {
        Self::Length {
            // Lengths on the wire are at most u32.
            len: u32::try_from(len).unwrap_or(u32::MAX),
            allowed,
        }
    }
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            command, section, ..
        } = self;
        write!(f, "{command}: ")?;
        match self.kind {
            MessageErrorKind::OtherMessage => f.write_str("not the message asked for"),
            MessageErrorKind::Missing => write!(f, "{section} missing"),
            MessageErrorKind::Length { len, allowed } => {
                write!(f, "{section} of {len} bytes, expected {allowed}")
            }
            MessageErrorKind::Truncated { offset } => {
                write!(f, "the field at byte {offset} of the {section} is cut off")
            }
            MessageErrorKind::UnknownVersion(version) => write!(f, "unknown version {version}"),
            MessageErrorKind::KeyLength { len, offset } => {
                write!(f, "key length {len} at byte {offset} of the {section}")
            }
        }
    }
}

impl core::error::Error for MessageError {}

/// A part of a packet's body; they follow each other in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// Options that any message may carry: [`FrameInfo`](crate::FrameInfo)s.
    FramingExtras,
    /// The fixed fields.
    Extras,
    /// The key.
    Key,
    /// The value: what the other sections leave over.
    Value,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::FramingExtras => "framing extras",
            Self::Extras => "extras",
            Self::Key => "key",
            Self::Value => "value",
        })
    }
}

/// The lengths a section may have, in bytes: one, two or three.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lengths([u8; 3]);

impl Lengths {
    /// Only an empty section.
    pub const NONE: Self = Self::one(0);

    /// This length only.
    pub const fn one(len: u8) -> Self {
        Self([len; 3])
    }

    /// One of two lengths, the shorter first.
    pub const fn two(short: u8, long: u8) -> Self {
        Self([short, long, long])
    }

    /// One of three lengths, in ascending order.
    pub const fn three(short: u8, middle: u8, long: u8) -> Self {
        Self([short, middle, long])
    }

    /// Whether a section may have this length.
    #[inline]
    pub const fn contains(self, len: usize) -> bool {
        let Self([a, b, c]) = self;
        len == a as usize || len == b as usize || len == c as usize
    }

    /// The lengths, ascending, each once.
    pub fn iter(self) -> impl Iterator<Item = u8> + Clone {
        let Self([a, b, c]) = self;
        [Some(a), (b != a).then_some(b), (c != b).then_some(c)]
            .into_iter()
            .flatten()
    }
}

impl fmt::Display for Lengths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NONE {
            return f.write_str("none");
        }
        for (count, len) in self.iter().enumerate() {
            let or = if count > 0 { " or " } else { "" };
            write!(f, "{or}{len}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Lengths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A packet that cannot be written; the buffer is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The section must not be empty: no reader would take the message.
    Missing(Section),
    /// The section is longer than its length field in the header can say.
    TooLong {
        /// The section.
        section: Section,
        /// The most the header can say, in bytes.
        limit: u32,
    },
    /// The whole body is longer than its length field in the header can say.
    BodyTooLong,
    /// The header announces another length than the body has.
    OtherBodyLength {
        /// What the header announces, in bytes.
        announced: u32,
    },
    /// A response with this status holds another reply.
    OtherReply,
    /// The buffer has no room for the packet.
    NoRoom,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Missing(section) => write!(f, "{section} missing"),
            Self::TooLong { section, limit } => {
                write!(f, "{section} longer than {limit} bytes")
            }
            Self::BodyTooLong => write!(f, "body longer than {} bytes", u32::MAX),
            Self::OtherBodyLength { announced } => {
                write!(
                    f,
                    "body is not of the {announced} bytes that its header announces"
                )
            }
            Self::OtherReply => f.write_str("another reply than the status calls for"),
            Self::NoRoom => f.write_str("no room in the buffer"),
        }
    }
}

impl core::error::Error for EncodeError {}

#[cfg(test)]
mod tests {
    use std::{format, string::ToString, vec::Vec};

    use super::*;

    #[test]
    fn errors_are_small() {
        assert!(size_of::<FrameError>() <= 16);
        assert!(size_of::<MessageError>() <= 16);
        assert!(size_of::<EncodeError>() <= 16);
    }

    #[test]
    fn lengths() {
        for (lengths, list, text) in [
            (Lengths::NONE, &[0][..], "none"),
            (Lengths::one(31), &[31], "31"),
            (Lengths::two(0, 4), &[0, 4], "0 or 4"),
            (Lengths::two(7, 7), &[7], "7"),
            (Lengths::three(36, 44, 52), &[36, 44, 52], "36 or 44 or 52"),
        ] {
            assert_eq!(lengths.iter().collect::<Vec<_>>(), list);
            assert_eq!(lengths.to_string(), text);
            assert_eq!(format!("{lengths:?}"), text);
            for len in 0..=300 {
                let is_listed = list.iter().any(|&listed| usize::from(listed) == len);
                assert_eq!(lengths.contains(len), is_listed);
            }
        }
    }

    #[test]
    fn frame_errors_say_what_is_wrong() {
        let shown = [
            (FrameError::UnknownMagic(7), "unknown magic 0x07"),
            (
                FrameError::SectionsExceedBody {
                    sections: 17,
                    body: 5,
                },
                "sections need 17 bytes, the body has 5",
            ),
            (
                FrameError::BodyTooLong { body: 9, limit: 8 },
                "body of 9 bytes exceeds the limit of 8",
            ),
        ];
        for (error, text) in shown {
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn encode_errors_say_what_is_wrong() {
        let section = Section::FramingExtras;
        let shown = [
            (EncodeError::Missing(Section::Key), "key missing"),
            (
                EncodeError::TooLong {
                    section,
                    limit: 255,
                },
                "framing extras longer than 255 bytes",
            ),
            (
                EncodeError::BodyTooLong,
                "body longer than 4294967295 bytes",
            ),
            (
                EncodeError::OtherBodyLength { announced: 7 },
                "body is not of the 7 bytes that its header announces",
            ),
            (
                EncodeError::OtherReply,
                "another reply than the status calls for",
            ),
            (EncodeError::NoRoom, "no room in the buffer"),
        ];
        for (error, text) in shown {
            assert_eq!(error.to_string(), text);
        }
    }
}
