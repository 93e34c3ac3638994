//! `COLLECTIONS_GET_MANIFEST`: which scopes and collections there are.

use crate::{
    Answer, Body, Command, Lengths, Message, MessageError, Metadata, Opcode, Parts, Shape,
};

/// Asks for the manifest of the bucket: its scopes and collections.
///
/// No extras, no key, no value; the vbucket has to be 0. From the client to the server; always
/// answered (reference 4.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct CollectionsGetManifest;

impl<'a> Message<'a> for CollectionsGetManifest {
    const COMMAND: Command = Command::Client(Opcode::COLLECTIONS_GET_MANIFEST);
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

/// The answer to [`CollectionsGetManifest`]: the manifest as JSON.
///
/// Its `uid` and all ids in it are strings of hex digits, without 0x (reference 8.7).
pub type CollectionsGetManifestReply<'a> =
    Answer<'a, Metadata<'a>, { Opcode::COLLECTIONS_GET_MANIFEST.0 }>;
