//! What is inside keys and values.
//!
//! Messages hand out keys and values as they came; the types here say what they hold. Keys:
//! [`DocKey`]. Documents: [`Value`], then [`Xattrs`]. [`ManifestChange`] is what a system event
//! tells.

mod document;
mod error;
mod flatbuffer;
mod key;
mod leb128;
mod reader;
mod snappy;
mod system_event;
mod xattr;

pub use document::{Document, PlainValue, Value};
pub use error::{ValueError, ValueErrorKind, ValueFormat};
pub use key::{CollectionId, Collections, DocKey, ScopeId};
pub use snappy::SnappyValue;
#[cfg(feature = "snappy")]
pub use snappy::deflate;
pub use system_event::{
    Collection, CollectionSettings, DroppedCollection, DroppedScope, ManifestChange, Scope,
};
pub use xattr::{Xattr, Xattrs};
