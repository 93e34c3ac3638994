//! The snapshots of a stream, and the changes in them.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::super::super::bucket::Bucket;
use super::super::super::change::ChangeKind;
use super::super::super::vbucket::{Entry, Vbucket};
use super::{Output, Stream, Takeover};
use crate::dcp::{
    OsoSnapshot, SeqnoAdvanced, SnapshotMarker, SnapshotMarkerV2, SnapshotMarkerV2Minor,
};
use crate::{OpenFlags, OsoFlags, Packet, SnapshotFlags};

/// The snapshot that a stream is in.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// The last seqno that is looked at: where the next snapshot starts.
    to: u64,
    /// The last seqno that the marker announces.
    end: u64,
    is_disk: bool,
    /// The changes still to be sent, where they come by key.
    by_key: Option<VecDeque<u64>>,
}

impl Stream {
    /// The marker of the next snapshot; `None` if the consumer is not told of it, which is then
    /// passed over.
    pub(super) fn next_snapshot(
        &mut self,
        bucket: &Bucket,
        output: &mut Output<'_>,
    ) -> Option<Packet> {
        let own = bucket.vbucket(self.vbucket)?;
        let is_disk = self.last < own.persisted_seqno();
        let high = if is_disk {
            own.persisted_seqno()
        } else {
            whole_checkpoint(own, self.last)
        };
        let to = high.min(self.end);
        let is_first = self.start.is_some();
        let start = self.start.take().unwrap_or(self.last.saturating_add(1));
        if let Some(packet) = self.out_of_order(bucket, own, output, is_first && is_disk, to) {
            return Some(packet);
        }
        let mut shown = own.after(self.last).iter().rev();
        let shown = shown.find(|entry| {
            entry.change.seqno <= to && self.is_shown(entry, to, is_disk, own, bucket, output)
        });
        let shown = shown.map(|entry| entry.change.seqno);
        let end = match (shown, self.filter.tells_of_gaps()) {
            (_, true) if is_disk => to,
            (Some(seqno), _) => seqno,
            (None, true) => to,
            (None, false) => {
                self.last = to;
                self.start = is_first.then_some(start);
                return None;
            }
        };
        self.snapshot = Some(Snapshot {
            to,
            end,
            is_disk,
            by_key: None,
        });
        let mut flags = match is_disk {
            true => SnapshotFlags::DISK | SnapshotFlags::CHECKPOINT,
            false => SnapshotFlags::MEMORY | SnapshotFlags::CHECKPOINT,
        };
        if self.takeover != Takeover::No {
            flags |= SnapshotFlags::ACKNOWLEDGE;
        }
        let marker = SnapshotMarker {
            start_seqno: start,
            end_seqno: end,
            flags,
            v2: marker_v2(own, end, is_disk, output),
        };
        self.packet(output, 0, marker)
    }

    /// The next change of the snapshot, or what there is to say instead at its end.
    pub(super) fn next_item(&mut self, bucket: &Bucket, output: &mut Output<'_>) -> Option<Packet> {
        let own = bucket.vbucket(self.vbucket)?;
        let snapshot = self.snapshot.as_mut()?;
        if let Some(by_key) = &mut snapshot.by_key {
            let to = snapshot.to;
            if let Some(seqno) = by_key.pop_front() {
                let entry = own.after(seqno.saturating_sub(1)).first()?;
                return self.change(output, &entry.change, true);
            }
            return self.out_of_order_end(output, to);
        }
        let (to, end, is_disk) = (snapshot.to, snapshot.end, snapshot.is_disk);
        let next = own.after(self.last).iter().find(|entry| {
            entry.change.seqno <= end && self.is_shown(entry, to, is_disk, own, bucket, output)
        });
        let seqno = next.map_or(end, |entry| entry.change.seqno);
        self.last = seqno;
        if seqno == end {
            self.last = to;
            self.snapshot = None;
        }
        match next {
            Some(entry) => self.change(output, &entry.change, is_disk),
            None if self.filter.tells_of_gaps() => {
                self.packet(output, 0, SeqnoAdvanced { by_seqno: end })
            }
            None => None,
        }
    }

    /// Whether the consumer sees a change in the snapshot that ends at `to`.
    fn is_shown(
        &self,
        entry: &Entry,
        to: u64,
        is_disk: bool,
        own: &Vbucket,
        bucket: &Bucket,
        output: &Output<'_>,
    ) -> bool {
        let change = &entry.change;
        let is_hidden = match &change.kind {
            // What is done already is not on disk any more.
            ChangeKind::Prepare { .. } => {
                !output.settings.sync_writes || is_disk && entry.completed <= to
            }
            ChangeKind::Abort { .. } => !output.settings.sync_writes,
            ChangeKind::Deletion(_) | ChangeKind::Expiration(_) => {
                let skips = OpenFlags::SKIP_DELETES_IN_INITIAL_BACKFILL;
                let is_purged = change.seqno <= own.purge_seqno();
                is_disk && (is_purged || output.flags.contains(skips))
            }
            ChangeKind::Manifest(event) => {
                let plain = event.change().and_then(|change| change.plain_version());
                plain.is_none() && !output.settings.flatbuffers_events
            }
            _ => false,
        };
        entry.superseded > to && !is_hidden && self.filter.shows(change, bucket)
    }

    /// The start of a snapshot ordered by key, if there is to be one.
    fn out_of_order(
        &mut self,
        bucket: &Bucket,
        own: &Vbucket,
        output: &mut Output<'_>,
        is_initial: bool,
        to: u64,
    ) -> Option<Packet> {
        output.settings.oso?;
        if !is_initial || self.last > 0 || !self.filter.may_be_out_of_order() {
            return None;
        }
        let mut shown: Vec<_> = own
            .after(0)
            .iter()
            .filter(|entry| entry.change.seqno <= to)
            .filter(|entry| self.is_shown(entry, to, true, own, bucket, output))
            .map(|entry| &entry.change)
            .collect();
        shown.sort_by_key(|change| (change.collection, &change.key, change.seqno));
        let by_key = shown.iter().map(|change| change.seqno).collect();
        self.snapshot = Some(Snapshot {
            to,
            end: to,
            is_disk: true,
            by_key: Some(by_key),
        });
        let flags = OsoFlags::START;
        self.packet(output, 0, OsoSnapshot { flags })
    }

    fn out_of_order_end(&mut self, output: &mut Output<'_>, to: u64) -> Option<Packet> {
        let tells = output.settings.oso == Some(true) && self.filter.tells_of_gaps();
        if tells && self.last < to {
            self.last = to;
            return self.packet(output, 0, SeqnoAdvanced { by_seqno: to });
        }
        self.last = to;
        self.snapshot = None;
        let flags = OsoFlags::END;
        self.packet(output, 0, OsoSnapshot { flags })
    }
}

/// The end of a snapshot from memory: no part of a durable write shares one with what replaces it,
/// or with what it replaces, so that none is left out.
fn whole_checkpoint(own: &Vbucket, last: u64) -> u64 {
    let mut end = own.high_seqno();
    for entry in own.after(last) {
        if entry.change.seqno > end {
            break;
        }
        let before = entry.superseded.saturating_sub(1);
        let next = own.after(before).first();
        let is_durable = |entry: &Entry| entry.change.kind.is_durable();
        if next.is_some_and(|next| is_durable(entry) || is_durable(next)) {
            end = end.min(before);
        }
    }
    end
}

/// What a marker says beyond version 1 (reference 6.7).
fn marker_v2(
    own: &Vbucket,
    end: u64,
    is_disk: bool,
    output: &Output<'_>,
) -> Option<SnapshotMarkerV2> {
    let is_sync = output.is_sync_replication();
    let is_v2_2 = output.settings.marker_v2_2 && is_disk;
    if !is_sync && !is_v2_2 {
        return None;
    }
    let if_sync = |seqno: u64| if is_sync { seqno } else { 0 };
    let on_disk = |seqno: Option<u64>| seqno.filter(|_| is_disk).map_or(0, if_sync);
    let changes = || own.changes().rev().filter(|change| change.seqno <= end);
    let visible = changes().find(|change| !change.kind.needs_sync_writes());
    let completed = changes().find_map(|change| match change.kind {
        ChangeKind::Commit { prepared_seqno, .. } | ChangeKind::Abort { prepared_seqno } => {
            Some(prepared_seqno)
        }
        _ => None,
    });
    let prepared = changes().find(|change| matches!(change.kind, ChangeKind::Prepare { .. }));
    Some(SnapshotMarkerV2 {
        max_visible_seqno: if_sync(visible.map_or(0, |change| change.seqno)),
        high_completed_seqno: on_disk(completed),
        minor: match is_v2_2 {
            true => SnapshotMarkerV2Minor::V2_2 {
                purge_seqno: own.purge_seqno(),
                high_prepared_seqno: on_disk(prepared.map(|change| change.seqno)),
            },
            false => SnapshotMarkerV2Minor::V2_0,
        },
    })
}
