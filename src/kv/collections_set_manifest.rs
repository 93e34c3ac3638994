//! `COLLECTIONS_SET_MANIFEST`: says which scopes and collections there are.

use crate::Presence::Required;
use crate::{
    Body, Command, Lengths, Message, MessageError, Metadata, Opcode, Parts, Shape, StatusOnly,
};

/// Gives the bucket its manifest: the scopes and collections it has.
///
/// The value is the manifest; no extras, no key, and the vbucket has to be 0. From the cluster
/// manager to the server; always answered (reference 4.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct CollectionsSetManifest<'a> {
    /// The manifest: JSON, without the JSON datatype.
    pub manifest: Metadata<'a>,
}

impl<'a> Message<'a> for CollectionsSetManifest<'a> {
    const COMMAND: Command = Command::Client(Opcode::COLLECTIONS_SET_MANIFEST);
    const SHAPE: Shape = Shape::extras(Lengths::NONE).value(Required);

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            manifest: Metadata(body.value),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::EMPTY.value(self.manifest.0)
    }
}

/// The answer to [`CollectionsSetManifest`].
///
/// `CANNOT_APPLY_COLLECTIONS_MANIFEST` if it does not follow from the one the bucket has.
pub type CollectionsSetManifestReply<'a> = StatusOnly<'a, { Opcode::COLLECTIONS_SET_MANIFEST.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::assert_layout;

    #[test]
    fn layout() {
        assert_layout(CollectionsSetManifest {
            manifest: "{}".into(),
        });
    }
}
