//! What a connection has agreed on, as far as it was captured.
//!
//! A packet does not say all that it takes to read it: whether its key starts with a collection id,
//! which vbucket a response is about, whether it is fatal. The packets before it do.

use core::net::SocketAddr;

use hashlink::LinkedHashMap;
use mcbp::dcp::{Control, Open, StreamRequest};
use mcbp::kv::HelloReply;
use mcbp::policy::{self, Context, Edition, OpaqueOwner, Role, Verdict};
use mcbp::value::Collections;
use mcbp::{Feature, Opcode, OpenFlags, Packet, Status, StreamFlags};

use crate::capture::ConnectionId;
use crate::framing::Place;

/// What is known of a packet from those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The vbucket it is about: its own, or that of the request it answers.
    pub vbucket: Option<u16>,
    /// What its connection has agreed on.
    pub agreed: Agreed,
    /// What the end that receives it makes of it, if it is a response.
    pub verdict: Option<Verdict<'static>>,
}

/// What a connection has agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    /// Whether keys start with a collection id.
    pub collections: Collections,
    /// Whether datatypes are those of values that are not sent.
    pub underlying: bool,
    /// By which rules responses are judged.
    pub edition: Edition,
}

impl Default for Agreed {
    fn default() -> Self {
        Self {
            collections: Collections::NotNegotiated,
            underlying: false,
            edition: Edition::V7_0,
        }
    }
}

/// Follows the connections of a capture.
#[derive(Debug, Default)]
pub struct Connections {
    /// In order of use, the one silent for longest first.
    connections: LinkedHashMap<Option<ConnectionId>, Connection>,
}

impl Connections {
    /// So many connections are followed.
    const MAX: usize = 1 << 14;

    /// Learns from a packet, and tells what is known of it.
    pub fn learn(&mut self, place: &Place, packet: Packet<&[u8]>) -> Known {
        let id = place.flow.map(|flow| flow.connection);
        if self.connections.to_back(&id).is_none() {
            if self.connections.len() >= Self::MAX {
                self.connections.pop_front();
            }
            self.connections.insert(id, Connection::default());
        }
        match self.connections.get_mut(&id) {
            Some(connection) => connection.learn(place, packet),
            None => Connection::default().learn(place, packet),
        }
    }
}

#[derive(Debug, Default)]
struct Connection {
    agreed: Agreed,
    requests: LinkedHashMap<Request, Asked>,
}

/// Who asks, what, and under which opaque.
type Request = (Option<SocketAddr>, Opcode, u32);

/// What is worth remembering of a request.
#[derive(Debug, Clone, Copy)]
struct Asked {
    vbucket: u16,
    /// A stream request: for the cache, too.
    cache_transfer: bool,
    /// A control: for the status codes of release 7.
    status_codes: bool,
}

impl Connection {
    /// So many requests are remembered.
    const MAX_REQUESTS: usize = 1 << 12;

    fn learn(&mut self, place: &Place, packet: Packet<&[u8]>) -> Known {
        let header = packet.header();
        let source = place.flow.map(|flow| flow.source);
        let destination = place.flow.map(|flow| flow.destination);
        let mut known = Known {
            vbucket: None,
            agreed: self.agreed,
            verdict: None,
        };
        let Some(opcode) = header.opcode() else {
            return known;
        };
        let request = |who, opcode| (who, opcode, header.opaque());
        if let Some(vbucket) = header.vbucket() {
            known.vbucket = Some(vbucket);
            self.ask(request(source, opcode), vbucket, packet);
        } else {
            let asked = self.requests.get(&request(destination, opcode));
            let stream = self.requests.get(&request(source, Opcode::DCP_STREAM_REQ));
            known.vbucket = asked.map(|asked| asked.vbucket);
            known.verdict = verdict(packet, self.agreed.edition, asked, stream);
            let codes = asked.is_some_and(|asked| asked.status_codes);
            self.answer(packet, codes);
            known.agreed = self.agreed;
        }
        known
    }

    /// Learns from a request.
    fn ask(&mut self, request: Request, vbucket: u16, packet: Packet<&[u8]>) {
        let mut asked = Asked {
            vbucket,
            cache_transfer: false,
            status_codes: false,
        };
        // Each asks for one opcode, so most packets are not read here.
        if let Ok(open) = packet.request::<Open<'_>>() {
            let flag = OpenFlags::NO_VALUE_WITH_UNDERLYING_DATATYPE;
            self.agreed.underlying = open.message.flags.contains(flag);
        } else if let Ok(stream) = packet.request::<StreamRequest<'_>>() {
            let flag = StreamFlags::CACHE_TRANSFER;
            asked.cache_transfer = stream.message.flags.contains(flag);
        } else if let Ok(control) = packet.request::<Control<'_>>() {
            asked.status_codes = control.message.key == "v7_dcp_status_codes".into();
        }
        self.requests.insert(request, asked);
        if self.requests.len() > Self::MAX_REQUESTS {
            self.requests.pop_front();
        }
    }

    /// Learns from a response.
    fn answer(&mut self, packet: Packet<&[u8]>, status_codes: bool) {
        // Every HELLO starts anew.
        let hello = packet.response().map(|response| response.reply);
        if let Ok(HelloReply::Accepted(granted)) = hello {
            self.agreed.collections = if granted.contains(Feature::COLLECTIONS) {
                Collections::Negotiated
            } else {
                Collections::NotNegotiated
            };
        }
        if status_codes && packet.header().status() == Some(Status::SUCCESS) {
            self.agreed.edition = Edition::V7_0StatusCodes;
        }
    }
}

/// What the end that receives a response makes of it: to the request that it answers, or if it
/// answers a message of a stream, to the stream under that opaque.
fn verdict(
    packet: Packet<&[u8]>,
    edition: Edition,
    asked: Option<&Asked>,
    stream: Option<&Asked>,
) -> Option<Verdict<'static>> {
    let header = packet.header();
    let opcode = header.opcode()?;
    let (role, owner) = match (judge_of(opcode), opcode, asked, stream) {
        (role, Opcode::DCP_NOOP, Some(_), _) => (role, OpaqueOwner::Noop),
        (Role::Producer, _, _, Some(stream)) if stream.cache_transfer => {
            (Role::Producer, OpaqueOwner::CacheTransfer)
        }
        (Role::Producer, _, _, Some(_)) => (Role::Producer, OpaqueOwner::Stream),
        (role, Opcode::DCP_STREAM_REQ, Some(_), _) => (role, OpaqueOwner::StreamRequest),
        (role, Opcode::DCP_CONTROL, Some(_), _) => (role, OpaqueOwner::Control),
        (Role::Consumer, _, Some(_), _) => (Role::Consumer, OpaqueOwner::Request),
        (role, ..) => (role, OpaqueOwner::Nothing),
    };
    let context = Context::of_response(role, edition, header, owner)?;
    Some(policy::judge(&context, header.status()?))
}

/// Which end a response to this goes to: the one that sends the changes gets the answers to them.
pub fn judge_of(opcode: Opcode) -> Role {
    match opcode {
        Opcode::DCP_STREAM_END
        | Opcode::DCP_SNAPSHOT_MARKER
        | Opcode::DCP_MUTATION
        | Opcode::DCP_DELETION
        | Opcode::DCP_EXPIRATION
        | Opcode::DCP_FLUSH
        | Opcode::DCP_SET_VBUCKET_STATE
        | Opcode::DCP_NOOP
        | Opcode::DCP_SYSTEM_EVENT
        | Opcode::DCP_PREPARE
        | Opcode::DCP_COMMIT
        | Opcode::DCP_ABORT
        | Opcode::DCP_SEQNO_ADVANCED
        | Opcode::DCP_OSO_SNAPSHOT
        | Opcode::DCP_CACHE_TRANSFER
        | Opcode::DCP_CACHE_TRANSFER_END => Role::Producer,
        _ => Role::Consumer,
    }
}
