//! What is known of the stream of one vbucket, and what it takes to change it.

use super::{Failure, State};
use crate::track::{Ask, Numbers, Outgoing, Side, add_stream, close_stream, means_closed, opaque};
use crate::{Status, StreamEndReason, StreamFlags};

/// The stream of a vbucket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) state: State,
    /// Numbers the requests about this vbucket.
    pub(super) numbers: Numbers,
    /// The last call that this vbucket was part of.
    pub(super) call_number: u32,
    /// `ADD_STREAM`; pending only while `Adding`.
    add: Ask,
    /// `CLOSE_STREAM` to the consumer; pending only while `Closing`, as is the next.
    close_consumer: Ask,
    /// `CLOSE_STREAM` to the producer.
    close_producer: Ask,
    /// The opaque of the stream; of no use once `Closed`.
    pub(super) stream: Option<u32>,
    /// Whether a side has refused to close the stream, or was not asked after all.
    pub(super) refused: bool,
    /// Whether to add the stream again when it is closed.
    reopen: bool,
    /// Whether an answer to the consumer's `STREAM_REQ` may be under way while `Closing`.
    pub(super) crossed: bool,
}

impl Default for Slot {
    fn default() -> Self {
        Self {
            state: State::Closed,
            numbers: Numbers::STREAMS,
            call_number: 0,
            add: Ask::Nothing,
            close_consumer: Ask::Nothing,
            close_producer: Ask::Nothing,
            stream: None,
            refused: false,
            reopen: false,
            crossed: false,
        }
    }
}

/// How much a slot adds to the counts over all slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    /// Requests that wait for being sent.
    pub(super) unsent: u16,
    /// Whether the call waits for it.
    pub(super) unanswered: u16,
    /// Whether it is `crossed`.
    pub(super) crossed: u16,
}

impl Slot {
    pub(super) fn tally(&self, call_number: u32) -> Tally {
        let unsent = |ask| u16::from(ask == Ask::Unsent);
        let is_part = self.call_number == call_number;
        Tally {
            unsent: [self.add, self.close_consumer, self.close_producer]
                .map(unsent)
                .iter()
                .sum(),
            unanswered: u16::from(is_part && self.is_waiting()),
            crossed: u16::from(self.crossed),
        }
    }

    /// Whether an answer is to come.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.state, State::Adding | State::Closing)
    }

    /// There has to be a stream.
    pub(super) fn want(&mut self) {
        match self.state {
            State::Open | State::Adding => {}
            State::Closed | State::Unsure => self.add(),
            State::Closing => {
                self.close();
                self.reopen = true;
            }
        }
    }

    /// There must not be a stream.
    pub(super) fn close(&mut self) {
        self.shut();
        if self.state == State::Closing && !self.close_producer.is_pending() {
            self.close_producer = Ask::Unsent;
        }
    }

    /// There must not be a stream on the consumer.
    pub(super) fn shut(&mut self) {
        match self.state {
            State::Closed => return,
            State::Adding if self.add == Ask::Unsent => return self.forget(State::Closed),
            State::Adding => self.crossed = self.stream.is_some(),
            State::Open | State::Unsure | State::Closing => {}
        }
        self.state = State::Closing;
        self.add = Ask::Nothing;
        self.refused = false;
        self.reopen = false;
        if !self.close_consumer.is_pending() {
            self.close_consumer = Ask::Unsent;
        }
    }

    /// The producer's answer does not matter any more.
    pub(super) fn ignore_producer(&mut self) {
        self.close_producer = Ask::Nothing;
        if !self.refused {
            self.settle_close(false);
        }
    }

    /// Nothing is sent any more for a call that is over.
    pub(super) fn cancel(&mut self) {
        if self.add == Ask::Unsent {
            return self.forget(State::Closed);
        }
        for close in [&mut self.close_consumer, &mut self.close_producer] {
            if *close == Ask::Unsent {
                *close = Ask::Nothing;
                self.refused = true;
            }
        }
        self.settle_close(false);
    }

    /// The consumer asks the producer for the stream; whether it may.
    pub(super) fn on_stream_request(&mut self, opaque: u32) -> bool {
        if self.state == State::Adding {
            self.stream = Some(opaque);
        }
        self.state != State::Closing
    }

    /// The stream with this opaque has ended; what it means for a call that it is part of.
    pub(super) fn on_stream_end(
        &mut self,
        opaque: u32,
        reason: StreamEndReason,
    ) -> Option<Failure> {
        if self.stream != Some(opaque) {
            return None;
        }
        let was = self.state;
        if was == State::Closing {
            return None;
        }
        self.forget(State::Closed);
        matches!(was, State::Adding | State::Open).then_some(Failure::Ended { opaque, reason })
    }

    /// The consumer has answered `ADD_STREAM`.
    pub(super) fn on_added(
        &mut self,
        number: u16,
        status: Status,
        stream: Option<u32>,
    ) -> Option<Failure> {
        if !self.add.take_answer(number) {
            return None;
        }
        match status {
            Status::SUCCESS => {
                self.state = State::Open;
                self.stream = self.stream.or(stream);
                return None;
            }
            Status::KEY_EEXISTS => self.forget(State::Unsure),
            _ => self.forget(State::Closed),
        }
        Some(Failure::AddRefused(status))
    }

    /// A side has answered `CLOSE_STREAM`, and the stream `may_reopen`.
    pub(super) fn on_closed(
        &mut self,
        by: Side,
        number: u16,
        status: Status,
        may_reopen: bool,
    ) -> Option<Failure> {
        let close = match by {
            Side::Consumer => &mut self.close_consumer,
            Side::Producer => &mut self.close_producer,
        };
        if !close.take_answer(number) {
            return None;
        }
        // The producer answers in order: its answer to the STREAM_REQ is behind us.
        self.crossed &= by != Side::Producer;
        let is_first = !self.refused;
        self.refused |= !means_closed(status);
        let failure = is_first && self.refused;
        self.settle_close(may_reopen);
        failure.then_some(Failure::CloseRefused { by, status })
    }

    /// The next request to be sent.
    pub(super) fn poll_send(&mut self, vbucket: u16, flags: StreamFlags) -> Option<Outgoing> {
        let (to, ask) = [
            (Side::Consumer, &mut self.add),
            (Side::Consumer, &mut self.close_consumer),
            (Side::Producer, &mut self.close_producer),
        ]
        .into_iter()
        .find(|(_, ask)| **ask == Ask::Unsent)?;
        let number = self.numbers.take();
        *ask = Ask::Sent(number);
        let opaque = opaque(number, vbucket);
        let request = if self.state == State::Adding {
            add_stream(opaque, vbucket, flags)
        } else {
            close_stream(opaque, vbucket)
        };
        Some(Outgoing { to, request })
    }

    fn add(&mut self) {
        self.forget(State::Adding);
        self.add = Ask::Unsent;
    }

    fn settle_close(&mut self, may_reopen: bool) {
        let is_answered = !self.close_consumer.is_pending() && !self.close_producer.is_pending();
        match self.state {
            State::Closing if !is_answered => {}
            State::Closing if self.refused => {
                self.state = State::Unsure;
                self.crossed = false;
            }
            State::Closing if self.reopen && may_reopen => self.add(),
            State::Closing => self.forget(State::Closed),
            State::Closed | State::Adding | State::Open | State::Unsure => {}
        }
    }

    /// Enters a state in which nothing is known of the stream, if there is one.
    fn forget(&mut self, state: State) {
        *self = Self {
            state,
            numbers: self.numbers,
            call_number: self.call_number,
            ..Self::default()
        };
    }
}
