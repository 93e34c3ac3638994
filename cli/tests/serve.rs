//! The test server, asked by a client that does one thing after the other.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::process::Command;

use futures_util::{SinkExt, StreamExt};
use mcbp::codec::{CodecError, PacketCodec};
use mcbp::dcp::{Control, DcpRequest, NoopReply, Open, StreamRequest, StreamRequestReply};
use mcbp::kv::{Features, Hello, Plain, SaslAuth, SaslListMechs, SaslStep, SelectBucket};
use mcbp::testing::{Bucket, Document, Node, Recipe};
use mcbp::track::resume::{Checkpoint, Cursor, Progress};
use mcbp::value::CollectionId;
use mcbp::{
    Feature, Message, Opcode, OpenFlags, Packet, Request, Response, Status, StreamFlags, UserData,
};
use mcbp_cli::serve::{Handle, Limits, Passwords, Server};
use rsasl::prelude::{Mechname, SASLClient, SASLConfig};
use tokio::net::TcpStream;
use tokio_util::codec::Framed;

/// A connection, and what has come that was not waited for.
struct Client {
    framed: Framed<TcpStream, PacketCodec>,
    opaque: u32,
}

impl Client {
    async fn connect(handle: &Running) -> Self {
        let socket = TcpStream::connect(handle.address)
            .await
            .expect("a listening server");
        Self {
            framed: Framed::new(socket, PacketCodec::default()),
            opaque: 0,
        }
    }

    /// Sends a request, and waits for the answer, answering noops.
    async fn ask<'a, M: Message<'a>>(&mut self, vbucket: u16, message: M) -> Packet {
        self.opaque = self.opaque.wrapping_add(1);
        let opaque = self.opaque;
        let request = Request {
            opaque,
            vbucket,
            ..Request::from(message)
        };
        self.framed.send(request).await.expect("sent");
        loop {
            let packet = self.next().await.expect("an answer");
            let header = packet.header();
            if header.magic().is_response() && header.opaque() == opaque {
                return packet;
            }
        }
    }

    /// The next packet that is no noop; those are answered.
    async fn next(&mut self) -> Result<Packet, CodecError> {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(30), self.framed.next());
            let packet = next.await.expect("a packet in time");
            let packet = packet.unwrap_or(Err(CodecError::CutOff {
                arrived: 0,
                expected: None,
            }))?;
            let header = *packet.header();
            if header.opcode() != Some(Opcode::DCP_NOOP) {
                return Ok(packet);
            }
            let answer = Response {
                opaque: header.opaque(),
                ..Response::from(NoopReply::default())
            };
            self.framed.send(answer).await?;
        }
    }

    async fn control(&mut self, key: &'static str, value: &'static str) -> Status {
        let control = Control {
            key: key.into(),
            value: value.into(),
        };
        status(&self.ask(0, control).await)
    }

    /// All that comes before the first stream.
    async fn open(handle: &Running, features: &[Feature], flags: OpenFlags) -> Self {
        let mut client = Self::connect(handle).await;
        client.hello(features).await;
        assert_eq!(client.plain("user", "pencil").await, Status::SUCCESS);
        let select = SelectBucket {
            bucket: "default".into(),
        };
        assert_eq!(status(&client.ask(0, select).await), Status::SUCCESS);
        let open = Open {
            flags: flags | OpenFlags::PRODUCER,
            name: "client".into(),
            ..Open::default()
        };
        assert_eq!(status(&client.ask(0, open).await), Status::SUCCESS);
        assert_eq!(client.control("enable_noop", "true").await, Status::SUCCESS);
        client
    }

    async fn hello(&mut self, features: &[Feature]) {
        let mut value = Vec::new();
        Features::encode(features, &mut value).expect("room");
        let hello = Hello {
            agent: "client".into(),
            features: Features::new(&value).expect("whole features"),
        };
        assert_eq!(status(&self.ask(0, hello).await), Status::SUCCESS);
    }

    /// Authenticates by SCRAM: the status of the last answer.
    async fn scram(&mut self, mechanism: &str, user: &str, password: &str) -> Status {
        let (user, password) = (user.to_owned(), password.to_owned());
        let config = SASLConfig::with_credentials(None, user, password).expect("a config");
        let name = mechanism.replacen("SHA", "SHA-", 1);
        let name = Mechname::parse(name.as_bytes()).expect("a name");
        let client = SASLClient::new(config);
        let mut session = client.start_suggested(&[name]).expect("a mechanism");
        let mut said = Vec::new();
        session.step(None, &mut said).expect("the first message");
        let auth = SaslAuth {
            mechanism: mechanism.into(),
            data: UserData::new(&said),
        };
        let mut answer = self.ask(0, auth).await;
        while status(&answer) == Status::AUTH_CONTINUE {
            let mut said = Vec::new();
            let challenge = answer.sections().value.expose().to_vec();
            session
                .step(Some(&challenge), &mut said)
                .expect("a challenge");
            let step = SaslStep {
                mechanism: mechanism.into(),
                data: UserData::new(&said),
            };
            answer = self.ask(0, step).await;
        }
        if status(&answer) == Status::SUCCESS {
            // The server has to know the password, too.
            let proof = answer.sections().value.expose().to_vec();
            session
                .step(Some(&proof), &mut Vec::new())
                .expect("a proof");
        }
        status(&answer)
    }

    async fn plain(&mut self, user: &str, password: &str) -> Status {
        let plain = Plain::new("".into(), user.into(), password.into()).expect("no NUL");
        let mut data = Vec::new();
        plain.encode(&mut data).expect("room");
        let auth = SaslAuth {
            mechanism: "PLAIN".into(),
            data: UserData::new(&data),
        };
        status(&self.ask(0, auth).await)
    }
}

fn status(packet: &Packet) -> Status {
    packet.header().status().expect("a response")
}

/// A server, and where it listens.
struct Running {
    handle: Handle,
    address: SocketAddr,
    server: tokio::task::JoinHandle<mcbp_cli::serve::Served>,
}

impl Running {
    async fn with(node: Node) -> Self {
        let server = Server::bind("127.0.0.1:0", node).await.expect("bound");
        Self {
            handle: server.handle(),
            address: server.local_addr().expect("an address"),
            server: tokio::spawn(server.run()),
        }
    }

    async fn of(recipe: &Recipe) -> Self {
        Self::with(node(recipe.bucket())).await
    }

    async fn stop(self) -> u32 {
        self.handle.stop();
        self.server.await.expect("no panic").connections
    }
}

fn node(bucket: Bucket) -> Node {
    let mut node = Node::new(bucket);
    let users = BTreeMap::from([("user".to_owned(), "pencil".to_owned())]);
    node.authenticator = Box::new(Passwords::new(&users).expect("mechanisms"));
    node
}

const FEATURES: &[Feature] = &[
    Feature::XATTR,
    Feature::XERROR,
    Feature::SELECT_BUCKET,
    Feature::JSON,
    Feature::COLLECTIONS,
];

/// What a client collects of one vbucket: the last change of every key.
async fn stream(client: &mut Client, handle: &Running, vbucket: u16) -> BTreeMap<Vec<u8>, u64> {
    let end = handle.handle.with_node(|node| {
        let own = node.bucket.vbucket(vbucket).expect("a vbucket");
        own.high_seqno()
    });
    let mut cursor = Cursor::new(Checkpoint::default(), true).expect("the beginning");
    let request = cursor.request(StreamFlags::empty(), end, "".into());
    let answer = client.ask(vbucket, request.expect("no stream yet")).await;
    let reply = answer.view().response::<StreamRequestReply<'_>>();
    let reply = reply.expect("an answer");
    assert_eq!(cursor.on_reply(&reply), Ok(Progress::Accepted));
    let mut seen = BTreeMap::new();
    loop {
        let packet = client.next().await.expect("a packet");
        let message = DcpRequest::read(packet.view()).expect("a message");
        match message {
            DcpRequest::StreamEnd(_) => return seen,
            DcpRequest::Mutation(item) => {
                seen.insert(item.message.key.expose().to_vec(), item.message.by_seqno);
            }
            DcpRequest::Deletion(item) => {
                seen.insert(item.message.key.expose().to_vec(), item.message.by_seqno);
            }
            _ => {}
        }
        cursor.on_message(&message).expect("in order");
    }
}

#[tokio::test]
async fn a_client_gets_what_there_is() {
    let recipe = Recipe {
        vbuckets: 4,
        items: 400,
        collections: 2,
        ..Recipe::default()
    };
    let running = Running::of(&recipe).await;
    let mut client = Client::open(&running, FEATURES, OpenFlags::INCLUDE_XATTRS).await;
    for vbucket in 0..4 {
        let seen = stream(&mut client, &running, vbucket).await;
        let expected = running.handle.with_node(|node| {
            let own = node.bucket.vbucket(vbucket).expect("a vbucket");
            let documents = own.documents();
            let key = |change: &mcbp::testing::Change| {
                let mut key = Vec::new();
                change.collection.encode(&mut key).expect("room");
                key.extend_from_slice(&change.key.0);
                key
            };
            documents
                .map(|change| (key(change), change.seqno))
                .collect::<BTreeMap<_, _>>()
        });
        assert!(seen.len() > 50, "{}", seen.len());
        assert_eq!(seen, expected);
    }
    assert_eq!(running.stop().await, 1);
}

#[tokio::test]
async fn scram_by_every_hash() {
    let running = Running::of(&Recipe::default()).await;
    let mut client = Client::connect(&running).await;
    let offered = client.ask(0, SaslListMechs).await;
    let offered = String::from_utf8_lossy(offered.sections().value.expose()).into_owned();
    for mechanism in ["SCRAM-SHA512", "SCRAM-SHA256", "SCRAM-SHA1"] {
        assert!(offered.contains(mechanism), "{offered}");
        let select = SelectBucket {
            bucket: "default".into(),
        };
        for (user, password) in [("user", "wrong"), ("nobody", "pencil")] {
            let refused = client.scram(mechanism, user, password).await;
            assert_eq!(refused, Status::AUTH_ERROR, "{mechanism}");
            assert_eq!(status(&client.ask(0, select).await), Status::EACCESS);
        }
        assert_eq!(
            client.scram(mechanism, "user", "pencil").await,
            Status::SUCCESS,
            "{mechanism}"
        );
        assert_eq!(status(&client.ask(0, select).await), Status::SUCCESS);
        client = Client::connect(&running).await;
    }
    assert_eq!(client.plain("user", "wrong").await, Status::AUTH_ERROR);
    running.stop().await;
}

#[tokio::test]
async fn changes_arrive_while_it_runs() {
    let running = Running::of(&Recipe::default()).await;
    let mut client = Client::open(&running, FEATURES, OpenFlags::empty()).await;
    let request = StreamRequest {
        flags: StreamFlags::FROM_LATEST,
        end_seqno: u64::MAX,
        ..StreamRequest::default()
    };
    let answer = client.ask(3, request).await;
    assert_eq!(status(&answer), Status::SUCCESS);
    running.handle.with_node(|node| {
        let document = Document {
            value: "{}".into(),
            ..Document::default()
        };
        node.bucket.set(3, CollectionId::DEFAULT, "new", document)
    });
    let marker = client.next().await.expect("a packet");
    assert_eq!(marker.header().opcode(), Some(Opcode::DCP_SNAPSHOT_MARKER));
    let mutation = client.next().await.expect("a packet");
    assert_eq!(mutation.sections().key.expose(), b"\0new");
    running.stop().await;
}

#[tokio::test]
async fn a_packet_that_is_cut_off_is_the_last() {
    let mut node = node(Recipe::default().bucket());
    node.faults = "cut 30 DCP_MUTATION".parse().expect("a script");
    let running = Running::with(node).await;
    let mut client = Client::open(&running, FEATURES, OpenFlags::empty()).await;
    let request = StreamRequest {
        end_seqno: u64::MAX,
        ..StreamRequest::default()
    };
    assert_eq!(status(&client.ask(0, request).await), Status::SUCCESS);
    let error = loop {
        if let Err(error) = client.next().await {
            break error;
        }
    };
    assert!(
        matches!(
            error,
            CodecError::CutOff {
                arrived: 30,
                expected: Some(_)
            }
        ),
        "{error}"
    );
    // Once.
    let mut client = Client::open(&running, FEATURES, OpenFlags::empty()).await;
    let seen = stream(&mut client, &running, 0).await;
    assert!(!seen.is_empty());
    assert_eq!(running.stop().await, 2);
}

#[tokio::test]
async fn clients_are_thrown_out_and_come_back() {
    let running = Running::of(&Recipe::default()).await;
    let mut client = Client::open(&running, FEATURES, OpenFlags::empty()).await;
    running.handle.disconnect();
    assert!(client.next().await.is_err());
    let mut client = Client::open(&running, FEATURES, OpenFlags::empty()).await;
    assert!(!stream(&mut client, &running, 0).await.is_empty());
    assert_eq!(running.stop().await, 2);
}

#[tokio::test]
async fn it_stops_by_itself() {
    let node = node(Recipe::default().bucket());
    let limits = Limits {
        connections: Some(2),
        ..Limits::default()
    };
    let server = Server::bind("127.0.0.1:0", node).await.expect("bound");
    let server = server.with_limits(limits);
    let address = server.local_addr().expect("an address");
    let server = tokio::spawn(server.run());
    for _ in 0..2 {
        drop(TcpStream::connect(address).await.expect("a server"));
    }
    assert_eq!(server.await.expect("no panic").connections, 2);
}

#[tokio::test]
async fn it_makes_changes_at_a_rate() {
    let recipe = Recipe::default();
    let node = node(recipe.bucket());
    let growth = recipe.growth(&node.bucket);
    let server = Server::bind("127.0.0.1:0", node).await.expect("bound");
    let server = server.with_growth(growth, 1000);
    let handle = server.handle();
    let server = tokio::spawn(server.run());
    let changes = |node: &mut Node| {
        let vbuckets = node.bucket.vbuckets();
        vbuckets
            .map(|(_, own)| own.changes().count())
            .sum::<usize>()
    };
    assert_eq!(handle.with_node(changes), 1000);
    while handle.with_node(changes) < 1100 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    handle.stop();
    server.await.expect("no panic");
}

#[test]
fn the_command_says_where_it_listens_and_what_it_holds() {
    let served = Command::new(env!("CARGO_BIN_EXE_mcbp"))
        .args(["serve", "--role", "consumer", "--vbuckets", "2"])
        .args(["--lifetime", "100ms"])
        .output()
        .expect("the command");
    assert!(served.status.success(), "{served:?}");
    let out = String::from_utf8(served.stdout).expect("text");
    let lines: Vec<_> = out.lines().collect();
    let [address, first, second] = lines[..] else {
        panic!("{out}");
    };
    assert!(
        address
            .parse::<SocketAddr>()
            .is_ok_and(|address| address.port() > 0)
    );
    assert!(first.starts_with("vb=0 state=REPLICA"), "{first}");
    assert!(second.ends_with("high_seqno=0 documents=0"), "{second}");
}

#[test]
fn faults_are_checked_before_it_listens() {
    let refused = Command::new(env!("CARGO_BIN_EXE_mcbp"))
        .args(["serve", "--fault", "lose DCP_MUTATION"])
        .output()
        .expect("the command");
    assert!(!refused.status.success());
    assert!(refused.stdout.is_empty());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("expected drop, delay,"), "{said}");
}
