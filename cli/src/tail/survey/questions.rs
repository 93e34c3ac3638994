//! Questions to a node: which bucket it is, what is where, and how far it is.

use std::collections::BTreeMap;

use mcbp::kv::{
    CollectionsGetId, CollectionsGetIdReply, CollectionsGetManifest, CollectionsGetManifestReply,
    CollectionsGetScopeId, CollectionsGetScopeIdReply, GetAllVbSeqnos, GetAllVbSeqnosReply,
    GetClusterConfig, GetClusterConfigReply, GetFailoverLog, GetFailoverLogReply, VbSeqnosFilter,
};
use mcbp::policy::OpaqueOwner;
use mcbp::value::{CollectionId, Keyspace, Manifest, ScopeId};
use mcbp::{Answer, Message, Packet, Request, Status, VbucketState};

use crate::connect::{ConnectError, Connection, Refusal};
use crate::tail::{Selection, TailError};

/// The uuid of the bucket, if the node says: it is in the map of the cluster.
pub(in crate::tail) async fn bucket_uuid(
    connection: &mut Connection,
) -> Result<Option<String>, ConnectError> {
    let answer = connection.ask(GetClusterConfig::default().into()).await?;
    let Answer::Accepted(map) = answer.view().response::<GetClusterConfigReply<'_>>()?.reply else {
        return Ok(None);
    };
    let map: Option<serde_json::Value> = serde_json::from_slice(map.0).ok();
    let uuid = map.and_then(|map| map.get("uuid")?.as_str().map(str::to_owned));
    Ok(uuid)
}

/// The scopes and collections; none if the node does not say.
pub(in crate::tail) async fn manifest(
    connection: &mut Connection,
) -> Result<Manifest, ConnectError> {
    let answer = connection.ask(CollectionsGetManifest.into()).await?;
    let reply = answer
        .view()
        .response::<CollectionsGetManifestReply<'_>>()?
        .reply;
    Ok(match reply {
        Answer::Accepted(json) => Manifest::from_json(json.0).unwrap_or_default(),
        Answer::Refused(_) => Manifest::default(),
    })
}

/// What the collections or the scope are called on the wire.
pub(in crate::tail) async fn keyspace(
    connection: &mut Connection,
    selection: &Selection,
) -> Result<Keyspace, TailError> {
    let refused = |name: &str, answer: &Packet| TailError::Name {
        name: name.to_owned(),
        refusal: Box::new(Refusal::new(answer, OpaqueOwner::Request)),
    };
    match selection {
        Selection::Everything => Ok(Keyspace::Everything),
        Selection::Scope(name) => {
            let question = CollectionsGetScopeId {
                value: name.as_str().into(),
                ..CollectionsGetScopeId::default()
            };
            let answer = ask(connection, question.into()).await?;
            let reply = answer.view().response::<CollectionsGetScopeIdReply<'_>>();
            match reply.map_err(ConnectError::from)?.reply {
                Answer::Accepted(found) => Ok(Keyspace::Scope(ScopeId(found.id))),
                Answer::Refused(_) => Err(refused(name, &answer)),
            }
        }
        Selection::Collections(names) => {
            let mut ids = Vec::new();
            for name in names {
                let question = CollectionsGetId {
                    value: name.as_str().into(),
                    ..CollectionsGetId::default()
                };
                let answer = ask(connection, question.into()).await?;
                let reply = answer.view().response::<CollectionsGetIdReply<'_>>();
                match reply.map_err(ConnectError::from)?.reply {
                    Answer::Accepted(found) => ids.push(CollectionId(found.id)),
                    Answer::Refused(_) => return Err(refused(name, &answer)),
                }
            }
            Ok(Keyspace::Collections(ids))
        }
    }
}

/// The collections that a keyspace consists of, if it is not all of the bucket.
pub(in crate::tail) fn collections(keyspace: &Keyspace, manifest: &Manifest) -> Vec<CollectionId> {
    match keyspace {
        Keyspace::Everything => Vec::new(),
        Keyspace::Collections(ids) => ids.clone(),
        Keyspace::Scope(id) => {
            let scopes = manifest.scopes.iter().filter(|scope| scope.id == *id);
            scopes
                .flat_map(|scope| &scope.collections)
                .map(|it| it.id)
                .collect()
        }
    }
}

/// Asks how far the active vbuckets are: all there is in them, or one collection.
pub(in crate::tail) fn seqnos_of(collection: Option<CollectionId>) -> GetAllVbSeqnos {
    GetAllVbSeqnos {
        filter: Some(VbSeqnosFilter {
            state: VbucketState::ACTIVE.into(),
            collection: collection.map(|CollectionId(id)| id),
        }),
    }
}

/// The active vbuckets, and how far each is.
pub(in crate::tail) async fn seqnos(
    connection: &mut Connection,
    collection: Option<CollectionId>,
) -> Result<BTreeMap<u16, u64>, ConnectError> {
    let answer = connection.ask(seqnos_of(collection).into()).await?;
    match answer.view().response::<GetAllVbSeqnosReply<'_>>()?.reply {
        Answer::Accepted(all) => Ok(all.iter().map(|it| (it.vbucket, it.seqno)).collect()),
        Answer::Refused(_) => Err(Refusal::new(&answer, OpaqueOwner::Request).into()),
    }
}

/// The branches of history that vbuckets have been on, the newest first; none of those that are
/// not here.
pub(in crate::tail) async fn histories(
    connection: &mut Connection,
    vbuckets: impl Iterator<Item = u16>,
) -> Result<BTreeMap<u16, Vec<u64>>, ConnectError> {
    // All questions first: the answers come in the same order.
    let mut asked = Vec::new();
    for vbucket in vbuckets {
        let opaque = connection.next_opaque();
        let question = Request {
            vbucket,
            opaque,
            ..Request::from(GetFailoverLog)
        };
        connection.writer.queue(&question)?;
        asked.push((vbucket, opaque));
    }
    connection.writer.flush().await?;
    let mut histories = BTreeMap::new();
    for (vbucket, opaque) in asked {
        let answer = connection
            .answer_to(GetFailoverLog::COMMAND, opaque)
            .await?;
        let response = answer.view().response::<GetFailoverLogReply<'_>>()?;
        match response.reply {
            Answer::Accepted(log) => {
                let uuids = log.iter().map(|entry| entry.vbucket_uuid).collect();
                histories.insert(vbucket, uuids);
            }
            Answer::Refused(_) if response.status == Status::NOT_MY_VBUCKET => {}
            Answer::Refused(_) => return Err(Refusal::new(&answer, OpaqueOwner::Request).into()),
        }
    }
    Ok(histories)
}

async fn ask<'a, M: Message<'a>>(
    connection: &mut Connection,
    request: Request<'a, M>,
) -> Result<Packet, TailError> {
    Ok(connection.ask(request).await?)
}
