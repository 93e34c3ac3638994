//! What a node does that consumes.

mod apply;
mod negotiation;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use core::time::Duration;

use super::super::node::Node;
use super::Closing;
use super::link::Link;
use crate::dcp::{
    AddStream, AddStreamReply, CloseStreamReply, DcpRequest, DcpResponse, StreamRequest,
    StreamRequestReply,
};
use crate::policy::{Context, Edition, OpaqueOwner, Role};
use crate::track::Answers;
use crate::track::answers::Owner;
use crate::track::flow::{ConsumerLedger, Sender};
use crate::track::noop::NoopResponder;
use crate::value::StreamFilter;
use crate::{Header, Opcode, Packet, Request, SnapshotFlags, Status, StreamFlags, VbucketState};

use negotiation::Negotiation;

/// A connection that a node consumes on.
#[derive(Debug)]
pub(super) struct Consumer {
    /// Whether it takes part in durable writes.
    has_sync_writes: bool,
    negotiation: Negotiation,
    /// `ADD_STREAM`s that came before the negotiation was over.
    queued: VecDeque<(Header, StreamFlags)>,
    streams: BTreeMap<u16, Replica>,
    /// Vbuckets whose stream was closed: the end that the producer still sends is taken in silence,
    /// whatever else it sends is not.
    closed: BTreeSet<u16>,
    answers: Answers,
    ledger: ConsumerLedger,
    noops: NoopResponder,
    /// Of the last request sent.
    counter: u32,
}

/// The stream of a vbucket, at the consumer.
#[derive(Debug)]
struct Replica {
    /// As the consumer counts.
    counter: u32,
    flags: StreamFlags,
    /// The `ADD_STREAM` that is not answered yet.
    asked_by: Option<Header>,
    snapshot: Option<ReplicaSnapshot>,
}

/// The snapshot that a stream is in.
#[derive(Debug, Clone, Copy)]
struct ReplicaSnapshot {
    start: u64,
    end: u64,
    flags: SnapshotFlags,
}

impl Replica {
    /// As it stands in headers: in the byte order of the machines that nodes run on.
    const fn opaque(&self) -> u32 {
        self.counter.swap_bytes()
    }
}

impl Consumer {
    pub(super) fn new(has_sync_writes: bool, node: &Node, now: Duration) -> Self {
        Self {
            has_sync_writes,
            negotiation: Negotiation::new(node.release, has_sync_writes, node.consumer_buffer_size),
            queued: VecDeque::new(),
            streams: BTreeMap::new(),
            closed: BTreeSet::new(),
            answers: Answers::default(),
            ledger: ConsumerLedger::new(0, now),
            noops: NoopResponder::with_limit(node.idle_timeout, now),
            counter: 0,
        }
    }

    /// Anything received is a sign of life, and what the producer sent counts.
    pub(super) fn on_packet(&mut self, header: &Header, now: Duration) {
        self.noops.on_packet(now);
        let is_of_driver = matches!(
            header.opcode(),
            Some(Opcode::DCP_ADD_STREAM | Opcode::DCP_CLOSE_STREAM)
        );
        if !is_of_driver {
            let bytes = self.ledger.on_packet(Sender::Producer, header);
            // What was received a moment ago.
            let _ = self.ledger.on_processed(bytes);
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Duration> {
        let ack = self.ledger.next_timeout();
        Some(ack.map_or(self.noops.next_timeout(), |ack| {
            ack.min(self.noops.next_timeout())
        }))
    }

    /// Sends what is due, or finds that nothing is.
    pub(super) fn poll(
        &mut self,
        link: &mut Link,
        node: &mut Node,
        now: Duration,
    ) -> Result<bool, Closing> {
        self.noops.poll(now).map_err(Closing::Silence)?;
        if let Some(ack) = self.ledger.poll(now) {
            let request = Request {
                opaque: self.next_opaque(),
                ..Request::from(ack)
            };
            link.send(&mut node.faults, now, |out| request.encode(out));
            return Ok(true);
        }
        if self.queued.is_empty() {
            return Ok(false);
        }
        if let Some(step) = self.negotiation.next() {
            let opaque = self.next_opaque();
            let control = step.control();
            self.negotiation.on_sent(opaque, step);
            match &control {
                Some((key, value)) => {
                    let request = Request {
                        opaque,
                        ..Request::from(crate::dcp::Control {
                            key: (*key).into(),
                            value: (&**value).into(),
                        })
                    };
                    self.answers.on_sent(&DcpRequest::Control(request));
                    link.send(&mut node.faults, now, |out| request.encode(out));
                }
                None => {
                    let request = Request {
                        opaque,
                        ..Request::from(crate::kv::GetErrorMap { version: 0 })
                    };
                    link.send(&mut node.faults, now, |out| request.encode(out));
                }
            }
            return Ok(true);
        }
        if !self.negotiation.is_over() {
            return Ok(false);
        }
        let Some((header, flags)) = self.queued.pop_front() else {
            return Ok(false);
        };
        let vbucket = header.vbucket_or_status();
        match self.refusal(node, vbucket) {
            Some(status) => {
                let reply = AddStreamReply {
                    stream_opaque: Some(0),
                    ..AddStreamReply::default()
                };
                link.answer(&mut node.faults, now, &header, status, reply);
            }
            None => self.add(link, node, header, flags, now),
        }
        Ok(true)
    }

    const fn next_opaque(&mut self) -> u32 {
        self.counter = self.counter.wrapping_add(1);
        self.counter.swap_bytes()
    }

    /// Why a stream cannot be added.
    fn refusal(&self, node: &Node, vbucket: u16) -> Option<Status> {
        match node.bucket.vbucket(vbucket).map(|own| own.state()) {
            None | Some(VbucketState::ACTIVE) => Some(Status::NOT_MY_VBUCKET),
            Some(_) if self.streams.contains_key(&vbucket) => Some(Status::KEY_EEXISTS),
            Some(_) => None,
        }
    }

    fn add(
        &mut self,
        link: &mut Link,
        node: &mut Node,
        header: Header,
        flags: StreamFlags,
        now: Duration,
    ) {
        self.next_opaque();
        let stream = Replica {
            counter: self.counter,
            flags,
            asked_by: Some(header),
            snapshot: None,
        };
        let vbucket = header.vbucket_or_status();
        self.request(link, node, vbucket, &stream, now);
        self.streams.insert(vbucket, stream);
        self.closed.remove(&vbucket);
    }

    /// Asks the producer for a stream.
    fn request(
        &mut self,
        link: &mut Link,
        node: &mut Node,
        vbucket: u16,
        stream: &Replica,
        now: Duration,
    ) {
        let Some(own) = node.bucket.vbucket(vbucket) else {
            return;
        };
        let start_seqno = own.high_seqno();
        let (snapshot_start_seqno, snapshot_end_seqno) = own.received_snapshot();
        let filter = StreamFilter {
            manifest_uid: Some(node.bucket.manifest().uid),
            ..StreamFilter::default()
        };
        let filter = alloc::format!("{filter}");
        let request = Request {
            opaque: stream.opaque(),
            vbucket,
            ..Request::from(StreamRequest {
                flags: stream.flags,
                reserved: 0,
                start_seqno,
                end_seqno: u64::MAX,
                vbucket_uuid: if start_seqno == 0 { 0 } else { own.uuid() },
                snapshot_start_seqno,
                snapshot_end_seqno,
                value: match link.known.collections {
                    true => (&*filter).into(),
                    false => "".into(),
                },
            })
        };
        self.answers.on_sent(&DcpRequest::StreamRequest(request));
        link.send(&mut node.faults, now, |out| request.encode(out));
    }

    pub(super) fn on_response(
        &mut self,
        link: &mut Link,
        node: &mut Node,
        packet: Packet<&[u8]>,
        response: &DcpResponse<'_>,
        now: Duration,
    ) -> Result<(), Closing> {
        let header = packet.header();
        if header.opcode() == Some(Opcode::GET_ERROR_MAP) {
            self.negotiation.on_answer(header.opaque(), Status::SUCCESS);
            return Ok(());
        }
        let answer = self.answers.on_answer(response);
        let owner = match (response, answer.owner) {
            (DcpResponse::Control(answer), Owner::Control) => self.negotiation.owner(answer.opaque),
            // The stream may have been closed in between.
            (_, Owner::StreamRequest { vbucket }) if self.stream(vbucket, header).is_none() => {
                OpaqueOwner::Nothing
            }
            (_, owner) => owner.into(),
        };
        let context = Context::of_response(Role::Consumer, Edition::V7_0, header, owner);
        let (Some(context), Some(status)) = (context, header.status()) else {
            return Ok(());
        };
        Closing::judge(&context, status)?;
        match response {
            DcpResponse::Control(answer) if owner != OpaqueOwner::Nothing => {
                let size = self.negotiation.on_answer(answer.opaque, status);
                if let Some(size) = size {
                    self.ledger.set_buffer_size(size, now);
                }
            }
            DcpResponse::StreamRequest(reply) => {
                if let Owner::StreamRequest { vbucket } = answer.owner {
                    self.on_stream_reply(link, node, vbucket, status, &reply.reply, now);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The stream that a packet with this header belongs to.
    fn stream(&self, vbucket: u16, header: &Header) -> Option<&Replica> {
        let stream = self.streams.get(&vbucket)?;
        (stream.opaque() == header.opaque()).then_some(stream)
    }

    fn on_stream_reply(
        &mut self,
        link: &mut Link,
        node: &mut Node,
        vbucket: u16,
        status: Status,
        reply: &StreamRequestReply<'_>,
        now: Duration,
    ) {
        let Some(mut stream) = self.streams.remove(&vbucket) else {
            return;
        };
        if let StreamRequestReply::Rollback { seqno } = reply {
            // Under the same opaque, and nobody is told until then.
            node.bucket.roll_back(vbucket, *seqno);
            self.request(link, node, vbucket, &stream, now);
            self.streams.insert(vbucket, stream);
            return;
        }
        if let Some(header) = stream.asked_by.take() {
            let reply = AddStreamReply {
                stream_opaque: Some(stream.counter),
                ..AddStreamReply::default()
            };
            link.answer(&mut node.faults, now, &header, status, reply);
        }
        if let StreamRequestReply::Accepted(log) = reply {
            node.bucket.follow(vbucket, log);
            let high_prepared = node.bucket.vbucket(vbucket);
            let high_prepared = high_prepared.map_or(0, |own| own.high_prepared_seqno());
            if self.has_sync_writes && high_prepared > 0 {
                self.acknowledge(link, node, vbucket, &stream, high_prepared, now);
            }
            self.streams.insert(vbucket, stream);
        }
    }

    pub(super) fn on_request(
        &mut self,
        link: &mut Link,
        node: &mut Node,
        header: &Header,
        request: &DcpRequest<'_>,
        now: Duration,
    ) -> Result<(), Closing> {
        let vbucket = header.vbucket_or_status();
        match request {
            DcpRequest::AddStream(Request { message, .. }) => {
                self.on_add_stream(link, node, header, *message, now);
                Ok(())
            }
            DcpRequest::CloseStream(_) => {
                let faults = &mut node.faults;
                match self.streams.remove(&vbucket) {
                    Some(stream) => {
                        self.answers.on_stream_closed(stream.opaque());
                        self.closed.insert(vbucket);
                        let reply = CloseStreamReply::default();
                        link.answer(faults, now, header, Status::SUCCESS, reply);
                    }
                    None => {
                        let status = self.not_found();
                        link.refuse(faults, now, header, status, "No such stream");
                    }
                }
                Ok(())
            }
            DcpRequest::Noop(noop) => {
                let answer = self.noops.on_noop(noop, now);
                link.send(&mut node.faults, now, |out| answer.encode(out));
                Ok(())
            }
            DcpRequest::StreamRequest(_)
            | DcpRequest::GetFailoverLog(_)
            | DcpRequest::Control(_)
            | DcpRequest::BufferAcknowledgement(_)
            | DcpRequest::SeqnoAcknowledged(_) => {
                Err(Closing::WrongEnd(Opcode(header.command().byte())))
            }
            message => self.on_message(link, node, header, message, now),
        }
    }

    fn on_add_stream(
        &mut self,
        link: &mut Link,
        node: &mut Node,
        header: &Header,
        add: AddStream,
        now: Duration,
    ) {
        if !self.negotiation.is_over() {
            self.queued.push_back((*header, add.flags));
            return;
        }
        match self.refusal(node, header.vbucket_or_status()) {
            Some(status) => link.refuse_with(&mut node.faults, now, header, status, ""),
            None => self.add(link, node, *header, add.flags, now),
        }
    }

    /// What is said where there is no stream.
    const fn not_found(&self) -> Status {
        if self.negotiation.v7_status_codes {
            Status::DCP_STREAM_NOT_FOUND
        } else {
            Status::KEY_ENOENT
        }
    }

    /// What is said to a message of another stream.
    const fn no_match(&self) -> Status {
        if self.negotiation.v7_status_codes {
            Status::OPAQUE_NO_MATCH
        } else {
            Status::KEY_EEXISTS
        }
    }
}
