//! `SASL_AUTH`: starts to authenticate.

use crate::Presence::{Optional, Required};
use crate::kv::SaslReply;
use crate::{
    Body, Command, Lengths, Message, MessageError, Metadata, Opcode, Parts, Shape, UserData,
};

/// Starts to authenticate.
///
/// The key is the mechanism, the value what it says first; no extras. From the client to the
/// server; always answered. Only before `DCP_OPEN` (reference 4.3).
///
/// ```
/// use mcbp::{Request, kv::{Plain, SaslAuth}};
///
/// let plain = Plain::new("".into(), "user".into(), "pencil".into()).expect("no NUL in it");
/// let mut data = [0; 64];
/// let len = plain.encoded_len();
/// plain.encode(&mut data.as_mut_slice())?;
/// let auth = SaslAuth { mechanism: "PLAIN".into(), data: data[..len].into() };
/// assert_eq!(Request::from(auth).encoded_len(), 24 + "PLAIN".len() + len);
/// assert_eq!(format!("{:?}", auth.data), "<ud>12 bytes</ud>");
/// # Ok::<(), mcbp::EncodeError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct SaslAuth<'a> {
    /// One of those that the server offers, such as `PLAIN`.
    pub mechanism: Metadata<'a>,
    /// What the client says first; for `PLAIN` see [`Plain`](crate::kv::Plain).
    pub data: UserData<'a>,
}

impl<'a> Message<'a> for SaslAuth<'a> {
    const COMMAND: Command = Command::Client(Opcode::SASL_AUTH);
    const SHAPE: Shape = Shape::extras(Lengths::NONE).key(Required).value(Optional);

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            mechanism: Metadata(body.key),
            data: UserData::new(body.value),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::EMPTY.key(self.mechanism.0).value(self.data.expose())
    }
}

/// The answer to [`SaslAuth`].
pub type SaslAuthReply<'a> = SaslReply<'a, { Opcode::SASL_AUTH.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::assert_layout;

    #[test]
    fn layout() {
        assert_layout(SaslAuth {
            mechanism: "PLAIN".into(),
            data: "data".into(),
        });
    }
}
