//! Whichever message a packet holds.

use mcbp::dcp::{DcpRequest, DcpResponse};
use mcbp::kv::{KvRequest, KvResponse, ServerRequest, ServerResponse};
use mcbp::{FramingExtras, Magic, MessageError, Packet, UserData};

pub(crate) enum Message<'a> {
    DcpRequest(DcpRequest<'a>),
    DcpResponse(DcpResponse<'a>),
    KvRequest(KvRequest<'a>),
    KvResponse(KvResponse<'a>),
    ServerRequest(ServerRequest<'a>),
    ServerResponse(ServerResponse<'a>),
}

impl<'a> Message<'a> {
    pub(crate) fn read(packet: Packet<&'a [u8]>) -> Result<Self, MessageError> {
        match packet.header().magic() {
            Magic::ClientRequest | Magic::AltClientRequest => match DcpRequest::read(packet)? {
                DcpRequest::Other(packet) => KvRequest::read(packet).map(Self::KvRequest),
                request => Ok(Self::DcpRequest(request)),
            },
            Magic::ClientResponse | Magic::AltClientResponse => match DcpResponse::read(packet)? {
                DcpResponse::Other(packet) => KvResponse::read(packet).map(Self::KvResponse),
                response => Ok(Self::DcpResponse(response)),
            },
            Magic::ServerRequest => ServerRequest::read(packet).map(Self::ServerRequest),
            Magic::ServerResponse => ServerResponse::read(packet).map(Self::ServerResponse),
        }
    }

    /// Whether the packet has no type of its own.
    pub(crate) fn is_other(&self) -> bool {
        matches!(
            self,
            Self::DcpRequest(DcpRequest::Other(_))
                | Self::DcpResponse(DcpResponse::Other(_))
                | Self::KvRequest(KvRequest::Other(_))
                | Self::KvResponse(KvResponse::Other(_))
                | Self::ServerRequest(ServerRequest::Other(_))
                | Self::ServerResponse(ServerResponse::Other(_))
        )
    }

    pub(crate) fn framing_extras(&self) -> FramingExtras<'a> {
        match self {
            Self::DcpRequest(message) => message.framing_extras(),
            Self::DcpResponse(message) => message.framing_extras(),
            Self::KvRequest(message) => message.framing_extras(),
            Self::KvResponse(message) => message.framing_extras(),
            Self::ServerRequest(message) => message.framing_extras(),
            Self::ServerResponse(message) => message.framing_extras(),
        }
    }

    /// The key and the value of a document, if it is about one.
    pub(crate) fn document(&self) -> Option<(UserData<'a>, UserData<'a>)> {
        let Self::DcpRequest(request) = self else {
            return None;
        };
        let nothing = UserData::default();
        Some(match request {
            DcpRequest::Mutation(request) => (request.message.key, request.message.value),
            DcpRequest::Deletion(request) => (request.message.key, request.message.value),
            DcpRequest::Expiration(request) => (request.message.key, request.message.value),
            DcpRequest::Prepare(request) => (request.message.key, request.message.value),
            DcpRequest::Commit(request) => (request.message.key, nothing),
            DcpRequest::Abort(request) => (request.message.key, nothing),
            _ => return None,
        })
    }
}
