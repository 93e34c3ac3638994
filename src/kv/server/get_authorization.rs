//! `GET_AUTHORIZATION`: what may this user do?

use crate::Presence::Optional;
use crate::kv::ServerReply;
use crate::{Body, Command, Lengths, Message, MessageError, Parts, ServerOpcode, Shape, UserData};

/// Asks an authentication provider what a user may do.
///
/// The value is all there is. From the server to the provider, which has to answer (reference 4.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct GetAuthorization<'a> {
    /// JSON: the name of the user.
    pub value: UserData<'a>,
}

impl<'a> Message<'a> for GetAuthorization<'a> {
    const COMMAND: Command = Command::Server(ServerOpcode::GET_AUTHORIZATION);
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

/// The answer to [`GetAuthorization`]: on success JSON that says what the user may do.
pub type GetAuthorizationReply<'a> = ServerReply<'a, { ServerOpcode::GET_AUTHORIZATION.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Status;
    use crate::layout::{assert_layout, assert_reply_layout};

    #[test]
    fn layout() {
        assert_layout(GetAuthorization { value: "{}".into() });
    }

    #[test]
    fn reply_layout() {
        let reply = GetAuthorizationReply { value: "{}".into() };
        assert_reply_layout(Status::SUCCESS, reply);
        assert_reply_layout(Status::KEY_ENOENT, reply);
    }
}
