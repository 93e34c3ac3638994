//! `SASL_LIST_MECHS`: how to authenticate.

use crate::message::Payload;
use crate::{
    Answer, Body, Command, Lengths, Message, MessageError, Metadata, Opcode, Parts, Shape,
};

/// Asks which SASL mechanisms the server offers.
///
/// No extras, no key, no value. From the client to the server; always answered (reference 4.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct SaslListMechs;

impl<'a> Message<'a> for SaslListMechs {
    const COMMAND: Command = Command::Client(Opcode::SASL_LIST_MECHS);
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

/// The answer to [`SaslListMechs`].
pub type SaslListMechsReply<'a> = Answer<'a, Mechanisms<'a>, { Opcode::SASL_LIST_MECHS.0 }>;

/// The names of SASL mechanisms, with spaces between them.
///
/// ```
/// use mcbp::kv::Mechanisms;
///
/// let mechanisms = Mechanisms("SCRAM-SHA512 PLAIN".into());
/// assert!(mechanisms.iter().eq(["SCRAM-SHA512".into(), "PLAIN".into()]));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Mechanisms<'a>(pub Metadata<'a>);

impl<'a> Mechanisms<'a> {
    /// The names, in the server's order.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Metadata<'a>> + Clone + use<'a> {
        let Self(Metadata(names)) = self;
        names
            .split(|&byte| byte == b' ')
            .filter(|name| !name.is_empty())
            .map(Metadata)
    }
}

impl<'a> Payload<'a> for Mechanisms<'a> {
    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self(Metadata(body.value)))
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::EMPTY.value(self.0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Status;
    use crate::layout::assert_reply_layout;

    #[test]
    fn reply_layout() {
        let mechanisms = Mechanisms("PLAIN".into());
        assert_reply_layout(Status::SUCCESS, SaslListMechsReply::Accepted(mechanisms));
        let refused = SaslListMechsReply::Refused("{}".into());
        assert_reply_layout(Status::NOT_SUPPORTED, refused);
    }

    #[test]
    fn spaces_are_no_names() {
        for (names, count) in [("", 0), (" ", 0), ("A", 1), (" A  B ", 2)] {
            assert_eq!(Mechanisms(names.into()).iter().count(), count, "{names:?}");
        }
    }
}
