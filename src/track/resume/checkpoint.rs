//! What it takes to resume.

use core::fmt;

/// How far a consumer is in the history of a vbucket: what it takes to resume.
///
/// The server refuses a request with other seqnos than these with `ERANGE` (reference 6.4), and a
/// seqno without the branch of history that it is on names nothing. So does
/// [`validate`](Self::validate), and with the feature `serde` a checkpoint that is read is
/// validated.
///
/// Store it together with, or after, what was received up to it; never before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "stored::Checkpoint")
)]
pub struct Checkpoint {
    /// The branch of history that the seqnos are of; 0 at the start only.
    pub vbucket_uuid: u64,
    /// The last seqno that the consumer has.
    pub seqno: u64,
    /// Where the snapshot starts that the consumer is in; at most `seqno`.
    pub snapshot_start_seqno: u64,
    /// Where that snapshot ends; at least `seqno`, and equal to it if the snapshot is complete.
    pub snapshot_end_seqno: u64,
    /// The highest seqno of a deletion that the producer had purged when it sent this snapshot; 0
    /// if it did not say. The value of a stream request can repeat it as `purge_seqno`, so that the
    /// producer does not ask for a rollback on its account.
    pub purge_seqno: u64,
}

impl Checkpoint {
    /// The start of history: nothing is there yet.
    pub const START: Self = Self {
        vbucket_uuid: 0,
        seqno: 0,
        snapshot_start_seqno: 0,
        snapshot_end_seqno: 0,
        purge_seqno: 0,
    };

    /// The end of a complete snapshot.
    ///
    /// # Errors
    ///
    /// [`InvalidCheckpoint::NoUuid`] for a seqno without a branch.
    pub const fn complete(vbucket_uuid: u64, seqno: u64) -> Result<Self, InvalidCheckpoint> {
        Self {
            vbucket_uuid,
            seqno,
            snapshot_start_seqno: seqno,
            snapshot_end_seqno: seqno,
            purge_seqno: 0,
        }
        .validate()
    }

    /// The checkpoint itself, if a stream can be resumed from it.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub const fn validate(self) -> Result<Self, InvalidCheckpoint> {
        let Self {
            vbucket_uuid,
            seqno,
            snapshot_start_seqno,
            snapshot_end_seqno,
            purge_seqno: _,
        } = self;
        if seqno < snapshot_start_seqno || snapshot_end_seqno < seqno {
            return Err(InvalidCheckpoint::OutsideSnapshot {
                seqno,
                snapshot_start_seqno,
                snapshot_end_seqno,
            });
        }
        if vbucket_uuid == 0 && seqno != 0 {
            return Err(InvalidCheckpoint::NoUuid { seqno });
        }
        Ok(self)
    }

    /// The same branch, with everything up to `seqno` and nothing after it.
    pub(super) const fn complete_at(self, seqno: u64) -> Self {
        Self {
            seqno,
            snapshot_start_seqno: seqno,
            snapshot_end_seqno: seqno,
            ..self
        }
    }

    /// What is left of it after a rollback.
    pub(super) const fn rolled_back(self, seqno: u64) -> Self {
        if seqno == 0 {
            return Self::START;
        }
        Self {
            // What was purged later is news again.
            purge_seqno: if self.purge_seqno > seqno {
                0
            } else {
                self.purge_seqno
            },
            ..self.complete_at(seqno)
        }
    }
}

/// Why a stream cannot be resumed from a [`Checkpoint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidCheckpoint {
    /// The seqno is not within the bounds of its snapshot.
    OutsideSnapshot {
        /// The seqno.
        seqno: u64,
        /// Where the snapshot starts.
        snapshot_start_seqno: u64,
        /// Where the snapshot ends.
        snapshot_end_seqno: u64,
    },
    /// The vbucket uuid is 0, but this is not the start of history.
    NoUuid {
        /// The seqno.
        seqno: u64,
    },
}

impl fmt::Display for InvalidCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutsideSnapshot {
                seqno,
                snapshot_start_seqno: start,
                snapshot_end_seqno: end,
            } => write!(f, "seqno {seqno} is outside its snapshot {start}..={end}"),
            Self::NoUuid { seqno } => write!(f, "seqno {seqno} without a vbucket uuid"),
        }
    }
}

impl core::error::Error for InvalidCheckpoint {}

#[cfg(feature = "serde")]
mod stored {
    use super::InvalidCheckpoint;

    /// A checkpoint that may be anything.
    #[derive(serde::Deserialize)]
    pub(super) struct Checkpoint {
        vbucket_uuid: u64,
        seqno: u64,
        snapshot_start_seqno: u64,
        snapshot_end_seqno: u64,
        #[serde(default)]
        purge_seqno: u64,
    }

    impl TryFrom<Checkpoint> for super::Checkpoint {
        type Error = InvalidCheckpoint;

        fn try_from(stored: Checkpoint) -> Result<Self, InvalidCheckpoint> {
            let Checkpoint {
                vbucket_uuid,
                seqno,
                snapshot_start_seqno,
                snapshot_end_seqno,
                purge_seqno,
            } = stored;
            Self {
                vbucket_uuid,
                seqno,
                snapshot_start_seqno,
                snapshot_end_seqno,
                purge_seqno,
            }
            .validate()
        }
    }
}
