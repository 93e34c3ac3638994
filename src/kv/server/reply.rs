//! The reply to what the server asks.

use crate::Presence::Optional;
use crate::{
    Body, Command, Lengths, MessageError, Parts, Reply, ServerOpcode, Shape, Status, UserData,
};

/// A reply to the server: its status, and whatever JSON the request calls for.
///
/// No extras and no key; the value may be empty, whatever the status and the datatype.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ServerReply<'a, const OPCODE: u8> {
    /// What the client says; may name users.
    pub value: UserData<'a>,
}

impl<'a, const OPCODE: u8> Reply<'a> for ServerReply<'a, OPCODE> {
    const COMMAND: Command = Command::Server(ServerOpcode(OPCODE));
    const SHAPE: Shape = Shape::extras(Lengths::NONE).value(Optional);

    #[inline]
    fn read(_: Status, body: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            value: UserData::new(body.value),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::EMPTY.value(self.value.expose())
    }
}
