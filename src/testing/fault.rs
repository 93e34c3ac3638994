//! What goes wrong, and when.

mod script;

use alloc::vec::Vec;
use core::time::Duration;

pub use script::InvalidFault;

use crate::{Header, Opcode, Status, StreamEndReason};

/// Something that goes wrong.
///
/// It happens to the packets that the selector matches: it lets `after` of them go, and befalls
/// the next `times`. All connections of a node count together, so what happened once does not
/// happen again to the client that comes back.
///
/// As text it is a line of words: what happens, to which opcode (or `any`), and then in any order
/// `vb=N`, `takeover`, `after=N`, and `times=N` or `always` for more than once. A script of
/// [`Faults`] has a line for each, and comments that start with `#`:
///
/// ```
/// use mcbp::testing::Faults;
///
/// let script = "
///     drop DCP_MUTATION after=10                      # the eleventh
///     delay 250ms DCP_ADD_STREAM                      # the answer comes late
///     repeat DCP_DELETION vb=3
///     opaque DCP_MUTATION
///     cut 30 DCP_SNAPSHOT_MARKER                      # the connection ends after 30 bytes of it
///     close any after=1000
///     end STATE_CHANGED DCP_MUTATION times=2          # instead of a mutation
///     end OK DCP_STREAM_REQ                           # instead of an answer (MB-53445)
///     refuse ETMPFAIL DCP_ADD_STREAM takeover times=2
///     rollback 7 DCP_STREAM_REQ vb=1
/// ";
/// let faults: Faults = script.parse()?;
/// assert_eq!(faults.iter().count(), 10);
/// # Ok::<(), mcbp::testing::InvalidFault>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What happens.
    pub kind: FaultKind,
    /// To which packets.
    pub selector: Selector,
    /// How many of these go unharmed first.
    pub after: u32,
    /// To how many it happens then; [`u32::MAX`] for all.
    pub times: u32,
}

impl Fault {
    /// What happens once, to the next packet with this opcode; to the next at all without one.
    pub const fn new(kind: FaultKind, opcode: Option<Opcode>) -> Self {
        Self {
            kind,
            selector: Selector {
                opcode,
                vbucket: None,
                takeover: false,
            },
            after: 0,
            times: 1,
        }
    }
}

/// What can happen to a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// It is not sent.
    Drop,
    /// It is sent later, and whatever follows it in its stream.
    Delay(Duration),
    /// It is sent twice.
    Repeat,
    /// It carries an opaque that is not its own: each bit turned.
    Opaque,
    /// Only this many bytes of it are sent, then the connection is closed.
    Cut(usize),
    /// The connection is closed instead.
    Close,
    /// The stream ends instead, for this reason; with `DCP_STREAM_REQ`, instead of being granted,
    /// and without an answer (MB-53445).
    End(StreamEndReason),
    /// A request is not answered as it should be, but with this status; nothing is done.
    Refuse(Status),
    /// A stream request is answered with a rollback to this seqno.
    Rollback(u64),
}

/// Which packets a fault is about: what the node sends, or what it is asked, for
/// [`FaultKind::Refuse`], [`FaultKind::Rollback`], and [`FaultKind::End`] of a `DCP_STREAM_REQ`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Selector {
    /// Packets with this opcode, requests and responses alike.
    pub opcode: Option<Opcode>,
    /// Packets about this vbucket. A response does not say which one it is about, and is not
    /// matched.
    pub vbucket: Option<u16>,
    /// Only requests for a takeover: `DCP_ADD_STREAM` and `DCP_STREAM_REQ` with that flag.
    pub takeover: bool,
}

/// The faults of a node, each with how often it has been looked at.
#[derive(Debug, Clone, Default)]
pub struct Faults(Vec<(Fault, u32)>);

impl Faults {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter().map(|(fault, _)| fault)
    }

    /// How often one of them has happened.
    pub fn happened(&self) -> u32 {
        let times = self.0.iter().map(|(fault, seen)| {
            let due = seen.saturating_sub(fault.after);
            due.min(fault.times)
        });
        times.fold(0, u32::saturating_add)
    }

    /// Adds a fault.
    pub fn push(&mut self, fault: Fault) {
        self.0.push((fault, 0));
    }
}

impl Faults {
    /// What happens to a packet that is sent.
    pub(super) fn on_sent(&mut self, header: &Header) -> Option<FaultKind> {
        let is_request = header.magic().is_client_request();
        let vbucket = is_request.then_some(header.vbucket_or_status());
        self.find(header.opcode()?, vbucket, |fault| match fault.kind {
            FaultKind::Refuse(_) | FaultKind::Rollback(_) => false,
            FaultKind::End(_) => is_request && is_of_stream(header),
            _ => !fault.selector.takeover,
        })
    }

    /// How a request is refused.
    pub(super) fn on_asked(&mut self, header: &Header, takes_over: bool) -> Option<FaultKind> {
        let vbucket = Some(header.vbucket_or_status());
        self.find(header.opcode()?, vbucket, |fault| {
            matches!(fault.kind, FaultKind::Refuse(_)) && fault.selector.is_met(takes_over)
        })
    }

    /// What happens to a stream request that would be granted.
    pub(super) fn on_stream_request(
        &mut self,
        header: &Header,
        takes_over: bool,
    ) -> Option<FaultKind> {
        let vbucket = Some(header.vbucket_or_status());
        self.find(header.opcode()?, vbucket, |fault| {
            let is_own = match fault.kind {
                FaultKind::Rollback(_) => true,
                FaultKind::End(_) => fault.selector.opcode == Some(Opcode::DCP_STREAM_REQ),
                _ => false,
            };
            is_own && fault.selector.is_met(takes_over)
        })
    }

    fn find(
        &mut self,
        opcode: Opcode,
        vbucket: Option<u16>,
        is_meant: impl Fn(&Fault) -> bool,
    ) -> Option<FaultKind> {
        for (fault, seen) in &mut self.0 {
            let Selector {
                opcode: own,
                vbucket: of,
                ..
            } = fault.selector;
            let is_hit = own.is_none_or(|own| own == opcode)
                && (of.is_none() || of == vbucket)
                && is_meant(fault);
            if !is_hit {
                continue;
            }
            let before = *seen;
            *seen = seen.saturating_add(1);
            if before >= fault.after && before.saturating_sub(fault.after) < fault.times {
                return Some(fault.kind);
            }
        }
        None
    }
}

impl Selector {
    const fn is_met(&self, takes_over: bool) -> bool {
        !self.takeover || takes_over
    }
}

/// Whether a packet is a message of a stream.
fn is_of_stream(header: &Header) -> bool {
    matches!(
        header.opcode(),
        Some(
            Opcode::DCP_SNAPSHOT_MARKER
                | Opcode::DCP_MUTATION
                | Opcode::DCP_DELETION
                | Opcode::DCP_EXPIRATION
                | Opcode::DCP_SET_VBUCKET_STATE
                | Opcode::DCP_SYSTEM_EVENT
                | Opcode::DCP_PREPARE
                | Opcode::DCP_COMMIT
                | Opcode::DCP_ABORT
                | Opcode::DCP_SEQNO_ADVANCED
                | Opcode::DCP_OSO_SNAPSHOT
        )
    )
}
