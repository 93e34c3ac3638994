//! Where tshark is wrong, or behind: what is seen, and why.
//!
//! The list is for the tshark of Debian 12, and exact for the packets of these tests: what differs
//! is in it, and what is in it differs.

mod kinds;

use mcbp::dcp::{DcpRequest, SnapshotMarkerV2Minor};
use mcbp::value::{Collections, DocKey, Xattrs};
use mcbp::{Datatype, FrameInfo, Opcode, ServerOpcode, Status};

use self::kinds::is_escaped;
use crate::message::Message;
use crate::packets::Sample;

/// The versions of tshark that the list is exact for.
pub(crate) const EXACT_FOR: &str = "4.0.";

/// A difference, and why it is one.
pub(crate) struct Difference {
    pub(crate) why: &'static str,
    pub(crate) packets: fn(&Sample) -> bool,
    /// Those that differ in every one of these packets.
    pub(crate) always: &'static [&'static str],
    /// Those that differ in some of these packets.
    pub(crate) sometimes: &'static [&'static str],
}

impl Difference {
    pub(crate) fn fields(&self) -> impl Iterator<Item = &'static str> {
        self.always.iter().chain(self.sometimes).copied()
    }
}

/// Requests whose keys are those of documents.
const DOCUMENTS: &[Opcode] = &[
    Opcode::DCP_MUTATION,
    Opcode::DCP_DELETION,
    Opcode::DCP_EXPIRATION,
    Opcode::DCP_PREPARE,
    Opcode::DCP_COMMIT,
    Opcode::DCP_ABORT,
];

/// Opcodes that are younger than tshark.
const NEW: &[Opcode] = &[Opcode::DCP_CACHE_TRANSFER, Opcode::DCP_CACHE_TRANSFER_END];

pub(crate) const DIFFERENCES: &[Difference] = &[
    Difference {
        why: "the header is silent about the stream id, which tshark takes for the front of the extras",
        packets: Sample::is_unannounced,
        always: &[
            "flex_frame_extras",
            "flex_frame_extras.string",
            "flex_frame.frame.id",
            "flex_frame.frame.len",
            "flex_frame.frame.dcp_stream_id",
            "extras.by_seqno",
            "extras.rev_seqno",
            "extras.delete_time",
            "key",
            "key.collection_id",
            "key.logical_key",
        ],
        sometimes: &["extras.delete_unused", "value", "warn.shall_not_have_value"],
    },
    Difference {
        why: "markers 2.2 are younger than tshark",
        packets: |it| match it.message() {
            Some(Message::DcpRequest(DcpRequest::SnapshotMarker(marker))) => marker
                .message
                .v2
                .is_some_and(|v2| matches!(v2.minor, SnapshotMarkerV2Minor::V2_2 { .. })),
            _ => false,
        },
        always: &[
            "extras.purge_seqno",
            "extras.high_prepared_seqno",
            "malformed",
        ],
        sometimes: &[],
    },
    Difference {
        why: "tshark has no names for these extras",
        packets: |it| it.asks(&[Opcode::DCP_STREAM_END]),
        always: &["extras.reason", "extras.unknown"],
        sometimes: &[],
    },
    Difference {
        why: "tshark has no names for these extras",
        packets: |it| it.asks(&[Opcode::DCP_SET_VBUCKET_STATE, Opcode::SET_VBUCKET]),
        always: &["extras.state", "extras.unknown"],
        sometimes: &[],
    },
    Difference {
        why: "tshark has no names for these extras",
        packets: |it| it.asks(&[Opcode::SEQNO_PERSISTENCE]),
        always: &["extras.seqno", "extras.unknown"],
        sometimes: &[],
    },
    Difference {
        why: "tshark has no names for these extras",
        packets: |it| {
            it.asks(&[Opcode::SET_CLUSTER_CONFIG, Opcode::GET_CLUSTER_CONFIG])
                && it.lengths().extras > 0
        },
        always: &["extras.epoch", "extras.revision", "extras.unknown"],
        sometimes: &[],
    },
    Difference {
        why: "the id of a collection behind the state is not known",
        packets: |it| it.asks(&[Opcode::GET_ALL_VB_SEQNOS]) && it.lengths().extras == 8,
        always: &["extras.collection", "warn.illegal_extras_length"],
        sometimes: &[],
    },
    Difference {
        why: "tshark has no names for these extras",
        packets: |it| it.answers(&[Opcode::COLLECTIONS_GET_SCOPE_ID]) && it.succeeds(),
        always: &[
            "key.collection_manifest_id",
            "extras.scope_id",
            "extras.unknown",
        ],
        sometimes: &[],
    },
    Difference {
        why: "tshark does not look into this value",
        packets: |it| it.answers(&[Opcode::GET_VBUCKET]) && it.succeeds(),
        always: &["vbucket_state", "value"],
        sometimes: &[],
    },
    Difference {
        why: "tshark does not look into this value",
        packets: |it| {
            it.answers(&[Opcode::DCP_STREAM_REQ]) && it.status() == Some(Status::ROLLBACK)
        },
        always: &["rollback_seqno", "value"],
        sometimes: &[],
    },
    Difference {
        why: "0x96 is an older command to tshark",
        packets: |it| it.answers(&[Opcode::GET_FAILOVER_LOG]) && it.succeeds(),
        always: &[
            "dcp.failover_log",
            "dcp.failover_log.size",
            "dcp.failover_log.vbucket_uuid",
            "dcp.failover_log.seqno",
            "value",
        ],
        sometimes: &[],
    },
    Difference {
        why: "0x66 and 0x67 are younger than tshark",
        packets: |it| it.asks(&[Opcode::DCP_CACHE_TRANSFER]),
        always: &[
            "cache_transfer.cas",
            "cache_transfer.by_seqno",
            "cache_transfer.rev_seqno",
            "cache_transfer.flags",
            "cache_transfer.expiration",
            "cache_transfer.datatype",
            "cache_transfer.cache_hint",
            "cache_transfer.key",
            "value",
        ],
        sometimes: &["cache_transfer.value"],
    },
    Difference {
        why: "0x66 and 0x67 are younger than tshark",
        packets: |it| it.asks(NEW) || it.answers(NEW),
        always: &["warn.unknown_opcode"],
        sometimes: &[],
    },
    Difference {
        why: "a failure is not an unknown opcode",
        packets: |it| it.is_response() && !it.succeeds(),
        always: &["warn.unknown_opcode"],
        sometimes: &[],
    },
    Difference {
        why: "an error may have no value",
        packets: |it| {
            it.packet.header().magic().is_client_response() && !it.succeeds() && !it.has_value()
        },
        always: &["value", "value_missing"],
        sometimes: &[],
    },
    Difference {
        why: "an error has no ids, so it may be shorter than they are",
        packets: |it| {
            it.answers(&[Opcode::COLLECTIONS_GET_ID])
                && !it.succeeds()
                && (1..8).contains(&it.lengths().value)
        },
        always: &["malformed", "value"],
        sometimes: &[],
    },
    Difference {
        why: "who is refused at once is told no opaque of a stream",
        packets: |it| it.answers(&[Opcode::DCP_ADD_STREAM]) && it.lengths().extras == 0,
        always: &["warn.must_have_extras"],
        sometimes: &[],
    },
    Difference {
        why: "a flush has no extras",
        packets: |it| it.asks(&[Opcode::DCP_FLUSH]),
        always: &["warn.must_have_extras"],
        sometimes: &[],
    },
    Difference {
        why: "an event about something that is dropped has no name, thus no key",
        packets: |it| it.asks(&[Opcode::DCP_SYSTEM_EVENT]) && it.lengths().key == 0,
        always: &["warn.must_have_key"],
        sometimes: &[],
    },
    Difference {
        why: "the consumer's name is in the value",
        packets: |it| it.asks(&[Opcode::DCP_OPEN]) && it.has_value(),
        always: &["warn.shall_not_have_value"],
        sometimes: &[],
    },
    Difference {
        why: "a deletion may have a value: extended attributes outlive the document",
        packets: |it| {
            it.asks(&[Opcode::DCP_DELETION, Opcode::DCP_EXPIRATION])
                && it.has_value()
                && !it.has_datatype(Datatype::XATTR)
                && !it.is_unannounced()
        },
        always: &["warn.shall_not_have_value"],
        sometimes: &[],
    },
    Difference {
        why: "answers may say more than they have to",
        packets: |it| {
            let answers = it.answers(&[Opcode::NOOP, Opcode::QUIT])
                || it.answers_server(ServerOpcode::ACTIVE_EXTERNAL_USERS);
            answers && it.succeeds() && it.has_value()
        },
        always: &["warn.shall_not_have_value"],
        sometimes: &[],
    },
    Difference {
        why: "these keys start with no collection id",
        packets: |it| {
            it.asks(&[
                Opcode::DCP_OPEN,
                Opcode::DCP_SYSTEM_EVENT,
                Opcode::GET_VBUCKET,
                Opcode::SET_CLUSTER_CONFIG,
                Opcode::COLLECTIONS_GET_ID,
                Opcode::COLLECTIONS_GET_SCOPE_ID,
            ]) && it.lengths().key > 0
        },
        always: &["key.logical_key"],
        sometimes: &["key.collection_id"],
    },
    Difference {
        why: "no key starts with a collection id where collections were not agreed on",
        packets: |it| it.asks(DOCUMENTS) && it.agreed.collections == Collections::NotNegotiated,
        always: &["key.logical_key"],
        sometimes: &["key.collection_id"],
    },
    Difference {
        why: "a collection id is at most 32 bits in at most five bytes",
        packets: |it| {
            let message = it.message();
            let key = message.and_then(|it| it.document()).map(|(key, _)| key);
            key.is_some_and(|key| DocKey::split(key, it.agreed.collections).is_err())
        },
        always: &["key.logical_key"],
        sometimes: &["key.collection_id"],
    },
    Difference {
        why: "compressed extended attributes are not inflated",
        packets: |it| {
            it.asks(DOCUMENTS)
                && it.has_datatype(Datatype::SNAPPY | Datatype::XATTR)
                && !it.agreed.underlying
        },
        always: &[
            "xattrs",
            "xattrs.length",
            "xattrs.pair.length",
            "xattrs.pair.key",
            "xattrs.pair.value",
        ],
        sometimes: &["value", "warn.separator_not_found", "malformed"],
    },
    Difference {
        why: "extended attributes are cut off; tshark shows what there is of them",
        packets: |it| {
            let value = it
                .message()
                .and_then(|it| it.document())
                .map(|(_, value)| value);
            let has_xattrs = it.has_datatype(Datatype::XATTR) && !it.has_datatype(Datatype::SNAPPY);
            has_xattrs && value.is_some_and(|value| Xattrs::split(value).is_err())
        },
        always: &["malformed", "value", "xattrs", "xattrs.length"],
        sometimes: &[],
    },
    Difference {
        why: "datatypes are those of stored documents here, so this crate does not look into the value",
        packets: |it| {
            it.asks(DOCUMENTS) && it.has_datatype(Datatype::XATTR) && it.agreed.underlying
        },
        always: &[
            "xattrs",
            "xattrs.length",
            "xattrs.pair.length",
            "xattrs.pair.key",
            "xattrs.pair.value",
            "value",
        ],
        sometimes: &[],
    },
    Difference {
        why: "tshark does not count the byte of an id or a length that has one",
        packets: |it| {
            it.has_info(|info| is_escaped(info.id.into()) || is_escaped(info.payload.len()))
        },
        always: &["flex_frame_extras.string"],
        sometimes: &[],
    },
    Difference {
        why: "tshark gives up where both id and length have bytes of their own",
        packets: Sample::has_double_escape,
        always: &[
            "warn.unsupported_flexible_frame",
            "flex_frame_extras.string",
            "flex_frame.frame.id",
            "flex_frame.frame.len",
        ],
        sometimes: &[
            "flex_frame.frame.dcp_stream_id",
            "flex_frame.frame.impersonated_user",
            "flex_frame.frame.extra_privilege",
            "warn.unknown_flexible_frame_id",
            "warn.unknown_flexible_frame_len",
        ],
    },
    Difference {
        why: "privileges and tokens are younger than tshark",
        packets: |it| it.has_request_info(|info| matches!(info.id, 6 | 7)),
        always: &["warn.unknown_flexible_frame_id"],
        sometimes: &[
            "flex_frame.frame.extra_privilege",
            "flex_frame.frame.token_auth_data_id",
            "warn.unknown_flexible_frame_len",
        ],
    },
    Difference {
        why: "tshark passes over the timeout of a durable write",
        packets: |it| {
            let has_timeout = |info: &FrameInfo<'_>| info.id == 1 && info.payload.len() == 3;
            it.has_request_info(has_timeout)
        },
        always: &["flex_frame.frame.durability_timeout"],
        sometimes: &[],
    },
    Difference {
        why: "a user without a name is of a length that is not allowed",
        packets: |it| {
            let is_nobody = |info: &FrameInfo<'_>| info.id == 4 && info.payload.is_empty();
            it.has_request_info(is_nobody)
        },
        always: &[
            "flex_frame.frame.impersonated_user",
            "warn.unknown_flexible_frame_len",
        ],
        sometimes: &[],
    },
    Difference {
        why: "units and throttling are younger than tshark",
        packets: |it| it.is_response() && it.has_info(|info| matches!(info.id, 1..=3)),
        always: &["warn.unknown_flexible_frame_id"],
        sometimes: &[
            "flex_frame.frame.read_units",
            "flex_frame.frame.write_units",
            "flex_frame.frame.throttle_duration",
            "warn.unknown_flexible_frame_len",
        ],
    },
    Difference {
        why: "a server's packet has no framing extras: that byte is part of the key's length",
        packets: |it| {
            let magic = it.packet.header().magic();
            magic.is_server_request() || magic.is_server_response()
        },
        always: &["flex_extras"],
        sometimes: &[],
    },
    Difference {
        why: "servers that know of no epoch send a revision of 32 bits",
        packets: |it| {
            it.server_asks(ServerOpcode::CLUSTERMAP_CHANGE_NOTIFICATION) && it.lengths().extras == 4
        },
        always: &["server.extras.cccp.revision", "warn.illegal_extras_length"],
        sometimes: &[],
    },
    Difference {
        why: "a brief notification has no map, and nothing demands a value",
        packets: |it| {
            let asks = it.server_asks(ServerOpcode::CLUSTERMAP_CHANGE_NOTIFICATION)
                || it.server_asks(ServerOpcode::AUTHENTICATE);
            asks && !it.has_value()
        },
        always: &["warn.illegal_value_length"],
        sometimes: &[],
    },
    Difference {
        why: "a notification may be about no bucket",
        packets: |it| {
            it.server_asks(ServerOpcode::CLUSTERMAP_CHANGE_NOTIFICATION) && it.lengths().key == 0
        },
        always: &["warn.must_have_key"],
        sometimes: &[],
    },
    Difference {
        why: "tshark expects the user as the key, the reference (4.2) JSON as the value; no capture tells",
        packets: |it| it.server_asks(ServerOpcode::GET_AUTHORIZATION),
        always: &["warn.must_have_key"],
        sometimes: &["warn.shall_not_have_value"],
    },
];
