//! `DCP_SNAPSHOT_MARKER`: the first message of a snapshot.

use bytes::BufMut;

use crate::Presence::Optional;
use crate::cursor::{Cursor, be_u32, be_u64};
use crate::{
    Body, Command, Lengths, Message, MessageError, MessageErrorKind, Opcode, Parts, Section, Shape,
    SnapshotFlags, StatusOnly,
};

/// Announces the messages of a snapshot.
///
/// | V1: extras | V2.x: value | field                           |                   | since |
/// |-----------:|------------:|---------------------------------|-------------------|-------|
/// |       0..8 |        0..8 | `start_seqno`                   | u64               | V1    |
/// |      8..16 |       8..16 | `end_seqno`                     | u64               | V1    |
/// |     16..20 |      16..20 | `flags`                         | [`SnapshotFlags`] | V1    |
/// |            |      20..28 | `max_visible_seqno`             | u64               | V2.0  |
/// |            |      28..36 | `high_completed_seqno`          | u64               | V2.0  |
/// |            |      36..44 | `timestamp`                     | u64               | V2.1  |
/// |            |      36..44 | `purge_seqno` instead           | u64               | V2.2  |
/// |            |      44..52 | `high_prepared_seqno`           | u64               | V2.2  |
///
/// V1 has all of it in 20 bytes of extras. The others have one byte of extras, their number (0, 1
/// or 2), and the fields in a value of 36, 44 or 52 bytes. The lengths decide, never what was
/// negotiated: a connection with `max_marker_version` 2.2 still gets V1 (reference 6.7). Nodes of
/// release 7 send V2.1 for point-in-time recovery; it has been withdrawn since.
///
/// From the producer to the consumer. With the flag `ACKNOWLEDGE`, as in a takeover, the consumer
/// answers once it has the item at `end_seqno`; any status counts as that acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct SnapshotMarker {
    /// The first seqno the snapshot may hold.
    pub start_seqno: u64,
    /// The last seqno the snapshot may hold.
    pub end_seqno: u64,
    /// Where the snapshot comes from, and what the consumer must do.
    pub flags: SnapshotFlags,
    /// What version 2 adds.
    pub v2: Option<SnapshotMarkerV2>,
}

/// What version 2 adds to a [`SnapshotMarker`], as it stands on the wire.
///
/// A seqno of 0 is one that the producer does not know, or has no use for here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct SnapshotMarkerV2 {
    /// The last seqno that a reader may see.
    pub max_visible_seqno: u64,
    /// The last seqno that completes a prepare; counts only in a disk snapshot, see
    /// [`SnapshotMarker::high_completed_seqno`].
    pub high_completed_seqno: u64,
    /// The minor version, and what it adds.
    pub minor: SnapshotMarkerV2Minor,
}

/// What the minor versions add to a [`SnapshotMarkerV2`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum SnapshotMarkerV2Minor {
    /// V2.0: nothing.
    V2_0,
    /// V2.1, for point-in-time recovery; withdrawn.
    V2_1 {
        /// The time of the snapshot.
        timestamp: u64,
    },
    /// V2.2.
    V2_2 {
        /// The highest seqno of a deletion that has been purged.
        purge_seqno: u64,
        /// The last seqno prepared; counts only in a disk snapshot, see
        /// [`SnapshotMarker::high_prepared_seqno`].
        high_prepared_seqno: u64,
    },
}

impl SnapshotMarker {
    /// The last seqno that a reader may see, if the producer says.
    pub fn max_visible_seqno(&self) -> Option<u64> {
        known(self.v2?.max_visible_seqno)
    }

    /// The last seqno that completes a prepare, if the producer says and this is a disk snapshot.
    pub fn high_completed_seqno(&self) -> Option<u64> {
        self.on_disk(self.v2?.high_completed_seqno)
    }

    /// The highest seqno of a deletion that has been purged, if the producer says.
    pub fn purge_seqno(&self) -> Option<u64> {
        match self.v2?.minor {
            SnapshotMarkerV2Minor::V2_2 { purge_seqno, .. } => known(purge_seqno),
            _ => None,
        }
    }

    /// The last seqno prepared, if the producer says and this is a disk snapshot.
    pub fn high_prepared_seqno(&self) -> Option<u64> {
        match self.v2?.minor {
            SnapshotMarkerV2Minor::V2_2 {
                high_prepared_seqno,
                ..
            } => self.on_disk(high_prepared_seqno),
            _ => None,
        }
    }

    fn on_disk(&self, seqno: u64) -> Option<u64> {
        known(seqno).filter(|_| self.flags.contains(SnapshotFlags::DISK))
    }

    fn put_fields(&self, fields: &mut &mut [u8]) {
        fields.put_u64(self.start_seqno);
        fields.put_u64(self.end_seqno);
        fields.put_u32(self.flags.bits());
    }
}

fn known(seqno: u64) -> Option<u64> {
    Some(seqno).filter(|&seqno| seqno != 0)
}

impl SnapshotMarkerV2 {
    /// The lengths of the values of V2.0, V2.1 and V2.2, in bytes.
    const LENGTHS: [u8; 3] = [36, 44, 52];

    fn read(fields: &mut Cursor<'_>, minor: u8) -> Result<Self, MessageError> {
        Ok(Self {
            max_visible_seqno: fields.read(be_u64)?,
            high_completed_seqno: fields.read(be_u64)?,
            minor: match minor {
                0 => SnapshotMarkerV2Minor::V2_0,
                1 => SnapshotMarkerV2Minor::V2_1 {
                    timestamp: fields.read(be_u64)?,
                },
                _ => SnapshotMarkerV2Minor::V2_2 {
                    purge_seqno: fields.read(be_u64)?,
                    high_prepared_seqno: fields.read(be_u64)?,
                },
            },
        })
    }

    fn put_fields(&self, fields: &mut &mut [u8]) {
        fields.put_u64(self.max_visible_seqno);
        fields.put_u64(self.high_completed_seqno);
        match self.minor {
            SnapshotMarkerV2Minor::V2_0 => {}
            SnapshotMarkerV2Minor::V2_1 { timestamp } => fields.put_u64(timestamp),
            SnapshotMarkerV2Minor::V2_2 {
                purge_seqno,
                high_prepared_seqno,
            } => {
                fields.put_u64(purge_seqno);
                fields.put_u64(high_prepared_seqno);
            }
        }
    }

    const fn minor(&self) -> u8 {
        match self.minor {
            SnapshotMarkerV2Minor::V2_0 => 0,
            SnapshotMarkerV2Minor::V2_1 { .. } => 1,
            SnapshotMarkerV2Minor::V2_2 { .. } => 2,
        }
    }
}

impl<'a> Message<'a> for SnapshotMarker {
    const COMMAND: Command = Command::Client(Opcode::DCP_SNAPSHOT_MARKER);
    const SHAPE: Shape = Shape::extras(Lengths::two(1, 20)).value(Optional);

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        let (mut fields, minor, value_len) = match *body.extras {
            [minor] => match SnapshotMarkerV2::LENGTHS.get(usize::from(minor)) {
                Some(&len) => (body.value(), Some(minor), len),
                None => {
                    let kind = MessageErrorKind::UnknownVersion(minor);
                    return Err(body.error(Section::Extras, kind));
                }
            },
            _ => (body.extras(), None, 0),
        };
        body.check_value_len(Lengths::one(value_len))?;
        Ok(Self {
            start_seqno: fields.read(be_u64)?,
            end_seqno: fields.read(be_u64)?,
            flags: SnapshotFlags::from_bits_retain(fields.read(be_u32)?),
            v2: match minor {
                Some(minor) => Some(SnapshotMarkerV2::read(&mut fields, minor)?),
                None => None,
            },
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        match &self.v2 {
            None => Parts::extras(|extras| self.put_fields(extras)),
            Some(v2) => Parts::extras(|extras| extras.put_u8(v2.minor())).value_fields(|value| {
                self.put_fields(value);
                v2.put_fields(value);
            }),
        }
    }
}

/// The answer to [`SnapshotMarker`]: on failure, or when an `ACKNOWLEDGE`d snapshot is complete.
///
/// The producer takes any status for that acknowledgement (reference 11).
pub type SnapshotMarkerReply<'a> = StatusOnly<'a, { Opcode::DCP_SNAPSHOT_MARKER.0 }>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{assert_layout, assert_value_layout};

    const MARKER: SnapshotMarker = SnapshotMarker {
        start_seqno: 0x0001_0203_0405_0607,
        end_seqno: 0x0809_0a0b_0c0d_0e0f,
        flags: SnapshotFlags::from_bits_retain(0x1011_1213),
        v2: None,
    };

    const fn v2(minor: SnapshotMarkerV2Minor) -> SnapshotMarker {
        SnapshotMarker {
            v2: Some(SnapshotMarkerV2 {
                max_visible_seqno: 0x1415_1617_1819_1a1b,
                high_completed_seqno: 0x1c1d_1e1f_2021_2223,
                minor,
            }),
            ..MARKER
        }
    }

    const V2_2: SnapshotMarker = v2(SnapshotMarkerV2Minor::V2_2 {
        purge_seqno: 0x2425_2627_2829_2a2b,
        high_prepared_seqno: 0x2c2d_2e2f_3031_3233,
    });

    #[test]
    fn layout() {
        let timestamp = 0x2425_2627_2829_2a2b;
        assert_layout(MARKER);
        assert_value_layout(&[0], v2(SnapshotMarkerV2Minor::V2_0));
        assert_value_layout(&[1], v2(SnapshotMarkerV2Minor::V2_1 { timestamp }));
        assert_value_layout(&[2], V2_2);
    }

    #[test]
    fn high_seqnos_count_only_on_disk() {
        let mut marker = V2_2;
        for bits in 0..=0xff {
            marker.flags = SnapshotFlags::from_bits_retain(bits);
            let disk = bits & 0x02 != 0;
            assert_eq!(marker.high_completed_seqno().is_some(), disk, "{bits:#x}");
            assert_eq!(marker.high_prepared_seqno().is_some(), disk, "{bits:#x}");
            assert_eq!(marker.max_visible_seqno(), Some(0x1415_1617_1819_1a1b));
            assert_eq!(marker.purge_seqno(), Some(0x2425_2627_2829_2a2b));
        }
    }

    #[test]
    fn zero_is_unknown() {
        let marker = SnapshotMarker {
            flags: SnapshotFlags::DISK,
            v2: Some(SnapshotMarkerV2 {
                max_visible_seqno: 0,
                high_completed_seqno: 0,
                minor: SnapshotMarkerV2Minor::V2_2 {
                    purge_seqno: 0,
                    high_prepared_seqno: 0,
                },
            }),
            ..MARKER
        };
        assert_eq!(marker.max_visible_seqno(), None);
        assert_eq!(marker.high_completed_seqno(), None);
        assert_eq!(marker.purge_seqno(), None);
        assert_eq!(marker.high_prepared_seqno(), None);
    }
}
