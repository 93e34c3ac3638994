//! The id of a collection or a scope.

use bytes::BufMut;

use crate::cursor::{be_u32, be_u64};
use crate::message::Payload;
use crate::{Body, Lengths, MessageError, Parts};

/// The id of a collection or a scope, and the manifest it is from.
///
/// | extras | field          |     |
/// |-------:|----------------|-----|
/// |   0..8 | `manifest_uid` | u64 |
/// |  8..12 | `id`           | u32 |
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ResolvedId {
    /// The manifest.
    pub manifest_uid: u64,
    /// The id of the collection or scope.
    pub id: u32,
}

impl<'a> Payload<'a> for ResolvedId {
    const EXTRAS_LEN: u8 = 12;

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        body.check_value_len(Lengths::NONE)?;
        let mut extras = body.extras();
        Ok(Self {
            manifest_uid: extras.read(be_u64)?,
            id: extras.read(be_u32)?,
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::extras(|extras| {
            extras.put_u64(self.manifest_uid);
            extras.put_u32(self.id);
        })
    }
}
