//! `DCP_OPEN`: makes a connection a DCP connection.

use bytes::BufMut;

use crate::Presence::{Optional, Required};
use crate::cursor::be_u32;
use crate::{
    Body, Command, Lengths, Message, MessageError, Metadata, Opcode, OpenFlags, Parts, Shape,
    StatusOnly,
};

/// Makes the connection a DCP connection, for good.
///
/// | extras | field      |               |
/// |-------:|------------|---------------|
/// |   0..4 | `reserved` | u32           |
/// |   4..8 | `flags`    | [`OpenFlags`] |
///
/// From the client to the server, whichever of them produces. Another connection of the same name
/// is disconnected. Always answered (reference 6.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Open<'a> {
    /// 0; not checked.
    pub reserved: u32,
    /// Who produces, and what is left out of the messages.
    pub flags: OpenFlags,
    /// The name of the connection: at most 250 bytes, 251 with collections.
    pub name: Metadata<'a>,
    /// Nothing, or JSON that names the consumer; the datatype must say which.
    pub value: Metadata<'a>,
}

impl<'a> Message<'a> for Open<'a> {
    const COMMAND: Command = Command::Client(Opcode::DCP_OPEN);
    const SHAPE: Shape = Shape::extras(Lengths::one(8)).key(Required).value(Optional);

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        let mut extras = body.extras();
        Ok(Self {
            reserved: extras.read(be_u32)?,
            flags: OpenFlags::from_bits_retain(extras.read(be_u32)?),
            name: Metadata(body.key),
            value: Metadata(body.value),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::extras(|extras| {
            extras.put_u32(self.reserved);
            extras.put_u32(self.flags.bits());
        })
        .key(self.name.0)
        .value(self.value.0)
    }
}

/// The answer to [`Open`].
///
/// `EINVAL` for flags or a value that the server does not take, `EACCESS` without the privilege,
/// `NOT_SUPPORTED` where there is no DCP, `ETMPFAIL` from a consumer that warms up.
pub type OpenReply<'a> = StatusOnly<'a, { Opcode::DCP_OPEN.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::assert_layout;

    #[test]
    fn layout() {
        assert_layout(Open {
            reserved: 0x0001_0203,
            flags: OpenFlags::from_bits_retain(0x0405_0607),
            name: "name".into(),
            value: "value".into(),
        });
    }
}
