//! `DCP_EXPIRATION`: a document has expired.

use bytes::BufMut;

use crate::Presence::{Optional, Required};
use crate::cursor::{be_u32, be_u64};
use crate::{
    Body, Command, Lengths, Message, MessageError, Opcode, Parts, Shape, StatusOnly, UserData,
};

/// A document has expired.
///
/// | extras | field         |     |
/// |-------:|---------------|-----|
/// |   0..8 | `by_seqno`    | u64 |
/// |  8..16 | `rev_seqno`   | u64 |
/// | 16..20 | `delete_time` | u32 |
///
/// From the producer to the consumer, which takes it in silence. It comes in place of a
/// [`Deletion`](super::Deletion) if both `enable_expiry_opcode` and delete times were asked for
/// (reference 6.8).
///
/// With a stream id, it reaches the wire with a header that does not announce it; see
/// [`FramingExtras::is_unannounced`](crate::FramingExtras::is_unannounced).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Expiration<'a> {
    /// Where the expiration stands in the history of the vbucket; never 0.
    pub by_seqno: u64,
    /// How often the document has changed.
    pub rev_seqno: u64,
    /// When the document was deleted, in seconds since 1970.
    pub delete_time: u32,
    /// The key of the document, behind its collection id if collections were negotiated.
    pub key: UserData<'a>,
    /// What is left of the document, encoded as the datatype says.
    pub value: UserData<'a>,
}

impl<'a> Message<'a> for Expiration<'a> {
    const COMMAND: Command = Command::Client(Opcode::DCP_EXPIRATION);
    const SHAPE: Shape = Shape::extras(Lengths::one(20))
        .key(Required)
        .value(Optional);

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        let mut extras = body.extras();
        Ok(Self {
            by_seqno: extras.read(be_u64)?,
            rev_seqno: extras.read(be_u64)?,
            delete_time: extras.read(be_u32)?,
            key: UserData::new(body.key),
            value: UserData::new(body.value),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::extras(|extras| {
            extras.put_u64(self.by_seqno);
            extras.put_u64(self.rev_seqno);
            extras.put_u32(self.delete_time);
        })
        .key(self.key.expose())
        .value(self.value.expose())
    }
}

/// The answer to [`Expiration`], sent only on failure; as that to [`Mutation`](super::Mutation).
pub type ExpirationReply<'a> = StatusOnly<'a, { Opcode::DCP_EXPIRATION.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::assert_layout;

    #[test]
    fn layout() {
        assert_layout(Expiration {
            by_seqno: 0x0001_0203_0405_0607,
            rev_seqno: 0x0809_0a0b_0c0d_0e0f,
            delete_time: 0x1011_1213,
            key: "key".into(),
            value: "value".into(),
        });
    }
}
