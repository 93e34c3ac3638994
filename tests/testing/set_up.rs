//! What comes before the first stream.

use mcbp::dcp::Open;
use mcbp::kv::{
    CollectionsGetId, CollectionsGetManifest, Features, GetAllVbSeqnos, GetAllVbSeqnosReply,
    GetClusterConfig, GetErrorMap, GetVbucket, Hello, HelloReply, SaslListMechs,
    SaslListMechsReply, SelectBucket, VbSeqnosFilter, WideVbucketState,
};
use mcbp::testing::{Bucket, Document, Node, PlainPasswords};
use mcbp::value::{CollectionId, ErrorContext, ErrorMap, Manifest};
use mcbp::{ErrorAttributes, Feature, Magic, Message, OpenFlags, ResponseInfo, Status};

use super::client::{Client, FEATURES, status};

fn node() -> Node {
    let mut bucket = Bucket::new("default", 0..3, 1);
    let scope = bucket.create_scope("shop");
    let beer = bucket.create_collection(scope, "beer", None);
    let beer = beer.expect("there is the scope");
    bucket.set(1, CollectionId::DEFAULT, "a", Document::default());
    bucket.set(1, beer, "b", Document::default());
    let mut node = Node::new(bucket);
    node.authenticator = Box::new(PlainPasswords::default().with("user", "pencil"));
    node
}

fn ask<'a>(client: &mut Client, message: impl Message<'a>) -> Status {
    status(&client.ask(0, message))
}

#[test]
fn nothing_before_the_password() {
    let mut client = Client::connect(node());
    let select = SelectBucket {
        bucket: "default".into(),
    };
    assert_eq!(ask(&mut client, select), Status::EACCESS);
    assert_eq!(client.plain("user", "wrong"), Status::AUTH_ERROR);
    assert_eq!(client.plain("nobody", "pencil"), Status::AUTH_ERROR);
    assert_eq!(ask(&mut client, select), Status::EACCESS);
    assert_eq!(client.plain("user", "pencil"), Status::SUCCESS);
    let open = Open {
        flags: OpenFlags::PRODUCER,
        name: "client".into(),
        ..Open::default()
    };
    assert_eq!(ask(&mut client, open), Status::NO_BUCKET);
    let other = SelectBucket {
        bucket: "other".into(),
    };
    assert_eq!(ask(&mut client, other), Status::KEY_ENOENT);
    assert_eq!(ask(&mut client, select), Status::SUCCESS);
    assert_eq!(ask(&mut client, open), Status::SUCCESS);
    assert_eq!(ask(&mut client, select), Status::NOT_SUPPORTED);
    assert_eq!(client.plain("user", "pencil"), Status::NOT_SUPPORTED);
}

#[test]
fn mechanisms() {
    let mut client = Client::connect(node());
    let answer = client.ask(0, SaslListMechs);
    let reply = answer.view().response::<SaslListMechsReply<'_>>();
    let SaslListMechsReply::Accepted(mechanisms) = reply.expect("an answer").reply else {
        panic!("refused");
    };
    assert!(mechanisms.iter().eq(["PLAIN".into()]));
}

#[test]
fn features() {
    let mut client = Client::connect(node());
    let mut value = Vec::new();
    let wanted = [
        Feature::XERROR,
        Feature::COLLECTIONS,
        Feature::TLS,
        Feature::XATTR,
        Feature::XATTR,
        Feature(0x7777),
    ];
    Features::encode(&wanted, &mut value).expect("room");
    let hello = Hello {
        agent: "client".into(),
        features: Features::new(&value).expect("whole features"),
    };
    let answer = client.ask(0, hello);
    let reply = answer.view().response::<HelloReply<'_>>();
    let HelloReply::Accepted(granted) = reply.expect("an answer").reply else {
        panic!("refused");
    };
    let expected = [Feature::XATTR, Feature::XERROR, Feature::COLLECTIONS];
    assert!(granted.iter().eq(expected), "{granted:?}");
    let lonely = client.hello(&[Feature::CLUSTERMAP_CHANGE_NOTIFICATION]);
    assert_eq!(lonely, Status::EINVAL);
}

#[test]
fn with_tracing_every_response_tells_how_long_it_took() {
    let mut client = Client::connect(node());
    client.hello(&[Feature::TRACING]);
    let answer = client.ask(0, SelectBucket::default());
    assert_eq!(answer.header().magic(), Magic::AltClientResponse);
    let extras = answer.view().framing_extras().expect("whole infos");
    let mut infos = extras.response_infos();
    assert!(matches!(
        infos.next(),
        Some(ResponseInfo::ServerDuration(_))
    ));
}

/// A client that has selected the bucket.
fn client() -> Client {
    let mut client = Client::connect(node());
    client.hello(FEATURES);
    client.plain("user", "pencil");
    let select = SelectBucket {
        bucket: "default".into(),
    };
    assert_eq!(ask(&mut client, select), Status::SUCCESS);
    client
}

#[test]
fn error_maps() {
    let mut client = client();
    let answer = client.ask(0, GetErrorMap { version: 2 });
    let map = ErrorMap::from_json(answer.sections().value.expose()).expect("a map");
    assert_eq!(map.version, 2);
    let attributes = |status| map.errors[&status].attributes;
    assert_eq!(attributes(Status::SUCCESS), ErrorAttributes::SUCCESS);
    assert_eq!(
        attributes(Status::NO_BUCKET),
        ErrorAttributes::CONN_STATE_INVALIDATED
    );
    // As nodes of release 7 ask for it when they consume.
    let none = ask(&mut client, GetErrorMap { version: 0 });
    assert_eq!(none, Status::KEY_ENOENT);
}

/// The seqnos by vbucket.
fn seqnos(client: &mut Client, filter: Option<VbSeqnosFilter>) -> Vec<(u16, u64)> {
    let answer = client.ask(0, GetAllVbSeqnos { filter });
    let reply = answer.view().response::<GetAllVbSeqnosReply<'_>>();
    let GetAllVbSeqnosReply::Accepted(seqnos) = reply.expect("an answer").reply else {
        panic!("refused");
    };
    seqnos
        .iter()
        .map(|each| (each.vbucket, each.seqno))
        .collect()
}

#[test]
fn all_seqnos() {
    let mut client = client();
    assert_eq!(seqnos(&mut client, None), [(0, 2), (1, 4), (2, 2)]);
    let filter = |state, collection| {
        Some(VbSeqnosFilter {
            state: WideVbucketState(state),
            collection,
        })
    };
    assert_eq!(seqnos(&mut client, filter(2, None)), []);
    let beer = seqnos(&mut client, filter(1, Some(8)));
    assert_eq!(beer, [(0, 2), (1, 4), (2, 2)]);
    let default = seqnos(&mut client, filter(1, Some(0)));
    assert_eq!(default[1], (1, 3));
    let unknown = GetAllVbSeqnos {
        filter: filter(1, Some(99)),
    };
    assert_eq!(ask(&mut client, unknown), Status::UNKNOWN_COLLECTION);
}

#[test]
fn collections() {
    let mut client = client();
    let answer = client.ask(0, CollectionsGetManifest);
    let manifest = Manifest::from_json(answer.sections().value.expose()).expect("a manifest");
    assert_eq!(&manifest, client.node.bucket.manifest());
    for (path, expected) in [
        ("shop.beer", Status::SUCCESS),
        ("_default._default", Status::SUCCESS),
        (".", Status::SUCCESS),
        ("shop.wine", Status::UNKNOWN_COLLECTION),
        ("zoo.beer", Status::UNKNOWN_SCOPE),
        ("beer", Status::EINVAL),
    ] {
        let get = CollectionsGetId {
            key: "".into(),
            value: path.into(),
        };
        assert_eq!(ask(&mut client, get), expected, "{path}");
    }
}

#[test]
fn vbuckets_and_cluster_maps() {
    let mut client = client();
    assert_eq!(ask(&mut client, GetVbucket::default()), Status::SUCCESS);
    let other = client.ask(9, GetVbucket::default());
    assert_eq!(status(&other), Status::NOT_MY_VBUCKET);
    let get = GetClusterConfig::default();
    assert_eq!(ask(&mut client, get), Status::KEY_ENOENT);
    client.node.cluster_map = Some(r#"{"rev":1}"#.into());
    let map = client.ask(0, get);
    assert_eq!(map.sections().value.expose(), br#"{"rev":1}"#);
}

#[test]
fn refusals_say_why_in_json() {
    let mut client = client();
    let hello = Hello {
        agent: "client".into(),
        features: Features::new(&[0, 0x0d]).expect("a feature"),
    };
    let answer = client.ask(0, hello);
    assert_eq!(status(&answer), Status::EINVAL);
    assert_eq!(answer.header().datatype(), mcbp::Datatype::JSON);
    let context = ErrorContext::from_json(answer.sections().value.expose());
    assert!(context.expect("JSON").context.is_some());
    // A validator of its own says it in the same way.
    let answer = client.ask(1, GetErrorMap { version: 2 });
    assert_eq!(status(&answer), Status::EINVAL);
    let context = ErrorContext::from_json(answer.sections().value.expose());
    assert!(context.expect("JSON").context.is_some());
}
