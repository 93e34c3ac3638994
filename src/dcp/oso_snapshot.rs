//! `DCP_OSO_SNAPSHOT`: the brackets of an out-of-sequence-order snapshot.

use bytes::BufMut;

use crate::cursor::be_u32;
use crate::{
    Body, Command, Lengths, Message, MessageError, Opcode, OsoFlags, Parts, Shape, StatusOnly,
};

/// Opens or closes a snapshot that is ordered by key.
///
/// | extras | field   |              |
/// |-------:|---------|--------------|
/// |   0..4 | `flags` | [`OsoFlags`] |
///
/// From the producer to the consumer, if `enable_out_of_order_snapshots` was negotiated. Between
/// the brackets seqnos come in any order and there is no marker, so no point of it is one to resume
/// from. **Never answer it** (reference 6.18, 10.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct OsoSnapshot {
    /// Which of the brackets this is.
    pub flags: OsoFlags,
}

impl<'a> Message<'a> for OsoSnapshot {
    const COMMAND: Command = Command::Client(Opcode::DCP_OSO_SNAPSHOT);
    const SHAPE: Shape = Shape::extras(Lengths::one(4));

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            flags: OsoFlags::from_bits_retain(body.extras().read(be_u32)?),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::extras(|extras| extras.put_u32(self.flags.bits()))
    }
}

/// An answer to [`OsoSnapshot`], which nobody should send: whatever its status, it closes the
/// connection (reference 1.2).
pub type OsoSnapshotReply<'a> = StatusOnly<'a, { Opcode::DCP_OSO_SNAPSHOT.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::assert_layout;

    #[test]
    fn layout() {
        assert_layout(OsoSnapshot {
            flags: OsoFlags::from_bits_retain(0x0001_0203),
        });
    }
}
