//! The messages of a stream, as a node takes them.

use core::time::Duration;

use bytes::Bytes;

use super::super::super::change::{Change, ChangeKind, Document, Key, ManifestEvent, Tombstone};
use super::super::super::node::{Node, Release};
use super::super::Closing;
use super::super::link::Link;
use super::{Consumer, Replica, ReplicaSnapshot};
use crate::dcp::{
    DcpRequest, Deletion, DeletionVersion, SeqnoAcknowledged, SetVbucketStateReply, SnapshotMarker,
    SnapshotMarkerReply, SnapshotMarkerV2Minor,
};
use crate::value::{CollectionId, Collections, DocKey};
use crate::{
    Datatype, Header, Request, Response, SnapshotFlags, Status, StreamFlags, UserData, VbucketState,
};

/// What a message comes to.
type Taken = Result<(), Status>;

impl Consumer {
    /// Takes a message of a stream: silently, if all is well.
    pub(super) fn on_message(
        &mut self,
        link: &mut Link,
        node: &mut Node,
        header: &Header,
        message: &DcpRequest<'_>,
        now: Duration,
    ) -> Result<(), Closing> {
        let vbucket = header.vbucket_or_status();
        let is_end = matches!(message, DcpRequest::StreamEnd(_));
        let status = match self.streams.remove(&vbucket) {
            None if is_end && self.closed.contains(&vbucket) => return Ok(()),
            None => self.not_found(),
            Some(stream) if stream.opaque() != header.opaque() => {
                self.streams.insert(vbucket, stream);
                if is_end {
                    return Ok(());
                }
                self.no_match()
            }
            Some(_) if is_end => return Ok(()),
            Some(mut stream) => {
                let taken = self.take(link, node, header, &mut stream, message, now);
                self.streams.insert(vbucket, stream);
                match taken? {
                    Ok(()) => return Ok(()),
                    Err(status) => status,
                }
            }
        };
        link.refuse(
            &mut node.faults,
            now,
            header,
            status,
            "Refused by the consumer",
        );
        Ok(())
    }

    fn take(
        &mut self,
        link: &mut Link,
        node: &mut Node,
        header: &Header,
        stream: &mut Replica,
        message: &DcpRequest<'_>,
        now: Duration,
    ) -> Result<Taken, Closing> {
        let vbucket = header.vbucket_or_status();
        match message {
            DcpRequest::SnapshotMarker(Request { message, .. }) => {
                self.on_marker(node, vbucket, stream, message)
            }
            DcpRequest::SetVbucketState(Request { message, .. }) => {
                node.bucket.set_state(vbucket, message.state);
                if message.state == VbucketState::ACTIVE {
                    node.bucket.take_over(vbucket);
                }
                let reply = SetVbucketStateReply::default();
                link.answer(&mut node.faults, now, header, Status::SUCCESS, reply);
                Ok(Ok(()))
            }
            _ => {
                let collections = match link.known.collections {
                    true => Collections::Negotiated,
                    false => Collections::NotNegotiated,
                };
                let change = match change(node, vbucket, message, collections, stream)? {
                    Ok(change) => change,
                    Err(status) => return Ok(Err(status)),
                };
                Ok(self.on_change(link, node, header, stream, change, now))
            }
        }
    }

    fn on_marker(
        &self,
        node: &mut Node,
        vbucket: u16,
        stream: &mut Replica,
        marker: &SnapshotMarker,
    ) -> Result<Taken, Closing> {
        let is_disk = marker.flags.contains(SnapshotFlags::DISK);
        let minor = marker.v2.map(|v2| v2.minor);
        let is_unknown = match minor {
            Some(SnapshotMarkerV2Minor::V2_1 { .. }) => true,
            Some(SnapshotMarkerV2Minor::V2_2 { .. }) => node.release == Release::V7_2,
            _ => false,
        };
        if is_unknown || marker.start_seqno > marker.end_seqno {
            return Ok(Err(Status::EINVAL));
        }
        if is_disk && self.has_sync_writes && marker.v2.is_none() {
            return Err(Closing::Exception);
        }
        let high = node
            .bucket
            .vbucket(vbucket)
            .map_or(0, |own| own.high_seqno());
        if marker.end_seqno < high {
            return Ok(Err(Status::ERANGE));
        }
        stream.snapshot = Some(ReplicaSnapshot {
            start: marker.start_seqno,
            end: marker.end_seqno,
            flags: marker.flags,
        });
        node.bucket
            .receive(vbucket, marker.start_seqno, marker.end_seqno);
        Ok(Ok(()))
    }

    fn on_change(
        &mut self,
        link: &mut Link,
        node: &mut Node,
        header: &Header,
        stream: &mut Replica,
        change: Change,
        now: Duration,
    ) -> Taken {
        let vbucket = header.vbucket_or_status();
        let snapshot = stream.snapshot.ok_or(Status::ERANGE)?;
        let (seqno, is_prepare) = (
            change.seqno,
            matches!(change.kind, ChangeKind::Prepare { .. }),
        );
        let own = node.bucket.vbucket(vbucket).ok_or(Status::NOT_MY_VBUCKET)?;
        if seqno <= own.high_seqno() || !(snapshot.start..=snapshot.end).contains(&seqno) {
            return Err(Status::ERANGE);
        }
        let is_disk = snapshot.flags.contains(SnapshotFlags::DISK);
        let is_over_prepare = !matches!(
            change.kind,
            ChangeKind::Commit { .. } | ChangeKind::Abort { .. } | ChangeKind::Manifest(_)
        );
        let pending = own.pending(change.collection, &change.key);
        if is_over_prepare && !is_disk && pending.is_some() {
            return Err(Status::SYNC_WRITE_IN_PROGRESS);
        }
        if let ChangeKind::Manifest(event) = &change.kind {
            node.bucket.learn(event);
        }
        node.bucket.accept(vbucket, change, is_disk);
        let is_complete = seqno == snapshot.end;
        let own = node.bucket.vbucket(vbucket);
        let high_prepared = own.map_or(0, |own| own.high_prepared_seqno());
        // Of a disk snapshot nothing is prepared before all is there.
        let prepared = match is_disk {
            true => is_complete && high_prepared >= snapshot.start && high_prepared > 0,
            false => is_prepare,
        };
        if self.has_sync_writes && prepared {
            self.acknowledge(link, node, vbucket, stream, high_prepared, now);
        }
        let is_takeover = stream.flags.contains(StreamFlags::TAKE_OVER);
        let asks = snapshot.flags.contains(SnapshotFlags::ACKNOWLEDGE);
        if is_complete && is_takeover && asks {
            let answer = Response {
                opaque: stream.opaque(),
                ..Response::from(SnapshotMarkerReply::default())
            };
            link.send(&mut node.faults, now, |out| answer.encode(out));
        }
        Ok(())
    }

    /// Tells the producer how far durable writes are prepared here.
    pub(super) fn acknowledge(
        &self,
        link: &mut Link,
        node: &mut Node,
        vbucket: u16,
        stream: &Replica,
        prepared_seqno: u64,
        now: Duration,
    ) {
        let request = Request {
            opaque: stream.opaque(),
            vbucket,
            ..Request::from(SeqnoAcknowledged { prepared_seqno })
        };
        link.send(&mut node.faults, now, |out| request.encode(out));
    }
}

/// The change that a message tells of.
fn change(
    node: &Node,
    vbucket: u16,
    message: &DcpRequest<'_>,
    collections: Collections,
    stream: &Replica,
) -> Result<Result<Change, Status>, Closing> {
    let own = node.bucket.vbucket(vbucket);
    let Some(own) = own else {
        return Ok(Err(Status::NOT_MY_VBUCKET));
    };
    let is_disk = stream
        .snapshot
        .is_some_and(|snapshot| snapshot.flags.contains(SnapshotFlags::DISK));
    let (seqno, rev_seqno, cas, key, kind) = match message {
        DcpRequest::Mutation(Request {
            cas,
            datatype,
            message,
            ..
        }) => {
            let document = document(*datatype, message.value, message.flags, message.expiration);
            let kind = ChangeKind::Mutation(document);
            (message.by_seqno, message.rev_seqno, *cas, message.key, kind)
        }
        DcpRequest::Deletion(Request {
            cas,
            datatype,
            message,
            ..
        }) => {
            let kind = ChangeKind::Deletion(tombstone(*datatype, message));
            (message.by_seqno, message.rev_seqno, *cas, message.key, kind)
        }
        DcpRequest::Expiration(Request {
            cas,
            datatype,
            message,
            ..
        }) => {
            let kind = ChangeKind::Expiration(Tombstone {
                time: message.delete_time,
                datatype: *datatype,
                value: Bytes::copy_from_slice(message.value.expose()),
            });
            (message.by_seqno, message.rev_seqno, *cas, message.key, kind)
        }
        DcpRequest::Prepare(Request {
            cas,
            datatype,
            message,
            ..
        }) => {
            let document = document(*datatype, message.value, message.flags, message.expiration);
            let kind = ChangeKind::Prepare {
                document,
                deleted: message.deleted.is_set(),
                level: message.durability_level,
            };
            (message.by_seqno, message.rev_seqno, *cas, message.key, kind)
        }
        DcpRequest::Commit(Request { message, .. }) => {
            let (collection, key) = split(message.key, collections);
            let Some(prepare) = own.pending(collection, &key) else {
                return Ok(Err(Status::KEY_ENOENT));
            };
            if prepare.seqno != message.prepared_seqno {
                return Err(Closing::Exception);
            }
            let document = match &prepare.kind {
                ChangeKind::Prepare {
                    document,
                    deleted: false,
                    ..
                } => Some(document.clone()),
                _ => None,
            };
            let kind = ChangeKind::Commit {
                prepared_seqno: message.prepared_seqno,
                document,
            };
            let (rev_seqno, cas) = (prepare.rev_seqno, prepare.cas);
            (message.commit_seqno, rev_seqno, cas, message.key, kind)
        }
        DcpRequest::Abort(Request { message, .. }) => {
            let (collection, key) = split(message.key, collections);
            match own.pending(collection, &key) {
                None if !is_disk => return Ok(Err(Status::EINVAL)),
                Some(prepare) if prepare.seqno != message.prepared_seqno => {
                    return Err(Closing::Exception);
                }
                _ => {}
            }
            let kind = ChangeKind::Abort {
                prepared_seqno: message.prepared_seqno,
            };
            (message.abort_seqno, 1, 0, message.key, kind)
        }
        DcpRequest::SystemEvent(Request { message, .. }) => {
            let Ok(event) = message.change() else {
                return Err(Closing::Exception);
            };
            let event = ManifestEvent::of(&event);
            return Ok(Ok(Change {
                seqno: message.by_seqno,
                rev_seqno: 1,
                cas: 0,
                collection: event.collection,
                key: Key::default(),
                kind: ChangeKind::Manifest(event),
            }));
        }
        // Retired, or for clients only.
        _ => return Ok(Err(Status::NOT_SUPPORTED)),
    };
    let (collection, key) = split(key, collections);
    Ok(Ok(Change {
        seqno,
        rev_seqno,
        cas,
        collection,
        key,
        kind,
    }))
}

/// The collection and the name; the validators have seen that there are both.
fn split(key: UserData<'_>, collections: Collections) -> (CollectionId, Key) {
    match DocKey::new(key, collections) {
        Ok(key) => {
            let name = Bytes::copy_from_slice(key.name().expose());
            (key.collection(), Key(name))
        }
        Err(_) => (CollectionId::DEFAULT, Key::default()),
    }
}

fn document(datatype: Datatype, value: UserData<'_>, flags: u32, expiration: u32) -> Document {
    let (datatype, value) = inflated(datatype, value);
    Document {
        datatype,
        flags,
        expiration,
        value,
    }
}

fn tombstone(datatype: Datatype, deletion: &Deletion<'_>) -> Tombstone {
    let (datatype, value) = inflated(datatype, deletion.value);
    Tombstone {
        time: match deletion.version {
            DeletionVersion::V2 { delete_time, .. } => delete_time,
            DeletionVersion::V1 { .. } => 0,
        },
        datatype,
        value,
    }
}

/// A value as it is stored: without compression, which is negotiated only where it can be undone.
fn inflated(datatype: Datatype, value: UserData<'_>) -> (Datatype, Bytes) {
    #[cfg(feature = "snappy")]
    if let crate::value::Value::Snappy(block) = crate::value::Value::of(datatype, value) {
        let mut inflated = alloc::vec::Vec::new();
        let limit = crate::Decoder::DEFAULT_MAX_BODY_LEN;
        if block.inflate(limit, &mut inflated).is_ok() {
            return (datatype.difference(Datatype::SNAPPY), inflated.into());
        }
    }
    (datatype, Bytes::copy_from_slice(value.expose()))
}
