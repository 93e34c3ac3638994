//! Extended attributes: what a document has beside its body.
//!
//! ```text
//! u32      length of all pairs, without this field
//! a pair   u32   length of the rest of the pair
//!          key, 00
//!          value, 00
//! body     the rest of the value
//! ```

use alloc::collections::BTreeSet;
use core::{fmt, iter, str};

use bytes::BufMut;
use nom::Parser;
use nom::bytes::complete::take;
use nom::multi::length_data;

use super::reader::Reader;
use super::{ValueError, ValueErrorKind, ValueFormat};
use crate::UserData;
use crate::cursor::{Parsed, be_u32};

/// The extended attributes of a document: every pair in them is known to be whole.
///
/// They lead the value of a document with [`Datatype::XATTR`](crate::Datatype::XATTR), once that is
/// not compressed any more; see [`Value`](super::Value) (reference 8.1).
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Xattrs<'a>(&'a [u8]);

/// One extended attribute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Xattr<'a> {
    /// Its name; not empty, and without NUL.
    pub key: UserData<'a>,
    /// What it says, JSON; without NUL.
    pub value: UserData<'a>,
}

impl Xattr<'_> {
    /// The length field of a pair and its two NULs.
    const FRAMING_LEN: usize = 6;

    /// Whether the attribute belongs to the system, not to the user: its key starts with `_`.
    ///
    /// The system's survive the deletion of the document; the user's do not, unless
    /// [`OpenFlags::INCLUDE_DELETED_USER_XATTRS`](crate::OpenFlags::INCLUDE_DELETED_USER_XATTRS)
    /// asks for them.
    pub fn is_system(&self) -> bool {
        self.key.expose().starts_with(b"_")
    }

    const fn encoded_len(&self) -> usize {
        Self::FRAMING_LEN
            .saturating_add(self.key.len())
            .saturating_add(self.value.len())
    }
}

/// A pair without its length.
#[inline]
fn pair(input: &[u8]) -> Parsed<'_, &[u8]> {
    length_data(be_u32).parse(input)
}

/// The texts of such a pair; that the second has no NUL within is not looked at.
#[inline]
fn texts(pair: &[u8]) -> Option<Xattr<'_>> {
    let (key, rest) = pair.split_at_checked(pair.iter().position(|&byte| byte == 0)?)?;
    let [_, value @ .., 0] = rest else {
        return None;
    };
    let (key, value) = (UserData::new(key), UserData::new(value));
    Some(Xattr { key, value })
}

impl<'a> Xattrs<'a> {
    /// The longest key, in bytes, that the server takes: up to its first `.` or `[`.
    pub const MAX_KEY_LEN: usize = 15;
    /// The most bytes that all system attributes of a document may take, with their framing.
    pub const MAX_SYSTEM_LEN: usize = 1 << 20;

    /// Splits a value into its extended attributes and the body of the document.
    ///
    /// Looks at lengths and NULs only: what the attributes say is left to
    /// [`check`](Self::check).
    ///
    /// # Errors
    ///
    /// * [`ValueErrorKind::Truncated`] where the attributes are longer than the value, or a pair
    ///   longer than the attributes.
    /// * [`ValueErrorKind::Terminator`] for a pair that is not two texts, each with its first NUL
    ///   at its end.
    /// * [`ValueErrorKind::Missing`] for an empty key.
    #[inline]
    pub fn split(value: UserData<'a>) -> Result<(Self, UserData<'a>), ValueError> {
        let mut value = Reader::new(ValueFormat::Xattrs, value.expose());
        let len = value.read(be_u32)?;
        let start = value.offset();
        let xattrs = value.read(take(len))?;
        let mut pairs = Reader::starting_at(start, ValueFormat::Xattrs, xattrs);
        while !pairs.rest().is_empty() {
            let key_at = pairs.offset().saturating_add(LEN_LEN);
            let xattr = texts(pairs.read(pair)?)
                .filter(|xattr| !xattr.value.expose().contains(&0))
                .ok_or_else(|| pairs.error_at(key_at, ValueErrorKind::Terminator))?;
            if xattr.key.is_empty() {
                return Err(pairs.error_at(key_at, ValueErrorKind::Missing));
            }
        }
        Ok((Self(xattrs), UserData::new(value.rest())))
    }

    /// The attributes, in order.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = Xattr<'a>> + Clone + use<'a> {
        let mut rest = self.0;
        iter::from_fn(move || {
            let (behind, pair) = pair(rest).ok()?;
            rest = behind;
            texts(pair)
        })
    }

    /// The value of the attribute with this key.
    pub fn get(self, key: &[u8]) -> Option<UserData<'a>> {
        let xattr = self.iter().find(|xattr| xattr.key.expose() == key)?;
        Some(xattr.value)
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Checks the rest of what the server checks (reference 8.1), which refuses with
    /// [`Status::XATTR_EINVAL`](crate::Status::XATTR_EINVAL) what does not pass.
    ///
    /// That every value is JSON is checked only with the feature `json`. Remembers the keys in a
    /// set, which the server too keeps: this allocates.
    ///
    /// # Errors
    ///
    /// * [`ValueErrorKind::NotUtf8`], [`ValueErrorKind::IllegalName`],
    ///   [`ValueErrorKind::TooLong`], [`ValueErrorKind::Missing`] or
    ///   [`ValueErrorKind::DuplicateKey`] for a key.
    /// * [`ValueErrorKind::NotJson`] for a value.
    /// * [`ValueErrorKind::TooLong`] for the attribute that takes the system's above
    ///   [`MAX_SYSTEM_LEN`](Self::MAX_SYSTEM_LEN).
    pub fn check(self) -> Result<(), ValueError> {
        let mut keys = BTreeSet::new();
        let mut system_len = LEN_LEN;
        let mut pair_at = LEN_LEN;
        for xattr in self.iter() {
            let at = |offset, kind| ValueError::new(ValueFormat::Xattrs, offset, kind);
            let key_at = pair_at.saturating_add(LEN_LEN);
            let (key, value) = (xattr.key.expose(), xattr.value.expose());
            check_key(key).map_err(|kind| at(key_at, kind))?;
            if !keys.insert(key) {
                return Err(at(key_at, ValueErrorKind::DuplicateKey));
            }
            if xattr.is_system() {
                system_len = system_len.saturating_add(xattr.encoded_len());
            }
            if system_len > Self::MAX_SYSTEM_LEN {
                return Err(at(pair_at, too_long(Self::MAX_SYSTEM_LEN)));
            }
            if !is_json(value) {
                let value_at = key_at.saturating_add(key.len()).saturating_add(1);
                return Err(at(value_at, ValueErrorKind::NotJson));
            }
            pair_at = pair_at.saturating_add(xattr.encoded_len());
        }
        Ok(())
    }

    /// Appends a section of these attributes to `dst`; the body goes behind it.
    ///
    /// Runs through `xattrs` twice: the length of all comes first. Whether the server takes what
    /// they say is left to [`check`](Self::check).
    ///
    /// # Errors
    ///
    /// [`ValueErrorKind::Missing`] for an empty key, [`ValueErrorKind::Terminator`] for a key or a
    /// value with a NUL, [`ValueErrorKind::TooLong`] for more than a `u32` of bytes,
    /// [`ValueErrorKind::NoRoom`] if `dst` cannot take all of it; then nothing was written.
    pub fn encode<'x>(
        xattrs: impl IntoIterator<Item = Xattr<'x>, IntoIter: Clone>,
        dst: &mut impl BufMut,
    ) -> Result<(), ValueError> {
        let xattrs = xattrs.into_iter();
        let mut len = 0_usize;
        for xattr in xattrs.clone() {
            let key_at = len.saturating_add(LEN_LEN).saturating_add(LEN_LEN);
            let at = |kind| ValueError::new(ValueFormat::Xattrs, key_at, kind);
            let (key, value) = (xattr.key.expose(), xattr.value.expose());
            if key.is_empty() {
                return Err(at(ValueErrorKind::Missing));
            }
            if key.contains(&0) || value.contains(&0) {
                return Err(at(ValueErrorKind::Terminator));
            }
            len = len.saturating_add(xattr.encoded_len());
        }
        let at_start = |kind| ValueError::new(ValueFormat::Xattrs, 0, kind);
        let total = u32::try_from(len).map_err(|_| at_start(too_long(usize::MAX)))?;
        if dst.remaining_mut() < len.saturating_add(LEN_LEN) {
            return Err(at_start(ValueErrorKind::NoRoom));
        }
        dst.put_u32(total);
        for xattr in xattrs {
            // At most what `total` can say.
            let len = xattr.encoded_len().saturating_sub(LEN_LEN);
            dst.put_u32(u32::try_from(len).unwrap_or(u32::MAX));
            for text in [xattr.key, xattr.value] {
                dst.put_slice(text.expose());
                dst.put_u8(0);
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Xattrs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The bytes of a length field.
const LEN_LEN: usize = 4;

fn too_long(limit: usize) -> ValueErrorKind {
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    ValueErrorKind::TooLong { limit }
}

/// What the server wants of a key; `_` leads those of the system, `$` the virtual ones.
fn check_key(key: &[u8]) -> Result<(), ValueErrorKind> {
    let text = str::from_utf8(key).map_err(|_| ValueErrorKind::NotUtf8)?;
    let name = text.split(['.', '[']).next().unwrap_or_default().as_bytes();
    match name {
        [] => Err(ValueErrorKind::Missing),
        [b'_' | b'$'] => Err(ValueErrorKind::IllegalName),
        [first, ..]
            if first.is_ascii_control()
                || first.is_ascii_punctuation() && !matches!(first, b'_' | b'$') =>
        {
            Err(ValueErrorKind::IllegalName)
        }
        _ if name.len() > Xattrs::MAX_KEY_LEN => Err(too_long(Xattrs::MAX_KEY_LEN)),
        _ => Ok(()),
    }
}

#[cfg(feature = "json")]
fn is_json(value: &[u8]) -> bool {
    str::from_utf8(value)
        .is_ok_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok())
}

#[cfg(not(feature = "json"))]
const fn is_json(_: &[u8]) -> bool {
    true
}
