//! A client of a node in memory, without a socket between them.

use core::time::Duration;

use bytes::BytesMut;
use mcbp::dcp::{Control, DcpRequest, Open, StreamRequest};
use mcbp::kv::{Features, Hello, Plain, SaslAuth, SelectBucket};
use mcbp::testing::{Action, Closing, Connection, Node};
use mcbp::{
    Decoder, Feature, FramingExtras, Message, OpenFlags, Packet, Request, Response, Status,
    UserData,
};

/// Both ends of a connection.
pub(crate) struct Client {
    pub(crate) node: Node,
    pub(crate) connection: Connection,
    pub(crate) now: Duration,
    /// What has come and was not asked for.
    pub(crate) received: Vec<Packet>,
    pub(crate) closed: Option<Closing>,
    opaque: u32,
}

pub(crate) const FEATURES: &[Feature] = &[
    Feature::XATTR,
    Feature::XERROR,
    Feature::SELECT_BUCKET,
    Feature::JSON,
    Feature::COLLECTIONS,
];

impl Client {
    pub(crate) fn connect(node: Node) -> Self {
        Self {
            node,
            connection: Connection::new(),
            now: Duration::ZERO,
            received: Vec::new(),
            closed: None,
            opaque: 0,
        }
    }

    /// Comes back to the same node.
    pub(crate) fn reconnect(self) -> Self {
        Self::connect(self.node)
    }

    /// All that comes before the first stream, and noops.
    pub(crate) fn open(node: Node, features: &[Feature], flags: OpenFlags) -> Self {
        let mut client = Self::connect(node);
        client.set_up(features, flags | OpenFlags::PRODUCER, "");
        assert_eq!(client.control("enable_noop", "true"), Status::SUCCESS);
        client
    }

    /// All that comes before `DCP_OPEN`, and that.
    pub(crate) fn set_up(&mut self, features: &[Feature], flags: OpenFlags, value: &str) {
        assert_eq!(self.hello(features), Status::SUCCESS);
        assert_eq!(self.plain("user", "pencil"), Status::SUCCESS);
        let select = SelectBucket {
            bucket: "default".into(),
        };
        assert_eq!(status(&self.ask(0, select)), Status::SUCCESS);
        let open = Request {
            datatype: if value.is_empty() {
                mcbp::Datatype::RAW
            } else {
                mcbp::Datatype::JSON
            },
            ..Request::from(Open {
                flags,
                name: "client".into(),
                value: value.into(),
                ..Open::default()
            })
        };
        assert_eq!(status(&self.ask_with(open)), Status::SUCCESS);
    }

    pub(crate) fn hello(&mut self, features: &[Feature]) -> Status {
        let mut value = Vec::new();
        Features::encode(features, &mut value).expect("room");
        let hello = Hello {
            agent: "client".into(),
            features: Features::new(&value).expect("whole features"),
        };
        status(&self.ask(0, hello))
    }

    pub(crate) fn plain(&mut self, user: &str, password: &str) -> Status {
        let plain = Plain::new("".into(), user.into(), password.into()).expect("no NUL");
        let mut data = Vec::new();
        plain.encode(&mut data).expect("room");
        let auth = SaslAuth {
            mechanism: "PLAIN".into(),
            data: UserData::new(&data),
        };
        status(&self.ask(0, auth))
    }

    pub(crate) fn control(&mut self, key: &str, value: &str) -> Status {
        let control = Control {
            key: key.into(),
            value: value.into(),
        };
        status(&self.ask(0, control))
    }

    /// Sends a request, and gives the answer to it.
    pub(crate) fn ask<'a, M: Message<'a>>(&mut self, vbucket: u16, message: M) -> Packet {
        self.ask_with(Request {
            vbucket,
            ..Request::from(message)
        })
    }

    pub(crate) fn ask_with<'a, M: Message<'a>>(&mut self, request: Request<'a, M>) -> Packet {
        let opaque = self.send(request);
        let at = self.received.iter().position(|packet| {
            let header = packet.header();
            header.magic().is_response() && header.opaque() == opaque
        });
        self.received.remove(at.expect("an answer"))
    }

    /// Sends a request under an opaque of its own, and takes what comes.
    pub(crate) fn send<'a, M: Message<'a>>(&mut self, request: Request<'a, M>) -> u32 {
        self.opaque = self.opaque.wrapping_add(1);
        let opaque = self.opaque;
        let mut bytes = BytesMut::new();
        Request { opaque, ..request }
            .encode(&mut bytes)
            .expect("a legal request");
        self.pass(&mut bytes);
        opaque
    }

    /// Sends a response, and takes what comes.
    pub(crate) fn respond<'a, R: mcbp::Reply<'a>>(&mut self, response: Response<'a, R>) {
        let mut bytes = BytesMut::new();
        response.encode(&mut bytes).expect("a legal response");
        self.pass(&mut bytes);
    }

    fn pass(&mut self, bytes: &mut BytesMut) {
        let packet = Decoder::default().decode(bytes).expect("a packet");
        let packet = packet.expect("a whole packet");
        self.connection
            .on_packet(&mut self.node, packet.view(), self.now);
        self.poll();
    }

    /// Takes what comes.
    pub(crate) fn poll(&mut self) {
        while let Some(action) = self.connection.poll(&mut self.node, self.now) {
            match action {
                Action::Send(packet) => self.received.push(packet),
                Action::SendCut(_) => {}
                Action::Close(closing) => self.closed = Some(closing),
            }
        }
    }

    /// Lets time pass.
    pub(crate) fn wait(&mut self, time: Duration) {
        self.now = self.now.saturating_add(time);
        self.poll();
    }

    /// Asks for a stream from the beginning.
    pub(crate) fn stream(&mut self, vbucket: u16, end_seqno: u64) -> Packet {
        self.filtered(vbucket, end_seqno, "")
    }

    pub(crate) fn filtered(&mut self, vbucket: u16, end_seqno: u64, filter: &str) -> Packet {
        let request = StreamRequest {
            end_seqno,
            value: filter.into(),
            ..StreamRequest::default()
        };
        self.ask(vbucket, request)
    }

    /// What has come since the last call, in a word each.
    pub(crate) fn taken(&mut self) -> Vec<String> {
        let received = core::mem::take(&mut self.received);
        received.iter().map(word).collect()
    }

    /// What has come since the last call.
    pub(crate) fn packets(&mut self) -> Vec<Packet> {
        core::mem::take(&mut self.received)
    }
}

/// A message of a stream in a word: what it is, its seqnos, and its key.
pub(crate) fn word(packet: &Packet) -> String {
    let header = packet.header();
    if let Some(status) = header.status() {
        return format!("{} {status}", header.command());
    }
    let name = |key: UserData<'_>| String::from_utf8_lossy(key.expose()).into_owned();
    match DcpRequest::read(packet.view()).expect("a message") {
        DcpRequest::SnapshotMarker(marker) => {
            let message = marker.message;
            let (start, end) = (message.start_seqno, message.end_seqno);
            format!("marker {start}..{end} {:#x}", message.flags.bits())
        }
        DcpRequest::Mutation(item) => {
            format!(
                "mutation {} {}",
                item.message.by_seqno,
                name(item.message.key)
            )
        }
        DcpRequest::Deletion(item) => {
            format!(
                "deletion {} {}",
                item.message.by_seqno,
                name(item.message.key)
            )
        }
        DcpRequest::Expiration(item) => {
            let message = item.message;
            format!("expiration {} {}", message.by_seqno, name(message.key))
        }
        DcpRequest::Prepare(item) => {
            format!(
                "prepare {} {}",
                item.message.by_seqno,
                name(item.message.key)
            )
        }
        DcpRequest::Commit(item) => {
            let message = item.message;
            format!(
                "commit {} of {}",
                message.commit_seqno, message.prepared_seqno
            )
        }
        DcpRequest::Abort(item) => {
            let message = item.message;
            format!(
                "abort {} of {}",
                message.abort_seqno, message.prepared_seqno
            )
        }
        DcpRequest::SystemEvent(event) => {
            let message = event.message;
            format!("{} v{} {}", message.id, message.version, message.key)
        }
        DcpRequest::SeqnoAdvanced(advanced) => format!("advanced {}", advanced.message.by_seqno),
        DcpRequest::OsoSnapshot(oso) => format!("oso {}", oso.message.flags.bits()),
        DcpRequest::StreamEnd(end) => format!("end {}", end.message.reason),
        DcpRequest::SetVbucketState(state) => format!("state {}", state.message.state),
        DcpRequest::Noop(_) => "noop".to_owned(),
        other => format!("{other:?}"),
    }
}

pub(crate) fn status(packet: &Packet) -> Status {
    packet.header().status().expect("a response")
}

/// The framing extras of a stream id.
pub(crate) fn stream_id(info: &[u8; 3]) -> FramingExtras<'_> {
    FramingExtras::new(info).expect("a whole info")
}
