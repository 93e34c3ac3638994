//! What the validator of each opcode demands of any request.

use super::Connection;
use crate::Presence::{Absent, Optional, Required};
use crate::{Datatype, Lengths, Opcode, Presence};

/// What the validator of an opcode passes to `verify_header`.
pub(super) struct Shape {
    pub(super) extras: Lengths,
    pub(super) key: Presence,
    pub(super) value: Presence,
    pub(super) cas: Cas,
    /// The bits that the opcode takes.
    pub(super) datatypes: Datatype,
    /// Whether the key is that of a document, to be checked with collections (V16).
    pub(super) document_key: bool,
}

#[derive(Clone, Copy)]
pub(super) enum Cas {
    Any,
    Set,
    NotSet,
}

const RAW: Datatype = Datatype::RAW;
const JSON: Datatype = Datatype::JSON;
const ALL: Datatype = Datatype::JSON
    .union(Datatype::SNAPPY)
    .union(Datatype::XATTR);

impl Shape {
    /// The row of the opcode, for extras of this length; `None` for an opcode that is not in the
    /// tables.
    #[rustfmt::skip] // A line per row.
    pub(super) const fn of(opcode: Opcode, extras_len: usize, connection: &Connection) -> Option<Self> {
        use Cas::{Any, NotSet, Set};

        let filter = if connection.collections { Optional } else { Absent };
        // Only V2.x has its fields there.
        let marker = if extras_len == 1 { Optional } else { Absent };
        let deletion = if connection.expects_delete_times() { 21 } else { 18 };
        Some(match opcode {
            Opcode::DCP_OPEN                   => row(one(8),           Required, Optional, Any,    JSON),
            Opcode::DCP_ADD_STREAM             => row(one(4),           Absent,   Absent,   Any,    RAW),
            Opcode::DCP_CLOSE_STREAM           => row(one(0),           Absent,   Absent,   Any,    RAW),
            Opcode::DCP_STREAM_REQ             => row(one(48),          Absent,   filter,   Any,    RAW),
            Opcode::DCP_GET_FAILOVER_LOG       => row(one(0),           Absent,   Absent,   Any,    RAW),
            Opcode::GET_FAILOVER_LOG           => row(one(0),           Absent,   Absent,   Any,    RAW),
            Opcode::DCP_STREAM_END             => row(one(4),           Absent,   Absent,   Any,    RAW),
            Opcode::DCP_SNAPSHOT_MARKER        => row(two(1, 20),       Absent,   marker,   Any,    RAW),
            Opcode::DCP_MUTATION               => row(one(31),          Required, Optional, Any,    ALL).document(),
            Opcode::DCP_DELETION               => row(one(deletion),    Required, Optional, Any,    ALL).document(),
            Opcode::DCP_EXPIRATION             => row(one(20),          Required, Optional, Any,    ALL).document(),
            Opcode::DCP_SET_VBUCKET_STATE      => row(one(1),           Absent,   Absent,   Any,    RAW),
            Opcode::DCP_NOOP                   => row(one(0),           Absent,   Absent,   Any,    RAW),
            Opcode::DCP_BUFFER_ACKNOWLEDGEMENT => row(one(4),           Absent,   Absent,   Any,    RAW),
            Opcode::DCP_CONTROL                => row(one(0),           Required, Required, Any,    RAW),
            Opcode::DCP_SYSTEM_EVENT           => row(one(13),          Optional, Optional, Any,    ALL),
            Opcode::DCP_PREPARE                => row(one(31),          Required, Optional, Set,    ALL).document(),
            Opcode::DCP_SEQNO_ACKNOWLEDGED     => row(one(8),           Absent,   Absent,   NotSet, RAW),
            Opcode::DCP_COMMIT                 => row(one(16),          Required, Absent,   NotSet, RAW),
            Opcode::DCP_ABORT                  => row(one(16),          Required, Absent,   NotSet, RAW),
            Opcode::DCP_CACHE_TRANSFER         => row(one(0),           Absent,   Required, NotSet, RAW),
            Opcode::DCP_CACHE_TRANSFER_END     => row(one(0),           Absent,   Absent,   NotSet, RAW),

            Opcode::HELLO                      => row(one(0),           Optional, Optional, NotSet, RAW),
            Opcode::SASL_LIST_MECHS            => row(one(0),           Absent,   Absent,   NotSet, RAW),
            Opcode::SASL_AUTH                  => row(one(0),           Required, Optional, NotSet, RAW),
            Opcode::SASL_STEP                  => row(one(0),           Required, Optional, NotSet, RAW),
            Opcode::SELECT_BUCKET              => row(one(0),           Optional, Absent,   Any,    RAW),
            Opcode::GET_ERROR_MAP              => row(one(0),           Absent,   Optional, NotSet, RAW),
            Opcode::NOOP                       => row(one(0),           Absent,   Absent,   NotSet, RAW),
            Opcode::QUIT                       => row(one(0),           Absent,   Absent,   NotSet, RAW),
            Opcode::VERSION                    => row(one(0),           Absent,   Absent,   NotSet, RAW),
            Opcode::STAT                       => row(one(0),           Optional, Optional, NotSet, JSON),
            Opcode::GET_ALL_VB_SEQNOS          => row(three(0, 4, 8),   Absent,   Absent,   NotSet, RAW),
            Opcode::OBSERVE_SEQNO              => row(one(0),           Absent,   Optional, Any,    RAW),
            Opcode::SET_VBUCKET                => row(one(1),           Absent,   Optional, NotSet, JSON),
            Opcode::GET_VBUCKET                => row(one(0),           Optional, Absent,   NotSet, RAW),
            Opcode::DEL_VBUCKET                => row(one(0),           Absent,   Optional, NotSet, RAW),
            Opcode::GET_CLUSTER_CONFIG         => row(two(0, 16),       Absent,   Absent,   NotSet, RAW),
            Opcode::SEQNO_PERSISTENCE          => row(one(8),           Absent,   Absent,   NotSet, RAW),
            Opcode::COLLECTIONS_GET_MANIFEST   => row(one(0),           Absent,   Absent,   NotSet, RAW),
            Opcode::COLLECTIONS_GET_ID         => row(one(0),           Optional, Optional, NotSet, RAW),
            Opcode::COLLECTIONS_GET_SCOPE_ID   => row(one(0),           Optional, Optional, NotSet, RAW),
            _ => return None,
        })
    }

    const fn document(self) -> Self {
        Self {
            document_key: true,
            ..self
        }
    }
}

const fn row(
    extras: Lengths,
    key: Presence,
    value: Presence,
    cas: Cas,
    datatypes: Datatype,
) -> Shape {
    Shape {
        extras,
        key,
        value,
        cas,
        datatypes,
        document_key: false,
    }
}

const fn one(len: u8) -> Lengths {
    Lengths::one(len)
}

const fn two(short: u8, long: u8) -> Lengths {
    Lengths::two(short, long)
}

const fn three(short: u8, middle: u8, long: u8) -> Lengths {
    Lengths::three(short, middle, long)
}
