//! `COLLECTIONS_GET_ID`: what a collection is called on the wire.

use crate::Presence::Optional;
use crate::kv::ResolvedId;
use crate::{
    Answer, Body, Command, Lengths, Message, MessageError, Metadata, Opcode, Parts, Shape,
};

/// Asks for the id of a collection, by its path.
///
/// The path is the value or the key, and not both; no extras, and the vbucket has to be 0. From the
/// client to the server; always answered (reference 4.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct CollectionsGetId<'a> {
    /// Nothing, or the path instead of in the value.
    pub key: Metadata<'a>,
    /// The path, such as `scope.collection`.
    pub value: Metadata<'a>,
}

impl<'a> CollectionsGetId<'a> {
    /// The path, wherever it is.
    pub const fn path(&self) -> Metadata<'a> {
        if self.value.is_empty() {
            self.key
        } else {
            self.value
        }
    }
}

impl<'a> Message<'a> for CollectionsGetId<'a> {
    const COMMAND: Command = Command::Client(Opcode::COLLECTIONS_GET_ID);
    const SHAPE: Shape = Shape::extras(Lengths::NONE).key(Optional).value(Optional);

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

/// The answer to [`CollectionsGetId`].
///
/// `UNKNOWN_COLLECTION` or `UNKNOWN_SCOPE`, then the error's JSON names the manifest that lacks it.
pub type CollectionsGetIdReply<'a> = Answer<'a, ResolvedId, { Opcode::COLLECTIONS_GET_ID.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Status;
    use crate::layout::{assert_layout, assert_reply_layout};

    #[test]
    fn layout() {
        for (key, value) in [("", "scope.collection"), ("scope.collection", "")] {
            let message = CollectionsGetId {
                key: key.into(),
                value: value.into(),
            };
            assert_layout(message);
            assert_eq!(message.path(), "scope.collection".into());
        }
    }

    #[test]
    fn reply_layout() {
        let id = ResolvedId {
            manifest_uid: 0x0001_0203_0405_0607,
            id: 0x0809_0a0b,
        };
        assert_reply_layout(Status::SUCCESS, CollectionsGetIdReply::Accepted(id));
        let refused = CollectionsGetIdReply::Refused("{}".into());
        assert_reply_layout(Status::UNKNOWN_SCOPE, refused);
    }
}
