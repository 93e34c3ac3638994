//! `DCP_SEQNO_ADVANCED`: the history goes on where the consumer may not look.

use bytes::BufMut;

use crate::cursor::be_u64;
use crate::{Body, Command, Lengths, Message, MessageError, Opcode, Parts, Shape, StatusOnly};

/// The vbucket has reached this seqno with something that is not for this consumer.
///
/// | extras | field      |     |
/// |-------:|------------|-----|
/// |   0..8 | `by_seqno` | u64 |
///
/// From the producer to the consumer, only with collections. It stands in for the last messages of
/// a snapshot, so that the snapshot can be completed. **Never answer it** (reference 6.17).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct SeqnoAdvanced {
    /// How far the vbucket is.
    pub by_seqno: u64,
}

impl<'a> Message<'a> for SeqnoAdvanced {
    const COMMAND: Command = Command::Client(Opcode::DCP_SEQNO_ADVANCED);
    const SHAPE: Shape = Shape::extras(Lengths::one(8));

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            by_seqno: body.extras().read(be_u64)?,
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::extras(|extras| extras.put_u64(self.by_seqno))
    }
}

/// An answer to [`SeqnoAdvanced`], which nobody should send: whatever its status, it closes the
/// connection (reference 1.2).
pub type SeqnoAdvancedReply<'a> = StatusOnly<'a, { Opcode::DCP_SEQNO_ADVANCED.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::assert_layout;

    #[test]
    fn layout() {
        assert_layout(SeqnoAdvanced {
            by_seqno: 0x0001_0203_0405_0607,
        });
    }
}
