//! What is inside keys and values.
//!
//! Messages hand out keys and values as they came; the types here say what they hold. Keys:
//! [`DocKey`]. Documents: [`Value`], then [`Xattrs`].

mod document;
mod error;
mod key;
mod leb128;
mod reader;
mod snappy;
mod xattr;

pub use document::{Document, PlainValue, Value};
pub use error::{ValueError, ValueErrorKind, ValueFormat};
pub use key::{CollectionId, Collections, DocKey, ScopeId};
pub use snappy::SnappyValue;
#[cfg(feature = "snappy")]
pub use snappy::deflate;
pub use xattr::{Xattr, Xattrs};
