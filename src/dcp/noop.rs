//! `DCP_NOOP`: are you still there?

use crate::{Body, Command, Lengths, Message, MessageError, Opcode, Parts, Shape, StatusOnly};

/// Asks whether the consumer is still there.
///
/// No extras, no key, no value. From the producer to the consumer, if `enable_noop` was
/// negotiated; must be answered at once, in any state, under the same opaque (reference 6.10,
/// 10.5). Sent to a producer, it closes the connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Noop;

impl<'a> Message<'a> for Noop {
    const COMMAND: Command = Command::Client(Opcode::DCP_NOOP);
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

/// The answer to [`Noop`]: any status will do, another opaque closes the connection.
pub type NoopReply<'a> = StatusOnly<'a, { Opcode::DCP_NOOP.0 }>;
