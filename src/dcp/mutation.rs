//! `DCP_MUTATION`: a document was written.

use bytes::BufMut;

use crate::Presence::{Optional, Required};
use crate::cursor::{be_u8, be_u16, be_u32, be_u64};
use crate::{
    Body, Command, Lengths, Message, MessageError, Opcode, Parts, Shape, StatusOnly, UserData,
};

/// A document was written.
///
/// | extras | field        |     |
/// |-------:|--------------|-----|
/// |   0..8 | `by_seqno`   | u64 |
/// |  8..16 | `rev_seqno`  | u64 |
/// | 16..20 | `flags`      | u32 |
/// | 20..24 | `expiration` | u32 |
/// | 24..28 | `lock_time`  | u32 |
/// | 28..30 | `nmeta`      | u16 |
/// |     30 | `nru`        | u8  |
///
/// From the producer to the consumer, which takes it in silence. The CAS is that of the document;
/// from release 8 it is 0 where the producer leaves values out (reference 6.8).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Mutation<'a> {
    /// Where the write stands in the history of the vbucket; never 0.
    pub by_seqno: u64,
    /// How often the document has changed.
    pub rev_seqno: u64,
    /// The application's own flags, as it stored them: the server never swaps their bytes.
    pub flags: u32,
    /// When the document expires, in seconds since 1970; 0 for never.
    pub expiration: u32,
    /// For how many seconds the document is locked.
    pub lock_time: u32,
    /// 0; once the length of extended metadata behind the value, which servers refuse by now.
    pub nmeta: u16,
    /// How recently the document was used: 0..=3, or 0..=255 with `supports_hifi_MFU`.
    pub nru: u8,
    /// The key of the document, behind its collection id if collections were negotiated.
    pub key: UserData<'a>,
    /// The document, encoded as the datatype says.
    pub value: UserData<'a>,
}

impl<'a> Message<'a> for Mutation<'a> {
    const COMMAND: Command = Command::Client(Opcode::DCP_MUTATION);
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
            nmeta: extras.read(be_u16)?,
            nru: extras.read(be_u8)?,
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
            extras.put_u16(self.nmeta);
            extras.put_u8(self.nru);
        })
        .key(self.key.expose())
        .value(self.value.expose())
    }
}

/// The answer to [`Mutation`], sent only on failure.
///
/// `KEY_ENOENT` or `DCP_STREAM_NOT_FOUND` without such a stream, `KEY_EEXISTS` or
/// `OPAQUE_NO_MATCH` for the opaque of another, `ERANGE` for a seqno out of order.
pub type MutationReply<'a> = StatusOnly<'a, { Opcode::DCP_MUTATION.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::assert_layout;

    #[test]
    fn layout() {
        assert_layout(Mutation {
            by_seqno: 0x0001_0203_0405_0607,
            rev_seqno: 0x0809_0a0b_0c0d_0e0f,
            flags: 0x1011_1213,
            expiration: 0x1415_1617,
            lock_time: 0x1819_1a1b,
            nmeta: 0x1c1d,
            nru: 0x1e,
            key: "key".into(),
            value: "value".into(),
        });
    }
}
