//! Why a node closes a connection.

use core::fmt;

use crate::policy::{self, Context};
use crate::track::noop::Silence;
use crate::{MessageError, Opcode, Status};

/// Why a node closes a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Closing {
    /// A fault wants it.
    Fault,
    /// The client asked for it.
    Quit,
    /// The client has been silent for too long.
    Silence(Silence),
    /// A request for the other end of a DCP connection, such as a mutation sent to a producer
    /// (reference 6.0).
    WrongEnd(Opcode),
    /// A response that nobody asked for, or one whose status the node cannot live with.
    Answer {
        /// What it answers.
        opcode: Opcode,
        /// Its status.
        status: Status,
        /// The rule of the [policy](crate::policy) that says so.
        rule: &'static str,
    },
    /// A response to something that a node does not send (reference 1.2).
    Unasked,
    /// A message that a consumer has no answer to but an exception: a disk snapshot without the high
    /// completed seqno, the end of another prepare, a system event that cannot be read.
    Exception,
    /// A message that is not what it claims to be, where the node cannot answer.
    Message(MessageError),
}

impl Closing {
    /// Whether a node can live with an answer.
    pub(super) fn judge(context: &Context, status: Status) -> Result<(), Self> {
        let verdict = policy::judge(context, status);
        if verdict.is_fatal() {
            return Err(Self::Answer {
                opcode: context.opcode,
                status,
                rule: verdict.rule.id,
            });
        }
        Ok(())
    }
}

impl fmt::Display for Closing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault => f.write_str("a fault of the script"),
            Self::Quit => f.write_str("the client quits"),
            Self::Silence(silence) => fmt::Display::fmt(silence, f),
            Self::WrongEnd(opcode) => write!(f, "{opcode} is for the other end"),
            Self::Answer {
                opcode,
                status,
                rule,
            } => write!(f, "{opcode} answered with {status} ({rule})"),
            Self::Unasked => f.write_str("an answer to nothing"),
            Self::Exception => f.write_str("a message that the consumer throws at"),
            Self::Message(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl core::error::Error for Closing {}
