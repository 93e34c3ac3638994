//! `DCP_SET_VBUCKET_STATE`: hands a vbucket over.

use bytes::BufMut;

use crate::cursor::be_u8;
use crate::{
    Body, Command, Lengths, Message, MessageError, Opcode, Parts, Shape, StatusOnly, VbucketState,
};

/// Changes the state of a vbucket at the consumer: to pending, then to active, in a takeover.
///
/// | extras | field   |                |
/// |-------:|---------|----------------|
/// |      0 | `state` | [`VbucketState`] |
///
/// From the producer to the consumer; always answered, after it has been applied. No value: the
/// JSON that some documentation gives it belongs to `SET_VBUCKET` (reference 6.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct SetVbucketState {
    /// The state to change to.
    pub state: VbucketState,
}

impl<'a> Message<'a> for SetVbucketState {
    const COMMAND: Command = Command::Client(Opcode::DCP_SET_VBUCKET_STATE);
    const SHAPE: Shape = Shape::extras(Lengths::one(1));

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            state: VbucketState(body.extras().read(be_u8)?),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::extras(|extras| extras.put_u8(self.state.0))
    }
}

/// The answer to [`SetVbucketState`]; the producer takes any status for an acknowledgement.
pub type SetVbucketStateReply<'a> = StatusOnly<'a, { Opcode::DCP_SET_VBUCKET_STATE.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::assert_layout;

    #[test]
    fn layout() {
        assert_layout(SetVbucketState {
            state: VbucketState(0x00),
        });
    }
}
