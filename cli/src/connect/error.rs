//! Why a connection is none, or none any more.

use std::io;

use mcbp::track::negotiate::{Conflict, NegotiationViolation};
use mcbp::track::noop::Silence;
use mcbp::{Command, EncodeError, FrameError, MessageError};

use super::{Endpoint, Refusal};
use crate::login::LoginError;

/// Why a connection is none, or none any more. Says in a line what to do, where anything can be
/// done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Nobody is there.
    #[error("{endpoint}: {error}; is the data service there? (usually port 11210, with TLS 11207)")]
    Dial {
        /// Where.
        endpoint: Endpoint,
        /// Why.
        error: io::Error,
    },
    /// Somebody is there, and TLS does not come about.
    #[error(
        "{endpoint}: no TLS: {error}; is it the port for TLS, and --ca the authority of the cluster?"
    )]
    Tls {
        /// Where.
        endpoint: Endpoint,
        /// Why.
        error: io::Error,
    },
    /// The set-up took too long.
    #[error("{endpoint}: no answer in {seconds} s; is it the data service of a node?")]
    TimedOut {
        /// Where.
        endpoint: Endpoint,
        /// How long was waited.
        seconds: u64,
    },
    /// The connection broke.
    #[error("connection lost: {0}")]
    Lost(io::Error),
    /// The node closed it, without a word.
    #[error("the node closed the connection without a word; its log may say why")]
    Closed,
    /// The node is silent.
    #[error("the node seems to be gone: {0}")]
    Silent(#[from] Silence),
    /// What comes are no packets.
    #[error("no packets of the protocol: {0}; is it the data service of a node?")]
    Frame(#[from] FrameError),
    /// A packet is not what it says.
    #[error("{0}")]
    Message(#[from] MessageError),
    /// A packet that has no place there.
    #[error("{0} when an answer was due")]
    Unexpected(Command),
    /// A message that does not fit into its stream.
    #[error("{0}; asked for again on another connection")]
    Violation(String),
    /// The node says no.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The node lacks what is asked for.
    #[error("{0}; the node is too old or the bucket of another kind")]
    Negotiation(#[from] NegotiationViolation),
    /// What is asked for cannot be had together.
    #[error("{0}")]
    Conflict(#[from] Conflict),
    /// The negotiation came to no end.
    #[error("the node did not answer all that was negotiated")]
    NotSetUp,
    /// No way to authenticate.
    #[error("{0}; --plain sends the password itself, which only TLS hides from the network")]
    Login(#[from] LoginError),
    /// A name that no packet can hold.
    #[error("{0}; is a name too long?")]
    Encode(#[from] EncodeError),
}

impl From<Refusal> for ConnectError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl ConnectError {
    /// Whether it would be the same the next time.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Dial { .. }
            | Self::TimedOut { .. }
            | Self::Lost(_)
            | Self::Closed
            | Self::Silent(_)
            | Self::Frame(_)
            | Self::Message(_)
            | Self::Unexpected(_)
            | Self::Violation(_)
            | Self::NotSetUp => false,
            // A node that goes away within the handshake is no enemy.
            Self::Tls { error, .. } => error.kind() == io::ErrorKind::InvalidData,
            Self::Refused(refusal) => !refusal.is_passing(),
            Self::Negotiation(_) | Self::Conflict(_) | Self::Login(_) | Self::Encode(_) => true,
        }
    }
}
