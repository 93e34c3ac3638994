//! What is shown.

use core::time::Duration;

use mcbp::testing::{Document, Mix, Node, Recipe, Release};
use mcbp::validate::{self, Connection, ConnectionKind};
use mcbp::value::CollectionId;
use mcbp::{Datatype, Opcode, Packet};
use mcbp_cli::tail::{Format, Options, Selection, Start};
use serde_json::json;
use tokio::sync::oneshot;

use super::harness::*;

#[tokio::test]
async fn everything_that_is_there_once_and_in_order() {
    for release in [Release::V7_2, Release::V8_0] {
        let bucket = recipe().bucket();
        let expected = visible(&bucket);
        let mut node = Node::new(bucket);
        node.release = release;
        let (address, _) = serve(node).await;
        let run = run(&options(&address)).await;
        assert_all_once(&run.places(), &expected);
        let outcome = run.ended.unwrap();
        assert_eq!(outcome.changes, expected.len() as u64);
        assert_eq!((outcome.vbuckets, outcome.missing), (16, 0));
    }
}

#[tokio::test]
async fn a_change_as_json_and_as_text() {
    let mut bucket = Recipe {
        vbuckets: 1,
        items: 0,
        ..Recipe::default()
    }
    .bucket();
    let scope = bucket.create_scope("inventory");
    let hotels = bucket.create_collection(scope, "hotels", None).unwrap();
    let mut value = Vec::new();
    let xattr = mcbp::value::Xattr {
        key: "_sync".into(),
        value: r#"{"rev":1}"#.into(),
    };
    mcbp::value::Xattrs::encode([xattr], &mut value).unwrap();
    value.extend_from_slice(b"{\"big\": 18446744073709551616,\n \"a\": 1}");
    let document = Document {
        datatype: Datatype::JSON | Datatype::XATTR,
        flags: 0x0200_0006,
        expiration: 7,
        value: value.into(),
    };
    bucket.set(0, hotels, "hotel \"1\"", document);
    let raw = Document {
        value: vec![0xff, 0].into(),
        ..Document::default()
    };
    bucket.set(0, CollectionId::DEFAULT, "raw", raw);
    bucket.delete(0, hotels, "gone");
    let (address, _) = serve(Node::new(bucket)).await;

    let all = Options {
        xattrs: true,
        ..options(&address)
    };
    let shown = run(&all).await.shown;
    let json = shown.json();
    assert_eq!(json.len(), 5, "{shown}");
    assert_eq!(json[0]["event"], "create_scope");
    assert_eq!(json[0]["name"], "inventory");
    assert_eq!(json[1]["event"], "create_collection");
    assert_eq!(json[1]["name"], "hotels");
    let mut hotel = json[2].clone();
    assert!(hotel["cas"].take().as_str().unwrap().starts_with("0x"));
    let expected = json!({
        "vbucket": 0, "seqno": 3, "event": "mutation", "collection": "inventory.hotels",
        "key": "hotel \"1\"", "cas": null, "rev_seqno": 1, "flags": "0x02000006",
        "expiration": 7, "xattrs": { "_sync": { "rev": 1 } },
    });
    let value = hotel.as_object_mut().unwrap().remove("value").unwrap();
    assert_eq!(hotel, expected);
    assert_eq!(value["a"], 1);
    assert!(
        shown.to_string().contains("18446744073709551616"),
        "as it is written"
    );
    assert_eq!(json[3]["value"], json!({ "hex": "ff00" }));
    assert_eq!(json[3]["collection"], "_default._default");
    assert_eq!(json[4]["event"], "deletion");
    assert!(json[4]["delete_time"].is_u64());

    let text = Options {
        format: Format::Text,
        ..options(&address)
    };
    let text = run(&text).await.shown.to_string();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("vb=0 seqno=1 CREATE_SCOPE "), "{text}");
    let hotel = r#"vb=0 seqno=3 mutation inventory.hotels "hotel "1"" cas="#;
    assert!(lines[2].starts_with(hotel), "{text}");
    assert!(lines[2].contains(" expiration=7 value="), "{text}");
    assert!(!text.contains("_sync"), "not asked for");

    let nothing = Options {
        format: Format::Nothing,
        ..options(&address)
    };
    let run = run(&nothing).await;
    assert_eq!(run.shown.to_string(), "");
    assert_eq!(run.ended.unwrap().changes, 5);
}

#[tokio::test]
async fn without_values() {
    for release in [Release::V7_2, Release::V8_0] {
        let bucket = recipe().bucket();
        let expected = visible(&bucket);
        let mut node = Node::new(bucket);
        node.release = release;
        let (address, _) = serve(node).await;
        let keys = Options {
            no_values: true,
            ..options(&address)
        };
        let run = run(&keys).await;
        assert_all_once(&run.places(), &expected);
        let json = run.shown.json();
        assert!(json.iter().all(|change| change.get("value").is_none()));
        let deletions = json.iter().filter(|change| change["event"] == "deletion");
        assert!(deletions.count() > 0, "{release:?} hides deletions");
    }
}

#[tokio::test]
async fn collections_and_scopes_by_name() {
    let (address, handle) = serve(Node::new(recipe().bucket())).await;
    let of = |selection| Options {
        selection,
        ..options(&address)
    };
    let named = |shown: &Shown, name: &str| {
        let json = shown.json();
        let documents = json.iter().filter(|it| it.get("key").is_some());
        let collections: Vec<_> = documents.map(|it| it["collection"].clone()).collect();
        assert!(!collections.is_empty());
        assert!(
            collections
                .iter()
                .all(|it| it.as_str().unwrap().starts_with(name)),
            "{name}"
        );
        collections.len()
    };
    let first = of(Selection::Collections(vec![
        "inventory.collection-0".into(),
    ]));
    let first = named(&run(&first).await.shown, "inventory.collection-0");
    let second = of(Selection::Collections(vec![
        "inventory.collection-1".into(),
    ]));
    let second = named(&run(&second).await.shown, "inventory.collection-1");
    let scope = of(Selection::Scope("inventory".into()));
    assert_eq!(
        named(&run(&scope).await.shown, "inventory."),
        first + second
    );
    let default = of(Selection::Collections(vec!["_default._default".into()]));
    let default = named(&run(&default).await.shown, "_default._default");
    let documents = handle.with_node(|node| visible(&node.bucket).len()) - 3 * 16;
    assert_eq!(first + second + default, documents);
}

#[tokio::test]
async fn some_vbuckets_and_what_is_elsewhere() {
    let (address, handle) = serve(Node::new(recipe().bucket())).await;
    let some = Options {
        vbuckets: Some("2-3,15-17".parse().unwrap()),
        ..options(&address)
    };
    let run = run(&some).await;
    let mut expected = handle.with_node(|node| visible(&node.bucket));
    expected.retain(|(vbucket, _)| [2, 3, 15].contains(vbucket));
    assert_all_once(&run.places(), &expected);
    let note = "vbuckets 16-17 are active on other nodes, and left out";
    assert!(run.notes.to_string().contains(note), "{}", run.notes);
    assert_eq!(run.ended.unwrap().missing, 2);
}

#[tokio::test]
async fn from_now_on_within_a_blink() {
    let (address, handle) = serve(Node::new(recipe().bucket())).await;
    let live = Options {
        start: Start::Now,
        until_now: false,
        ..options(&address)
    };
    let (shown, notes) = (Shown::default(), Shown::default());
    let (stop, stopped) = oneshot::channel::<()>();
    let watch = async {
        // That it has started is seen by what it shows, so try until something is.
        for number in 0.. {
            let key = format!("live-{number}");
            handle.with_node(|node| {
                node.bucket
                    .set(3, CollectionId::DEFAULT, key, Document::default())
            });
            tokio::time::sleep(Duration::from_millis(20)).await;
            if shown.lines() > 0 {
                break;
            }
        }
        let before = shown.lines();
        for vbucket in 0..16 {
            handle.with_node(|node| {
                node.bucket
                    .set(vbucket, CollectionId::DEFAULT, "last", Document::default())
            });
        }
        shown.wait_for_lines(before + 16).await;
        stop.send(()).unwrap();
    };
    let stop = async {
        stopped.await.unwrap();
    };
    let followed = mcbp_cli::tail::run(&live, shown.clone(), quiet(&notes), stop);
    let (ended, ()) = tokio::join!(followed, watch);
    ended.unwrap();
    let json = shown.json();
    assert!(json.iter().all(|it| {
        let key = it["key"].as_str().unwrap();
        key.starts_with("live-") || key == "last"
    }));
}

/// What is sent is what the validators of the server let through.
#[tokio::test]
async fn every_request_is_one_that_a_node_takes() {
    for (selection, no_values) in [
        (Selection::Everything, false),
        (Selection::Scope("inventory".into()), true),
        (
            Selection::Collections(vec!["inventory.collection-0".into()]),
            false,
        ),
    ] {
        let (address, _) = serve(Node::new(recipe().bucket())).await;
        let wire = Wire::default();
        let options = Options {
            selection,
            no_values,
            buffer_size: 4096,
            ..options(&wire.to(address).await)
        };
        run(&options).await.ended.unwrap();
        let sent = wire.sent();
        let mut connection = Connection {
            datatypes: Datatype::JSON | Datatype::SNAPPY | Datatype::XATTR,
            ..Connection::default()
        };
        let mut opcodes = Vec::new();
        for packet in Packet::iter(&sent) {
            let packet = packet.unwrap();
            let opcode = packet.header().opcode().unwrap();
            if packet.header().magic().is_client_request() {
                assert_eq!(validate::request(packet, &connection), Ok(()), "{opcode}");
                opcodes.push(opcode);
            }
            match opcode {
                Opcode::HELLO => connection.collections = true,
                Opcode::DCP_OPEN => {
                    connection.kind = ConnectionKind::Producer;
                    connection.include_delete_times = true;
                }
                _ => {}
            }
        }
        let set_up = [
            Opcode::HELLO,
            Opcode::SASL_AUTH,
            Opcode::SELECT_BUCKET,
            Opcode::DCP_OPEN,
        ];
        assert_eq!(opcodes[..4], set_up);
        assert_eq!(
            opcodes
                .iter()
                .filter(|&&it| it == Opcode::DCP_STREAM_REQ)
                .count(),
            16
        );
        assert!(opcodes.contains(&Opcode::DCP_BUFFER_ACKNOWLEDGEMENT));
    }
}

#[tokio::test]
async fn durable_writes_are_shown_when_they_are_done() {
    let recipe = Recipe {
        mix: Mix {
            durable: 2,
            ..Mix::MUTATIONS
        },
        ..recipe()
    };
    let bucket = recipe.bucket();
    let expected = visible(&bucket);
    let (address, _) = serve(Node::new(bucket)).await;
    assert_all_once(&run(&options(&address)).await.places(), &expected);
}
