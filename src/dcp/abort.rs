//! `DCP_ABORT`: the end of a durable write that came to nothing.

use bytes::BufMut;

use crate::Presence::Required;
use crate::cursor::be_u64;
use crate::{
    Body, Command, Lengths, Message, MessageError, Opcode, Parts, Shape, StatusOnly, UserData,
};

/// A prepared write never happened.
///
/// | extras | field            |     |
/// |-------:|------------------|-----|
/// |   0..8 | `prepared_seqno` | u64 |
/// |  8..16 | `abort_seqno`    | u64 |
///
/// From the producer to the consumer, which takes it in silence. No value; the CAS is 0 (reference
/// 6.16).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Abort<'a> {
    /// The `by_seqno` of the prepare.
    pub prepared_seqno: u64,
    /// Where the abort stands in the history of the vbucket; never 0.
    pub abort_seqno: u64,
    /// The key of the document, behind its collection id if collections were negotiated.
    pub key: UserData<'a>,
}

impl<'a> Message<'a> for Abort<'a> {
    const COMMAND: Command = Command::Client(Opcode::DCP_ABORT);
    const SHAPE: Shape = Shape::extras(Lengths::one(16)).key(Required);

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        let mut extras = body.extras();
        Ok(Self {
            prepared_seqno: extras.read(be_u64)?,
            abort_seqno: extras.read(be_u64)?,
            key: UserData::new(body.key),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::extras(|extras| {
            extras.put_u64(self.prepared_seqno);
            extras.put_u64(self.abort_seqno);
        })
        .key(self.key.expose())
    }
}

/// The answer to [`Abort`], sent only on failure; as that to [`Mutation`](super::Mutation).
///
/// The producer must expect it: a consumer may close its stream while the abort is under way
/// (MB-35287). `KEY_ENOENT` says there is no such prepare, and costs the connection.
pub type AbortReply<'a> = StatusOnly<'a, { Opcode::DCP_ABORT.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::assert_layout;

    #[test]
    fn layout() {
        assert_layout(Abort {
            prepared_seqno: 0x0001_0203_0405_0607,
            abort_seqno: 0x0809_0a0b_0c0d_0e0f,
            key: "key".into(),
        });
    }
}
