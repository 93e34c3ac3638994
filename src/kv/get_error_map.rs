//! `GET_ERROR_MAP`: what the statuses mean.

use bytes::BufMut;

use crate::Presence::Required;
use crate::cursor::be_u16;
use crate::{
    Answer, Body, Command, Lengths, Message, MessageError, Metadata, Opcode, Parts, Shape,
};

/// Asks what the statuses mean to a client.
///
/// | value | field     |     |
/// |------:|-----------|-----|
/// |  0..2 | `version` | u16 |
///
/// No extras and no key; the vbucket has to be 0. From the client to the server, even before it is
/// authenticated, and from a server that consumes to its producer; always answered (reference 4.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct GetErrorMap {
    /// The latest version of the format that is understood: 1 or 2.
    pub version: u16,
}

impl<'a> Message<'a> for GetErrorMap {
    const COMMAND: Command = Command::Client(Opcode::GET_ERROR_MAP);
    const SHAPE: Shape = Shape::extras(Lengths::NONE).value(Required);

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        body.check_value_len(Lengths::one(2))?;
        Ok(Self {
            version: body.value().read(be_u16)?,
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::EMPTY.value_fields(|value| value.put_u16(self.version))
    }
}

/// The answer to [`GetErrorMap`]: the error map as JSON (reference 8.6).
///
/// `KEY_ENOENT` for version 0, which servers of release 7 ask for when they consume.
pub type GetErrorMapReply<'a> = Answer<'a, Metadata<'a>, { Opcode::GET_ERROR_MAP.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::assert_value_layout;

    #[test]
    fn layout() {
        assert_value_layout(&[], GetErrorMap { version: 0x0001 });
    }
}
