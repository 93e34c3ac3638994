//! The test server, asked by a client that does one thing after the other.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use futures_util::{SinkExt, StreamExt};
use mcbp::codec::{CodecError, PacketCodec};
use mcbp::dcp::{Control, DcpRequest, NoopReply, Open, StreamRequestReply};
use mcbp::kv::{Features, Hello, Plain, SaslAuth, SelectBucket};
use mcbp::testing::{Bucket, Node, Recipe};
use mcbp::track::resume::{Checkpoint, Cursor, Progress};
use mcbp::{
    Feature, Message, Opcode, OpenFlags, Packet, Request, Response, Status, StreamFlags, UserData,
};
use mcbp_cli::serve::{Handle, Passwords, Server};
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
