//! Reading JSON: serde behind errors of this crate.

use alloc::string::String;
use core::fmt;
use core::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::error::Category;

use super::text;
use super::{ValueError, ValueErrorKind, ValueFormat};

/// Reads a JSON object; nothing may follow it.
pub(super) fn object<'a, T: Deserialize<'a>>(
    format: ValueFormat,
    json: &'a [u8],
) -> Result<T, ValueError> {
    match serde_json::from_slice(json) {
        Ok(Object(value)) => Ok(value),
        Err(error) => {
            let (offset, kind) = match error.classify() {
                Category::Eof => (json.len(), ValueErrorKind::Truncated),
                Category::Data => (offset(json, &error), ValueErrorKind::WrongType),
                Category::Syntax | Category::Io => (offset(json, &error), ValueErrorKind::NotJson),
            };
            Err(ValueError::new(format, offset, kind))
        }
    }
}

/// Where an error is: lines and columns count from 1.
fn offset(json: &[u8], error: &serde_json::Error) -> usize {
    let lines = json.split_inclusive(|&byte| byte == b'\n');
    let before: usize = lines
        .take(error.line().saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    before.saturating_add(error.column().saturating_sub(1))
}

/// An object: what derives `Deserialize` alone would take an array too.
#[derive(Debug)]
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

/// A number as hex text.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hex<T>(pub(super) T);

impl<'de, T: TryFrom<u64>> Deserialize<'de> for Hex<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(deserializer)?;
        let number = text::hex(digits.as_bytes());
        number.map(Self).ok_or_else(|| D::Error::custom("not hex"))
    }
}

/// A member that may be missing but, unlike an `Option` on its own, not `null`.
pub(super) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}
