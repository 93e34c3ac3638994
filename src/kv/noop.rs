//! `NOOP`: nothing.

use crate::{Body, Command, Lengths, Message, MessageError, Opcode, Parts, Shape, StatusOnly};

/// Does nothing but be answered.
///
/// No extras, no key, no value. From the client to the server (reference 4.3). What a producer asks
/// its consumer is another message: [`dcp::Noop`](crate::dcp::Noop).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Noop;

impl<'a> Message<'a> for Noop {
    const COMMAND: Command = Command::Client(Opcode::NOOP);
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

/// The answer to [`Noop`].
pub type NoopReply<'a> = StatusOnly<'a, { Opcode::NOOP.0 }>;
