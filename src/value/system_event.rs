//! What a system event tells: a change of the collections and scopes of a bucket.

use bytes::BufMut;

use super::flatbuffer::{self, Field, Table};
use super::reader::Reader;
use super::{CollectionId, ScopeId, ValueError, ValueErrorKind, ValueFormat};
use crate::cursor::{be_u32, be_u64};
use crate::{Metadata, SystemEventId, dcp};

/// A change of the manifest, as [`SystemEvent`](dcp::SystemEvent) tells of it.
///
/// | event                                | version | key  | value                            |
/// |--------------------------------------|--------:|------|----------------------------------|
/// | [`CREATE_COLLECTION`]                |       0 | name | manifest uid, scope, collection  |
/// | the same, with a maximal time to live |      1 | name | these, and that                  |
/// | [`DELETE_COLLECTION`]                |       0 |      | manifest uid, scope, collection  |
/// | [`CREATE_SCOPE`]                     |       0 | name | manifest uid, scope              |
/// | [`DROP_SCOPE`]                       |       0 |      | manifest uid, scope              |
/// | any, also [`MODIFY_COLLECTION`]      |       2 | name | a FlatBuffers table              |
///
/// The uid is a u64, all else u32. A producer sends version 2 after the control
/// `flatbuffers_system_events`, and only that. Of the events of one change of the manifest, the
/// last carries its uid and the others the uid before (reference 6.13).
///
/// ```
/// use mcbp::value::{CollectionId, ManifestChange};
/// use mcbp::{SystemEventId, dcp::SystemEvent};
///
/// let event = SystemEvent {
///     by_seqno: 4,
///     id: SystemEventId::CREATE_COLLECTION,
///     version: 0,
///     key: "fruit".into(),
///     value: b"\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x08".into(),
/// };
/// let ManifestChange::CreateCollection(fruit) = event.change()? else {
///     panic!("another event");
/// };
/// assert_eq!(fruit.collection_id, CollectionId(8));
/// # Ok::<(), mcbp::value::ValueError>(())
/// ```
///
/// [`CREATE_COLLECTION`]: SystemEventId::CREATE_COLLECTION
/// [`DELETE_COLLECTION`]: SystemEventId::DELETE_COLLECTION
/// [`CREATE_SCOPE`]: SystemEventId::CREATE_SCOPE
/// [`DROP_SCOPE`]: SystemEventId::DROP_SCOPE
/// [`MODIFY_COLLECTION`]: SystemEventId::MODIFY_COLLECTION
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum ManifestChange<'a> {
    /// A collection begins.
    CreateCollection(Collection<'a>),
    /// A collection ends, and all documents in it.
    DeleteCollection(DroppedCollection),
    /// A scope begins.
    CreateScope(Scope<'a>),
    /// A scope ends.
    DropScope(DroppedScope),
    /// The settings of a collection change; only version 2 can say so.
    ModifyCollection(Collection<'a>),
}

/// A collection as it is now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Collection<'a> {
    /// The version of the manifest.
    pub manifest_uid: u64,
    /// The scope that the collection is in.
    pub scope_id: ScopeId,
    /// The collection.
    pub collection_id: CollectionId,
    /// Its name.
    pub name: Metadata<'a>,
    /// When documents expire at the latest, in seconds after they are written; 0 for never, `None`
    /// to leave it to the bucket.
    pub max_ttl: Option<u32>,
    /// What only version 2 says; `None` in the others.
    pub settings: Option<CollectionSettings>,
}

/// What only version 2 says of a collection; what an older server leaves out is false or 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct CollectionSettings {
    /// Whether the collection keeps its change history; since 7.2.
    pub history: bool,
    /// `defaultCollectionMVS`, of the default collection; since 7.2.4.
    pub default_collection_mvs: u64,
    /// Whether use of the collection is metered; since 7.6.
    pub metered: bool,
    /// The manifest uid at which the collection was last flushed; since 8.0.
    pub flush_uid: u64,
}

/// A collection that is no more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct DroppedCollection {
    /// The version of the manifest.
    pub manifest_uid: u64,
    /// The scope that the collection was in.
    pub scope_id: ScopeId,
    /// The collection.
    pub collection_id: CollectionId,
    /// Whether it was one of the system's; only version 2 says so, since 7.6.
    pub system_collection: Option<bool>,
}

/// A scope as it is now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Scope<'a> {
    /// The version of the manifest.
    pub manifest_uid: u64,
    /// The scope.
    pub scope_id: ScopeId,
    /// Its name.
    pub name: Metadata<'a>,
}

/// A scope that is no more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct DroppedScope {
    /// The version of the manifest.
    pub manifest_uid: u64,
    /// The scope.
    pub scope_id: ScopeId,
    /// Whether it was one of the system's; only version 2 says so, since 7.6.
    pub system_scope: Option<bool>,
}

impl<'a> dcp::SystemEvent<'a> {
    /// What the event tells.
    ///
    /// # Errors
    ///
    /// Those of [`ManifestChange::read`].
    pub fn change(&self) -> Result<ManifestChange<'a>, ValueError> {
        ManifestChange::read(self.id, self.version, self.key, self.value)
    }
}

/// The version that is FlatBuffers.
const FLATBUFFERS: u8 = 2;

impl<'a> ManifestChange<'a> {
    /// Reads the key and the value of an event.
    ///
    /// Of the tables of version 2, fields may be missing at the end or have been added there. The
    /// name is that in the table, or if it has none, the key.
    ///
    /// # Errors
    ///
    /// * [`ValueErrorKind::UnknownEvent`], and [`ValueErrorKind::UnknownVersion`] for a version
    ///   that this event has not.
    /// * [`ValueErrorKind::Truncated`] and [`ValueErrorKind::Trailing`] for a value of another
    ///   length.
    /// * [`ValueErrorKind::OutOfBounds`], [`ValueErrorKind::Overlap`] and
    ///   [`ValueErrorKind::Terminator`] at an offset or string in a table that is no good.
    pub fn read(
        id: SystemEventId,
        version: u8,
        key: Metadata<'a>,
        value: Metadata<'a>,
    ) -> Result<Self, ValueError> {
        if !SystemEventId::NAMED.contains(&id) {
            return Err(error(ValueErrorKind::UnknownEvent(id.0)));
        }
        if version == FLATBUFFERS {
            return Self::read_table(id, key, value);
        }
        let mut value = Reader::new(ValueFormat::SystemEvent, value.0);
        let change = match (id, version) {
            (SystemEventId::CREATE_COLLECTION, 0 | 1) => {
                let (manifest_uid, scope_id) = head(&mut value)?;
                Self::CreateCollection(Collection {
                    manifest_uid,
                    scope_id,
                    collection_id: CollectionId(value.read(be_u32)?),
                    name: key,
                    max_ttl: match version {
                        0 => None,
                        _ => Some(value.read(be_u32)?),
                    },
                    settings: None,
                })
            }
            (SystemEventId::DELETE_COLLECTION, 0) => {
                let (manifest_uid, scope_id) = head(&mut value)?;
                Self::DeleteCollection(DroppedCollection {
                    manifest_uid,
                    scope_id,
                    collection_id: CollectionId(value.read(be_u32)?),
                    system_collection: None,
                })
            }
            (SystemEventId::CREATE_SCOPE, 0) => {
                let (manifest_uid, scope_id) = head(&mut value)?;
                Self::CreateScope(Scope {
                    manifest_uid,
                    scope_id,
                    name: key,
                })
            }
            (SystemEventId::DROP_SCOPE, 0) => {
                let (manifest_uid, scope_id) = head(&mut value)?;
                Self::DropScope(DroppedScope {
                    manifest_uid,
                    scope_id,
                    system_scope: None,
                })
            }
            _ => return Err(error(ValueErrorKind::UnknownVersion(version))),
        };
        value.finish()?;
        Ok(change)
    }

    fn read_table(
        id: SystemEventId,
        key: Metadata<'a>,
        value: Metadata<'a>,
    ) -> Result<Self, ValueError> {
        let table = Table::root(value.0)?;
        let manifest_uid = table.u64(0)?;
        let scope_id = ScopeId(table.u32(1)?);
        let name = |slot| Ok(table.string(slot)?.map_or(key, Metadata));
        let collection = || {
            Ok(Collection {
                manifest_uid,
                scope_id,
                collection_id: CollectionId(table.u32(2)?),
                name: name(5)?,
                max_ttl: match (table.bool(3)?, table.u32(4)?) {
                    (true, max_ttl) => Some(max_ttl),
                    (false, _) => None,
                },
                settings: Some(CollectionSettings {
                    history: table.bool(6)?,
                    default_collection_mvs: table.u64(7)?,
                    metered: table.bool(8)?,
                    flush_uid: table.u64(9)?,
                }),
            })
        };
        Ok(match id {
            SystemEventId::CREATE_COLLECTION => Self::CreateCollection(collection()?),
            SystemEventId::MODIFY_COLLECTION => Self::ModifyCollection(collection()?),
            SystemEventId::DELETE_COLLECTION => Self::DeleteCollection(DroppedCollection {
                manifest_uid,
                scope_id,
                collection_id: CollectionId(table.u32(2)?),
                system_collection: Some(table.bool(3)?),
            }),
            SystemEventId::CREATE_SCOPE => Self::CreateScope(Scope {
                manifest_uid,
                scope_id,
                name: name(2)?,
            }),
            SystemEventId::DROP_SCOPE => Self::DropScope(DroppedScope {
                manifest_uid,
                scope_id,
                system_scope: Some(table.bool(2)?),
            }),
            SystemEventId(id) => return Err(error(ValueErrorKind::UnknownEvent(id))),
        })
    }

    /// What kind of event tells of it.
    pub const fn id(&self) -> SystemEventId {
        match self {
            Self::CreateCollection(_) => SystemEventId::CREATE_COLLECTION,
            Self::DeleteCollection(_) => SystemEventId::DELETE_COLLECTION,
            Self::CreateScope(_) => SystemEventId::CREATE_SCOPE,
            Self::DropScope(_) => SystemEventId::DROP_SCOPE,
            Self::ModifyCollection(_) => SystemEventId::MODIFY_COLLECTION,
        }
    }

    /// The key of the event: the name of what there is now, nothing for what is no more.
    pub const fn key(&self) -> Metadata<'a> {
        match self {
            Self::CreateCollection(collection) | Self::ModifyCollection(collection) => {
                collection.name
            }
            Self::CreateScope(scope) => scope.name,
            Self::DeleteCollection(_) | Self::DropScope(_) => Metadata(&[]),
        }
    }

    /// The version to send where the consumer has not asked for FlatBuffers; `None` if there is
    /// none, and the consumer is not told.
    pub const fn plain_version(&self) -> Option<u8> {
        match self {
            Self::CreateCollection(Collection {
                max_ttl: Some(_), ..
            }) => Some(1),
            Self::ModifyCollection(_) => None,
            _ => Some(0),
        }
    }

    /// Appends the value of the event to `dst`, for the [plain version](Self::plain_version) or
    /// for 2; the former leave out what only the latter can say.
    ///
    /// # Errors
    ///
    /// [`ValueErrorKind::UnknownVersion`] for any other version, [`ValueErrorKind::NoRoom`] if
    /// `dst` cannot take all of it; then nothing was written.
    pub fn encode(&self, version: u8, dst: &mut impl BufMut) -> Result<(), ValueError> {
        if version == FLATBUFFERS {
            return self.encode_table(dst);
        }
        if self.plain_version() != Some(version) {
            return Err(error(ValueErrorKind::UnknownVersion(version)));
        }
        let (manifest_uid, scope_id, collection_id, max_ttl) = match *self {
            Self::CreateCollection(collection) | Self::ModifyCollection(collection) => (
                collection.manifest_uid,
                collection.scope_id,
                Some(collection.collection_id),
                collection.max_ttl,
            ),
            Self::DeleteCollection(dropped) => (
                dropped.manifest_uid,
                dropped.scope_id,
                Some(dropped.collection_id),
                None,
            ),
            Self::CreateScope(scope) => (scope.manifest_uid, scope.scope_id, None, None),
            Self::DropScope(dropped) => (dropped.manifest_uid, dropped.scope_id, None, None),
        };
        let words = [
            Some(scope_id.0),
            collection_id.map(|CollectionId(id)| id),
            max_ttl,
        ];
        let words = words.into_iter().flatten();
        let len = words.clone().count().saturating_mul(4).saturating_add(8);
        if dst.remaining_mut() < len {
            return Err(error(ValueErrorKind::NoRoom));
        }
        dst.put_u64(manifest_uid);
        words.for_each(|word| dst.put_u32(word));
        Ok(())
    }

    fn encode_table(&self, dst: &mut impl BufMut) -> Result<(), ValueError> {
        use Field::{Scalar, String};
        match *self {
            Self::CreateCollection(collection) | Self::ModifyCollection(collection) => {
                let settings = collection.settings.unwrap_or_default();
                let fields = [
                    Scalar(collection.manifest_uid),
                    Scalar(collection.scope_id.0.into()),
                    Scalar(collection.collection_id.0.into()),
                    Scalar(collection.max_ttl.is_some().into()),
                    Scalar(collection.max_ttl.unwrap_or_default().into()),
                    String(collection.name.0),
                    Scalar(settings.history.into()),
                    Scalar(settings.default_collection_mvs),
                    Scalar(settings.metered.into()),
                    Scalar(settings.flush_uid),
                ];
                flatbuffer::encode(&fields, dst)
            }
            Self::DeleteCollection(dropped) => {
                let fields = [
                    Scalar(dropped.manifest_uid),
                    Scalar(dropped.scope_id.0.into()),
                    Scalar(dropped.collection_id.0.into()),
                    Scalar(dropped.system_collection.unwrap_or_default().into()),
                ];
                flatbuffer::encode(&fields, dst)
            }
            Self::CreateScope(scope) => {
                let fields = [
                    Scalar(scope.manifest_uid),
                    Scalar(scope.scope_id.0.into()),
                    String(scope.name.0),
                ];
                flatbuffer::encode(&fields, dst)
            }
            Self::DropScope(dropped) => {
                let fields = [
                    Scalar(dropped.manifest_uid),
                    Scalar(dropped.scope_id.0.into()),
                    Scalar(dropped.system_scope.unwrap_or_default().into()),
                ];
                flatbuffer::encode(&fields, dst)
            }
        }
    }
}

/// What every value starts with; the scope comes before the collection.
fn head(value: &mut Reader<'_>) -> Result<(u64, ScopeId), ValueError> {
    Ok((value.read(be_u64)?, ScopeId(value.read(be_u32)?)))
}

#[cold]
fn error(kind: ValueErrorKind) -> ValueError {
    ValueError::new(ValueFormat::SystemEvent, 0, kind)
}
