//! What can be asked for, and how it ends.

use core::fmt;

#[cfg(doc)]
use super::Streams;
use crate::track::Side;
use crate::{Status, StreamEndReason};

/// What the machine was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// [`Streams::set_up`].
    SetUp,
    /// [`Streams::close`].
    Close,
    /// [`Streams::shut`].
    Shut,
}

/// Why a call was not even begun; nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CallRefused {
    /// This call is under way.
    Busy(Call),
    /// The outcome of the last call was not taken.
    OutcomeWaiting,
    /// The machine is shut.
    Shut,
    /// There is no such vbucket.
    UnknownVbucket(u16),
}

impl fmt::Display for CallRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy(call) => write!(f, "the call {call:?} is under way"),
            Self::OutcomeWaiting => f.write_str("the outcome of the last call was not taken"),
            Self::Shut => f.write_str("the streams are shut"),
            Self::UnknownVbucket(vbucket) => write!(f, "there is no vbucket {vbucket}"),
        }
    }
}

impl core::error::Error for CallRefused {}

/// How a call ended.
#[must_use = "a call may have failed"]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Outcome<'a> {
    /// The call.
    pub call: Call,
    /// What ended it.
    pub end: CallEnd,
    /// What went wrong, at most once for each vbucket.
    pub errors: &'a [StreamError],
    /// How many streams had no answer yet when a call ended early.
    pub unanswered: u16,
}

impl Outcome<'_> {
    /// Whether all is as it was asked for.
    pub const fn is_success(&self) -> bool {
        matches!(self.end, CallEnd::Answered) && self.errors.is_empty()
    }
}

/// What ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallEnd {
    /// Every stream has an answer.
    Answered,
    /// A stream that was to be set up has ended; it is the last of the errors.
    StreamEnded,
    /// The time is up.
    TimedOut,
    /// [`Streams::shut`] took over, and what went wrong no longer matters.
    Interrupted,
}

/// What went wrong with a vbucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StreamError {
    /// The vbucket.
    pub vbucket: u16,
    /// What went wrong.
    pub failure: Failure,
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vbucket {}: ", self.vbucket)?;
        match self.failure {
            Failure::AddRefused(status) => write!(f, "ADD_STREAM refused with {status}"),
            Failure::CloseRefused { by, status } => {
                write!(f, "CLOSE_STREAM refused with {status} by the {by:?}")
            }
            Failure::Ended { opaque, reason } => {
                write!(f, "stream {opaque:#010x} ended with {reason}")
            }
            Failure::TimedOut => f.write_str("no answer in time"),
        }
    }
}

impl core::error::Error for StreamError {}

/// What can go wrong with a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// `ADD_STREAM` was refused, by the consumer or by the producer that it had asked.
    AddRefused(Status),
    /// `CLOSE_STREAM` was refused.
    CloseRefused {
        /// Who refused.
        by: Side,
        /// Why.
        status: Status,
    },
    /// The stream ended while it was being set up.
    Ended {
        /// The opaque of the stream, as it stands in headers.
        opaque: u32,
        /// Why.
        reason: StreamEndReason,
    },
    /// There was no answer in time; it is followed if it still comes.
    TimedOut,
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn a_refused_call_says_why() {
        for (refused, expected) in [
            (
                CallRefused::Busy(Call::Close),
                "the call Close is under way",
            ),
            (
                CallRefused::OutcomeWaiting,
                "the outcome of the last call was not taken",
            ),
            (CallRefused::Shut, "the streams are shut"),
            (CallRefused::UnknownVbucket(7), "there is no vbucket 7"),
        ] {
            assert_eq!(refused.to_string(), expected);
        }
    }

    #[test]
    fn success_takes_all_answers_and_no_error() {
        let error = StreamError {
            vbucket: 0,
            failure: Failure::TimedOut,
        };
        for (end, errors, is_success) in [
            (CallEnd::Answered, &[][..], true),
            (CallEnd::Answered, &[error], false),
            (CallEnd::TimedOut, &[], false),
            (CallEnd::TimedOut, &[error], false),
        ] {
            let outcome = Outcome {
                call: Call::SetUp,
                end,
                errors,
                unanswered: 0,
            };
            assert_eq!(outcome.is_success(), is_success, "{outcome:?}");
        }
    }
}
