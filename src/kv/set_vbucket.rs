//! `SET_VBUCKET`: what a node is to do with a vbucket.

use bytes::BufMut;

use crate::Presence::Optional;
use crate::cursor::be_u8;
use crate::{
    Body, Command, Lengths, Message, MessageError, Metadata, Opcode, Parts, Shape, StatusOnly,
    VbucketState,
};

/// Sets the state of a vbucket, and makes the vbucket if there is none.
///
/// | extras | field   |                  |
/// |-------:|---------|------------------|
/// |      0 | `state` | [`VbucketState`] |
///
/// From the cluster manager to the server; always answered (reference 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct SetVbucket<'a> {
    /// The state to change to.
    pub state: VbucketState,
    /// Nothing, or JSON such as the replication topology; the datatype must say which.
    pub value: Metadata<'a>,
}

impl<'a> Message<'a> for SetVbucket<'a> {
    const COMMAND: Command = Command::Client(Opcode::SET_VBUCKET);
    const SHAPE: Shape = Shape::extras(Lengths::one(1)).value(Optional);

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            state: VbucketState(body.extras().read(be_u8)?),
            value: Metadata(body.value),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::extras(|extras| extras.put_u8(self.state.0)).value(self.value.0)
    }
}

/// The answer to [`SetVbucket`]; `EINVAL` for a state or JSON that the server does not take.
pub type SetVbucketReply<'a> = StatusOnly<'a, { Opcode::SET_VBUCKET.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::assert_layout;

    #[test]
    fn layout() {
        assert_layout(SetVbucket {
            state: VbucketState(0x00),
            value: "value".into(),
        });
    }
}
