//! The table.

use super::Judgement::{self, Acknowledges, CancelsCacheTransfer, Expected, Fatal, StreamOnly};
use super::Set::{Except, Only};
use super::{Edition, OpaqueOwner, Role, Rule, Set, ValueShape};
use crate::{ErrorAttributes, Opcode, Status};

const PRODUCER: Option<Role> = Some(Role::Producer);
const CONSUMER: Option<Role> = Some(Role::Consumer);
const EITHER: Option<Role> = None;

const V6_5: Set<'_, Edition> = Only(&[Edition::V6_5]);
const V6_6: Set<'_, Edition> = Only(&[Edition::V6_6]);
const V6: Set<'_, Edition> = Only(&[Edition::V6_5, Edition::V6_6]);
const V7: Set<'_, Edition> = Only(&[Edition::V7_0, Edition::V7_0StatusCodes]);
/// Before 7.0, and since then without the control.
const WITHOUT_CODES: Set<'_, Edition> = Only(&[Edition::V6_6, Edition::V7_0]);
const WITH_CODES: Set<'_, Edition> = Only(&[Edition::V7_0StatusCodes]);

const ADD_STREAM: Set<'_, Opcode> = Only(&[Opcode::DCP_ADD_STREAM]);
const CLOSE_STREAM: Set<'_, Opcode> = Only(&[Opcode::DCP_CLOSE_STREAM]);
const STREAM_REQ: Set<'_, Opcode> = Only(&[Opcode::DCP_STREAM_REQ]);
const NOT_STREAM_REQ: Set<'_, Opcode> = Except(&[Opcode::DCP_STREAM_REQ]);
const STREAM_END: Set<'_, Opcode> = Only(&[Opcode::DCP_STREAM_END]);
const NOOP: Set<'_, Opcode> = Only(&[Opcode::DCP_NOOP]);
const BUFFER_ACK: Set<'_, Opcode> = Only(&[Opcode::DCP_BUFFER_ACKNOWLEDGEMENT]);
const CONTROL: Set<'_, Opcode> = Only(&[Opcode::DCP_CONTROL]);
const SEQNO_ACK: Set<'_, Opcode> = Only(&[Opcode::DCP_SEQNO_ACKNOWLEDGED]);
const CACHE_TRANSFER: Set<'_, Opcode> = Only(&[Opcode::DCP_CACHE_TRANSFER]);
const PLAIN_NOOP: Set<'_, Opcode> = Only(&[Opcode::NOOP]);
const ERROR_MAP: Set<'_, Opcode> = Only(&[Opcode::GET_ERROR_MAP]);

/// Marker and vbucket state: the producer may wait for the answer.
const AWAITED: Set<'_, Opcode> =
    Only(&[Opcode::DCP_SNAPSHOT_MARKER, Opcode::DCP_SET_VBUCKET_STATE]);

/// What the producer of 6.5.0 tolerates any answer to.
const DATA: Set<'_, Opcode> = Only(&[
    Opcode::DCP_STREAM_END,
    Opcode::DCP_MUTATION,
    Opcode::DCP_DELETION,
    Opcode::DCP_EXPIRATION,
    Opcode::DCP_SYSTEM_EVENT,
    Opcode::DCP_PREPARE,
    Opcode::DCP_COMMIT,
    Opcode::DCP_ABORT,
]);

/// What a producer since 6.6.0 judges by the status: list L of reference 11.1, stream end and
/// cache transfer.
const BY_STATUS: Set<'_, Opcode> = Only(&[
    Opcode::DCP_OPEN,
    Opcode::DCP_ADD_STREAM,
    Opcode::DCP_CLOSE_STREAM,
    Opcode::DCP_STREAM_REQ,
    Opcode::DCP_GET_FAILOVER_LOG,
    Opcode::DCP_STREAM_END,
    Opcode::DCP_MUTATION,
    Opcode::DCP_DELETION,
    Opcode::DCP_EXPIRATION,
    Opcode::DCP_BUFFER_ACKNOWLEDGEMENT,
    Opcode::DCP_CONTROL,
    Opcode::DCP_SYSTEM_EVENT,
    Opcode::DCP_PREPARE,
    Opcode::DCP_COMMIT,
    Opcode::DCP_ABORT,
    Opcode::DCP_CACHE_TRANSFER,
    Opcode::DCP_CACHE_TRANSFER_END,
    Opcode::GET_ERROR_MAP,
]);

const DURABLE: Set<'_, Opcode> =
    Only(&[Opcode::DCP_PREPARE, Opcode::DCP_COMMIT, Opcode::DCP_ABORT]);
const OUTCOME: Set<'_, Opcode> = Only(&[Opcode::DCP_COMMIT, Opcode::DCP_ABORT]);

/// What the core closes the connection for: requests that expect no answer.
const UNANSWERED: Set<'_, Opcode> = Only(&[
    Opcode::DCP_FLUSH,
    Opcode::DCP_SEQNO_ADVANCED,
    Opcode::DCP_OSO_SNAPSHOT,
]);
const UNANSWERED_BEFORE_7: Set<'_, Opcode> = Only(&[
    Opcode::DCP_SEQNO_ACKNOWLEDGED,
    Opcode::DCP_CACHE_TRANSFER,
    Opcode::DCP_CACHE_TRANSFER_END,
]);
const UNREGISTERED: Set<'_, Opcode> = Except(&[
    Opcode::NOOP,
    Opcode::DCP_OPEN,
    Opcode::DCP_ADD_STREAM,
    Opcode::DCP_CLOSE_STREAM,
    Opcode::DCP_STREAM_REQ,
    Opcode::DCP_GET_FAILOVER_LOG,
    Opcode::DCP_STREAM_END,
    Opcode::DCP_SNAPSHOT_MARKER,
    Opcode::DCP_MUTATION,
    Opcode::DCP_DELETION,
    Opcode::DCP_EXPIRATION,
    Opcode::DCP_FLUSH,
    Opcode::DCP_SET_VBUCKET_STATE,
    Opcode::DCP_NOOP,
    Opcode::DCP_BUFFER_ACKNOWLEDGEMENT,
    Opcode::DCP_CONTROL,
    Opcode::DCP_SYSTEM_EVENT,
    Opcode::DCP_PREPARE,
    Opcode::DCP_SEQNO_ACKNOWLEDGED,
    Opcode::DCP_COMMIT,
    Opcode::DCP_ABORT,
    Opcode::DCP_SEQNO_ADVANCED,
    Opcode::DCP_OSO_SNAPSHOT,
    Opcode::DCP_CACHE_TRANSFER,
    Opcode::DCP_CACHE_TRANSFER_END,
    Opcode::GET_ERROR_MAP,
]);

const OF_STREAM: Set<'_, OpaqueOwner> = Only(&[OpaqueOwner::Stream]);
const OF_CACHE_TRANSFER: Set<'_, OpaqueOwner> = Only(&[OpaqueOwner::CacheTransfer]);
const NOT_OF_CACHE_TRANSFER: Set<'_, OpaqueOwner> = Except(&[OpaqueOwner::CacheTransfer]);
const OF_NOOP: Set<'_, OpaqueOwner> = Only(&[OpaqueOwner::Noop]);
const OF_REQUIRED_CONTROL: Set<'_, OpaqueOwner> = Only(&[OpaqueOwner::RequiredControl]);
const OF_OTHER_CONTROL: Set<'_, OpaqueOwner> = Only(&[OpaqueOwner::OtherControl]);
const NOT_OF_STREAM_REQUEST: Set<'_, OpaqueOwner> =
    Except(&[OpaqueOwner::StreamRequest, OpaqueOwner::Request]);
const OF_REQUEST: Set<'_, OpaqueOwner> = Only(&[OpaqueOwner::Request]);

const SUCCESS: Set<'_, Status> = Only(&[Status::SUCCESS]);
const FAILURE: Set<'_, Status> = Except(&[Status::SUCCESS]);
const NOT_FOUND: Set<'_, Status> = Only(&[Status::KEY_ENOENT]);
const EXISTS: Set<'_, Status> = Only(&[Status::KEY_EEXISTS]);
const SUCCESS_OR_NOT_FOUND: Set<'_, Status> = Only(&[Status::SUCCESS, Status::KEY_ENOENT]);
const NOT_MY_VBUCKET: Set<'_, Status> = Only(&[Status::NOT_MY_VBUCKET]);
const STREAM_CODES: Set<'_, Status> =
    Only(&[Status::DCP_STREAM_NOT_FOUND, Status::OPAQUE_NO_MATCH]);
const ITEM_CODES: Set<'_, Status> = Only(&[Status::KEY_ENOENT, Status::KEY_EEXISTS]);
const NO_STREAM: Set<'_, Status> = Only(&[
    Status::KEY_ENOENT,
    Status::DCP_STREAM_NOT_FOUND,
    Status::DCP_STREAM_ID_INVALID,
]);
const ROLLBACK: Set<'_, Status> = Only(&[Status::ROLLBACK]);
const NO_MEMORY: Set<'_, Status> = Only(&[Status::ENOMEM]);
/// What the error map says that a client must drop its connection for: `conn-state-invalidated`,
/// or `special-handling` of which this crate has none.
const INVALIDATING: Set<'_, Status> = Only(&[
    Status::NO_BUCKET,
    Status::DCP_STREAM_NOT_FOUND,
    Status::OPAQUE_NO_MATCH,
    Status::AUTH_STALE,
    Status::AUTH_ERROR,
    Status::NOT_INITIALIZED,
    Status::ENCRYPTION_KEY_NOT_AVAILABLE,
    Status::CHECKSUM_MISMATCH,
    Status::RATE_LIMITED_MAX_CONNECTIONS,
    Status::EINTERNAL,
]);
const UNNAMED: Set<'_, Status> = Except(Status::NAMED);

/// The table: the first rule that matches decides, and the last matches everything.
///
/// Printed in the [module's documentation](super#the-table).
#[rustfmt::skip] // A line per rule, and one that says why.
pub static RULES: &[Rule<'static>] = &[
    // Statuses that only an error map knows.
    row("error-map", EITHER, Set::ALL, Set::ALL, Set::ALL, UNNAMED, Fatal,
        "The error map says that a connection is unusable after this status.",
        "reference 8.6").on_attributes(ErrorAttributes::DROPS_CONNECTION),

    // What a client asked for itself, at either end.
    row("own-close-stream", EITHER, Set::ALL, CLOSE_STREAM, OF_REQUEST, NO_STREAM, StreamOnly,
        "The stream to be closed is gone already.",
        "reference 6.3, 12.4"),
    row("own-add-stream", EITHER, Set::ALL, ADD_STREAM, OF_REQUEST, FAILURE, StreamOnly,
        "The consumer refuses the stream, or passes on the status by which its producer did.",
        "reference 6.2, 12.4"),
    row("own-invalidated", EITHER, Set::ALL, NOT_STREAM_REQ, OF_REQUEST, INVALIDATING, Fatal,
        "The error map says that a connection is unusable after this status.",
        "reference 8.6"),
    row("own-answer", EITHER, Set::ALL, NOT_STREAM_REQ, OF_REQUEST, Set::ALL, Expected,
        "An answer was asked for, and the status concerns that request.",
        "reference 1.4, 8.6"),

    // What the core decides before either end sees it.
    row("core-noop", EITHER, Set::ALL, PLAIN_NOOP, Set::ALL, Set::ALL, Expected,
        "The core takes the answer to an ordinary noop and ignores it.",
        "reference 1.2"),
    row("core-unanswered", EITHER, Set::ALL, UNANSWERED, Set::ALL, Set::ALL, Fatal,
        "No answer to this request is expected, so the core closes the connection.",
        "reference 1.2, 11.1"),
    row("core-unanswered-before-7.0", EITHER, V6, UNANSWERED_BEFORE_7, Set::ALL, Set::ALL, Fatal,
        "No answer to this request was expected before 7.0, so the core closes the connection.",
        "30a1c9e91, October 2020; reference 11.1"),
    row("core-unregistered", EITHER, Set::ALL, UNREGISTERED, Set::ALL, Set::ALL, Fatal,
        "A server asks no such thing of a client, so the core closes the connection.",
        "reference 1.2"),

    // The producer, in every release.
    row("producer-acknowledged", PRODUCER, Set::ALL, AWAITED, OF_STREAM, Set::ALL, Acknowledges,
        "The answer acknowledges the message; its status is not looked at.",
        "reference 11.1 a, e, f"),
    row("producer-noop", PRODUCER, Set::ALL, NOOP, OF_NOOP, Set::ALL, Acknowledges,
        "The answer shows that the consumer is alive; its status is not looked at.",
        "reference 11.1 a, e, f"),
    row("producer-stray-acknowledgement-6", PRODUCER, V6, AWAITED, Set::ALL, Set::ALL, Expected,
        "The answer acknowledges nothing, for the stream is gone, and that is ignored.",
        "reference 11.1 a, e"),
    row("producer-stray-acknowledgement", PRODUCER, V7, AWAITED, NOT_OF_CACHE_TRANSFER, Set::ALL, Expected,
        "The answer acknowledges nothing, for the stream is gone, and that is ignored.",
        "reference 11.1 f"),

    // The producer of 6.5.0.
    row("producer-6.5-success", PRODUCER, V6_5, DATA, Set::ALL, SUCCESS, Expected,
        "Nothing is wrong, though success needs no answer and the server logs a warning.",
        "MB-35287, 6.5.0; reference 11.1 a"),
    row("producer-6.5-key-enoent", PRODUCER, V6_5, DATA, Set::ALL, NOT_FOUND, Expected,
        "The consumer has closed the stream while the message was under way.",
        "MB-35287, 6.5.0; reference 11.1 a"),
    row("producer-6.5-data", PRODUCER, V6_5, DATA, Set::ALL, Set::ALL, StreamOnly,
        "The consumer did not take the message; the server logs a warning and goes on.",
        "MB-35287, 6.5.0; reference 11.1 a"),
    row("producer-6.5-other", PRODUCER, V6_5, Set::ALL, Set::ALL, Set::ALL, Fatal,
        "The producer has asked for no such answer.",
        "MB-35287, 6.5.0; reference 11.1 a"),

    // The producer since 6.6.0.
    row("producer-seqno-acknowledged", PRODUCER, V7, SEQNO_ACK, Set::ALL, Set::ALL, Fatal,
        "A producer sends no such request, and throws a logic error, which closes the connection.",
        "30a1c9e91, October 2020; reference 11.1 f"),
    row("producer-stream-end", PRODUCER, Set::ALL, STREAM_END, Set::ALL, SUCCESS_OR_NOT_FOUND, Expected,
        "The stream has ended, and the consumer may have forgotten it already.",
        "MB-37009, 6.6.0; reference 11.1 b, e, f"),
    row("producer-success", PRODUCER, Set::ALL, BY_STATUS, Set::ALL, SUCCESS, Expected,
        "Nothing is wrong, though success needs no answer.",
        "MB-37009, 6.6.0; reference 11.1 b, e, f"),
    row("producer-cancel-cache-transfer", PRODUCER, V7, CACHE_TRANSFER, OF_CACHE_TRANSFER, NO_MEMORY, CancelsCacheTransfer,
        "The consumer has no memory for more of the cache.",
        "reference 6.19, 11.1 f"),
    row("producer-cache-transfer-over", PRODUCER, V7, CACHE_TRANSFER, OF_STREAM, NO_MEMORY, Expected,
        "The consumer had no memory for more of the cache, but the transfer is over.",
        "reference 6.19, 11.1 f"),
    row("producer-not-my-vbucket", PRODUCER, Set::ALL, Set::ALL, Set::ALL, NOT_MY_VBUCKET, StreamOnly,
        "The vbucket has left the consumer, which concerns its stream only.",
        "MB-37009, fac834cf7, 6.6.0; reference 11.1 c, e, f"),
    row("producer-6.6-durable-key-enoent", PRODUCER, V6_6, DURABLE, Set::ALL, NOT_FOUND, Fatal,
        "The consumer lacks the prepare that this message needs, so a durable write may be lost.",
        "MB-37009, e311e7edc, 6.6.0; reference 11.1 d, e"),
    row("producer-outcome-key-enoent", PRODUCER, Only(&[Edition::V7_0]), OUTCOME, Set::ALL, NOT_FOUND, Fatal,
        "The consumer lacks the prepare that this message ends, so a durable write may be lost.",
        "MB-40934, 7b0b3b3ae, 7.0; reference 11.1 f"),
    row("producer-key-enoent", PRODUCER, WITHOUT_CODES, Set::ALL, Set::ALL, NOT_FOUND, StreamOnly,
        "The consumer has no stream for the vbucket.",
        "MB-37009, e311e7edc, 6.6.0; reference 11.1 d, e, f"),
    row("producer-key-eexists", PRODUCER, WITHOUT_CODES, Set::ALL, Set::ALL, EXISTS, StreamOnly,
        "The consumer has a stream of another opaque for the vbucket.",
        "MB-37009, 36134ec90, 6.6.0; reference 11.1 e, f"),
    row("producer-stream-codes", PRODUCER, V7, Set::ALL, Set::ALL, STREAM_CODES, StreamOnly,
        "The consumer has no stream for the vbucket, or one of another opaque.",
        "MB-40934, 7b0b3b3ae, 7.0; reference 11.1 f"),
    row("producer-item-codes", PRODUCER, WITH_CODES, Set::ALL, Set::ALL, ITEM_CODES, Fatal,
        "This status no longer stands for a stream, so the item itself is wrong.",
        "MB-40934, 7b0b3b3ae, 7.0; reference 11.1 f"),
    row("producer-foreign-noop", PRODUCER, Set::ALL, NOOP, Set::ALL, Set::ALL, Fatal,
        "The answer is to a noop that the producer does not wait on.",
        "reference 10.5, 11.1 b, e, f"),
    row("producer-cache-transfer-acknowledgement", PRODUCER, V7, AWAITED, OF_CACHE_TRANSFER, Set::ALL, Fatal,
        "A cache transfer has no snapshots and no takeover to acknowledge.",
        "reference 11.1 f"),
    row("producer-other", PRODUCER, Set::ALL, Set::ALL, Set::ALL, Set::ALL, Fatal,
        "The status is none that concerns one stream only.",
        "MB-37009, 6.6.0; reference 11.1 b, e, f"),

    // The consumer, in every release.
    row("consumer-foreign-stream-request", CONSUMER, Set::ALL, STREAM_REQ, NOT_OF_STREAM_REQUEST, Set::ALL, Fatal,
        "The answer is to no stream request that the consumer waits on, or its stream is gone.",
        "reference 11.2"),
    row("consumer-accepted", CONSUMER, Set::ALL, STREAM_REQ, Set::ALL, SUCCESS, Expected,
        "The stream is open.",
        "reference 6.4, 11.2").on_value(Only(&[ValueShape::FailoverLog])),
    row("consumer-failover-log-length", CONSUMER, Set::ALL, STREAM_REQ, Set::ALL, SUCCESS, Fatal,
        "The value is no failover log: it is empty, or not a multiple of 16 bytes.",
        "reference 8.3, 11.2"),
    row("consumer-rollback", CONSUMER, Set::ALL, STREAM_REQ, Set::ALL, ROLLBACK, Expected,
        "The consumer has to roll back to the seqno in the value, and ask again.",
        "reference 6.4, 11.2").on_value(Only(&[ValueShape::Seqno])),
    row("consumer-rollback-length", CONSUMER, Set::ALL, STREAM_REQ, Set::ALL, ROLLBACK, Fatal,
        "The value is no seqno: it has not exactly 8 bytes.",
        "reference 8.3, 11.2"),
    row("consumer-refused", CONSUMER, Set::ALL, STREAM_REQ, Set::ALL, Set::ALL, StreamOnly,
        "The producer refuses the stream.",
        "reference 6.4, 11.2"),
    row("consumer-foreign-control", CONSUMER, Set::ALL, CONTROL, OF_OTHER_CONTROL, Set::ALL, Fatal,
        "The answer is to another control than the one the consumer waits on.",
        "reference 11.2"),
    row("consumer-required-control", CONSUMER, Set::ALL, CONTROL, OF_REQUIRED_CONTROL, FAILURE, Fatal,
        "The producer refuses a control that the consumer cannot do without.",
        "reference 6.12, 11.2"),
    row("consumer-control", CONSUMER, Set::ALL, CONTROL, Set::ALL, Set::ALL, Expected,
        "The consumer goes on, without the feature if it is refused.",
        "reference 6.12, 11.2"),
    row("consumer-buffer-acknowledgement", CONSUMER, Set::ALL, BUFFER_ACK, Set::ALL, Set::ALL, Expected,
        "Old producers answered this even on success, so the answer is ignored.",
        "reference 6.11, 11.2"),
    row("consumer-seqno-acknowledged", CONSUMER, Set::ALL, SEQNO_ACK, Set::ALL, Set::ALL, Expected,
        "The answer is ignored.",
        "reference 6.15, 11.2"),
    row("consumer-error-map", CONSUMER, Set::ALL, ERROR_MAP, Set::ALL, Set::ALL, Expected,
        "Consumers up to 8.0 find out the producer's release by this, from any status.",
        "observed on 7.2.9 and 8.0.1; reference 11.2 knows no such request any more"),

    LAST,
];

/// The rule that matches everything.
#[rustfmt::skip]
pub(super) const LAST: Rule<'_> =
    row("other", EITHER, Set::ALL, Set::ALL, Set::ALL, Set::ALL, Fatal,
        "A consumer has asked for no such answer.",
        "reference 11.2");

#[expect(clippy::too_many_arguments, reason = "a row has so many columns")]
const fn row(
    id: &'static str,
    role: Option<Role>,
    editions: Set<'static, Edition>,
    opcodes: Set<'static, Opcode>,
    opaques: Set<'static, OpaqueOwner>,
    statuses: Set<'static, Status>,
    judgement: Judgement,
    reason: &'static str,
    source: &'static str,
) -> Rule<'static> {
    Rule {
        id,
        role,
        editions,
        opcodes,
        opaques,
        statuses,
        judgement,
        reason,
        source,
        ..Rule::ANY
    }
}

impl Rule<'static> {
    const fn on_value(self, values: Set<'static, ValueShape>) -> Self {
        Self { values, ..self }
    }

    const fn on_attributes(self, attributes: ErrorAttributes) -> Self {
        Self { attributes, ..self }
    }
}

// The index covers the whole table.
const _: () = assert!(RULES.len() <= super::Index::CAPACITY);
