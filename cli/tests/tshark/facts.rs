//! What this crate says of a packet, in tshark's words: the table that maps its fields to ours.
//!
//! Names are those of `tshark -G fields` without `couchbase.`. A fact that it has no name for has
//! one that it might have.

mod dcp;
mod kv;

use bitflags::Flags;
use mcbp::value::{Collections, DocKey, Document, Value as Wire};
use mcbp::{
    Command, Datatype, Decoder, EncodedDuration, FramingExtras, Metadata, RequestInfo,
    ResponseInfo, UserData,
};

use crate::message::Message;
use crate::packets::Sample;

/// What a field holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Number(u64),
    /// What tshark has as text is compared as the bytes that it is of.
    Bytes(Vec<u8>),
    /// What tshark calculates from 16 bits, with fractions.
    Micros(u32),
    /// What others are parts of: only how long it is.
    Span(usize),
}

macro_rules! value_from {
    ($($Int:ty)*) => { $(
        impl From<$Int> for Value {
            fn from(number: $Int) -> Self {
                Self::Number(number.into())
            }
        }
    )* };
}

value_from!(u8 u16 u32 u64);

impl From<bool> for Value {
    fn from(set: bool) -> Self {
        Self::Number(set.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(u64::from_be_bytes(number.to_be_bytes()))
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<Metadata<'_>> for Value {
    fn from(bytes: Metadata<'_>) -> Self {
        bytes.0.into()
    }
}

impl From<UserData<'_>> for Value {
    fn from(bytes: UserData<'_>) -> Self {
        bytes.expose().into()
    }
}

/// Fields and what they hold, those of one name in the order of the packet.
pub(crate) type Facts = Vec<(&'static str, Value)>;

/// All that this crate says of a packet.
pub(crate) fn of(sample: &Sample) -> Facts {
    let mut facts = header(sample);
    if let Some(message) = sample.message() {
        let of_response = sample.packet.header().magic().is_response();
        facts.extend(framing_extras(message.framing_extras(), of_response));
        if !message.is_other() {
            facts.extend(body(sample, &message));
        }
    }
    facts
}

/// How much of a packet this crate reads.
#[derive(Clone, Copy)]
pub(crate) enum Depth {
    /// A message that is not what it must be.
    Header,
    /// A message without a type.
    FramingExtras,
    /// A message with a type.
    Body,
}

impl Depth {
    pub(crate) fn of(sample: &Sample) -> Self {
        match sample.message() {
            None => Self::Header,
            Some(message) if message.is_other() => Self::FramingExtras,
            Some(_) => Self::Body,
        }
    }

    /// Whether a field of tshark is one that this crate reads, too.
    pub(crate) fn reaches(self, field: &str) -> bool {
        let is_framing = field.starts_with("flex_frame") || field.contains("flexible_frame");
        match self {
            Self::Header => is_header(field),
            Self::FramingExtras => is_header(field) || is_framing,
            Self::Body => true,
        }
    }
}

/// Whether this is a field of the header.
pub(crate) fn is_header(field: &str) -> bool {
    [
        "magic",
        "opcode",
        "server.opcode",
        "flex_extras",
        "key.length",
        "extras.length",
        "datatype",
        "datatype.json",
        "datatype.snappy",
        "datatype.xattr",
        "vbucket",
        "status",
        "value.length",
        "total_bodylength",
        "opaque",
        "cas",
    ]
    .contains(&field)
}

fn header(sample: &Sample) -> Facts {
    let header = sample.packet.header();
    let lengths = header.lengths();
    let len = |len: usize| Value::Number(len as u64);
    let mut facts = vec![
        ("magic", (header.magic() as u8).into()),
        match header.command() {
            Command::Client(opcode) => ("opcode", opcode.0.into()),
            Command::Server(opcode) => ("server.opcode", opcode.0.into()),
        },
        ("key.length", len(lengths.key)),
        ("extras.length", len(lengths.extras)),
        ("value.length", len(lengths.value)),
        ("total_bodylength", header.body_len().into()),
        // Four bytes that nobody counts with; tshark takes them for a number in the other order.
        ("opaque", header.opaque().to_be_bytes().as_slice().into()),
        ("cas", header.cas().into()),
    ];
    facts.extend(flags(
        "datatype",
        header.datatype(),
        &[
            ("datatype.json", Datatype::JSON),
            ("datatype.snappy", Datatype::SNAPPY),
            ("datatype.xattr", Datatype::XATTR),
        ],
    ));
    facts.extend(header.vbucket().map(|vbucket| ("vbucket", vbucket.into())));
    facts.extend(header.status().map(|status| ("status", status.0.into())));
    if header.magic().has_framing_extras() {
        facts.push(("flex_extras", len(lengths.framing_extras)));
    }
    facts
}

fn framing_extras(extras: FramingExtras<'_>, of_response: bool) -> Facts {
    let mut facts = Facts::new();
    if extras.iter().next().is_some() {
        facts.push(("flex_frame_extras", extras.as_bytes().into()));
    }
    for info in extras {
        let mut whole = Vec::new();
        info.encode(&mut whole).expect("as it was read");
        facts.push(("flex_frame_extras.string", whole.as_slice().into()));
        facts.push(("flex_frame.frame.id", info.id.into()));
        facts.push((
            "flex_frame.frame.len",
            Value::Number(info.payload.len() as u64),
        ));
        if of_response {
            facts.extend(response_info(ResponseInfo::from(info)));
        } else {
            facts.extend(request_info(RequestInfo::from(info)));
        }
    }
    facts
}

fn request_info(info: RequestInfo<'_>) -> Facts {
    match info {
        RequestInfo::Durability { level, timeout_ms } => {
            let level = ("flex_frame.frame.durability_req", level.0.into());
            let timeout = timeout_ms.map(|ms| ("flex_frame.frame.durability_timeout", ms.into()));
            [level].into_iter().chain(timeout).collect()
        }
        RequestInfo::StreamId(id) => vec![("flex_frame.frame.dcp_stream_id", id.into())],
        RequestInfo::Impersonate(user) => {
            vec![("flex_frame.frame.impersonated_user", user.into())]
        }
        RequestInfo::ImpersonateExtraPrivilege(name) => {
            vec![("flex_frame.frame.extra_privilege", name.into())]
        }
        RequestInfo::ImpersonateWithTokenAuthDataId(id) => {
            vec![("flex_frame.frame.token_auth_data_id", id.into())]
        }
        RequestInfo::Other(info) => vec![other_info(matches!(info.id, 0..=2 | 4..=7))],
        _ => vec![],
    }
}

fn response_info(info: ResponseInfo<'_>) -> Facts {
    let micros = |duration: EncodedDuration| Value::Micros(duration.as_micros());
    vec![match info {
        ResponseInfo::ServerDuration(duration) => ("flex_frame.frame.duration", micros(duration)),
        ResponseInfo::ReadUnits(units) => ("flex_frame.frame.read_units", units.into()),
        ResponseInfo::WriteUnits(units) => ("flex_frame.frame.write_units", units.into()),
        ResponseInfo::ThrottleDuration(duration) => {
            ("flex_frame.frame.throttle_duration", micros(duration))
        }
        ResponseInfo::Other(info) => other_info(matches!(info.id, 0..=3)),
        _ => return vec![],
    }]
}

/// An info without a name, or a named one that is too short or too long.
fn other_info(is_named: bool) -> (&'static str, Value) {
    let warning = if is_named {
        "warn.unknown_flexible_frame_len"
    } else {
        "warn.unknown_flexible_frame_id"
    };
    (warning, Value::Span(0))
}

fn body(sample: &Sample, message: &Message<'_>) -> Facts {
    let packet = sample.packet.view();
    let mut facts = match message {
        Message::DcpRequest(request) => dcp::request(request),
        Message::DcpResponse(response) => dcp::response(packet, response),
        Message::KvRequest(request) => kv::request(request),
        Message::KvResponse(response) => kv::response(packet, response),
        Message::ServerRequest(request) => kv::server_request(request),
        Message::ServerResponse(response) => kv::server_response(response),
    };
    // What is empty is not shown.
    facts.retain(|(_, value)| !matches!(value, Value::Bytes(bytes) if bytes.is_empty()));
    let extras_len = packet.header().lengths().extras;
    if extras_len > 0 {
        facts.push(("extras", Value::Span(extras_len)));
    }
    if let Some((key, value)) = message.document() {
        facts.extend(document_key(key, sample.agreed.collections));
        if !sample.agreed.underlying {
            document(packet.header().datatype(), value, &mut facts);
        }
    }
    facts
}

fn document_key(key: UserData<'_>, collections: Collections) -> Facts {
    match DocKey::split(key, collections) {
        Ok(key) if collections == Collections::Negotiated => vec![
            ("key.collection_id", key.collection().0.into()),
            ("key.logical_key", key.name().into()),
        ],
        _ => vec![],
    }
}

/// What is in front of the body of a document, and the body, which tshark shows as the value then.
fn document(datatype: Datatype, value: UserData<'_>, facts: &mut Facts) {
    let mut inflated = Vec::new();
    let plain = match Wire::of(datatype, value) {
        _ if value.is_empty() => return,
        Wire::Snappy(value) => value.inflate(Decoder::DEFAULT_MAX_BODY_LEN, &mut inflated),
        Wire::Plain(plain) => Ok(plain),
        Wire::Underlying { .. } => return,
    };
    let Ok(plain) = plain else {
        facts.push(("error.compression", Value::Span(0)));
        return;
    };
    let Ok(Document { xattrs, body, .. }) = plain.split() else {
        return;
    };
    if !datatype.contains(Datatype::XATTR) {
        return;
    }
    facts.retain(|(name, _)| *name != "value");
    facts.push(("value", body.into()));
    let len = plain.bytes().len() - body.len() - size_of::<u32>();
    facts.push(("xattrs", Value::Span(len)));
    facts.push(("xattrs.length", Value::Number(len as u64)));
    for xattr in xattrs.iter() {
        let len = xattr.key.len() + xattr.value.len() + 2;
        facts.push(("xattrs.pair.length", Value::Number(len as u64)));
        facts.push(("xattrs.pair.key", xattr.key.into()));
        facts.push(("xattrs.pair.value", xattr.value.into()));
    }
}

/// Flags as a number, and one by one those that have a name.
fn flags<F: Flags<Bits: Into<u64>> + Copy>(
    field: &'static str,
    flags: F,
    names: &[(&'static str, F)],
) -> Facts {
    let bits = names
        .iter()
        .map(|&(name, flag)| (name, Value::from(flags.contains(flag))));
    [(field, Value::Number(flags.bits().into()))]
        .into_iter()
        .chain(bits)
        .collect()
}
