//! `DCP_GET_FAILOVER_LOG`: asks for the history of a vbucket.

use crate::Presence::Optional;
use crate::dcp::FailoverLog;
use crate::{
    Body, Command, Lengths, Message, MessageError, Metadata, Opcode, Parts, Reply, Shape, Status,
};

/// Asks for the branches of a vbucket's history.
///
/// No extras, no key, no value. From the consumer to the producer; needs no stream. Always
/// answered (reference 6.5).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct GetFailoverLog;

impl<'a> Message<'a> for GetFailoverLog {
    const COMMAND: Command = Command::Client(Opcode::DCP_GET_FAILOVER_LOG);
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

/// The answer to [`GetFailoverLog`].
///
/// | status    | value                                                          |
/// |-----------|----------------------------------------------------------------|
/// | `SUCCESS` | a [`FailoverLog`]                                              |
/// | any other | empty, the error's JSON, or on `NOT_MY_VBUCKET` a cluster map  |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum GetFailoverLogReply<'a> {
    /// The history of the vbucket.
    Log(FailoverLog<'a>),
    /// There is none to be had; what the server says of it.
    Refused(Metadata<'a>),
}

impl<'a> Reply<'a> for GetFailoverLogReply<'a> {
    const COMMAND: Command = Command::Client(Opcode::DCP_GET_FAILOVER_LOG);
    const SHAPE: Shape = Shape::extras(Lengths::NONE).value(Optional);

    #[inline]
    fn read(status: Status, body: Body<'a>) -> Result<Self, MessageError> {
        Ok(match status {
            Status::SUCCESS => Self::Log(FailoverLog::read(body)?),
            _ => Self::Refused(Metadata(body.value)),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::EMPTY.value(match self {
            Self::Log(log) => log.as_bytes(),
            Self::Refused(value) => value.0,
        })
    }

    #[inline]
    fn fits(&self, status: Status) -> bool {
        matches!(self, Self::Log(_)) == (status == Status::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::assert_reply_layout;

    #[test]
    fn reply_layout() {
        let log = FailoverLog::new(&[7; 16]).expect("an entry");
        assert_reply_layout(Status::SUCCESS, GetFailoverLogReply::Log(log));
        let refused = GetFailoverLogReply::Refused("{}".into());
        assert_reply_layout(Status::NOT_MY_VBUCKET, refused);
    }
}
