//! `DCP_GET_FAILOVER_LOG`: asks for the history of a vbucket.

use crate::dcp::FailoverLog;
use crate::{Answer, Body, Command, Lengths, Message, MessageError, Opcode, Parts, Shape};

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
pub type GetFailoverLogReply<'a> = Answer<'a, FailoverLog<'a>, { Opcode::DCP_GET_FAILOVER_LOG.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Status;
    use crate::layout::assert_reply_layout;

    #[test]
    fn reply_layout() {
        let log = FailoverLog::new(&[7; 16]).expect("an entry");
        assert_reply_layout(Status::SUCCESS, GetFailoverLogReply::Accepted(log));
        let refused = GetFailoverLogReply::Refused("{}".into());
        assert_reply_layout(Status::NOT_MY_VBUCKET, refused);
    }
}
