//! `DEL_VBUCKET`: gives a vbucket up.

use crate::Presence::Optional;
use crate::{
    Body, Command, Lengths, Message, MessageError, Metadata, Opcode, Parts, Shape, StatusOnly,
};

/// Deletes a vbucket.
///
/// The value may ask the server to wait; no extras, no key. From the cluster manager to the server;
/// always answered (reference 4.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct DelVbucket<'a> {
    /// Nothing, or `async=0` for an answer only when all is gone.
    pub value: Metadata<'a>,
}

impl<'a> Message<'a> for DelVbucket<'a> {
    const COMMAND: Command = Command::Client(Opcode::DEL_VBUCKET);
    const SHAPE: Shape = Shape::extras(Lengths::NONE).value(Optional);

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            value: Metadata(body.value),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::EMPTY.value(self.value.0)
    }
}

/// The answer to [`DelVbucket`]; `EINVAL` for a value that the server does not take.
pub type DelVbucketReply<'a> = StatusOnly<'a, { Opcode::DEL_VBUCKET.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::assert_layout;

    #[test]
    fn layout() {
        assert_layout(DelVbucket {
            value: "async=0".into(),
        });
    }
}
