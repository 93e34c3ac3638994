//! What a server says of an error: the value of a response.

use alloc::string::String;

use serde::Deserialize;

use super::json::{Hex, Object, object, present};
use super::{ValueError, ValueFormat};

/// What a server says of an error, for people to read.
///
/// ```text
/// {"error": {"context": "..", "ref": ".."}, "manifest_uid": "2a", "next_tick_us": 1000}
/// ```
///
/// Every part is optional. The value of `NOT_MY_VBUCKET` is a cluster map instead, that of
/// `ROLLBACK` a seqno (reference 8.7).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ErrorContext {
    /// What went wrong; the wording changes between releases.
    pub context: Option<String>,
    /// `ref`: the uuid under which the server has logged it.
    pub reference: Option<String>,
    /// The manifest that the server has, with
    /// [`Status::UNKNOWN_COLLECTION`](crate::Status::UNKNOWN_COLLECTION) and
    /// [`Status::UNKNOWN_SCOPE`](crate::Status::UNKNOWN_SCOPE).
    pub manifest_uid: Option<u64>,
    /// When to try again, in microseconds from now, with
    /// [`Status::EWOULD_THROTTLE`](crate::Status::EWOULD_THROTTLE).
    pub next_tick_us: Option<u64>,
}

#[derive(Deserialize)]
struct Json {
    error: Option<Object<ErrorJson>>,
    #[serde(default, deserialize_with = "present")]
    manifest_uid: Option<Hex<u64>>,
    #[serde(default, deserialize_with = "present")]
    next_tick_us: Option<u64>,
}

#[derive(Default, Deserialize)]
struct ErrorJson {
    context: Option<String>,
    r#ref: Option<String>,
}

impl ErrorContext {
    /// Reads the value of an error response; it may be empty, and unknown keys are ignored.
    ///
    /// The datatype does not matter: a connection without JSON gets it as
    /// [`Datatype::RAW`](crate::Datatype::RAW).
    ///
    /// # Errors
    ///
    /// [`ValueErrorKind::NotJson`](crate::ValueErrorKind::NotJson),
    /// [`Truncated`](crate::ValueErrorKind::Truncated) or
    /// [`WrongType`](crate::ValueErrorKind::WrongType) where the JSON is wrong.
    pub fn from_json(value: &[u8]) -> Result<Self, ValueError> {
        if value.is_empty() {
            return Ok(Self::default());
        }
        let json: Json = object(ValueFormat::ErrorContext, value)?;
        let Object(error) = json.error.unwrap_or(Object(ErrorJson::default()));
        Ok(Self {
            context: error.context,
            reference: error.r#ref,
            manifest_uid: json.manifest_uid.map(|Hex(uid)| uid),
            next_tick_us: json.next_tick_us,
        })
    }
}
