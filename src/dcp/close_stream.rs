//! `DCP_CLOSE_STREAM`: ends a stream.

use crate::{Body, Command, Lengths, Message, MessageError, Opcode, Parts, Shape, StatusOnly};

/// Ends the stream of a vbucket.
///
/// No extras, no key, no value. From the client to the server, whichever of them produces; a
/// stream id says which stream where a vbucket has several. Messages already under way may follow
/// the answer; a `DCP_STREAM_END` follows it only if that was negotiated (reference 6.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct CloseStream;

impl<'a> Message<'a> for CloseStream {
    const COMMAND: Command = Command::Client(Opcode::DCP_CLOSE_STREAM);
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

/// The answer to [`CloseStream`].
///
/// `KEY_ENOENT` if there is no such stream, which a consumer that negotiated
/// `v7_dcp_status_codes` calls `DCP_STREAM_NOT_FOUND`; `DCP_STREAM_ID_INVALID` for a stream id
/// that is missing, not allowed or unknown.
pub type CloseStreamReply<'a> = StatusOnly<'a, { Opcode::DCP_CLOSE_STREAM.0 }>;
