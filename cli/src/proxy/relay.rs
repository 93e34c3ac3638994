//! The proxy without its sockets and its clock: what becomes of each packet, and what is to be sent
//! besides.

use core::time::Duration;
use std::collections::VecDeque;

use mcbp::dcp::{DcpRequest, DcpResponse};
use mcbp::track::streams::{self, Call, CallEnd, State, Streams};
use mcbp::track::takeover::{self, Takeover};
use mcbp::track::{Outgoing, Side, Verdict, Violation, agree};
use mcbp::{Batch, Header, Packet};

use super::command::{Command, Task};
use super::event::Event;
use super::judge::{Answered, Judge};
use super::outbox::Outbox;
use super::sides::{Sides, name};
use crate::vbuckets::Ranges;

/// Passes packets between a consumer and a producer, and does what it is told, one thing after the
/// other.
///
/// Packets that neither machine has to see are not read: a run of them goes from the block that it
/// was received in to the other side's socket. A side that is slow to take what it gets stops the
/// other from being read, see [`wants`](Self::wants), so no more waits than the limit and one block.
#[derive(Debug)]
pub(super) struct Relay {
    streams: Streams,
    takeover: Takeover,
    judge: Judge,
    outboxes: Sides<Outbox>,
    /// What the machines want sent, behind the packet that is being looked at.
    unsent: Vec<Outgoing>,
    tasks: VecDeque<Task>,
    running: Option<Running>,
    /// When to give up closing the streams; set once they are being closed.
    shut_by: Option<Duration>,
    is_done: bool,
    /// What was asked for and is not so.
    failures: usize,
    told: Told,
    events: VecDeque<Event>,
    passed: Sides<Passed>,
}

/// What is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Running {
    Streams(Task),
    /// The stream of a vbucket is closed, so that it can be taken over.
    InTheWay(u16),
    Takeover(u16),
    Shut,
}

/// What of a takeover was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    state: takeover::State,
    tries: usize,
    failed: usize,
}

/// What was passed on from a side.
#[derive(Debug, Clone, Copy, Default)]
struct Passed {
    packets: u64,
    bytes: u64,
}

impl Relay {
    /// A side for which more than this waits stops the other from being read.
    pub(super) const LIMIT: usize = 1 << 20;
    /// So many tasks may wait.
    const TASKS: usize = 1 << 12;
    /// So many lines may wait: there is a limit to what packets can make the proxy say.
    const EVENTS: usize = 1 << 14;
    /// How long closing the streams may take.
    pub(super) const SHUT_LIMIT: Duration = Duration::from_secs(10);

    pub(super) fn new(streams: streams::Config, takeover: takeover::Config) -> Self {
        Self {
            streams: Streams::new(streams),
            takeover: Takeover::new(takeover),
            judge: Judge::default(),
            outboxes: Sides::default(),
            unsent: Vec::new(),
            tasks: VecDeque::new(),
            running: None,
            shut_by: None,
            is_done: false,
            failures: 0,
            told: Told {
                state: takeover::State::Idle,
                tries: 0,
                failed: 0,
            },
            events: VecDeque::new(),
            passed: Sides::default(),
        }
    }

    /// Takes a command. Status is told at once, all else comes after what was asked for before.
    pub(super) fn command(&mut self, command: Command, now: Duration) {
        match command {
            Command::Replicate(vbuckets) => self.tasks.push_back(Task::Replicate(vbuckets)),
            Command::Takeover(vbuckets) => self.tasks.extend(vbuckets.iter().map(Task::Takeover)),
            Command::Close(vbuckets) => self.tasks.extend(vbuckets.iter().map(Task::Close)),
            Command::Quit => self.tasks.push_back(Task::Shut),
            Command::Status => self.tell_status(),
        }
        self.go_on(now);
    }

    /// Takes a line that is no command.
    pub(super) fn misunderstood(&mut self, error: super::InvalidCommand) {
        self.failures = self.failures.saturating_add(1);
        self.tell(Event::Misunderstood(error));
    }

    /// Closes the streams, whatever is under way.
    pub(super) fn shut(&mut self, now: Duration) {
        if self.shut_by.is_some() {
            return;
        }
        for task in core::mem::take(&mut self.tasks) {
            if task != Task::Shut {
                self.fail(&task, "not begun before the end");
            }
        }
        self.begin_shut(now);
        self.go_on(now);
    }

    /// Takes all packets that were received from a side at once.
    pub(super) fn on_batch(&mut self, from: Side, batch: &Batch, now: Duration) {
        let (mut start, mut end) = (0_usize, 0_usize);
        for packet in batch.iter() {
            let packet_start = end;
            end = end.saturating_add(packet.header().packet_len());
            let is_watched = is_watched(packet.header());
            let passes = if self.is_done {
                false
            } else if is_watched {
                self.on_packet(from, packet, now)
            } else {
                true
            };
            if passes {
                let passed = self.passed.of_mut(from);
                passed.packets = passed.packets.saturating_add(1);
            } else {
                self.pass(from, batch, start, packet_start);
                start = end;
            }
            if is_watched {
                self.advance(now);
                if !self.unsent.is_empty() {
                    self.pass(from, batch, start, end);
                    start = end;
                    self.send();
                }
            }
        }
        self.pass(from, batch, start, end);
    }

    /// Does what is to be done at this time.
    pub(super) fn on_timeout(&mut self, now: Duration) {
        self.streams.on_timeout(now);
        if self.running != Some(Running::Shut) {
            self.takeover.on_timeout(now);
        }
        self.go_on(now);
        if !self.is_done && self.shut_by.is_some_and(|by| by <= now) {
            self.fail(&Task::Shut, "the consumer did not answer in time");
            self.is_done = true;
        }
    }

    /// When to call [`on_timeout`](Self::on_timeout), whatever happens until then.
    pub(super) fn next_timeout(&self) -> Option<Duration> {
        if self.is_done {
            return None;
        }
        let takeover = self.takeover.next_timeout();
        let takeover = takeover.filter(|_| self.running != Some(Running::Shut));
        let times = [self.streams.next_timeout(), takeover, self.shut_by];
        times.into_iter().flatten().min()
    }

    /// Whether more should be read from this side.
    pub(super) const fn wants(&self, from: Side) -> bool {
        self.outboxes.of(from.other()).len() < Self::LIMIT
    }

    /// Whether more commands should be read.
    pub(super) fn wants_command(&self) -> bool {
        self.shut_by.is_none() && self.tasks.len() < Self::TASKS
    }

    /// What is to be written to both sides.
    pub(super) const fn outboxes(&mut self) -> &mut Sides<Outbox> {
        &mut self.outboxes
    }

    /// What there is to tell.
    pub(super) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether all is over but the writing.
    pub(super) const fn is_done(&self) -> bool {
        self.is_done
    }

    /// How much of what was asked for is not so.
    pub(super) const fn failures(&self) -> usize {
        self.failures
    }

    /// What a node was told that should make it close its connection.
    pub(super) fn fatal(&self, to: Side) -> Option<Answered> {
        self.judge.fatal(to)
    }

    /// Whether a packet is to be passed on.
    fn on_packet(&mut self, from: Side, packet: Packet<&[u8]>, now: Duration) -> bool {
        let header = packet.header();
        let Some(opcode) = header.opcode() else {
            self.tell(Event::Foreign {
                from,
                command: header.command(),
            });
            return false;
        };
        let verdict = if header.magic().is_response() {
            // What cannot be read is the business of whom it is for.
            let Ok(response) = DcpResponse::read(packet) else {
                return true;
            };
            self.on_response(from, header, &response, now)
        } else {
            let Ok(request) = DcpRequest::read(packet) else {
                return true;
            };
            self.on_request(from, &request, now)
        };
        match verdict {
            Ok(Verdict::Pass) => return true,
            Ok(Verdict::Keep) => {
                let status = header.status();
                self.tell(Event::Kept {
                    from,
                    opcode,
                    status,
                });
            }
            Err(violation) => self.tell(Event::Dropped(violation)),
        }
        false
    }

    fn on_request(
        &mut self,
        from: Side,
        request: &DcpRequest<'_>,
        now: Duration,
    ) -> Result<Verdict, Violation> {
        let end = match request {
            DcpRequest::StreamEnd(end) if from == Side::Producer => Some(end),
            _ => None,
        };
        let before = end.and_then(|end| self.streams.state(end.vbucket));
        let verdict = agree(
            self.streams.on_request(from, request),
            self.takeover.on_request(from, request, now),
        );
        if verdict == Ok(Verdict::Pass) {
            self.judge.on_request(from, request);
        }
        if let Some(end) = end {
            let was_there = matches!(before, Some(State::Open | State::Adding));
            if was_there && self.streams.state(end.vbucket) == Some(State::Closed) {
                self.tell(Event::Ended {
                    vbucket: end.vbucket,
                    reason: end.message.reason,
                });
            }
        }
        verdict
    }

    fn on_response(
        &mut self,
        from: Side,
        header: &Header,
        response: &DcpResponse<'_>,
        now: Duration,
    ) -> Result<Verdict, Violation> {
        let verdict = agree(
            self.streams.on_response(from, response),
            self.takeover.on_response(from, response, now),
        );
        if verdict == Ok(Verdict::Pass) {
            if let Some(answered) = self.judge.on_response(from, header, response) {
                self.tell(Event::Answered(answered));
            }
        }
        verdict
    }

    /// Passes a part of a batch on to the other side.
    fn pass(&mut self, from: Side, batch: &Batch, start: usize, end: usize) {
        if start < end {
            let packets = batch.as_bytes().slice(start..end);
            let passed = self.passed.of_mut(from);
            passed.bytes = passed.bytes.saturating_add(packets.len() as u64);
            self.outboxes.of_mut(from.other()).push(packets);
        }
    }

    fn go_on(&mut self, now: Duration) {
        self.advance(now);
        self.send();
    }

    fn send(&mut self) {
        for outgoing in core::mem::take(&mut self.unsent) {
            let outbox = self.outboxes.of_mut(outgoing.to);
            // A header of its own making and no body: nothing can be wrong with it.
            if outbox.request(&outgoing.request).is_ok() {
                self.tell(Event::Sent(outgoing));
            }
        }
    }

    /// Asks the machines what there is to do, until there is nothing.
    fn advance(&mut self, now: Duration) {
        loop {
            self.unsent
                .extend(core::iter::from_fn(|| self.streams.poll_send()));
            self.unsent
                .extend(core::iter::from_fn(|| self.takeover.poll_send()));
            self.tell_takeover(now);
            if self.on_streams_outcome(now) || self.on_takeover_outcome() {
                continue;
            }
            if self.running.is_some() || self.is_done {
                return;
            }
            match self.tasks.pop_front() {
                Some(task) => self.begin(task, now),
                None => return,
            }
        }
    }

    fn begin(&mut self, task: Task, now: Duration) {
        if task == Task::Shut {
            return self.begin_shut(now);
        }
        self.tell(Event::Begun(task.to_string()));
        let begun = match &task {
            Task::Replicate(vbuckets) => {
                let mut all: Vec<u16> = self.streams.open().chain(vbuckets.iter()).collect();
                all.sort_unstable();
                all.dedup();
                self.streams.set_up(&all, now)
            }
            Task::Close(vbucket) => self.streams.close(*vbucket, now),
            Task::Takeover(vbucket) if self.streams.state(*vbucket) == Some(State::Closed) => {
                return self.begin_takeover(*vbucket, now);
            }
            Task::Takeover(vbucket) => {
                self.tell(Event::InTheWay(*vbucket));
                self.streams.close(*vbucket, now)
            }
            Task::Shut => return,
        };
        match (begun, task) {
            (Ok(()), Task::Takeover(vbucket)) => self.running = Some(Running::InTheWay(vbucket)),
            (Ok(()), task) => self.running = Some(Running::Streams(task)),
            (Err(refused), task) => self.fail(&task, refused),
        }
    }

    fn begin_takeover(&mut self, vbucket: u16, now: Duration) {
        match self.takeover.start(vbucket, now) {
            Ok(()) => {
                self.running = Some(Running::Takeover(vbucket));
                self.told.tries = 0;
                self.told.failed = 0;
            }
            Err(refused) => self.fail(&Task::Takeover(vbucket), refused),
        }
    }

    fn begin_shut(&mut self, now: Duration) {
        self.tell(Event::Begun(Task::Shut.to_string()));
        match self.running.replace(Running::Shut) {
            Some(Running::Streams(task)) => self.fail(&task, "interrupted"),
            Some(Running::InTheWay(vbucket) | Running::Takeover(vbucket)) => {
                self.fail(&Task::Takeover(vbucket), "interrupted");
            }
            Some(Running::Shut) | None => {}
        }
        self.shut_by = now.checked_add(Self::SHUT_LIMIT);
        if let Err(refused) = self.streams.shut(now) {
            self.fail(&Task::Shut, refused);
            self.is_done = true;
        }
    }

    /// Whether a call to the streams has ended.
    fn on_streams_outcome(&mut self, now: Duration) -> bool {
        let Some(outcome) = self.streams.poll_outcome() else {
            return false;
        };
        // That which was interrupted has been told.
        if outcome.end == CallEnd::Interrupted {
            return true;
        }
        let is_success = outcome.is_success();
        let (end, unanswered) = (outcome.end, outcome.unanswered);
        let task = match self.running.take() {
            Some(Running::Streams(task)) => task,
            Some(Running::InTheWay(vbucket)) if is_success => {
                self.begin_takeover(vbucket, now);
                return true;
            }
            Some(Running::InTheWay(vbucket)) => Task::Takeover(vbucket),
            _ if outcome.call == Call::Shut => Task::Shut,
            running => {
                self.running = running;
                return true;
            }
        };
        self.is_done |= task == Task::Shut;
        if is_success {
            self.tell(Event::Done(task.to_string()));
            return true;
        }
        let errors = outcome.errors.len();
        for &error in outcome.errors {
            let task = task.to_string();
            self.events.push_back(Event::Stream { task, error });
        }
        let of = match errors {
            1 => "1 vbucket".to_owned(),
            _ => format!("{errors} vbuckets"),
        };
        let open = Ranges(self.streams.open().collect::<Vec<_>>().into_iter());
        let why = match end {
            CallEnd::TimedOut => format!("the time is up for {of}, {unanswered} unanswered"),
            CallEnd::StreamEnded => {
                format!("a stream has ended, {unanswered} more are unanswered; open: {open}")
            }
            _ => format!("{of} refused; open: {open}"),
        };
        self.fail(&task, why);
        true
    }

    /// Whether a takeover has ended.
    fn on_takeover_outcome(&mut self) -> bool {
        let Some(outcome) = self.takeover.poll_outcome() else {
            return false;
        };
        let vbucket = outcome.vbucket;
        let is_half = |one: &takeover::Try| one.activated || one.state.is_some();
        let is_half = outcome.tries.iter().any(is_half);
        let result = outcome.result;
        if self.running != Some(Running::Takeover(vbucket)) {
            return true;
        }
        self.running = None;
        match result {
            Ok(()) => self.tell(Event::Done(Task::Takeover(vbucket).to_string())),
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                self.tell(Event::NotTaken {
                    vbucket,
                    error,
                    is_half,
                });
            }
        }
        true
    }

    fn tell_takeover(&mut self, now: Duration) {
        let Some(Running::Takeover(vbucket)) = self.running else {
            return;
        };
        let tries = self.takeover.tries();
        let mut failed = tries.iter().filter_map(|one| one.failure).enumerate();
        if let Some((index, failure)) = failed.nth(self.told.failed) {
            let number = index.saturating_add(1);
            self.told.failed = number;
            self.tell(Event::Try {
                vbucket,
                number,
                failure,
            });
        }
        let state = self.takeover.state();
        let number = self.takeover.tries().len();
        let is_new = (state, number) != (self.told.state, self.told.tries);
        self.told.state = state;
        self.told.tries = number;
        if is_new && state != takeover::State::Idle {
            let until = self.takeover.next_timeout();
            self.tell(Event::Takeover {
                vbucket,
                number,
                state,
                wait: until.map(|until| until.saturating_sub(now)),
            });
        }
    }

    fn tell_status(&mut self) {
        let open = Ranges(self.streams.open().collect::<Vec<_>>().into_iter());
        let count = self.streams.open().count();
        let running = match &self.running {
            None => "nothing".to_owned(),
            Some(Running::Streams(task)) => task.to_string(),
            Some(Running::InTheWay(vbucket) | Running::Takeover(vbucket)) => {
                Task::Takeover(*vbucket).to_string()
            }
            Some(Running::Shut) => Task::Shut.to_string(),
        };
        let waiting = self.tasks.len();
        let streams = match count {
            0 => "no streams".to_owned(),
            1 => format!("1 stream: {open}"),
            _ => format!("{count} streams: {open}"),
        };
        self.tell(Event::Status(format!(
            "{streams}; under way: {running}, {waiting} waiting"
        )));
        for side in [Side::Producer, Side::Consumer] {
            let Passed { packets, bytes } = *self.passed.of(side);
            let queued = self.outboxes.of(side.other()).len();
            let from = name(side);
            self.tell(Event::Status(format!(
                "from the {from}: {packets} packets passed on, {bytes} bytes, {queued} still here"
            )));
        }
        let counts: Vec<_> = self.judge.counts().collect();
        for (by, opcode, status, count) in counts {
            let by = name(by);
            self.tell(Event::Status(format!(
                "the {by} answered {opcode} with {status}: {count} times"
            )));
        }
    }

    fn fail(&mut self, task: &Task, why: impl ToString) {
        self.failures = self.failures.saturating_add(1);
        self.tell(Event::Failed {
            task: task.to_string(),
            why: why.to_string(),
        });
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() < Self::EVENTS {
            self.events.push_back(event);
        }
    }
}

/// Whether a packet has to be looked at; all others pass.
fn is_watched(header: &Header) -> bool {
    if !header.magic().is_client_request() {
        return true;
    }
    let Some(opcode) = header.opcode() else {
        return true;
    };
    [Streams::OPCODES, Takeover::OPCODES, Judge::OPCODES]
        .iter()
        .any(|opcodes| opcodes.contains(&opcode))
}

#[cfg(test)]
mod tests;
