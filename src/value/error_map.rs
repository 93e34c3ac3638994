//! The error map: what a server says of its own statuses, the value of `GET_ERROR_MAP`.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;

use super::json::{Hex, Object, object};
use super::{ValueError, ValueFormat};
use crate::Status;

bitflags::bitflags! {
    /// What the [error map](ErrorMap) says of a status (reference 8.6).
    ///
    /// In JSON they are text in lower case with dashes.
    #[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
    #[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
    pub struct ErrorAttributes: u32 {
        /// The operation succeeded for practical purposes.
        const SUCCESS = 1;
        /// The item alone is concerned; it may be another matter once that has changed.
        const ITEM_ONLY = 1 << 1;
        /// The request is wrong, and will be when repeated.
        const INVALID_INPUT = 1 << 2;
        /// The cluster map is out of date.
        const FETCH_CONFIG = 1 << 3;
        /// The connection cannot be used any more, unless another attribute names a remedy.
        const CONN_STATE_INVALIDATED = 1 << 4;
        /// Who asked, or whether they may, is the matter; the connection is well.
        const AUTH = 1 << 5;
        /// The status needs handling of its own; a client that has none must close the connection.
        const SPECIAL_HANDLING = 1 << 6;
        /// This server, bucket or user cannot do it.
        const SUPPORT = 1 << 7;
        /// The condition passes; says nothing of when to repeat.
        const TEMP = 1 << 8;
        /// The server failed, or has a bug.
        const INTERNAL = 1 << 9;
        /// Repeat at once.
        const RETRY_NOW = 1 << 10;
        /// Repeat after a while.
        const RETRY_LATER = 1 << 11;
        /// Subdocument commands are concerned.
        const SUBDOC = 1 << 12;
        /// DCP is concerned.
        const DCP = 1 << 13;
        /// The item is locked.
        const ITEM_LOCKED = 1 << 14;
        /// The item is deleted.
        const ITEM_DELETED = 1 << 15;
        /// The client is over a limit; since version 2.
        const RATE_LIMIT = 1 << 16;
        /// The system is over a limit; since version 2.
        const SYSTEM_CONSTRAINT = 1 << 17;
        /// Do not repeat; since version 2.
        const NO_RETRY = 1 << 18;
    }
}

impl ErrorAttributes {
    /// The attribute of this text, such as `item-only`.
    pub fn from_text(text: &str) -> Option<Self> {
        let lower = |byte| match byte {
            b'_' => b'-',
            _ => byte.to_ascii_lowercase(),
        };
        Self::all()
            .iter_names()
            .find(|(name, _)| name.bytes().map(lower).eq(text.bytes()))
            .map(|(_, attribute)| attribute)
    }
}

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
