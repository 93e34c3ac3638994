//! `DCP_DELETION`: a document was deleted.

use bytes::BufMut;

use crate::Presence::{Optional, Required};
use crate::cursor::{be_u8, be_u16, be_u32, be_u64};
use crate::{
    Body, Command, Lengths, Message, MessageError, Opcode, Parts, Shape, StatusOnly, UserData,
};

/// A document was deleted.
///
/// | extras | field         |     | version |
/// |-------:|---------------|-----|---------|
/// |   0..8 | `by_seqno`    | u64 | both    |
/// |  8..16 | `rev_seqno`   | u64 | both    |
/// | 16..18 | `nmeta`       | u16 | V1      |
/// | 16..20 | `delete_time` | u32 | V2      |
/// |     20 | `unused`      | u8  | V2      |
///
/// From the producer to the consumer, which takes it in silence. The length of the extras decides
/// the version: a producer sends V2 only if `DCP_OPEN` asked for delete times, while a server that
/// consumes demands it also with collections (reference 6.8). A deleted document may still have a
/// value: its attributes, sometimes a body.
///
/// With a stream id, V2 reaches the wire with a header that does not announce it; see
/// [`FramingExtras::is_unannounced`](crate::FramingExtras::is_unannounced).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Deletion<'a> {
    /// Where the deletion stands in the history of the vbucket; never 0.
    pub by_seqno: u64,
    /// How often the document has changed.
    pub rev_seqno: u64,
    /// What only one of the versions has.
    pub version: DeletionVersion,
    /// The key of the document, behind its collection id if collections were negotiated.
    pub key: UserData<'a>,
    /// What is left of the document, encoded as the datatype says.
    pub value: UserData<'a>,
}

/// What only one of the versions of a [`Deletion`] has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum DeletionVersion {
    /// 18 bytes of extras.
    V1 {
        /// 0; once the length of extended metadata behind the value, which servers refuse by now.
        nmeta: u16,
    },
    /// 21 bytes of extras.
    V2 {
        /// When the document was deleted, in seconds since 1970.
        delete_time: u32,
        /// 0; not checked.
        unused: u8,
    },
}

impl<'a> Message<'a> for Deletion<'a> {
    const COMMAND: Command = Command::Client(Opcode::DCP_DELETION);
    const SHAPE: Shape = Shape::extras(Lengths::two(18, 21))
        .key(Required)
        .value(Optional);

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        let mut extras = body.extras();
        Ok(Self {
            by_seqno: extras.read(be_u64)?,
            rev_seqno: extras.read(be_u64)?,
            version: match body.extras.len() {
                18 => DeletionVersion::V1 {
                    nmeta: extras.read(be_u16)?,
                },
                _ => DeletionVersion::V2 {
                    delete_time: extras.read(be_u32)?,
                    unused: extras.read(be_u8)?,
                },
            },
            key: UserData::new(body.key),
            value: UserData::new(body.value),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::extras(|extras| {
            extras.put_u64(self.by_seqno);
            extras.put_u64(self.rev_seqno);
            match self.version {
                DeletionVersion::V1 { nmeta } => extras.put_u16(nmeta),
                DeletionVersion::V2 {
                    delete_time,
                    unused,
                } => {
                    extras.put_u32(delete_time);
                    extras.put_u8(unused);
                }
            }
        })
        .key(self.key.expose())
        .value(self.value.expose())
    }
}

/// The answer to [`Deletion`], sent only on failure; as that to [`Mutation`](super::Mutation).
pub type DeletionReply<'a> = StatusOnly<'a, { Opcode::DCP_DELETION.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::assert_layout;

    #[test]
    fn layout() {
        let deletion = |version| Deletion {
            by_seqno: 0x0001_0203_0405_0607,
            rev_seqno: 0x0809_0a0b_0c0d_0e0f,
            version,
            key: "key".into(),
            value: "value".into(),
        };
        assert_layout(deletion(DeletionVersion::V1 { nmeta: 0x1011 }));
        assert_layout(deletion(DeletionVersion::V2 {
            delete_time: 0x1011_1213,
            unused: 0x14,
        }));
    }
}
