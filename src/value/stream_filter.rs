//! What a stream is narrowed down to: the value of `DCP_STREAM_REQ`.

use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroU16;

use super::{CollectionId, ScopeId};

/// What a stream is narrowed down to, and who it is for.
///
/// Displays as the JSON that [`StreamRequest::value`](crate::dcp::StreamRequest::value) holds, or
/// as nothing if there is nothing to say: that asks for everything, while an empty object is
/// refused. The value needs collections, and goes out with
/// [`Datatype::RAW`](crate::Datatype::RAW) although it is JSON.
///
/// What the server refuses cannot be said: a stream id of 0, or collections and a scope at once.
///
/// ```
/// use mcbp::value::{CollectionId, Keyspace, StreamFilter};
///
/// let filter = StreamFilter {
///     stream_id: 71.try_into().ok(),
///     keyspace: Keyspace::Collections(vec![CollectionId(0), CollectionId(0x1234)]),
///     ..StreamFilter::default()
/// };
/// assert_eq!(filter.to_string(), r#"{"sid":71,"collections":["0","1234"]}"#);
/// ```
///
/// With the feature `json`, `from_json` reads it. See reference 6.4.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct StreamFilter {
    /// `uid`: the manifest that the consumer knows; the server ignores it.
    pub manifest_uid: Option<u64>,
    /// `sid`: the id of the stream; needed after the control `enable_stream_id`, forbidden without.
    pub stream_id: Option<NonZeroU16>,
    /// `scope` or `collections`: what to stream.
    pub keyspace: Keyspace,
    /// `purge_seqno`: the purge seqno that the consumer has seen.
    pub purge_seqno: Option<u64>,
    /// `cts`: for a stream with
    /// [`StreamFlags::CACHE_TRANSFER`](crate::StreamFlags::CACHE_TRANSFER).
    pub cache_transfer: Option<CacheTransferOptions>,
}

/// The collections that a stream consists of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Keyspace {
    /// All of them.
    #[default]
    Everything,
    /// Those of one scope; the stream ends with it.
    Scope(ScopeId),
    /// These; the stream ends with the last of them. Of none, 7.2 sends an empty snapshot, 8.0
    /// ends the stream at once.
    Collections(Vec<CollectionId>),
}

/// How a cache is to be transferred.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct CacheTransferOptions {
    /// `free_memory`: how much the consumer has room for, in bytes.
    pub free_memory: Option<u64>,
    /// `all_keys`: whether to go on with keys alone once that is used up.
    pub all_keys: Option<bool>,
}

impl fmt::Display for StreamFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return Ok(());
        }
        let mut object = JsonObject::open(f)?;
        if let Some(uid) = self.manifest_uid {
            object.member("uid", format_args!("\"{uid:x}\""))?;
        }
        if let Some(id) = self.stream_id {
            object.member("sid", id)?;
        }
        match &self.keyspace {
            Keyspace::Everything => {}
            Keyspace::Scope(id) => object.member("scope", format_args!("\"{id}\""))?,
            Keyspace::Collections(ids) => object.member("collections", HexArray(ids))?,
        }
        if let Some(seqno) = self.purge_seqno {
            object.member("purge_seqno", format_args!("\"{seqno}\""))?;
        }
        if let Some(options) = self.cache_transfer {
            object.member("cts", options)?;
        }
        object.close()
    }
}

impl fmt::Display for CacheTransferOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut object = JsonObject::open(f)?;
        if let Some(bytes) = self.free_memory {
            object.member("free_memory", bytes)?;
        }
        if let Some(all_keys) = self.all_keys {
            object.member("all_keys", all_keys)?;
        }
        object.close()
    }
}

/// Writes an object, with commas between its members.
struct JsonObject<'f, 'w> {
    f: &'f mut fmt::Formatter<'w>,
    separator: &'static str,
}

impl<'f, 'w> JsonObject<'f, 'w> {
    fn open(f: &'f mut fmt::Formatter<'w>) -> Result<Self, fmt::Error> {
        f.write_str("{")?;
        Ok(Self { f, separator: "" })
    }

    fn member(&mut self, key: &str, value: impl fmt::Display) -> fmt::Result {
        write!(self.f, "{}\"{key}\":{value}", self.separator)?;
        self.separator = ",";
        Ok(())
    }

    fn close(self) -> fmt::Result {
        self.f.write_str("}")
    }
}

/// Displays as an array of hex strings.
struct HexArray<'a>(&'a [CollectionId]);

impl fmt::Display for HexArray<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (index, id) in self.0.iter().enumerate() {
            let separator = if index > 0 { "," } else { "" };
            write!(f, "{separator}\"{id}\"")?;
        }
        f.write_str("]")
    }
}

#[cfg(feature = "json")]
mod json {
    use alloc::string::String;

    use serde::Deserialize;
    use serde::de::{Deserializer, Error};

    use super::*;
    use crate::value::json::{Hex, Object, object, present};
    use crate::value::{ValueError, ValueErrorKind, ValueFormat, text};

    #[derive(Deserialize)]
    struct Json {
        #[serde(default, deserialize_with = "present")]
        uid: Option<serde_json::Value>,
        #[serde(default, deserialize_with = "present")]
        sid: Option<u64>,
        #[serde(default, deserialize_with = "present")]
        scope: Option<Hex<u32>>,
        #[serde(default, deserialize_with = "present")]
        collections: Option<Vec<Hex<u32>>>,
        #[serde(default, deserialize_with = "present")]
        purge_seqno: Option<Decimal>,
        #[serde(default, deserialize_with = "present")]
        cts: Option<Object<OptionsJson>>,
    }

    #[derive(Deserialize)]
    struct OptionsJson {
        #[serde(default, deserialize_with = "present")]
        free_memory: Option<u64>,
        #[serde(default, deserialize_with = "present")]
        all_keys: Option<bool>,
    }

    struct Decimal(u64);

    impl<'de> Deserialize<'de> for Decimal {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let digits = String::deserialize(deserializer)?;
            let number = text::decimal(digits.as_bytes());
            number
                .map(Self)
                .ok_or_else(|| D::Error::custom("not decimal"))
        }
    }

    impl StreamFilter {
        /// Reads the value of a stream request as the server does.
        ///
        /// An empty value asks for everything. Unknown keys are ignored beside known ones. Of a
        /// `sid`, the low 16 bits count; a `uid` may be anything, and is kept if it is hex.
        ///
        /// # Errors
        ///
        /// * [`ValueErrorKind::NotJson`], [`ValueErrorKind::Truncated`] or
        ///   [`ValueErrorKind::WrongType`] where the JSON is wrong.
        /// * [`ValueErrorKind::Missing`] for an object without any known key.
        /// * [`ValueErrorKind::Conflict`] for collections and a scope at once.
        /// * [`ValueErrorKind::StreamIdZero`], which the server answers with
        ///   [`Status::DCP_STREAM_ID_INVALID`](crate::Status::DCP_STREAM_ID_INVALID) rather than
        ///   `EINVAL`.
        pub fn from_json(value: &[u8]) -> Result<Self, ValueError> {
            if value.is_empty() {
                return Ok(Self::default());
            }
            let error = |kind| ValueError::new(ValueFormat::StreamFilter, 0, kind);
            let Json {
                uid,
                sid,
                scope,
                collections,
                purge_seqno,
                cts,
            } = object(ValueFormat::StreamFilter, value)?;
            let known = [
                uid.is_some(),
                sid.is_some(),
                scope.is_some(),
                collections.is_some(),
                purge_seqno.is_some(),
                cts.is_some(),
            ];
            if known == [false; 6] {
                return Err(error(ValueErrorKind::Missing));
            }
            let keyspace = match (scope, collections) {
                (None, None) => Keyspace::Everything,
                (Some(Hex(id)), None) => Keyspace::Scope(ScopeId(id)),
                (None, Some(ids)) => {
                    Keyspace::Collections(ids.into_iter().map(|Hex(id)| CollectionId(id)).collect())
                }
                (Some(_), Some(_)) => return Err(error(ValueErrorKind::Conflict)),
            };
            let stream_id = |sid: u64| {
                let [.., high, low] = sid.to_be_bytes();
                NonZeroU16::new(u16::from_be_bytes([high, low]))
                    .ok_or(error(ValueErrorKind::StreamIdZero))
            };
            Ok(Self {
                manifest_uid: uid.and_then(|uid| text::hex(uid.as_str()?.as_bytes())),
                stream_id: sid.map(stream_id).transpose()?,
                keyspace,
                purge_seqno: purge_seqno.map(|Decimal(seqno)| seqno),
                cache_transfer: cts.map(|Object(options)| CacheTransferOptions {
                    free_memory: options.free_memory,
                    all_keys: options.all_keys,
                }),
            })
        }
    }
}
