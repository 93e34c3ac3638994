//! What a bucket takes from another node.

use alloc::string::String;
use alloc::vec::Vec;

use super::super::change::{Change, ManifestEvent};
use super::Bucket;
use crate::SystemEventId;
use crate::dcp::FailoverLog;
use crate::value::{ManifestCollection, ManifestScope};

impl Bucket {
    /// Takes a change from another node. What comes as a disk snapshot is passed on as one: not
    /// all of it would do in memory.
    pub(in super::super) fn accept(&mut self, vbucket: u16, change: Change, is_disk: bool) {
        if let Some(target) = self.vbucket_mut(vbucket) {
            if is_disk {
                target.persisted = change.seqno;
            }
            target.push(change);
        }
    }

    /// Takes note of the snapshot that comes from another node.
    pub(in super::super) fn receive(&mut self, vbucket: u16, start: u64, end: u64) {
        if let Some(target) = self.vbucket_mut(vbucket) {
            target.received = (start, end);
        }
    }

    /// Rolls a replica back, as its producer asks.
    pub(in super::super) fn roll_back(&mut self, vbucket: u16, seqno: u64) {
        if let Some(target) = self.vbucket_mut(vbucket) {
            target.cut(seqno);
        }
    }

    /// Takes over the failover log of the producer.
    pub(in super::super) fn follow(&mut self, vbucket: u16, log: &FailoverLog<'_>) {
        if let Some(target) = self.vbucket_mut(vbucket) {
            target.failover_log = log.iter().collect();
        }
    }

    /// Begins a branch of history, as a replica that becomes active does.
    pub(in super::super) fn take_over(&mut self, vbucket: u16) {
        let uuid = self.seed.uuid();
        if let Some(target) = self.vbucket_mut(vbucket) {
            let seqno = target.high_seqno;
            target.branch(uuid, seqno);
        }
    }

    /// Takes a change of the collections from another node.
    pub(in super::super) fn learn(&mut self, event: &ManifestEvent) {
        let manifest = &mut self.manifest;
        manifest.uid = manifest.uid.max(event.manifest_uid);
        let name = String::from_utf8_lossy(&event.name).into_owned();
        let scope = event.scope;
        let of_scope = manifest.scopes.iter_mut().find(|each| each.id == scope);
        match (event.id, of_scope) {
            (SystemEventId::CREATE_SCOPE, None) => manifest.scopes.push(ManifestScope {
                id: scope,
                name,
                collections: Vec::new(),
            }),
            (SystemEventId::DROP_SCOPE, _) => manifest.scopes.retain(|each| each.id != scope),
            (SystemEventId::CREATE_COLLECTION, Some(of)) => {
                let id = event.collection;
                if of.collections.iter().all(|each| each.id != id) {
                    of.collections.push(ManifestCollection {
                        id,
                        name,
                        max_ttl: event.max_ttl,
                        history: None,
                    });
                }
            }
            (SystemEventId::DELETE_COLLECTION, Some(of)) => {
                of.collections.retain(|each| each.id != event.collection);
            }
            _ => {}
        }
    }
}
