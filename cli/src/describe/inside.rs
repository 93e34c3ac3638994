//! What is inside keys and values.

use mcbp::dcp::{DcpRequest, SystemEvent};
use mcbp::value::{
    Collection, Collections, DocKey, Document, ErrorContext, ManifestChange, ScopeId,
    Value as Wire, ValueError, Xattr,
};
use mcbp::{Datatype, Decoder, Metadata, UserData};

use super::{Field, Value, hex, number};
use crate::connections::Agreed;

/// Adds what is inside the key and the value of a request, and tells what could not be read.
pub(super) fn request<'a>(
    request: &DcpRequest<'a>,
    agreed: Agreed,
    inflated: &'a mut Vec<u8>,
    fields: &mut Vec<Field<'a>>,
) -> Vec<ValueError> {
    let mut errors = Vec::new();
    let (checked, unchecked, value) = match request {
        DcpRequest::Mutation(request) => {
            let message = &request.message;
            (
                Some(message.key),
                None,
                Some((request.datatype, message.value)),
            )
        }
        DcpRequest::Deletion(request) => {
            let message = &request.message;
            (
                Some(message.key),
                None,
                Some((request.datatype, message.value)),
            )
        }
        DcpRequest::Expiration(request) => {
            let message = &request.message;
            (
                Some(message.key),
                None,
                Some((request.datatype, message.value)),
            )
        }
        DcpRequest::Prepare(request) => {
            let message = &request.message;
            (
                Some(message.key),
                None,
                Some((request.datatype, message.value)),
            )
        }
        DcpRequest::Commit(request) => (None, Some(request.message.key), None),
        DcpRequest::Abort(request) => (None, Some(request.message.key), None),
        DcpRequest::SystemEvent(request) => {
            match system_event(&request.message) {
                Ok(told) => {
                    fields.retain(|(name, _)| !["key", "value"].contains(name));
                    fields.extend(told);
                }
                Err(error) => errors.push(error),
            }
            (None, None, None)
        }
        _ => (None, None, None),
    };
    // The server checks the keys of some messages, and takes those of others as they are.
    let key = checked.map(|key| DocKey::new(key, agreed.collections));
    match key.or(unchecked.map(|key| DocKey::split(key, agreed.collections))) {
        Some(Ok(key)) if agreed.collections == Collections::Negotiated => {
            fields.push(("collection", hex(key.collection().0)));
        }
        Some(Err(error)) => errors.push(error),
        _ => {}
    }
    let value = value.filter(|_| !agreed.underlying);
    match value.map(|(datatype, bytes)| document(datatype, bytes, inflated)) {
        Some(Ok(told)) => fields.extend(told),
        Some(Err(error)) => errors.push(error),
        None => {}
    }
    errors
}

/// What a value holds beyond its body.
fn document<'a>(
    datatype: Datatype,
    bytes: UserData<'a>,
    inflated: &'a mut Vec<u8>,
) -> Result<Vec<Field<'a>>, ValueError> {
    if bytes.is_empty() || !datatype.intersects(Datatype::SNAPPY | Datatype::XATTR) {
        return Ok(vec![]);
    }
    let plain = match Wire::of(datatype, bytes) {
        Wire::Snappy(snappy) => snappy.inflate(Decoder::DEFAULT_MAX_BODY_LEN, inflated)?,
        Wire::Plain(plain) => plain,
        Wire::Underlying { .. } => return Ok(vec![]),
    };
    let Document { xattrs, body, .. } = plain.split()?;
    let pair = |Xattr { key, value }| {
        Value::Record(vec![
            ("key", Value::UserData(key)),
            ("value", Value::UserData(value)),
        ])
    };
    Ok(vec![
        ("xattrs", Value::List(xattrs.iter().map(pair).collect())),
        ("body", Value::UserData(body)),
    ])
}

fn system_event<'a>(event: &SystemEvent<'a>) -> Result<Vec<Field<'a>>, ValueError> {
    Ok(match event.change()? {
        ManifestChange::CreateCollection(collection)
        | ManifestChange::ModifyCollection(collection) => created(collection),
        ManifestChange::DeleteCollection(dropped) => {
            let mut fields = within(dropped.manifest_uid, dropped.scope_id);
            fields.push(("collection", hex(dropped.collection_id.0)));
            fields.extend(optional("system_collection", dropped.system_collection));
            fields
        }
        ManifestChange::CreateScope(scope) => {
            let mut fields = within(scope.manifest_uid, scope.scope_id);
            fields.push(("name", Value::Metadata(scope.name)));
            fields
        }
        ManifestChange::DropScope(dropped) => {
            let mut fields = within(dropped.manifest_uid, dropped.scope_id);
            fields.extend(optional("system_scope", dropped.system_scope));
            fields
        }
    })
}

fn created(collection: Collection<'_>) -> Vec<Field<'_>> {
    let mut fields = within(collection.manifest_uid, collection.scope_id);
    fields.push(("collection", hex(collection.collection_id.0)));
    fields.push(("name", Value::Metadata(collection.name)));
    if let Some(max_ttl) = collection.max_ttl {
        fields.push(("max_ttl", number(max_ttl)));
    }
    if let Some(settings) = collection.settings {
        fields.extend([
            ("history", Value::Bool(settings.history)),
            (
                "default_collection_mvs",
                number(settings.default_collection_mvs),
            ),
            ("metered", Value::Bool(settings.metered)),
            ("flush_uid", number(settings.flush_uid)),
        ]);
    }
    fields
}

fn within<'a>(manifest_uid: u64, scope_id: ScopeId) -> Vec<Field<'a>> {
    vec![
        ("manifest_uid", hex(manifest_uid)),
        ("scope", hex(scope_id.0)),
    ]
}

fn optional(name: &'static str, value: Option<bool>) -> Option<Field<'static>> {
    value.map(|value| (name, Value::Bool(value)))
}

/// What a server says beside a status, if anything: the parts of an error, or whatever else it is.
pub(super) fn said(value: Metadata<'_>) -> Vec<Field<'_>> {
    let named = |name, text: Option<String>| text.map(|text| (name, Value::Name(text)));
    let mut fields = vec![];
    if let Ok(error) = ErrorContext::from_json(value.0) {
        fields.extend(named("context", error.context));
        fields.extend(named("ref", error.reference));
        fields.extend(error.manifest_uid.map(|uid| ("manifest_uid", hex(uid))));
        fields.extend(error.next_tick_us.map(|us| ("next_tick_us", number(us))));
    }
    if fields.is_empty() && !value.is_empty() {
        fields.push(("value", Value::Metadata(value)));
    }
    fields
}
