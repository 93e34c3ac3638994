//! Opens and closes the streams of a replication connection.
//!
//! [`Streams`] takes one call at a time (which vbuckets to stream, which one to close, or to shut)
//! and follows the packets on both sides until it knows how the call ended. Each call has exactly
//! one [`Outcome`]: when every stream has an answer, when a stream of a set-up ends, or when the
//! time is up. Success means what it says: at that moment every vbucket that was asked for has an
//! open stream, and none that was to be closed.
//!
//! # What happens to a stream
//!
//! | event                              | verdict | `Closed` | `Adding` | `Open`   | `Closing` | `Unsure` |
//! |------------------------------------|---------|----------|----------|----------|-----------|----------|
//! | `set_up` with it                   |         | `Adding` a | ·      | ·        | · then a  | `Adding` a |
//! | `set_up` without it, `close`       |         | ·        | `Closing` c p | `Closing` c p | · | `Closing` c p |
//! | `shut`                             |         | ·        | `Closing` c | `Closing` c | · | `Closing` c |
//! | consumer: `STREAM_REQ`             | pass k  | ·        | · learns | ·        | ·         | ·        |
//! | consumer: `ADD_STREAM` success     | keep    | ·        | `Open`   | ·        | ·         | ·        |
//! | consumer: `ADD_STREAM` KEY_EEXISTS | keep    | ·        | `Unsure` ✗ | ·      | ·         | ·        |
//! | consumer: `ADD_STREAM` error       | keep    | ·        | `Closed` ✗ | ·      | ·         | ·        |
//! | producer: `STREAM_END`             | pass    | ·        | `Closed` ✗! | `Closed` ✗! | ·  | `Closed` |
//! | producer: `STREAM_END`, other opaque | pass  | ·        | ·        | ·        | ·         | ·        |
//! | both: `CLOSE_STREAM` closed        | keep    | ·        | ·        | ·        | `Closed`  | ·        |
//! | both: `CLOSE_STREAM`, one refuses  | keep    | ·        | ·        | ·        | `Unsure` ✗ | ·       |
//! | one: `CLOSE_STREAM` closed         | keep    | ·        | ·        | ·        | ·         | ·        |
//! | time is up                         |         | ·        | · ✗      | ·        | · ✗       | ·        |
//!
//! * `·` nothing changes; a sends `ADD_STREAM` to the consumer; c and p send `CLOSE_STREAM` to the
//!   consumer and the producer; ✗ is an error in the outcome of the call that is under way, if the
//!   stream is part of it; ! ends the call at once.
//! * `KEY_ENOENT` and `DCP_STREAM_NOT_FOUND` in answer to `CLOSE_STREAM` mean closed, from either
//!   side (reference 6.3). With `shut` the consumer alone is asked, as the connections go anyway,
//!   and answers of the producer do not matter.
//! * `KEY_EEXISTS` in answer to `ADD_STREAM`: the consumer has a stream that was not followed from
//!   its beginning, or another connection has it. `close` clears that up.
//! * k: kept if the stream is `Closing`, together with its late answer. The producer has been told
//!   to close the stream and would open it again; the consumer closes its connection when a stream
//!   that it has forgotten is answered (reference 11.2).
//! * Any other packet passes. Once the machine is shut, every packet is kept.
//!
//! A stream is part of a `set_up` if it is wanted, even if it had been open before. `Adding` and
//! `Closing` outlive a call that ends early: the answers that are still to come are followed all
//! the same. A later call does not repeat what is unanswered, and waits for it like for its own.
//!
//! # A stream that ends while it is set up
//!
//! When the stream of a vbucket ends, the consumer may never answer the `ADD_STREAM` that it came
//! from; a proxy that waits for the answer waits for ever (MB-53445). So the end of any stream that
//! a set-up wants, answered or not, ends that set-up at once with [`Failure::Ended`].
//!
//! But `STREAM_END` names a vbucket, and a vbucket may have had a stream before: after
//! `CLOSE_STREAM` to both sides the producer sends a late end of that one. Only the opaque tells,
//! and the one to compare it with is that of the consumer's latest `STREAM_REQ` for the vbucket,
//! which stays the same when the consumer asks again after a rollback. An end with another opaque
//! is stale. So is one that comes *before* the `STREAM_REQ`: the producer cannot end what it has
//! not been asked for. (It has not, as packets are shown to the machine before they are passed on.)
//! Ends are passed on in any case, as the consumer tells the stale ones apart in the same way.
//!
//! # What it costs
//!
//! An event costs the same however many streams there are, but for two kinds: that which ends a
//! call early, before its requests were taken from `poll_send`, looks at every stream once; and so
//! does an answer to `STREAM_REQ` while streams are being closed that had just been asked for.
//! All memory is taken by [`Streams::new`]: [`Streams::BYTES_PER_STREAM`] for each vbucket.

mod call;
mod slot;

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

pub use self::call::{Call, CallEnd, CallRefused, Failure, Outcome, StreamError};
use self::slot::Slot;
use crate::dcp::{DcpRequest, DcpResponse};
use crate::track::{Outgoing, Side, Verdict, Violation, number_and_vbucket};
use crate::{Opcode, StreamFlags};

/// How a connection's streams are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// How many vbuckets the bucket has; theirs are the numbers below it.
    pub vbuckets: u16,
    /// How long a call may take. A rollback on the consumer, which it answers `ADD_STREAM` after,
    /// has to fit in.
    pub timeout: Duration,
    /// What the consumer is to ask for.
    pub flags: StreamFlags,
}

/// 1,024 vbuckets, a minute, no flags.
impl Default for Config {
    fn default() -> Self {
        Self {
            vbuckets: 1024,
            timeout: Duration::from_secs(60),
            flags: StreamFlags::empty(),
        }
    }
}

/// What is known of a vbucket's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// There is none.
    Closed,
    /// The consumer was told to add it, or is about to be, and has not answered.
    Adding,
    /// The consumer has added it, and nothing has ended it.
    Open,
    /// Both sides were told to close it, or are about to be, and not all have answered.
    Closing,
    /// There may or may not be one.
    Unsure,
}

/// The streams of a connection to a consumer and one to a producer.
///
/// ```
/// use core::time::Duration;
/// use mcbp::dcp::{AddStreamReply, DcpResponse};
/// use mcbp::track::streams::{Config, State, Streams};
/// use mcbp::track::{Side, Verdict};
/// use mcbp::{Response, Status};
///
/// let mut streams = Streams::new(Config::default());
/// streams.set_up(&[7], Duration::ZERO)?;
/// let outgoing = streams.poll_send().expect("an ADD_STREAM");
/// assert_eq!(outgoing.to, Side::Consumer);
///
/// let answer = DcpResponse::AddStream(Response {
///     opaque: 0x0001_0007, // That of the request.
///     status: Status::NOT_MY_VBUCKET,
///     ..Response::from(AddStreamReply::default())
/// });
/// assert_eq!(streams.on_response(Side::Consumer, &answer), Ok(Verdict::Keep));
/// let outcome = streams.poll_outcome().expect("all is answered");
/// assert_eq!(outcome.errors[0].to_string(), "vbucket 7: ADD_STREAM refused with NOT_MY_VBUCKET");
/// assert_eq!(streams.state(7), Some(State::Closed));
/// # Ok::<(), mcbp::track::streams::CallRefused>(())
/// ```
#[derive(Debug, Clone)]
pub struct Streams {
    config: Config,
    slots: Box<[Slot]>,
    /// The call under way.
    call: Option<Call>,
    /// Its number: that of the slots that are part of it.
    call_number: u32,
    /// When it is to be given up.
    deadline: Duration,
    /// How many of its streams have no answer.
    unanswered: u16,
    /// What went wrong with the others.
    errors: Vec<StreamError>,
    /// How the last call ended, until it is taken.
    outcome: Option<(Call, CallEnd, u16)>,
    /// The call that `shut` has interrupted, until that is taken.
    interrupted: Option<Call>,
    is_shut: bool,
    /// How many requests wait for being sent, and where to look for the next one.
    unsent: u32,
    cursor: usize,
    /// How many slots are `crossed`.
    crossed: u16,
}

impl Streams {
    /// The packets to be shown to the machine, until it is shut: requests and responses with these
    /// opcodes.
    pub const OPCODES: &[Opcode] = &[
        Opcode::DCP_ADD_STREAM,
        Opcode::DCP_CLOSE_STREAM,
        Opcode::DCP_STREAM_REQ,
        Opcode::DCP_STREAM_END,
    ];

    /// The memory that a vbucket takes: its state, and room for its error.
    pub const BYTES_PER_STREAM: usize = size_of::<Slot>() + size_of::<StreamError>();

    /// No streams.
    pub fn new(config: Config) -> Self {
        let vbuckets = usize::from(config.vbuckets);
        Self {
            config,
            slots: vec![Slot::default(); vbuckets].into_boxed_slice(),
            call: None,
            call_number: 0,
            deadline: Duration::ZERO,
            unanswered: 0,
            errors: Vec::with_capacity(vbuckets),
            outcome: None,
            interrupted: None,
            is_shut: false,
            unsent: 0,
            cursor: 0,
            crossed: 0,
        }
    }

    /// Sees to it that these vbuckets have streams, and no others.
    ///
    /// # Errors
    ///
    /// One call at a time, and nothing once shut.
    pub fn set_up(&mut self, vbuckets: &[u16], now: Duration) -> Result<(), CallRefused> {
        self.check_idle()?;
        for &vbucket in vbuckets {
            self.check_vbucket(vbucket)?;
        }
        self.begin(Call::SetUp, now);
        let call_number = self.call_number;
        for &vbucket in vbuckets {
            self.update(vbucket, |slot| slot.call_number = call_number);
        }
        for vbucket in 0..self.config.vbuckets {
            self.update(vbucket, |slot| {
                if slot.call_number == call_number {
                    slot.want();
                } else {
                    slot.call_number = call_number;
                    slot.close();
                }
            });
        }
        self.end_if_answered();
        Ok(())
    }

    /// Closes the stream of this vbucket, on both sides.
    ///
    /// # Errors
    ///
    /// One call at a time, and nothing once shut.
    pub fn close(&mut self, vbucket: u16, now: Duration) -> Result<(), CallRefused> {
        self.check_idle()?;
        self.check_vbucket(vbucket)?;
        self.begin(Call::Close, now);
        let call_number = self.call_number;
        self.update(vbucket, |slot| {
            slot.call_number = call_number;
            slot.close();
        });
        self.end_if_answered();
        Ok(())
    }

    /// Closes all streams on the consumer, interrupting a call that is under way; from the outcome
    /// on nothing passes any more.
    ///
    /// # Errors
    ///
    /// Only once.
    pub fn shut(&mut self, now: Duration) -> Result<(), CallRefused> {
        match self.call {
            Some(Call::Shut) => return Err(CallRefused::Busy(Call::Shut)),
            interrupted @ Some(_) => self.interrupted = interrupted,
            None => self.check_idle()?,
        }
        self.begin(Call::Shut, now);
        let call_number = self.call_number;
        for vbucket in 0..self.config.vbuckets {
            self.update(vbucket, |slot| {
                slot.call_number = call_number;
                slot.ignore_producer();
                slot.shut();
            });
        }
        self.end_if_answered();
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
    ) -> Result<Verdict, Violation> {
        if self.is_shut {
            return Ok(Verdict::Keep);
        }
        match (from, request) {
            (Side::Consumer, DcpRequest::StreamRequest(request)) => {
                let opaque = request.opaque;
                let passes = self.update(request.vbucket, |slot| slot.on_stream_request(opaque));
                if passes == Some(false) {
                    return Ok(Verdict::Keep);
                }
            }
            (Side::Producer, DcpRequest::StreamEnd(end)) => {
                let reason = end.message.reason;
                let failure =
                    self.update(end.vbucket, |slot| slot.on_stream_end(end.opaque, reason));
                if self.fail(end.vbucket, failure.flatten()) {
                    self.end(CallEnd::StreamEnded);
                }
            }
            _ => {}
        }
        Ok(Verdict::Pass)
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
    ) -> Result<Verdict, Violation> {
        if self.is_shut {
            return Ok(Verdict::Keep);
        }
        match response {
            DcpResponse::AddStream(answer) => {
                let opcode = Opcode::DCP_ADD_STREAM;
                let (number, vbucket) = self.asked(from, opcode, answer.opaque)?;
                let stream = answer.reply.header_opaque();
                let failure =
                    self.update(vbucket, |slot| slot.on_added(number, answer.status, stream));
                self.fail(vbucket, failure.flatten());
            }
            DcpResponse::CloseStream(answer) => {
                let opcode = Opcode::DCP_CLOSE_STREAM;
                let (number, vbucket) = self.asked(from, opcode, answer.opaque)?;
                let may_reopen = self.is_part_of_call(vbucket);
                let failure = self.update(vbucket, |slot| {
                    slot.on_closed(from, number, answer.status, may_reopen)
                });
                self.fail(vbucket, failure.flatten());
            }
            DcpResponse::StreamRequest(answer) if from == Side::Producer => {
                return Ok(self.on_stream_answer(answer.opaque));
            }
            _ => return Ok(Verdict::Pass),
        }
        self.end_if_answered();
        Ok(Verdict::Keep)
    }

    /// The next request to be sent.
    pub fn poll_send(&mut self) -> Option<Outgoing> {
        if self.unsent == 0 {
            return None;
        }
        let len = self.slots.len();
        let (before, after) = self.slots.split_at_mut(self.cursor.min(len));
        let from_cursor = (self.cursor..).zip(after).chain((0..).zip(before));
        for (index, slot) in from_cursor {
            let vbucket = u16::try_from(index).unwrap_or(u16::MAX);
            if let Some(outgoing) = slot.poll_send(vbucket, self.config.flags) {
                self.unsent = self.unsent.saturating_sub(1);
                self.cursor = index;
                return Some(outgoing);
            }
        }
        None
    }

    /// How a call ended, if one has.
    pub fn poll_outcome(&mut self) -> Option<Outcome<'_>> {
        if let Some(call) = self.interrupted.take() {
            return Some(Outcome {
                call,
                end: CallEnd::Interrupted,
                errors: &[],
                unanswered: 0,
            });
        }
        let (call, end, unanswered) = self.outcome.take()?;
        Some(Outcome {
            call,
            end,
            errors: &self.errors,
            unanswered,
        })
    }

    /// When to call [`on_timeout`](Self::on_timeout) next: always some time if a call is under way.
    pub fn next_timeout(&self) -> Option<Duration> {
        self.call.map(|_| self.deadline)
    }

    /// Gives up the call that is under way if its time has come.
    pub fn on_timeout(&mut self, now: Duration) {
        if self.call.is_none() || now < self.deadline {
            return;
        }
        for (vbucket, slot) in (0..).zip(&self.slots) {
            let is_late = slot.call_number == self.call_number && slot.is_waiting();
            // What was refused by one side is an error already.
            if is_late && !slot.refused {
                let failure = Failure::TimedOut;
                self.errors.push(StreamError { vbucket, failure });
            }
        }
        self.end(CallEnd::TimedOut);
    }

    /// What is known of a vbucket's stream.
    pub fn state(&self, vbucket: u16) -> Option<State> {
        self.slots.get(usize::from(vbucket)).map(|slot| slot.state)
    }

    /// The opaque in the headers of the stream's messages, once it is known.
    pub fn stream_opaque(&self, vbucket: u16) -> Option<u32> {
        self.slots.get(usize::from(vbucket))?.stream
    }

    /// The vbuckets whose streams are open, in ascending order.
    pub fn open(&self) -> impl Iterator<Item = u16> + '_ {
        let slots = (0..).zip(&self.slots);
        slots.filter_map(|(vbucket, slot)| (slot.state == State::Open).then_some(vbucket))
    }

    /// The call that is under way.
    pub fn call(&self) -> Option<Call> {
        self.call
    }

    /// Whether nothing passes any more.
    pub fn is_shut(&self) -> bool {
        self.is_shut
    }

    fn check_idle(&self) -> Result<(), CallRefused> {
        match self.call {
            _ if self.is_shut => Err(CallRefused::Shut),
            Some(call) => Err(CallRefused::Busy(call)),
            None if self.outcome.is_some() => Err(CallRefused::OutcomeWaiting),
            None => Ok(()),
        }
    }

    fn check_vbucket(&self, vbucket: u16) -> Result<(), CallRefused> {
        if vbucket < self.config.vbuckets {
            return Ok(());
        }
        Err(CallRefused::UnknownVbucket(vbucket))
    }

    fn begin(&mut self, call: Call, now: Duration) {
        self.call = Some(call);
        self.call_number = self.call_number.wrapping_add(1);
        self.deadline = now.saturating_add(self.config.timeout);
        self.unanswered = 0;
        self.errors.clear();
        self.cursor = 0;
    }

    /// What a request and its answer are about, if there was such a request.
    fn asked(&self, by: Side, opcode: Opcode, opaque: u32) -> Result<(u16, u16), Violation> {
        let (number, vbucket) = number_and_vbucket(opaque);
        let slot = self.slots.get(usize::from(vbucket));
        let may_be_asked = opcode == Opcode::DCP_CLOSE_STREAM || by == Side::Consumer;
        if may_be_asked && slot.is_some_and(|slot| slot.numbers.contain(number)) {
            return Ok((number, vbucket));
        }
        Err(Violation::UnknownRequest {
            from: by,
            opcode,
            opaque,
        })
    }

    /// Whether to pass an answer to the `STREAM_REQ` with this opaque.
    fn on_stream_answer(&self, opaque: u32) -> Verdict {
        let is_crossed = |slot: &Slot| slot.crossed && slot.stream == Some(opaque);
        let is_shutting = self.call == Some(Call::Shut);
        if is_shutting || self.crossed > 0 && self.slots.iter().any(is_crossed) {
            return Verdict::Keep;
        }
        Verdict::Pass
    }

    /// Changes a slot, and what is counted of it.
    fn update<T>(&mut self, vbucket: u16, change: impl FnOnce(&mut Slot) -> T) -> Option<T> {
        let slot = self.slots.get_mut(usize::from(vbucket))?;
        let before = slot.tally(self.call_number);
        let result = change(slot);
        let after = slot.tally(self.call_number);
        let add =
            |count: u16, before: u16, after: u16| count.wrapping_sub(before).wrapping_add(after);
        self.unanswered = add(self.unanswered, before.unanswered, after.unanswered);
        self.crossed = add(self.crossed, before.crossed, after.crossed);
        if self.unsent == 0 {
            self.cursor = vbucket.into();
        }
        let sent = u32::from(before.unsent);
        self.unsent = self
            .unsent
            .wrapping_sub(sent)
            .wrapping_add(after.unsent.into());
        Some(result)
    }

    fn is_part_of_call(&self, vbucket: u16) -> bool {
        let slot = self.slots.get(usize::from(vbucket));
        self.call.is_some() && slot.is_some_and(|slot| slot.call_number == self.call_number)
    }

    /// Notes what went wrong, if that concerns the call.
    fn fail(&mut self, vbucket: u16, failure: Option<Failure>) -> bool {
        match failure {
            Some(failure) if self.is_part_of_call(vbucket) => {
                self.errors.push(StreamError { vbucket, failure });
                true
            }
            _ => false,
        }
    }

    fn end_if_answered(&mut self) {
        if self.unanswered == 0 {
            self.end(CallEnd::Answered);
        }
    }

    fn end(&mut self, end: CallEnd) {
        let Some(call) = self.call.take() else { return };
        self.outcome = Some((call, end, self.unanswered));
        self.is_shut = call == Call::Shut;
        if self.unsent > 0 {
            for vbucket in 0..self.config.vbuckets {
                self.update(vbucket, Slot::cancel);
            }
        }
    }
}
