//! The packets that the server's documentation prints, and what becomes of those it prints wrong.
//!
//! `vectors/documented.jsonl` has one to a line: where it is from, its bytes, the fields that the
//! page gives it; where bytes or fields are wrong, why, and the bytes put right if they can be.

#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test may panic"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use mcbp::dcp::{DcpRequest, DcpResponse, GetFailoverLogReply, StreamRequestReply};
use mcbp::dcp::{DeletionVersion, FailoverLog, SnapshotMarkerV2Minor};
use mcbp::{Header, Packet};
use serde_json::{Map, Value, json};

use common::{Dcp, packet};

struct Vector {
    name: String,
    kind: String,
    bytes: Vec<u8>,
    fields: Map<String, Value>,
    is_defective: bool,
    corrected: Option<Vec<u8>>,
}

fn vectors() -> Vec<Vector> {
    include_str!("vectors/documented.jsonl")
        .lines()
        .map(|line| {
            let vector: Value = serde_json::from_str(line).expect("a line of JSON");
            let text = |name: &str| vector[name].as_str();
            let bytes = unhex(text("hex").expect("bytes"));
            assert_eq!(vector["len"], bytes.len());
            let is_defective = text("defect").is_some_and(|reason| !reason.is_empty());
            let corrected = text("corrected_hex").map(unhex);
            assert!(is_defective || corrected.is_none());
            Vector {
                name: text("name").expect("a name").to_owned(),
                kind: text("kind").expect("a kind").to_owned(),
                bytes,
                fields: vector["fields"].as_object().expect("fields").clone(),
                is_defective,
                corrected,
            }
        })
        .collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| text.get(at..at + 2).expect("pairs of digits");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(digit(at), 16).expect("hexadecimal digits"))
        .collect()
}

fn frames() -> impl Iterator<Item = Vector> {
    vectors().into_iter().filter(|it| it.kind == "frame")
}

#[test]
fn the_list_is_complete() {
    let mut kinds = BTreeMap::new();
    let mut names = BTreeSet::new();
    for vector in vectors() {
        *kinds.entry(vector.kind).or_insert(0) += 1;
        assert!(names.insert(vector.name));
    }
    // All but the frames are parts of bodies.
    let expected = [
        ("frame", 98),
        ("leb128", 13),
        ("value_part", 1),
        ("xattr_section", 1),
    ];
    assert_eq!(
        kinds,
        expected
            .map(|(kind, count)| (kind.to_owned(), count))
            .into()
    );
    assert_eq!(
        frames().filter(|it| it.is_defective).count(),
        AS_PRINTED.len()
    );
}

#[test]
fn what_is_printed_right_is_read_as_documented() {
    for vector in frames().filter(|it| !it.is_defective) {
        assert_survives(&vector.name, &vector.bytes);
        let wrong = disagreements(&vector.fields, packet(&vector.bytes));
        assert_eq!(wrong, [""; 0], "{}", vector.name);
    }
}

#[test]
fn what_is_printed_wrong_fails_as_it_should() {
    let mut expected = AS_PRINTED.iter();
    for vector in frames().filter(|it| it.is_defective) {
        let (name, outcome) = expected.next().expect("an outcome for each");
        assert_eq!(vector.name, *name);
        assert_eq!(outcome_of(&vector.bytes), *outcome, "{name}");
    }
    assert_eq!(expected.next(), None);
}

#[test]
fn what_is_put_right_is_read_as_documented() {
    let mut expected = FIELDS_OFF.iter();
    for vector in frames() {
        let Some(bytes) = vector.corrected else {
            continue;
        };
        assert_survives(&vector.name, &bytes);
        let wrong = disagreements(&vector.fields, packet(&bytes));
        if !wrong.is_empty() {
            let (name, fields) = expected.next().expect("an entry for each");
            assert_eq!((vector.name.as_str(), &wrong[..]), (*name, *fields));
        }
    }
    assert_eq!(expected.next(), None);
}

/// Checks that these bytes are one packet, and that both it and its message are written as read.
#[track_caller]
fn assert_survives(name: &str, bytes: &[u8]) {
    let mut written = Vec::new();
    assert_eq!(packet(bytes).encode(&mut written), Ok(()));
    assert_eq!(written, bytes, "{name}");
    let message = Dcp::read(packet(bytes)).expect(name);
    let is_dcp = matches!(bytes, [0x80 | 0x81, 0x50..=0x67, ..]);
    assert_eq!(message.is_other(), !is_dcp, "{name}");
    assert_eq!(message.written(), bytes, "{name}");
}

/// What reading the bytes gives, packet by packet.
fn outcome_of(bytes: &[u8]) -> Vec<String> {
    let mut packets = Packet::iter(bytes);
    let mut outcome = Vec::new();
    for read in &mut packets {
        outcome.push(match read {
            Ok(packet) => match Dcp::read(packet) {
                Ok(message) if message.is_other() => format!("{} kept whole", title(packet)),
                Ok(_) => title(packet),
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        });
    }
    if let Some(header) = Header::peek(packets.rest()).expect("judged already") {
        let missing = header.packet_len() - packets.rest().len();
        outcome.push(format!("{missing} bytes missing"));
    }
    outcome
}

fn title(packet: Packet<&[u8]>) -> String {
    let header = packet.header();
    let direction = if header.magic().is_response() {
        "response"
    } else {
        "request"
    };
    format!("{} {direction}", header.command())
}

/// The documented fields that are not those of the packet.
fn disagreements<'a>(fields: &'a Map<String, Value>, packet: Packet<&[u8]>) -> Vec<&'a str> {
    let read = fields_of(packet);
    let names = fields
        .iter()
        .filter(|(name, documented)| match read.get(name.as_str()) {
            Some(value) => value != *documented,
            None => !WITHOUT_A_TYPE.contains(&name.as_str()),
        });
    let mut names: Vec<_> = names.map(|(name, _)| name.as_str()).collect();
    // The order of a JSON object depends on the features of its reader.
    names.sort_unstable();
    names
}

/// Fields that this crate hands out as bytes: those of the value of a system event, and those of
/// commands without a type.
const WITHOUT_A_TYPE: [&str; 8] = [
    "collection_id",
    "features",
    "manifest_uid",
    "max_ttl",
    "scope_id",
    "seqno",
    "state",
    "vb_seqnos",
];

/// A packet's fields under the names that the documented ones go by.
fn fields_of(packet: Packet<&[u8]>) -> BTreeMap<&'static str, Value> {
    let header = packet.header();
    let lengths = header.lengths();
    let mut fields = BTreeMap::from([
        ("magic", json!(header.magic() as u8)),
        ("opcode", json!(header.command().byte())),
        ("key_len", json!(lengths.key)),
        ("extras_len", json!(lengths.extras)),
        ("datatype", json!(header.datatype().bits())),
        ("body_len", json!(header.body_len())),
        ("opaque", json!(header.opaque())),
        ("cas", json!(header.cas())),
    ]);
    fields.extend(header.vbucket().map(|vbucket| ("vbucket", json!(vbucket))));
    fields.extend(header.status().map(|status| ("status", json!(status.0))));
    match Dcp::read(packet).expect("a message") {
        Dcp::Request(DcpRequest::Other(packet)) | Dcp::Response(DcpResponse::Other(packet)) => {
            let sections = packet.into_sections();
            let extras: String = sections
                .extras
                .iter()
                .map(|it| format!("{it:02x}"))
                .collect();
            fields.insert("extras_hex", json!(extras));
            fields.insert("key", text(sections.key.expose()));
            fields.insert("value", text(sections.value.expose()));
            let log = FailoverLog::new(sections.value.expose());
            fields.extend(log.map(|log| ("failover_log", entries(log))));
        }
        Dcp::Request(request) => fields.extend(fields_of_request(request)),
        Dcp::Response(response) => fields.extend(fields_of_response(response)),
    }
    fields
}

/// Bytes as the list gives them: as text, or in hexadecimal if they are none.
fn text(bytes: &[u8]) -> Value {
    let is_text = bytes.iter().all(|byte| !byte.is_ascii_control());
    match core::str::from_utf8(bytes) {
        Ok(text) if is_text => json!(text),
        _ => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            json!(format!("hex:{digits}"))
        }
    }
}

fn fields_of_request(request: DcpRequest<'_>) -> Vec<(&'static str, Value)> {
    match request {
        DcpRequest::Open(it) => vec![
            ("reserved", json!(it.message.reserved)),
            ("flags", json!(it.message.flags.bits())),
            ("key", text(it.message.name.0)),
        ],
        DcpRequest::AddStream(it) => vec![("flags", json!(it.message.flags.bits()))],
        DcpRequest::StreamRequest(it) => vec![
            ("flags", json!(it.message.flags.bits())),
            ("reserved", json!(it.message.reserved)),
            ("start_seqno", json!(it.message.start_seqno)),
            ("end_seqno", json!(it.message.end_seqno)),
            ("vbucket_uuid", json!(it.message.vbucket_uuid)),
            ("snap_start_seqno", json!(it.message.snapshot_start_seqno)),
            ("snap_end_seqno", json!(it.message.snapshot_end_seqno)),
        ],
        DcpRequest::StreamEnd(it) => vec![("end_status", json!(it.message.reason.0))],
        DcpRequest::SnapshotMarker(it) => {
            let marker = it.message;
            let version = marker.v2.map(|v2| match v2.minor {
                SnapshotMarkerV2Minor::V2_0 => 0,
                SnapshotMarkerV2Minor::V2_1 { .. } => 1,
                SnapshotMarkerV2Minor::V2_2 { .. } => 2,
            });
            vec![
                ("marker_version", json!(version)),
                ("start_seqno", json!(marker.start_seqno)),
                ("end_seqno", json!(marker.end_seqno)),
                ("marker_flags", json!(marker.flags.bits())),
                ("max_visible_seqno", json!(marker.max_visible_seqno())),
                ("high_completed_seqno", json!(marker.high_completed_seqno())),
            ]
        }
        DcpRequest::Mutation(it) => vec![
            ("by_seqno", json!(it.message.by_seqno)),
            ("rev_seqno", json!(it.message.rev_seqno)),
            ("item_flags", json!(it.message.flags)),
            ("expiration", json!(it.message.expiration)),
            ("lock_time", json!(it.message.lock_time)),
            ("nmeta", json!(it.message.nmeta)),
            ("nru", json!(it.message.nru)),
            ("key", text(it.message.key.expose())),
            ("value", text(it.message.value.expose())),
        ],
        DcpRequest::Deletion(it) => {
            let version = match it.message.version {
                DeletionVersion::V1 { nmeta } => ("nmeta", json!(nmeta)),
                DeletionVersion::V2 { delete_time, .. } => ("delete_time", json!(delete_time)),
            };
            vec![
                ("by_seqno", json!(it.message.by_seqno)),
                ("rev_seqno", json!(it.message.rev_seqno)),
                version,
                ("key", text(it.message.key.expose())),
            ]
        }
        DcpRequest::Expiration(it) => vec![
            ("by_seqno", json!(it.message.by_seqno)),
            ("rev_seqno", json!(it.message.rev_seqno)),
            ("delete_time", json!(it.message.delete_time)),
            ("key", text(it.message.key.expose())),
        ],
        DcpRequest::SetVbucketState(it) => vec![("state", json!(it.message.state.0))],
        DcpRequest::BufferAcknowledgement(it) => vec![("buffer_bytes", json!(it.message.bytes))],
        DcpRequest::Control(it) => vec![
            ("key", text(it.message.key.0)),
            ("value", text(it.message.value.0)),
        ],
        DcpRequest::SystemEvent(it) => vec![
            ("by_seqno", json!(it.message.by_seqno)),
            ("event", json!(it.message.id.0)),
            ("version", json!(it.message.version)),
            ("key", text(it.message.key.0)),
        ],
        DcpRequest::Prepare(it) => vec![
            ("by_seqno", json!(it.message.by_seqno)),
            ("rev_seqno", json!(it.message.rev_seqno)),
            ("item_flags", json!(it.message.flags)),
            ("expiration", json!(it.message.expiration)),
            ("lock_time", json!(it.message.lock_time)),
            ("nru", json!(it.message.nru)),
            ("deleted", json!(it.message.deleted.0)),
            ("durability_level", json!(it.message.durability_level.0)),
            ("key", text(it.message.key.expose())),
            ("value", text(it.message.value.expose())),
        ],
        DcpRequest::SeqnoAcknowledged(it) => {
            vec![("prepared_seqno", json!(it.message.prepared_seqno))]
        }
        DcpRequest::Commit(it) => vec![
            ("prepared_seqno", json!(it.message.prepared_seqno)),
            ("commit_seqno", json!(it.message.commit_seqno)),
            ("key", text(it.message.key.expose())),
        ],
        DcpRequest::Abort(it) => vec![
            ("prepared_seqno", json!(it.message.prepared_seqno)),
            ("abort_seqno", json!(it.message.abort_seqno)),
            ("key", text(it.message.key.expose())),
        ],
        DcpRequest::SeqnoAdvanced(it) => vec![("by_seqno", json!(it.message.by_seqno))],
        DcpRequest::OsoSnapshot(it) => vec![("oso_flags", json!(it.message.flags.bits()))],
        DcpRequest::CacheTransfer(it) => {
            let records = it.message.records.iter().map(|record| {
                json!({
                    "cas": record.cas,
                    "by_seqno": record.by_seqno,
                    "rev_seqno": record.rev_seqno,
                    "value_len": record.value.len(),
                    "item_flags": record.flags,
                    "expiration": record.expiration,
                    "item_key_len": record.key.len(),
                    "item_datatype": record.datatype.bits(),
                    "cache_hint": record.cache_hint,
                    "item_key": text(record.key.expose()),
                    "item_value": text(record.value.expose()),
                })
            });
            vec![("items", records.collect())]
        }
        // The others have no fields.
        _ => Vec::new(),
    }
}

fn entries(log: FailoverLog<'_>) -> Value {
    let entries = log.iter();
    entries
        .map(|it| json!([it.vbucket_uuid, it.seqno]))
        .collect()
}

fn fields_of_response(response: DcpResponse<'_>) -> Vec<(&'static str, Value)> {
    match response {
        DcpResponse::AddStream(it) => vec![("stream_opaque", json!(it.reply.stream_opaque))],
        DcpResponse::StreamRequest(it) => match it.reply {
            StreamRequestReply::Accepted(log) => vec![("failover_log", entries(log))],
            StreamRequestReply::Rollback { seqno } => vec![("rollback_seqno", json!(seqno))],
            StreamRequestReply::Refused(value) => vec![("value", text(value.0))],
        },
        DcpResponse::GetFailoverLog(it) => match it.reply {
            GetFailoverLogReply::Accepted(log) => vec![("failover_log", entries(log))],
            GetFailoverLogReply::Refused(value) => vec![("value", text(value.0))],
        },
        // The others consist of their status.
        _ => Vec::new(),
    }
}

/// What becomes of the frames that are printed wrong, as they are printed.
const AS_PRINTED: &[(&str, &[&str])] = &[
    (
        "dcp-buffer-ack-request",
        &["DCP_BUFFER_ACKNOWLEDGEMENT: extras of 0 bytes, expected 4"],
    ),
    ("dcp-cache-transfer-one-item", &["4 bytes missing"]),
    (
        "dcp-control-request-enable-noop",
        &[
            "DCP_CONTROL: extras of 4 bytes, expected none",
            "unknown magic 0x6c",
        ],
    ),
    ("dcp-control-response", &["4 bytes missing"]),
    (
        "dcp-deletion-v1",
        &["DCP_DELETION request", "unknown magic 0x65"],
    ),
    (
        "dcp-expiration",
        &[
            "DCP_EXPIRATION: extras of 18 bytes, expected 20",
            "unknown magic 0x6c",
        ],
    ),
    (
        "get-all-vb-seqnos-request-replica-collection",
        &["GET_ALL_VB_SEQNOS request kept whole"],
    ),
    (
        "dcp-noop-request",
        &["DCP_NOOP request", "unknown magic 0x00"],
    ),
    (
        "dcp-oso-snapshot-start",
        &["sections need 4 bytes, the body has 0"],
    ),
    (
        "seqno-persistence-request",
        &["SEQNO_PERSISTENCE request kept whole", "unknown magic 0x00"],
    ),
    ("dcp-prepare", &["DCP_MUTATION request"]),
    ("get-random-key-response", &["8 bytes missing"]),
    (
        "dcp-seqno-advanced",
        &["sections need 4 bytes, the body has 0"],
    ),
    (
        "dcp-snapshot-marker-v1",
        &["sections need 20 bytes, the body has 0"],
    ),
    (
        "dcp-snapshot-marker-v2.0",
        &["sections need 20 bytes, the body has 0"],
    ),
    ("dcp-stream-request-resume", &["DCP_STREAM_REQ request"]),
    (
        "dcp-stream-request-from-zero-truncated",
        &["8 bytes missing"],
    ),
    (
        "dcp-system-event-collection-begin-v1",
        &["DCP_SYSTEM_EVENT request"],
    ),
    (
        "getk-response",
        &["GET response kept whole", "unknown magic 0x57"],
    ),
    (
        "list-buckets-response",
        &["LIST_BUCKETS response kept whole"],
    ),
    (
        "add-request-collection-555",
        &["ADD request kept whole", "unknown magic 0x6c"],
    ),
    (
        "server-active-external-users",
        &["ACTIVE_EXTERNAL_USERS request kept whole"],
    ),
    (
        "server-get-authorization-response",
        &["AUTHENTICATE response kept whole"],
    ),
    (
        "return-meta-add-request",
        &["RETURN_META request kept whole", "unknown magic 0x61"],
    ),
    (
        "del-with-meta-request",
        &["DEL_WITH_META request kept whole", "unknown magic 0x79"],
    ),
    (
        "return-meta-del-request",
        &["sections need 17 bytes, the body has 5"],
    ),
    (
        "get-keys-request",
        &["sections need 13 bytes, the body has 0"],
    ),
    ("get-keys-response", &["GET_KEYS response kept whole"]),
    ("get-meta-request", &["GET_META request kept whole"]),
    ("get-meta-response", &["GET_META response kept whole"]),
    (
        "set-with-meta-request",
        &["SET_WITH_META request kept whole", "unknown magic 0x61"],
    ),
    (
        "return-meta-set-request",
        &["RETURN_META request kept whole", "unknown magic 0x61"],
    ),
    (
        "range-scan-create-response-success",
        &["RANGE_SCAN_CREATE request kept whole"],
    ),
];

/// The documented fields that are wrong where the bytes could be put right.
const FIELDS_OFF: &[(&str, &[&str])] = &[
    (
        "dcp-control-request-enable-noop",
        &["body_len", "extras_len", "key_len"],
    ),
    ("dcp-control-response", &["body_len", "extras_len"]),
    ("dcp-expiration", &["body_len", "extras_len"]),
    ("seqno-persistence-request", &["key_len"]),
    // The server takes no prepare without a CAS.
    ("dcp-prepare", &["cas"]),
    ("getk-response", &["body_len", "opcode"]),
    // The key is documented without its collection id.
    ("add-request-collection-555", &["body_len", "key"]),
    ("return-meta-add-request", &["body_len"]),
    ("del-with-meta-request", &["body_len", "extras_len"]),
    ("return-meta-del-request", &["body_len"]),
    ("get-keys-request", &["body_len"]),
    ("return-meta-set-request", &["body_len"]),
    ("range-scan-create-response-success", &["magic"]),
];
