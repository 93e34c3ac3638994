//! What happens to a vbucket, one seqno each.

use bytes::Bytes;

use crate::value::{
    Collection, CollectionId, CollectionSettings, DroppedCollection, DroppedScope, ManifestChange,
    Scope, ScopeId,
};
use crate::{Datatype, DurabilityLevel, SystemEventId, UserData};

/// An entry of a vbucket's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where it stands in the history.
    pub seqno: u64,
    /// How often the document has changed.
    pub rev_seqno: u64,
    /// The version of the document; 0 for what is none.
    pub cas: u64,
    /// The collection that the key is in.
    pub collection: CollectionId,
    /// The key, without the id of its collection; empty for what has none.
    pub key: Key,
    /// What happened.
    pub kind: ChangeKind,
}

/// The name of a document: user data, which does not print itself.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub Bytes);

impl core::fmt::Debug for Key {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Debug::fmt(&UserData::new(&self.0), f)
    }
}

impl<T: Into<Bytes>> From<T> for Key {
    fn from(name: T) -> Self {
        Self(name.into())
    }
}

/// What happened to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was written.
    Mutation(Document),
    /// It was deleted.
    Deletion(Tombstone),
    /// It has expired.
    Expiration(Tombstone),
    /// A durable write has begun.
    Prepare {
        /// What is to be written; without a value if the document is to be deleted.
        document: Document,
        /// Whether the document is to be deleted.
        deleted: bool,
        /// How durable it has to be.
        level: DurabilityLevel,
    },
    /// A durable write is done.
    Commit {
        /// That of the prepare.
        prepared_seqno: u64,
        /// What was written; `None` if the document was deleted.
        document: Option<Document>,
    },
    /// A durable write came to nothing.
    Abort {
        /// That of the prepare.
        prepared_seqno: u64,
    },
    /// Not a key, but the collections have changed.
    Manifest(ManifestEvent),
}

impl ChangeKind {
    /// Whether only a stream with sync writes shows it.
    pub(super) const fn needs_sync_writes(&self) -> bool {
        matches!(self, Self::Prepare { .. } | Self::Abort { .. })
    }

    /// Whether it is part of a durable write: no stream from memory leaves it out.
    pub(super) const fn is_durable(&self) -> bool {
        self.needs_sync_writes() || matches!(self, Self::Commit { .. })
    }
}

/// A document, as it is stored.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Document {
    /// Whether the value is JSON, and whether it begins with extended attributes. Never `SNAPPY`:
    /// what is compressed is compressed when it is sent.
    pub datatype: Datatype,
    /// The application's own flags.
    pub flags: u32,
    /// When it expires, in seconds since 1970; 0 for never.
    pub expiration: u32,
    /// The value.
    pub value: Bytes,
}

impl core::fmt::Debug for Document {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Document")
            .field("datatype", &self.datatype)
            .field("flags", &self.flags)
            .field("expiration", &self.expiration)
            .field("value", &UserData::new(&self.value))
            .finish()
    }
}

/// What is left of a document that is no more.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tombstone {
    /// When it went, in seconds since 1970.
    pub time: u32,
    /// `XATTR` if extended attributes are left.
    pub datatype: Datatype,
    /// Those attributes.
    pub value: Bytes,
}

impl core::fmt::Debug for Tombstone {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Tombstone")
            .field("time", &self.time)
            .field("datatype", &self.datatype)
            .field("value", &UserData::new(&self.value))
            .finish()
    }
}

/// A change of the collections, as every vbucket's history tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestEvent {
    /// What kind of change it is.
    pub id: SystemEventId,
    /// The uid of the manifest that it made.
    pub manifest_uid: u64,
    /// The scope.
    pub scope: ScopeId,
    /// The collection; that of no meaning if it is about a scope.
    pub collection: CollectionId,
    /// The name of what there is now.
    pub name: Bytes,
    /// How long documents of the collection live at most, in seconds.
    pub max_ttl: Option<u32>,
}

impl ManifestEvent {
    /// The change as a system event tells it; `None` if there is no such event.
    pub fn change(&self) -> Option<ManifestChange<'_>> {
        let collection = Collection {
            manifest_uid: self.manifest_uid,
            scope_id: self.scope,
            collection_id: self.collection,
            name: (&*self.name).into(),
            max_ttl: self.max_ttl,
            settings: Some(CollectionSettings::default()),
        };
        Some(match self.id {
            SystemEventId::CREATE_COLLECTION => ManifestChange::CreateCollection(collection),
            SystemEventId::MODIFY_COLLECTION => ManifestChange::ModifyCollection(collection),
            SystemEventId::DELETE_COLLECTION => {
                ManifestChange::DeleteCollection(DroppedCollection {
                    manifest_uid: self.manifest_uid,
                    scope_id: self.scope,
                    collection_id: self.collection,
                    system_collection: Some(false),
                })
            }
            SystemEventId::CREATE_SCOPE => ManifestChange::CreateScope(Scope {
                manifest_uid: self.manifest_uid,
                scope_id: self.scope,
                name: (&*self.name).into(),
            }),
            SystemEventId::DROP_SCOPE => ManifestChange::DropScope(DroppedScope {
                manifest_uid: self.manifest_uid,
                scope_id: self.scope,
                system_scope: Some(false),
            }),
            _ => return None,
        })
    }

    /// The change that a system event tells of.
    pub fn of(change: &ManifestChange<'_>) -> Self {
        let event = |manifest_uid, scope, collection, max_ttl| Self {
            id: change.id(),
            manifest_uid,
            scope,
            collection,
            name: Bytes::copy_from_slice(change.key().0),
            max_ttl,
        };
        match *change {
            ManifestChange::CreateCollection(collection)
            | ManifestChange::ModifyCollection(collection) => event(
                collection.manifest_uid,
                collection.scope_id,
                collection.collection_id,
                collection.max_ttl,
            ),
            ManifestChange::DeleteCollection(dropped) => event(
                dropped.manifest_uid,
                dropped.scope_id,
                dropped.collection_id,
                None,
            ),
            ManifestChange::CreateScope(scope) => event(
                scope.manifest_uid,
                scope.scope_id,
                CollectionId::DEFAULT,
                None,
            ),
            ManifestChange::DropScope(dropped) => event(
                dropped.manifest_uid,
                dropped.scope_id,
                CollectionId::DEFAULT,
                None,
            ),
        }
    }
}
