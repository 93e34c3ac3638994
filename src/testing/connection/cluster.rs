//! The JSON that a node answers with.

use alloc::string::{String, ToString};

use serde_json::{Map, Value, json};

use crate::value::Manifest;
use crate::{Status, StatusCategory};

/// The collections manifest (reference 4.3).
pub(super) fn manifest(manifest: &Manifest) -> String {
    let scopes = manifest.scopes.iter().map(|scope| {
        let collections = scope.collections.iter().map(|collection| {
            let mut json = json!({
                "name": collection.name,
                "uid": alloc::format!("{:x}", collection.id.0),
            });
            if let (Some(ttl), Some(json)) = (collection.max_ttl, json.as_object_mut()) {
                json.insert("maxTTL".into(), ttl.into());
            }
            json
        });
        json!({
            "name": scope.name,
            "uid": alloc::format!("{:x}", scope.id.0),
            "collections": collections.collect::<Value>(),
        })
    });
    json!({
        "uid": alloc::format!("{:x}", manifest.uid),
        "scopes": scopes.collect::<Value>(),
    })
    .to_string()
}

/// The error map (reference 8.6), with the attributes that decide over a connection.
pub(super) fn error_map(version: u16) -> String {
    let errors: Map<String, Value> = Status::NAMED
        .iter()
        .map(|status| {
            let entry = json!({
                "name": status.name(),
                "desc": status.description(),
                "attrs": attributes(*status),
            });
            (alloc::format!("{:x}", status.0), entry)
        })
        .collect();
    let (version, revision) = if version >= 2 { (2, 9) } else { (1, 13) };
    json!({ "version": version, "revision": revision, "errors": errors }).to_string()
}

/// What a client has to know of a status.
fn attributes(status: Status) -> Value {
    match status {
        Status::NO_BUCKET
        | Status::DCP_STREAM_NOT_FOUND
        | Status::OPAQUE_NO_MATCH
        | Status::NOT_INITIALIZED
        | Status::RATE_LIMITED_MAX_CONNECTIONS
        | Status::EINTERNAL => return json!(["conn-state-invalidated"]),
        Status::AUTH_STALE | Status::AUTH_ERROR => {
            return json!(["conn-state-invalidated", "auth"]);
        }
        Status::AUTH_CONTINUE | Status::ROLLBACK => return json!(["special-handling"]),
        _ => {}
    }
    match status.category() {
        StatusCategory::Success => json!(["success"]),
        StatusCategory::Item | StatusCategory::Durability => json!(["item-only"]),
        StatusCategory::Topology => json!(["fetch-config", "invalid-input"]),
        StatusCategory::Transient | StatusCategory::RateLimit => {
            json!(["temp", "retry-later"])
        }
        StatusCategory::Protocol | StatusCategory::Auth => json!(["support"]),
        StatusCategory::Subdoc => json!(["subdoc"]),
        StatusCategory::Input | StatusCategory::Collections => json!(["invalid-input"]),
        _ => json!(["item-only"]),
    }
}
