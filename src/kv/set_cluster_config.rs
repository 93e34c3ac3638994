//! `SET_CLUSTER_CONFIG`: says where the vbuckets are.

use crate::Presence::{Optional, Required};
use crate::kv::ConfigVersion;
use crate::{
    Body, Command, Lengths, Message, MessageError, Metadata, Opcode, Parts, Shape, StatusOnly,
};

/// Gives the server the cluster map of a bucket.
///
/// | extras | field     |                   |
/// |-------:|-----------|-------------------|
/// |  0..16 | `version` | [`ConfigVersion`] |
///
/// From the cluster manager to the server; always answered (reference 4.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct SetClusterConfig<'a> {
    /// The version of the map.
    pub version: ConfigVersion,
    /// The name of the bucket; may be empty.
    pub bucket: Metadata<'a>,
    /// The map: JSON; the datatype says whether it is compressed.
    pub map: Metadata<'a>,
}

impl<'a> Message<'a> for SetClusterConfig<'a> {
    const COMMAND: Command = Command::Client(Opcode::SET_CLUSTER_CONFIG);
    const SHAPE: Shape = Shape::extras(Lengths::one(ConfigVersion::LEN))
        .key(Optional)
        .value(Required);

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            version: ConfigVersion::read(&mut body.extras())?,
            bucket: Metadata(body.key),
            map: Metadata(body.value),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::extras(|extras| self.version.put(extras))
            .key(self.bucket.0)
            .value(self.map.0)
    }
}

/// The answer to [`SetClusterConfig`].
pub type SetClusterConfigReply<'a> = StatusOnly<'a, { Opcode::SET_CLUSTER_CONFIG.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::assert_layout;

    #[test]
    fn layout() {
        assert_layout(SetClusterConfig {
            version: ConfigVersion {
                epoch: 0x0001_0203_0405_0607,
                revision: 0x0809_0a0b_0c0d_0e0f,
            },
            bucket: "bucket".into(),
            map: "{}".into(),
        });
    }
}
