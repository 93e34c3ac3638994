//! Every message in both directions: what it may look like, and examples of it.

use hex_literal::hex;
use mcbp::dcp::{DcpRequest, DcpResponse};
use mcbp::{
    Lengths, MessageError, Opcode, Packet,
    Presence::{self, Absent, Optional, Required},
};

use super::{Dcp, Frame};

/// What a message may look like, from the reference (6.0), and examples of it.
pub(crate) struct Row {
    pub(crate) opcode: Opcode,
    /// Reads a packet as this message, and as no other.
    pub(crate) read: for<'a> fn(Packet<&'a [u8]>) -> Result<Dcp<'a>, MessageError>,
    pub(crate) extras: Lengths,
    pub(crate) key: Presence,
    pub(crate) value: Value,
    pub(crate) examples: &'static [Example],
    magic: u8,
}

/// What the value of a message may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    /// Anything that is there or not there as this says.
    Free(Presence),
    /// Fields of their own.
    Fields,
}

pub(crate) struct Example {
    vbucket_or_status: u16,
    extras: &'static [u8],
    key: &'static [u8],
    value: &'static [u8],
}

impl Row {
    /// The examples, without framing extras.
    pub(crate) fn frames(&self) -> impl Iterator<Item = Frame> {
        self.examples.iter().map(|example| Frame {
            vbucket_or_status: example.vbucket_or_status,
            extras: example.extras.to_vec(),
            key: example.key.to_vec(),
            value: example.value.to_vec(),
            ..Frame::new(self.magic, self.opcode.0)
        })
    }

    pub(crate) fn is_response(&self) -> bool {
        self.magic == 0x81
    }
}

/// Every message in both directions.
pub(crate) fn rows() -> impl Iterator<Item = &'static Row> {
    REQUESTS.iter().chain(&RESPONSES)
}

/// Every example of every message, with and without framing extras.
pub(crate) fn frames() -> impl Iterator<Item = (&'static Row, Frame)> {
    rows().flat_map(|row| {
        row.frames().flat_map(move |frame| {
            FRAMING_EXTRAS
                .iter()
                .map({
                    let frame = frame.clone();
                    move |extras| frame.clone().with_framing_extras(extras)
                })
                .chain([frame])
                .map(move |frame| (row, frame))
        })
    })
}

/// Framing extras, legal in both directions.
pub(crate) const FRAMING_EXTRAS: [&[u8]; 4] = [
    &[],
    // The stream id; the write units of a response.
    &hex!("22 0102"),
    // Two without a name, the second with both escapes, then the first again.
    &hex!("91 aa  ff ff 00 000102030405060708090a0b0c0d0e  91 bb"),
    // Named ones, of which two have a length that they cannot have.
    &hex!("00 12 0203 23 010203 44 75736572 50 22 0005"),
];

const EMPTY: Example = Example {
    vbucket_or_status: 0x0210,
    extras: &[],
    key: &[],
    value: &[],
};

const fn row(opcode: Opcode, magic: u8, read: Read, examples: &'static [Example]) -> Row {
    Row {
        opcode,
        read,
        extras: Lengths::NONE,
        key: Absent,
        value: Value::Free(Absent),
        examples,
        magic,
    }
}

type Read = for<'a> fn(Packet<&'a [u8]>) -> Result<Dcp<'a>, MessageError>;

macro_rules! request {
    ($Name:ident = $OPCODE:ident, $($example:expr),+) => {
        row(
            Opcode::$OPCODE,
            0x80,
            |packet| packet.request().map(|it| Dcp::Request(DcpRequest::$Name(it))),
            &[$($example),+],
        )
    };
}

macro_rules! response {
    ($Name:ident = $OPCODE:ident, $($example:expr),+) => {
        row(
            Opcode::$OPCODE,
            0x81,
            |packet| packet.response().map(|it| Dcp::Response(DcpResponse::$Name(it))),
            &[$($example),+],
        )
    };
    // A reply that consists of its status.
    ($Name:ident = $OPCODE:ident) => {
        Row {
            value: Value::Free(Optional),
            ..response!($Name = $OPCODE,
                Example { vbucket_or_status: 0x00, ..EMPTY },
                Example { vbucket_or_status: 0x22, value: br#"{"error":{}}"#, ..EMPTY }
            )
        }
    };
}

pub(crate) static REQUESTS: [Row; 24] = [
    Row {
        extras: Lengths::one(8),
        key: Required,
        value: Value::Free(Optional),
        ..request!(
            Open = DCP_OPEN,
            Example {
                extras: &hex!("00010203 04050607"),
                key: b"name",
                ..EMPTY
            },
            Example {
                extras: &hex!("00000000 00000000"),
                key: b"eq_dcpq:name",
                value: br#"{"consumer_name":"n"}"#,
                ..EMPTY
            }
        )
    },
    Row {
        extras: Lengths::one(4),
        ..request!(
            AddStream = DCP_ADD_STREAM,
            Example {
                extras: &hex!("00010203"),
                ..EMPTY
            }
        )
    },
    request!(CloseStream = DCP_CLOSE_STREAM, EMPTY),
    Row {
        extras: Lengths::one(48),
        value: Value::Free(Optional),
        ..request!(
            StreamRequest = DCP_STREAM_REQ,
            Example {
                extras: &STREAM_REQUEST,
                ..EMPTY
            },
            Example {
                extras: &STREAM_REQUEST,
                value: br#"{"sid":5}"#,
                ..EMPTY
            }
        )
    },
    request!(GetFailoverLog = DCP_GET_FAILOVER_LOG, EMPTY),
    Row {
        extras: Lengths::one(4),
        ..request!(
            StreamEnd = DCP_STREAM_END,
            Example {
                extras: &hex!("00010203"),
                ..EMPTY
            }
        )
    },
    Row {
        extras: Lengths::two(1, 20),
        value: Value::Fields,
        ..request!(
            SnapshotMarker = DCP_SNAPSHOT_MARKER,
            Example {
                extras: MARKER_V2_2.split_at(20).0,
                ..EMPTY
            },
            Example {
                extras: &[0],
                value: MARKER_V2_2.split_at(36).0,
                ..EMPTY
            },
            Example {
                extras: &[1],
                value: MARKER_V2_2.split_at(44).0,
                ..EMPTY
            },
            Example {
                extras: &[2],
                value: &MARKER_V2_2,
                ..EMPTY
            }
        )
    },
    Row {
        extras: Lengths::one(31),
        key: Required,
        value: Value::Free(Optional),
        ..request!(
            Mutation = DCP_MUTATION,
            Example {
                extras: &ITEM,
                key: b"key",
                value: b"value",
                ..EMPTY
            },
            Example {
                extras: &ITEM,
                key: b"\x08hello",
                ..EMPTY
            }
        )
    },
    Row {
        extras: Lengths::two(18, 21),
        key: Required,
        value: Value::Free(Optional),
        ..request!(
            Deletion = DCP_DELETION,
            Example {
                extras: ITEM.split_at(18).0,
                key: b"key",
                ..EMPTY
            },
            Example {
                extras: ITEM.split_at(21).0,
                key: b"key",
                ..EMPTY
            },
            Example {
                extras: ITEM.split_at(21).0,
                key: b"key",
                value: b"value",
                ..EMPTY
            }
        )
    },
    Row {
        extras: Lengths::one(20),
        key: Required,
        value: Value::Free(Optional),
        ..request!(
            Expiration = DCP_EXPIRATION,
            Example {
                extras: ITEM.split_at(20).0,
                key: b"key",
                ..EMPTY
            },
            Example {
                extras: ITEM.split_at(20).0,
                key: b"key",
                value: b"value",
                ..EMPTY
            }
        )
    },
    request!(Flush = DCP_FLUSH, EMPTY),
    Row {
        extras: Lengths::one(1),
        ..request!(
            SetVbucketState = DCP_SET_VBUCKET_STATE,
            Example {
                extras: &[3],
                ..EMPTY
            }
        )
    },
    request!(Noop = DCP_NOOP, EMPTY),
    Row {
        extras: Lengths::one(4),
        ..request!(
            BufferAcknowledgement = DCP_BUFFER_ACKNOWLEDGEMENT,
            Example {
                extras: &hex!("00010203"),
                ..EMPTY
            }
        )
    },
    Row {
        key: Required,
        value: Value::Free(Required),
        ..request!(
            Control = DCP_CONTROL,
            Example {
                key: b"enable_noop",
                value: b"true",
                ..EMPTY
            }
        )
    },
    Row {
        extras: Lengths::one(13),
        key: Optional,
        value: Value::Free(Optional),
        ..request!(
            SystemEvent = DCP_SYSTEM_EVENT,
            Example {
                extras: &SYSTEM_EVENT,
                key: b"name",
                value: &[7; 16],
                ..EMPTY
            },
            Example {
                extras: &SYSTEM_EVENT,
                value: &[7; 12],
                ..EMPTY
            }
        )
    },
    Row {
        extras: Lengths::one(31),
        key: Required,
        value: Value::Free(Optional),
        ..request!(
            Prepare = DCP_PREPARE,
            Example {
                extras: &ITEM,
                key: b"key",
                value: b"value",
                ..EMPTY
            },
            Example {
                extras: &ITEM,
                key: b"key",
                ..EMPTY
            }
        )
    },
    Row {
        extras: Lengths::one(8),
        ..request!(
            SeqnoAcknowledged = DCP_SEQNO_ACKNOWLEDGED,
            Example {
                extras: &hex!("0001020304050607"),
                ..EMPTY
            }
        )
    },
    Row {
        extras: Lengths::one(16),
        key: Required,
        ..request!(
            Commit = DCP_COMMIT,
            Example {
                extras: ITEM.split_at(16).0,
                key: b"key",
                ..EMPTY
            }
        )
    },
    Row {
        extras: Lengths::one(16),
        key: Required,
        ..request!(
            Abort = DCP_ABORT,
            Example {
                extras: ITEM.split_at(16).0,
                key: b"key",
                ..EMPTY
            }
        )
    },
    Row {
        extras: Lengths::one(8),
        ..request!(
            SeqnoAdvanced = DCP_SEQNO_ADVANCED,
            Example {
                extras: &hex!("0001020304050607"),
                ..EMPTY
            }
        )
    },
    Row {
        extras: Lengths::one(4),
        ..request!(
            OsoSnapshot = DCP_OSO_SNAPSHOT,
            Example {
                extras: &hex!("00010203"),
                ..EMPTY
            }
        )
    },
    Row {
        value: Value::Fields,
        ..request!(
            CacheTransfer = DCP_CACHE_TRANSFER,
            Example {
                value: RECORDS.split_at(47).0,
                ..EMPTY
            },
            Example {
                value: &RECORDS,
                ..EMPTY
            }
        )
    },
    request!(CacheTransferEnd = DCP_CACHE_TRANSFER_END, EMPTY),
];

pub(crate) static RESPONSES: [Row; 24] = [
    response!(Open = DCP_OPEN),
    Row {
        extras: Lengths::two(0, 4),
        value: Value::Free(Optional),
        ..response!(
            AddStream = DCP_ADD_STREAM,
            Example {
                vbucket_or_status: 0x00,
                extras: &hex!("00010203"),
                ..EMPTY
            },
            Example {
                vbucket_or_status: 0x02,
                extras: &hex!("00010203"),
                ..EMPTY
            },
            Example {
                vbucket_or_status: 0x07,
                value: br#"{"rev":1}"#,
                ..EMPTY
            }
        )
    },
    response!(CloseStream = DCP_CLOSE_STREAM),
    Row {
        value: Value::Fields,
        ..response!(
            StreamRequest = DCP_STREAM_REQ,
            Example {
                vbucket_or_status: 0x00,
                value: &FAILOVER_LOG,
                ..EMPTY
            },
            Example {
                vbucket_or_status: 0x23,
                value: &hex!("0001020304050607"),
                ..EMPTY
            },
            Example {
                vbucket_or_status: 0x88,
                value: br#"{"error":{}}"#,
                ..EMPTY
            }
        )
    },
    Row {
        value: Value::Fields,
        ..response!(
            GetFailoverLog = DCP_GET_FAILOVER_LOG,
            Example {
                vbucket_or_status: 0x00,
                value: &FAILOVER_LOG,
                ..EMPTY
            },
            Example {
                vbucket_or_status: 0x07,
                ..EMPTY
            }
        )
    },
    response!(StreamEnd = DCP_STREAM_END),
    response!(SnapshotMarker = DCP_SNAPSHOT_MARKER),
    response!(Mutation = DCP_MUTATION),
    response!(Deletion = DCP_DELETION),
    response!(Expiration = DCP_EXPIRATION),
    response!(Flush = DCP_FLUSH),
    response!(SetVbucketState = DCP_SET_VBUCKET_STATE),
    response!(Noop = DCP_NOOP),
    response!(BufferAcknowledgement = DCP_BUFFER_ACKNOWLEDGEMENT),
    response!(Control = DCP_CONTROL),
    response!(SystemEvent = DCP_SYSTEM_EVENT),
    response!(Prepare = DCP_PREPARE),
    response!(SeqnoAcknowledged = DCP_SEQNO_ACKNOWLEDGED),
    response!(Commit = DCP_COMMIT),
    response!(Abort = DCP_ABORT),
    response!(SeqnoAdvanced = DCP_SEQNO_ADVANCED),
    response!(OsoSnapshot = DCP_OSO_SNAPSHOT),
    response!(CacheTransfer = DCP_CACHE_TRANSFER),
    response!(CacheTransferEnd = DCP_CACHE_TRANSFER_END),
];

const STREAM_REQUEST: [u8; 48] = hex!(
    "00010203 04050607 08090a0b0c0d0e0f 1011121314151617 18191a1b1c1d1e1f 2021222324252627
     28292a2b2c2d2e2f"
);

/// The extras of mutation and prepare; their beginnings are those of the others.
const ITEM: [u8; 31] = hex!("0001020304050607 08090a0b0c0d0e0f 10111213 14151617 18191a1b 1c1d 1e");

/// The fields of a snapshot marker; each version has as many of them.
const MARKER_V2_2: [u8; 52] = hex!(
    "0001020304050607 08090a0b0c0d0e0f 10111213 1415161718191a1b 1c1d1e1f20212223
     2425262728292a2b 2c2d2e2f30313233"
);

const SYSTEM_EVENT: [u8; 13] = hex!("0001020304050607 08090a0b 0c");

const FAILOVER_LOG: [u8; 32] =
    hex!("0001020304050607 08090a0b0c0d0e0f 1011121314151617 18191a1b1c1d1e1f");

/// A record of 47 bytes with a value, then one of 44 without.
const RECORDS: [u8; 91] = hex!(
    "0001020304050607 08090a0b0c0d0e0f 1011121314151617 00000003 1c1d1e1f 20212223 0004 26 27
     00 6b6579 616263
     0001020304050607 08090a0b0c0d0e0f 1011121314151617 00000000 1c1d1e1f 20212223 0004 26 27
     00 6b6579"
);
