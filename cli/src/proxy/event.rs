//! What the proxy decides, and why.

use core::fmt;
use core::time::Duration;

use mcbp::dcp::DcpRequest;
use mcbp::policy::{self, Context, Edition, OpaqueOwner, Role};
use mcbp::track::streams::{Failure, StreamError};
use mcbp::track::takeover::{self, TakeoverError};
use mcbp::track::{Outgoing, Side, Violation};
use mcbp::{Command, Opcode, Status, StreamEndReason};

use super::command::InvalidCommand;
use super::judge::Answered;
use super::sides::name;

/// What the proxy decides, and why; each prints as a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A line was no command.
    Misunderstood(InvalidCommand),
    /// A command is begun.
    Begun(String),
    /// All that a command asked for is so.
    Done(String),
    /// A command came to nothing, or not to all that it asked for.
    Failed {
        /// The command.
        task: String,
        /// Why.
        why: String,
    },
    /// Something went wrong with the stream of a vbucket, on behalf of a command.
    Stream {
        /// The command.
        task: String,
        /// What.
        error: StreamError,
    },
    /// The vbucket to be taken over has a stream, which has to go first.
    InTheWay(u16),
    /// How far a takeover is.
    Takeover {
        /// The vbucket.
        vbucket: u16,
        /// Which try it is.
        number: usize,
        /// How far.
        state: takeover::State,
        /// How long until something is done about it, whatever happens.
        wait: Option<Duration>,
    },
    /// A try of a takeover has failed.
    Try {
        /// The vbucket.
        vbucket: u16,
        /// Which try it was.
        number: usize,
        /// Why.
        failure: takeover::Failure,
    },
    /// A takeover has failed, for good.
    NotTaken {
        /// The vbucket.
        vbucket: u16,
        /// Why.
        error: TakeoverError,
        /// Whether the producer has begun to give the vbucket up.
        is_half: bool,
    },
    /// The producer has ended a stream.
    Ended {
        /// The vbucket.
        vbucket: u16,
        /// Why.
        reason: StreamEndReason,
    },
    /// A node has refused something to the other, for the first time.
    Answered(Answered),
    /// A packet that nobody may send was dropped.
    Dropped(Violation),
    /// A packet that is not for the other node was dropped.
    Foreign {
        /// Who sent it.
        from: Side,
        /// What it is.
        command: Command,
    },
    /// Something was sent that neither node has said.
    Sent(Outgoing),
    /// A packet was not passed on, as it answers the proxy or belongs to a takeover that has failed.
    Kept {
        /// Who sent it.
        from: Side,
        /// What it is.
        opcode: Opcode,
        /// What it says, if it is an answer.
        status: Option<Status>,
    },
    /// How it goes.
    Status(String),
}

impl Event {
    /// Whether it is told only to those who want to know everything.
    pub const fn is_detail(&self) -> bool {
        matches!(self, Self::Sent(_) | Self::Kept { .. })
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misunderstood(error) => write!(f, "{error}"),
            Self::Begun(task) => write!(f, "{task}: begun"),
            Self::Done(task) => write!(f, "{task}: done"),
            Self::Failed { task, why } => write!(f, "{task}: failed: {why}"),
            Self::Stream { task, error } => {
                write!(f, "{task}: {error}")?;
                match error.failure {
                    Failure::AddRefused(status) => Refused(Opcode::DCP_ADD_STREAM, status).fmt(f),
                    Failure::CloseRefused { status, .. } => {
                        Refused(Opcode::DCP_CLOSE_STREAM, status).fmt(f)
                    }
                    // What it means is told when it happens.
                    Failure::Ended { .. } => Ok(()),
                    _ => Ok(()),
                }
            }
            Self::InTheWay(vbucket) => {
                write!(
                    f,
                    "takeover {vbucket}: it has a stream, which is closed first"
                )
            }
            Self::Takeover {
                vbucket,
                number,
                state,
                wait,
            } => {
                write!(f, "takeover {vbucket}: try {number}: {}", said(*state))?;
                match wait {
                    Some(wait) if *state == takeover::State::Pausing => {
                        write!(f, ", the next try is in {} ms", wait.as_millis())
                    }
                    _ => Ok(()),
                }
            }
            Self::Try {
                vbucket,
                number,
                failure,
            } => {
                write!(f, "takeover {vbucket}: try {number} failed: {failure}")?;
                match *failure {
                    takeover::Failure::Refused(status) => {
                        Refused(Opcode::DCP_ADD_STREAM, status).fmt(f)
                    }
                    takeover::Failure::Ended { reason, .. } => {
                        write!(f, ": {}", policy::stream_end(reason).why)
                    }
                    _ => Ok(()),
                }
            }
            Self::NotTaken {
                vbucket,
                error,
                is_half,
            } => {
                write!(f, "takeover {vbucket}: failed: {error}")?;
                if *is_half {
                    f.write_str("; the producer may have given the vbucket up: set its state")?;
                }
                Ok(())
            }
            Self::Ended { vbucket, reason } => {
                let advice = policy::stream_end(*reason);
                write!(
                    f,
                    "vbucket {vbucket}: the producer ended the stream with {reason}: "
                )?;
                write!(f, "{} ({})", advice.why, advice.action)
            }
            Self::Answered(answered) => answered.fmt(f),
            Self::Dropped(violation) => write!(f, "dropped: {violation}"),
            Self::Foreign { from, command } => {
                write!(
                    f,
                    "dropped: {command} from the {}, which is for clients",
                    name(*from)
                )
            }
            Self::Sent(outgoing) => {
                let (what, opaque, vbucket) = match &outgoing.request {
                    DcpRequest::AddStream(add) => ("DCP_ADD_STREAM", add.opaque, add.vbucket),
                    DcpRequest::CloseStream(it) => ("DCP_CLOSE_STREAM", it.opaque, it.vbucket),
                    _ => ("a request", 0, 0),
                };
                let to = name(outgoing.to);
                write!(
                    f,
                    "sent to the {to}: {what} vbucket {vbucket} opaque {opaque:#010x}"
                )
            }
            Self::Kept {
                from,
                opcode,
                status: Some(status),
            } => {
                let from = name(*from);
                write!(
                    f,
                    "kept: {opcode} {status} from the {from}, which answers the proxy"
                )
            }
            Self::Kept { from, opcode, .. } => {
                let from = name(*from);
                write!(
                    f,
                    "kept: {opcode} from the {from}, of a stream that is being given up"
                )
            }
            Self::Status(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            by,
            opcode,
            status,
            owner,
            verdict,
        } = self;
        let (by, to) = (name(*by), name(by.other()));
        write!(f, "passed on: the {by} answers {opcode} with {status}")?;
        if !self.is_harmless() {
            write!(f, ", which belongs to {owner}; to the {to} that is")?;
        }
        write!(f, " {verdict}")
    }
}

/// Why a request of the proxy is refused.
struct Refused(Opcode, Status);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let &Self(opcode, status) = self;
        f.write_str(match (opcode, status) {
            (Opcode::DCP_ADD_STREAM, Status::NOT_MY_VBUCKET) => {
                ": the consumer does not have the vbucket, or the producer is not active for it"
            }
            (Opcode::DCP_ADD_STREAM, Status::KEY_EEXISTS) => {
                ": the consumer has a stream of it, maybe from elsewhere; close it first"
            }
            _ => "",
        })?;
        let owner = OpaqueOwner::Request;
        let context = Context::new(Role::Consumer, Edition::V7_0, opcode, owner);
        write!(f, " ({})", policy::judge(&context, status))
    }
}

const fn said(state: takeover::State) -> &'static str {
    use takeover::State;
    match state {
        State::Idle => "over",
        State::Requested => "the consumer is to add the stream",
        State::Streaming => "the consumer asks the producer for the stream",
        State::Acknowledged => "the consumer has added the stream, and is not active yet",
        State::Active => "the consumer is active, and has not said that it added the stream",
        State::Ended => "the stream has ended, and the consumer may still say what it makes of it",
        State::Closing => "both are to close the stream, before anything else",
        State::Pausing => "the stream is closed",
    }
}
