//! What a node does that produces.

use alloc::collections::{BTreeMap, VecDeque};
use core::num::NonZeroU16;
use core::time::Duration;

use super::super::bucket::Bucket;
use super::super::fault::FaultKind;
use super::super::node::Node;
use super::Closing;
use super::control::Settings;
use super::kv::failover_log;
use super::link::{Link, unknown_in_manifest};
use super::outbox::Sent;
use super::stream::{Filter, Pulled, Stream};
use crate::dcp::{
    CloseStreamReply, ControlReply, DcpRequest, DcpResponse, FailoverLog, GetFailoverLogReply,
    StreamEnd, StreamRequest, StreamRequestReply,
};
use crate::policy::{self, Context, Edition, Role};
use crate::track::Answers;
use crate::track::answers::StreamKind;
use crate::track::flow::{ProducerLedger, Sender};
use crate::value::{Keyspace, StreamFilter, ValueErrorKind};
use crate::{
    Header, Opcode, OpenFlags, Request, Status, StreamEndReason, StreamFlags, VbucketState,
};

/// A connection that a node produces on.
#[derive(Debug)]
pub(super) struct Producer {
    pub(super) flags: OpenFlags,
    pub(super) settings: Settings,
    pub(super) ledger: ProducerLedger,
    pub(super) answers: Answers,
    streams: BTreeMap<StreamKey, Stream>,
    /// Streams that may have something to say; the others wait for the bucket to change.
    ready: VecDeque<StreamKey>,
    /// The revision of the bucket that the others have seen.
    seen: u64,
}

/// A vbucket has one stream, or one for each stream id.
type StreamKey = (u16, Option<NonZeroU16>);

/// How a stream request is refused.
type Refusal = (Status, &'static str);

impl Producer {
    pub(super) fn new(flags: OpenFlags) -> Self {
        Self {
            flags,
            settings: Settings::default(),
            ledger: ProducerLedger::new(0),
            answers: Answers::default(),
            streams: BTreeMap::new(),
            ready: VecDeque::new(),
            seen: 0,
        }
    }

    /// Anything received is a sign of life.
    pub(super) const fn on_packet(&mut self, now: Duration) {
        if let Some(noop) = &mut self.settings.noop {
            noop.on_packet(now);
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Duration> {
        self.settings.noop.as_ref().map(|noop| noop.next_timeout())
    }

    pub(super) fn on_response(
        &mut self,
        header: &Header,
        response: &DcpResponse<'_>,
        now: Duration,
    ) -> Result<(), Closing> {
        let answer = self.answers.on_answer(response);
        if let (DcpResponse::Noop(answer), Some(noop)) = (response, &mut self.settings.noop) {
            // The counter is written in the node's own byte order.
            let mut answer = *answer;
            answer.opaque = answer.opaque.swap_bytes();
            // A wrong one is judged below.
            let _ = noop.on_answer(&answer, now);
        }
        // What acknowledges may let a takeover go on.
        self.ready.extend(self.streams.keys());
        let edition = if self.settings.v7_status_codes {
            Edition::V7_0StatusCodes
        } else {
            Edition::V7_0
        };
        let owner = answer.owner.into();
        let context = Context::of_response(Role::Producer, edition, header, owner);
        let (Some(context), Some(status)) = (context, header.status()) else {
            return Ok(());
        };
        let verdict = policy::judge(&context, status);
        if verdict.is_fatal() {
            return Err(Closing::Answer {
                opcode: context.opcode,
                status,
                rule: verdict.rule.id,
            });
        }
        Ok(())
    }

    pub(super) fn on_request(
        &mut self,
        link: &mut Link,
        node: &mut Node,
        header: &Header,
        request: &DcpRequest<'_>,
        now: Duration,
    ) -> Result<(), Closing> {
        match request {
            DcpRequest::Control(control) => {
                let status = self.on_control(
                    &control.message,
                    &link.known,
                    node.release,
                    node.idle_timeout,
                    now,
                );
                let faults = &mut node.faults;
                match status {
                    Status::SUCCESS => {
                        link.answer(faults, now, header, status, ControlReply::default());
                    }
                    _ => link.refuse(faults, now, header, status, "Unsupported control"),
                }
            }
            DcpRequest::BufferAcknowledgement(ack) => {
                self.ledger.on_acknowledgement(ack.message, now);
            }
            DcpRequest::GetFailoverLog(_) => {
                let log = failover_log(&node.bucket, request_vbucket(header));
                let faults = &mut node.faults;
                match FailoverLog::new(&log) {
                    Some(log) => {
                        let reply = GetFailoverLogReply::Accepted(log);
                        link.answer(faults, now, header, Status::SUCCESS, reply);
                    }
                    None => link.refuse_with(faults, now, header, Status::NOT_MY_VBUCKET, ""),
                }
            }
            DcpRequest::StreamRequest(request) => {
                self.on_stream_request(link, node, header, &request.message, now);
            }
            DcpRequest::CloseStream(close) => {
                let stream_id = close.framing_extras.stream_id().and_then(NonZeroU16::new);
                self.on_close_stream(link, node, header, stream_id, now);
            }
            DcpRequest::SeqnoAcknowledged(_) => {
                if !(self.settings.sync_writes && self.settings.consumer_name) {
                    let status = Status::EINVAL;
                    link.refuse(&mut node.faults, now, header, status, "No sync replication");
                }
            }
            _ => return Err(Closing::WrongEnd(Opcode(header.command().byte()))),
        }
        Ok(())
    }

    fn on_close_stream(
        &mut self,
        link: &mut Link,
        node: &mut Node,
        header: &Header,
        stream_id: Option<NonZeroU16>,
        now: Duration,
    ) {
        let vbucket = request_vbucket(header);
        let faults = &mut node.faults;
        if stream_id.is_some() != self.settings.stream_ids {
            let status = Status::DCP_STREAM_ID_INVALID;
            return link.refuse(
                faults,
                now,
                header,
                status,
                "Stream id missing or not allowed",
            );
        }
        let Some(stream) = self.streams.remove(&(vbucket, stream_id)) else {
            let other_ids = self.streams.keys().any(|&(each, _)| each == vbucket);
            let status = match stream_id.is_some() && other_ids {
                true => Status::DCP_STREAM_ID_INVALID,
                false => Status::KEY_ENOENT,
            };
            return link.refuse(faults, now, header, status, "No such stream");
        };
        let reply = CloseStreamReply::default();
        link.answer(faults, now, header, Status::SUCCESS, reply);
        if self.settings.stream_end_on_close {
            let reason = StreamEndReason::CLOSED;
            self.end(link, node, &stream, reason, now);
        } else {
            self.answers.on_stream_closed(stream.opaque);
        }
    }

    fn on_stream_request(
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

    /// Sends one message, or finds that there is none to send.
    pub(super) fn poll(
        &mut self,
        link: &mut Link,
        node: &mut Node,
        now: Duration,
    ) -> Result<bool, Closing> {
        let noop = self.settings.noop.as_mut().map(|noop| noop.poll(now));
        let noop = noop.transpose().map_err(Closing::Silence)?.flatten();
        if let Some(mut noop) = noop {
            noop.opaque = noop.opaque.swap_bytes();
            self.answers.on_sent(&DcpRequest::Noop(noop));
            link.send(&mut node.faults, now, |out| noop.encode(out));
            return Ok(true);
        }
        if !self.ledger.may_send() || link.outbox.is_crowded() {
            return Ok(false);
        }
        if self.seen != node.bucket.revision() {
            self.seen = node.bucket.revision();
            self.ready = self.streams.keys().copied().collect();
        }
        while let Some(&key) = self.ready.front() {
            if self.pull(key, link, node, now) {
                return Ok(true);
            }
            self.ready.pop_front();
        }
        Ok(false)
    }

    /// Sends the next message of a stream, if it has one.
    fn pull(&mut self, key: StreamKey, link: &mut Link, node: &mut Node, now: Duration) -> bool {
        let Some(stream) = self.streams.get_mut(&key) else {
            return false;
        };
        let awaited = self.answers.awaited(stream.opaque).unwrap_or_default();
        let Pulled { packet, is_last } = {
            let output = super::stream::Output {
                settings: &self.settings,
                flags: self.flags,
                known: &link.known,
                release: node.release,
                block: &mut link.outbox,
            };
            match stream.pull(&mut node.bucket, output, awaited) {
                Some(pulled) => pulled,
                None => return false,
            }
        };
        self.ledger
            .on_packet(Sender::Producer, packet.header(), now);
        if let Ok(request) = DcpRequest::read(packet.view()) {
            self.answers.on_sent(&request);
        }
        let opaque = packet.header().opaque();
        let sent = link.outbox.pass(packet, &mut node.faults, now);
        if is_last || sent == Sent::StreamEnded {
            self.answers.on_stream_closed(opaque);
            self.streams.remove(&key);
        }
        true
    }

    fn end(
        &mut self,
        link: &mut Link,
        node: &mut Node,
        stream: &Stream,
        reason: StreamEndReason,
        now: Duration,
    ) {
        let packet = stream.end(&mut link.outbox, reason);
        self.answers.on_stream_closed(stream.opaque);
        if let Some(packet) = packet {
            self.ledger
                .on_packet(Sender::Producer, packet.header(), now);
            link.outbox.pass(packet, &mut node.faults, now);
        }
    }
}

fn refuse(condition: bool, refusal: Refusal) -> Result<(), Refusal> {
    match condition {
        true => Err(refusal),
        false => Ok(()),
    }
}

/// The vbucket of a request.
const fn request_vbucket(header: &Header) -> u16 {
    header.vbucket_or_status()
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
