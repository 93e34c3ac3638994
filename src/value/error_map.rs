//! The error map: what a server says of its own statuses, the value of `GET_ERROR_MAP`.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;

use super::json::{Hex, Object, object};
use super::{ValueError, ValueFormat};
use crate::{ErrorAttributes, Status};

/// What a server says of its own statuses.
///
/// ```text
/// {"version": 2, "revision": 9, "errors": {
///   "9": {"name": "LOCKED", "desc": "..", "attrs": ["item-only", "item-locked", "retry-now"]}}}
/// ```
///
/// The keys of `errors` are hex, without leading zeros. Version 1 leaves out the attributes that
/// came with version 2 (reference 8.6).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ErrorMap {
    /// Of the format: 1 or 2.
    pub version: u32,
    /// Of the contents: grows with them.
    pub revision: u32,
    /// The statuses.
    pub errors: BTreeMap<Status, ErrorMapEntry>,
}

/// What an [`ErrorMap`] says of one status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ErrorMapEntry {
    /// Its name.
    pub name: String,
    /// `desc`: what it means, for people to read.
    pub description: String,
    /// `attrs`: what a client is to make of it; unknown ones are left out.
    pub attributes: ErrorAttributes,
}

#[derive(Deserialize)]
struct Json {
    version: u32,
    revision: u32,
    errors: BTreeMap<Hex<u16>, Object<EntryJson>>,
}

#[derive(Deserialize)]
struct EntryJson {
    #[serde(default)]
    name: String,
    #[serde(default)]
    desc: String,
    #[serde(default)]
    attrs: Vec<String>,
}

impl ErrorMap {
    /// Reads an error map; unknown keys and attributes are ignored.
    ///
    /// # Errors
    ///
    /// [`ValueErrorKind::NotJson`](crate::ValueErrorKind::NotJson),
    /// [`Truncated`](crate::ValueErrorKind::Truncated) or
    /// [`WrongType`](crate::ValueErrorKind::WrongType) where the JSON is wrong.
    pub fn from_json(value: &[u8]) -> Result<Self, ValueError> {
        let json: Json = object(ValueFormat::ErrorMap, value)?;
        let entries = json.errors.into_iter();
        Ok(Self {
            version: json.version,
            revision: json.revision,
            errors: entries
                .map(|(Hex(status), Object(entry))| (Status(status), entry.into()))
                .collect(),
        })
    }
}

impl From<EntryJson> for ErrorMapEntry {
    fn from(json: EntryJson) -> Self {
        let attributes = json.attrs.iter();
        Self {
            name: json.name,
            description: json.desc,
            attributes: attributes
                .filter_map(|text| ErrorAttributes::from_text(text))
                .collect(),
        }
    }
}
