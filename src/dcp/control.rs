//! `DCP_CONTROL`: a setting of the connection.

use crate::Presence::Required;
use crate::{
    Body, Command, Lengths, Message, MessageError, Metadata, Opcode, Parts, Shape, StatusOnly,
};

/// Changes a setting of the connection.
///
/// The key is the setting's name, the value its value, both text; no extras. From the consumer to
/// the producer; always answered (reference 6.12).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Control<'a> {
    /// The setting, such as `enable_noop`; case matters.
    pub key: Metadata<'a>,
    /// What to set it to, such as `true`.
    pub value: Metadata<'a>,
}

impl<'a> Message<'a> for Control<'a> {
    const COMMAND: Command = Command::Client(Opcode::DCP_CONTROL);
    const SHAPE: Shape = Shape::extras(Lengths::NONE).key(Required).value(Required);

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            key: Metadata(body.key),
            value: Metadata(body.value),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::EMPTY.key(self.key.0).value(self.value.0)
    }
}

/// The answer to [`Control`].
///
/// `EINVAL` for a setting or a value that the server does not know, `NOT_SUPPORTED` for one that
/// cannot be had here or excludes another.
pub type ControlReply<'a> = StatusOnly<'a, { Opcode::DCP_CONTROL.0 }>;
