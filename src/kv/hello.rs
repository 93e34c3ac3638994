//! `HELLO`: what the connection can do.

use crate::Presence::Optional;
use crate::kv::Features;
use crate::{
    Answer, Body, Command, Lengths, Message, MessageError, Metadata, Opcode, Parts, Shape,
};

/// Asks for features, and gives up all that were granted before.
///
/// The key is the agent, the value a list of [`Features`]; no extras. From the client to the
/// server; always answered (reference 4.3, 9). Never ask for `UNORDERED_EXECUTION` on a connection
/// that is for DCP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Hello<'a> {
    /// Who asks: text, JSON such as `{"a":"agent","i":"connection id"}`, or nothing.
    pub agent: Metadata<'a>,
    /// All features that are wanted from now on.
    pub features: Features<'a>,
}

impl<'a> Message<'a> for Hello<'a> {
    const COMMAND: Command = Command::Client(Opcode::HELLO);
    const SHAPE: Shape = Shape::extras(Lengths::NONE).key(Optional).value(Optional);

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            agent: Metadata(body.key),
            features: Features::read(body)?,
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::EMPTY
            .key(self.agent.0)
            .value(self.features.as_bytes())
    }
}

/// The answer to [`Hello`]: the features granted, of those asked for.
///
/// `EINVAL` if a feature lacks another that it requires, `NOT_SUPPORTED` while other requests are
/// under way; then nothing has changed.
pub type HelloReply<'a> = Answer<'a, Features<'a>, { Opcode::HELLO.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Status;
    use crate::layout::{assert_reply_layout, assert_value_layout};

    #[test]
    fn layout() {
        assert_value_layout(
            &[],
            Hello {
                agent: "agent".into(),
                features: Features::new(&[0, 1, 2, 3]).expect("whole features"),
            },
        );
    }

    #[test]
    fn reply_layout() {
        let features = Features::new(&[0, 1, 2, 3]).expect("whole features");
        assert_reply_layout(Status::SUCCESS, HelloReply::Accepted(features));
        assert_reply_layout(Status::EINVAL, HelloReply::Refused("{}".into()));
    }
}
