//! What can be wrong inside a key or a value.

use core::fmt;

use crate::value::CollectionId;

/// A key or a value that is not what it should be; the packet it came in is unharmed.
///
/// Writers use it too: then nothing was written, and `offset` is where it would have been wrong.
///
/// ```
/// use mcbp::value::{Collections, DocKey};
///
/// let error = DocKey::new(b"\x85\x00key".into(), Collections::Negotiated).unwrap_err();
/// assert_eq!(error.to_string(), "document key, byte 0: not the shortest LEB128 of its number");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValueError {
    /// What it should be.
    pub format: ValueFormat,
    /// Where it is not, in bytes from the start of the key or value.
    pub offset: u32,
    /// What is wrong there.
    pub kind: ValueErrorKind,
}

impl ValueError {
    #[cold]
    pub(super) fn new(format: ValueFormat, offset: usize, kind: ValueErrorKind) -> Self {
        Self {
            format,
            // Lengths on the wire are at most u32.
            offset: u32::try_from(offset).unwrap_or(u32::MAX),
            kind,
        }
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            format,
            offset,
            kind,
        } = self;
        write!(f, "{format}, byte {offset}: {kind}")
    }
}

impl core::error::Error for ValueError {}

/// What a key or a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ValueFormat {
    /// [`DocKey`](super::DocKey).
    DocKey,
    /// [`Xattrs`](super::Xattrs).
    Xattrs,
    /// [`SnappyValue`](super::SnappyValue).
    Snappy,
    /// [`ManifestChange`](super::ManifestChange).
    SystemEvent,
    /// [`StreamFilter`](super::StreamFilter).
    StreamFilter,
    /// [`OpenValue`](super::OpenValue).
    OpenValue,
    /// [`ControlSetting`](super::ControlSetting).
    Control,
    /// `ErrorContext`, with the feature `json`.
    ErrorContext,
    /// `Manifest`, with the feature `json`.
    Manifest,
    /// `ErrorMap`, with the feature `json`.
    ErrorMap,
}

impl fmt::Display for ValueFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::DocKey => "document key",
            Self::Xattrs => "extended attributes",
            Self::Snappy => "Snappy block",
            Self::SystemEvent => "system event",
            Self::StreamFilter => "stream filter",
            Self::OpenValue => "value of DCP_OPEN",
            Self::Control => "control",
            Self::ErrorContext => "error context",
            Self::Manifest => "manifest",
            Self::ErrorMap => "error map",
        })
    }
}

/// What is wrong at a place in a key or a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValueErrorKind {
    /// What starts here is cut off.
    Truncated,
    /// Bytes are left over from here on.
    Trailing,
    /// Here must be something, and is nothing.
    Missing,
    /// What starts here is longer, in bytes, than it may be.
    TooLong {
        /// The most it may be.
        limit: u32,
    },
    /// The number here is larger than any of its kind.
    TooLarge,
    /// The LEB128 number here does not end within the key, or within five bytes.
    NoStopByte,
    /// The LEB128 number here has a shorter form.
    NotCanonical,
    /// The collection id here never appears in a key.
    ReservedCollection(CollectionId),
    /// The offset or length here leads out of the buffer.
    OutOfBounds,
    /// The offset or length here leads into something else.
    Overlap,
    /// The text that starts here does not end with its first NUL where its length says.
    Terminator,
    /// The text here is not UTF-8.
    NotUtf8,
    /// The key here has been there before.
    DuplicateKey,
    /// The name here is not one that the server takes.
    IllegalName,
    /// What starts here is not JSON.
    NotJson,
    /// The JSON here has another type than it must have, or a key that it must not have.
    WrongType,
    /// Two settings here exclude each other.
    Conflict,
    /// The stream id is 0.
    StreamIdZero,
    /// The setting here has no such value.
    IllegalValue,
    /// There is no such event.
    UnknownEvent(u32),
    /// The event has no such version, or no version that can say this.
    UnknownVersion(u8),
    /// The compressed bytes from here on make no sense.
    Corrupt,
    /// The buffer has no room for it.
    NoRoom,
}

impl fmt::Display for ValueErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::Truncated => "cut off",
            Self::Trailing => "bytes left over",
            Self::Missing => "missing",
            Self::TooLong { limit } => return write!(f, "longer than {limit} bytes"),
            Self::TooLarge => "number too large",
            Self::NoStopByte => "LEB128 without a stop byte",
            Self::NotCanonical => "not the shortest LEB128 of its number",
            Self::ReservedCollection(id) => return write!(f, "collection id {id} is reserved"),
            Self::OutOfBounds => "leads out of the buffer",
            Self::Overlap => "leads into something else",
            Self::Terminator => "does not end with its first NUL",
            Self::NotUtf8 => "not UTF-8",
            Self::DuplicateKey => "duplicate key",
            Self::IllegalName => "illegal name",
            Self::NotJson => "not JSON",
            Self::WrongType => "JSON of another type",
            Self::Conflict => "settings that exclude each other",
            Self::StreamIdZero => "stream id 0",
            Self::IllegalValue => "illegal value",
            Self::UnknownEvent(id) => return write!(f, "unknown event {id}"),
            Self::UnknownVersion(version) => {
                return write!(f, "no version {version} of this event");
            }
            Self::Corrupt => "corrupt",
            Self::NoRoom => "no room in the buffer",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn small() {
        assert!(size_of::<ValueError>() <= 16);
    }

    #[test]
    fn says_what_where_and_why() {
        let kind = ValueErrorKind::TooLong { limit: 246 };
        let error = ValueError::new(ValueFormat::DocKey, 2, kind);
        assert_eq!(
            error.to_string(),
            "document key, byte 2: longer than 246 bytes"
        );
    }
}
