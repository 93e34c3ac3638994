//! What is to be sent, and what the faults make of it.

use alloc::collections::VecDeque;
use core::time::Duration;

use bytes::BytesMut;

use super::super::fault::{FaultKind, Faults};
use super::{Action, Closing};
use crate::dcp::StreamEnd;
use crate::{Decoder, EncodeError, Packet, Request};

/// Packets on their way out.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: VecDeque<Waiting>,
    /// Where packets are put together: many share a block.
    block: BytesMut,
}

#[derive(Debug)]
struct Waiting {
    due: Duration,
    /// The opaque of the stream, whose packets keep their order.
    stream: Option<u32>,
    action: Action,
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// It goes its way, whatever that is.
    OnItsWay,
    /// The stream that it belonged to has ended instead.
    StreamEnded,
}

impl Outbox {
    /// Room for packets that share a block.
    const BLOCK_LEN: usize = 16 << 10;
    /// How many packets may be delayed before the streams wait.
    const CROWD: usize = 64;

    /// Sends what `write` writes: one packet.
    pub(super) fn send(
        &mut self,
        faults: &mut Faults,
        now: Duration,
        write: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
    ) -> Sent {
        match self.packet(write) {
            Some(packet) => self.pass(packet, faults, now),
            None => Sent::OnItsWay,
        }
    }

    /// The packet that `write` writes.
    pub(super) fn packet(
        &mut self,
        write: impl FnOnce(&mut BytesMut) -> Result<(), EncodeError>,
    ) -> Option<Packet> {
        if self.block.capacity() < 512 {
            self.block.reserve(Self::BLOCK_LEN);
        }
        write(&mut self.block).ok()?;
        Decoder::new(u32::MAX).decode(&mut self.block).ok()?
    }

    /// Lets the faults have it first.
    pub(super) fn pass(&mut self, packet: Packet, faults: &mut Faults, now: Duration) -> Sent {
        let header = packet.header();
        let is_request = header.magic().is_client_request();
        let opaque = header.opaque();
        let stream = is_request.then_some(opaque);
        match faults.on_sent(header) {
            None => self.push(now, stream, Action::Send(packet)),
            Some(FaultKind::Drop) => {}
            Some(FaultKind::Delay(by)) => {
                self.push(now.saturating_add(by), stream, Action::Send(packet));
            }
            Some(FaultKind::Repeat) => {
                self.push(now, stream, Action::Send(packet.clone()));
                self.push(now, stream, Action::Send(packet));
            }
            Some(FaultKind::Opaque) => {
                let mut packet = packet;
                packet.set_opaque(!opaque);
                self.push(now, stream, Action::Send(packet));
            }
            Some(FaultKind::Cut(len)) => {
                let mut bytes = BytesMut::new();
                if packet.encode(&mut bytes).is_ok() {
                    bytes.truncate(len);
                }
                self.push(now, None, Action::SendCut(bytes.freeze()));
                self.push(now, None, Action::Close(Closing::Fault));
            }
            Some(FaultKind::End(reason)) => {
                let end = Request {
                    opaque,
                    vbucket: header.vbucket_or_status(),
                    framing_extras: packet.view().framing_extras().unwrap_or_default(),
                    ..Request::from(StreamEnd { reason })
                };
                let mut bytes = BytesMut::new();
                let end = end.encode(&mut bytes).ok();
                let end = end.and_then(|()| Decoder::default().decode(&mut bytes).ok().flatten());
                if let Some(end) = end {
                    self.push(now, stream, Action::Send(end));
                }
                return Sent::StreamEnded;
            }
            Some(FaultKind::Close | FaultKind::Refuse(_) | FaultKind::Rollback(_)) => {
                self.push(now, None, Action::Close(Closing::Fault));
            }
        }
        Sent::OnItsWay
    }

    pub(super) fn push(&mut self, due: Duration, stream: Option<u32>, action: Action) {
        self.queue.push_back(Waiting {
            due,
            stream,
            action,
        });
    }

    /// The first packet that is due and has none of its stream before it.
    pub(super) fn pop(&mut self, now: Duration) -> Option<Action> {
        let at =
            self.queue.iter().enumerate().position(|(at, waiting)| {
                waiting.due <= now && !self.is_held_up(at, waiting.stream)
            })?;
        self.queue.remove(at).map(|waiting| waiting.action)
    }

    fn is_held_up(&self, at: usize, stream: Option<u32>) -> bool {
        let mut before = self.queue.iter().take(at);
        stream.is_some() && before.any(|earlier| earlier.stream == stream)
    }

    /// Whether so many packets are delayed that streams have to wait.
    pub(super) fn is_crowded(&self) -> bool {
        self.queue.len() >= Self::CROWD
    }

    /// When the next packet is due.
    pub(super) fn next_timeout(&self) -> Option<Duration> {
        self.queue.iter().map(|waiting| waiting.due).min()
    }
}
