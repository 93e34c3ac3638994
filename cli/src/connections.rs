//! What a connection has agreed on, as far as it was captured.
//!
//! A packet does not say all that it takes to read it: whether its key starts with a collection id,
//! or which vbucket a response is about. The packets before it do.

use core::net::SocketAddr;

use hashlink::LinkedHashMap;
use mcbp::dcp::Open;
use mcbp::kv::HelloReply;
use mcbp::value::Collections;
use mcbp::{Feature, Opcode, OpenFlags, Packet};

use crate::capture::ConnectionId;
use crate::framing::Place;

/// What is known of a packet from those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The vbucket it is about: its own, or that of the request it answers.
    pub vbucket: Option<u16>,
    /// What its connection has agreed on.
    pub agreed: Agreed,
}

/// What a connection has agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    /// Whether keys start with a collection id.
    pub collections: Collections,
    /// Whether datatypes are those of values that are not sent.
    pub underlying: bool,
}

impl Default for Agreed {
    fn default() -> Self {
        Self {
            collections: Collections::NotNegotiated,
            underlying: false,
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
    /// The latest requests, by who asks, what, and under which opaque.
    requests: LinkedHashMap<(Option<SocketAddr>, Opcode, u32), u16>,
}

impl Connection {
    /// So many requests are remembered.
    const MAX_REQUESTS: usize = 1 << 12;

    fn learn(&mut self, place: &Place, packet: Packet<&[u8]>) -> Known {
        let header = packet.header();
        let vbucket = header.opcode().and_then(|opcode| match header.vbucket() {
            Some(vbucket) => {
                let requester = place.flow.map(|flow| flow.source);
                self.asked((requester, opcode, header.opaque()), vbucket);
                Some(vbucket)
            }
            None => {
                let requester = place.flow.map(|flow| flow.destination);
                let request = (requester, opcode, header.opaque());
                self.requests.get(&request).copied()
            }
        });
        self.agree(packet);
        Known {
            vbucket,
            agreed: self.agreed,
        }
    }

    fn asked(&mut self, request: (Option<SocketAddr>, Opcode, u32), vbucket: u16) {
        self.requests.insert(request, vbucket);
        if self.requests.len() > Self::MAX_REQUESTS {
            self.requests.pop_front();
        }
    }

    fn agree(&mut self, packet: Packet<&[u8]>) {
        match packet.header().opcode() {
            // Every HELLO starts anew.
            Some(Opcode::HELLO) => {
                let reply = packet.response().map(|response| response.reply);
                if let Ok(HelloReply::Accepted(granted)) = reply {
                    self.agreed.collections = if granted.contains(Feature::COLLECTIONS) {
                        Collections::Negotiated
                    } else {
                        Collections::NotNegotiated
                    };
                }
            }
            Some(Opcode::DCP_OPEN) => {
                if let Ok(request) = packet.request::<Open<'_>>() {
                    let flag = OpenFlags::NO_VALUE_WITH_UNDERLYING_DATATYPE;
                    self.agreed.underlying = request.message.flags.contains(flag);
                }
            }
            _ => {}
        }
    }
}
