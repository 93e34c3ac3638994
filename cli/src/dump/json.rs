//! A packet as a JSON object on a line.
//!
//! Opaques, CAS values, uuids and an application's flags are hexadecimal text, for they are not
//! counts and many readers of JSON cannot hold 64 bits. Bytes are text if they are UTF-8, and
//! otherwise an object with their hexadecimal digits; those of users only if asked for.

use core::time::Duration;
use std::io::{self, Write};
use std::time::SystemTime;

use mcbp::policy::Verdict;
use mcbp::{FrameError, Magic};
use serde_json::{Map, Value as Json, json};

use super::Record;
use crate::describe::{Field, Value, flags};
use crate::framing::Place;

pub(super) fn write(out: &mut impl Write, record: &Record<'_>, unredacted: bool) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &object(record, unredacted))?;
    writeln!(out)
}

/// All that can be said of a packet with an illegal header.
pub(super) fn write_illegal(
    out: &mut impl Write,
    number: u64,
    place: &Place,
    error: FrameError,
) -> io::Result<()> {
    let mut object = place_object(number, place);
    object.insert("error".to_owned(), error.to_string().into());
    serde_json::to_writer(&mut *out, &object)?;
    writeln!(out)
}

fn place_object(number: u64, place: &Place) -> Map<String, Json> {
    let mut object = Map::new();
    let mut put = |name: &str, value: Json| object.insert(name.to_owned(), value);
    put("packet", number.into());
    if let Some(time_ns) = place.time_ns {
        let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(time_ns));
        let time = time.map(|time| humantime::format_rfc3339_nanos(time).to_string());
        put("time", time.into());
    }
    if let Some(flow) = &place.flow {
        put("connection", flow.connection.get().into());
        put("source", flow.source.to_string().into());
        put("destination", flow.destination.to_string().into());
        put("from_initiator", flow.from_initiator.into());
    }
    put("offset", place.offset.into());
    object
}

fn object(record: &Record<'_>, unredacted: bool) -> Map<String, Json> {
    let header = record.packet.header();
    let mut object = place_object(record.number, &record.place);
    let mut put = |name: &str, value: Json| object.insert(name.to_owned(), value);
    put("magic", magic(header.magic()).into());
    put("opcode", header.command().to_string().into());
    put("vbucket", record.vbucket.into());
    if let Some(status) = header.status() {
        put("status", status.to_string().into());
    }
    if let Some(Verdict { judgement, rule }) = &record.verdict {
        let verdict = json!({
            "judgement": judgement.to_string(),
            "rule": rule.id,
            "reason": rule.reason,
            "source": rule.source,
        });
        put("verdict", verdict);
    }
    put("opaque", format!("{:#010x}", header.opaque()).into());
    put("cas", format!("{:#x}", header.cas()).into());
    put("datatype", value(&flags(header.datatype()), unredacted));
    let lengths = header.lengths();
    let lengths = json!({
        "packet": header.packet_len(),
        "body": header.body_len(),
        "framing_extras": lengths.framing_extras,
        "extras": lengths.extras,
        "key": lengths.key,
        "value": lengths.value,
    });
    put("lengths", lengths);
    match &record.description {
        Ok(description) => {
            if header.magic().has_framing_extras() {
                put("frame_infos", fields(&description.frame_infos, unredacted));
                put("unannounced", description.unannounced.into());
            }
            put("message", fields(&description.fields, unredacted));
            let errors = description.errors.iter().map(ToString::to_string);
            put("errors", errors.collect());
        }
        Err(error) => {
            put("error", error.to_string().into());
        }
    }
    object
}

fn magic(magic: Magic) -> &'static str {
    match magic {
        Magic::ClientRequest => "ClientRequest",
        Magic::ClientResponse => "ClientResponse",
        Magic::AltClientRequest => "AltClientRequest",
        Magic::AltClientResponse => "AltClientResponse",
        Magic::ServerRequest => "ServerRequest",
        Magic::ServerResponse => "ServerResponse",
    }
}

fn fields(fields: &[Field<'_>], unredacted: bool) -> Json {
    let named = |(name, field): &Field<'_>| ((*name).to_owned(), value(field, unredacted));
    Json::Object(fields.iter().map(named).collect())
}

pub(crate) fn value(field: &Value<'_>, unredacted: bool) -> Json {
    match field {
        Value::Number(number) => (*number).into(),
        Value::Hex(hex) => hex.to_string().into(),
        Value::Name(name) => name.as_str().into(),
        Value::Bool(bool) => (*bool).into(),
        Value::Metadata(metadata) => bytes(metadata.0),
        Value::UserData(user_data) if unredacted => bytes(user_data.expose()),
        Value::UserData(user_data) => json!({ "redacted": user_data.len() }),
        Value::List(values) => values.iter().map(|each| value(each, unredacted)).collect(),
        Value::Record(record) => fields(record, unredacted),
    }
}

pub(crate) fn bytes(bytes: &[u8]) -> Json {
    match core::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            json!({ "hex": digits })
        }
    }
}
