//! The messages around DCP.

use mcbp::kv::{
    ConfigVersion, Features, KvRequest, KvResponse, NotifiedVersion, ResolvedId, SaslReply,
    SeqnoObservation, ServerRequest, ServerResponse, VbSeqnos,
};
use mcbp::{Answer, Metadata, Packet};

use super::dcp::failover_log;
use super::{Facts, Value};

pub(super) fn request(request: &KvRequest<'_>) -> Facts {
    match request {
        KvRequest::Stat(stat) => vec![
            ("key", stat.message.group.0.into()),
            ("value", stat.message.value.into()),
        ],
        KvRequest::Hello(hello) => {
            let mut facts = features(hello.message.features);
            facts.push(("key", hello.message.agent.into()));
            facts
        }
        KvRequest::SaslAuth(auth) => vec![
            ("key", auth.message.mechanism.into()),
            ("value", auth.message.data.into()),
        ],
        KvRequest::SaslStep(step) => vec![
            ("key", step.message.mechanism.into()),
            ("value", step.message.data.into()),
        ],
        KvRequest::SetVbucket(set) => vec![
            ("extras.state", set.message.state.0.into()),
            ("value", set.message.value.into()),
        ],
        KvRequest::GetVbucket(get) => vec![("key", get.message.key.into())],
        KvRequest::DelVbucket(del) => vec![("value", del.message.value.into())],
        KvRequest::GetAllVbSeqnos(get) => {
            let filter = get.message.filter;
            let state = filter.map(|filter| ("vbucket_states.state", filter.state.0.into()));
            let collection = filter.and_then(|filter| filter.collection);
            let collection = collection.map(|id| ("extras.collection", id.into()));
            state.into_iter().chain(collection).collect()
        }
        KvRequest::SelectBucket(select) => vec![("key", select.message.bucket.into())],
        KvRequest::ObserveSeqno(observe) => {
            vec![("observe.vbucket_uuid", observe.message.vbucket_uuid.into())]
        }
        KvRequest::SetClusterConfig(set) => {
            let mut facts = version(set.message.version);
            facts.push(("key", set.message.bucket.into()));
            facts.push(("value", set.message.map.into()));
            facts
        }
        KvRequest::GetClusterConfig(get) => get.message.known.map_or(vec![], version),
        KvRequest::SeqnoPersistence(persistence) => {
            vec![("extras.seqno", persistence.message.seqno.into())]
        }
        KvRequest::CollectionsSetManifest(set) => vec![("value", set.message.manifest.into())],
        KvRequest::CollectionsGetId(get) => vec![
            ("key", get.message.key.into()),
            ("value", get.message.value.into()),
        ],
        KvRequest::CollectionsGetScopeId(get) => vec![
            ("key", get.message.key.into()),
            ("value", get.message.value.into()),
        ],
        KvRequest::GetErrorMap(get) => vec![("geterrmap.version", get.message.version.into())],
        // The opcode says it all.
        _ => vec![],
    }
}

pub(super) fn response(packet: Packet<&[u8]>, response: &KvResponse<'_>) -> Facts {
    match response {
        KvResponse::Stat(response) => vec![
            ("key", response.reply.key.into()),
            ("value", response.reply.value.into()),
        ],
        KvResponse::Hello(response) => answer(response.reply, features),
        KvResponse::SaslAuth(response) => sasl(response.reply),
        KvResponse::SaslStep(response) => sasl(response.reply),
        KvResponse::SaslListMechs(response) => answer(response.reply, |list| text(list.0)),
        KvResponse::GetVbucket(response) => answer(response.reply, |state| {
            vec![("vbucket_state", state.0.into())]
        }),
        KvResponse::GetAllVbSeqnos(response) => answer(response.reply, vb_seqnos),
        KvResponse::ObserveSeqno(response) => answer(response.reply, observation),
        KvResponse::GetFailoverLog(response) => answer(response.reply, failover_log),
        KvResponse::CollectionsGetId(response) => answer(response.reply, |resolved| {
            of_manifest(resolved, "key.collection_id")
        }),
        KvResponse::CollectionsGetScopeId(response) => answer(response.reply, |resolved| {
            of_manifest(resolved, "extras.scope_id")
        }),
        // All others are text: what was asked for, or what is said of an error.
        _ => vec![("value", packet.into_sections().value.into())],
    }
}

pub(super) fn server_request(request: &ServerRequest<'_>) -> Facts {
    match request {
        ServerRequest::ClustermapChangeNotification(request) => {
            let mut facts = match request.message.version {
                NotifiedVersion::Revision(revision) => {
                    vec![("server.extras.cccp.revision", revision.into())]
                }
                NotifiedVersion::Version(known) => vec![
                    ("server.extras.cccp.epoch", known.epoch.into()),
                    ("server.extras.cccp.revision", known.revision.into()),
                ],
            };
            facts.push(("key", request.message.bucket.into()));
            facts.push(("server.clustermap.value", request.message.map.into()));
            facts
        }
        ServerRequest::Authenticate(request) => {
            vec![("server.authentication", request.message.value.into())]
        }
        ServerRequest::ActiveExternalUsers(request) => {
            vec![("server.external_users", request.message.value.into())]
        }
        ServerRequest::GetAuthorization(request) => {
            vec![("value", request.message.value.into())]
        }
        _ => vec![],
    }
}

pub(super) fn server_response(response: &ServerResponse<'_>) -> Facts {
    match response {
        ServerResponse::ClustermapChangeNotification(response) => {
            vec![("value", response.reply.value.into())]
        }
        ServerResponse::Authenticate(response) => {
            vec![("server.authentication", response.reply.value.into())]
        }
        ServerResponse::ActiveExternalUsers(response) => {
            vec![("value", response.reply.value.into())]
        }
        ServerResponse::GetAuthorization(response) => {
            vec![("server.authorization", response.reply.value.into())]
        }
        _ => vec![],
    }
}

fn answer<'a, T, const OPCODE: u8>(
    answer: Answer<'a, T, OPCODE>,
    accepted: impl FnOnce(T) -> Facts,
) -> Facts {
    match answer {
        Answer::Accepted(payload) => accepted(payload),
        Answer::Refused(value) => text(value),
    }
}

fn text(value: Metadata<'_>) -> Facts {
    vec![("value", value.into())]
}

fn sasl<const OPCODE: u8>(reply: SaslReply<'_, OPCODE>) -> Facts {
    match reply {
        SaslReply::Authenticated(data) | SaslReply::Challenge(data) => {
            vec![("value", data.into())]
        }
        SaslReply::Refused(value) => text(value),
    }
}

fn features(features: Features<'_>) -> Facts {
    let each = features.iter();
    let each = each.map(|feature| ("hello.features.feature", feature.0.into()));
    let len = features.as_bytes().len();
    [("hello.features", Value::Span(len))]
        .into_iter()
        .filter(|_| len > 0)
        .chain(each)
        .collect()
}

fn version(version: ConfigVersion) -> Facts {
    vec![
        ("extras.epoch", version.epoch.into()),
        ("extras.revision", version.revision.into()),
    ]
}

fn of_manifest(resolved: ResolvedId, id: &'static str) -> Facts {
    vec![
        ("key.collection_manifest_id", resolved.manifest_uid.into()),
        (id, resolved.id.into()),
    ]
}

fn vb_seqnos(seqnos: VbSeqnos<'_>) -> Facts {
    let each = seqnos.iter().flat_map(|entry| {
        [
            ("vbucket_states.id", entry.vbucket.into()),
            ("vbucket_states.seqno", entry.seqno.into()),
        ]
    });
    let len = seqnos.iter().count();
    let whole = [
        ("vbucket_states", Value::Span(10 * len)),
        ("vbucket_states.size", Value::Number(len as u64)),
    ];
    whole.into_iter().filter(|_| len > 0).chain(each).collect()
}

fn observation(observed: SeqnoObservation) -> Facts {
    let mut facts = vec![
        ("observe.vbucket", observed.vbucket.into()),
        ("observe.vbucket_uuid", observed.vbucket_uuid.into()),
        (
            "observe.last_persisted_seqno",
            observed.persisted_seqno.into(),
        ),
        ("observe.current_seqno", observed.high_seqno.into()),
        ("observe.failed_over", observed.failed_over.is_some().into()),
    ];
    if let Some(former) = observed.failed_over {
        facts.push(("observe.old_vbucket_uuid", former.vbucket_uuid.into()));
        facts.push(("observe.last_received_seqno", former.seqno.into()));
    }
    facts
}
