//! What a cursor refuses.

use core::fmt;

use crate::OsoFlags;

/// What a producer may not send, or a consumer not ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CursorViolation {
    /// A stream is requested or open already.
    Busy,
    /// The consumer is beyond the end that it asks for.
    PastEnd {
        /// The last seqno that it has.
        seqno: u64,
        /// The last seqno that it wants.
        end_seqno: u64,
    },
    /// An answer came to no request.
    Unasked,
    /// The newest entry of the failover log is of no branch; the server never makes uuid 0.
    NoUuid,
    /// A rollback forward.
    RollbackAhead {
        /// Where to roll back to.
        seqno: u64,
        /// The last seqno that the consumer has.
        last: u64,
    },
    /// A rollback to where the consumer is: it would ask the same again, for ever.
    RollbackInVain {
        /// Where to roll back to.
        seqno: u64,
    },
    /// A message came before the stream was accepted, or after it had ended.
    NoStream,
    /// A snapshot that is empty or in the past.
    Marker {
        /// Where it starts.
        start: u64,
        /// Where it ends.
        end: u64,
        /// The last seqno that the consumer has.
        seqno: u64,
    },
    /// A marker between the brackets of an OSO snapshot.
    MarkerInBrackets,
    /// Brackets of an OSO snapshot that do not match.
    Brackets(OsoFlags),
    /// A change came before any marker, or after the end of its snapshot.
    NoSnapshot {
        /// Its seqno.
        by_seqno: u64,
    },
    /// A change came that the consumer has, or that is before one it has.
    OutOfOrder {
        /// Its seqno.
        by_seqno: u64,
        /// The last seqno that the consumer has.
        last: u64,
    },
    /// A change that is not in the snapshot which was announced.
    OutsideSnapshot {
        /// Its seqno.
        by_seqno: u64,
        /// Where the snapshot starts.
        start: u64,
        /// Where the snapshot ends.
        end: u64,
    },
}

impl fmt::Display for CursorViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("the stream is requested or open already"),
            Self::PastEnd { seqno, end_seqno } => {
                write!(f, "end {end_seqno} asked for, but already at {seqno}")
            }
            Self::Unasked => f.write_str("answer to a stream request that was not made"),
            Self::NoUuid => f.write_str("the newest branch in the failover log has uuid 0"),
            Self::RollbackAhead { seqno, last } => {
                write!(f, "rollback to {seqno}, but only at {last}")
            }
            Self::RollbackInVain { seqno } => {
                write!(f, "rollback to {seqno}, but already there")
            }
            Self::NoStream => f.write_str("message of a stream that is not open"),
            Self::Marker { start, end, seqno } => {
                write!(f, "snapshot {start}..={end} has nothing after {seqno}")
            }
            Self::MarkerInBrackets => f.write_str("marker within an OSO snapshot"),
            Self::Brackets(flags) => write!(f, "unexpected OSO bracket {flags:?}"),
            Self::NoSnapshot { by_seqno } => {
                write!(f, "seqno {by_seqno} without a snapshot marker")
            }
            Self::OutOfOrder { by_seqno, last } => {
                write!(f, "seqno {by_seqno} after seqno {last}")
            }
            Self::OutsideSnapshot {
                by_seqno,
                start,
                end,
            } => write!(f, "seqno {by_seqno} outside the snapshot {start}..={end}"),
        }
    }
}

impl core::error::Error for CursorViolation {}
