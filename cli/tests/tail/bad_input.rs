//! What goes wrong says so in a line, with what to do; the checkpoint file stays as it is.

use core::time::Duration;
use std::fs;
use std::path::Path;

use mcbp::kv::{Features, HelloReply};
use mcbp::testing::{Fault, FaultKind, Node, PlainPasswords, Selector};
use mcbp::{Header, Opcode, Response, Status};
use mcbp_cli::login::{Credentials, Password};
use mcbp_cli::tail::{self, Options, Selection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::harness::*;

/// A node that has users and refuses some requests, and a checkpoint file of an earlier run.
struct Scene {
    address: String,
    handle: mcbp_cli::serve::Handle,
    directory: Directory,
    checkpoints: Vec<u8>,
}

impl Scene {
    async fn new(test: &str) -> Self {
        let mut node = Node::new(recipe().bucket());
        node.authenticator = Box::new(PlainPasswords::default().with("reader", "secret"));
        node.cluster_map = Some(r#"{"rev":1,"uuid":"11aa"}"#.into());
        let (address, handle) = serve(node).await;
        let directory = Directory::new(test);
        let mut scene = Self {
            address,
            handle,
            directory,
            checkpoints: Vec::new(),
        };
        run(&scene.options()).await.ended.unwrap();
        scene.checkpoints = fs::read(scene.path()).unwrap();
        scene
    }

    fn path(&self) -> std::path::PathBuf {
        self.directory.file("checkpoint")
    }

    fn options(&self) -> Options {
        Options {
            checkpoints: Some(self.path()),
            reconnect_for: Duration::ZERO,
            ..options(&self.address)
        }
    }

    fn refuse(&self, opcode: Opcode, status: Status) {
        self.handle.with_node(|node| {
            node.faults.push(Fault {
                kind: FaultKind::Refuse(status),
                selector: Selector {
                    opcode: Some(opcode),
                    ..Selector::default()
                },
                after: 0,
                times: 1,
            });
        });
    }

    /// One line that holds this, and this exit status; the file is as it was.
    async fn assert_fails(&self, options: &Options, parts: &[&str], status: u8) {
        let run = run(options).await;
        let (line, code) = run.failure();
        for part in parts {
            assert!(line.contains(part), "{line}");
        }
        assert!(!line.contains('\n'), "{line}");
        assert!(!line.contains("secret"), "{line}");
        assert_eq!(code, status, "{line}");
        assert_eq!(run.shown.to_string(), "");
        let now = fs::read(self.path()).unwrap();
        assert!(now == self.checkpoints, "the checkpoint file has changed");
    }
}

#[tokio::test]
async fn what_a_node_refuses() {
    let scene = Scene::new("refused").await;
    let wrong = |user: &str, password: &str| Options {
        credentials: Credentials {
            user: user.into(),
            password: Password::new(password.into()),
            plain: true,
        },
        ..scene.options()
    };
    let line = ["SASL_AUTH answered AUTH_ERROR: the user or the password is wrong"];
    scene
        .assert_fails(&wrong("reader", "wrong-secret"), &line, 3)
        .await;
    scene
        .assert_fails(&wrong("nobody", "secret"), &line, 3)
        .await;

    let none = scene.directory.file("none");
    let fresh = Options {
        checkpoints: Some(none.clone()),
        ..wrong("reader", "wrong-secret")
    };
    scene.assert_fails(&fresh, &line, 3).await;
    assert!(!none.exists(), "there is nothing to keep");

    let hidden = Options {
        credentials: Credentials {
            plain: false,
            ..scene.options().credentials
        },
        ..scene.options()
    };
    let line = ["the server offers only \"PLAIN\"", "--plain"];
    scene.assert_fails(&hidden, &line, 3).await;

    for (opcode, status, advice) in [
        (
            Opcode::SELECT_BUCKET,
            Status::KEY_ENOENT,
            "there is no such bucket",
        ),
        (
            Opcode::SELECT_BUCKET,
            Status::EACCESS,
            "the user may not use this bucket",
        ),
        (
            Opcode::SELECT_BUCKET,
            Status::NOT_SUPPORTED,
            "the bucket has no collections",
        ),
        (Opcode::DCP_OPEN, Status::EACCESS, "Data DCP Reader"),
        (
            Opcode::DCP_OPEN,
            Status::NOT_SUPPORTED,
            "the bucket has no DCP",
        ),
        (Opcode::DCP_OPEN, Status::UNKNOWN_COMMAND, "no data node"),
        (
            Opcode::DCP_CONTROL,
            Status::EINVAL,
            "DCP_CONTROL answered EINVAL",
        ),
        (
            Opcode::GET_ALL_VB_SEQNOS,
            Status::EACCESS,
            "lacks the privilege",
        ),
    ] {
        scene.refuse(opcode, status);
        let answered = format!("{opcode} answered {status}");
        scene
            .assert_fails(&scene.options(), &[&answered, advice], 3)
            .await;
    }
}

#[tokio::test]
async fn what_is_not_there() {
    let scene = Scene::new("missing").await;
    let missing = Options {
        bucket: "no-such-bucket".into(),
        checkpoints: None,
        ..scene.options()
    };
    scene
        .assert_fails(&missing, &["SELECT_BUCKET answered"], 3)
        .await;

    let of = |selection| Options {
        selection,
        checkpoints: None,
        ..scene.options()
    };
    let collection = of(Selection::Collections(vec!["inventory.none".into()]));
    let line = [
        "inventory.none: ",
        "UNKNOWN_COLLECTION",
        "there is no such collection",
    ];
    scene.assert_fails(&collection, &line, 3).await;
    let scope = of(Selection::Scope("none".into()));
    scene
        .assert_fails(&scope, &["none: ", "there is no such scope"], 3)
        .await;

    let vbuckets = Options {
        vbuckets: Some("100-200".parse().unwrap()),
        checkpoints: None,
        ..scene.options()
    };
    let line = ["none of the vbuckets asked for is active on this node"];
    scene.assert_fails(&vbuckets, &line, 3).await;
}

#[tokio::test]
async fn checkpoints_of_something_else() {
    let scene = Scene::new("checkpoints").await;
    let other_vbuckets = Options {
        vbuckets: Some("1-3".parse().unwrap()),
        ..scene.options()
    };
    let line = [
        "the checkpoints are of vbuckets all, not 1-3",
        "name another file",
    ];
    scene.assert_fails(&other_vbuckets, &line, 5).await;
    let other_collections = Options {
        selection: Selection::Scope("inventory".into()),
        ..scene.options()
    };
    let line = ["the checkpoints are of collections all, not inventory.*"];
    scene.assert_fails(&other_collections, &line, 5).await;

    let uuid = |uuid: Option<&str>| {
        let map = uuid.map(|uuid| format!(r#"{{"uuid":"{uuid}"}}"#).into());
        scene.handle.with_node(|node| node.cluster_map = map);
    };
    uuid(Some("22bb"));
    let line = ["the checkpoints are of bucket with uuid 11aa, not 22bb"];
    scene.assert_fails(&scene.options(), &line, 5).await;
    uuid(Some("11aa"));
    run(&scene.options()).await.ended.unwrap();
}

/// Where no map tells the uuid, the histories of the vbuckets do.
#[tokio::test]
async fn checkpoints_of_another_bucket_of_this_name() {
    let (address, _) = serve(Node::new(recipe().bucket())).await;
    let directory = Directory::new("foreign");
    let here = Options {
        checkpoints: Some(directory.file("checkpoint")),
        ..options(&address)
    };
    run(&here).await.ended.unwrap();
    let before = fs::read(directory.file("checkpoint")).unwrap();
    run(&here).await.ended.unwrap();

    let other = mcbp::testing::Recipe {
        seed: 2,
        ..recipe()
    };
    let (address, _) = serve(Node::new(other.bucket())).await;
    let there = Options {
        endpoint: address.parse().unwrap(),
        ..here
    };
    let (line, code) = run(&there).await.failure();
    assert!(
        line.contains("they are of another bucket of this name"),
        "{line}"
    );
    assert_eq!(code, 5);
    assert!(fs::read(directory.file("checkpoint")).unwrap() == before);
}

#[tokio::test]
async fn files_that_are_no_checkpoints() {
    let (address, _) = serve(Node::new(recipe().bucket())).await;
    let directory = Directory::new("no-checkpoints");
    let with = |path: &Path| Options {
        checkpoints: Some(path.to_owned()),
        ..options(&address)
    };
    let path = directory.file("checkpoint");
    for (text, part) in [
        ("", "no checkpoint file"),
        ("{}", "no checkpoint file"),
        ("dear diary", "no checkpoint file"),
        (
            r#"{"format":9,"owner":{"bucket":"default","vbuckets":"all","collections":"all"},"checkpoints":{}}"#,
            "format 9",
        ),
        (
            r#"{"format":1,"owner":{"bucket":"default","vbuckets":"all","collections":"all"},
                "checkpoints":{"0":{"vbucket_uuid":1,"seqno":5,"snapshot_start_seqno":6,"snapshot_end_seqno":7}}}"#,
            "outside its snapshot",
        ),
    ] {
        fs::write(&path, text).unwrap();
        let (line, code) = run(&with(&path)).await.failure();
        assert!(line.contains(part), "{line}");
        assert_eq!(code, 5);
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    let nowhere = directory.file("no/such/directory");
    let (line, code) = run(&with(&nowhere)).await.failure();
    assert!(line.contains("cannot be written"), "{line}");
    assert_eq!(code, 5);
}

#[tokio::test]
async fn nodes_that_are_none() {
    // Nobody listens there any more.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let (line, code) = run(&options(&address)).await.failure();
    assert!(
        line.starts_with(&address) && line.contains("is the data service there?"),
        "{line}"
    );
    assert_eq!(code, 4);

    // Somebody who speaks another protocol, and somebody who hangs up.
    for (said, part) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
            "no packets of the protocol",
        ),
        (b"", "closed the connection"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let host = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            socket.write_all(said).await.unwrap();
        };
        let options = options(&address);
        let (run, ()) = tokio::join!(run(&options), host);
        let (line, code) = run.failure();
        assert!(line.contains(part), "{line}");
        assert_eq!(code, 4);
    }
}

/// A node that grants nothing: older than collections.
#[tokio::test]
async fn a_node_without_collections() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let host = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut hello = vec![0; Header::LEN];
        socket.read_exact(&mut hello).await.unwrap();
        let opaque = Header::parse(hello[..].try_into().unwrap())
            .unwrap()
            .opaque();
        let answer = Response {
            opaque,
            ..Response::from(HelloReply::Accepted(Features::default()))
        };
        let mut bytes = Vec::new();
        answer.encode(&mut bytes).unwrap();
        socket.write_all(&bytes).await.unwrap();
        // Until the client has read it.
        let _ = socket.read_to_end(&mut Vec::new()).await;
    };
    let options = Options {
        selection: Selection::Scope("inventory".into()),
        ..options(&address)
    };
    let (run, ()) = tokio::join!(run(&options), host);
    let line = "COLLECTIONS was not granted; the node is too old or the bucket of another kind";
    assert_eq!(run.failure(), (line.to_owned(), 3));
}

/// The node goes while it is followed: what was shown is kept, and the exit status says so.
#[tokio::test]
async fn a_node_that_goes() {
    let (address, handle) = serve(Node::new(recipe().bucket())).await;
    let directory = Directory::new("gone");
    let count = handle.with_node(|node| visible(&node.bucket).len());
    let endless = Options {
        until_now: false,
        reconnect_for: Duration::from_millis(500),
        checkpoints: Some(directory.file("checkpoint")),
        ..options(&address)
    };
    let (shown, notes) = (Shown::default(), Shown::default());
    let go = async {
        shown.wait_for_lines(count).await;
        handle.stop();
    };
    let followed = tail::run(
        &endless,
        shown.clone(),
        quiet(&notes),
        core::future::pending(),
    );
    let (ended, ()) = tokio::join!(followed, go);
    let error = ended.unwrap_err();
    assert!(error.to_string().contains("given up; at last: "), "{error}");
    assert_eq!(error.exit_code(), 4);
    assert!(
        notes.to_string().contains("trying again in 100ms"),
        "{notes}"
    );
    let stored: serde_json::Value =
        serde_json::from_slice(&fs::read(directory.file("checkpoint")).unwrap()).unwrap();
    let stored = stored["checkpoints"].as_object().unwrap();
    handle.with_node(|node| {
        for (vbucket, it) in node.bucket.vbuckets() {
            let checkpoint = &stored[&vbucket.to_string()];
            assert_eq!(checkpoint["seqno"], it.high_seqno(), "vbucket {vbucket}");
        }
    });
}

/// A node that is there and silent is given up after two intervals without a noop.
#[tokio::test]
async fn a_node_that_falls_silent() {
    let mut node = Node::new(recipe().bucket());
    node.faults.push(Fault {
        kind: FaultKind::Drop,
        selector: Selector {
            opcode: Some(Opcode::DCP_NOOP),
            ..Selector::default()
        },
        after: 0,
        times: u32::MAX,
    });
    node.faults.push(Fault {
        kind: FaultKind::Drop,
        selector: Selector {
            opcode: Some(Opcode::GET_ALL_VB_SEQNOS),
            ..Selector::default()
        },
        after: 1,
        times: u32::MAX,
    });
    let (address, _) = serve(node).await;
    let silent = Options {
        until_now: false,
        noop_interval: Duration::from_secs(1),
        reconnect_for: Duration::ZERO,
        ..options(&address)
    };
    let (shown, notes) = (Shown::default(), Shown::default());
    let ended = tail::run(&silent, shown, quiet(&notes), core::future::pending()).await;
    let error = ended.unwrap_err().to_string();
    assert!(
        error.contains("the node seems to be gone: nothing received for"),
        "{error}"
    );
}
