//! `DCP_SYSTEM_EVENT`: a collection or a scope has changed.

use bytes::BufMut;

use crate::Presence::Optional;
use crate::cursor::{be_u8, be_u32, be_u64};
use crate::{
    Body, Command, Lengths, Message, MessageError, Metadata, Opcode, Parts, Shape, StatusOnly,
    SystemEventId,
};

/// A collection or a scope was created, changed or dropped.
///
/// | extras | field      |                   |
/// |-------:|------------|-------------------|
/// |   0..8 | `by_seqno` | u64               |
/// |  8..12 | `id`       | [`SystemEventId`] |
/// |     12 | `version`  | u8                |
///
/// From the producer to the consumer, which takes it in silence; only with collections (reference
/// 6.13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct SystemEvent<'a> {
    /// Where the event stands in the history of the vbucket.
    pub by_seqno: u64,
    /// What happened.
    pub id: SystemEventId,
    /// How the value is laid out: 0 or 1, or 2 for FlatBuffers.
    pub version: u8,
    /// The name of the collection or scope, without a collection id; empty if it was dropped.
    pub key: Metadata<'a>,
    /// The ids and settings, laid out as event and version say.
    pub value: Metadata<'a>,
}

impl<'a> Message<'a> for SystemEvent<'a> {
    const COMMAND: Command = Command::Client(Opcode::DCP_SYSTEM_EVENT);
    const SHAPE: Shape = Shape::extras(Lengths::one(13))
        .key(Optional)
        .value(Optional);

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        let mut extras = body.extras();
        Ok(Self {
            by_seqno: extras.read(be_u64)?,
            id: SystemEventId(extras.read(be_u32)?),
            version: extras.read(be_u8)?,
            key: Metadata(body.key),
            value: Metadata(body.value),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::extras(|extras| {
            extras.put_u64(self.by_seqno);
            extras.put_u32(self.id.0);
            extras.put_u8(self.version);
        })
        .key(self.key.0)
        .value(self.value.0)
    }
}

/// The answer to [`SystemEvent`], sent only on failure; as that to [`Mutation`](super::Mutation).
///
/// The producer must expect it: a consumer may close its stream while the event is under way
/// (MB-35287).
pub type SystemEventReply<'a> = StatusOnly<'a, { Opcode::DCP_SYSTEM_EVENT.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::assert_layout;

    #[test]
    fn layout() {
        assert_layout(SystemEvent {
            by_seqno: 0x0001_0203_0405_0607,
            id: SystemEventId(0x0809_0a0b),
            version: 0x0c,
            key: "name".into(),
            value: "value".into(),
        });
    }
}
