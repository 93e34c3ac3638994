//! A bucket in memory: what it holds, and how it changes.

mod replica;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::change::{Change, ChangeKind, Document, Key, ManifestEvent, Tombstone};
use super::seed::Seed;
use super::vbucket::Vbucket;
use crate::value::{CollectionId, Manifest, ManifestCollection, ManifestScope, ScopeId};
use crate::{Datatype, DurabilityLevel, SystemEventId, VbucketState};

/// A bucket in memory.
///
/// It can be changed at any time, also while it is streamed: connections notice.
///
/// ```
/// use mcbp::testing::{Bucket, Document};
/// use mcbp::value::CollectionId;
///
/// let mut bucket = Bucket::new("travel", 0..4, 1);
/// let document = Document { value: "{}".into(), ..Document::default() };
/// assert_eq!(bucket.set(2, CollectionId::DEFAULT, "key", document), Some(1));
/// assert_eq!(bucket.delete(2, CollectionId::DEFAULT, "key"), Some(2));
/// assert_eq!(bucket.vbucket(2).map(|vbucket| vbucket.high_seqno()), Some(2));
/// ```
#[derive(Debug, Clone)]
pub struct Bucket {
    name: String,
    vbuckets: BTreeMap<u16, Vbucket>,
    manifest: Manifest,
    next_collection: u32,
    next_scope: u32,
    pub(super) seed: Seed,
    revision: u64,
    now: u32,
}

impl Bucket {
    /// The time of the first change, in seconds since 1970, and its CAS: data do not depend on the
    /// day they are made.
    const EPOCH: u32 = 1_700_000_000;

    /// An empty bucket with these vbuckets, all of them active. The seed decides on uuids.
    pub fn new(name: &str, vbuckets: impl IntoIterator<Item = u16>, seed: u64) -> Self {
        let mut seed = Seed::new(seed);
        let vbuckets = vbuckets
            .into_iter()
            .map(|vbucket| (vbucket, Vbucket::new(VbucketState::ACTIVE, seed.uuid())))
            .collect();
        let default = ManifestScope {
            id: ScopeId::DEFAULT,
            name: "_default".into(),
            collections: Vec::from([ManifestCollection {
                id: CollectionId::DEFAULT,
                name: "_default".into(),
                ..ManifestCollection::default()
            }]),
        };
        Self {
            name: name.into(),
            vbuckets,
            manifest: Manifest {
                uid: 0,
                scopes: Vec::from([default]),
            },
            next_collection: 8,
            next_scope: 8,
            seed,
            revision: 0,
            now: Self::EPOCH,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its scopes and collections.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its vbuckets, by number.
    pub fn vbuckets(&self) -> impl ExactSizeIterator<Item = (u16, &Vbucket)> {
        self.vbuckets
            .iter()
            .map(|(&number, vbucket)| (number, vbucket))
    }

    /// A vbucket.
    pub fn vbucket(&self, vbucket: u16) -> Option<&Vbucket> {
        self.vbuckets.get(&vbucket)
    }

    /// Grows with every change of anything.
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn vbucket_mut(&mut self, vbucket: u16) -> Option<&mut Vbucket> {
        self.revision = self.revision.wrapping_add(1);
        self.vbuckets.get_mut(&vbucket)
    }

    /// Writes a document, and gives the seqno; `None` if there is no such vbucket.
    pub fn set(
        &mut self,
        vbucket: u16,
        collection: CollectionId,
        key: impl Into<Key>,
        document: Document,
    ) -> Option<u64> {
        self.change(vbucket, collection, key, ChangeKind::Mutation(document))
    }

    /// Deletes a document, be it there or not.
    pub fn delete(
        &mut self,
        vbucket: u16,
        collection: CollectionId,
        key: impl Into<Key>,
    ) -> Option<u64> {
        let tombstone = self.tombstone();
        self.change(vbucket, collection, key, ChangeKind::Deletion(tombstone))
    }

    /// Lets a document expire, be it there or not.
    pub fn expire(
        &mut self,
        vbucket: u16,
        collection: CollectionId,
        key: impl Into<Key>,
    ) -> Option<u64> {
        let tombstone = self.tombstone();
        self.change(vbucket, collection, key, ChangeKind::Expiration(tombstone))
    }

    const fn tombstone(&self) -> Tombstone {
        Tombstone {
            time: self.now,
            datatype: Datatype::RAW,
            value: Bytes::new(),
        }
    }

    /// Begins a durable write, and gives the seqno to commit or to abort.
    pub fn prepare(
        &mut self,
        vbucket: u16,
        collection: CollectionId,
        key: impl Into<Key>,
        document: Document,
    ) -> Option<u64> {
        let kind = ChangeKind::Prepare {
            document,
            deleted: false,
            level: DurabilityLevel::MAJORITY,
        };
        self.change(vbucket, collection, key, kind)
    }

    /// Commits the durable write of a key; `None` if there is none under way.
    pub fn commit(
        &mut self,
        vbucket: u16,
        collection: CollectionId,
        key: impl Into<Key>,
    ) -> Option<u64> {
        let key = key.into();
        let prepare = self.vbucket(vbucket)?.pending(collection, &key)?;
        let prepared_seqno = prepare.seqno;
        let document = match &prepare.kind {
            ChangeKind::Prepare {
                document,
                deleted: false,
                ..
            } => Some(document.clone()),
            _ => None,
        };
        let kind = ChangeKind::Commit {
            prepared_seqno,
            document,
        };
        self.change(vbucket, collection, key, kind)
    }

    /// Aborts the durable write of a key; `None` if there is none under way.
    pub fn abort(
        &mut self,
        vbucket: u16,
        collection: CollectionId,
        key: impl Into<Key>,
    ) -> Option<u64> {
        let key = key.into();
        let prepared_seqno = self.vbucket(vbucket)?.pending(collection, &key)?.seqno;
        let kind = ChangeKind::Abort { prepared_seqno };
        self.change(vbucket, collection, key, kind)
    }

    /// Adds a change of a key, whatever it is, and gives the seqno.
    pub fn change(
        &mut self,
        vbucket: u16,
        collection: CollectionId,
        key: impl Into<Key>,
        kind: ChangeKind,
    ) -> Option<u64> {
        let key = key.into();
        let now = self.now;
        let target = self.vbucket_mut(vbucket)?;
        let seqno = target.high_seqno.saturating_add(1);
        let old = target.document(collection, &key);
        let rev_seqno = old.map_or(1, |old| old.rev_seqno.saturating_add(1));
        // As a hybrid clock: the time in nanoseconds, and no two alike.
        let has_cas = !matches!(kind, ChangeKind::Abort { .. } | ChangeKind::Manifest(_));
        let clock = u64::from(now).saturating_mul(1_000_000_000);
        target.push(Change {
            seqno,
            rev_seqno,
            cas: if has_cas {
                clock.saturating_add(seqno)
            } else {
                0
            },
            collection,
            key,
            kind,
        });
        Some(seqno)
    }

    /// Adds a scope.
    pub fn create_scope(&mut self, name: &str) -> ScopeId {
        let id = ScopeId(self.next_scope);
        self.next_scope = self.next_scope.saturating_add(1);
        self.manifest.scopes.push(ManifestScope {
            id,
            name: name.into(),
            collections: Vec::new(),
        });
        self.tell(SystemEventId::CREATE_SCOPE, id, None, name, None);
        id
    }

    /// Adds a collection to a scope; `None` if there is no such scope.
    pub fn create_collection(
        &mut self,
        scope: ScopeId,
        name: &str,
        max_ttl: Option<u32>,
    ) -> Option<CollectionId> {
        let id = CollectionId(self.next_collection);
        let scopes = &mut self.manifest.scopes;
        let target = scopes.iter_mut().find(|each| each.id == scope)?;
        target.collections.push(ManifestCollection {
            id,
            name: name.into(),
            max_ttl,
            history: None,
        });
        self.next_collection = self.next_collection.saturating_add(1);
        self.tell(
            SystemEventId::CREATE_COLLECTION,
            scope,
            Some(id),
            name,
            max_ttl,
        );
        Some(id)
    }

    /// Drops a collection and all documents in it; `None` if there is no such collection.
    pub fn drop_collection(&mut self, collection: CollectionId) -> Option<()> {
        let (scope, _) = self.collection(collection)?;
        let scope = scope.id;
        for each in &mut self.manifest.scopes {
            each.collections.retain(|each| each.id != collection);
        }
        self.tell(
            SystemEventId::DELETE_COLLECTION,
            scope,
            Some(collection),
            "",
            None,
        );
        Some(())
    }

    /// Drops a scope and all collections in it; `None` if there is no such scope.
    pub fn drop_scope(&mut self, scope: ScopeId) -> Option<()> {
        let target = self.manifest.scopes.iter().find(|each| each.id == scope)?;
        let collections: Vec<_> = target.collections.iter().map(|each| each.id).collect();
        for collection in collections {
            self.drop_collection(collection)?;
        }
        self.manifest.scopes.retain(|each| each.id != scope);
        self.tell(SystemEventId::DROP_SCOPE, scope, None, "", None);
        Some(())
    }

    /// A collection and its scope.
    pub fn collection(&self, id: CollectionId) -> Option<(&ManifestScope, &ManifestCollection)> {
        self.manifest.scopes.iter().find_map(|scope| {
            let collection = scope.collections.iter().find(|each| each.id == id)?;
            Some((scope, collection))
        })
    }

    /// Tells all active vbuckets of a change of the collections.
    fn tell(
        &mut self,
        id: SystemEventId,
        scope: ScopeId,
        collection: Option<CollectionId>,
        name: &str,
        max_ttl: Option<u32>,
    ) {
        self.manifest.uid = self.manifest.uid.saturating_add(1);
        let event = ManifestEvent {
            id,
            manifest_uid: self.manifest.uid,
            scope,
            collection: collection.unwrap_or_default(),
            name: Bytes::copy_from_slice(name.as_bytes()),
            max_ttl,
        };
        let active = self.vbuckets.iter();
        let active: Vec<u16> = active
            .filter(|(_, vbucket)| vbucket.state == VbucketState::ACTIVE)
            .map(|(&number, _)| number)
            .collect();
        for vbucket in active {
            let kind = ChangeKind::Manifest(event.clone());
            self.change(vbucket, event.collection, Bytes::new(), kind);
        }
    }

    /// Lets the clock of the bucket go on: it decides on delete times and CAS.
    pub const fn pass(&mut self, seconds: u32) {
        self.now = self.now.saturating_add(seconds);
    }

    /// Moves all changes from memory to disk: streams that begin now get them as a disk snapshot.
    pub fn persist(&mut self) {
        for vbucket in self.vbuckets.values_mut() {
            vbucket.persisted = vbucket.high_seqno;
        }
        self.revision = self.revision.wrapping_add(1);
    }

    /// Moves this percentage of a vbucket's history to disk.
    pub(super) fn persist_to(&mut self, vbucket: u16, percent: u8) {
        if let Some(target) = self.vbucket_mut(vbucket) {
            let share = target.high_seqno.saturating_mul(percent.into());
            target.persisted = (share / 100).min(target.high_seqno);
        }
    }

    /// Sets the state of a vbucket, which is made if there is none. Its streams end, if it was
    /// active and is not any more.
    pub fn set_state(&mut self, vbucket: u16, state: VbucketState) {
        let uuid = self.seed.uuid();
        self.vbuckets
            .entry(vbucket)
            .or_insert_with(|| Vbucket::new(state, uuid))
            .state = state;
        self.revision = self.revision.wrapping_add(1);
    }

    /// Fails a vbucket over to a replica that had changes up to `seqno` only: the later ones are
    /// lost, and a new branch of history begins. Streams of the vbucket end, and consumers that
    /// have seen more have to roll back.
    pub fn fail_over(&mut self, vbucket: u16, seqno: u64) -> Option<()> {
        let uuid = self.seed.uuid();
        let target = self.vbucket_mut(vbucket)?;
        target.cut(seqno);
        target.branch(uuid, target.high_seqno);
        Some(())
    }

    /// Forgets deletions up to a seqno: consumers that have not seen them have to start anew.
    pub fn purge(&mut self, vbucket: u16, seqno: u64) -> Option<()> {
        let target = self.vbucket_mut(vbucket)?;
        target.purged = seqno.min(target.high_seqno);
        Some(())
    }
}
