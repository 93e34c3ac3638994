//! The reply that is either what was asked for or a refusal.

use crate::Presence::Optional;
use crate::{
    Body, Command, Lengths, MessageError, MessageErrorKind, Metadata, Opcode, Parts, Reply,
    Section, Shape, Status,
};

/// What a request is answered with: what it asks for, or why it cannot be had.
///
/// | status    | extras, value                                                  |
/// |-----------|----------------------------------------------------------------|
/// | `SUCCESS` | a `T`                                                          |
/// | any other | empty, the error's JSON, or on `NOT_MY_VBUCKET` a cluster map  |
///
/// The text of an error (reference 8.7) is for humans: decide by the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Answer<'a, T, const OPCODE: u8> {
    /// What the request asks for.
    Accepted(T),
    /// What the server says of an error.
    Refused(Metadata<'a>),
}

/// What the body of a successful response can hold.
#[expect(
    unnameable_types,
    reason = "who cannot name it cannot put a type of their own into `Answer`"
)]
pub trait Payload<'a>: Sized {
    /// How long the extras are, in bytes.
    #[doc(hidden)]
    const EXTRAS_LEN: u8 = 0;

    /// Reads the fields from a body with extras of that length and without a key.
    #[doc(hidden)]
    fn read(body: Body<'a>) -> Result<Self, MessageError>;

    /// Takes the payload apart for sending.
    #[doc(hidden)]
    fn parts(&self) -> Parts<'_>;
}

/// Text, as the server says it.
impl<'a> Payload<'a> for Metadata<'a> {
    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self(body.value))
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::EMPTY.value(self.0)
    }
}

impl<'a, T: Payload<'a>, const OPCODE: u8> Reply<'a> for Answer<'a, T, OPCODE> {
    const COMMAND: Command = Command::Client(Opcode(OPCODE));
    const SHAPE: Shape = Shape::extras(Lengths::two(0, T::EXTRAS_LEN)).value(Optional);

    #[inline]
    fn read(status: Status, body: Body<'a>) -> Result<Self, MessageError> {
        let accepted = status == Status::SUCCESS;
        let expected = Lengths::one(if accepted { T::EXTRAS_LEN } else { 0 });
        if !expected.contains(body.extras.len()) {
            let kind = MessageErrorKind::length(body.extras.len(), expected);
            return Err(body.error(Section::Extras, kind));
        }
        Ok(if accepted {
            Self::Accepted(T::read(body)?)
        } else {
            Self::Refused(Metadata(body.value))
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        match self {
            Self::Accepted(payload) => payload.parts(),
            Self::Refused(value) => Parts::EMPTY.value(value.0),
        }
    }

    #[inline]
    fn fits(&self, status: Status) -> bool {
        matches!(self, Self::Accepted(_)) == (status == Status::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::assert_reply_layout;
    use crate::{EncodeError, Response};

    type Version<'a> = Answer<'a, Metadata<'a>, { Opcode::VERSION.0 }>;

    #[test]
    fn reply_layout() {
        assert_reply_layout(Status::SUCCESS, Version::Accepted("8.0.1".into()));
        assert_reply_layout(Status::EACCESS, Version::Refused("{}".into()));
    }

    #[test]
    fn only_success_is_an_answer() {
        for status in (0..=u16::MAX).map(Status) {
            let write = |reply| {
                let reply = Response {
                    status,
                    ..Response::from(reply)
                };
                reply.to_buf().err()
            };
            let (accepted, refused) = match status {
                Status::SUCCESS => (None, Some(EncodeError::OtherReply)),
                _ => (Some(EncodeError::OtherReply), None),
            };
            assert_eq!(write(Version::Accepted("".into())), accepted, "{status}");
            assert_eq!(write(Version::Refused("".into())), refused, "{status}");
        }
    }
}
