//! The collections manifest: the value of `COLLECTIONS_GET_MANIFEST`.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;

use super::json::{Hex, Object, object};
use super::{CollectionId, ScopeId, ValueError, ValueFormat};

/// The scopes and collections of a bucket.
///
/// ```text
/// {"uid": "2a", "scopes": [
///   {"uid": "0", "name": "_default", "collections": [
///     {"uid": "8", "name": "fruit", "maxTTL": 60, "history": true}]}]}
/// ```
///
/// Uids and ids are hex without `0x` (reference 4.3 and 8.7).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Manifest {
    /// The version of the manifest: grows with every change.
    pub uid: u64,
    /// The scopes.
    pub scopes: Vec<ManifestScope>,
}

/// A scope of a [`Manifest`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ManifestScope {
    /// The scope.
    pub id: ScopeId,
    /// Its name.
    pub name: String,
    /// The collections in it.
    pub collections: Vec<ManifestCollection>,
}

/// A collection of a [`Manifest`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ManifestCollection {
    /// The collection.
    pub id: CollectionId,
    /// Its name.
    pub name: String,
    /// `maxTTL`: when documents expire at the latest, in seconds after they are written; 0 for
    /// never, `None` to leave it to the bucket.
    pub max_ttl: Option<u32>,
    /// Whether the collection keeps its change history; `None` to leave it to the bucket.
    pub history: Option<bool>,
}

#[derive(Deserialize)]
struct Json {
    uid: Hex<u64>,
    scopes: Vec<Object<ScopeJson>>,
}

#[derive(Deserialize)]
struct ScopeJson {
    uid: Hex<u32>,
    name: String,
    #[serde(default)]
    collections: Vec<Object<CollectionJson>>,
}

#[derive(Deserialize)]
struct CollectionJson {
    uid: Hex<u32>,
    name: String,
    #[serde(rename = "maxTTL")]
    max_ttl: Option<u32>,
    history: Option<bool>,
}

impl Manifest {
    /// Reads a manifest; unknown keys are ignored.
    ///
    /// # Errors
    ///
    /// [`ValueErrorKind::NotJson`](crate::ValueErrorKind::NotJson),
    /// [`Truncated`](crate::ValueErrorKind::Truncated) or
    /// [`WrongType`](crate::ValueErrorKind::WrongType) where the JSON is wrong.
    pub fn from_json(value: &[u8]) -> Result<Self, ValueError> {
        let json: Json = object(ValueFormat::Manifest, value)?;
        let scopes = json.scopes.into_iter().map(|Object(scope)| scope.into());
        Ok(Self {
            uid: json.uid.0,
            scopes: scopes.collect(),
        })
    }
}

impl From<ScopeJson> for ManifestScope {
    fn from(json: ScopeJson) -> Self {
        let collections = json.collections.into_iter();
        Self {
            id: ScopeId(json.uid.0),
            name: json.name,
            collections: collections
                .map(|Object(collection)| ManifestCollection {
                    id: CollectionId(collection.uid.0),
                    name: collection.name,
                    max_ttl: collection.max_ttl,
                    history: collection.history,
                })
                .collect(),
        }
    }
}
