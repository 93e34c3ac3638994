//! `DCP_STREAM_REQ`, as a node answers it.

use core::time::Duration;

use super::super::super::bucket::Bucket;
use super::super::super::fault::FaultKind;
use super::super::super::node::Node;
use super::super::kv::failover_log;
use super::super::link::{Link, unknown_in_manifest};
use super::super::stream::{Filter, Stream};
use super::{Producer, request_vbucket};
use crate::dcp::{FailoverLog, StreamEnd, StreamRequest, StreamRequestReply};
use crate::track::answers::StreamKind;
use crate::value::{Keyspace, StreamFilter, ValueErrorKind};
use crate::{Header, OpenFlags, Request, Status, StreamFlags, VbucketState};

/// How a stream request is refused.
type Refusal = (Status, &'static str);

impl Producer {
    pub(super) fn on_stream_request(
        &mut self,
        link: &mut Link,
        node: &mut Node,
        header: &Header,
        request: &StreamRequest<'_>,
        now: Duration,
    ) {
        let vbucket = request_vbucket(header);
        let is_takeover = request.flags.contains(StreamFlags::TAKE_OVER);
        match node.faults.on_stream_request(header, is_takeover) {
            Some(FaultKind::Rollback(seqno)) => {
                return self.roll_back(link, node, header, seqno, now);
            }
            Some(FaultKind::End(reason)) => {
                let end = Request {
                    opaque: header.opaque(),
                    vbucket,
                    ..Request::from(StreamEnd { reason })
                };
                link.send(&mut node.faults, now, |out| end.encode(out));
                return;
            }
            _ => {}
        }
        let request = adjusted(request, &node.bucket, vbucket);
        let stream = match self.judge(link, node, vbucket, header.opaque(), &request) {
            Ok(stream) => stream,
            Err((status @ (Status::UNKNOWN_COLLECTION | Status::UNKNOWN_SCOPE), _)) => {
                let value = unknown_in_manifest(node.bucket.manifest().uid);
                return link.refuse_with(&mut node.faults, now, header, status, &value);
            }
            Err((Status::NOT_MY_VBUCKET, _)) => {
                let status = Status::NOT_MY_VBUCKET;
                return link.refuse_with(&mut node.faults, now, header, status, "");
            }
            Err((status, context)) => {
                return link.refuse(&mut node.faults, now, header, status, context);
            }
        };
        let is_strict = request.flags.contains(StreamFlags::STRICT_VB_UUID);
        let own = node.bucket.vbucket(vbucket);
        if let Some(seqno) = own.and_then(|own| own.rollback(&request, is_strict)) {
            return self.roll_back(link, node, header, seqno, now);
        }
        let log = failover_log(&node.bucket, vbucket);
        if let Some(log) = FailoverLog::new(&log) {
            let reply = StreamRequestReply::Accepted(log);
            link.answer(&mut node.faults, now, header, Status::SUCCESS, reply);
        }
        let key = (vbucket, stream.stream_id);
        self.answers
            .on_stream_opened(stream.opaque, vbucket, StreamKind::Active);
        self.streams.insert(key, stream);
        self.ready.push_back(key);
    }

    fn roll_back(
        &mut self,
        link: &mut Link,
        node: &mut Node,
        header: &Header,
        seqno: u64,
        now: Duration,
    ) {
        let reply = StreamRequestReply::Rollback { seqno };
        link.answer(&mut node.faults, now, header, Status::ROLLBACK, reply);
    }

    /// Whether a stream can be had, in the order in which a node asks (reference 6.4); rollbacks
    /// apart.
    fn judge(
        &self,
        link: &Link,
        node: &Node,
        vbucket: u16,
        opaque: u32,
        request: &StreamRequest<'_>,
    ) -> Result<Stream, Refusal> {
        let bucket = &node.bucket;
        let own = bucket.vbucket(vbucket);
        let own = own.ok_or((Status::NOT_MY_VBUCKET, ""))?;
        let is_served = match own.state() {
            VbucketState::ACTIVE => true,
            VbucketState::REPLICA => !request.flags.contains(StreamFlags::ACTIVE_VB_ONLY),
            _ => false,
        };
        refuse(!is_served, (Status::NOT_MY_VBUCKET, ""))?;
        let has_collections = link.known.collections;
        let needs_noop = has_collections || self.flags.contains(OpenFlags::INCLUDE_XATTRS);
        refuse(
            needs_noop && self.settings.noop.is_none(),
            (Status::NOT_SUPPORTED, "noop is mandatory for v5 features"),
        )?;
        let (start, end) = (request.snapshot_start_seqno, request.snapshot_end_seqno);
        refuse(
            request.start_seqno > request.end_seqno,
            (Status::ERANGE, "Start after end"),
        )?;
        refuse(
            !(start..=end).contains(&request.start_seqno),
            (Status::ERANGE, "Start outside of the snapshot"),
        )?;
        let filter = StreamFilter::from_json(request.value.0);
        let filter = filter.map_err(|error| match error.kind {
            ValueErrorKind::StreamIdZero => (Status::DCP_STREAM_ID_INVALID, "Stream id 0"),
            _ => (Status::EINVAL, "Illegal filter"),
        })?;
        let stream_id = filter.stream_id;
        refuse(
            stream_id.is_some() != self.settings.stream_ids,
            (
                Status::DCP_STREAM_ID_INVALID,
                "Stream id missing or not allowed",
            ),
        )?;
        let is_filtered = filter.keyspace != Keyspace::Everything;
        let filter = if has_collections {
            Filter::new(filter.keyspace)
        } else {
            Filter::default_collection()
        };
        filter.check(bucket).map_err(|status| (status, ""))?;
        refuse(
            is_filtered && self.settings.sync_writes && self.settings.consumer_name,
            (Status::NOT_SUPPORTED, "Filter with sync replication"),
        )?;
        let key = (vbucket, stream_id);
        refuse(
            self.streams.contains_key(&key),
            (Status::KEY_EEXISTS, "Stream exists already"),
        )?;
        Ok(Stream::new(
            opaque, vbucket, stream_id, filter, request, own,
        ))
    }
}

fn refuse(condition: bool, refusal: Refusal) -> Result<(), Refusal> {
    match condition {
        true => Err(refusal),
        false => Ok(()),
    }
}

/// The request with the seqnos that its flags stand for.
fn adjusted<'a>(request: &StreamRequest<'a>, bucket: &Bucket, vbucket: u16) -> StreamRequest<'a> {
    let mut request = *request;
    let Some(own) = bucket.vbucket(vbucket) else {
        return request;
    };
    if request.flags.contains(StreamFlags::DISK_ONLY) {
        request.end_seqno = own.persisted_seqno();
    }
    if request.flags.contains(StreamFlags::TO_LATEST) {
        request.end_seqno = own.high_seqno();
    }
    if request.flags.contains(StreamFlags::FROM_LATEST) {
        let high = own.high_seqno();
        (request.start_seqno, request.snapshot_start_seqno) = (high, high);
        request.snapshot_end_seqno = high;
        if request.vbucket_uuid == 0 {
            request.vbucket_uuid = own.uuid();
        }
    }
    request
}
