//! The commands around DCP, as a node answers them.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::super::bucket::Bucket;
use super::super::node::{Node, Release};
use super::super::sasl::Step;
use super::link::{Link, unknown_in_manifest};
use super::{Closing, Connection, cluster};
use crate::kv::{
    self, Features, GetClusterConfigReply, GetErrorMapReply, HelloReply, KvRequest, Mechanisms,
    ResolvedId, SaslReply, VbSeqno, VbSeqnos, VbSeqnosFilter, WideVbucketState,
};
use crate::validate::ConnectionKind;
use crate::value::CollectionId;
use crate::{
    Answer, Datatype, Feature, Header, Metadata, Opcode, Packet, Reply, Request, Status, UserData,
    VbucketState,
};

impl Connection {
    pub(super) fn on_kv(
        &mut self,
        node: &mut Node,
        packet: Packet<&[u8]>,
        now: Duration,
    ) -> Result<(), Closing> {
        let header = packet.header();
        let request = KvRequest::read(packet).map_err(Closing::Message)?;
        let mut answering = Answering {
            link: &mut self.link,
            node,
            header,
            now,
        };
        match request {
            KvRequest::Quit(_) => {
                answering.succeed(kv::QuitReply::default());
                return Err(Closing::Quit);
            }
            KvRequest::Noop(_) => answering.succeed(kv::NoopReply::default()),
            KvRequest::Version(_) => {
                let version = match answering.node.release {
                    Release::V7_2 => "7.2.9-testing",
                    Release::V8_0 => "8.0.1-testing",
                };
                answering.succeed(kv::VersionReply::Accepted(version.into()));
            }
            // The answers end with one that says nothing.
            KvRequest::Stat(_) => answering.succeed(kv::StatReply::default()),
            KvRequest::Hello(hello) => answering.hello(hello.message.features),
            KvRequest::SaslListMechs(_) => answering.mechanisms(),
            KvRequest::SaslAuth(auth) => {
                let mechanism = core::str::from_utf8(auth.message.mechanism.0).unwrap_or_default();
                answering.link.exchange = answering.node.authenticator.start(mechanism);
                answering.step::<{ Opcode::SASL_AUTH.0 }>(auth.message.data);
            }
            KvRequest::SaslStep(step) => {
                answering.step::<{ Opcode::SASL_STEP.0 }>(step.message.data);
            }
            KvRequest::SelectBucket(select) => answering.select_bucket(select.message.bucket),
            KvRequest::GetErrorMap(get) => answering.error_map(get.message.version),
            KvRequest::GetAllVbSeqnos(get) => answering.seqnos(get.message.filter),
            KvRequest::GetFailoverLog(get) => answering.failover_log(&get),
            KvRequest::GetVbucket(get) => answering.vbucket_state(get.vbucket),
            KvRequest::GetClusterConfig(_) => answering.cluster_config(),
            KvRequest::CollectionsGetManifest(_) => answering.manifest(),
            KvRequest::CollectionsGetId(get) => answering.collection_id(get.message.path()),
            KvRequest::CollectionsGetScopeId(get) => answering.scope_id(get.message.name()),
            KvRequest::SeqnoPersistence(_) => {
                answering.succeed(kv::SeqnoPersistenceReply::default());
            }
            _ => answering.refuse(Status::NOT_SUPPORTED, "Not part of the test server"),
        }
        Ok(())
    }
}

/// Whatever is not dead.
const ALIVE: WideVbucketState = WideVbucketState(0);

/// A request that is being answered.
struct Answering<'a> {
    link: &'a mut Link,
    node: &'a mut Node,
    header: &'a Header,
    now: Duration,
}

impl Answering<'_> {
    fn succeed<'r>(&mut self, reply: impl Reply<'r>) {
        self.reply(Status::SUCCESS, Datatype::RAW, reply);
    }

    fn reply<'r>(&mut self, status: Status, datatype: Datatype, reply: impl Reply<'r>) {
        let faults = &mut self.node.faults;
        self.link
            .answer_with(faults, self.now, self.header, status, datatype, reply);
    }

    fn refuse(&mut self, status: Status, context: &str) {
        let faults = &mut self.node.faults;
        self.link
            .refuse(faults, self.now, self.header, status, context);
    }

    fn hello(&mut self, wanted: Features<'_>) {
        let is_missing = |feature: Feature| {
            let mut needed = feature.requires().iter();
            needed.any(|&each| !wanted.contains(each))
        };
        if wanted.iter().any(is_missing) {
            return self.refuse(Status::EINVAL, "Unmet dependency of a feature");
        }
        let is_dcp = self.link.known.kind != ConnectionKind::Ordinary;
        let granted = wanted.iter().filter(|&feature| match feature {
            Feature::UNORDERED_EXECUTION => !is_dcp,
            Feature::SNAPPY | Feature::SNAPPY_EVERYWHERE => cfg!(feature = "snappy"),
            Feature::CLUSTERMAP_CHANGE_NOTIFICATION
            | Feature::CLUSTERMAP_CHANGE_NOTIFICATION_BRIEF
            | Feature::REPORT_UNIT_USAGE => false,
            _ => feature.name().is_some() && !feature.is_never_granted(),
        });
        self.link.features = granted.collect();
        let features = &self.link.features;
        let has = |feature| features.contains(&feature);
        let mut datatypes = Datatype::RAW;
        datatypes.set(Datatype::JSON, has(Feature::JSON));
        datatypes.set(Datatype::XATTR, has(Feature::XATTR));
        datatypes.set(
            Datatype::SNAPPY,
            has(Feature::SNAPPY) || has(Feature::SNAPPY_EVERYWHERE),
        );
        let known = &mut self.link.known;
        known.datatypes = datatypes;
        known.collections = has(Feature::COLLECTIONS);
        known.unordered_execution = has(Feature::UNORDERED_EXECUTION);
        let granted: Vec<_> = features.iter().copied().collect();
        let mut value = Vec::new();
        // A list of at most 38.
        if Features::encode(&granted, &mut value).is_ok() {
            let features = Features::new(&value).unwrap_or_default();
            self.succeed(HelloReply::Accepted(features));
        }
    }

    fn mechanisms(&mut self) {
        let names: String = self.node.authenticator.mechanisms().into();
        let mechanisms = Mechanisms(Metadata::from(&*names));
        self.succeed(kv::SaslListMechsReply::Accepted(mechanisms));
    }

    fn step<const OPCODE: u8>(&mut self, data: UserData<'_>) {
        if self.link.known.kind != ConnectionKind::Ordinary {
            return self.refuse(Status::NOT_SUPPORTED, "SASL is disabled after DCP_OPEN");
        }
        let Some(exchange) = &mut self.link.exchange else {
            return self.refuse(Status::AUTH_ERROR, "Unknown mechanism");
        };
        match exchange.step(data) {
            Step::Challenge(challenge) => {
                let reply = SaslReply::<OPCODE>::Challenge(UserData::new(&challenge));
                self.reply(Status::AUTH_CONTINUE, Datatype::RAW, reply);
            }
            Step::Authenticated { data, .. } => {
                self.link.is_authenticated = true;
                self.link.exchange = None;
                self.succeed(SaslReply::<OPCODE>::Authenticated(UserData::new(&data)));
            }
            Step::Refused => {
                self.link.is_authenticated = false;
                self.link.exchange = None;
                self.refuse(Status::AUTH_ERROR, "Authentication failed");
            }
        }
    }

    fn select_bucket(&mut self, name: Metadata<'_>) {
        if self.link.known.kind != ConnectionKind::Ordinary {
            return self.refuse(Status::NOT_SUPPORTED, "Not on a DCP connection");
        }
        match name.0 {
            b"" | b"@no bucket@" => self.link.has_bucket = false,
            name if name == self.node.bucket.name().as_bytes() => self.link.has_bucket = true,
            _ => return self.refuse(Status::KEY_ENOENT, "No such bucket"),
        }
        self.succeed(kv::SelectBucketReply::default());
    }

    fn error_map(&mut self, version: u16) {
        if version == 0 {
            return self.refuse(Status::KEY_ENOENT, "No such error map");
        }
        let map = cluster::error_map(version);
        let reply = GetErrorMapReply::Accepted(Metadata::from(&*map));
        self.reply(Status::SUCCESS, Datatype::JSON, reply);
    }

    fn cluster_config(&mut self) {
        let Some(map) = self.node.cluster_map.clone() else {
            return self.refuse(Status::KEY_ENOENT, "No cluster map");
        };
        let reply = GetClusterConfigReply::Accepted(Metadata::from(&*map));
        self.reply(Status::SUCCESS, Datatype::JSON, reply);
    }

    fn seqnos(&mut self, filter: Option<VbSeqnosFilter>) {
        let state = filter.map_or(ALIVE, |filter| filter.state);
        let collection = filter
            .and_then(|filter| filter.collection)
            .map(CollectionId);
        let bucket = &self.node.bucket;
        let collection = match (collection, self.link.known.collections) {
            (Some(_), false) => return self.refuse(Status::EINVAL, "Collections not enabled"),
            (Some(id), true) if bucket.collection(id).is_none() => {
                let value = unknown_in_manifest(bucket.manifest().uid);
                let (faults, status) = (&mut self.node.faults, Status::UNKNOWN_COLLECTION);
                return self
                    .link
                    .refuse_with(faults, self.now, self.header, status, &value);
            }
            (None, false) => Some(CollectionId::DEFAULT),
            (collection, true) => collection,
        };
        let mut value = Vec::new();
        for (vbucket, own) in bucket.vbuckets() {
            let is_wanted = match state {
                ALIVE => own.state() != VbucketState::DEAD,
                state => state.0 == u32::from(own.state().0),
            };
            if is_wanted {
                let seqno = match collection {
                    Some(id) => own.high_seqno_of(id),
                    None => own.high_seqno(),
                };
                value.extend(VbSeqno { vbucket, seqno }.to_bytes());
            }
        }
        if let Some(seqnos) = VbSeqnos::new(&value) {
            self.succeed(kv::GetAllVbSeqnosReply::Accepted(seqnos));
        }
    }

    fn failover_log(&mut self, request: &Request<'_, kv::GetFailoverLog>) {
        let log = failover_log(&self.node.bucket, request.vbucket);
        match crate::dcp::FailoverLog::new(&log) {
            Some(log) => self.succeed(kv::GetFailoverLogReply::Accepted(log)),
            None => self.refuse_bare(Status::NOT_MY_VBUCKET),
        }
    }

    fn vbucket_state(&mut self, vbucket: u16) {
        match self.node.bucket.vbucket(vbucket).map(|own| own.state()) {
            Some(state) => {
                let state = WideVbucketState(state.0.into());
                self.succeed(kv::GetVbucketReply::Accepted(state));
            }
            None => self.refuse_bare(Status::NOT_MY_VBUCKET),
        }
    }

    /// Refuses without a word.
    fn refuse_bare(&mut self, status: Status) {
        let faults = &mut self.node.faults;
        self.link
            .refuse_with(faults, self.now, self.header, status, "");
    }

    fn manifest(&mut self) {
        let manifest = cluster::manifest(self.node.bucket.manifest());
        let reply = kv::CollectionsGetManifestReply::Accepted(Metadata::from(&*manifest));
        self.reply(Status::SUCCESS, Datatype::JSON, reply);
    }

    fn collection_id(&mut self, path: Metadata<'_>) {
        let manifest = self.node.bucket.manifest();
        let path = core::str::from_utf8(path.0).unwrap_or_default();
        let Some((scope, collection)) = path.split_once('.') else {
            return self.refuse(Status::EINVAL, "The path has to be scope.collection");
        };
        let scopes = &manifest.scopes;
        let scope = scopes.iter().find(|each| each.name == or_default(scope));
        let found = scope.map(|scope| {
            let mut collections = scope.collections.iter();
            collections.find(|each| each.name == or_default(collection))
        });
        let id = match found {
            Some(Some(collection)) => Ok(collection.id.0),
            Some(None) => Err(Status::UNKNOWN_COLLECTION),
            None => Err(Status::UNKNOWN_SCOPE),
        };
        self.resolved::<{ Opcode::COLLECTIONS_GET_ID.0 }>(id);
    }

    fn scope_id(&mut self, name: Metadata<'_>) {
        let mut scopes = self.node.bucket.manifest().scopes.iter();
        let scope = scopes.find(|each| each.name.as_bytes() == name.0);
        let id = scope.map(|scope| scope.id.0).ok_or(Status::UNKNOWN_SCOPE);
        self.resolved::<{ Opcode::COLLECTIONS_GET_SCOPE_ID.0 }>(id);
    }

    fn resolved<const OPCODE: u8>(&mut self, id: Result<u32, Status>) {
        let manifest_uid = self.node.bucket.manifest().uid;
        match id {
            Ok(id) => {
                let id = ResolvedId { manifest_uid, id };
                self.succeed(Answer::<ResolvedId, OPCODE>::Accepted(id));
            }
            Err(status) => {
                let (value, faults) = (unknown_in_manifest(manifest_uid), &mut self.node.faults);
                self.link
                    .refuse_with(faults, self.now, self.header, status, &value);
            }
        }
    }
}

/// The failover log of a vbucket as it stands on the wire; empty if there is no such vbucket.
pub(super) fn failover_log(bucket: &Bucket, vbucket: u16) -> Vec<u8> {
    let entries = bucket.vbucket(vbucket).map(|own| own.failover_log());
    let entries = entries.unwrap_or_default().iter();
    entries.flat_map(|entry| entry.to_bytes()).collect()
}

/// The scope or collection that is meant where none is named.
const fn or_default(name: &str) -> &str {
    if name.is_empty() { "_default" } else { name }
}
