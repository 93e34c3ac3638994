//! Snappy: the outermost layer of a value.
//!
//! One raw block without the framing of streams (reference 8.2): the inflated length as LEB128,
//! then literals, and copies of what came before.

use super::reader::Reader;
#[cfg(feature = "snappy")]
use super::{PlainValue, ValueErrorKind};
use super::{ValueError, ValueFormat, leb128};
use crate::{Datatype, UserData};

/// A value that is one Snappy block.
///
/// With the feature `snappy`, `inflate` takes the layer off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SnappyValue<'a> {
    datatype: Datatype,
    bytes: UserData<'a>,
}

impl<'a> SnappyValue<'a> {
    pub(super) const fn new(datatype: Datatype, bytes: UserData<'a>) -> Self {
        Self { datatype, bytes }
    }

    /// What is on the value: [`Datatype::SNAPPY`], and what is beneath it.
    pub const fn datatype(self) -> Datatype {
        self.datatype
    }

    /// The block.
    pub const fn bytes(self) -> UserData<'a> {
        self.bytes
    }

    /// How many bytes the block says it inflates to; not to be trusted.
    ///
    /// # Errors
    ///
    /// [`ValueErrorKind`](super::ValueErrorKind)`::NoStopByte` or `TooLarge` if it does not say.
    pub fn announced_len(self) -> Result<u32, ValueError> {
        let mut block = Reader::new(ValueFormat::Snappy, self.bytes.expose());
        leb128::read(&mut block)
    }
}

/// A copy of 64 bytes takes three: no block can inflate by more.
#[cfg(feature = "snappy")]
const MAX_RATIO: usize = 22;

#[cfg(feature = "snappy")]
impl SnappyValue<'_> {
    /// Inflates the block into `buffer`, whose contents it replaces.
    ///
    /// The length that the block announces is held against `limit`, and against what a block of its
    /// size can hold, before room for it is made. The server's own limit is its `max_packet_size`,
    /// 30 MiB by default.
    ///
    /// # Errors
    ///
    /// [`ValueErrorKind::TooLong`] if the announced length is above `limit`,
    /// [`ValueErrorKind::Corrupt`] if the block is none. The buffer is empty then.
    pub fn inflate(
        self,
        limit: u32,
        buffer: &mut alloc::vec::Vec<u8>,
    ) -> Result<PlainValue<'_>, ValueError> {
        buffer.clear();
        let bytes = self.bytes.expose();
        let mut block = Reader::new(ValueFormat::Snappy, bytes);
        let too_long = block.error(ValueErrorKind::TooLong { limit });
        let announced = leb128::read(&mut block)?;
        let corrupt = block.error(ValueErrorKind::Corrupt);
        if announced > limit {
            return Err(too_long);
        }
        let announced = usize::try_from(announced).map_err(|_| too_long)?;
        if announced > bytes.len().saturating_mul(MAX_RATIO) {
            return Err(corrupt);
        }
        buffer.resize(announced, 0);
        match snap::raw::Decoder::new().decompress(bytes, buffer) {
            Ok(_) => Ok(PlainValue::new(self.datatype, UserData::new(buffer))),
            Err(_) => {
                buffer.clear();
                Err(corrupt)
            }
        }
    }
}

/// One Snappy block of a whole value, extended attributes and body; it goes out with
/// [`Datatype::SNAPPY`].
///
/// # Errors
///
/// [`ValueErrorKind::TooLong`] for a value of which the block cannot say the length.
#[cfg(feature = "snappy")]
pub fn deflate(value: UserData<'_>) -> Result<alloc::vec::Vec<u8>, ValueError> {
    snap::raw::Encoder::new()
        .compress_vec(value.expose())
        .map_err(|_| {
            let kind = ValueErrorKind::TooLong { limit: u32::MAX };
            ValueError::new(ValueFormat::Snappy, 0, kind)
        })
}
