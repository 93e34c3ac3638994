//! What of a vbucket a stream shows.

use alloc::collections::BTreeSet;

use super::super::super::bucket::Bucket;
use super::super::super::change::{Change, ChangeKind};
use crate::value::{CollectionId, Keyspace, ScopeId};
use crate::{Status, SystemEventId};

/// What of a vbucket a stream shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Filter {
    keyspace: Space,
    /// Whether the client knows of collections: sees their events.
    shows_events: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Space {
    Everything,
    Scope(ScopeId),
    Collections(BTreeSet<CollectionId>),
}

impl Filter {
    pub(in super::super) fn new(keyspace: Keyspace) -> Self {
        let keyspace = match keyspace {
            Keyspace::Everything => Space::Everything,
            Keyspace::Scope(scope) => Space::Scope(scope),
            Keyspace::Collections(ids) => Space::Collections(ids.into_iter().collect()),
        };
        Self {
            keyspace,
            shows_events: true,
        }
    }

    /// For a client that knows nothing of collections.
    pub(in super::super) fn default_collection() -> Self {
        Self {
            keyspace: Space::Collections([CollectionId::DEFAULT].into()),
            shows_events: false,
        }
    }

    /// Whether all of it is there.
    pub(in super::super) fn check(&self, bucket: &Bucket) -> Result<(), Status> {
        let is_there = |&id: &CollectionId| bucket.collection(id).is_some();
        match &self.keyspace {
            Space::Collections(ids) if !ids.iter().all(is_there) => Err(Status::UNKNOWN_COLLECTION),
            Space::Scope(scope) if !has_scope(bucket, *scope) => Err(Status::UNKNOWN_SCOPE),
            _ => Ok(()),
        }
    }

    /// Whether nothing of it is left.
    pub(super) fn is_over(&self, bucket: &Bucket) -> bool {
        match &self.keyspace {
            Space::Everything => false,
            Space::Scope(scope) => !has_scope(bucket, *scope),
            Space::Collections(ids) => {
                let mut ids = ids.iter();
                !self.is_of_nothing() && !ids.any(|&id| bucket.collection(id).is_some())
            }
        }
    }

    /// Whether it has never been anything.
    pub(super) fn is_of_nothing(&self) -> bool {
        matches!(&self.keyspace, Space::Collections(ids) if ids.is_empty())
    }

    /// Whether a backfill may come ordered by key: not one of everything.
    pub(super) fn may_be_out_of_order(&self) -> bool {
        self.keyspace != Space::Everything
    }

    /// Whether the consumer is told of seqnos that it does not see.
    pub(super) const fn tells_of_gaps(&self) -> bool {
        self.shows_events
    }

    /// Whether a change belongs to it; durable writes apart.
    pub(super) fn shows(&self, change: &Change, bucket: &Bucket) -> bool {
        if let ChangeKind::Manifest(event) = &change.kind {
            let is_of_scope = matches!(
                event.id,
                SystemEventId::CREATE_SCOPE | SystemEventId::DROP_SCOPE
            );
            return self.shows_events
                && match &self.keyspace {
                    Space::Everything => true,
                    Space::Scope(scope) => event.scope == *scope,
                    Space::Collections(ids) => !is_of_scope && ids.contains(&event.collection),
                };
        }
        match &self.keyspace {
            Space::Everything => true,
            Space::Scope(scope) => bucket
                .collection(change.collection)
                .is_some_and(|(own, _)| own.id == *scope),
            Space::Collections(ids) => ids.contains(&change.collection),
        }
    }
}

fn has_scope(bucket: &Bucket, scope: ScopeId) -> bool {
    let mut scopes = bucket.manifest().scopes.iter();
    scopes.any(|each| each.id == scope)
}
