//! What the DCP messages say.

use mcbp::dcp::{
    CacheTransferRecord, DcpRequest, DcpResponse, DeletionVersion, GetFailoverLogReply,
    SnapshotMarkerV2Minor, StreamRequestReply,
};
use mcbp::{Metadata, Packet, policy};

use super::inside::said;
use super::{Field, Value, failover_log, flags, hex, name, number, sections};

/// The fields of a request.
pub(super) fn request<'a>(request: &DcpRequest<'a>) -> Vec<Field<'a>> {
    match request {
        DcpRequest::Open(request) => {
            let open = &request.message;
            vec![
                ("flags", flags(open.flags)),
                ("reserved", number(open.reserved)),
                ("name", Value::Metadata(open.name)),
                ("value", Value::Metadata(open.value)),
            ]
        }
        DcpRequest::AddStream(request) => {
            vec![("flags", flags(request.message.flags))]
        }
        DcpRequest::StreamRequest(request) => {
            let stream = &request.message;
            vec![
                ("flags", flags(stream.flags)),
                ("reserved", number(stream.reserved)),
                ("start_seqno", number(stream.start_seqno)),
                ("end_seqno", number(stream.end_seqno)),
                ("vbucket_uuid", hex(stream.vbucket_uuid)),
                ("snapshot_start_seqno", number(stream.snapshot_start_seqno)),
                ("snapshot_end_seqno", number(stream.snapshot_end_seqno)),
                ("value", Value::Metadata(stream.value)),
            ]
        }
        DcpRequest::StreamEnd(request) => {
            let reason = request.message.reason;
            let advice = policy::stream_end(reason).action;
            vec![("reason", name(reason)), ("advice", name(advice))]
        }
        DcpRequest::SnapshotMarker(request) => {
            let marker = &request.message;
            let mut fields = vec![
                ("start_seqno", number(marker.start_seqno)),
                ("end_seqno", number(marker.end_seqno)),
                ("flags", flags(marker.flags)),
            ];
            match &marker.v2 {
                None => fields.push(("version", name("1"))),
                Some(v2) => {
                    let (version, own) = match v2.minor {
                        SnapshotMarkerV2Minor::V2_0 => ("2.0", vec![]),
                        SnapshotMarkerV2Minor::V2_1 { timestamp } => {
                            ("2.1", vec![("timestamp", number(timestamp))])
                        }
                        SnapshotMarkerV2Minor::V2_2 {
                            purge_seqno,
                            high_prepared_seqno,
                        } => {
                            let own = vec![
                                ("purge_seqno", number(purge_seqno)),
                                ("high_prepared_seqno", number(high_prepared_seqno)),
                            ];
                            ("2.2", own)
                        }
                    };
                    fields.push(("version", name(version)));
                    fields.push(("max_visible_seqno", number(v2.max_visible_seqno)));
                    fields.push(("high_completed_seqno", number(v2.high_completed_seqno)));
                    fields.extend(own);
                }
            }
            fields
        }
        DcpRequest::Mutation(request) => {
            let mutation = &request.message;
            vec![
                ("by_seqno", number(mutation.by_seqno)),
                ("rev_seqno", number(mutation.rev_seqno)),
                ("flags", hex(mutation.flags)),
                ("expiration", number(mutation.expiration)),
                ("lock_time", number(mutation.lock_time)),
                ("nmeta", number(mutation.nmeta)),
                ("nru", number(mutation.nru)),
                ("key", Value::UserData(mutation.key)),
                ("value", Value::UserData(mutation.value)),
            ]
        }
        DcpRequest::Deletion(request) => {
            let deletion = &request.message;
            let mut fields = vec![
                ("by_seqno", number(deletion.by_seqno)),
                ("rev_seqno", number(deletion.rev_seqno)),
            ];
            match deletion.version {
                DeletionVersion::V1 { nmeta } => {
                    fields.push(("version", name("1")));
                    fields.push(("nmeta", number(nmeta)));
                }
                DeletionVersion::V2 {
                    delete_time,
                    unused,
                } => {
                    fields.push(("version", name("2")));
                    fields.push(("delete_time", number(delete_time)));
                    fields.push(("unused", number(unused)));
                }
            }
            fields.push(("key", Value::UserData(deletion.key)));
            fields.push(("value", Value::UserData(deletion.value)));
            fields
        }
        DcpRequest::Expiration(request) => {
            let expiration = &request.message;
            vec![
                ("by_seqno", number(expiration.by_seqno)),
                ("rev_seqno", number(expiration.rev_seqno)),
                ("delete_time", number(expiration.delete_time)),
                ("key", Value::UserData(expiration.key)),
                ("value", Value::UserData(expiration.value)),
            ]
        }
        DcpRequest::SetVbucketState(request) => {
            vec![("state", name(request.message.state))]
        }
        DcpRequest::BufferAcknowledgement(request) => {
            vec![("bytes", number(request.message.bytes))]
        }
        DcpRequest::Control(request) => {
            vec![
                ("key", Value::Metadata(request.message.key)),
                ("value", Value::Metadata(request.message.value)),
            ]
        }
        DcpRequest::SystemEvent(request) => {
            let event = &request.message;
            vec![
                ("by_seqno", number(event.by_seqno)),
                ("id", name(event.id)),
                ("version", number(event.version)),
                ("key", Value::Metadata(event.key)),
                ("value", Value::Metadata(event.value)),
            ]
        }
        DcpRequest::Prepare(request) => {
            let prepare = &request.message;
            vec![
                ("by_seqno", number(prepare.by_seqno)),
                ("rev_seqno", number(prepare.rev_seqno)),
                ("flags", hex(prepare.flags)),
                ("expiration", number(prepare.expiration)),
                ("lock_time", number(prepare.lock_time)),
                ("nru", number(prepare.nru)),
                ("deleted", name(prepare.deleted)),
                ("durability_level", name(prepare.durability_level)),
                ("key", Value::UserData(prepare.key)),
                ("value", Value::UserData(prepare.value)),
            ]
        }
        DcpRequest::SeqnoAcknowledged(request) => {
            vec![("prepared_seqno", number(request.message.prepared_seqno))]
        }
        DcpRequest::Commit(request) => {
            vec![
                ("prepared_seqno", number(request.message.prepared_seqno)),
                ("commit_seqno", number(request.message.commit_seqno)),
                ("key", Value::UserData(request.message.key)),
            ]
        }
        DcpRequest::Abort(request) => {
            vec![
                ("prepared_seqno", number(request.message.prepared_seqno)),
                ("abort_seqno", number(request.message.abort_seqno)),
                ("key", Value::UserData(request.message.key)),
            ]
        }
        DcpRequest::SeqnoAdvanced(request) => {
            vec![("by_seqno", number(request.message.by_seqno))]
        }
        DcpRequest::OsoSnapshot(request) => {
            vec![("flags", flags(request.message.flags))]
        }
        DcpRequest::CacheTransfer(request) => {
            let records = request.message.records.iter().map(record).collect();
            vec![("records", Value::List(records))]
        }
        DcpRequest::Other(packet) => sections(*packet),
        // The opcode says it all.
        _ => vec![],
    }
}

fn record(record: CacheTransferRecord<'_>) -> Value<'_> {
    Value::Record(vec![
        ("cas", hex(record.cas)),
        ("by_seqno", number(record.by_seqno)),
        ("rev_seqno", number(record.rev_seqno)),
        ("flags", hex(record.flags)),
        ("expiration", number(record.expiration)),
        ("datatype", flags(record.datatype)),
        ("cache_hint", number(record.cache_hint)),
        ("key", Value::UserData(record.key)),
        ("value", Value::UserData(record.value)),
    ])
}

/// The fields of a response.
pub(super) fn response<'a>(packet: Packet<&'a [u8]>, response: &DcpResponse<'a>) -> Vec<Field<'a>> {
    match response {
        DcpResponse::AddStream(response) => {
            let mut fields = said(response.reply.value);
            if let Some(opaque) = response.reply.stream_opaque {
                fields.insert(0, ("stream_opaque", hex(opaque)));
            }
            fields
        }
        DcpResponse::StreamRequest(response) => match response.reply {
            StreamRequestReply::Accepted(log) => vec![("failover_log", failover_log(log))],
            StreamRequestReply::Rollback { seqno } => vec![("rollback_seqno", number(seqno))],
            StreamRequestReply::Refused(value) => said(value),
        },
        DcpResponse::GetFailoverLog(response) => match response.reply {
            GetFailoverLogReply::Accepted(log) => vec![("failover_log", failover_log(log))],
            GetFailoverLogReply::Refused(value) => said(value),
        },
        DcpResponse::Other(packet) => sections(*packet),
        // All others are a `StatusOnly`.
        _ => said(Metadata(packet.into_sections().value.expose())),
    }
}
