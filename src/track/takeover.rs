//! Moves an active vbucket to the consumer, trying more than once.
//!
//! In a takeover the consumer gets the vbucket's stream, and at its end the producer makes the
//! consumer active for the vbucket by two `SET_VBUCKET_STATE`, pending and active, each of which
//! waits for an answer; it gives up the vbucket itself in between (reference 10.2). The consumer
//! may not be ready: it answers `ADD_STREAM` with `ETMPFAIL` or `EBUSY`, at once or when the stream
//! has long begun, and wants to be asked again later. [`Takeover`] does so, a bounded number of
//! times, and has one [`Outcome`] for each [`start`](Takeover::start): success once `ADD_STREAM` is
//! acknowledged and the vbucket is active, in either order.
//!
//! # One try after the other
//!
//! Packets of a try that has failed may still be on their way when the next one is under way, and
//! both are about the same vbucket. None of them may end, acknowledge or activate the new one:
//!
//! * Every try has an opaque of its own for `ADD_STREAM`, and the consumer gives its stream one of
//!   its own. Packets belong to a try by these alone.
//! * The next try begins only when the last one is known to be closed on both sides, and then some
//!   time later ([`Config::first_pause`]). Known to be closed means: its stream has ended; or the
//!   consumer has refused it when the producer had not been asked for it, or had refused it too; or
//!   `CLOSE_STREAM`, which is sent if neither is so, is answered. As packets of one connection keep
//!   their order, nothing of the failed try comes from the consumer after that, but much may from
//!   the producer.
//!
//! What becomes of packets with the stream opaque of a *failed* try:
//!
//! | from     | packet                        | verdict | why                                           |
//! |----------|-------------------------------|---------|-----------------------------------------------|
//! | producer | `STREAM_END`                  | pass    | it closes the stream on the consumer, which ignores the opaque of any but its current stream |
//! | producer | `SET_VBUCKET_STATE`           | keep    | the vbucket could become active though nobody waits for it |
//! | producer | answer to `STREAM_REQ`        | keep    | the consumer has forgotten the stream, and closes the connection when told about it (reference 11.2) |
//! | producer | items and markers             | pass    | the consumer counts their bytes, and refuses them: without harm, if it negotiated `v7_dcp_status_codes` |
//! | consumer | `STREAM_REQ`                  | keep    | the producer would open a stream that nobody wants |
//! | consumer | answer to `SET_VBUCKET_STATE` | keep    | the producer would take it for leave to give the vbucket up |
//! | consumer | answer to `SNAPSHOT_MARKER`   | keep    | the producer would go on towards that point   |
//! | consumer | answers to `ADD_STREAM`, `CLOSE_STREAM` | keep | they answer this machine, in any state |
//!
//! The consumer never sees the kept `SET_VBUCKET_STATE`, of 25 bytes, so it does not acknowledge
//! them to the producer's flow control: at most two per try.
//!
//! # What happens to a try
//!
//! | event                              | verdict | `Idle` | `Requested` | `Streaming` | `Acknowledged` | `Active` | `Ended` | `Closing` | `Pausing` |
//! |------------------------------------|------|---|-----------|-----------|-----------|-----------|---------|-----------|-------------|
//! | consumer: `STREAM_REQ`, new        | 1    | · | `Streaming` | ·       | ·         | ·         | ·       | ·         | ·           |
//! | consumer: `ADD_STREAM` success     | keep | · | `Acknowledged` | `Acknowledged` | · | `Idle` ✓ | `Idle` ✗ | ·      | ·           |
//! | consumer: `ADD_STREAM` try later   | keep | · | `Pausing` | `Closing` c p | ·     | `Closing` c p | `Pausing` | ·     | ·           |
//! | consumer: `ADD_STREAM` refused     | keep | · | `Idle` ✗  | `Closing` c p | ·     | `Closing` c p | `Idle` ✗ | ·      | ·           |
//! | producer: `STREAM_REQ` refused     | 2    | · | ·         | ·         | ·         | ·         | ·       | ·         | ·           |
//! | producer: `SET_VBUCKET_STATE`      | 3    | · | ·         | ·         | ·         | ·         | ·       | ·         | ·           |
//! | consumer: active answered, success | 2    | · | ·         | `Active`  | `Idle` ✓  | ·         | ·       | ·         | ·           |
//! | consumer: active answered, error   | 2    | · | ·         | `Closing` c p | `Closing` c p | ·     | ·       | ·         | ·           |
//! | consumer: pending answered         | 2    | · | ·         | ·         | ·         | ·         | ·       | ·         | ·           |
//! | producer: `STREAM_END`             | pass | · | ·         | `Ended`   | `Idle` ✗  | `Ended`   | ·       | `Pausing` | ·           |
//! | producer: `STREAM_END`, other opaque | pass | · | ·       | ·         | ·         | ·         | ·       | ·         | ·           |
//! | both: `CLOSE_STREAM` closed        | keep | · | ·         | ·         | ·         | ·         | ·       | `Pausing` | ·           |
//! | one: `CLOSE_STREAM` refused        | keep | · | ·         | ·         | ·         | ·         | ·       | `Idle` ✗  | ·           |
//! | time is up                         |      | · | `Closing` c | `Closing` c p | `Closing` c p | `Closing` c p | `Idle` ✗ | `Idle` ✗ | `Requested` a |
//!
//! * `·` nothing changes; ✓ is success and ✗ failure; a sends `ADD_STREAM` to the consumer; c and p
//!   send `CLOSE_STREAM` to the consumer and the producer (to which only if a `STREAM_REQ` passed).
//! * `Closing` is shown for a try that is to be followed by another; if there is none left, or the
//!   consumer did not ask for one, `Idle` ✗ comes where the table says `Pausing`. A stream is not
//!   left behind: success apart, the outcome waits until it is closed or that has failed. If that
//!   has failed nothing is begun any more ([`StartRefused::NotClosed`]).
//! * If the producer has refused the `STREAM_REQ` of a try there is no stream, and `ADD_STREAM`
//!   refused leads where it leads in `Requested`.
//! * `Ended`: `STREAM_END` and the answer to `ADD_STREAM` come from different sockets, so their
//!   order says nothing. For a short time ([`Config::grace`]) the answer may still turn the end of
//!   the stream into a wish for another try; or it may never come (MB-53445). If the vbucket had
//!   been `Active`, the stream has ended because all is done: then it is ✓ where the table says
//!   `Idle` ✗, but for `ADD_STREAM` refused.
//! * `Active`, which means active but not acknowledged: a wish for another try is not granted, as
//!   the consumer cannot take over a vbucket that it is active for; [`Try::activated`] tells.
//! * 1: passed, but kept in `Ended`, `Closing` and `Pausing`. 2: passed, but kept from `Closing` on,
//!   as is all that belongs to a failed try. 3: passed in `Streaming`, `Acknowledged` and `Active` if
//!   the opaque is that of the stream, and kept otherwise while a takeover is under way: nothing
//!   else may activate the vbucket.
//! * Packets about other vbuckets pass.
//!
//! # What it costs
//!
//! An event looks at most at the tries so far, of which there are one more than
//! [`Config::retries`]. All memory is taken by [`Takeover::new`]: a [`Try`], of 48 bytes, for each.

mod config;
mod outcome;

use alloc::vec::Vec;
use core::time::Duration;

pub use self::config::{Config, State};
pub use self::outcome::{Failure, Outcome, StartRefused, TakeoverError, Try};
use crate::dcp::{DcpRequest, DcpResponse};
use crate::track::{
    Ask, Numbers, Outgoing, Side, Verdict, Violation, add_stream, close_stream, means_closed,
    number_and_vbucket, opaque,
};
use crate::{Opcode, Status, StreamEndReason, StreamFlags, VbucketState};

/// The takeovers of a connection to a consumer and one to a producer, one at a time.
///
/// ```
/// use core::time::Duration;
/// use mcbp::dcp::{AddStreamReply, DcpResponse};
/// use mcbp::track::takeover::{Config, State, Takeover};
/// use mcbp::track::{Side, Verdict};
/// use mcbp::{Response, Status};
///
/// let mut takeover = Takeover::new(Config::default());
/// takeover.start(7, Duration::ZERO)?;
/// assert_eq!(takeover.poll_send().map(|outgoing| outgoing.to), Some(Side::Consumer));
///
/// let answer = DcpResponse::AddStream(Response {
///     opaque: 0x8001_0007, // That of the request.
///     status: Status::ETMPFAIL,
///     ..Response::from(AddStreamReply::default())
/// });
/// let now = Duration::from_secs(1);
/// assert_eq!(takeover.on_response(Side::Consumer, &answer, now), Ok(Verdict::Keep));
/// assert_eq!(takeover.state(), State::Pausing);
/// let later = takeover.next_timeout().expect("it will be tried again");
/// takeover.on_timeout(later);
/// assert_eq!(takeover.state(), State::Requested);
/// # Ok::<(), mcbp::track::takeover::StartRefused>(())
/// ```
#[derive(Debug, Clone)]
pub struct Takeover {
    config: Config,
    numbers: Numbers,
    vbucket: u16,
    phase: Phase,
    /// When that is to be left, unless it is `Idle`.
    deadline: Duration,
    /// The requests of the try.
    add: Ask,
    close_consumer: Ask,
    close_producer: Ask,
    /// Whether the producer may have a stream.
    is_asked_for: bool,
    /// Whether the takeover ended before its last stream was known to be closed.
    is_unclosed: bool,
    /// How often the producer has sent a state, and the consumer has answered.
    states: u32,
    states_answered: u32,
    /// The first of them that said active.
    active: Option<u32>,
    /// The tries so far; the last is under way unless it has failed.
    tries: Vec<Try>,
    result: Option<Result<(), TakeoverError>>,
}

/// Which deadline is running, and what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    /// A try is under way; how far it is, the other fields say.
    Trying,
    /// `ADD_STREAM` may still be answered.
    Ended {
        opaque: u32,
        reason: StreamEndReason,
    },
    Closing(Next),
    Pausing,
}

/// What follows a failed try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Retry,
    GiveUp(TakeoverError),
}

impl Takeover {
    /// The packets to be shown to the machine: requests and responses with these opcodes.
    pub const OPCODES: &[Opcode] = &[
        Opcode::DCP_ADD_STREAM,
        Opcode::DCP_CLOSE_STREAM,
        Opcode::DCP_STREAM_REQ,
        Opcode::DCP_STREAM_END,
        Opcode::DCP_SNAPSHOT_MARKER,
        Opcode::DCP_SET_VBUCKET_STATE,
    ];

    /// No takeover; room for the history of all tries of one is taken here, and no memory later.
    pub fn new(config: Config) -> Self {
        let tries = usize::from(config.retries).saturating_add(1);
        Self {
            config,
            numbers: Numbers::TAKEOVER,
            vbucket: 0,
            phase: Phase::Idle,
            deadline: Duration::ZERO,
            add: Ask::Nothing,
            close_consumer: Ask::Nothing,
            close_producer: Ask::Nothing,
            is_asked_for: false,
            is_unclosed: false,
            states: 0,
            states_answered: 0,
            active: None,
            tries: Vec::with_capacity(tries),
            result: None,
        }
    }

    /// Moves this vbucket, which must not have a stream, to the consumer.
    ///
    /// # Errors
    ///
    /// One at a time, and none while a stream may be left of the last one.
    pub fn start(&mut self, vbucket: u16, now: Duration) -> Result<(), StartRefused> {
        if self.phase != Phase::Idle {
            return Err(StartRefused::Busy);
        }
        if self.result.is_some() {
            return Err(StartRefused::OutcomeWaiting);
        }
        if self.is_unclosed {
            return Err(StartRefused::NotClosed);
        }
        self.vbucket = vbucket;
        self.tries.clear();
        self.begin_try(now);
        Ok(())
    }

    /// Takes a request that came from this side.
    ///
    /// # Errors
    ///
    /// None so far.
    pub fn on_request(
        &mut self,
        from: Side,
        request: &DcpRequest<'_>,
        now: Duration,
    ) -> Result<Verdict, Violation> {
        Ok(match (from, request) {
            (Side::Consumer, DcpRequest::StreamRequest(request))
                if request.vbucket == self.vbucket =>
            {
                self.on_stream_request(request.opaque)
            }
            (Side::Producer, DcpRequest::StreamEnd(end)) if end.vbucket == self.vbucket => {
                self.on_stream_end(end.opaque, end.message.reason, now);
                Verdict::Pass
            }
            (Side::Producer, DcpRequest::SetVbucketState(set)) if set.vbucket == self.vbucket => {
                self.on_set_state(set.opaque, set.message.state)
            }
            _ => Verdict::Pass,
        })
    }

    /// Takes a response that came from this side.
    ///
    /// # Errors
    ///
    /// An answer to what was not asked.
    pub fn on_response(
        &mut self,
        from: Side,
        response: &DcpResponse<'_>,
        now: Duration,
    ) -> Result<Verdict, Violation> {
        match (from, response) {
            (_, DcpResponse::AddStream(answer)) => {
                let number = self.asked(from, Opcode::DCP_ADD_STREAM, answer.opaque)?;
                if self.add.take_answer(number) {
                    self.on_added(answer.status, answer.reply.header_opaque(), now);
                }
                Ok(Verdict::Keep)
            }
            (_, DcpResponse::CloseStream(answer)) => {
                let number = self.asked(from, Opcode::DCP_CLOSE_STREAM, answer.opaque)?;
                self.on_closed(from, number, answer.status, now);
                Ok(Verdict::Keep)
            }
            (Side::Producer, DcpResponse::StreamRequest(answer)) => {
                if self.is_current(answer.opaque) && answer.status != Status::SUCCESS {
                    self.is_asked_for = false;
                }
                Ok(self.unless_failed(answer.opaque))
            }
            (Side::Consumer, DcpResponse::SetVbucketState(answer)) => {
                if self.is_current(answer.opaque) {
                    self.on_state_answer(answer.status, now);
                    return Ok(Verdict::Pass);
                }
                Ok(self.unless_failed(answer.opaque))
            }
            (Side::Consumer, DcpResponse::SnapshotMarker(answer)) => {
                Ok(self.unless_failed(answer.opaque))
            }
            _ => Ok(Verdict::Pass),
        }
    }

    /// The next request to be sent.
    pub fn poll_send(&mut self) -> Option<Outgoing> {
        let (to, ask) = [
            (Side::Consumer, &mut self.add),
            (Side::Consumer, &mut self.close_consumer),
            (Side::Producer, &mut self.close_producer),
        ]
        .into_iter()
        .find(|(_, ask)| **ask == Ask::Unsent)?;
        let number = self.numbers.take();
        *ask = Ask::Sent(number);
        let vbucket = self.vbucket;
        let opaque = opaque(number, vbucket);
        let request = if self.phase == Phase::Trying {
            if let Some(current) = self.tries.last_mut() {
                current.opaque = opaque;
            }
            let flags = self.config.flags | StreamFlags::TAKE_OVER;
            add_stream(opaque, vbucket, flags)
        } else {
            close_stream(opaque, vbucket)
        };
        Some(Outgoing { to, request })
    }

    /// How a takeover ended, if one has.
    pub fn poll_outcome(&mut self) -> Option<Outcome<'_>> {
        let result = self.result.take()?;
        Some(Outcome {
            vbucket: self.vbucket,
            result,
            tries: &self.tries,
        })
    }

    /// When to call [`on_timeout`](Self::on_timeout) next: always some time if a takeover is under
    /// way.
    pub fn next_timeout(&self) -> Option<Duration> {
        (self.phase != Phase::Idle).then_some(self.deadline)
    }

    /// Does what is to be done at this time.
    pub fn on_timeout(&mut self, now: Duration) {
        if now < self.deadline {
            return;
        }
        match self.phase {
            Phase::Idle => {}
            Phase::Trying => self.fail(Failure::TimedOut, now),
            Phase::Ended { .. } => self.on_grace_over(now),
            Phase::Closing(next) => self.give_up(next, None),
            Phase::Pausing => self.begin_try(now),
        }
    }

    /// How far the takeover is.
    pub fn state(&self) -> State {
        let current = self.tries.last();
        match self.phase {
            Phase::Idle => State::Idle,
            Phase::Trying if self.is_active() => State::Active,
            Phase::Trying if !self.add.is_pending() => State::Acknowledged,
            Phase::Trying if current.is_some_and(|current| current.stream_opaque.is_some()) => {
                State::Streaming
            }
            Phase::Trying => State::Requested,
            Phase::Ended { .. } => State::Ended,
            Phase::Closing(_) => State::Closing,
            Phase::Pausing => State::Pausing,
        }
    }

    /// The tries of the takeover that is under way, or of the last one.
    pub fn tries(&self) -> &[Try] {
        &self.tries
    }

    fn begin_try(&mut self, now: Duration) {
        self.phase = Phase::Trying;
        self.deadline = now.saturating_add(self.config.timeout);
        self.add = Ask::Unsent;
        self.is_asked_for = false;
        self.states = 0;
        self.states_answered = 0;
        self.active = None;
        self.tries.push(Try {
            opaque: 0,
            stream_opaque: None,
            started: now,
            activated: false,
            state: None,
            failure: None,
        });
    }

    /// The number of the request with this opaque; 0, which none has, if it was about a vbucket
    /// that was taken over before.
    fn asked(&self, by: Side, opcode: Opcode, opaque: u32) -> Result<u16, Violation> {
        let (number, vbucket) = number_and_vbucket(opaque);
        let may_be_asked = opcode == Opcode::DCP_CLOSE_STREAM || by == Side::Consumer;
        if !may_be_asked || !self.numbers.contain(number) {
            return Err(Violation::UnknownRequest {
                from: by,
                opcode,
                opaque,
            });
        }
        Ok(if vbucket == self.vbucket { number } else { 0 })
    }

    /// Whether this is the stream of the try that is under way.
    fn is_current(&self, opaque: u32) -> bool {
        self.phase == Phase::Trying
            && self.tries.last().and_then(|current| current.stream_opaque) == Some(opaque)
    }

    /// Whether this is the stream of a try that has failed.
    fn has_failed(&self, opaque: u32) -> bool {
        let is_it = |one: &Try| one.failure.is_some() && one.stream_opaque == Some(opaque);
        self.tries.iter().any(is_it)
    }

    fn unless_failed(&self, opaque: u32) -> Verdict {
        if self.has_failed(opaque) {
            Verdict::Keep
        } else {
            Verdict::Pass
        }
    }

    fn on_stream_request(&mut self, opaque: u32) -> Verdict {
        if self.phase == Phase::Idle && !self.is_unclosed {
            return self.unless_failed(opaque);
        }
        if self.phase != Phase::Trying || !self.is_added() || self.has_failed(opaque) {
            return Verdict::Keep;
        }
        if let Some(current) = self.tries.last_mut() {
            current.stream_opaque = Some(opaque);
            self.is_asked_for = true;
        }
        Verdict::Pass
    }

    /// Whether the try's `ADD_STREAM` was sent.
    fn is_added(&self) -> bool {
        self.add != Ask::Unsent
    }

    fn on_stream_end(&mut self, opaque: u32, reason: StreamEndReason, now: Duration) {
        let is_last = self.tries.last().and_then(|last| last.stream_opaque) == Some(opaque);
        match self.phase {
            Phase::Trying if is_last => {
                self.is_asked_for = false;
                if self.add.is_pending() {
                    self.phase = Phase::Ended { opaque, reason };
                    let until = now.saturating_add(self.config.grace);
                    self.deadline = self.deadline.min(until);
                } else {
                    self.fail(Failure::Ended { opaque, reason }, now);
                }
            }
            Phase::Closing(next) if is_last => self.on_closed_for_good(next, now),
            Phase::Idle if is_last => self.is_unclosed = false,
            _ => {}
        }
    }

    fn on_set_state(&mut self, opaque: u32, state: VbucketState) -> Verdict {
        if self.phase == Phase::Idle {
            return self.unless_failed(opaque);
        }
        if !self.is_current(opaque) {
            return Verdict::Keep;
        }
        self.states = self.states.wrapping_add(1);
        if state == VbucketState::ACTIVE {
            self.active = self.active.or(Some(self.states));
        }
        if let Some(current) = self.tries.last_mut() {
            current.state = Some(state);
        }
        Verdict::Pass
    }

    /// The consumer has answered the first state that it had not.
    fn on_state_answer(&mut self, status: Status, now: Duration) {
        if self.states_answered == self.states {
            return;
        }
        self.states_answered = self.states_answered.wrapping_add(1);
        if self.active != Some(self.states_answered) {
            return;
        }
        if status != Status::SUCCESS {
            return self.fail(Failure::NotActivated(status), now);
        }
        if let Some(current) = self.tries.last_mut() {
            current.activated = true;
        }
        self.end_if_done();
    }

    fn on_added(&mut self, status: Status, stream: Option<u32>, now: Duration) {
        match self.phase {
            Phase::Trying | Phase::Ended { .. } if status != Status::SUCCESS => {
                self.fail(Failure::Refused(status), now);
            }
            Phase::Trying => {
                if let Some(current) = self.tries.last_mut() {
                    current.stream_opaque = current.stream_opaque.or(stream);
                    self.is_asked_for = true;
                }
                self.end_if_done();
            }
            Phase::Ended { .. } => self.on_grace_over(now),
            Phase::Idle | Phase::Closing(_) | Phase::Pausing => {}
        }
    }

    fn end_if_done(&mut self) {
        if self.is_active() && !self.add.is_pending() {
            self.end(Ok(()));
        }
    }

    /// The stream has ended, and the consumer does not wish for another try.
    fn on_grace_over(&mut self, now: Duration) {
        if let Phase::Ended { opaque, reason } = self.phase {
            if self.is_active() {
                self.end(Ok(()));
            } else {
                self.fail(Failure::Ended { opaque, reason }, now);
            }
        }
    }

    /// Whether the try that is under way has made the consumer active.
    fn is_active(&self) -> bool {
        self.tries.last().is_some_and(|current| current.activated)
    }

    /// The try has failed: closes its stream, if there may be one.
    fn fail(&mut self, failure: Failure, now: Duration) {
        let has_ended =
            matches!(self.phase, Phase::Ended { .. }) || matches!(failure, Failure::Ended { .. });
        let is_refused = matches!(failure, Failure::Refused(_));
        let was_sent = self.is_added();
        let mut next = Next::GiveUp(TakeoverError::Failed(failure));
        if let Some(current) = self.tries.last_mut() {
            current.failure = Some(failure);
            let asks_for_retry = matches!(failure, Failure::Refused(status)
                if self.config.try_later.contains(&status));
            if asks_for_retry && !current.activated {
                next = Next::Retry;
            }
        }
        self.add = Ask::Nothing;
        if has_ended || is_refused && !self.is_asked_for || !was_sent {
            return self.on_closed_for_good(next, now);
        }
        self.phase = Phase::Closing(next);
        self.deadline = now.saturating_add(self.config.close_timeout);
        self.close_consumer = Ask::Unsent;
        if self.is_asked_for {
            self.close_producer = Ask::Unsent;
        }
    }

    fn on_closed(&mut self, by: Side, number: u16, status: Status, now: Duration) {
        let close = match by {
            Side::Consumer => &mut self.close_consumer,
            Side::Producer => &mut self.close_producer,
        };
        if !close.take_answer(number) {
            return;
        }
        let is_closed = !self.close_consumer.is_pending() && !self.close_producer.is_pending();
        match self.phase {
            Phase::Closing(next) if !means_closed(status) => self.give_up(next, Some(status)),
            Phase::Closing(next) if is_closed => self.on_closed_for_good(next, now),
            Phase::Idle if !means_closed(status) => {
                self.close_consumer = Ask::Nothing;
                self.close_producer = Ask::Nothing;
            }
            Phase::Idle if is_closed => self.is_unclosed = false,
            _ => {}
        }
    }

    /// The stream of the failed try could not be closed.
    fn give_up(&mut self, next: Next, status: Option<Status>) {
        let closes = [self.close_consumer, self.close_producer];
        self.end(Err(match next {
            Next::Retry => TakeoverError::NotClosed { status },
            Next::GiveUp(error) => error,
        }));
        self.is_unclosed = true;
        // Without a refusal, and if all were asked, the answers may still tell that it is closed.
        if status.is_none() && !closes.contains(&Ask::Unsent) {
            [self.close_consumer, self.close_producer] = closes;
        }
    }

    /// There is no stream of the failed try.
    fn on_closed_for_good(&mut self, next: Next, now: Duration) {
        self.close_consumer = Ask::Nothing;
        self.close_producer = Ask::Nothing;
        match next {
            Next::GiveUp(error) => self.end(Err(error)),
            Next::Retry => match self.pause() {
                None => self.end(Err(TakeoverError::Exhausted)),
                Some(pause) => {
                    self.phase = Phase::Pausing;
                    self.deadline = now.saturating_add(pause);
                }
            },
        }
    }

    /// How long to wait before the next try, if there is one.
    fn pause(&self) -> Option<Duration> {
        let failed = u32::try_from(self.tries.len()).ok()?;
        if failed > self.config.retries.into() {
            return None;
        }
        let factor = 1_u32
            .checked_shl(failed.saturating_sub(1))
            .unwrap_or(u32::MAX);
        let pause = self.config.first_pause.saturating_mul(factor);
        Some(pause.min(self.config.longest_pause))
    }

    fn end(&mut self, result: Result<(), TakeoverError>) {
        self.phase = Phase::Idle;
        self.add = Ask::Nothing;
        self.close_consumer = Ask::Nothing;
        self.close_producer = Ask::Nothing;
        self.result = Some(result);
    }
}
