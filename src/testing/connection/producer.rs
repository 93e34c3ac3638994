//! What a node does that produces.

mod stream_request;

use alloc::collections::{BTreeMap, VecDeque};
use core::num::NonZeroU16;
use core::time::Duration;

use super::super::node::Node;
use super::Closing;
use super::control::Settings;
use super::kv::failover_log;
use super::link::Link;
use super::outbox::Sent;
use super::stream::{Pulled, Stream};
use crate::dcp::{
    CloseStreamReply, ControlReply, DcpRequest, DcpResponse, FailoverLog, GetFailoverLogReply,
};
use crate::policy::{Context, Edition, Role};
use crate::track::Answers;
use crate::track::flow::{ProducerLedger, Sender};
use crate::{Header, Opcode, OpenFlags, Status, StreamEndReason};

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
        if answer.acknowledges.is_some() {
            // A takeover may go on.
            self.ready = self.streams.keys().copied().collect();
        }
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
        Closing::judge(&context, status)
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

/// The vbucket of a request.
const fn request_vbucket(header: &Header) -> u16 {
    header.vbucket_or_status()
}
