//! `QUIT`: closes the connection.

use crate::{Body, Command, Lengths, Message, MessageError, Opcode, Parts, Shape, StatusOnly};

/// Asks the server to close the connection.
///
/// No extras, no key, no value. From the client to the server, which answers and then closes
/// (reference 4.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Quit;

impl<'a> Message<'a> for Quit {
    const COMMAND: Command = Command::Client(Opcode::QUIT);
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

/// The answer to [`Quit`], the last message of the connection.
pub type QuitReply<'a> = StatusOnly<'a, { Opcode::QUIT.0 }>;
