//! `DCP_STREAM_END`: the last message of a stream.

use bytes::BufMut;

use crate::cursor::be_u32;
use crate::{
    Body, Command, Lengths, Message, MessageError, Opcode, Parts, Shape, StatusOnly,
    StreamEndReason,
};

/// The last message of a stream.
///
/// | extras | field    |                     |
/// |-------:|----------|---------------------|
/// |   0..4 | `reason` | [`StreamEndReason`] |
///
/// From the producer to the consumer, which takes it in silence. One that carries the opaque of
/// another stream than the current one of its vbucket is stale (reference 6.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct StreamEnd {
    /// Why the stream ended.
    pub reason: StreamEndReason,
}

impl<'a> Message<'a> for StreamEnd {
    const COMMAND: Command = Command::Client(Opcode::DCP_STREAM_END);
    const SHAPE: Shape = Shape::extras(Lengths::one(4));

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            reason: StreamEndReason(body.extras().read(be_u32)?),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::extras(|extras| extras.put_u32(self.reason.0))
    }
}

/// The answer to [`StreamEnd`], sent only on failure.
///
/// `KEY_ENOENT` or `DCP_STREAM_NOT_FOUND` if the consumer has no such stream, for instance because
/// it closed it while this was under way.
pub type StreamEndReply<'a> = StatusOnly<'a, { Opcode::DCP_STREAM_END.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::assert_layout;

    #[test]
    fn layout() {
        assert_layout(StreamEnd {
            reason: StreamEndReason(0x0001_0203),
        });
    }
}
