//! `AUTHENTICATE`: is this user who they say?

use crate::Presence::Optional;
use crate::kv::ServerReply;
use crate::{Body, Command, Lengths, Message, MessageError, Parts, ServerOpcode, Shape, UserData};

/// Asks an authentication provider whether a user is who they say.
///
/// The value is all there is. From the server to the provider, which has to answer (reference 4.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Authenticate<'a> {
    /// JSON: the SASL mechanism, and as its challenge name and password in base64.
    pub value: UserData<'a>,
}

impl<'a> Message<'a> for Authenticate<'a> {
    const COMMAND: Command = Command::Server(ServerOpcode::AUTHENTICATE);
    const SHAPE: Shape = Shape::extras(Lengths::NONE).value(Optional);

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            value: UserData::new(body.value),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::EMPTY.value(self.value.expose())
    }
}

/// The answer to [`Authenticate`]: on success JSON that says what the user may do.
pub type AuthenticateReply<'a> = ServerReply<'a, { ServerOpcode::AUTHENTICATE.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Status;
    use crate::layout::{assert_layout, assert_reply_layout};

    #[test]
    fn layout() {
        assert_layout(Authenticate { value: "{}".into() });
    }

    #[test]
    fn reply_layout() {
        let reply = AuthenticateReply { value: "{}".into() };
        assert_reply_layout(Status::SUCCESS, reply);
        assert_reply_layout(Status::KEY_ENOENT, reply);
    }
}
