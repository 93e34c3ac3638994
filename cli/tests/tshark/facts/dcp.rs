//! The DCP messages.

use mcbp::dcp::{
    CacheTransferRecord, DcpRequest, DcpResponse, DeletionVersion, FailoverLog,
    GetFailoverLogReply, SnapshotMarkerV2Minor, StreamRequestReply,
};
use mcbp::{OpenFlags, OsoFlags, Packet, SnapshotFlags, StreamFlags};

use super::{Facts, Value, flags};

pub(super) fn request(request: &DcpRequest<'_>) -> Facts {
    match request {
        DcpRequest::Open(open) => {
            let open = &open.message;
            let mut facts = flags(
                "extras.flags",
                open.flags,
                &[
                    ("extras.flags.dcp_include_xattrs", OpenFlags::INCLUDE_XATTRS),
                    ("extras.flags.dcp_no_value", OpenFlags::NO_VALUE),
                    ("extras.flags.dcp_collections", OpenFlags::COLLECTIONS),
                    (
                        "extras.flags.dcp_include_delete_times",
                        OpenFlags::INCLUDE_DELETE_TIMES,
                    ),
                ],
            );
            let role = open.flags & (OpenFlags::PRODUCER | OpenFlags::NOTIFIER);
            facts.extend([
                ("extras.flags.dcp_connection_type", role.bits().into()),
                ("extras.seqno", open.reserved.into()),
                ("key", open.name.into()),
                ("value", open.value.into()),
            ]);
            facts
        }
        DcpRequest::AddStream(add) => stream_flags(add.message.flags),
        DcpRequest::StreamRequest(stream) => {
            let stream = &stream.message;
            vec![
                ("extras.flags", stream.flags.bits().into()),
                ("extras.reserved", stream.reserved.into()),
                ("extras.start_seqno", stream.start_seqno.into()),
                ("extras.end_seqno", stream.end_seqno.into()),
                ("extras.vbucket_uuid", stream.vbucket_uuid.into()),
                (
                    "extras.snap_start_seqno",
                    stream.snapshot_start_seqno.into(),
                ),
                ("extras.snap_end_seqno", stream.snapshot_end_seqno.into()),
                ("value", stream.value.into()),
            ]
        }
        DcpRequest::StreamEnd(end) => vec![("extras.reason", end.message.reason.0.into())],
        DcpRequest::SnapshotMarker(marker) => {
            let marker = &marker.message;
            let mut facts = flags(
                "extras.flags",
                marker.flags,
                &[
                    (
                        "extras.flags.dcp_snapshot_marker_memory",
                        SnapshotFlags::MEMORY,
                    ),
                    ("extras.flags.dcp_snapshot_marker_disk", SnapshotFlags::DISK),
                    (
                        "extras.flags.dcp_snapshot_marker_chk",
                        SnapshotFlags::CHECKPOINT,
                    ),
                    (
                        "extras.flags.dcp_snapshot_marker_ack",
                        SnapshotFlags::ACKNOWLEDGE,
                    ),
                ],
            );
            facts.push(("extras.start_seqno", marker.start_seqno.into()));
            facts.push(("extras.end_seqno", marker.end_seqno.into()));
            if let Some(v2) = marker.v2 {
                let (version, own) = match v2.minor {
                    SnapshotMarkerV2Minor::V2_0 => (0_u8, vec![]),
                    SnapshotMarkerV2Minor::V2_1 { timestamp } => {
                        (1, vec![("extras.timestamp", timestamp.into())])
                    }
                    SnapshotMarkerV2Minor::V2_2 {
                        purge_seqno,
                        high_prepared_seqno,
                    } => {
                        let own = vec![
                            ("extras.purge_seqno", purge_seqno.into()),
                            ("extras.high_prepared_seqno", high_prepared_seqno.into()),
                        ];
                        (2, own)
                    }
                };
                facts.push(("extras.marker_version", version.into()));
                facts.push(("extras.max_visible_seqno", v2.max_visible_seqno.into()));
                facts.push((
                    "extras.high_completed_seqno",
                    v2.high_completed_seqno.into(),
                ));
                facts.extend(own);
            }
            facts
        }
        DcpRequest::Mutation(mutation) => {
            let mutation = &mutation.message;
            vec![
                ("extras.by_seqno", mutation.by_seqno.into()),
                ("extras.rev_seqno", mutation.rev_seqno.into()),
                ("extras.flags", mutation.flags.into()),
                ("extras.expiration", mutation.expiration.into()),
                ("extras.lock_time", mutation.lock_time.into()),
                ("extras.nmeta", mutation.nmeta.into()),
                ("extras.nru", mutation.nru.into()),
                ("key", mutation.key.into()),
                ("value", mutation.value.into()),
            ]
        }
        DcpRequest::Deletion(deletion) => {
            let deletion = &deletion.message;
            let mut facts = vec![
                ("extras.by_seqno", deletion.by_seqno.into()),
                ("extras.rev_seqno", deletion.rev_seqno.into()),
                ("key", deletion.key.into()),
                ("value", deletion.value.into()),
            ];
            match deletion.version {
                DeletionVersion::V1 { nmeta } => facts.push(("extras.nmeta", nmeta.into())),
                DeletionVersion::V2 {
                    delete_time,
                    unused,
                } => {
                    facts.push(("extras.delete_time", delete_time.into()));
                    facts.push(("extras.delete_unused", unused.into()));
                }
            }
            facts
        }
        DcpRequest::Expiration(expiration) => {
            let expiration = &expiration.message;
            vec![
                ("extras.by_seqno", expiration.by_seqno.into()),
                ("extras.rev_seqno", expiration.rev_seqno.into()),
                ("extras.delete_time", expiration.delete_time.into()),
                ("key", expiration.key.into()),
                ("value", expiration.value.into()),
            ]
        }
        DcpRequest::SetVbucketState(set) => vec![("extras.state", set.message.state.0.into())],
        DcpRequest::BufferAcknowledgement(ack) => {
            vec![("extras.bytes_to_ack", ack.message.bytes.into())]
        }
        DcpRequest::Control(control) => vec![
            ("key", control.message.key.into()),
            ("value", control.message.value.into()),
        ],
        DcpRequest::SystemEvent(event) => {
            let event = &event.message;
            vec![
                ("extras.by_seqno", event.by_seqno.into()),
                ("extras.system_event_id", event.id.0.into()),
                ("extras.system_event_version", event.version.into()),
                ("key", event.key.into()),
                ("value", event.value.into()),
            ]
        }
        DcpRequest::Prepare(prepare) => {
            let prepare = &prepare.message;
            let level = prepare.durability_level.0.into();
            vec![
                ("extras.by_seqno", prepare.by_seqno.into()),
                ("extras.rev_seqno", prepare.rev_seqno.into()),
                ("extras.flags", prepare.flags.into()),
                ("extras.expiration", prepare.expiration.into()),
                ("extras.lock_time", prepare.lock_time.into()),
                ("extras.nru", prepare.nru.into()),
                ("extras.deleted", prepare.deleted.0.into()),
                // The name is that of the frame info; the byte is in the extras.
                ("flex_frame.frame.durability_req", level),
                ("key", prepare.key.into()),
                ("value", prepare.value.into()),
            ]
        }
        DcpRequest::SeqnoAcknowledged(acknowledged) => {
            vec![(
                "extras.by_seqno",
                acknowledged.message.prepared_seqno.into(),
            )]
        }
        DcpRequest::Commit(commit) => vec![
            (
                "extras.by_seqno_prepared",
                commit.message.prepared_seqno.into(),
            ),
            ("extras.by_seqno", commit.message.commit_seqno.into()),
            ("key", commit.message.key.into()),
        ],
        DcpRequest::Abort(abort) => vec![
            (
                "extras.by_seqno_prepared",
                abort.message.prepared_seqno.into(),
            ),
            ("extras.by_seqno_abort", abort.message.abort_seqno.into()),
            ("key", abort.message.key.into()),
        ],
        DcpRequest::SeqnoAdvanced(advanced) => {
            vec![("extras.by_seqno", advanced.message.by_seqno.into())]
        }
        DcpRequest::OsoSnapshot(snapshot) => flags(
            "extras.dcp_oso_snapshot_flags",
            snapshot.message.flags,
            &[
                ("extras.flags.dcp_oso_snapshot_begin", OsoFlags::START),
                ("extras.flags.dcp_oso_snapshot_end", OsoFlags::END),
            ],
        ),
        DcpRequest::CacheTransfer(transfer) => {
            transfer.message.records.iter().flat_map(record).collect()
        }
        // The opcode says it all.
        _ => vec![],
    }
}

fn stream_flags(stream: StreamFlags) -> Facts {
    flags(
        "extras.flags",
        stream,
        &[
            (
                "extras.flags.dcp_add_stream_takeover",
                StreamFlags::TAKE_OVER,
            ),
            (
                "extras.flags.dcp_add_stream_diskonly",
                StreamFlags::DISK_ONLY,
            ),
            ("extras.flags.dcp_add_stream_latest", StreamFlags::TO_LATEST),
        ],
    )
}

fn record(record: CacheTransferRecord<'_>) -> Facts {
    vec![
        ("cache_transfer.cas", record.cas.into()),
        ("cache_transfer.by_seqno", record.by_seqno.into()),
        ("cache_transfer.rev_seqno", record.rev_seqno.into()),
        ("cache_transfer.flags", record.flags.into()),
        ("cache_transfer.expiration", record.expiration.into()),
        ("cache_transfer.datatype", record.datatype.bits().into()),
        ("cache_transfer.cache_hint", record.cache_hint.into()),
        ("cache_transfer.key", record.key.into()),
        ("cache_transfer.value", record.value.into()),
    ]
}

pub(super) fn response(packet: Packet<&[u8]>, response: &DcpResponse<'_>) -> Facts {
    match response {
        DcpResponse::AddStream(response) => {
            let opaque = response.reply.stream_opaque;
            let opaque = opaque.map(|opaque| ("extras.opaque", opaque.into()));
            let said = ("value", response.reply.value.into());
            opaque.into_iter().chain([said]).collect()
        }
        DcpResponse::StreamRequest(response) => match response.reply {
            StreamRequestReply::Accepted(log) => failover_log(log),
            StreamRequestReply::Rollback { seqno } => {
                vec![("rollback_seqno", seqno.into())]
            }
            StreamRequestReply::Refused(value) => vec![("value", value.into())],
        },
        DcpResponse::GetFailoverLog(response) => match response.reply {
            GetFailoverLogReply::Accepted(log) => failover_log(log),
            GetFailoverLogReply::Refused(value) => vec![("value", value.into())],
        },
        // All others are a `StatusOnly`.
        _ => vec![("value", packet.into_sections().value.into())],
    }
}

/// A log is shown in one piece, with its parts.
pub(super) fn failover_log(log: FailoverLog<'_>) -> Facts {
    let entries = log.iter().flat_map(|entry| {
        [
            ("dcp.failover_log.vbucket_uuid", entry.vbucket_uuid.into()),
            ("dcp.failover_log.seqno", entry.seqno.into()),
        ]
    });
    let len = log.iter().count();
    let whole = [
        ("dcp.failover_log", Value::Span(16 * len)),
        ("dcp.failover_log.size", Value::Number(len as u64)),
    ];
    whole.into_iter().chain(entries).collect()
}
