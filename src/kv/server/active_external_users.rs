//! `ACTIVE_EXTERNAL_USERS`: who is there?

use crate::Presence::Optional;
use crate::kv::ServerReply;
use crate::{Body, Command, Lengths, Message, MessageError, Parts, ServerOpcode, Shape, UserData};

/// Tells an authentication provider which of its users are connected.
///
/// The value is all there is. From the server to the provider; an answer is ignored (reference
/// 4.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ActiveExternalUsers<'a> {
    /// JSON: the names of the users.
    pub value: UserData<'a>,
}

impl<'a> Message<'a> for ActiveExternalUsers<'a> {
    const COMMAND: Command = Command::Server(ServerOpcode::ACTIVE_EXTERNAL_USERS);
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

/// An answer to [`ActiveExternalUsers`], which nobody waits for.
pub type ActiveExternalUsersReply<'a> = ServerReply<'a, { ServerOpcode::ACTIVE_EXTERNAL_USERS.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Status;
    use crate::layout::{assert_layout, assert_reply_layout};

    #[test]
    fn layout() {
        assert_layout(ActiveExternalUsers { value: "{}".into() });
    }

    #[test]
    fn reply_layout() {
        let reply = ActiveExternalUsersReply { value: "{}".into() };
        assert_reply_layout(Status::SUCCESS, reply);
        assert_reply_layout(Status::KEY_ENOENT, reply);
    }
}
