//! What the commands around DCP say.

use mcbp::kv::{
    ConfigVersion, Features, KvRequest, KvResponse, NotifiedVersion, SaslReply, SeqnoObservation,
    ServerRequest, VbSeqno, VbSeqnos,
};
use mcbp::{Answer, Metadata, Packet, VbucketState};

use super::inside::said;
use super::{Field, Value, failover_log, hex, name, number, sections};

/// The fields of a request.
pub(super) fn request<'a>(request: &KvRequest<'a>) -> Vec<Field<'a>> {
    match request {
        KvRequest::Stat(request) => {
            let group = request.message.group;
            let mut fields = vec![("group", Value::Metadata(group.name()))];
            if let Some(argument) = group.argument() {
                fields.push(("argument", Value::UserData(argument)));
            }
            fields.extend(said(request.message.value));
            fields
        }
        KvRequest::Hello(request) => vec![
            ("agent", Value::Metadata(request.message.agent)),
            ("features", features(request.message.features)),
        ],
        KvRequest::SaslAuth(request) => vec![
            ("mechanism", Value::Metadata(request.message.mechanism)),
            ("data", Value::UserData(request.message.data)),
        ],
        KvRequest::SaslStep(request) => vec![
            ("mechanism", Value::Metadata(request.message.mechanism)),
            ("data", Value::UserData(request.message.data)),
        ],
        KvRequest::SetVbucket(request) => {
            let mut fields = vec![("state", name(request.message.state))];
            fields.extend(said(request.message.value));
            fields
        }
        KvRequest::GetVbucket(request) => vec![("key", Value::UserData(request.message.key))],
        KvRequest::DelVbucket(request) => said(request.message.value),
        KvRequest::GetAllVbSeqnos(request) => match request.message.filter {
            None => vec![],
            Some(filter) => {
                let mut fields = vec![("state", state(filter.state.narrow(), filter.state.0))];
                if let Some(collection) = filter.collection {
                    fields.push(("collection", hex(collection)));
                }
                fields
            }
        },
        KvRequest::SelectBucket(request) => {
            vec![("bucket", Value::Metadata(request.message.bucket))]
        }
        KvRequest::ObserveSeqno(request) => {
            vec![("vbucket_uuid", hex(request.message.vbucket_uuid))]
        }
        KvRequest::SetClusterConfig(request) => {
            let mut fields = version(request.message.version);
            fields.push(("bucket", Value::Metadata(request.message.bucket)));
            fields.push(("map", Value::Metadata(request.message.map)));
            fields
        }
        KvRequest::GetClusterConfig(request) => request.message.known.map_or(vec![], version),
        KvRequest::SeqnoPersistence(request) => vec![("seqno", number(request.message.seqno))],
        KvRequest::CollectionsSetManifest(request) => {
            vec![("manifest", Value::Metadata(request.message.manifest))]
        }
        KvRequest::CollectionsGetId(request) => {
            vec![("path", Value::Metadata(request.message.path()))]
        }
        KvRequest::CollectionsGetScopeId(request) => {
            vec![("scope", Value::Metadata(request.message.name()))]
        }
        KvRequest::GetErrorMap(request) => vec![("version", number(request.message.version))],
        KvRequest::Other(packet) => sections(*packet),
        // The opcode says it all.
        _ => vec![],
    }
}

/// The fields of a response.
pub(super) fn response<'a>(packet: Packet<&'a [u8]>, response: &KvResponse<'a>) -> Vec<Field<'a>> {
    match response {
        KvResponse::Stat(response) => vec![
            ("key", Value::Metadata(response.reply.key)),
            ("value", Value::Metadata(response.reply.value)),
        ],
        KvResponse::Hello(response) => answer(response.reply, |granted| {
            vec![("features", features(granted))]
        }),
        KvResponse::SaslAuth(response) => sasl(response.reply),
        KvResponse::SaslStep(response) => sasl(response.reply),
        KvResponse::SaslListMechs(response) => answer(response.reply, |mechanisms| {
            vec![("mechanisms", Value::Metadata(mechanisms.0))]
        }),
        KvResponse::GetVbucket(response) => answer(response.reply, |wide| {
            vec![("state", state(wide.narrow(), wide.0))]
        }),
        KvResponse::GetAllVbSeqnos(response) => answer(response.reply, vb_seqnos),
        KvResponse::ObserveSeqno(response) => answer(response.reply, observation),
        KvResponse::GetFailoverLog(response) => answer(response.reply, |log| {
            vec![("failover_log", failover_log(log))]
        }),
        KvResponse::CollectionsGetId(response) => answer(response.reply, |resolved| {
            vec![
                ("manifest_uid", hex(resolved.manifest_uid)),
                ("collection", hex(resolved.id)),
            ]
        }),
        KvResponse::CollectionsGetScopeId(response) => answer(response.reply, |resolved| {
            vec![
                ("manifest_uid", hex(resolved.manifest_uid)),
                ("scope", hex(resolved.id)),
            ]
        }),
        KvResponse::Other(packet) => sections(*packet),
        // All others are text: what was asked for, or what is said of an error.
        _ => said(Metadata(packet.into_sections().value.expose())),
    }
}

/// The fields of a request from the server.
pub(super) fn server_request<'a>(request: &ServerRequest<'a>) -> Vec<Field<'a>> {
    match request {
        ServerRequest::ClustermapChangeNotification(request) => {
            let mut fields = match request.message.version {
                NotifiedVersion::Revision(revision) => vec![("revision", number(revision))],
                NotifiedVersion::Version(known) => version(known),
            };
            fields.push(("bucket", Value::Metadata(request.message.bucket)));
            fields.push(("map", Value::Metadata(request.message.map)));
            fields
        }
        ServerRequest::Authenticate(request) => {
            vec![("value", Value::UserData(request.message.value))]
        }
        ServerRequest::ActiveExternalUsers(request) => {
            vec![("value", Value::UserData(request.message.value))]
        }
        ServerRequest::GetAuthorization(request) => {
            vec![("value", Value::UserData(request.message.value))]
        }
        ServerRequest::Other(packet) => sections(*packet),
        _ => vec![],
    }
}

fn answer<'a, T, const OPCODE: u8>(
    answer: Answer<'a, T, OPCODE>,
    accepted: impl FnOnce(T) -> Vec<Field<'a>>,
) -> Vec<Field<'a>> {
    match answer {
        Answer::Accepted(payload) => accepted(payload),
        Answer::Refused(value) => said(value),
    }
}

fn sasl<const OPCODE: u8>(reply: SaslReply<'_, OPCODE>) -> Vec<Field<'_>> {
    match reply {
        SaslReply::Authenticated(data) | SaslReply::Challenge(data) => {
            vec![("data", Value::UserData(data))]
        }
        SaslReply::Refused(value) => said(value),
    }
}

fn features(features: Features<'_>) -> Value<'_> {
    Value::List(features.iter().map(name).collect())
}

fn state(narrow: Option<VbucketState>, wide: u32) -> Value<'static> {
    narrow.map_or(number(wide), name)
}

fn version<'a>(version: ConfigVersion) -> Vec<Field<'a>> {
    vec![
        ("epoch", name(version.epoch)),
        ("revision", name(version.revision)),
    ]
}

fn vb_seqnos(seqnos: VbSeqnos<'_>) -> Vec<Field<'_>> {
    let seqno = |VbSeqno { vbucket, seqno }| {
        Value::Record(vec![("vbucket", number(vbucket)), ("seqno", number(seqno))])
    };
    vec![("seqnos", Value::List(seqnos.iter().map(seqno).collect()))]
}

fn observation<'a>(observed: SeqnoObservation) -> Vec<Field<'a>> {
    let mut fields = vec![
        ("observed_vbucket", number(observed.vbucket)),
        ("vbucket_uuid", hex(observed.vbucket_uuid)),
        ("persisted_seqno", number(observed.persisted_seqno)),
        ("high_seqno", number(observed.high_seqno)),
    ];
    if let Some(former) = observed.failed_over {
        fields.push(("former_vbucket_uuid", hex(former.vbucket_uuid)));
        fields.push(("former_seqno", number(former.seqno)));
    }
    fields
}
