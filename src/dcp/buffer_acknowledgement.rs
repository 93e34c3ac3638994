//! `DCP_BUFFER_ACKNOWLEDGEMENT`: flow control.

use bytes::BufMut;

use crate::cursor::be_u32;
use crate::{Body, Command, Lengths, Message, MessageError, Opcode, Parts, Shape, StatusOnly};

/// Tells the producer that bytes it has sent were processed, so that it may send as many more.
///
/// | extras | field   |     |
/// |-------:|---------|-----|
/// |   0..4 | `bytes` | u32 |
///
/// From the consumer to the producer, if `connection_buffer_size` was negotiated. A success is not
/// answered (reference 6.11; 10.4 says what counts).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct BufferAcknowledgement {
    /// How many bytes were processed, headers included.
    pub bytes: u32,
}

impl<'a> Message<'a> for BufferAcknowledgement {
    const COMMAND: Command = Command::Client(Opcode::DCP_BUFFER_ACKNOWLEDGEMENT);
    const SHAPE: Shape = Shape::extras(Lengths::one(4));

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            bytes: body.extras().read(be_u32)?,
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::extras(|extras| extras.put_u32(self.bytes))
    }
}

/// The answer to [`BufferAcknowledgement`], sent only on failure; old servers sent it always.
pub type BufferAcknowledgementReply<'a> = StatusOnly<'a, { Opcode::DCP_BUFFER_ACKNOWLEDGEMENT.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::assert_layout;

    #[test]
    fn layout() {
        assert_layout(BufferAcknowledgement { bytes: 0x0001_0203 });
    }
}
