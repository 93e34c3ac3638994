//! `GET_CLUSTER_CONFIG`: where the vbuckets are.

use crate::kv::ConfigVersion;
use crate::{
    Answer, Body, Command, Lengths, Message, MessageError, Metadata, Opcode, Parts, Shape,
};

/// Asks for the cluster map of the bucket.
///
/// | extras | field   |                   | if there |
/// |-------:|---------|-------------------|----------|
/// |  0..16 | `known` | [`ConfigVersion`] | 16 bytes |
///
/// From the client to the server; always answered (reference 4.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct GetClusterConfig {
    /// The version of the map that the client has: only a newer one is sent. Needs the feature
    /// `GET_CLUSTER_CONFIG_WITH_KNOWN_VERSION`.
    pub known: Option<ConfigVersion>,
}

impl<'a> Message<'a> for GetClusterConfig {
    const COMMAND: Command = Command::Client(Opcode::GET_CLUSTER_CONFIG);
    const SHAPE: Shape = Shape::extras(Lengths::two(0, ConfigVersion::LEN));

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            known: match body.extras {
                [] => None,
                _ => Some(ConfigVersion::read(&mut body.extras())?),
            },
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::extras(|extras| {
            if let Some(known) = self.known {
                known.put(extras);
            }
        })
    }
}

/// The answer to [`GetClusterConfig`]: the cluster map as JSON, or nothing if the client's is not
/// older.
///
/// The datatype says whether it is compressed. `KEY_ENOENT` if there is none.
pub type GetClusterConfigReply<'a> = Answer<'a, Metadata<'a>, { Opcode::GET_CLUSTER_CONFIG.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::assert_layout;

    #[test]
    fn layout() {
        assert_layout(GetClusterConfig { known: None });
        assert_layout(GetClusterConfig {
            known: Some(ConfigVersion {
                epoch: 0x0001_0203_0405_0607,
                revision: 0x0809_0a0b_0c0d_0e0f,
            }),
        });
    }
}
