//! `DCP_PREPARE`: the first half of a durable write.

use bytes::BufMut;

use crate::Presence::{Optional, Required};
use crate::cursor::{be_u8, be_u32, be_u64};
use crate::{
    Body, Command, DurabilityLevel, Lengths, Message, MessageError, Opcode, Parts, Shape,
    StatusOnly, UserData, WireBool,
};

/// A write or a deletion that waits for its commit or abort.
///
/// | extras | field              |                     |
/// |-------:|--------------------|---------------------|
/// |   0..8 | `by_seqno`         | u64                 |
/// |  8..16 | `rev_seqno`        | u64                 |
/// | 16..20 | `flags`            | u32                 |
/// | 20..24 | `expiration`       | u32                 |
/// | 24..28 | `lock_time`        | u32                 |
/// |     28 | `nru`              | u8                  |
/// |     29 | `deleted`          | [`WireBool`]        |
/// |     30 | `durability_level` | [`DurabilityLevel`] |
///
/// From the producer to the consumer, which takes it in silence, if `enable_sync_writes` was
/// negotiated. The CAS is never 0. Flow control counts two bytes more than are sent (MB-46634;
/// reference 6.14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Prepare<'a> {
    /// Where the prepare stands in the history of the vbucket; never 0.
    pub by_seqno: u64,
    /// How often the document has changed.
    pub rev_seqno: u64,
    /// The application's own flags, as it stored them: the server never swaps their bytes.
    pub flags: u32,
    /// When the document expires, in seconds since 1970, 0 for never; if it will be deleted, when
    /// that was asked for.
    pub expiration: u32,
    /// For how many seconds the document is locked.
    pub lock_time: u32,
    /// How recently the document was used: 0..=3, or 0..=255 with `supports_hifi_MFU`.
    pub nru: u8,
    /// Whether the document will be deleted.
    pub deleted: WireBool,
    /// What the commit waits for.
    pub durability_level: DurabilityLevel,
    /// The key of the document, behind its collection id if collections were negotiated.
    pub key: UserData<'a>,
    /// The document, encoded as the datatype says.
    pub value: UserData<'a>,
}

impl<'a> Message<'a> for Prepare<'a> {
    const COMMAND: Command = Command::Client(Opcode::DCP_PREPARE);
    const SHAPE: Shape = Shape::extras(Lengths::one(31))
        .key(Required)
        .value(Optional);

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        let mut extras = body.extras();
        Ok(Self {
            by_seqno: extras.read(be_u64)?,
            rev_seqno: extras.read(be_u64)?,
            flags: extras.read(be_u32)?,
            expiration: extras.read(be_u32)?,
            lock_time: extras.read(be_u32)?,
            nru: extras.read(be_u8)?,
            deleted: WireBool(extras.read(be_u8)?),
            durability_level: DurabilityLevel(extras.read(be_u8)?),
            key: UserData::new(body.key),
            value: UserData::new(body.value),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::extras(|extras| {
            extras.put_u64(self.by_seqno);
            extras.put_u64(self.rev_seqno);
            extras.put_u32(self.flags);
            extras.put_u32(self.expiration);
            extras.put_u32(self.lock_time);
            extras.put_u8(self.nru);
            extras.put_u8(self.deleted.0);
            extras.put_u8(self.durability_level.0);
        })
        .key(self.key.expose())
        .value(self.value.expose())
    }
}

/// The answer to [`Prepare`], sent only on failure; as that to [`Mutation`](super::Mutation).
///
/// The producer must expect it: a consumer may close its stream while the prepare is under way
/// (MB-35287).
pub type PrepareReply<'a> = StatusOnly<'a, { Opcode::DCP_PREPARE.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::assert_layout;

    #[test]
    fn layout() {
        assert_layout(Prepare {
            by_seqno: 0x0001_0203_0405_0607,
            rev_seqno: 0x0809_0a0b_0c0d_0e0f,
            flags: 0x1011_1213,
            expiration: 0x1415_1617,
            lock_time: 0x1819_1a1b,
            nru: 0x1c,
            deleted: WireBool(0x1d),
            durability_level: DurabilityLevel(0x1e),
            key: "key".into(),
            value: "value".into(),
        });
    }
}
