//! `CLUSTERMAP_CHANGE_NOTIFICATION`: vbuckets have moved.

use bytes::BufMut;

use crate::Presence::Optional;
use crate::cursor::be_u32;
use crate::kv::{ConfigVersion, ServerReply};
use crate::{Body, Command, Lengths, Message, MessageError, Metadata, Parts, ServerOpcode, Shape};

/// Tells of a new cluster map.
///
/// | extras | field     |                   |                |
/// |-------:|-----------|-------------------|----------------|
/// |  0..16 | `version` | [`ConfigVersion`] |                |
/// |   0..4 | `version` | u32: a revision   | before epochs  |
///
/// From the server to a client that asked for one of the features `CLUSTERMAP_CHANGE_NOTIFICATION`
/// and `CLUSTERMAP_CHANGE_NOTIFICATION_BRIEF`. Opaque and CAS mean nothing, and an answer is
/// ignored (reference 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ClustermapChangeNotification<'a> {
    /// The version of the map.
    pub version: NotifiedVersion,
    /// The name of the bucket; may be empty.
    pub bucket: Metadata<'a>,
    /// The map as JSON, or nothing if the client asked for brevity. The datatype says whether it is
    /// compressed.
    pub map: Metadata<'a>,
}

/// The version of a map that a [`ClustermapChangeNotification`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum NotifiedVersion {
    /// From a server that knows no epochs.
    Revision(u32),
    /// From any other.
    Version(ConfigVersion),
}

impl<'a> Message<'a> for ClustermapChangeNotification<'a> {
    const COMMAND: Command = Command::Server(ServerOpcode::CLUSTERMAP_CHANGE_NOTIFICATION);
    const SHAPE: Shape = Shape::extras(Lengths::two(4, ConfigVersion::LEN))
        .key(Optional)
        .value(Optional);

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        let mut extras = body.extras();
        Ok(Self {
            version: match body.extras.len() {
                4 => NotifiedVersion::Revision(extras.read(be_u32)?),
                _ => NotifiedVersion::Version(ConfigVersion::read(&mut extras)?),
            },
            bucket: Metadata(body.key),
            map: Metadata(body.value),
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::extras(|extras| match self.version {
            NotifiedVersion::Revision(revision) => extras.put_u32(revision),
            NotifiedVersion::Version(version) => version.put(extras),
        })
        .key(self.bucket.0)
        .value(self.map.0)
    }
}

/// An answer to [`ClustermapChangeNotification`], which nobody waits for.
pub type ClustermapChangeNotificationReply<'a> =
    ServerReply<'a, { ServerOpcode::CLUSTERMAP_CHANGE_NOTIFICATION.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::assert_layout;

    #[test]
    fn layout() {
        let version = ConfigVersion {
            epoch: 0x0001_0203_0405_0607,
            revision: 0x0809_0a0b_0c0d_0e0f,
        };
        for version in [
            NotifiedVersion::Revision(0x0001_0203),
            NotifiedVersion::Version(version),
        ] {
            assert_layout(ClustermapChangeNotification {
                version,
                bucket: "bucket".into(),
                map: "{}".into(),
            });
        }
    }
}
