//! `DCP_FLUSH`: retired.

use crate::{Body, Command, Lengths, Message, MessageError, Opcode, Parts, Shape, StatusOnly};

/// Retired: once told a consumer to drop a vbucket's documents.
///
/// No extras, no key, no value. Servers answer `NOT_SUPPORTED`, and close the connection on an
/// answer to it (reference 1.2, 4.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Flush;

impl<'a> Message<'a> for Flush {
    const COMMAND: Command = Command::Client(Opcode::DCP_FLUSH);
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

/// The answer to [`Flush`]: `NOT_SUPPORTED`.
pub type FlushReply<'a> = StatusOnly<'a, { Opcode::DCP_FLUSH.0 }>;
