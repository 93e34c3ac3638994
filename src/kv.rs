//! The commands around DCP: what a connection needs before its streams, and beside them.
//!
//! Names are those of the server: `SELECT_BUCKET` is [`SelectBucket`], and the answer to it
//! [`SelectBucketReply`]. Most answers are an [`Answer`](crate::Answer): what was asked for, or a refusal. To read
//! whichever message a packet holds, see [`KvRequest`] and [`KvResponse`], and for what the server
//! asks [`ServerRequest`] and [`ServerResponse`]; to read a certain one,
//! [`Packet::request`](crate::Packet::request) and [`Packet::response`](crate::Packet::response).
//!
//! ```
//! use mcbp::kv::{Features, Hello, HelloReply, SelectBucket};
//! use mcbp::{Feature, Packet, Request};
//!
//! let mut features = Vec::new();
//! Features::encode(&[Feature::XERROR, Feature::JSON, Feature::COLLECTIONS], &mut features)?;
//! let hello = Hello {
//!     agent: "indexer/1.0".into(),
//!     features: Features::new(&features).expect("whole features"),
//! };
//! let mut output = Vec::new();
//! Request::from(hello).encode(&mut output)?;
//! Request::from(SelectBucket { bucket: "travel".into() }).encode(&mut output)?;
//!
//! let input = b"\x81\x1f\0\0\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\x07\0\x12";
//! let (packet, _rest) = Packet::split_first(input)?.expect("a whole packet");
//! let HelloReply::Accepted(granted) = packet.response()?.reply else {
//!     panic!("refused");
//! };
//! assert!(granted.contains(Feature::COLLECTIONS));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod collections_get_id;
mod collections_get_manifest;
mod collections_get_scope_id;
mod collections_set_manifest;
mod config_version;
mod del_vbucket;
mod features;
mod get_all_vb_seqnos;
mod get_cluster_config;
mod get_error_map;
mod get_failover_log;
mod get_vbucket;
mod hello;
mod noop;
mod observe_seqno;
mod plain;
mod quit;
mod resolved_id;
mod sasl_auth;
mod sasl_list_mechs;
mod sasl_reply;
mod sasl_step;
mod select_bucket;
mod seqno_persistence;
mod server;
mod set_cluster_config;
mod set_vbucket;
mod stat;
mod vb_seqnos;
mod version;

pub use collections_get_id::{CollectionsGetId, CollectionsGetIdReply};
pub use collections_get_manifest::{CollectionsGetManifest, CollectionsGetManifestReply};
pub use collections_get_scope_id::{CollectionsGetScopeId, CollectionsGetScopeIdReply};
pub use collections_set_manifest::{CollectionsSetManifest, CollectionsSetManifestReply};
pub use config_version::ConfigVersion;
pub use del_vbucket::{DelVbucket, DelVbucketReply};
pub use features::Features;
pub use get_all_vb_seqnos::{GetAllVbSeqnos, GetAllVbSeqnosReply, VbSeqnosFilter};
pub use get_cluster_config::{GetClusterConfig, GetClusterConfigReply};
pub use get_error_map::{GetErrorMap, GetErrorMapReply};
pub use get_failover_log::{GetFailoverLog, GetFailoverLogReply};
pub use get_vbucket::{GetVbucket, GetVbucketReply, WideVbucketState};
pub use hello::{Hello, HelloReply};
pub use noop::{Noop, NoopReply};
pub use observe_seqno::{FailedOver, ObserveSeqno, ObserveSeqnoReply, SeqnoObservation};
pub use plain::Plain;
pub use quit::{Quit, QuitReply};
pub use resolved_id::ResolvedId;
pub use sasl_auth::{SaslAuth, SaslAuthReply};
pub use sasl_list_mechs::{Mechanisms, SaslListMechs, SaslListMechsReply};
pub use sasl_reply::SaslReply;
pub use sasl_step::{SaslStep, SaslStepReply};
pub use select_bucket::{SelectBucket, SelectBucketReply};
pub use seqno_persistence::{SeqnoPersistence, SeqnoPersistenceReply};
pub use server::{
    ActiveExternalUsers, ActiveExternalUsersReply, Authenticate, AuthenticateReply,
    ClustermapChangeNotification, ClustermapChangeNotificationReply, GetAuthorization,
    GetAuthorizationReply, NotifiedVersion, ServerReply, ServerRequest, ServerResponse,
};
pub use set_cluster_config::{SetClusterConfig, SetClusterConfigReply};
pub use set_vbucket::{SetVbucket, SetVbucketReply};
pub use stat::{Stat, StatGroup, StatReply};
pub use vb_seqnos::{VbSeqno, VbSeqnos};
pub use version::{Version, VersionReply};

use crate::message::messages;
use crate::{Opcode, Request, Response};

messages! {
    /// Whichever of the requests around DCP a packet holds.
    pub enum KvRequest of Request where is_client_request {
        /// Closes the connection.
        Quit(Quit) = QUIT,
        /// Does nothing.
        Noop(Noop) = NOOP,
        /// Asks what the server is.
        Version(Version) = VERSION,
        /// Asks for statistics.
        Stat(Stat<'a>) = STAT,
        /// Asks for features.
        Hello(Hello<'a>) = HELLO,
        /// Asks how to authenticate.
        SaslListMechs(SaslListMechs) = SASL_LIST_MECHS,
        /// Starts to authenticate.
        SaslAuth(SaslAuth<'a>) = SASL_AUTH,
        /// Goes on to authenticate.
        SaslStep(SaslStep<'a>) = SASL_STEP,
        /// Sets the state of a vbucket.
        SetVbucket(SetVbucket<'a>) = SET_VBUCKET,
        /// Asks for the state of a vbucket.
        GetVbucket(GetVbucket<'a>) = GET_VBUCKET,
        /// Deletes a vbucket.
        DelVbucket(DelVbucket<'a>) = DEL_VBUCKET,
        /// Asks for the high seqnos of all vbuckets.
        GetAllVbSeqnos(GetAllVbSeqnos) = GET_ALL_VB_SEQNOS,
        /// Selects the bucket.
        SelectBucket(SelectBucket<'a>) = SELECT_BUCKET,
        /// Asks how far a vbucket is in memory and on disk.
        ObserveSeqno(ObserveSeqno) = OBSERVE_SEQNO,
        /// Asks for the history of a vbucket.
        GetFailoverLog(GetFailoverLog) = GET_FAILOVER_LOG,
        /// Gives the server a cluster map.
        SetClusterConfig(SetClusterConfig<'a>) = SET_CLUSTER_CONFIG,
        /// Asks for the cluster map.
        GetClusterConfig(GetClusterConfig) = GET_CLUSTER_CONFIG,
        /// Waits until a vbucket is on disk.
        SeqnoPersistence(SeqnoPersistence) = SEQNO_PERSISTENCE,
        /// Gives the bucket its scopes and collections.
        CollectionsSetManifest(CollectionsSetManifest<'a>) = COLLECTIONS_SET_MANIFEST,
        /// Asks for the scopes and collections.
        CollectionsGetManifest(CollectionsGetManifest) = COLLECTIONS_GET_MANIFEST,
        /// Asks for the id of a collection.
        CollectionsGetId(CollectionsGetId<'a>) = COLLECTIONS_GET_ID,
        /// Asks for the id of a scope.
        CollectionsGetScopeId(CollectionsGetScopeId<'a>) = COLLECTIONS_GET_SCOPE_ID,
        /// Asks what the statuses mean.
        GetErrorMap(GetErrorMap) = GET_ERROR_MAP,
    }
}

messages! {
    /// Whichever of the responses around DCP a packet holds.
    pub enum KvResponse of Response where is_client_response {
        /// The answer to [`Quit`].
        Quit(QuitReply<'a>) = QUIT,
        /// The answer to [`Noop`].
        Noop(NoopReply<'a>) = NOOP,
        /// The answer to [`Version`].
        Version(VersionReply<'a>) = VERSION,
        /// One of the answers to [`Stat`].
        Stat(StatReply<'a>) = STAT,
        /// The answer to [`Hello`].
        Hello(HelloReply<'a>) = HELLO,
        /// The answer to [`SaslListMechs`].
        SaslListMechs(SaslListMechsReply<'a>) = SASL_LIST_MECHS,
        /// The answer to [`SaslAuth`].
        SaslAuth(SaslAuthReply<'a>) = SASL_AUTH,
        /// The answer to [`SaslStep`].
        SaslStep(SaslStepReply<'a>) = SASL_STEP,
        /// The answer to [`SetVbucket`].
        SetVbucket(SetVbucketReply<'a>) = SET_VBUCKET,
        /// The answer to [`GetVbucket`].
        GetVbucket(GetVbucketReply<'a>) = GET_VBUCKET,
        /// The answer to [`DelVbucket`].
        DelVbucket(DelVbucketReply<'a>) = DEL_VBUCKET,
        /// The answer to [`GetAllVbSeqnos`].
        GetAllVbSeqnos(GetAllVbSeqnosReply<'a>) = GET_ALL_VB_SEQNOS,
        /// The answer to [`SelectBucket`].
        SelectBucket(SelectBucketReply<'a>) = SELECT_BUCKET,
        /// The answer to [`ObserveSeqno`].
        ObserveSeqno(ObserveSeqnoReply<'a>) = OBSERVE_SEQNO,
        /// The answer to [`GetFailoverLog`].
        GetFailoverLog(GetFailoverLogReply<'a>) = GET_FAILOVER_LOG,
        /// The answer to [`SetClusterConfig`].
        SetClusterConfig(SetClusterConfigReply<'a>) = SET_CLUSTER_CONFIG,
        /// The answer to [`GetClusterConfig`].
        GetClusterConfig(GetClusterConfigReply<'a>) = GET_CLUSTER_CONFIG,
        /// The answer to [`SeqnoPersistence`].
        SeqnoPersistence(SeqnoPersistenceReply<'a>) = SEQNO_PERSISTENCE,
        /// The answer to [`CollectionsSetManifest`].
        CollectionsSetManifest(CollectionsSetManifestReply<'a>) = COLLECTIONS_SET_MANIFEST,
        /// The answer to [`CollectionsGetManifest`].
        CollectionsGetManifest(CollectionsGetManifestReply<'a>) = COLLECTIONS_GET_MANIFEST,
        /// The answer to [`CollectionsGetId`].
        CollectionsGetId(CollectionsGetIdReply<'a>) = COLLECTIONS_GET_ID,
        /// The answer to [`CollectionsGetScopeId`].
        CollectionsGetScopeId(CollectionsGetScopeIdReply<'a>) = COLLECTIONS_GET_SCOPE_ID,
        /// The answer to [`GetErrorMap`].
        GetErrorMap(GetErrorMapReply<'a>) = GET_ERROR_MAP,
    }
}
