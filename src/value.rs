//! What is inside keys and values.
//!
//! Messages hand out keys and values as they came; the types here say what they hold. Keys:
//! [`DocKey`]. Documents: [`Value`], then [`Xattrs`]. [`ManifestChange`] is what a system event
//! tells, [`StreamFilter`], [`OpenValue`] and [`ControlSetting`] are what a client asks for.
//!
//! With the feature `json`, `ErrorContext`, `ErrorMap` and `Manifest` are what a server answers,
//! and the JSON of clients can be read as well as written. A cluster map, the value of
//! `NOT_MY_VBUCKET`, stays as it is.
//!
//! Nothing allocates but inflating, reading JSON, [`Xattrs::check`] and the types that own what
//! they hold.

mod control;
mod document;
mod error;
#[cfg(feature = "json")]
mod error_context;
#[cfg(feature = "json")]
mod error_map;
mod flatbuffer;
#[cfg(feature = "json")]
mod json;
mod key;
mod leb128;
#[cfg(feature = "json")]
mod manifest;
mod open_value;
mod reader;
mod snappy;
mod stream_filter;
mod system_event;
mod text;
mod xattr;

pub use control::{BackfillOrder, ControlSetting, Priority};
pub use document::{Document, PlainValue, Value};
pub use error::{ValueError, ValueErrorKind, ValueFormat};
#[cfg(feature = "json")]
pub use error_context::ErrorContext;
#[cfg(feature = "json")]
pub use error_map::{ErrorMap, ErrorMapEntry};
pub use key::{CollectionId, Collections, DocKey, ScopeId};
#[cfg(feature = "json")]
pub use manifest::{Manifest, ManifestCollection, ManifestScope};
pub use open_value::OpenValue;
pub use snappy::SnappyValue;
#[cfg(feature = "snappy")]
pub use snappy::deflate;
pub use stream_filter::{CacheTransferOptions, Keyspace, StreamFilter};
pub use system_event::{
    Collection, CollectionSettings, DroppedCollection, DroppedScope, ManifestChange, Scope,
};
pub use xattr::{Xattr, Xattrs};
