//! A change as a line, of text or of JSON.
//!
//! Keys, values and extended attributes are shown: that is what the command is for.

use std::collections::BTreeMap;
use std::io::{self, Write};

use mcbp::dcp::{DcpRequest, DeletionVersion, SystemEvent};
use mcbp::value::{
    CollectionId, Collections, DocKey, Document, Manifest, ManifestChange, ScopeId, Value as Wire,
    ValueError, Xattrs,
};
use mcbp::{Datatype, Decoder, Metadata, Packet, UserData};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use crate::connections::Agreed;
use crate::describe::{Description, Value};
use crate::dump::{json as dump_json, text as dump_text};

/// How to show changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// A line of text for each, with the first bytes of the value.
    #[default]
    Text,
    /// A JSON object on a line for each, with all of it.
    Json,
    /// Not at all.
    Nothing,
}

/// What to show.
#[derive(Debug, Clone, Copy)]
pub(super) struct Show {
    pub(super) format: Format,
    /// Whether extended attributes are shown.
    pub(super) xattrs: bool,
}

/// Shows changes, and knows what their collections are called.
#[derive(Debug)]
pub(super) struct Shower {
    show: Show,
    /// `None` as long as keys have no collection.
    names: Option<Names>,
    inflated: Vec<u8>,
}

#[derive(Debug, Default)]
struct Names {
    scopes: BTreeMap<ScopeId, String>,
    /// With the name of their scope.
    collections: BTreeMap<CollectionId, String>,
}

/// A change of a document. Hexadecimal and decimal are as in `mcbp dump --json`.
#[derive(Serialize)]
struct Change<'a> {
    vbucket: u16,
    seqno: u64,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    collection: Option<&'a str>,
    #[serde(serialize_with = "bytes")]
    key: &'a [u8],
    #[serde(serialize_with = "hex")]
    cas: u64,
    rev_seqno: u64,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "optional_hex"
    )]
    flags: Option<u32>,
    #[serde(skip_serializing_if = "is_zero")]
    expiration: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    delete_time: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    xattrs: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Body<'a>>,
    /// What of it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// The body of a document.
enum Body<'a> {
    Json(Box<RawValue>),
    Bytes(&'a [u8]),
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Json(json) => json.serialize(serializer),
            Self::Bytes(body) => bytes(body, serializer),
        }
    }
}

/// Text, or an object with the hexadecimal digits of what is none.
fn bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    match core::str::from_utf8(bytes) {
        Ok(text) => serializer.serialize_str(text),
        Err(_) => dump_json::bytes(bytes).serialize(serializer),
    }
}

fn hex<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{value:#x}"))
}

fn optional_hex<S: Serializer>(value: &Option<u32>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{:#010x}", value.unwrap_or(0)))
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}

impl Shower {
    pub(super) const fn new(show: Show) -> Self {
        Self {
            show,
            names: None,
            inflated: Vec::new(),
        }
    }

    /// Learns how collections are called, and that keys have one.
    pub(super) fn names(&mut self, manifest: &Manifest) {
        let names = self.names.insert(Names::default());
        for scope in &manifest.scopes {
            names.scopes.insert(scope.id, scope.name.clone());
            for collection in &scope.collections {
                let name = format!("{}.{}", scope.name, collection.name);
                names.collections.insert(collection.id, name);
            }
        }
    }

    /// Shows a change.
    pub(super) fn change(&mut self, out: &mut impl Write, packet: Packet<&[u8]>) -> io::Result<()> {
        let Ok(message) = DcpRequest::read(packet) else {
            // It was read before.
            return Ok(());
        };
        if let DcpRequest::SystemEvent(event) = &message {
            self.learn(&event.message);
            return self.system_event(out, packet);
        }
        if self.show.format == Format::Nothing {
            return Ok(());
        }
        let Some((mut change, key, value)) = document(&message) else {
            return Ok(());
        };
        let collections = match self.names {
            Some(_) => Collections::Negotiated,
            None => Collections::NotNegotiated,
        };
        let unnamed;
        match DocKey::split(key, collections) {
            Ok(key) => {
                change.key = key.name().expose();
                if let Some(names) = &self.names {
                    let known = names.collections.get(&key.collection());
                    unnamed = format!("{:#x}", key.collection().0);
                    change.collection = Some(known.unwrap_or(&unnamed));
                }
            }
            Err(error) => {
                change.key = key.expose();
                change.error = Some(error.to_string());
            }
        }
        let datatype = packet.header().datatype();
        let (document, error) = open(datatype, value, &mut self.inflated);
        change.error = change.error.or(error.map(|error| error.to_string()));
        if self.show.xattrs && !document.xattrs.is_empty() {
            change.xattrs = Some(xattrs(document.xattrs));
        }
        if self.show.format == Format::Text {
            return text(out, &change, document.body);
        }
        change.value = body(&document);
        serde_json::to_writer(&mut *out, &change)?;
        writeln!(out)
    }

    /// Shows that what was shown of a vbucket after a seqno is void.
    pub(super) fn rollback(
        &self,
        out: &mut impl Write,
        vbucket: u16,
        seqno: u64,
    ) -> io::Result<()> {
        match self.show.format {
            Format::Text => writeln!(
                out,
                "vb={vbucket} seqno={seqno} rollback: what came after it is void"
            ),
            Format::Json => {
                let rollback = json!({ "vbucket": vbucket, "seqno": seqno, "event": "rollback" });
                writeln!(out, "{rollback}")
            }
            Format::Nothing => Ok(()),
        }
    }

    fn system_event(&self, out: &mut impl Write, packet: Packet<&[u8]>) -> io::Result<()> {
        let mut inflated = Vec::new();
        let Ok(description) = Description::of(packet, Agreed::default(), &mut inflated) else {
            return Ok(());
        };
        let vbucket = packet.header().vbucket_or_status();
        let fields = description
            .fields
            .iter()
            .filter(|(name, _)| *name != "version");
        match self.show.format {
            Format::Text => {
                write!(out, "vb={vbucket}")?;
                for (name, value) in fields {
                    match *name {
                        "by_seqno" => write!(out, " seqno=")?,
                        "id" => write!(out, " ")?,
                        name => write!(out, " {name}=")?,
                    }
                    dump_text::write_value(out, value, true)?;
                }
                writeln!(out)
            }
            Format::Json => {
                let mut object = serde_json::Map::new();
                object.insert("vbucket".to_owned(), vbucket.into());
                for (name, value) in fields {
                    let (name, value) = match (*name, value) {
                        ("by_seqno", value) => ("seqno", dump_json::value(value, true)),
                        ("id", Value::Name(id)) => ("event", id.to_lowercase().into()),
                        (name, value) => (name, dump_json::value(value, true)),
                    };
                    object.insert(name.to_owned(), value);
                }
                serde_json::to_writer(&mut *out, &object)?;
                writeln!(out)
            }
            Format::Nothing => Ok(()),
        }
    }

    /// Learns from a system event how a collection is called.
    fn learn(&mut self, event: &SystemEvent<'_>) {
        let names = self.names.get_or_insert_default();
        match event.change() {
            Ok(ManifestChange::CreateScope(scope)) => {
                names.scopes.insert(scope.scope_id, scope.name.to_string());
            }
            Ok(ManifestChange::CreateCollection(collection)) => {
                let unnamed = format!("{:#x}", collection.scope_id.0);
                let scope = names.scopes.get(&collection.scope_id).unwrap_or(&unnamed);
                let name = format!("{scope}.{}", collection.name);
                names.collections.insert(collection.collection_id, name);
            }
            // What is gone keeps its name: documents of it may still be on their way.
            _ => {}
        }
    }
}

/// What a change says of itself, its key, and its value.
fn document<'a>(message: &DcpRequest<'a>) -> Option<(Change<'a>, UserData<'a>, UserData<'a>)> {
    let change = |vbucket, cas, event, seqno, rev_seqno| Change {
        vbucket,
        seqno,
        event,
        collection: None,
        key: &[],
        cas,
        rev_seqno,
        flags: None,
        expiration: 0,
        delete_time: None,
        xattrs: None,
        value: None,
        error: None,
    };
    Some(match message {
        DcpRequest::Mutation(request) => {
            let it = &request.message;
            let change = Change {
                flags: Some(it.flags),
                expiration: it.expiration,
                ..change(
                    request.vbucket,
                    request.cas,
                    "mutation",
                    it.by_seqno,
                    it.rev_seqno,
                )
            };
            (change, it.key, it.value)
        }
        DcpRequest::Deletion(request) => {
            let it = &request.message;
            let change = Change {
                delete_time: match it.version {
                    DeletionVersion::V1 { .. } => None,
                    DeletionVersion::V2 { delete_time, .. } => Some(delete_time),
                },
                ..change(
                    request.vbucket,
                    request.cas,
                    "deletion",
                    it.by_seqno,
                    it.rev_seqno,
                )
            };
            (change, it.key, it.value)
        }
        DcpRequest::Expiration(request) => {
            let it = &request.message;
            let change = Change {
                delete_time: Some(it.delete_time),
                ..change(
                    request.vbucket,
                    request.cas,
                    "expiration",
                    it.by_seqno,
                    it.rev_seqno,
                )
            };
            (change, it.key, it.value)
        }
        _ => return None,
    })
}

/// Takes the layers off a value; one that is not what it should be is shown as it is.
fn open<'a>(
    datatype: Datatype,
    value: UserData<'a>,
    inflated: &'a mut Vec<u8>,
) -> (Document<'a>, Option<ValueError>) {
    let opened = match Wire::of(datatype, value) {
        Wire::Snappy(_) | Wire::Plain(_) if value.is_empty() => return Default::default(),
        Wire::Snappy(snappy) => snappy
            .inflate(Decoder::DEFAULT_MAX_BODY_LEN, inflated)
            .and_then(|plain| plain.split()),
        Wire::Plain(plain) => plain.split(),
        Wire::Underlying { .. } => return Default::default(),
    };
    match opened {
        Ok(document) => (document, None),
        Err(error) => {
            let body = Document {
                body: value,
                ..Document::default()
            };
            (body, Some(error))
        }
    }
}

/// The body of a document as JSON, if it is that, on one line.
fn body<'a>(document: &Document<'a>) -> Option<Body<'a>> {
    let bytes = document.body.expose();
    if bytes.is_empty() {
        return None;
    }
    let parsed = core::str::from_utf8(bytes)
        .ok()
        .filter(|_| document.is_json);
    // JSON has line ends only between its parts, where a space is as good.
    let parsed = parsed.map(|text| text.replace(['\n', '\r'], " "));
    let parsed = parsed.and_then(|text| RawValue::from_string(text).ok());
    Some(parsed.map_or(Body::Bytes(bytes), Body::Json))
}

fn xattrs(xattrs: Xattrs<'_>) -> Json {
    let pair = |xattr: mcbp::value::Xattr<'_>| {
        let value = xattr.value.expose();
        let value = serde_json::from_slice(value).unwrap_or_else(|_| dump_json::bytes(value));
        (Metadata(xattr.key.expose()).to_string(), value)
    };
    Json::Object(xattrs.iter().map(pair).collect())
}

/// `vb=7 seqno=12 mutation scope.collection "key" value`
fn text(out: &mut impl Write, change: &Change<'_>, body: UserData<'_>) -> io::Result<()> {
    let Change {
        vbucket,
        seqno,
        event,
        key,
        cas,
        rev_seqno,
        ..
    } = change;
    write!(out, "vb={vbucket} seqno={seqno} {event}")?;
    if let Some(collection) = change.collection {
        write!(out, " {collection}")?;
    }
    write!(
        out,
        " {:?} cas={cas:#x} rev_seqno={rev_seqno}",
        Metadata(key)
    )?;
    if change.expiration != 0 {
        write!(out, " expiration={}", change.expiration)?;
    }
    if let Some(delete_time) = change.delete_time {
        write!(out, " delete_time={delete_time}")?;
    }
    if let Some(xattrs) = &change.xattrs {
        write!(out, " xattrs={xattrs}")?;
    }
    if !body.is_empty() {
        write!(out, " value=")?;
        dump_text::write_value(out, &Value::Metadata(Metadata(body.expose())), false)?;
    }
    if let Some(error) = &change.error {
        write!(out, " error={error:?}")?;
    }
    writeln!(out)
}
