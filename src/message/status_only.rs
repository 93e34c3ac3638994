//! The reply that has nothing to say.

use crate::Presence::Optional;
use crate::{Body, Command, Lengths, MessageError, Metadata, Opcode, Parts, Reply, Shape, Status};

/// A reply that consists of its status.
///
/// | section | on success | on failure                                                     |
/// |---------|------------|----------------------------------------------------------------|
/// | value   | empty      | empty, the error's JSON, or on `NOT_MY_VBUCKET` a cluster map  |
///
/// The text of an error (reference 8.7) is for humans: decide by the status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct StatusOnly<'a, const OPCODE: u8> {
    /// What the server says of an error.
    pub value: Metadata<'a>,
}

impl<'a, const OPCODE: u8> Reply<'a> for StatusOnly<'a, OPCODE> {
    const COMMAND: Command = Command::Client(Opcode(OPCODE));
    const SHAPE: Shape = Shape::extras(Lengths::NONE).value(Optional);

    #[inline]
    fn read(_: Status, body: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            value: Metadata(body.value),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::EMPTY.value(self.value.0)
    }
}
