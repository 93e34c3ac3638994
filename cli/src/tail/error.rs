//! Why the changes cannot be followed.

use core::time::Duration;
use std::io;

use mcbp::track::resume::InvalidCheckpoint;

use super::checkpoints::CheckpointError;
use crate::connect::{ConnectError, Refusal};

/// Why the changes cannot be followed, or no longer. Says in a line what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TailError {
    /// The connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The connection was lost, and there is none to be had.
    #[error("no connection for {} s, given up; at last: {last}", after.as_secs())]
    GivenUp {
        /// For how long.
        after: Duration,
        /// Why not.
        last: ConnectError,
    },
    /// A name that the bucket does not know.
    #[error("{name}: {refusal}")]
    Name {
        /// The name of a collection or a scope.
        name: String,
        /// What the node says.
        refusal: Box<Refusal>,
    },
    /// There is nothing to follow.
    #[error("none of the vbuckets asked for is active on this node; ask the node that has them")]
    NothingHere,
    /// The checkpoint file.
    #[error(transparent)]
    Checkpoints(#[from] CheckpointError),
    /// A checkpoint that is none.
    #[error("the checkpoint of a vbucket is of no use: {0}")]
    Checkpoint(#[from] InvalidCheckpoint),
    /// Standard output cannot be written to.
    #[error("cannot show changes: {0}")]
    Output(#[from] io::Error),
}

impl TailError {
    /// The exit status for it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Output(_) => 2,
            Self::Name { .. } | Self::NothingHere => 3,
            Self::Connect(error) if error.is_final() => 3,
            Self::Connect(_) | Self::GivenUp { .. } => 4,
            Self::Checkpoints(_) | Self::Checkpoint(_) => 5,
        }
    }
}
