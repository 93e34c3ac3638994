//! `VERSION`: what the server is.

use crate::{
    Answer, Body, Command, Lengths, Message, MessageError, Metadata, Opcode, Parts, Shape,
};

/// Asks for the version of the server.
///
/// No extras, no key, no value. From the client to the server; always answered (reference 4.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Version;

impl<'a> Message<'a> for Version {
    const COMMAND: Command = Command::Client(Opcode::VERSION);
    const SHAPE: Shape = Shape::extras(Lengths::NONE);

    #[inline]
    fn read(_: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self)
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::EMPTY
    }
}

/// The answer to [`Version`]: text, such as `8.0.1`.
pub type VersionReply<'a> = Answer<'a, Metadata<'a>, { Opcode::VERSION.0 }>;
