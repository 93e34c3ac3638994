//! Document keys: a collection id, then the name that the application gave.

use core::fmt;

use bytes::BufMut;

use super::reader::Reader;
use super::{ValueError, ValueErrorKind, ValueFormat, leb128};
use crate::UserData;

/// The number of a collection; in JSON and here, it is displayed in hex without `0x`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct CollectionId(pub u32);

impl CollectionId {
    /// The collection of documents that were written without one.
    pub const DEFAULT: Self = Self(0);

    /// Whether the number is one of 1 to 7, which never appear in a key: 1 marks system events
    /// inside the storage, the others are kept back (reference 7).
    pub const fn is_reserved(self) -> bool {
        matches!(self.0, 1..=7)
    }

    /// How many bytes [`encode`](Self::encode) appends: 1 to 5.
    #[inline]
    pub fn encoded_len(self) -> usize {
        leb128::encoded_len(self.0)
    }

    /// Appends the prefix that a key has in this collection: the number as unsigned LEB128.
    ///
    /// # Errors
    ///
    /// [`ValueErrorKind::ReservedCollection`], or [`ValueErrorKind::NoRoom`] if `dst` cannot take
    /// all of it; then nothing was written.
    pub fn encode(self, dst: &mut impl BufMut) -> Result<(), ValueError> {
        let error = |kind| Err(ValueError::new(ValueFormat::DocKey, 0, kind));
        if self.is_reserved() {
            return error(ValueErrorKind::ReservedCollection(self));
        }
        if dst.remaining_mut() < self.encoded_len() {
            return error(ValueErrorKind::NoRoom);
        }
        leb128::encode(self.0).for_each(|byte| dst.put_u8(byte));
        Ok(())
    }
}

impl fmt::Display for CollectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerHex::fmt(&self.0, f)
    }
}

impl fmt::Debug for CollectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CollectionId({:#x})", self.0)
    }
}

/// The number of a scope; in JSON and here, it is displayed in hex without `0x`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct ScopeId(pub u32);

impl ScopeId {
    /// The scope of the [default collection](CollectionId::DEFAULT).
    pub const DEFAULT: Self = Self(0);
}

impl fmt::Display for ScopeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerHex::fmt(&self.0, f)
    }
}

impl fmt::Debug for ScopeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScopeId({:#x})", self.0)
    }
}

/// Whether the server granted [`Feature::COLLECTIONS`](crate::Feature::COLLECTIONS) to the
/// connection: nothing in a key tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Collections {
    /// Keys are names, all of the default collection.
    NotNegotiated,
    /// Keys are names behind a collection id.
    ///
    /// The keys of [`CacheTransferRecord`](crate::dcp::CacheTransferRecord)s are so on every
    /// connection, those of [`SystemEvent`](crate::dcp::SystemEvent)s on none.
    Negotiated,
}

/// A document key, taken apart.
///
/// | key      | field        |                                                         |
/// |----------|--------------|---------------------------------------------------------|
/// | 1-5      | `collection` | unsigned LEB128, only if collections were negotiated    |
/// | the rest | `name`       | 1 to 250 bytes, at most 246 outside the default collection |
///
/// ```
/// use mcbp::value::{CollectionId, Collections, DocKey};
///
/// let key = DocKey::new(b"\xd5\x0auser::1001".into(), Collections::Negotiated)?;
/// assert_eq!(key.collection(), CollectionId(0x555));
/// assert_eq!(key.name().expose(), b"user::1001");
/// # Ok::<(), mcbp::value::ValueError>(())
/// ```
///
/// See reference 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DocKey<'a> {
    collection: CollectionId,
    prefix_len: u8,
    raw: UserData<'a>,
}

impl<'a> DocKey<'a> {
    /// The longest name in the default collection, in bytes.
    pub const MAX_NAME_LEN: usize = 250;
    /// The longest name in any other collection, in bytes.
    pub const MAX_COLLECTION_NAME_LEN: usize = 246;

    /// Takes a key apart and checks what the server checks in the keys of mutations, deletions,
    /// expirations and prepares.
    ///
    /// The server cuts bits beyond the 32nd off a collection id; they are refused here.
    ///
    /// # Errors
    ///
    /// Those of [`split`](Self::split), then those of [`check`](Self::check).
    #[inline]
    pub fn new(key: UserData<'a>, collections: Collections) -> Result<Self, ValueError> {
        let key = Self::split(key, collections)?;
        key.check()?;
        Ok(key)
    }

    /// Takes a key apart and checks only what that needs.
    ///
    /// For the keys of commits and aborts: the server does not look at them, so nothing is known of
    /// them.
    ///
    /// # Errors
    ///
    /// With collections, [`ValueErrorKind::NoStopByte`] or [`ValueErrorKind::TooLarge`] if the key
    /// does not start with an id; without, none.
    #[inline]
    pub fn split(key: UserData<'a>, collections: Collections) -> Result<Self, ValueError> {
        let bytes = key.expose();
        let mut reader = Reader::new(ValueFormat::DocKey, bytes);
        let id = match collections {
            Collections::NotNegotiated => CollectionId::DEFAULT.0,
            Collections::Negotiated => leb128::read(&mut reader)?,
        };
        let prefix_len = bytes.len().saturating_sub(reader.rest().len());
        Ok(Self {
            collection: CollectionId(id),
            // Five at most.
            prefix_len: u8::try_from(prefix_len).unwrap_or(u8::MAX),
            raw: key,
        })
    }

    /// Checks what the server checks (reference 7 and its validators).
    ///
    /// # Errors
    ///
    /// [`ValueErrorKind::NotCanonical`] for an id in a longer form than it needs,
    /// [`ValueErrorKind::Missing`] for a key without a name,
    /// [`ValueErrorKind::ReservedCollection`] for an id of 1 to 7, and
    /// [`ValueErrorKind::TooLong`] for a name above its limit.
    #[inline]
    pub fn check(self) -> Result<(), ValueError> {
        let at = |offset, kind| ValueError::new(ValueFormat::DocKey, offset, kind);
        let name_at = usize::from(self.prefix_len);
        let limit = match self.collection {
            CollectionId::DEFAULT => Self::MAX_NAME_LEN,
            _ => Self::MAX_COLLECTION_NAME_LEN,
        };
        if name_at > self.collection.encoded_len() {
            Err(at(0, ValueErrorKind::NotCanonical))
        } else if self.name().is_empty() {
            Err(at(name_at, ValueErrorKind::Missing))
        } else if self.collection.is_reserved() {
            Err(at(0, ValueErrorKind::ReservedCollection(self.collection)))
        } else if self.name().len() > limit {
            Err(too_long(name_at, limit))
        } else {
            Ok(())
        }
    }

    /// The collection that the document is in; the default one for a bare key.
    pub const fn collection(self) -> CollectionId {
        self.collection
    }

    /// The key without its collection id: what the application called the document.
    #[inline]
    pub fn name(self) -> UserData<'a> {
        let name = self.raw.expose().get(usize::from(self.prefix_len)..);
        UserData::new(name.unwrap_or_default())
    }

    /// The key as it stands on the wire.
    pub const fn raw(self) -> UserData<'a> {
        self.raw
    }

    /// Appends a key to `dst`: the collection id, if collections were negotiated, and the name.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check); [`ValueErrorKind::IllegalValue`] for another collection than the
    /// default one where none can be said; [`ValueErrorKind::NoRoom`] if `dst` cannot take all of
    /// it. Then nothing was written.
    pub fn encode(
        collections: Collections,
        collection: CollectionId,
        name: UserData<'_>,
        dst: &mut impl BufMut,
    ) -> Result<(), ValueError> {
        let error = |offset, kind| Err(ValueError::new(ValueFormat::DocKey, offset, kind));
        let (prefix_len, limit) = match (collections, collection) {
            (Collections::NotNegotiated, CollectionId::DEFAULT) => (0, Self::MAX_NAME_LEN),
            (Collections::NotNegotiated, _) => return error(0, ValueErrorKind::IllegalValue),
            (Collections::Negotiated, CollectionId::DEFAULT) => (1, Self::MAX_NAME_LEN),
            (Collections::Negotiated, id) => (id.encoded_len(), Self::MAX_COLLECTION_NAME_LEN),
        };
        if name.is_empty() {
            return error(prefix_len, ValueErrorKind::Missing);
        }
        if name.len() > limit {
            return Err(too_long(prefix_len, limit));
        }
        if dst.remaining_mut() < prefix_len.saturating_add(name.len()) {
            return error(0, ValueErrorKind::NoRoom);
        }
        if prefix_len > 0 {
            collection.encode(dst)?;
        }
        dst.put_slice(name.expose());
        Ok(())
    }
}

#[cold]
fn too_long(offset: usize, limit: usize) -> ValueError {
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    ValueError::new(
        ValueFormat::DocKey,
        offset,
        ValueErrorKind::TooLong { limit },
    )
}
