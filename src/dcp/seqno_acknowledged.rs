//! `DCP_SEQNO_ACKNOWLEDGED`: the consumer's half of a durable write.

use bytes::BufMut;

use crate::cursor::be_u64;
use crate::{Body, Command, Lengths, Message, MessageError, Opcode, Parts, Shape, StatusOnly};

/// Tells the producer how far the consumer is prepared.
///
/// | extras | field            |     |
/// |-------:|------------------|-----|
/// |   0..8 | `prepared_seqno` | u64 |
///
/// From a replicating consumer to its producer, under the opaque of the stream. A success is not
/// answered, and an answer closes a producer's connection (reference 6.15, 11.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct SeqnoAcknowledged {
    /// Up to here every prepare has been made as durable as its level demands.
    pub prepared_seqno: u64,
}

impl<'a> Message<'a> for SeqnoAcknowledged {
    const COMMAND: Command = Command::Client(Opcode::DCP_SEQNO_ACKNOWLEDGED);
    const SHAPE: Shape = Shape::extras(Lengths::one(8));

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            prepared_seqno: body.extras().read(be_u64)?,
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::extras(|extras| extras.put_u64(self.prepared_seqno))
    }
}

/// The answer to [`SeqnoAcknowledged`], sent only on failure.
///
/// `EINVAL` unless the connection replicates, `NOT_MY_VBUCKET` for a vbucket unknown.
pub type SeqnoAcknowledgedReply<'a> = StatusOnly<'a, { Opcode::DCP_SEQNO_ACKNOWLEDGED.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::assert_layout;

    #[test]
    fn layout() {
        assert_layout(SeqnoAcknowledged {
            prepared_seqno: 0x0001_0203_0405_0607,
        });
    }
}
