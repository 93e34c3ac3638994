//! The answer to `SASL_AUTH` and `SASL_STEP`.

use crate::Presence::Optional;
use crate::{
    Body, Command, Lengths, MessageError, Metadata, Opcode, Parts, Reply, Shape, Status, UserData,
};

/// How far authentication has come.
///
/// | status          | value                                                    |
/// |-----------------|----------------------------------------------------------|
/// | `SUCCESS`       | empty, or what the server says last                      |
/// | `AUTH_CONTINUE` | the challenge                                            |
/// | any other       | empty, or the error's JSON                               |
///
/// `AUTH_ERROR` for a wrong user or password, `NOT_SUPPORTED` on a DCP connection (reference 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum SaslReply<'a, const OPCODE: u8> {
    /// The client is authenticated; by this data the server proves that it knows the password too.
    Authenticated(UserData<'a>),
    /// The client has to answer this challenge with a [`SaslStep`](crate::kv::SaslStep).
    Challenge(UserData<'a>),
    /// The client is not authenticated; what the server says of it.
    Refused(Metadata<'a>),
}

impl<'a, const OPCODE: u8> Reply<'a> for SaslReply<'a, OPCODE> {
    const COMMAND: Command = Command::Client(Opcode(OPCODE));
    const SHAPE: Shape = Shape::extras(Lengths::NONE).value(Optional);

    #[inline]
    fn read(status: Status, body: Body<'a>) -> Result<Self, MessageError> {
        Ok(match status {
            Status::SUCCESS => Self::Authenticated(UserData::new(body.value)),
            Status::AUTH_CONTINUE => Self::Challenge(UserData::new(body.value)),
            _ => Self::Refused(Metadata(body.value)),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::EMPTY.value(match self {
            Self::Authenticated(data) | Self::Challenge(data) => data.expose(),
            Self::Refused(value) => value.0,
        })
    }

    #[inline]
    fn fits(&self, status: Status) -> bool {
        match self {
            Self::Authenticated(_) => status == Status::SUCCESS,
            Self::Challenge(_) => status == Status::AUTH_CONTINUE,
            Self::Refused(_) => status != Status::SUCCESS && status != Status::AUTH_CONTINUE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::assert_reply_layout;
    use std::format;

    type Auth<'a> = SaslReply<'a, { Opcode::SASL_AUTH.0 }>;

    #[test]
    fn reply_layout() {
        assert_reply_layout(Status::SUCCESS, Auth::Authenticated("v=".into()));
        assert_reply_layout(Status::AUTH_CONTINUE, Auth::Challenge("r=".into()));
        assert_reply_layout(Status::AUTH_ERROR, Auth::Refused("{}".into()));
    }

    #[test]
    fn debug_shows_no_secrets() {
        let challenge = format!("{:?}", Auth::Challenge("r=secret".into()));
        assert_eq!(challenge, "Challenge(<ud>8 bytes</ud>)");
    }
}
