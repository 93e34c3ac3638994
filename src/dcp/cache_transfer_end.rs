//! `DCP_CACHE_TRANSFER_END`: the cache is warm.

use crate::{Body, Command, Lengths, Message, MessageError, Opcode, Parts, Shape, StatusOnly};

/// The cache transfer is done, and the stream goes on as any other.
///
/// No extras, no key, no value; the CAS is 0. From the producer to the consumer, which takes it in
/// silence. A stream that does not go on ends with a `DCP_STREAM_END` instead (reference 6.20).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct CacheTransferEnd;

impl<'a> Message<'a> for CacheTransferEnd {
    const COMMAND: Command = Command::Client(Opcode::DCP_CACHE_TRANSFER_END);
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

/// The answer to [`CacheTransferEnd`], sent only on failure.
pub type CacheTransferEndReply<'a> = StatusOnly<'a, { Opcode::DCP_CACHE_TRANSFER_END.0 }>;
