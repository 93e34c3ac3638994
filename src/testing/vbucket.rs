//! A vbucket: its history, and what is on disk of it.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::change::{Change, ChangeKind, Key};
use crate::VbucketState;
use crate::dcp::{FailoverEntry, StreamRequest};
use crate::value::CollectionId;

/// A vbucket of a [`Bucket`](super::Bucket).
///
/// The history keeps every change; a stream sees of each snapshot only the latest change of a key,
/// as a node's does. What was [persisted](super::Bucket::persist) is streamed as a disk snapshot,
/// and the rest from memory.
#[derive(Debug, Clone)]
pub struct Vbucket {
    pub(super) state: VbucketState,
    pub(super) failover_log: Vec<FailoverEntry>,
    pub(super) history: Vec<Entry>,
    pub(super) persisted: u64,
    pub(super) purged: u64,
    /// Of the last change, or where the history was cut or advanced to.
    pub(super) high_seqno: u64,
    high_prepared: u64,
    high_completed: u64,
    /// What a marker announced, of a replica.
    pub(super) received: (u64, u64),
    latest: BTreeMap<Name, usize>,
}

/// A change, and which one made it old.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) change: Change,
    /// The seqno of the next change of the same key; [`u64::MAX`] if this is the latest.
    pub(super) superseded: u64,
    /// The seqno of what ended it, if it is a prepare; [`u64::MAX`] if nothing has.
    pub(super) completed: u64,
}

/// What a change replaces: prepares and documents are kept apart, as the server keeps them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    is_prepare: bool,
    collection: CollectionId,
    key: Key,
}

impl Vbucket {
    /// The number of a node's failover log entries.
    const FAILOVER_LOG_LEN: usize = 25;

    pub(super) fn new(state: VbucketState, vbucket_uuid: u64) -> Self {
        Self {
            state,
            failover_log: [FailoverEntry {
                vbucket_uuid,
                seqno: 0,
            }]
            .into(),
            history: Vec::new(),
            persisted: 0,
            purged: 0,
            high_seqno: 0,
            high_prepared: 0,
            high_completed: 0,
            received: (0, 0),
            latest: BTreeMap::new(),
        }
    }

    /// Whether the node may produce from it, or consume into it.
    pub const fn state(&self) -> VbucketState {
        self.state
    }

    /// The seqno of the last change.
    pub const fn high_seqno(&self) -> u64 {
        self.high_seqno
    }

    /// The seqno of the last change in a collection; 0 if there is none.
    pub fn high_seqno_of(&self, collection: CollectionId) -> u64 {
        let mut changes = self.changes().rev();
        changes
            .find(|change| change.collection == collection)
            .map_or(0, |change| change.seqno)
    }

    /// Up to which seqno the history is on disk.
    pub const fn persisted_seqno(&self) -> u64 {
        self.persisted
    }

    /// Up to which seqno deletions have been forgotten.
    pub const fn purge_seqno(&self) -> u64 {
        self.purged
    }

    /// The bounds of the snapshot that a consumer is in the middle of; between two, its last seqno
    /// twice.
    pub(super) fn received_snapshot(&self) -> (u64, u64) {
        let (start, end) = self.received;
        if (start..end).contains(&self.high_seqno) {
            (start, end)
        } else {
            (self.high_seqno, self.high_seqno)
        }
    }

    /// The seqno of the last prepare.
    pub const fn high_prepared_seqno(&self) -> u64 {
        self.high_prepared
    }

    /// The seqno of the last prepare that has been committed or aborted.
    pub const fn high_completed_seqno(&self) -> u64 {
        self.high_completed
    }

    /// The name of the branch of history that the vbucket is on.
    pub fn uuid(&self) -> u64 {
        self.failover_log
            .first()
            .map_or(0, |entry| entry.vbucket_uuid)
    }

    /// The branches of history, the newest first.
    pub fn failover_log(&self) -> &[FailoverEntry] {
        &self.failover_log
    }

    /// Every change, in order.
    pub fn changes(&self) -> impl DoubleEndedIterator<Item = &Change> {
        self.history.iter().map(|entry| &entry.change)
    }

    /// The latest change of every document that there is or was, by collection and key: what a
    /// consumer that missed nothing holds as well. Prepares are no documents.
    pub fn documents(&self) -> impl Iterator<Item = &Change> {
        self.latest
            .iter()
            .filter(|(name, _)| !name.is_prepare && !name.key.0.is_empty())
            .filter_map(|(_, &at)| self.history.get(at))
            .map(|entry| &entry.change)
    }

    /// The latest change of a document.
    pub fn document(&self, collection: CollectionId, key: &Key) -> Option<&Change> {
        let entry = self.history.get(self.newest(false, collection, key)?)?;
        Some(&entry.change)
    }

    /// The durable write of this key that is neither committed nor aborted.
    pub fn pending(&self, collection: CollectionId, key: &Key) -> Option<&Change> {
        let entry = self.history.get(self.newest(true, collection, key)?)?;
        let is_pending =
            matches!(entry.change.kind, ChangeKind::Prepare { .. }) && entry.completed == u64::MAX;
        is_pending.then_some(&entry.change)
    }

    /// Where in the history the latest change is.
    fn newest(&self, is_prepare: bool, collection: CollectionId, key: &Key) -> Option<usize> {
        let name = Name {
            is_prepare,
            collection,
            key: key.clone(),
        };
        self.latest.get(&name).copied()
    }

    /// Adds a change, whose seqno must be the highest so far.
    pub(super) fn push(&mut self, change: Change) {
        let (seqno, at) = (change.seqno, self.history.len());
        match change.kind {
            ChangeKind::Prepare { .. } => self.high_prepared = seqno,
            ChangeKind::Commit { prepared_seqno, .. } | ChangeKind::Abort { prepared_seqno } => {
                self.high_completed = self.high_completed.max(prepared_seqno);
            }
            _ => {}
        }
        // Events about collections are all kept.
        if !matches!(change.kind, ChangeKind::Manifest(_)) {
            self.complete(&change);
            let name = Name {
                is_prepare: change.kind.needs_sync_writes(),
                collection: change.collection,
                key: change.key.clone(),
            };
            let old = self.latest.insert(name, at);
            if let Some(old) = old.and_then(|at| self.history.get_mut(at)) {
                old.superseded = seqno;
            }
        }
        self.high_seqno = self.high_seqno.max(seqno);
        self.history.push(Entry {
            change,
            superseded: u64::MAX,
            completed: u64::MAX,
        });
    }

    /// Ends the durable write that is under way of the key of a change. On disk a commit looks as
    /// any other change does.
    fn complete(&mut self, change: &Change) {
        if matches!(change.kind, ChangeKind::Prepare { .. }) {
            return;
        }
        let prepare = self.newest(true, change.collection, &change.key);
        let Some(prepare) = prepare.and_then(|at| self.history.get_mut(at)) else {
            return;
        };
        if matches!(prepare.change.kind, ChangeKind::Prepare { .. }) {
            prepare.completed = prepare.completed.min(change.seqno);
            self.high_completed = self.high_completed.max(prepare.change.seqno);
        }
    }

    /// The changes after a seqno, in order.
    pub(super) fn after(&self, seqno: u64) -> &[Entry] {
        let at = self
            .history
            .partition_point(|entry| entry.change.seqno <= seqno);
        self.history.get(at..).unwrap_or_default()
    }

    /// Forgets all after a seqno.
    pub(super) fn cut(&mut self, seqno: u64) {
        let seqno = seqno.min(self.high_seqno);
        let (state, persisted) = (self.state, self.persisted.min(seqno));
        let history = core::mem::take(&mut self.history);
        let purged = self.purged;
        let mut cut = Self::new(state, 0);
        cut.failover_log = core::mem::take(&mut self.failover_log);
        for entry in history {
            if entry.change.seqno <= seqno {
                cut.push(entry.change);
            }
        }
        *self = Self {
            persisted,
            purged,
            high_seqno: seqno,
            ..cut
        };
    }

    /// Begins a branch of history after this seqno.
    pub(super) fn branch(&mut self, vbucket_uuid: u64, seqno: u64) {
        self.failover_log.retain(|entry| entry.seqno <= seqno);
        let entry = FailoverEntry {
            vbucket_uuid,
            seqno,
        };
        self.failover_log.insert(0, entry);
        self.failover_log.truncate(Self::FAILOVER_LOG_LEN);
    }

    /// Where a consumer that asks for this has to roll back to first; `None` if it need not.
    ///
    /// It need not if the history that it has seen is part of this vbucket's: the branch that it
    /// names is in the failover log, and its snapshot ends before the next branch begins.
    pub fn rollback(&self, request: &StreamRequest<'_>, is_strict: bool) -> Option<u64> {
        let &StreamRequest {
            start_seqno: start,
            vbucket_uuid: uuid,
            ..
        } = request;
        let branch = self
            .failover_log
            .iter()
            .position(|entry| entry.vbucket_uuid == uuid);
        if start == 0 {
            return (is_strict && branch.is_none() && uuid != 0).then_some(0);
        }
        let Some(branch) = branch else {
            return Some(0);
        };
        if start < self.purged {
            return Some(0);
        }
        let newer = branch
            .checked_sub(1)
            .and_then(|at| self.failover_log.get(at));
        let upper = newer.map_or(self.high_seqno, |entry| entry.seqno);
        let (snapshot_start, snapshot_end) = snapshot(request);
        (snapshot_end > upper).then(|| upper.min(snapshot_start))
    }
}

/// The snapshot that a consumer is in the middle of; between two, it is in none.
pub(super) const fn snapshot(request: &StreamRequest<'_>) -> (u64, u64) {
    let start = request.start_seqno;
    if start == request.snapshot_end_seqno || start == request.snapshot_start_seqno {
        (start, start)
    } else {
        (request.snapshot_start_seqno, request.snapshot_end_seqno)
    }
}
