//! `SASL_STEP`: goes on to authenticate.

use crate::Presence::{Optional, Required};
use crate::kv::SaslReply;
use crate::{
    Body, Command, Lengths, Message, MessageError, Metadata, Opcode, Parts, Shape, UserData,
};

/// Answers the challenge of a server that has said `AUTH_CONTINUE`.
///
/// The key is the mechanism, the value what it says next; no extras. From the client to the
/// server; always answered (reference 4.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct SaslStep<'a> {
    /// That of the [`SaslAuth`](crate::kv::SaslAuth) before.
    pub mechanism: Metadata<'a>,
    /// The answer to the challenge.
    pub data: UserData<'a>,
}

impl<'a> Message<'a> for SaslStep<'a> {
    const COMMAND: Command = Command::Client(Opcode::SASL_STEP);
    const SHAPE: Shape = Shape::extras(Lengths::NONE).key(Required).value(Optional);

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            mechanism: Metadata(body.key),
            data: UserData::new(body.value),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::EMPTY.key(self.mechanism.0).value(self.data.expose())
    }
}

/// The answer to [`SaslStep`].
pub type SaslStepReply<'a> = SaslReply<'a, { Opcode::SASL_STEP.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::assert_layout;

    #[test]
    fn layout() {
        assert_layout(SaslStep {
            mechanism: "SCRAM-SHA1".into(),
            data: "data".into(),
        });
    }
}
