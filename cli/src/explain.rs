//! `mcbp policy`: prints the table of verdicts, or explains one.

use std::io::{self, Write};

use mcbp::policy::{self, Context, Edition, OpaqueOwner, Role, ValueShape};
use mcbp::{Opcode, Status};

use crate::connections::judge_of;

/// What is to be explained; what is not said is as usual, or anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// What was answered.
    pub opcode: Opcode,
    /// With what.
    pub status: Status,
    /// Who received the answer.
    pub role: Option<Role>,
    /// By which rules.
    pub edition: Option<Edition>,
    /// What the opaque of the answer belongs to.
    pub opaque: Option<OpaqueOwner>,
}

/// Prints the whole table, and what to do when a stream ends.
///
/// # Errors
///
/// Those of `out`.
pub fn table(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}", policy::markdown())?;
    writeln!(out, "{}", policy::stream_ends_markdown())
}

/// Prints the verdict of each edition, and why.
///
/// # Errors
///
/// Those of `out`.
pub fn explain(out: &mut impl Write, question: &Question) -> io::Result<()> {
    let Question { opcode, status, .. } = *question;
    let role = question.role.unwrap_or_else(|| judge_of(opcode));
    let opaque = question.opaque.unwrap_or_else(|| usual_owner(role, opcode));
    writeln!(
        out,
        "{opcode} answered with {status}; at the {role}, opaque of: {opaque}"
    )?;
    for edition in Edition::ALL {
        if question.edition.is_some_and(|wanted| wanted != edition) {
            continue;
        }
        let context = Context {
            value: usual_value(opcode, status),
            ..Context::new(role, edition, opcode, opaque)
        };
        writeln!(
            out,
            "{:<16} {}",
            edition.to_string(),
            policy::judge(&context, status)
        )?;
    }
    Ok(())
}

/// What the opaque of an answer belongs to if nothing is wrong.
fn usual_owner(role: Role, opcode: Opcode) -> OpaqueOwner {
    match (role, opcode) {
        (_, Opcode::DCP_NOOP) => OpaqueOwner::Noop,
        (_, Opcode::DCP_STREAM_REQ) => OpaqueOwner::StreamRequest,
        (_, Opcode::DCP_CONTROL) => OpaqueOwner::Control,
        (Role::Producer, Opcode::DCP_CACHE_TRANSFER | Opcode::DCP_CACHE_TRANSFER_END) => {
            OpaqueOwner::CacheTransfer
        }
        (Role::Producer, _) => OpaqueOwner::Stream,
        (Role::Consumer, _) => OpaqueOwner::Request,
    }
}

/// What the value of an answer is if nothing is wrong.
fn usual_value(opcode: Opcode, status: Status) -> ValueShape {
    match (opcode, status) {
        (Opcode::DCP_STREAM_REQ, Status::SUCCESS) => ValueShape::FailoverLog,
        (Opcode::DCP_STREAM_REQ, Status::ROLLBACK) => ValueShape::Seqno,
        _ => ValueShape::Empty,
    }
}
