//! The version of a cluster map.

use bytes::BufMut;

use crate::MessageError;
use crate::cursor::{Cursor, be_u64};

/// The version of a cluster map; the newer is the greater.
///
/// | extras | field      |     |
/// |-------:|------------|-----|
/// |   0..8 | `epoch`    | i64 |
/// |  8..16 | `revision` | i64 |
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ConfigVersion {
    /// Counts how often the revisions began anew; at least 1, or -1 if it is not known.
    pub epoch: i64,
    /// Counts the maps of an epoch; at least 1.
    pub revision: i64,
}

impl ConfigVersion {
    /// Bytes in a version.
    pub(crate) const LEN: u8 = 16;

    #[inline]
    pub(crate) fn read(extras: &mut Cursor<'_>) -> Result<Self, MessageError> {
        Ok(Self {
            epoch: extras.read(be_u64)? as i64,
            revision: extras.read(be_u64)? as i64,
        })
    }

    #[inline]
    pub(crate) fn put(self, extras: &mut &mut [u8]) {
        extras.put_i64(self.epoch);
        extras.put_i64(self.revision);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newer_is_the_greater() {
        let versions = [(-1, 9), (1, 1), (1, 2), (2, 1)]
            .map(|(epoch, revision)| ConfigVersion { epoch, revision });
        assert!(versions.is_sorted_by(|a, b| a < b));
    }
}
