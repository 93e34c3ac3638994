//! A stream: which message comes next.

mod filter;
mod message;
mod snapshot;

use core::num::NonZeroU16;

use super::super::bucket::Bucket;
use super::super::node::Release;
use super::super::vbucket::{self, Vbucket};
use super::control::Settings;
use super::outbox::Outbox;
use crate::dcp::{SetVbucketState, StreamEnd, StreamRequest};
use crate::validate;
use crate::{
    FramingExtras, OpenFlags, Packet, Request, StreamEndReason, StreamFlags, VbucketState,
};

pub(super) use filter::Filter;

use snapshot::Snapshot;

/// A stream of one vbucket, at the producer.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) opaque: u32,
    pub(super) vbucket: u16,
    pub(super) stream_id: Option<NonZeroU16>,
    /// The same as a frame info.
    stream_id_info: Option<[u8; 3]>,
    filter: Filter,
    /// The branch of history that the stream is on: it ends with it.
    branch: u64,
    /// What has been sent, or passed over.
    last: u64,
    end: u64,
    /// Where the first marker starts: the consumer may be in the middle of a snapshot.
    start: Option<u64>,
    snapshot: Option<Snapshot>,
    takeover: Takeover,
}

/// How far a takeover has come (reference 10.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takeover {
    /// It is none.
    No,
    /// The consumer catches up.
    Sending,
    /// The consumer is told to be pending.
    Pending,
    /// This vbucket is dead, and the consumer is told to be active.
    Active,
}

/// A message of a stream.
pub(super) struct Pulled {
    pub(super) packet: Packet,
    /// Whether the stream is over.
    pub(super) is_last: bool,
}

/// What a message depends on beside the stream.
pub(super) struct Output<'a> {
    pub(super) settings: &'a Settings,
    pub(super) flags: OpenFlags,
    pub(super) known: &'a validate::Connection,
    pub(super) release: Release,
    pub(super) block: &'a mut Outbox,
}

impl Output<'_> {
    /// Whether the consumer takes part in durable writes.
    const fn is_sync_replication(&self) -> bool {
        self.settings.sync_writes && self.settings.consumer_name
    }
}

impl Stream {
    pub(super) fn new(
        opaque: u32,
        vbucket: u16,
        stream_id: Option<NonZeroU16>,
        filter: Filter,
        request: &StreamRequest<'_>,
        own: &Vbucket,
    ) -> Self {
        let (snapshot_start, _) = vbucket::snapshot(request);
        let is_takeover = request.flags.contains(StreamFlags::TAKE_OVER);
        Self {
            opaque,
            vbucket,
            stream_id,
            stream_id_info: stream_id.map(|id| {
                let [high, low] = id.get().to_be_bytes();
                [0x22, high, low]
            }),
            filter,
            branch: own.uuid(),
            last: request.start_seqno,
            end: request.end_seqno,
            start: Some(snapshot_start),
            snapshot: None,
            takeover: if is_takeover {
                Takeover::Sending
            } else {
                Takeover::No
            },
        }
    }

    /// The next message; `None` for none before the bucket changes or something is acknowledged.
    pub(super) fn pull(
        &mut self,
        bucket: &mut Bucket,
        mut output: Output<'_>,
        awaited: u32,
    ) -> Option<Pulled> {
        let going_on = |packet| Pulled {
            packet,
            is_last: false,
        };
        if let Some(reason) = self.is_lost(bucket, &output) {
            return self.last(&mut output, reason);
        }
        loop {
            if self.snapshot.is_some() {
                if let Some(packet) = self.next_item(bucket, &mut output) {
                    return Some(going_on(packet));
                }
                continue;
            }
            if self.last >= self.end {
                return self.last(&mut output, StreamEndReason::OK);
            }
            if awaited > 0 {
                return None;
            }
            if self.is_behind(bucket) {
                if let Some(packet) = self.next_snapshot(bucket, &mut output) {
                    return Some(going_on(packet));
                }
                continue;
            }
            if self.filter.is_over(bucket) {
                return self.last(&mut output, StreamEndReason::FILTER_EMPTY);
            }
            let (state, next) = match self.takeover {
                Takeover::No => return None,
                Takeover::Sending => (VbucketState::PENDING, Takeover::Pending),
                Takeover::Pending => {
                    // What was changed until now is sent before the consumer is active.
                    if bucket.vbucket(self.vbucket)?.state() != VbucketState::DEAD {
                        bucket.set_state(self.vbucket, VbucketState::DEAD);
                        continue;
                    }
                    (VbucketState::ACTIVE, Takeover::Active)
                }
                Takeover::Active => return self.last(&mut output, StreamEndReason::OK),
            };
            self.takeover = next;
            let packet = self.packet(&mut output, 0, SetVbucketState { state });
            return packet.map(going_on);
        }
    }

    /// Why the stream cannot go on, if it cannot.
    fn is_lost(&self, bucket: &Bucket, output: &Output<'_>) -> Option<StreamEndReason> {
        let own = bucket.vbucket(self.vbucket);
        let is_served = own.is_some_and(|own| {
            let state = own.state();
            let is_alive = state == VbucketState::ACTIVE || state == VbucketState::REPLICA;
            own.uuid() == self.branch && (is_alive || self.takeover != Takeover::No)
        });
        if !is_served {
            return Some(StreamEndReason::STATE_CHANGED);
        }
        let is_of_nothing = self.filter.is_of_nothing() && output.release == Release::V8_0;
        is_of_nothing.then_some(StreamEndReason::FILTER_EMPTY)
    }

    fn is_behind(&self, bucket: &Bucket) -> bool {
        let high = bucket.vbucket(self.vbucket).map_or(0, Vbucket::high_seqno);
        self.last < high.min(self.end)
    }

    fn last(&self, output: &mut Output<'_>, reason: StreamEndReason) -> Option<Pulled> {
        // A client without collections is not told of them.
        let reason = match reason {
            StreamEndReason::FILTER_EMPTY if !output.known.collections => StreamEndReason::OK,
            reason => reason,
        };
        let packet = self.end(output.block, reason)?;
        Some(Pulled {
            packet,
            is_last: true,
        })
    }

    /// The end of the stream.
    pub(super) fn end(&self, block: &mut Outbox, reason: StreamEndReason) -> Option<Packet> {
        let end = Request {
            opaque: self.opaque,
            vbucket: self.vbucket,
            framing_extras: self.framing_extras(),
            ..Request::from(StreamEnd { reason })
        };
        block.packet(|out| end.encode(out))
    }

    fn framing_extras(&self) -> FramingExtras<'_> {
        let info = self.stream_id_info.as_ref();
        info.and_then(|info| FramingExtras::new(info).ok())
            .unwrap_or_default()
    }
}
