//! From two addresses to two connections that packets can be passed between.
//!
//! | to     | step            | what is said                                                       |
//! |--------|-----------------|--------------------------------------------------------------------|
//! | each   | `HELLO`         | what packets may be like: the same on both sides, see below         |
//! | each   | `SASL_AUTH` …   | the user's credentials                                              |
//! | each   | `SELECT_BUCKET` | the bucket                                                          |
//! | either | `HELLO`         | again without what only this node grants                            |
//! | each   | `DCP_OPEN`      | the name of the replication; to the consumer also its own, as JSON  |
//!
//! That is all that the proxy says of itself. Every `DCP_CONTROL` (noops, flow control, synchronous
//! replication) and every `DCP_STREAM_REQ` is the consumer's, which begins with them when it is told
//! to add its first stream; the answers, noops and acknowledgements are between the two nodes.
//!
//! The packets of one node are read by the other, so what is in force has to be the same for both.
//! Without extended attributes, collections or JSON a replica would be another bucket than its
//! original: they are needed. Compression is not. `XERROR` concerns statuses alone, and keeps a node
//! from closing the connection where it has a status to say.

use mcbp::dcp::Open;
use mcbp::kv::{Features, Hello, HelloReply, SelectBucket};
use mcbp::policy::OpaqueOwner;
use mcbp::track::Side;
use mcbp::value::OpenValue;
use mcbp::{Answer, Datatype, Feature, OpenFlags, Packet, Request, Status};

use super::sides::Sides;
use super::{Options, ProxyError};
use crate::connect::{self, ConnectError, Connection, Refusal};

/// What is asked of both nodes.
const FEATURES: [Feature; 6] = [
    Feature::XATTR,
    Feature::XERROR,
    Feature::SELECT_BUCKET,
    Feature::SNAPPY,
    Feature::JSON,
    Feature::COLLECTIONS,
];
/// What both must grant.
const NEEDED: [Feature; 3] = [Feature::XATTR, Feature::JSON, Feature::COLLECTIONS];

/// The same to both nodes; the consumer does not look at them.
const FLAGS: OpenFlags = OpenFlags::INCLUDE_XATTRS
    .union(OpenFlags::INCLUDE_DELETE_TIMES)
    .union(OpenFlags::INCLUDE_DELETED_USER_XATTRS);

/// Two connections, and what is in force on both.
#[derive(Debug)]
pub(super) struct Replication {
    pub(super) connections: Sides<Connection>,
    pub(super) features: Vec<Feature>,
}

/// Connects to both nodes, up to where the first stream can be added.
pub(super) async fn set_up(options: &Options) -> Result<Replication, ProxyError> {
    let greet = |side| async move {
        let endpoint = &options.nodes.of(side).endpoint;
        let greeted = greet(options, side).await;
        greeted.map_err(|error| ProxyError::set_up(side, endpoint, error))
    };
    let (mut consumer, mut producer) =
        tokio::try_join!(greet(Side::Consumer), greet(Side::Producer))?;
    let features: Vec<Feature> = FEATURES
        .into_iter()
        .filter(|feature| consumer.granted.contains(feature) && producer.granted.contains(feature))
        .collect();
    let sides = [
        (Side::Producer, &mut producer),
        (Side::Consumer, &mut consumer),
    ];
    for (side, node) in sides {
        let endpoint = &options.nodes.of(side).endpoint;
        if let Some(&feature) = NEEDED.iter().find(|it| !node.granted.contains(it)) {
            return Err(ProxyError::Lacks {
                side,
                endpoint: endpoint.clone(),
                feature,
            });
        }
        let opened = open(options, side, node, &features).await;
        opened.map_err(|error| ProxyError::set_up(side, endpoint, error))?;
    }
    Ok(Replication {
        connections: Sides {
            consumer: consumer.connection,
            producer: producer.connection,
        },
        features,
    })
}

/// A connection, and what its node grants.
struct Greeted {
    connection: Connection,
    granted: Vec<Feature>,
}

async fn greet(options: &Options, side: Side) -> Result<Greeted, ConnectError> {
    let node = options.nodes.of(side);
    let mut connection = Connection::dial(&node.endpoint, node.tls.as_ref()).await?;
    let granted = hello(&mut connection, &FEATURES).await?;
    accepted(&connection.authenticate(&options.credentials).await?)?;
    let bucket = options.bucket.as_str().into();
    accepted(&connection.ask(SelectBucket { bucket }.into()).await?)?;
    Ok(Greeted {
        connection,
        granted,
    })
}

async fn open(
    options: &Options,
    side: Side,
    node: &mut Greeted,
    features: &[Feature],
) -> Result<(), ConnectError> {
    if node.granted.iter().any(|it| !features.contains(it)) {
        hello(&mut node.connection, features).await?;
    }
    let consumer = OpenValue {
        consumer_name: Some(options.consumer_name.clone()),
    };
    let consumer = consumer.to_string();
    let (flags, value, datatype) = match side {
        Side::Consumer => (FLAGS, consumer.as_str(), Datatype::JSON),
        Side::Producer => (FLAGS.union(OpenFlags::PRODUCER), "", Datatype::RAW),
    };
    let open = Open {
        reserved: 0,
        flags,
        name: options.name.as_str().into(),
        value: value.into(),
    };
    let request = Request {
        datatype,
        ..Request::from(open)
    };
    accepted(&node.connection.ask(request).await?)
}

/// What a node grants of these features. A `HELLO` replaces the one before.
async fn hello(
    connection: &mut Connection,
    features: &[Feature],
) -> Result<Vec<Feature>, ConnectError> {
    let mut encoded = Vec::new();
    Features::encode(features, &mut encoded)?;
    let agent = concat!("{\"a\":\"mcbp-proxy/", env!("CARGO_PKG_VERSION"), "\"}");
    let hello = Hello {
        agent: agent.into(),
        features: Features::new(&encoded).unwrap_or_default(),
    };
    let answer = connection.ask(hello.into()).await?;
    match answer.view().response::<HelloReply<'_>>()?.reply {
        Answer::Accepted(granted) => {
            Ok(granted.iter().filter(|it| features.contains(it)).collect())
        }
        Answer::Refused(_) => Err(Refusal::new(&answer, OpaqueOwner::Request).into()),
    }
}

fn accepted(answer: &Packet) -> Result<(), ConnectError> {
    match connect::status(answer) {
        Status::SUCCESS => Ok(()),
        _ => Err(Refusal::new(answer, OpaqueOwner::Request).into()),
    }
}
