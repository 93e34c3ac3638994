//! A node says no: what that means, and what can be done.

use core::fmt;

use mcbp::policy::{self, Context, Edition, OpaqueOwner, Role, ValueShape, Verdict};
use mcbp::value::ErrorContext;
use mcbp::{Command, Metadata, Opcode, Packet, Status};

/// An answer that is no success, with the judgement of the [`policy`] and what the node says of it.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// What was asked.
    pub opcode: Opcode,
    /// How it was answered.
    pub status: Status,
    /// What that does to the connection, and why.
    pub verdict: Verdict<'static>,
    /// What the node says.
    pub context: Option<String>,
}

impl Refusal {
    /// Judges the answer to a request of a client.
    pub fn new(answer: &Packet<impl AsRef<[u8]>>, owner: OpaqueOwner) -> Self {
        let header = answer.header();
        let opcode = match header.command() {
            Command::Client(opcode) => opcode,
            Command::Server(opcode) => Opcode(opcode.0),
        };
        let status = header.status().unwrap_or(Status::EINTERNAL);
        let value = answer.sections().value.expose();
        let context = Context {
            value: ValueShape::of_len(value.len()),
            ..Context::new(Role::Consumer, Edition::V7_0, opcode, owner)
        };
        let said = ErrorContext::from_json(value).ok();
        Self {
            opcode,
            status,
            verdict: policy::judge(&context, status),
            context: said.and_then(|said| said.context),
        }
    }

    /// Whether the node may answer otherwise a little later.
    pub fn is_passing(&self) -> bool {
        matches!(
            self.status,
            Status::ETMPFAIL
                | Status::EBUSY
                | Status::ENOMEM
                | Status::SYNC_WRITE_IN_PROGRESS
                | Status::EWOULD_THROTTLE
                | Status::NOT_INITIALIZED
                | Status::RATE_LIMITED_MAX_CONNECTIONS
        )
    }

    /// What the user can do.
    const fn advice(&self) -> Option<&'static str> {
        Some(match (self.opcode, self.status) {
            (Opcode::SASL_AUTH | Opcode::SASL_STEP, Status::AUTH_ERROR | Status::KEY_ENOENT) => {
                "the user or the password is wrong"
            }
            (Opcode::SASL_AUTH | Opcode::SASL_STEP, Status::AUTH_STALE) => {
                "the credentials are stale: get new ones"
            }
            (Opcode::SASL_AUTH | Opcode::SASL_LIST_MECHS, Status::NOT_SUPPORTED) => {
                "the node does not know this way to authenticate"
            }
            (Opcode::SELECT_BUCKET, Status::KEY_ENOENT) => "there is no such bucket on this node",
            (Opcode::SELECT_BUCKET, Status::EACCESS) => {
                "the user may not use this bucket, or there is none of this name"
            }
            (Opcode::SELECT_BUCKET, Status::NOT_SUPPORTED) => "the bucket has no collections",
            (Opcode::DCP_OPEN | Opcode::DCP_STREAM_REQ, Status::EACCESS) => {
                "the user needs the role Data DCP Reader on this bucket"
            }
            (Opcode::DCP_OPEN, Status::NOT_SUPPORTED | Status::UNKNOWN_COMMAND) => {
                "the bucket has no DCP, or this is no data node"
            }
            (_, Status::NO_BUCKET) => "the bucket is gone or not ready yet",
            (_, Status::UNKNOWN_COLLECTION) => {
                "there is no such collection; names are SCOPE.COLLECTION"
            }
            (_, Status::UNKNOWN_SCOPE) => "there is no such scope",
            (_, Status::EACCESS) => "the user lacks the privilege",
            (_, Status::UNKNOWN_COMMAND | Status::NOT_SUPPORTED) => {
                "the node is too old, or the bucket of another kind"
            }
            (_, Status::NOT_MY_VBUCKET) => "the vbucket is on another node",
            _ => return None,
        })
    }
}

/// `OPCODE answered STATUS: advice; the node says: ... (judgement: reason; rule)`
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answered {}", self.opcode, self.status)?;
        if let Some(advice) = self.advice() {
            write!(f, ": {advice}")?;
        }
        if let Some(context) = &self.context {
            write!(f, "; the node says: {}", Metadata::from(context.as_str()))?;
        }
        let Verdict { judgement, rule } = self.verdict;
        write!(f, " ({judgement}: {} {})", rule.reason, rule.id)
    }
}
