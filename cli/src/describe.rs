//! What a packet says, as named fields: one source for what is printed as text and as JSON.

use core::fmt;

use bitflags::Flags;
use mcbp::dcp::{
    CacheTransferRecord, DcpRequest, DcpResponse, DeletionVersion, FailoverEntry, FailoverLog,
    GetFailoverLogReply, SnapshotMarkerV2Minor, StreamRequestReply,
};
use mcbp::{FrameInfo, MessageError, Metadata, Packet, RequestInfo, ResponseInfo, UserData};

/// A named part of a packet.
pub type Field<'a> = (&'static str, Value<'a>);

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// A count or a position.
    Number(u64),
    /// A number that identifies something.
    Hex {
        /// The number.
        value: u64,
        /// How many bytes it has.
        bytes: usize,
    },
    /// Codes and flags by their names, a duration.
    Name(String),
    /// Yes or no.
    Bool(bool),
    /// Bytes that may be shown.
    Metadata(Metadata<'a>),
    /// Bytes that are shown only to who asks for them.
    UserData(UserData<'a>),
    /// Parts without names of their own.
    List(Vec<Value<'a>>),
    /// Parts with names.
    Record(Vec<Field<'a>>),
}

fn number(value: impl Into<u64>) -> Value<'static> {
    Value::Number(value.into())
}

fn hex<T: Into<u64>>(value: T) -> Value<'static> {
    Value::Hex {
        value: value.into(),
        bytes: size_of::<T>(),
    }
}

fn name(value: impl fmt::Display) -> Value<'static> {
    Value::Name(value.to_string())
}

/// The names of the bits that are set, and the number of those that have none.
pub fn flags<F: Flags<Bits: bitflags::parser::WriteHex>>(flags: F) -> Value<'static> {
    let mut names = String::new();
    // Writing to a `String` cannot fail.
    let _ = bitflags::parser::to_writer(&flags, &mut names);
    Value::Name(names)
}

/// A packet as its message sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description<'a> {
    /// Its framing extras.
    pub frame_infos: Vec<Field<'a>>,
    /// Whether its header is silent about them (see [`mcbp::FramingExtras::is_unannounced`]).
    pub unannounced: bool,
    /// The fields of its message.
    pub fields: Vec<Field<'a>>,
}

impl<'a> Description<'a> {
    /// Reads the packet's message, and names its fields. A packet without a type is described by
    /// its sections.
    ///
    /// # Errors
    ///
    /// [`MessageError`] if the packet is not the message that its header announces.
    pub fn of(packet: Packet<&'a [u8]>) -> Result<Self, MessageError> {
        if packet.header().magic().is_response() {
            let response = DcpResponse::read(packet)?;
            let framing_extras = response.framing_extras();
            Ok(Self {
                frame_infos: framing_extras.response_infos().map(response_info).collect(),
                unannounced: framing_extras.is_unannounced(),
                fields: response_fields(packet, &response),
            })
        } else {
            let request = DcpRequest::read(packet)?;
            let framing_extras = request.framing_extras();
            Ok(Self {
                frame_infos: framing_extras.request_infos().map(request_info).collect(),
                unannounced: framing_extras.is_unannounced(),
                fields: request_fields(&request),
            })
        }
    }
}

/// The parts of a packet without a type.
fn sections(packet: Packet<&[u8]>) -> Vec<Field<'_>> {
    let sections = packet.into_sections();
    let named = [
        ("extras", UserData::new(sections.extras)),
        ("key", sections.key),
        ("value", sections.value),
    ];
    let there = named.into_iter().filter(|(_, bytes)| !bytes.is_empty());
    there
        .map(|(name, bytes)| (name, Value::UserData(bytes)))
        .collect()
}

fn request_fields<'a>(request: &DcpRequest<'a>) -> Vec<Field<'a>> {
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
            vec![("reason", name(request.message.reason))]
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

fn response_fields<'a>(packet: Packet<&'a [u8]>, response: &DcpResponse<'a>) -> Vec<Field<'a>> {
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
            GetFailoverLogReply::Log(log) => vec![("failover_log", failover_log(log))],
            GetFailoverLogReply::Refused(value) => said(value),
        },
        DcpResponse::Other(packet) => sections(*packet),
        // All others are a `StatusOnly`.
        _ => said(Metadata(packet.into_sections().value.expose())),
    }
}

/// What a server says beside the status, if anything.
fn said(value: Metadata<'_>) -> Vec<Field<'_>> {
    match value.is_empty() {
        true => vec![],
        false => vec![("value", Value::Metadata(value))],
    }
}

fn failover_log(log: FailoverLog<'_>) -> Value<'_> {
    let entry = |entry: FailoverEntry| {
        Value::Record(vec![
            ("vbucket_uuid", hex(entry.vbucket_uuid)),
            ("seqno", number(entry.seqno)),
        ])
    };
    Value::List(log.iter().map(entry).collect())
}

fn request_info(info: RequestInfo<'_>) -> Field<'_> {
    match info {
        RequestInfo::Barrier => ("barrier", Value::Bool(true)),
        RequestInfo::Durability { level, timeout_ms } => {
            let mut fields = vec![("level", name(level))];
            if let Some(timeout_ms) = timeout_ms {
                fields.push(("timeout_ms", number(timeout_ms)));
            }
            ("durability", Value::Record(fields))
        }
        RequestInfo::StreamId(id) => ("stream_id", number(id)),
        RequestInfo::Impersonate(user) => ("impersonate", Value::UserData(user)),
        RequestInfo::PreserveTtl => ("preserve_ttl", Value::Bool(true)),
        RequestInfo::ImpersonateExtraPrivilege(privilege) => {
            ("extra_privilege", Value::Metadata(privilege))
        }
        RequestInfo::ImpersonateWithTokenAuthDataId(id) => ("token_auth_data_id", number(id)),
        RequestInfo::Other(info) => other_info(info),
        _ => ("unknown", Value::Bool(true)),
    }
}

fn response_info(info: ResponseInfo<'_>) -> Field<'_> {
    match info {
        ResponseInfo::ServerDuration(duration) => ("server_duration", name(duration)),
        ResponseInfo::ReadUnits(units) => ("read_units", number(units)),
        ResponseInfo::WriteUnits(units) => ("write_units", number(units)),
        ResponseInfo::ThrottleDuration(duration) => ("throttle_duration", name(duration)),
        ResponseInfo::Other(info) => other_info(info),
        _ => ("unknown", Value::Bool(true)),
    }
}

fn other_info(info: FrameInfo<'_>) -> Field<'_> {
    let fields = vec![
        ("id", number(info.id)),
        ("payload", Value::UserData(info.payload)),
    ];
    ("other", Value::Record(fields))
}
