//! `GET_VBUCKET`: what a node does with a vbucket.

use core::fmt;

use bytes::BufMut;

use crate::Presence::Optional;
use crate::cursor::be_u32;
use crate::message::Payload;
use crate::{
    Answer, Body, Command, Lengths, Message, MessageError, Opcode, Parts, Shape, UserData,
    VbucketState,
};

/// Asks for the state of a vbucket.
///
/// No extras, no value. From the client to the server; always answered (reference 4.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct GetVbucket<'a> {
    /// Nothing; not looked at.
    pub key: UserData<'a>,
}

impl<'a> Message<'a> for GetVbucket<'a> {
    const COMMAND: Command = Command::Client(Opcode::GET_VBUCKET);
    const SHAPE: Shape = Shape::extras(Lengths::NONE).key(Optional);

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            key: UserData::new(body.key),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::EMPTY.key(self.key.expose())
    }
}

/// The answer to [`GetVbucket`].
pub type GetVbucketReply<'a> = Answer<'a, WideVbucketState, { Opcode::GET_VBUCKET.0 }>;

/// A [`VbucketState`] in four bytes.
///
/// | value | field |     |
/// |------:|-------|-----|
/// |  0..4 | state | u32 |
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct WideVbucketState(pub u32);

impl WideVbucketState {
    /// The state in one byte, if that can say it.
    pub fn narrow(self) -> Option<VbucketState> {
        u8::try_from(self.0).ok().map(VbucketState)
    }
}

impl From<VbucketState> for WideVbucketState {
    fn from(state: VbucketState) -> Self {
        Self(state.0.into())
    }
}

impl<'a> Payload<'a> for WideVbucketState {
    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        body.check_value_len(Lengths::one(4))?;
        Ok(Self(body.value().read(be_u32)?))
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::EMPTY.value_fields(|value| value.put_u32(self.0))
    }
}

impl fmt::Debug for WideVbucketState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.narrow() {
            Some(state) => state.fmt(f),
            None => write!(f, "VbucketState({:#x})", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{assert_layout, assert_reply_layout};
    use crate::{Response, Status};
    use std::{format, vec::Vec};

    #[test]
    fn layout() {
        assert_layout(GetVbucket { key: "key".into() });
    }

    #[test]
    fn reply_layout() {
        let reply = GetVbucketReply::Accepted(WideVbucketState(0x0001_0203));
        assert_reply_layout(Status::SUCCESS, reply);
        let mut written = Vec::new();
        Response::from(reply).encode(&mut written).expect("room");
        assert_eq!(written[24..], [0, 1, 2, 3]);
        let refused = GetVbucketReply::Refused("{}".into());
        assert_reply_layout(Status::NOT_MY_VBUCKET, refused);
    }

    #[test]
    fn states() {
        let active = WideVbucketState::from(VbucketState::ACTIVE);
        assert_eq!(active.narrow(), Some(VbucketState::ACTIVE));
        assert_eq!(WideVbucketState(0x0100).narrow(), None);
        assert_eq!(
            format!("{active:?} {:?}", WideVbucketState(0x0100)),
            "ACTIVE VbucketState(0x100)"
        );
    }
}
