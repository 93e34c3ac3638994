//! What a packet says, as named fields: one source for what is printed as text and as JSON.

mod dcp;
mod inside;
mod kv;

use core::fmt;

use bitflags::Flags;
use mcbp::dcp::{DcpRequest, DcpResponse, FailoverEntry, FailoverLog};
use mcbp::kv::{KvRequest, KvResponse, ServerRequest};
use mcbp::value::ValueError;
use mcbp::{FrameInfo, Magic, MessageError, Metadata, Packet, RequestInfo, ResponseInfo, UserData};

use crate::connections::Agreed;

/// A named part of a packet.
pub type Field<'a> = (&'static str, Value<'a>);

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// A count or a position.
    Number(u64),
    /// A number that identifies something.
    Hex(Hex),
    /// Codes and flags by their names, a duration.
    Name(String),
    /// Yes or no.
    Bool(bool),
    /// Bytes that may be shown.
    Metadata(Metadata<'a>),
    /// Bytes that are shown only to who asks for them.
    UserData(UserData<'a>),
    /// Parts without names of their own.
    List(Vec<Value<'a>>),
    /// Parts with names.
    Record(Vec<Field<'a>>),
}

/// A number that prints as the hexadecimal digits of all its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hex {
    /// The number.
    pub value: u64,
    /// How many bytes it has.
    pub bytes: usize,
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.bytes.saturating_mul(2).saturating_add(2);
        write!(f, "{:#0width$x}", self.value)
    }
}

fn number(value: impl Into<u64>) -> Value<'static> {
    Value::Number(value.into())
}

fn hex<T: Into<u64>>(value: T) -> Value<'static> {
    Value::Hex(Hex {
        value: value.into(),
        bytes: size_of::<T>(),
    })
}

fn name(value: impl fmt::Display) -> Value<'static> {
    Value::Name(value.to_string())
}

/// The names of the bits that are set, and the number of those that have none.
pub fn flags<F: Flags<Bits: bitflags::parser::WriteHex>>(flags: F) -> Value<'static> {
    let mut names = String::new();
    // Writing to a `String` cannot fail.
    let _ = bitflags::parser::to_writer(&flags, &mut names);
    Value::Name(names)
}

/// A packet as its message sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description<'a> {
    /// Its framing extras.
    pub frame_infos: Vec<Field<'a>>,
    /// Whether its header is silent about them (see [`mcbp::FramingExtras::is_unannounced`]).
    pub unannounced: bool,
    /// The fields of its message, and what is inside its key and value.
    pub fields: Vec<Field<'a>>,
    /// What is wrong inside its key and value.
    pub errors: Vec<ValueError>,
}

impl<'a> Description<'a> {
    /// Reads the packet's message, and names its fields. A packet without a type is described by
    /// its sections. What a value inflates to is left in `inflated`.
    ///
    /// # Errors
    ///
    /// [`MessageError`] if the packet is not the message that its header announces.
    pub fn of(
        packet: Packet<&'a [u8]>,
        agreed: Agreed,
        inflated: &'a mut Vec<u8>,
    ) -> Result<Self, MessageError> {
        match packet.header().magic() {
            Magic::ClientRequest | Magic::AltClientRequest => {
                Self::of_client_request(packet, agreed, inflated)
            }
            Magic::ClientResponse | Magic::AltClientResponse => Self::of_client_response(packet),
            Magic::ServerRequest => {
                let request = ServerRequest::read(packet)?;
                Ok(Self::plain(kv::server_request(&request)))
            }
            Magic::ServerResponse => Ok(Self::plain(sections(packet))),
        }
    }

    fn of_client_request(
        packet: Packet<&'a [u8]>,
        agreed: Agreed,
        inflated: &'a mut Vec<u8>,
    ) -> Result<Self, MessageError> {
        let mut errors = Vec::new();
        let (framing_extras, fields) = match DcpRequest::read(packet)? {
            DcpRequest::Other(packet) => {
                let request = KvRequest::read(packet)?;
                (request.framing_extras(), kv::request(&request))
            }
            request => {
                let mut fields = dcp::request(&request);
                errors = inside::request(&request, agreed, inflated, &mut fields);
                (request.framing_extras(), fields)
            }
        };
        Ok(Self {
            frame_infos: framing_extras.request_infos().map(request_info).collect(),
            unannounced: framing_extras.is_unannounced(),
            fields,
            errors,
        })
    }

    fn of_client_response(packet: Packet<&'a [u8]>) -> Result<Self, MessageError> {
        let (framing_extras, fields) = match DcpResponse::read(packet)? {
            DcpResponse::Other(packet) => {
                let response = KvResponse::read(packet)?;
                (response.framing_extras(), kv::response(packet, &response))
            }
            response => (response.framing_extras(), dcp::response(packet, &response)),
        };
        Ok(Self {
            frame_infos: framing_extras.response_infos().map(response_info).collect(),
            unannounced: framing_extras.is_unannounced(),
            fields,
            errors: Vec::new(),
        })
    }

    fn plain(fields: Vec<Field<'a>>) -> Self {
        Self {
            fields,
            ..Self::default()
        }
    }
}

/// The parts of a packet without a type.
fn sections(packet: Packet<&[u8]>) -> Vec<Field<'_>> {
    let sections = packet.into_sections();
    let named = [
        ("extras", UserData::new(sections.extras)),
        ("key", sections.key),
        ("value", sections.value),
    ];
    let there = named.into_iter().filter(|(_, bytes)| !bytes.is_empty());
    there
        .map(|(name, bytes)| (name, Value::UserData(bytes)))
        .collect()
}

fn failover_log(log: FailoverLog<'_>) -> Value<'_> {
    let entry = |entry: FailoverEntry| {
        Value::Record(vec![
            ("vbucket_uuid", hex(entry.vbucket_uuid)),
            ("seqno", number(entry.seqno)),
        ])
    };
    Value::List(log.iter().map(entry).collect())
}

fn request_info(info: RequestInfo<'_>) -> Field<'_> {
    match info {
        RequestInfo::Barrier => ("barrier", Value::Bool(true)),
        RequestInfo::Durability { level, timeout_ms } => {
            let mut fields = vec![("level", name(level))];
            if let Some(timeout_ms) = timeout_ms {
                fields.push(("timeout_ms", number(timeout_ms)));
            }
            ("durability", Value::Record(fields))
        }
        RequestInfo::StreamId(id) => ("stream_id", number(id)),
        RequestInfo::Impersonate(user) => ("impersonate", Value::UserData(user)),
        RequestInfo::PreserveTtl => ("preserve_ttl", Value::Bool(true)),
        RequestInfo::ImpersonateExtraPrivilege(privilege) => {
            ("extra_privilege", Value::Metadata(privilege))
        }
        RequestInfo::ImpersonateWithTokenAuthDataId(id) => ("token_auth_data_id", number(id)),
        RequestInfo::Other(info) => other_info(info),
        _ => ("unknown", Value::Bool(true)),
    }
}

fn response_info(info: ResponseInfo<'_>) -> Field<'_> {
    match info {
        ResponseInfo::ServerDuration(duration) => ("server_duration", name(duration)),
        ResponseInfo::ReadUnits(units) => ("read_units", number(units)),
        ResponseInfo::WriteUnits(units) => ("write_units", number(units)),
        ResponseInfo::ThrottleDuration(duration) => ("throttle_duration", name(duration)),
        ResponseInfo::Other(info) => other_info(info),
        _ => ("unknown", Value::Bool(true)),
    }
}

fn other_info(info: FrameInfo<'_>) -> Field<'_> {
    let fields = vec![
        ("id", number(info.id)),
        ("payload", Value::UserData(info.payload)),
    ];
    ("other", Value::Record(fields))
}
