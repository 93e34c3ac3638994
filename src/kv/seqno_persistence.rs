//! `SEQNO_PERSISTENCE`: waits for the disk.

use bytes::BufMut;

use crate::cursor::be_u64;
use crate::{Body, Command, Lengths, Message, MessageError, Opcode, Parts, Shape, StatusOnly};

/// Waits until a vbucket is on disk up to a seqno.
///
/// | extras | field   |     |
/// |-------:|---------|-----|
/// |   0..8 | `seqno` | u64 |
///
/// From the client to the server, which answers when it is there (reference 4.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct SeqnoPersistence {
    /// The seqno to wait for.
    pub seqno: u64,
}

impl<'a> Message<'a> for SeqnoPersistence {
    const COMMAND: Command = Command::Client(Opcode::SEQNO_PERSISTENCE);
    const SHAPE: Shape = Shape::extras(Lengths::one(8));

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            seqno: body.extras().read(be_u64)?,
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::extras(|extras| extras.put_u64(self.seqno))
    }
}

/// The answer to [`SeqnoPersistence`]; `ETMPFAIL` if it takes too long.
pub type SeqnoPersistenceReply<'a> = StatusOnly<'a, { Opcode::SEQNO_PERSISTENCE.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::assert_layout;

    #[test]
    fn layout() {
        assert_layout(SeqnoPersistence {
            seqno: 0x0001_0203_0405_0607,
        });
    }
}
