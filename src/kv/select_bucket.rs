//! `SELECT_BUCKET`: what all that follows is about.

use crate::Presence::Optional;
use crate::{
    Body, Command, Lengths, Message, MessageError, Metadata, Opcode, Parts, Shape, StatusOnly,
};

/// Selects the bucket that all later requests are about.
///
/// The key is the bucket; no extras, no value. From the client to the server; always answered. Not
/// after `DCP_OPEN` (reference 4.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct SelectBucket<'a> {
    /// The name of the bucket; `@no bucket@` or nothing for none.
    pub bucket: Metadata<'a>,
}

impl<'a> Message<'a> for SelectBucket<'a> {
    const COMMAND: Command = Command::Client(Opcode::SELECT_BUCKET);
    const SHAPE: Shape = Shape::extras(Lengths::NONE).key(Optional);

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            bucket: Metadata(body.key),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::EMPTY.key(self.bucket.0)
    }
}

/// The answer to [`SelectBucket`].
///
/// `KEY_ENOENT` if there is no such bucket, `EACCESS` without a privilege on it, `NOT_SUPPORTED` on
/// a DCP connection, while other requests are under way, or if the bucket lacks collections that
/// were negotiated.
pub type SelectBucketReply<'a> = StatusOnly<'a, { Opcode::SELECT_BUCKET.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::assert_layout;

    #[test]
    fn layout() {
        assert_layout(SelectBucket {
            bucket: "bucket".into(),
        });
    }
}
