//! Would the server accept this request?
//!
//! Reading is tolerant: what a header and a body can say is read, and written back as it came.
//! Whoever sends, or plays the server, may want to know more: whether a data node would take a
//! request, and if not, how it would answer. The rules here are those of the server's request
//! validators, in the order of its checks, so the violation found is the one it would report.
//!
//! ```
//! use mcbp::validate::{self, Connection, ConnectionKind};
//! use mcbp::{Packet, Request, Status, dcp::AddStream};
//!
//! let mut bytes = Vec::new();
//! Request::from(AddStream::default()).encode(&mut bytes)?;
//! let (packet, _) = Packet::split_first(&bytes)?.expect("a whole packet");
//!
//! let consumer = Connection { kind: ConnectionKind::Consumer, ..Connection::default() };
//! assert_eq!(validate::request(packet, &consumer), Ok(()));
//!
//! let violation = validate::request(packet, &Connection::default()).unwrap_err();
//! assert_eq!(violation.rule().id, "C5");
//! assert_eq!(violation.status(), Status::EINVAL);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is checked
//!
//! All requests of DCP, and those around it: `HELLO`, SASL, `SELECT_BUCKET`, `GET_ERROR_MAP`,
//! `STAT`, failover logs, seqnos, vbucket states, cluster maps and manifests. Of requests with
//! other opcodes only what all have in common: the datatype, and framing extras that no opcode
//! takes. Responses are accepted as they are: see [`policy`](crate::policy).
//!
//! # What is not
//!
//! * What comes before a validator: whether the client is authenticated, whether its bucket is
//!   config-only, whether the packet is too large.
//! * What comes after: privileges; whether the message is for the end that the server is on this
//!   connection, which closes it otherwise (reference 6.0); and the engine, with its seqnos,
//!   streams, filters, and the records of a cache transfer.
//! * Whether a Snappy value inflates (V13) and whether extended attributes are valid (V14): they
//!   are taken for good unless [`Findings`] say otherwise.
//! * Whether a user, a privilege or a token that framing extras name exists.
//! * In the two values that have to be JSON (`DCP_OPEN`, `STAT`): unpaired surrogates, what is
//!   nested more than 64 deep, and escapes in the name `consumer_name`.
//!
//! # Which server
//!
//! The current one. Those seen to differ: 8.0.1 does not know cache transfers yet; 7.2.9 also knows
//! neither V2.2 of the snapshot marker nor the stream flag `FROM_LATEST`, and still takes the open
//! flag `PITR`, and a stream id where it consumes (C3).
//!
//! # The rules
//!
#![doc = include_str!("validate/rules.md")]

mod document_key;
mod frame_info;
mod json;
mod own;
mod rule;
mod shape;

pub use rule::{Field, RULES, Rule, Violation, markdown};

use crate::{Datatype, FramingExtras, Lengths, Magic, Opcode, Packet, Presence, Sections};
use shape::{Cas, Shape};

/// What the server knows of a connection when it judges a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Connection {
    /// Whether it is a connection of DCP, and which.
    pub kind: ConnectionKind,
    /// Whether collections were negotiated.
    pub collections: bool,
    /// Whether `DCP_OPEN` asked for delete times.
    pub include_delete_times: bool,
    /// The datatypes that were negotiated. `DCP_OPEN` itself adds `JSON`, and a later `HELLO`
    /// takes it away (reference 3).
    pub datatypes: Datatype,
    /// Whether unordered execution was negotiated, as it must not be with DCP.
    pub unordered_execution: bool,
    /// Whether the selected bucket has DCP.
    pub bucket_has_dcp: bool,
}

/// An ordinary connection to a bucket with DCP, on which nothing was negotiated.
impl Default for Connection {
    fn default() -> Self {
        Self {
            kind: ConnectionKind::Ordinary,
            collections: false,
            include_delete_times: false,
            datatypes: Datatype::RAW,
            unordered_execution: false,
            bucket_has_dcp: true,
        }
    }
}

impl Connection {
    /// Whether a server that consumes takes deletions with a delete time (V2), and no others.
    const fn expects_delete_times(&self) -> bool {
        self.collections || self.include_delete_times
    }
}

/// What the server does on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum ConnectionKind {
    /// Anything but DCP: no `DCP_OPEN` yet.
    Ordinary,
    /// It produces.
    Producer,
    /// It consumes.
    Consumer,
}

/// What is known of a request's value that only inflating it and reading its documents tells.
///
/// By default nothing is known against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Findings {
    /// Whether the value inflates, and to no more than the server's largest packet; asked only if
    /// the datatype says `SNAPPY` (V13).
    pub inflates: bool,
    /// Whether the inflated value starts with valid extended attributes; asked only if the
    /// datatype says `XATTR` (V14).
    pub has_valid_xattrs: bool,
}

impl Default for Findings {
    fn default() -> Self {
        Self {
            inflates: true,
            has_valid_xattrs: true,
        }
    }
}

/// Checks whether the server would accept a request on a connection.
///
/// # Errors
///
/// [`Violation`]: the first rule that the request breaks, and how the server would answer.
pub fn request(packet: Packet<&[u8]>, connection: &Connection) -> Result<(), Violation> {
    request_with(packet, connection, Findings::default())
}

/// The same, with what is known of the value by other means.
///
/// # Errors
///
/// As [`request`].
pub fn request_with(
    packet: Packet<&[u8]>,
    connection: &Connection,
    findings: Findings,
) -> Result<(), Violation> {
    let header = packet.header();
    if header.magic().is_response() {
        return Ok(());
    }
    if header.magic() == Magic::ServerRequest {
        let is_known = matches!(header.command().byte(), 1..=4);
        return Err(if is_known {
            const { Violation::of("server-opcode") }
        } else {
            const { Violation::of("server-unknown") }
        });
    }
    let opcode = Opcode(header.command().byte());
    let is_registered = opcode.name().is_some()
        && !matches!(
            opcode,
            Opcode::DCP_SEQNO_ADVANCED | Opcode::DCP_OSO_SNAPSHOT
        );
    refuse(opcode.is_retired(), const { Violation::of("retired") })?;
    refuse(!is_registered, const { Violation::of("unregistered") })?;

    // As the header cuts them: the server does not look for a stream id that is not announced.
    let sections = packet.into_sections();
    if opcode == Opcode::DCP_SNAPSHOT_MARKER {
        own::check_marker(&sections)?;
    }
    let shape = Shape::of(opcode, sections.extras.len(), connection);
    let datatype = header.datatype();
    let is_legal = datatype.bits() <= 0x07;
    refuse(!is_legal, const { Violation::of("V1") })?;
    if let Some(shape) = &shape {
        check_shape(shape, &sections, connection)?;
        check_cas(shape.cas, header.cas())?;
        let is_taken = shape.datatypes.contains(datatype);
        refuse(!is_taken, const { Violation::of("V11") })?;
    }
    let is_enabled = connection.datatypes.contains(datatype);
    refuse(!is_enabled, const { Violation::of("V12") })?;
    let has = |bit| datatype.contains(bit);
    refuse(
        has(Datatype::SNAPPY) && !findings.inflates,
        const { Violation::of("V13") },
    )?;
    refuse(
        has(Datatype::XATTR) && !findings.has_valid_xattrs,
        const { Violation::of("V14") },
    )?;
    frame_info::check(sections.framing_extras, shape.as_ref())?;
    let Some(shape) = shape else {
        return Ok(());
    };
    if shape.document_key && connection.collections {
        document_key::check(sections.key.expose())?;
    }
    own::check(opcode, &packet)?;
    let framing_extras = FramingExtras::new(sections.framing_extras).unwrap_or_default();
    own::check_connection(opcode, framing_extras.stream_id().is_some(), connection)
}

/// V2 to V8.
fn check_shape(
    shape: &Shape,
    sections: &Sections<'_>,
    connection: &Connection,
) -> Result<(), Violation> {
    if !shape.extras.contains(sections.extras.len()) {
        return Err(if shape.extras == Lengths::NONE {
            const { Violation::of("V2") }
        } else {
            const { Violation::of("V3") }
        });
    }
    let key_len = sections.key.len();
    if !shape.key.allows(key_len) {
        return Err(match shape.key {
            Presence::Required => const { Violation::of("V5") },
            _ => const { Violation::of("V4") },
        });
    }
    let max_key_len = if connection.collections { 251 } else { 250 };
    refuse(key_len > max_key_len, const { Violation::of("V6") })?;
    if !shape.value.allows(sections.value.len()) {
        return Err(match shape.value {
            Presence::Required => const { Violation::of("V8") },
            _ => const { Violation::of("V7") },
        });
    }
    Ok(())
}

/// V9 and V10.
fn check_cas(demanded: Cas, cas: u64) -> Result<(), Violation> {
    match (demanded, cas) {
        (Cas::NotSet, 1..) => Err(const { Violation::of("V9") }),
        (Cas::Set, 0) => Err(const { Violation::of("V10") }),
        _ => Ok(()),
    }
}

/// A violation, if there is one.
const fn refuse(is_violated: bool, violation: Violation) -> Result<(), Violation> {
    if is_violated { Err(violation) } else { Ok(()) }
}
