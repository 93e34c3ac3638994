//! How a takeover and its tries ended.

use core::fmt;
use core::time::Duration;

use crate::{Status, StreamEndReason, VbucketState};

/// One try of a takeover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Try {
    /// The opaque of its `ADD_STREAM`; 0 until that was taken to be sent.
    pub opaque: u32,
    /// The opaque of its stream, as it stands in headers, if the consumer has asked for one.
    pub stream_opaque: Option<u32>,
    /// When it began.
    pub started: Duration,
    /// Whether the consumer has answered that it is active. If so, or if the producer has sent
    /// `SET_VBUCKET_STATE` at all, a failed takeover has not left things as they were.
    pub activated: bool,
    /// The last state that the producer has sent.
    pub state: Option<VbucketState>,
    /// How it failed.
    pub failure: Option<Failure>,
}

/// How a try can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// `ADD_STREAM` was refused, by the consumer or by the producer that it had asked.
    Refused(Status),
    /// The stream ended too early.
    Ended {
        /// The opaque of the stream, as it stands in headers.
        opaque: u32,
        /// Why.
        reason: StreamEndReason,
    },
    /// The consumer refused to become active. The producer does not look at that answer, and is no
    /// longer active either.
    NotActivated(Status),
    /// The time was up.
    TimedOut,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(status) => write!(f, "ADD_STREAM refused with {status}"),
            Self::Ended { opaque, reason } => {
                write!(f, "stream {opaque:#010x} ended with {reason}")
            }
            Self::NotActivated(status) => write!(f, "active state refused with {status}"),
            Self::TimedOut => f.write_str("no answer in time"),
        }
    }
}

/// Why a takeover failed; how each try did stands in [`Outcome::tries`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TakeoverError {
    /// The last try failed, in a way that another one does not help against.
    Failed(Failure),
    /// The consumer asked for yet another try.
    Exhausted,
    /// The consumer asked for another try, but a side did not close the stream of the last one.
    NotClosed {
        /// Why not, if it has answered.
        status: Option<Status>,
    },
}

impl fmt::Display for TakeoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => failure.fmt(f),
            Self::Exhausted => f.write_str("too many tries"),
            Self::NotClosed { status: None } => f.write_str("CLOSE_STREAM not answered in time"),
            Self::NotClosed {
                status: Some(status),
            } => write!(f, "CLOSE_STREAM refused with {status}"),
        }
    }
}

impl core::error::Error for TakeoverError {}

/// How a takeover ended.
#[must_use = "a takeover may have failed"]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Outcome<'a> {
    /// The vbucket.
    pub vbucket: u16,
    /// Whether the consumer is active now.
    pub result: Result<(), TakeoverError>,
    /// Every try, in order.
    pub tries: &'a [Try],
}

/// Why a takeover was not even begun; nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StartRefused {
    /// Another one is under way.
    Busy,
    /// The outcome of the last one was not taken.
    OutcomeWaiting,
    /// The stream of the last one is not known to be closed. Answers to `CLOSE_STREAM` are followed
    /// if they still come; if not, new connections are needed.
    NotClosed,
}

impl fmt::Display for StartRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy => "another takeover is under way",
            Self::OutcomeWaiting => "the outcome of the last takeover was not taken",
            Self::NotClosed => "the stream of the last takeover may still be open",
        })
    }
}

impl core::error::Error for StartRefused {}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn every_failure_says_what_and_why() {
        let reason = StreamEndReason::STATE_CHANGED;
        let refused = Some(Status::ETMPFAIL);
        for (error, expected) in [
            (
                TakeoverError::Failed(Failure::Refused(Status::ETMPFAIL)),
                "ADD_STREAM refused with ETMPFAIL",
            ),
            (
                TakeoverError::Failed(Failure::Ended { opaque: 7, reason }),
                "stream 0x00000007 ended with STATE_CHANGED",
            ),
            (
                TakeoverError::Failed(Failure::NotActivated(Status::ETMPFAIL)),
                "active state refused with ETMPFAIL",
            ),
            (
                TakeoverError::Failed(Failure::TimedOut),
                "no answer in time",
            ),
            (TakeoverError::Exhausted, "too many tries"),
            (
                TakeoverError::NotClosed { status: None },
                "CLOSE_STREAM not answered in time",
            ),
            (
                TakeoverError::NotClosed { status: refused },
                "CLOSE_STREAM refused with ETMPFAIL",
            ),
        ] {
            assert_eq!(error.to_string(), expected);
        }
        for (refused, expected) in [
            (StartRefused::Busy, "another takeover is under way"),
            (
                StartRefused::OutcomeWaiting,
                "the outcome of the last takeover was not taken",
            ),
            (
                StartRefused::NotClosed,
                "the stream of the last takeover may still be open",
            ),
        ] {
            assert_eq!(refused.to_string(), expected);
        }
    }
}
