//! The server's end of one connection.

mod closing;
mod cluster;
mod consumer;
mod control;
mod kv;
mod link;
mod outbox;
mod producer;
mod stream;

use alloc::boxed::Box;
use core::fmt;
use core::time::Duration;

use bytes::Bytes;

use super::fault::FaultKind;
use super::node::Node;
use crate::dcp::{DcpRequest, DcpResponse, Open, OpenReply};
use crate::validate::{self, ConnectionKind};
use crate::value::OpenValue;
use crate::{Datatype, Opcode, OpenFlags, Packet, Status, StreamFlags};

pub use closing::Closing;

use consumer::Consumer;
use link::Link;
use producer::Producer;

/// The server's end of one connection to a [`Node`].
///
/// Feed it the packets that arrive ([`on_packet`](Self::on_packet)), then do what
/// [`poll`](Self::poll) says until it says nothing more; poll it again when something has arrived,
/// when [`next_timeout`](Self::next_timeout) is over, and when the bucket has changed. It reads no
/// clock: `now` is the time since any moment that the caller likes.
///
/// It pulls the messages of its streams out of the bucket one by one as it is polled, so it holds
/// next to nothing, and a consumer that does not acknowledge really stops it.
#[derive(Default)]
pub struct Connection {
    link: Link,
    role: Role,
    closing: Option<Closing>,
    is_closed: bool,
}

/// What `DCP_OPEN` has made of the connection.
#[derive(Default)]
enum Role {
    #[default]
    Ordinary,
    Producer(Box<Producer>),
    Consumer(Box<Consumer>),
}

/// What the caller has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send this packet.
    Send(Packet),
    /// Send these bytes: a packet that is cut off, by a fault.
    SendCut(Bytes),
    /// Close the connection. Nothing comes after this.
    Close(Closing),
}

impl Connection {
    /// A connection that has just been accepted.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a packet that has arrived.
    pub fn on_packet(&mut self, node: &mut Node, packet: Packet<&[u8]>, now: Duration) {
        if self.closing.is_some() {
            return;
        }
        match &mut self.role {
            Role::Ordinary => {}
            Role::Producer(producer) => producer.on_packet(now),
            Role::Consumer(consumer) => consumer.on_packet(packet.header(), now),
        }
        let taken = if packet.header().magic().is_response() {
            self.on_response(node, packet, now)
        } else {
            self.on_request(node, packet, now)
        };
        self.closing = taken.err();
    }

    /// What to do next; `None` for nothing until something happens.
    pub fn poll(&mut self, node: &mut Node, now: Duration) -> Option<Action> {
        if self.is_closed {
            return None;
        }
        let action = loop {
            if let Some(action) = self.link.outbox.pop(now) {
                break action;
            }
            if let Some(closing) = self.closing {
                break Action::Close(closing);
            }
            let polled = match &mut self.role {
                Role::Ordinary => return None,
                Role::Producer(producer) => producer.poll(&mut self.link, node, now),
                Role::Consumer(consumer) => consumer.poll(&mut self.link, node, now),
            };
            match polled {
                Ok(true) => {}
                Ok(false) => return None,
                Err(closing) => self.closing = Some(closing),
            }
        };
        self.is_closed = matches!(action, Action::Close(_));
        Some(action)
    }

    /// When to poll again, whatever happens until then.
    pub fn next_timeout(&self) -> Option<Duration> {
        let own = match &self.role {
            Role::Ordinary => None,
            Role::Producer(producer) => producer.next_timeout(),
            Role::Consumer(consumer) => consumer.next_timeout(),
        };
        let waiting = self.link.outbox.next_timeout();
        [own, waiting].into_iter().flatten().min()
    }

    fn on_response(
        &mut self,
        node: &mut Node,
        packet: Packet<&[u8]>,
        now: Duration,
    ) -> Result<(), Closing> {
        let header = *packet.header();
        if header.opcode() == Some(Opcode::NOOP) && self.link.is_authenticated {
            return Ok(());
        }
        if header.magic().is_server_response() {
            return Ok(());
        }
        let response = DcpResponse::read(packet).map_err(Closing::Message)?;
        match &mut self.role {
            Role::Ordinary => Err(Closing::Unasked),
            Role::Producer(producer) => producer.on_response(&header, &response, now),
            Role::Consumer(consumer) => {
                consumer.on_response(&mut self.link, node, packet, &response, now)
            }
        }
    }

    fn on_request(
        &mut self,
        node: &mut Node,
        packet: Packet<&[u8]>,
        now: Duration,
    ) -> Result<(), Closing> {
        let header = *packet.header();
        let opcode = Opcode(header.command().byte());
        let refused = if self.link.is_authenticated || is_free(opcode) {
            self.judge(node, packet)
        } else {
            Some((Status::EACCESS, "Not authenticated"))
        };
        if let Some((status, context)) = refused {
            let link = &mut self.link;
            link.refuse(&mut node.faults, now, &header, status, context);
            return Ok(());
        }
        let request = DcpRequest::read(packet).map_err(Closing::Message)?;
        match (&request, &mut self.role) {
            (DcpRequest::Other(_), _) => self.on_kv(node, packet, now),
            (DcpRequest::Open(open), _) => {
                self.open(node, &open.message, now);
                let reply = OpenReply::default();
                let (link, faults) = (&mut self.link, &mut node.faults);
                link.answer(faults, now, &header, Status::SUCCESS, reply);
                Ok(())
            }
            (_, Role::Producer(producer)) => {
                producer.on_request(&mut self.link, node, &header, &request, now)
            }
            (_, Role::Consumer(consumer)) => {
                consumer.on_request(&mut self.link, node, &header, &request, now)
            }
            // The validators let no other DCP request through.
            (_, Role::Ordinary) => Err(Closing::WrongEnd(opcode)),
        }
    }

    /// How a request is refused before anything is done about it.
    fn judge(&self, node: &mut Node, packet: Packet<&[u8]>) -> Option<(Status, &'static str)> {
        if let Err(violation) = validate::request(packet, &self.link.known) {
            return Some((violation.status(), violation.rule().demand));
        }
        let header = packet.header();
        let opcode = Opcode(header.command().byte());
        if !self.link.has_bucket && needs_bucket(opcode) {
            return Some((Status::NO_BUCKET, "No bucket selected"));
        }
        let fault = node.faults.on_asked(header, takes_over(packet));
        if let Some(FaultKind::Refuse(status)) = fault {
            return Some((status, "A fault of the script"));
        }
        None
    }

    /// `DCP_OPEN`.
    fn open(&mut self, node: &Node, open: &Open<'_>, now: Duration) {
        let flags = open.flags;
        let known = &mut self.link.known;
        known.datatypes |= Datatype::JSON;
        known.include_delete_times = flags.contains(OpenFlags::INCLUDE_DELETE_TIMES);
        if flags.contains(OpenFlags::PRODUCER) {
            known.kind = ConnectionKind::Producer;
            self.role = Role::Producer(Box::new(Producer::new(flags)));
        } else {
            known.kind = ConnectionKind::Consumer;
            let value = OpenValue::from_json(open.value.0).unwrap_or_default();
            let has_sync_writes = value.consumer_name.is_some();
            let consumer = Consumer::new(has_sync_writes, node, now);
            self.role = Role::Consumer(Box::new(consumer));
        }
    }
}

/// Whether a request needs no authentication (reference 1.3).
const fn is_free(opcode: Opcode) -> bool {
    matches!(
        opcode,
        Opcode::HELLO
            | Opcode::SASL_LIST_MECHS
            | Opcode::SASL_AUTH
            | Opcode::SASL_STEP
            | Opcode::GET_ERROR_MAP
    )
}

/// Whether a request is about the bucket.
const fn needs_bucket(opcode: Opcode) -> bool {
    !is_free(opcode)
        && !matches!(
            opcode,
            Opcode::SELECT_BUCKET
                | Opcode::NOOP
                | Opcode::QUIT
                | Opcode::VERSION
                | Opcode::STAT
                | Opcode::GET_CLUSTER_CONFIG
        )
}

/// Whether a request begins a takeover.
fn takes_over(packet: Packet<&[u8]>) -> bool {
    let flags = match DcpRequest::read(packet) {
        Ok(DcpRequest::AddStream(add)) => add.message.flags,
        Ok(DcpRequest::StreamRequest(request)) => request.message.flags,
        _ => return false,
    };
    flags.contains(StreamFlags::TAKE_OVER)
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("known", &self.link.known)
            .field("closing", &self.closing)
            .finish_non_exhaustive()
    }
}
