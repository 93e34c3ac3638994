//! Why packets cannot be passed on, or no longer.

use mcbp::track::Side;
use mcbp::{Feature, Opcode, Status};

use super::judge::Answered;
use super::sides::name;
use crate::connect::{ConnectError, Endpoint};

/// Why packets cannot be passed on, or no longer. Says in a line what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// There is no connection to a node, and nothing was replicated.
    #[error("{}{error}{}", whose(*side, endpoint, error), advice(*side, error))]
    SetUp {
        /// Which node.
        side: Side,
        /// Where.
        endpoint: Endpoint,
        /// Why.
        error: ConnectError,
    },
    /// A node does not grant what a replica needs.
    #[error("{} {endpoint}: it does not grant {feature}, which a replica needs; is it too old?", name(*side))]
    Lacks {
        /// Which node.
        side: Side,
        /// Where.
        endpoint: Endpoint,
        /// What.
        feature: Feature,
    },
    /// The connection to a node was lost, and with it all streams.
    #[error("{}{error}{}", whose(*side, endpoint, error), cause(told.as_deref()))]
    Lost {
        /// Which node.
        side: Side,
        /// Where.
        endpoint: Endpoint,
        /// Why.
        error: ConnectError,
        /// What the node was told before that explains it.
        told: Option<Box<Answered>>,
    },
}

impl ProxyError {
    pub(super) fn set_up(side: Side, endpoint: &Endpoint, error: ConnectError) -> Self {
        Self::SetUp {
            side,
            endpoint: endpoint.clone(),
            error,
        }
    }

    /// The exit status for it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::SetUp { error, .. } if error.is_final() => 3,
            Self::Lacks { .. } => 3,
            Self::SetUp { .. } | Self::Lost { .. } => 4,
        }
    }
}

/// Whose error it is; some say themselves where.
fn whose(side: Side, endpoint: &Endpoint, error: &ConnectError) -> String {
    let side = name(side);
    match error {
        ConnectError::Dial { .. } | ConnectError::Tls { .. } | ConnectError::TimedOut { .. } => {
            format!("{side} ")
        }
        _ => format!("{side} {endpoint}: "),
    }
}

fn advice(side: Side, error: &ConnectError) -> &'static str {
    match (side, error) {
        (Side::Consumer, ConnectError::Refused(refusal))
            if (refusal.opcode, refusal.status) == (Opcode::DCP_OPEN, Status::EACCESS) =>
        {
            "; to be replicated to, it wants a user with the privilege DcpConsumer"
        }
        _ => "",
    }
}

fn cause(told: Option<&Answered>) -> String {
    told.map_or_else(String::new, |told| format!("; before that, {told}"))
}
