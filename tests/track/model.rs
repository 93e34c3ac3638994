//! A consumer and a producer, as small as they can be and as unpleasant as the real ones, with the
//! machines between them.
//!
//! Packets wait in queues, one for each direction of each connection; which queue moves next, and
//! what the servers do of their own accord, is up to who plays. What would make a real server
//! close the connection is a panic here (reference 11).

use std::collections::{BTreeMap, VecDeque};

use core::time::Duration;

use mcbp::dcp::{DcpRequest, DcpResponse, StreamRequestReply};
use mcbp::track::streams::Streams;
use mcbp::track::takeover::Takeover;
use mcbp::track::{Outgoing, Side, Verdict, agree};
use mcbp::{Status, StreamEndReason, StreamFlags, VbucketState};

use super::messages::{
    added, closed, set_state, state_answer, stream_answer, stream_end, stream_request,
};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Packet {
    Request(DcpRequest<'static>),
    Response(DcpResponse<'static>),
}

type Queue = VecDeque<Packet>;

/// The stream request, with these flags.
fn asks(mut request: DcpRequest<'static>, flags: StreamFlags) -> Packet {
    if let DcpRequest::StreamRequest(request) = &mut request {
        request.message.flags = flags;
    }
    Packet::Request(request)
}

/// A stream as the consumer sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Incoming {
    pub(crate) opaque: u32,
    /// The `ADD_STREAM` that has not been answered.
    add: Option<u32>,
    flags: StreamFlags,
    accepted: bool,
}

impl Incoming {
    fn takes_over(&self) -> bool {
        self.flags.contains(StreamFlags::TAKE_OVER)
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Consumer {
    /// Counts the streams, in the byte order of the machine.
    counter: u32,
    pub(crate) streams: BTreeMap<u16, Incoming>,
    /// The vbuckets that it is active for, and the stream that made it so.
    pub(crate) active: BTreeMap<u16, u32>,
    /// How it answers the next `ADD_STREAM`s, or the answers to the next `STREAM_REQ`s.
    pub(crate) moods: VecDeque<Mood>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// As it should.
    Good,
    /// With this status, at once.
    Refuse(Status),
    /// Not before it is told to.
    Hold,
    /// Not at all.
    Silent,
}

impl Consumer {
    fn take(&mut self, packet: Packet, out: &mut Queue) {
        match packet {
            Packet::Request(DcpRequest::AddStream(add)) => {
                match self.moods.front().copied() {
                    Some(Mood::Refuse(status)) => {
                        self.moods.pop_front();
                        out.push_back(Packet::Response(added(add.opaque, status, None)));
                        return;
                    }
                    Some(Mood::Silent) => {
                        self.moods.pop_front();
                        return;
                    }
                    _ => {}
                }
                if self.streams.contains_key(&add.vbucket) {
                    let answer = added(add.opaque, Status::KEY_EEXISTS, None);
                    out.push_back(Packet::Response(answer));
                    return;
                }
                self.counter += 1;
                let opaque = self.counter.swap_bytes();
                let flags = add.message.flags;
                let incoming = Incoming {
                    opaque,
                    add: Some(add.opaque),
                    flags,
                    accepted: false,
                };
                self.streams.insert(add.vbucket, incoming);
                let request = asks(stream_request(add.vbucket, opaque), flags);
                out.push_back(request);
            }
            Packet::Request(DcpRequest::CloseStream(close)) => {
                let status = match self.streams.remove(&close.vbucket) {
                    Some(_) => Status::SUCCESS,
                    None => Status::DCP_STREAM_NOT_FOUND,
                };
                out.push_back(Packet::Response(closed(close.opaque, status)));
            }
            Packet::Request(DcpRequest::StreamEnd(end)) => {
                // With another opaque: ignored. ADD_STREAM is never answered (MB-53445).
                if self
                    .streams
                    .get(&end.vbucket)
                    .is_some_and(|own| own.opaque == end.opaque)
                {
                    self.streams.remove(&end.vbucket);
                }
            }
            Packet::Request(DcpRequest::SetVbucketState(set)) => {
                let own = self.streams.get(&set.vbucket);
                let status = if own.is_some_and(|own| own.opaque == set.opaque) {
                    if set.message.state == VbucketState::ACTIVE {
                        self.active.insert(set.vbucket, set.opaque);
                    }
                    Status::SUCCESS
                } else {
                    Status::OPAQUE_NO_MATCH
                };
                out.push_back(Packet::Response(state_answer(set.opaque, status)));
            }
            Packet::Response(DcpResponse::StreamRequest(answer)) => {
                let own = self
                    .streams
                    .iter_mut()
                    .find(|(_, own)| own.opaque == answer.opaque);
                let (&vbucket, own) = own.expect("the connection is lost: unknown stream");
                match answer.reply {
                    StreamRequestReply::Accepted(_) => {
                        own.accepted = true;
                        let mood = self.moods.pop_front().unwrap_or(Mood::Good);
                        if let Some(add) = own.add {
                            let status = match mood {
                                Mood::Good => Status::SUCCESS,
                                Mood::Refuse(status) => status,
                                Mood::Hold => return,
                                Mood::Silent => {
                                    own.add = None;
                                    return;
                                }
                            };
                            own.add = None;
                            let reply = added(add, status, Some(own.opaque));
                            out.push_back(Packet::Response(reply));
                            // Refused so late, a stream is dead; that of a takeover may not be.
                            if status != Status::SUCCESS && !own.takes_over() {
                                self.streams.remove(&vbucket);
                            }
                        }
                    }
                    StreamRequestReply::Rollback { .. } => {
                        let request = stream_request(vbucket, answer.opaque);
                        out.push_back(asks(request, own.flags));
                    }
                    StreamRequestReply::Refused(_) => {
                        let reply = own
                            .add
                            .map(|add| added(add, answer.status, Some(own.opaque)));
                        out.extend(reply.map(Packet::Response));
                        self.streams.remove(&vbucket);
                    }
                }
            }
            Packet::Response(other) => panic!("the connection is lost: {other:?}"),
            Packet::Request(other) => panic!("the connection is lost: {other:?}"),
        }
    }

    /// Answers an `ADD_STREAM` that it has held back.
    fn answers(&mut self, out: &mut Queue) -> bool {
        let mut held = self.streams.values_mut().filter(|own| own.accepted);
        let Some(own) = held.find(|own| own.add.is_some()) else {
            return false;
        };
        let add = own.add.take().expect("it is there");
        let answer = added(add, Status::SUCCESS, Some(own.opaque));
        out.push_back(Packet::Response(answer));
        true
    }

    /// Answers an `ADD_STREAM` whose stream may be open with a wish to try later, and perhaps
    /// forgets the stream.
    fn wants_to_try_later(&mut self, forgets: bool, out: &mut Queue) -> bool {
        let mut streams = self.streams.iter_mut();
        let open = streams.find(|(_, own)| own.add.is_some() && own.takes_over());
        let Some((&vbucket, own)) = open else {
            return false;
        };
        let add = own.add.take().expect("it is there");
        let answer = added(add, Status::ETMPFAIL, Some(own.opaque));
        out.push_back(Packet::Response(answer));
        // One that waits for the answer to STREAM_REQ cannot forget it.
        if forgets && own.accepted {
            self.streams.remove(&vbucket);
        }
        true
    }
}

#[derive(Debug, Clone, Copy)]
struct Outgoings {
    opaque: u32,
    takes_over: bool,
    /// States that were sent, and answered.
    sent: u8,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Producer {
    streams: BTreeMap<u16, Outgoings>,
    /// How it answers the next `STREAM_REQ`s.
    pub(crate) answers: VecDeque<Status>,
    /// The streams that it has ended of its own accord.
    pub(crate) ended: Vec<u32>,
}

impl Producer {
    fn take(&mut self, packet: Packet, out: &mut Queue) {
        match packet {
            Packet::Request(DcpRequest::StreamRequest(request)) => {
                let vbucket = request.vbucket;
                let status = if self.streams.contains_key(&vbucket) {
                    Status::KEY_EEXISTS
                } else {
                    self.answers.pop_front().unwrap_or(Status::SUCCESS)
                };
                let opaque = request.opaque;
                if status == Status::SUCCESS {
                    let takes_over = request.message.flags.contains(StreamFlags::TAKE_OVER);
                    self.streams.insert(
                        vbucket,
                        Outgoings {
                            opaque,
                            takes_over,
                            sent: 0,
                        },
                    );
                }
                out.push_back(Packet::Response(stream_answer(opaque, status)));
            }
            Packet::Request(DcpRequest::CloseStream(close)) => {
                let own = self.streams.remove(&close.vbucket);
                let status = if own.is_some() {
                    Status::SUCCESS
                } else {
                    Status::KEY_ENOENT
                };
                out.push_back(Packet::Response(closed(close.opaque, status)));
                out.extend(own.map(|own| {
                    let end = stream_end(close.vbucket, own.opaque, StreamEndReason::CLOSED);
                    Packet::Request(end)
                }));
            }
            Packet::Response(DcpResponse::SetVbucketState(answer)) => {
                let own = self
                    .streams
                    .iter_mut()
                    .find(|(_, own)| own.opaque == answer.opaque);
                let Some((&vbucket, own)) = own else { return };
                // Any status will do.
                let packet = if own.sent == 1 {
                    own.sent = 2;
                    set_state(vbucket, own.opaque, VbucketState::ACTIVE)
                } else {
                    let end = stream_end(vbucket, own.opaque, StreamEndReason::OK);
                    self.streams.remove(&vbucket);
                    end
                };
                out.push_back(Packet::Request(packet));
            }
            Packet::Response(other) => panic!("the connection is lost: {other:?}"),
            Packet::Request(other) => panic!("the connection is lost: {other:?}"),
        }
    }

    /// Has sent all items of a takeover.
    fn hands_over(&mut self, out: &mut Queue) -> bool {
        let ready = self
            .streams
            .iter_mut()
            .find(|(_, own)| own.takes_over && own.sent == 0);
        let Some((&vbucket, own)) = ready else {
            return false;
        };
        own.sent = 1;
        let set = set_state(vbucket, own.opaque, VbucketState::PENDING);
        out.push_back(Packet::Request(set));
        true
    }

    /// Ends a stream: the one that comes next after `from`.
    fn ends(&mut self, from: u16, out: &mut Queue) -> bool {
        let next = self
            .streams
            .range(from..)
            .next()
            .or(self.streams.iter().next());
        let Some((&vbucket, own)) = next else {
            return false;
        };
        let end = stream_end(vbucket, own.opaque, StreamEndReason::STATE_CHANGED);
        out.push_back(Packet::Request(end));
        self.ended.push(own.opaque);
        self.streams.remove(&vbucket);
        true
    }
}

/// What can happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A packet from this side reaches the machines.
    Read(Side),
    /// A packet reaches this side.
    Deliver(Side),
    /// The machines' next timer goes off.
    Timeout,
    /// The consumer answers an `ADD_STREAM` that it has held back.
    Answer,
    /// The consumer wants to try a takeover later, and perhaps forgets the stream.
    TryLater { forgets: bool },
    /// The producer has no more items for a takeover.
    HandOver,
    /// The producer ends a stream.
    End { from: u16 },
}

/// Two servers, and what is between them.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) now: Duration,
    pub(crate) streams: Option<Streams>,
    pub(crate) takeover: Option<Takeover>,
    pub(crate) consumer: Consumer,
    pub(crate) producer: Producer,
    from_consumer: Queue,
    from_producer: Queue,
    to_consumer: Queue,
    to_producer: Queue,
    /// Whether packets reach the servers as soon as they are sent.
    pub(crate) is_direct: bool,
}

impl World {
    pub(crate) fn new(streams: Option<Streams>, takeover: Option<Takeover>) -> Self {
        Self {
            now: Duration::from_secs(1000),
            streams,
            takeover,
            consumer: Consumer::default(),
            producer: Producer::default(),
            from_consumer: Queue::new(),
            from_producer: Queue::new(),
            to_consumer: Queue::new(),
            to_producer: Queue::new(),
            is_direct: false,
        }
    }

    /// Whether a packet is under way from this side to the machines.
    pub(crate) fn can_read(&self, side: Side) -> bool {
        match side {
            Side::Consumer => !self.from_consumer.is_empty(),
            Side::Producer => !self.from_producer.is_empty(),
        }
    }

    /// The streams whose end is under way to the consumer.
    pub(crate) fn ending(&self) -> Vec<u32> {
        let ends = self.to_consumer.iter().filter_map(|packet| match packet {
            Packet::Request(DcpRequest::StreamEnd(end)) => Some(end.opaque),
            _ => None,
        });
        ends.collect()
    }

    pub(crate) fn next_timeout(&self) -> Option<Duration> {
        let streams = self.streams.as_ref().and_then(Streams::next_timeout);
        let takeover = self.takeover.as_ref().and_then(Takeover::next_timeout);
        streams.into_iter().chain(takeover).min()
    }

    /// Takes a step, if it is possible.
    pub(crate) fn step(&mut self, step: Step) -> bool {
        let done = match step {
            Step::Read(side) => self.read(side),
            Step::Deliver(side) => self.deliver(side),
            Step::Timeout => self.time_out(),
            Step::Answer => self.consumer.answers(&mut self.from_consumer),
            Step::TryLater { forgets } => self
                .consumer
                .wants_to_try_later(forgets, &mut self.from_consumer),
            Step::HandOver => self.producer.hands_over(&mut self.from_producer),
            Step::End { from } => self.producer.ends(from, &mut self.from_producer),
        };
        self.after_every_call();
        done
    }

    fn read(&mut self, side: Side) -> bool {
        let packet = match side {
            Side::Consumer => self.from_consumer.pop_front(),
            Side::Producer => self.from_producer.pop_front(),
        };
        let Some(packet) = packet else { return false };
        let now = self.now;
        let one = self.streams.as_mut().map(|streams| match &packet {
            Packet::Request(request) => streams.on_request(side, request),
            Packet::Response(response) => streams.on_response(side, response),
        });
        let other = self.takeover.as_mut().map(|takeover| match &packet {
            Packet::Request(request) => takeover.on_request(side, request, now),
            Packet::Response(response) => takeover.on_response(side, response, now),
        });
        let verdict = match (one, other) {
            (Some(one), Some(other)) => agree(one, other),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => Ok(Verdict::Pass),
        };
        if verdict.expect("nobody violates anything here") == Verdict::Pass {
            self.send(side.other(), packet);
        }
        true
    }

    fn send(&mut self, to: Side, packet: Packet) {
        match to {
            Side::Consumer => self.to_consumer.push_back(packet),
            Side::Producer => self.to_producer.push_back(packet),
        }
    }

    fn deliver(&mut self, side: Side) -> bool {
        let packet = match side {
            Side::Consumer => self.to_consumer.pop_front(),
            Side::Producer => self.to_producer.pop_front(),
        };
        let Some(packet) = packet else { return false };
        match side {
            Side::Consumer => self.consumer.take(packet, &mut self.from_consumer),
            Side::Producer => self.producer.take(packet, &mut self.from_producer),
        }
        true
    }

    fn time_out(&mut self) -> bool {
        let Some(deadline) = self.next_timeout() else {
            return false;
        };
        self.now = self.now.max(deadline);
        if let Some(streams) = &mut self.streams {
            streams.on_timeout(self.now);
        }
        if let Some(takeover) = &mut self.takeover {
            takeover.on_timeout(self.now);
        }
        true
    }

    pub(crate) fn after_every_call(&mut self) {
        while let Some(Outgoing { to, request }) = self.poll_send() {
            self.send(to, Packet::Request(request));
        }
        while self.is_direct && (self.deliver(Side::Consumer) || self.deliver(Side::Producer)) {}
    }

    fn poll_send(&mut self) -> Option<Outgoing> {
        let streams = self.streams.as_mut().and_then(Streams::poll_send);
        streams.or_else(|| self.takeover.as_mut().and_then(Takeover::poll_send))
    }
}
