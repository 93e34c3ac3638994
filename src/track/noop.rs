//! Noops: whether the other end is still there.
//!
//! Once the control `enable_noop` was accepted, the producer sends a `DCP_NOOP` whenever an
//! interval has passed since the last one, whatever else goes on, unless that one is unanswered
//! (reference 10.5). The consumer answers each at once, in any state.

use core::{fmt, time::Duration};

use crate::dcp::{Noop, NoopReply};
use crate::{Request, Response};

/// The consumer's side: answers noops, and notices that the producer is gone.
///
/// | event                 | alive                               | silent for longer than it may be  |
/// |-----------------------|-------------------------------------|-----------------------------------|
/// | anything received     | the silence starts anew             | → alive                           |
/// | `DCP_NOOP`            | likewise; answer at once            | → alive; answer at once           |
/// | poll                  | nothing                             | [`Silence`]: close the connection |
///
/// Client libraries allow two intervals of silence. A server that consumes counts any packet, too,
/// but allows [`SERVER_LIMIT`](Self::SERVER_LIMIT).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoopResponder {
    limit: Duration,
    received_at: Duration,
}

impl NoopResponder {
    /// How long a server endures silence: its setting `dcp_idle_timeout`, unless changed.
    pub const SERVER_LIMIT: Duration = Duration::from_secs(360);

    /// For a producer that sends a noop per interval: two intervals of silence are too many.
    pub const fn new(interval: Duration, now: Duration) -> Self {
        Self::with_limit(interval.saturating_mul(2), now)
    }

    /// Allows this much silence.
    pub const fn with_limit(limit: Duration, now: Duration) -> Self {
        Self {
            limit,
            received_at: now,
        }
    }

    /// Takes note that something was received: any packet is a sign of life.
    #[inline]
    pub const fn on_packet(&mut self, now: Duration) {
        self.received_at = now;
    }

    /// The answer to send, before anything else.
    pub fn on_noop(
        &mut self,
        noop: &Request<'_, Noop>,
        now: Duration,
    ) -> Response<'static, NoopReply<'static>> {
        self.on_packet(now);
        Response {
            opaque: noop.opaque,
            ..Response::from(NoopReply::default())
        }
    }

    /// Whether the producer has been silent for too long.
    pub fn poll(&self, now: Duration) -> Result<(), Silence> {
        Silence::check(self.received_at, self.limit, now)
    }

    /// When to [`poll`](Self::poll).
    pub const fn next_timeout(&self) -> Duration {
        self.received_at.saturating_add(self.limit)
    }
}

/// The producer's side: sends noops, takes the answers, and notices that the consumer is gone.
///
/// | event                       | none under way                | one under way                    |
/// |-----------------------------|-------------------------------|----------------------------------|
/// | anything received           | the silence starts anew       | likewise                         |
/// | answer, its opaque          | violation                     | → none under way, any status     |
/// | answer, another opaque      | violation                     | violation                        |
/// | poll, the interval has passed | send one → one under way    | nothing: one at a time           |
/// | poll, silent for too long   | [`Silence`]                   | [`Silence`]                      |
///
/// The interval counts from the last noop *sent*. The first opaque is [`FIRST_OPAQUE`], and each is
/// one more than the last; a server writes its counter in its own byte order, this one in network
/// order, and neither matters to the consumer, which sends the four bytes back.
///
/// [`FIRST_OPAQUE`]: Self::FIRST_OPAQUE
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoopSender {
    interval: Duration,
    limit: Duration,
    sent_at: Duration,
    received_at: Duration,
    opaque: u32,
    under_way: bool,
}

impl NoopSender {
    /// The interval of a server that was not told another by the control `set_noop_interval`.
    pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(20);
    /// The opaque of a server's first noop: its counter starts at 10,000,000, and is raised before
    /// it is used.
    pub const FIRST_OPAQUE: u32 = 10_000_001;

    /// Sends a noop per interval from now on, and endures [`NoopResponder::SERVER_LIMIT`] of
    /// silence.
    pub const fn new(interval: Duration, now: Duration) -> Self {
        Self::with_limit(interval, NoopResponder::SERVER_LIMIT, now)
    }

    /// Sends a noop per interval from now on, and endures this much silence.
    pub const fn with_limit(interval: Duration, limit: Duration, now: Duration) -> Self {
        Self {
            interval,
            limit,
            sent_at: now,
            received_at: now,
            opaque: Self::FIRST_OPAQUE,
            under_way: false,
        }
    }

    /// Takes note that something was received: any packet is a sign of life.
    #[inline]
    pub const fn on_packet(&mut self, now: Duration) {
        self.received_at = now;
    }

    /// Takes an answer to a noop; its status does not matter.
    ///
    /// # Errors
    ///
    /// [`NoopViolation`] if it is not the answer to the noop that is under way. A server closes the
    /// connection on it, unless the status is one of those it forgives any answer.
    pub const fn on_answer(
        &mut self,
        answer: &Response<'_, NoopReply<'_>>,
        now: Duration,
    ) -> Result<(), NoopViolation> {
        self.on_packet(now);
        match self.under_way() {
            Some(opaque) if opaque == answer.opaque => {
                self.under_way = false;
                self.opaque = self.opaque.wrapping_add(1);
                Ok(())
            }
            expected => Err(NoopViolation {
                opaque: answer.opaque,
                expected,
            }),
        }
    }

    /// The noop to send now, if one is due.
    ///
    /// # Errors
    ///
    /// [`Silence`] if nothing has come for too long: close the connection.
    pub fn poll(&mut self, now: Duration) -> Result<Option<Request<'static, Noop>>, Silence> {
        Silence::check(self.received_at, self.limit, now)?;
        if self.under_way || now < self.sent_at.saturating_add(self.interval) {
            return Ok(None);
        }
        self.under_way = true;
        self.sent_at = now;
        Ok(Some(Request {
            opaque: self.opaque,
            ..Request::from(Noop)
        }))
    }

    /// The opaque of the noop that is unanswered.
    pub const fn under_way(&self) -> Option<u32> {
        if self.under_way {
            Some(self.opaque)
        } else {
            None
        }
    }

    /// When to [`poll`](Self::poll).
    pub fn next_timeout(&self) -> Duration {
        let silence = self.received_at.saturating_add(self.limit);
        if self.under_way {
            silence
        } else {
            silence.min(self.sent_at.saturating_add(self.interval))
        }
    }
}

/// Nothing was received for too long: the other end is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silence {
    /// How long nothing was received.
    pub lasted: Duration,
    /// How long that is borne.
    pub limit: Duration,
}

impl Silence {
    fn check(since: Duration, limit: Duration, now: Duration) -> Result<(), Self> {
        let lasted = now.saturating_sub(since);
        if lasted < limit {
            return Ok(());
        }
        Err(Self { lasted, limit })
    }
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lasted, limit } = self;
        write!(f, "nothing received for {lasted:?}, the limit is {limit:?}")
    }
}

impl core::error::Error for Silence {}

/// An answer to a noop that is not under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoopViolation {
    /// The opaque of the answer.
    pub opaque: u32,
    /// The opaque of the noop that is under way, if there is one.
    pub expected: Option<u32>,
}

impl fmt::Display for NoopViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "answer to noop {:#010x}, ", self.opaque)?;
        match self.expected {
            Some(expected) => write!(f, "but {expected:#010x} is under way"),
            None => f.write_str("but none is under way"),
        }
    }
}

impl core::error::Error for NoopViolation {}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;
    use crate::Status;

    const SECOND: Duration = Duration::from_secs(1);

    fn answer(opaque: u32, status: Status) -> Response<'static, NoopReply<'static>> {
        Response {
            opaque,
            status,
            ..Response::from(NoopReply::default())
        }
    }

    fn noop(opaque: u32) -> Request<'static, Noop> {
        Request {
            opaque,
            ..Request::from(Noop)
        }
    }

    #[test]
    fn responder_table() {
        let mut responder = NoopResponder::new(SECOND, SECOND);
        assert_eq!(responder.next_timeout(), SECOND * 3);
        assert_eq!(responder.poll(SECOND * 3 - Duration::from_nanos(1)), Ok(()));
        let silence = responder.poll(SECOND * 4).unwrap_err();
        assert_eq!(
            silence.to_string(),
            "nothing received for 3s, the limit is 2s"
        );
        responder.on_packet(SECOND * 4);
        assert_eq!(responder.poll(SECOND * 4), Ok(()));
        assert_eq!(responder.next_timeout(), SECOND * 6);
        for now in [SECOND * 5, SECOND * 9] {
            let answer = responder.on_noop(&noop(0x8196_9800), now);
            assert_eq!(answer.opaque, 0x8196_9800);
            assert_eq!(answer.status, Status::SUCCESS);
            assert_eq!(answer.encoded_len(), 24);
            assert_eq!(responder.poll(now), Ok(()));
        }
        let patient = NoopResponder::with_limit(NoopResponder::SERVER_LIMIT, SECOND);
        assert_eq!(patient.next_timeout(), SECOND * 361);
    }

    #[test]
    fn sender_table() {
        let mut sender = NoopSender::with_limit(SECOND, SECOND * 6, Duration::ZERO);
        assert_eq!(sender.next_timeout(), SECOND);
        assert_eq!(sender.poll(SECOND / 2), Ok(None));
        let unasked = sender
            .on_answer(&answer(10_000_001, Status::SUCCESS), SECOND)
            .unwrap_err();
        assert_eq!(
            unasked.to_string(),
            "answer to noop 0x00989681, but none is under way"
        );

        assert_eq!(sender.poll(SECOND), Ok(Some(noop(10_000_001))));
        assert_eq!(sender.under_way(), Some(10_000_001));
        assert_eq!(sender.poll(SECOND * 3), Ok(None), "one at a time");
        let foreign = sender
            .on_answer(&answer(7, Status::SUCCESS), SECOND * 3)
            .unwrap_err();
        assert_eq!(
            foreign.to_string(),
            "answer to noop 0x00000007, but 0x00989681 is under way"
        );
        assert_eq!(sender.under_way(), Some(10_000_001), "it is still");
        assert_eq!(sender.next_timeout(), SECOND * 9, "it was a sign of life");

        let late = answer(10_000_001, Status::NOT_SUPPORTED);
        assert_eq!(sender.on_answer(&late, SECOND * 4), Ok(()));
        assert!(sender.on_answer(&late, SECOND * 4).is_err(), "once");
        assert_eq!(sender.next_timeout(), SECOND * 2, "at once");
        assert_eq!(sender.poll(SECOND * 4), Ok(Some(noop(10_000_002))));

        assert_eq!(sender.poll(SECOND * 9), Ok(None));
        let silence = sender.poll(SECOND * 10).unwrap_err();
        assert_eq!(
            silence,
            Silence {
                lasted: SECOND * 6,
                limit: SECOND * 6
            }
        );
        sender.on_packet(SECOND * 11);
        assert_eq!(sender.poll(SECOND * 11), Ok(None));
    }

    #[test]
    fn the_silence_is_noticed_before_the_first_noop_too() {
        let mut sender = NoopSender::with_limit(SECOND * 60, SECOND * 6, SECOND);
        assert_eq!(sender.next_timeout(), SECOND * 7);
        assert!(sender.poll(SECOND * 7).is_err());
    }

    #[test]
    fn the_opaque_wraps() {
        let mut sender = NoopSender::new(Duration::ZERO, Duration::ZERO);
        sender.opaque = u32::MAX;
        for opaque in [u32::MAX, 0, 1] {
            assert_eq!(sender.poll(SECOND), Ok(Some(noop(opaque))));
            assert_eq!(
                sender.on_answer(&answer(opaque, Status::SUCCESS), SECOND),
                Ok(())
            );
        }
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn sizes() {
        assert_eq!(size_of::<NoopResponder>(), 32);
        assert_eq!(size_of::<NoopSender>(), 72);
    }
}
