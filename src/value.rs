//! What is inside keys and values.
//!
//! Messages hand out keys and values as they came; the types here say what they hold. Keys:
//! [`DocKey`]. Documents: [`Value`], then [`Xattrs`]. [`ManifestChange`] is what a system event
//! tells; [`StreamFilter`], [`OpenValue`] and [`ControlSetting`] are what a client asks for, whose
//! JSON is read with the feature `json` and written without.

mod control;
mod document;
mod error;
mod flatbuffer;
#[cfg(feature = "json")]
mod json;
mod key;
mod leb128;
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
pub use key::{CollectionId, Collections, DocKey, ScopeId};
pub use open_value::OpenValue;
pub use snappy::SnappyValue;
#[cfg(feature = "snappy")]
pub use snappy::deflate;
pub use stream_filter::{CacheTransferOptions, Keyspace, StreamFilter};
pub use system_event::{
    Collection, CollectionSettings, DroppedCollection, DroppedScope, ManifestChange, Scope,
};
pub use xattr::{Xattr, Xattrs};
