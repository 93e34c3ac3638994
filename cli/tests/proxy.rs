//! The proxy between two nodes on sockets.

#![allow(clippy::indexing_slicing, reason = "a test may panic")]

use core::time::Duration;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use mcbp::testing::{Bucket, Change, ChangeKind, Growth, Node, Recipe};
use mcbp::track::{streams, takeover};
use mcbp::{Status, VbucketState};
use mcbp_cli::connect::Endpoint;
use mcbp_cli::login::{Credentials, Password};
use mcbp_cli::proxy::{self, Options, Outcome, ProxyError, Sides};
use mcbp_cli::serve::{Handle, Passwords, Server};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Whatever is waited for comes sooner.
const LIMIT: Duration = Duration::from_secs(60);

/// A node on a socket.
struct Served {
    handle: Handle,
    endpoint: Endpoint,
}

impl Served {
    async fn new(node: Node) -> Self {
        let server = Server::bind("127.0.0.1:0", node).await.unwrap();
        let (handle, address) = (server.handle(), server.local_addr().unwrap());
        tokio::spawn(server.run());
        Self {
            handle,
            endpoint: address.to_string().parse().unwrap(),
        }
    }

    fn state(&self, vbucket: u16) -> Option<VbucketState> {
        let state = |node: &mut Node| Some(node.bucket.vbucket(vbucket)?.state());
        self.handle.with_node(state)
    }

    fn high_seqnos(&self) -> Vec<(u16, u64)> {
        self.handle.with_node(|node| {
            let vbuckets = node.bucket.vbuckets();
            vbuckets
                .map(|(number, own)| (number, own.high_seqno()))
                .collect()
        })
    }

    /// What it holds, and where.
    fn documents(&self) -> Vec<(u16, Change)> {
        self.handle.with_node(|node| {
            let vbuckets = node.bucket.vbuckets();
            let all = vbuckets.flat_map(|(number, own)| {
                own.documents()
                    .map(move |each| (number, plain(each.clone())))
            });
            all.collect()
        })
    }
}

/// A commit from disk comes as the write that it was, with the CAS of its prepare.
fn plain(mut change: Change) -> Change {
    if let ChangeKind::Commit {
        document: Some(document),
        ..
    } = change.kind
    {
        change.kind = ChangeKind::Mutation(document);
    }
    if matches!(change.kind, ChangeKind::Mutation(_)) {
        (change.cas, change.rev_seqno) = (0, 0);
    }
    change
}

/// A node with nothing but replicas.
fn replica(vbuckets: u16) -> Node {
    let mut bucket = Bucket::new("default", [], 2);
    for vbucket in 0..vbuckets {
        bucket.set_state(vbucket, VbucketState::REPLICA);
    }
    Node::new(bucket)
}

/// Lets in who knows the password; any other node lets everyone in.
fn guarded(mut node: Node) -> Node {
    let users = BTreeMap::from([("user".to_owned(), "pencil".to_owned())]);
    node.authenticator = Box::new(Passwords::new(&users).unwrap());
    node
}

fn with_faults(mut node: Node, script: &str) -> Node {
    node.faults = script.parse().unwrap();
    node
}

fn recipe(vbuckets: u16, items: u64) -> Recipe {
    Recipe {
        vbuckets,
        items,
        collections: 2,
        value_len: 300,
        ..Recipe::default()
    }
}

/// Two nodes.
struct Nodes {
    consumer: Served,
    producer: Served,
}

impl Nodes {
    async fn new(consumer: Node, producer: Node) -> Self {
        Self {
            consumer: Served::new(consumer).await,
            producer: Served::new(producer).await,
        }
    }

    fn options(&self) -> Options {
        let node = |endpoint: &Endpoint| proxy::Node {
            endpoint: endpoint.clone(),
            tls: None,
        };
        Options {
            nodes: Sides {
                consumer: node(&self.consumer.endpoint),
                producer: node(&self.producer.endpoint),
            },
            credentials: Credentials {
                user: "user".into(),
                password: Password::new("pencil".into()),
                plain: true,
            },
            bucket: "default".into(),
            name: "replication:test".into(),
            consumer_name: "replica".into(),
            commands: Vec::new(),
            streams: streams::Config::default(),
            takeover: takeover::Config {
                first_pause: Duration::from_millis(10),
                ..takeover::Config::default()
            },
            verbose: false,
        }
    }

    fn proxy(&self, commands: &[&str]) -> Proxy {
        Proxy::new(self.options(), commands)
    }

    /// Waits until the consumer has as much of every vbucket of its own as the producer.
    async fn are_even(&self, proxy: &Proxy) {
        let even = async {
            loop {
                let producer: BTreeMap<_, _> = self.producer.high_seqnos().into_iter().collect();
                let consumer = self.consumer.high_seqnos();
                if consumer
                    .iter()
                    .all(|(vbucket, seqno)| producer.get(vbucket) == Some(seqno))
                {
                    return;
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        let arrived = timeout(LIMIT, even).await;
        arrived.unwrap_or_else(|_| panic!("{:#?}", proxy.output.lines()));
    }
}

/// A proxy that runs.
struct Proxy {
    commands: Option<mpsc::Sender<String>>,
    stop: Option<oneshot::Sender<()>>,
    output: Output,
    task: JoinHandle<Result<Outcome, ProxyError>>,
}

impl Proxy {
    fn new(mut options: Options, commands: &[&str]) -> Self {
        options.commands = commands.iter().map(|text| text.parse().unwrap()).collect();
        let (commands, lines) = mpsc::channel(16);
        let (stop, stopped) = oneshot::channel();
        let output = Output::default();
        let out = output.clone();
        let task = tokio::spawn(async move {
            let stopped = async {
                // Only if it was sent.
                if stopped.await.is_err() {
                    core::future::pending::<()>().await;
                }
            };
            proxy::run(&options, lines, out, stopped).await
        });
        Self {
            commands: Some(commands),
            stop: Some(stop),
            output,
            task,
        }
    }

    async fn tell(&self, command: &str) {
        let commands = self.commands.as_ref().unwrap();
        commands.send(command.to_owned()).await.unwrap();
    }

    /// Waits until it says so.
    async fn says(&self, line: &str) {
        let said = async {
            while !self.output.lines().iter().any(|own| own == line) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let said = timeout(LIMIT, said).await;
        said.unwrap_or_else(|_| panic!("{line:?} in {:#?}", self.output.lines()));
    }

    /// No more commands.
    async fn end(mut self) -> (Result<Outcome, ProxyError>, Vec<String>) {
        self.commands = None;
        let ended = timeout(LIMIT, self.task).await.expect("an end");
        (ended.unwrap(), self.output.lines())
    }

    /// It ends, though nobody has told it to.
    async fn loses(self) -> (ProxyError, Vec<String>) {
        let ended = timeout(LIMIT, self.task).await.expect("an end").unwrap();
        let error = ended.expect_err("a connection that was closed");
        assert_eq!(error.exit_code(), 4);
        (error, self.output.lines())
    }

    /// No more commands, and everything as asked for.
    async fn succeeds(self) -> Vec<String> {
        let (ended, lines) = self.end().await;
        assert_eq!(ended.unwrap().failures, 0, "{lines:#?}");
        assert_eq!(lines.last().map(String::as_str), Some("shut down: done"));
        lines
    }
}

/// What it says.
#[derive(Debug, Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Output {
    /// Line by line, without the times.
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let line = |line: &str| line.split_once(' ').unwrap().1.to_owned();
        text.lines().map(line).collect()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_replica_holds_what_the_original_does() {
    let recipe = recipe(16, 3000);
    let nodes = Nodes::new(replica(16), Node::new(recipe.bucket())).await;
    let proxy = nodes.proxy(&["replicate 0-7"]);
    proxy.tell("replicate 8-15").await;
    proxy.says("replicate 8-15: done").await;
    let mut growth: Growth = nodes
        .producer
        .handle
        .with_node(|node| recipe.growth(&node.bucket));
    for _ in 0..10 {
        nodes
            .producer
            .handle
            .with_node(|node| growth.grow(&mut node.bucket, 100));
        tokio::task::yield_now().await;
    }
    nodes.are_even(&proxy).await;
    let (own, other) = (nodes.consumer.documents(), nodes.producer.documents());
    assert!(own.len() > 500);
    assert!(own == other);

    // One that is closed gets no more, the others do.
    proxy.tell("close 3").await;
    proxy.says("close 3: done").await;
    let before = nodes.consumer.high_seqnos()[3];
    nodes
        .producer
        .handle
        .with_node(|node| growth.grow(&mut node.bucket, 160));
    let others = |all: Vec<(u16, u64)>| -> Vec<_> {
        all.into_iter()
            .filter(|(vbucket, _)| *vbucket != 3)
            .collect()
    };
    let arrived = async {
        while others(nodes.consumer.high_seqnos()) != others(nodes.producer.high_seqnos()) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LIMIT, arrived).await.expect("the others");
    assert_eq!(nodes.consumer.high_seqnos()[3], before);
    proxy.tell("status").await;
    proxy
        .says("15 streams: 0-2,4-15; under way: nothing, 0 waiting")
        .await;
    // And back again.
    proxy.tell("replicate 3").await;
    nodes.are_even(&proxy).await;
    let lines = proxy.succeeds().await;
    assert!(
        lines[0].ends_with(
            ": replication:test with XATTR, XERROR, SELECT_BUCKET, SNAPPY, JSON, COLLECTIONS"
        ),
        "{lines:?}"
    );
}

#[tokio::test]
async fn all_vbuckets_of_a_bucket() {
    let nodes = Nodes::new(replica(1024), Node::new(recipe(1024, 5000).bucket())).await;
    let proxy = nodes.proxy(&["replicate 0-1023"]);
    nodes.are_even(&proxy).await;
    assert!(nodes.consumer.documents() == nodes.producer.documents());
    proxy.succeeds().await;
}

#[tokio::test]
async fn a_takeover_that_is_put_off_twice_succeeds_at_the_third_try() {
    let script = "refuse ETMPFAIL DCP_ADD_STREAM takeover times=2";
    let nodes = Nodes::new(
        with_faults(replica(8), script),
        Node::new(recipe(8, 800).bucket()),
    )
    .await;
    // It is replicated before, as in life.
    let lines = nodes
        .proxy(&["replicate 0-7", "takeover 7"])
        .succeeds()
        .await;
    let about: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("takeover 7: try"))
        .collect();
    let failed = |line: &&&String| line.contains("failed: ADD_STREAM refused with ETMPFAIL");
    assert_eq!(about.iter().filter(failed).count(), 2, "{lines:#?}");
    assert!(lines.contains(&"takeover 7: done".to_owned()), "{lines:#?}");
    assert_eq!(nodes.consumer.state(7), Some(VbucketState::ACTIVE));
    assert_eq!(nodes.producer.state(7), Some(VbucketState::DEAD));
    assert_eq!(nodes.consumer.state(6), Some(VbucketState::REPLICA));
    let of_7 = |all: Vec<(u16, Change)>| all.into_iter().filter(|(number, _)| *number == 7);
    assert!(of_7(nodes.consumer.documents()).eq(of_7(nodes.producer.documents())));
}

#[tokio::test]
async fn a_takeover_that_is_put_off_for_ever_fails() {
    let script = "refuse ETMPFAIL DCP_ADD_STREAM takeover always";
    let consumer = with_faults(replica(2), script);
    let nodes = Nodes::new(consumer, Node::new(recipe(2, 10).bucket())).await;
    let (ended, lines) = nodes.proxy(&["takeover 1"]).end().await;
    assert_eq!(ended.unwrap().failures, 1);
    assert!(
        lines.contains(&"takeover 1: failed: too many tries".to_owned()),
        "{lines:#?}"
    );
    assert_eq!(nodes.producer.state(1), Some(VbucketState::ACTIVE));
}

/// MB-53445: whoever waits for the consumer's answer waits for ever.
#[tokio::test]
async fn a_stream_that_ends_during_set_up_fails_at_once() {
    let producer = Node::new(recipe(4, 400).bucket());
    let producer = with_faults(producer, "end STATE_CHANGED DCP_STREAM_REQ vb=2");
    let nodes = Nodes::new(replica(4), producer).await;
    let (ended, lines) = nodes.proxy(&["replicate 0-3"]).end().await;
    assert_eq!(ended.unwrap().failures, 1);
    let line = lines
        .iter()
        .find(|line| line.starts_with("replicate 0-3: vbucket 2: stream 0x"));
    assert!(
        line.is_some_and(|line| line.ends_with(" ended with STATE_CHANGED")),
        "{lines:#?}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("replicate 0-3: failed: a stream has ended"))
    );
}

#[tokio::test]
async fn vbuckets_that_the_consumer_lacks_do_not_hinder_the_others() {
    let nodes = Nodes::new(replica(4), Node::new(recipe(6, 600).bucket())).await;
    let proxy = nodes.proxy(&["replicate 0-5"]);
    nodes.are_even(&proxy).await;
    let (ended, lines) = proxy.end().await;
    assert_eq!(ended.unwrap().failures, 1);
    for vbucket in [4, 5] {
        let refused =
            format!("replicate 0-5: vbucket {vbucket}: ADD_STREAM refused with NOT_MY_VBUCKET: ");
        assert!(
            lines.iter().any(|line| line.starts_with(&refused)),
            "{lines:#?}"
        );
    }
    let failed = "replicate 0-5: failed: 2 vbuckets refused; open: 0-3".to_owned();
    assert!(lines.contains(&failed), "{lines:#?}");
}

/// MB-37009: the consumer has another stream for one vbucket. That is not the end of all.
#[tokio::test]
async fn a_stream_that_the_consumer_does_not_know_leaves_the_others_alone() {
    let consumer = with_faults(replica(2), "refuse KEY_EEXISTS DCP_MUTATION vb=0 always");
    // The tenth control is that for the status codes of release 7.
    let producer = Node::new(recipe(2, 200).bucket());
    let producer = with_faults(producer, "refuse EINVAL DCP_CONTROL after=10 times=1");
    let nodes = Nodes::new(consumer, producer).await;
    let proxy = nodes.proxy(&["replicate 0-1"]);
    let arrived = async {
        while nodes.consumer.high_seqnos()[1] != nodes.producer.high_seqnos()[1] {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LIMIT, arrived).await.expect("vbucket 1");
    let lines = proxy.succeeds().await;
    let told = lines
        .iter()
        .filter(|line| line.contains("DCP_MUTATION with KEY_EEXISTS"));
    let told: Vec<_> = told.collect();
    assert_eq!(told.len(), 1, "{lines:#?}");
    assert!(told[0].contains("the stream of vbucket 0; to the producer that is stream only: "));
}

#[tokio::test]
async fn an_answer_that_costs_the_connection_is_told_with_it() {
    let consumer = with_faults(replica(2), "refuse KEY_EEXISTS DCP_MUTATION");
    let nodes = Nodes::new(consumer, Node::new(recipe(2, 200).bucket())).await;
    let proxy = nodes.proxy(&["replicate 0-1"]);
    let (error, lines) = proxy.loses().await;
    let error = error.to_string();
    let endpoint = &nodes.producer.endpoint;
    let start = format!(
        "producer {endpoint}: the node closed the connection without a word; its log may say why; \
         before that, passed on: the consumer answers DCP_MUTATION with KEY_EEXISTS"
    );
    assert!(error.starts_with(&start), "{error}");
    assert!(error.contains("fatal: "), "{error}");
    assert!(
        lines
            .iter()
            .any(|line| line.contains("to the producer that is fatal: "))
    );
}

#[tokio::test]
async fn a_node_that_goes_away_is_an_end_with_a_line() {
    for gone in ["consumer", "producer"] {
        let nodes = Nodes::new(replica(2), Node::new(recipe(2, 100).bucket())).await;
        let proxy = nodes.proxy(&["replicate 0-1"]);
        nodes.are_even(&proxy).await;
        let node = match gone {
            "consumer" => &nodes.consumer,
            _ => &nodes.producer,
        };
        node.handle.disconnect();
        let (error, _) = proxy.loses().await;
        let start = format!("{gone} {}: ", node.endpoint);
        assert!(error.to_string().starts_with(&start), "{error}");
        assert!(!error.to_string().contains('\n'));
    }
}

#[tokio::test]
async fn what_keeps_it_from_beginning_is_one_line() {
    let nodes = Nodes::new(
        guarded(replica(2)),
        guarded(Node::new(recipe(2, 10).bucket())),
    )
    .await;
    let closed = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let refused = |text: &str| format!("{text}: Connection refused");
    type Change<'a> = &'a dyn Fn(&mut Options);
    let cases: [(&str, Change<'_>, u8, String); 4] = [
        (
            "no consumer",
            &|options| options.nodes.consumer.endpoint = closed.parse().unwrap(),
            4,
            refused(&format!("consumer {closed}")),
        ),
        (
            "no producer",
            &|options| options.nodes.producer.endpoint = closed.parse().unwrap(),
            4,
            refused(&format!("producer {closed}")),
        ),
        (
            "no password",
            &|options| {
                options.credentials.plain = false;
                options.credentials.password = Password::new("wrong".into());
            },
            3,
            "SASL_STEP answered AUTH_ERROR: the user or the password is wrong".into(),
        ),
        (
            "no bucket",
            &|options| options.bucket = "another".into(),
            3,
            "SELECT_BUCKET answered ".into(),
        ),
    ];
    for (what, change, exit_code, text) in cases {
        let mut options = nodes.options();
        change(&mut options);
        let (ended, lines) = Proxy::new(options, &["replicate 0"]).end().await;
        let error = ended.expect_err(what);
        assert_eq!(error.exit_code(), exit_code, "{what}: {error}");
        assert!(error.to_string().contains(&text), "{what}: {error}");
        assert_eq!(error.to_string().lines().count(), 1);
        assert!(lines.is_empty());
    }
}

#[tokio::test]
async fn a_signal_closes_the_streams_though_commands_are_left() {
    // A consumer that never says whether it has added a stream.
    let consumer = with_faults(replica(2), "drop DCP_ADD_STREAM always");
    let nodes = Nodes::new(consumer, Node::new(recipe(2, 100).bucket())).await;
    let mut proxy = nodes.proxy(&["replicate 0-1", "takeover 1"]);
    nodes.are_even(&proxy).await;
    proxy.stop.take().unwrap().send(()).unwrap();
    let (ended, lines) = proxy.end().await;
    assert_eq!(ended.unwrap().failures, 2);
    let last = [
        "takeover 1: failed: not begun before the end",
        "shut down: begun",
        "replicate 0-1: failed: interrupted",
        "shut down: done",
    ];
    assert!(lines.iter().rev().take(4).rev().eq(last), "{lines:#?}");
}

#[tokio::test]
async fn a_line_that_is_no_command_is_told_and_the_rest_is_done() {
    let nodes = Nodes::new(replica(2), Node::new(recipe(2, 10).bucket())).await;
    let proxy = nodes.proxy(&[]);
    proxy.tell("replicat 0").await;
    proxy.tell("").await;
    proxy.tell("replicate 0-1").await;
    let (ended, lines) = proxy.end().await;
    assert_eq!(ended.unwrap().failures, 1);
    assert!(
        lines[1].starts_with("\"replicat 0\" is no command: "),
        "{lines:#?}"
    );
    assert!(
        lines.contains(&"replicate 0-1: done".to_owned()),
        "{lines:#?}"
    );
}

/// The command itself: standard input, environment and exit status.
#[tokio::test]
async fn the_command() {
    let nodes = Nodes::new(
        guarded(replica(4)),
        guarded(Node::new(recipe(4, 100).bucket())),
    )
    .await;
    let run = |arguments: &[&str], input: &'static str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcbp"));
        let addresses = [&nodes.consumer.endpoint, &nodes.producer.endpoint];
        command
            .arg("proxy")
            .args(addresses.map(Endpoint::to_string))
            .args(["--user", "user", "--bucket", "default"])
            .args(arguments)
            .env("MCBP_PASSWORD", "pencil")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        tokio::task::spawn_blocking(move || {
            let mut child = command.spawn().unwrap();
            child
                .stdin
                .take()
                .unwrap()
                .write_all(input.as_bytes())
                .unwrap();
            child.wait_with_output().unwrap()
        })
    };
    let done = run(&["--replicate", "0-2"], "close 1\ntakeover 3\nquit\n")
        .await
        .unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(0), "{text}");
    assert!(text.contains(" takeover 3: done\n"), "{text}");
    assert_eq!(nodes.consumer.state(3), Some(VbucketState::ACTIVE));

    let failed = run(&["--replicate", "9", "--verbose"], "").await.unwrap();
    let text = String::from_utf8(failed.stdout).unwrap();
    assert_eq!(failed.status.code(), Some(1), "{text}");
    assert!(text.contains(" sent to the consumer: DCP_ADD_STREAM vbucket 9 opaque 0x00010009\n"));
    let kept = format!(
        "kept: DCP_ADD_STREAM {} from the consumer",
        Status::NOT_MY_VBUCKET
    );
    assert!(text.contains(&kept), "{text}");

    let refused = run(&["--replicate", "1024"], "").await.unwrap();
    assert_eq!(refused.status.code(), Some(2));

    nodes.producer.handle.stop();
    let lost = run(&["--replicate", "0"], "").await.unwrap();
    let text = String::from_utf8(lost.stderr).unwrap();
    assert_eq!(lost.status.code(), Some(4), "{text}");
    assert!(
        text.starts_with("mcbp: producer ") && text.lines().count() == 1,
        "{text}"
    );
}
