//! The streams of a connection: which to ask for, and what their messages mean. No I/O.
//!
//! | event                                      | waits           | asked                | open             |
//! |--------------------------------------------|-----------------|----------------------|------------------|
//! | `poll_request`, the time has come          | → asked         | –                    | –                |
//! | answer: accepted                           | *unasked*       | → open               | *unasked*        |
//! | answer: rollback                           | *unasked*       | → waits, for nothing | *unasked*        |
//! | answer: refused for now                    | *unasked*       | → waits, a while     | *unasked*        |
//! | answer: not here                           | *unasked*       | → away               | *unasked*        |
//! | answer: refused                            | *unasked*       | → given up           | *unasked*        |
//! | a change                                   | *foreign*       | *foreign*            | taken; at the end → finished |
//! | end of the stream                          | *foreign*       | *foreign*            | as the policy says |
//! | no answer for too long                     | –               | *unanswered*         | –                |
//! | the connection is lost                     | → waits, for nothing | → waits, for nothing | → waits, for nothing |
//!
//! What is *emphasised* costs the connection: a resumed stream is sounder than one of which a
//! message went astray.

#[cfg(test)]
mod tests;

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

use mcbp::dcp::{DcpRequest, StreamRequest, StreamRequestReply};
use mcbp::policy::{self, OpaqueOwner, StreamEndAction, StreamEndAdvice};
use mcbp::track::resume::{Checkpoint, Cursor, CursorViolation, InvalidCheckpoint, Progress};
use mcbp::value::{Keyspace, StreamFilter};
use mcbp::{Metadata, Packet, Request, Response, Status, StreamEndReason, StreamFlags};

use super::back_off::BackOff;
use crate::connect::{ConnectError, Refusal};

/// All streams, by vbucket.
#[derive(Debug, Default)]
pub(super) struct Streams {
    streams: BTreeMap<u16, Stream>,
    keyspace: Keyspace,
    collections: bool,
    /// The value of the request that was polled last.
    value: String,
    requests: u16,
}

/// A stream, and what becomes of it.
#[derive(Debug)]
struct Stream {
    cursor: Cursor,
    /// The last seqno that is wanted.
    end: u64,
    opaque: u32,
    state: State,
    back_off: BackOff,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// To be asked for at this time.
    Waits(Duration),
    /// Asked for, and to be answered by this time.
    Asked(Duration),
    Open,
    /// All that was wanted is here.
    Finished,
    /// The vbucket is on another node.
    Away,
    /// It will not come.
    GivenUp,
}

/// How long a node may take to answer a stream request. It looks at memory only.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// What a message is to who follows the streams.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Took {
    /// A change, to be shown.
    Change,
    /// Something that moves the stream on, or nothing.
    Nothing,
    /// What came was here before.
    Repeated,
    /// The stream has ended for this reason.
    Ended(StreamEndReason, &'static StreamEndAdvice),
}

/// What the answer to a stream request is to who follows the streams.
#[derive(Debug)]
pub(super) enum Answered {
    /// The stream is open.
    Open,
    /// What came after this seqno is void.
    Rollback {
        /// The last that is not.
        seqno: u64,
    },
    /// There is no stream, for now or for good.
    Refused(Refusal),
}

/// A message that no node would send. The connection is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Violation {
    /// A message of a stream that there is none of, or an answer to a request that was not made.
    Foreign {
        /// Its vbucket.
        vbucket: u16,
        /// Its opaque.
        opaque: u32,
    },
    /// A request that is not answered.
    Unanswered {
        /// Its vbucket.
        vbucket: u16,
    },
    /// A message that does not fit into its stream.
    Cursor {
        /// The vbucket.
        vbucket: u16,
        /// What is wrong.
        violation: CursorViolation,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign { vbucket, opaque } => {
                write!(
                    f,
                    "vbucket {vbucket}: a message of no stream, opaque {opaque:#010x}"
                )
            }
            Self::Unanswered { vbucket } => {
                write!(f, "vbucket {vbucket}: no answer to the stream request")
            }
            Self::Cursor { vbucket, violation } => write!(f, "vbucket {vbucket}: {violation}"),
        }
    }
}

impl From<Violation> for ConnectError {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation.to_string())
    }
}

impl Streams {
    /// What the connection has agreed on, and what is wanted of each vbucket.
    pub(super) fn configure(&mut self, keyspace: Keyspace, collections: bool) {
        self.keyspace = keyspace;
        self.collections = collections;
    }

    /// Adds a vbucket, from where it is to be followed to where.
    pub(super) fn add(
        &mut self,
        vbucket: u16,
        from: Checkpoint,
        end: Option<u64>,
    ) -> Result<(), InvalidCheckpoint> {
        let stream = Stream {
            cursor: Cursor::new(from, self.collections)?,
            end: u64::MAX,
            opaque: 0,
            state: State::Waits(Duration::ZERO),
            back_off: BackOff::default(),
        };
        self.streams.insert(vbucket, stream);
        if let Some(end) = end {
            self.set_end(vbucket, end);
        }
        Ok(())
    }

    /// Lets a vbucket end where it was rolled back to, or where it is.
    pub(super) fn set_end(&mut self, vbucket: u16, end: u64) {
        let Some(stream) = self.streams.get_mut(&vbucket) else {
            return;
        };
        let at = stream.cursor.checkpoint().seqno;
        // What is beyond the end is either what the filter skipped, and the stream will end at
        // once, or what the node has lost, and it will say so.
        stream.end = stream.end.min(end).max(at);
        if at == end && matches!(stream.state, State::Waits(_)) {
            stream.state = State::Finished;
        }
    }

    /// Whether this vbucket is followed, was, or will be.
    pub(super) fn contains(&self, vbucket: u16) -> bool {
        self.streams.contains_key(&vbucket)
    }

    /// The next request that is due.
    pub(super) fn poll_request(&mut self, now: Duration) -> Option<Request<'_, StreamRequest<'_>>> {
        let due = |state| matches!(state, State::Waits(until) if until <= now);
        let (&vbucket, stream) = self
            .streams
            .iter_mut()
            .find(|(_, stream)| due(stream.state))?;
        // No two requests share an opaque, and each tells its vbucket.
        self.requests = self.requests.checked_add(1).unwrap_or(1);
        stream.opaque = u32::from(self.requests) << 16 | u32::from(vbucket);
        stream.state = State::Asked(now.saturating_add(ANSWER_LIMIT));
        self.value.clear();
        if self.collections {
            let purge_seqno = Some(stream.cursor.checkpoint().purge_seqno);
            let filter = StreamFilter {
                keyspace: self.keyspace.clone(),
                purge_seqno: purge_seqno.filter(|&seqno| seqno != 0),
                ..StreamFilter::default()
            };
            self.value = filter.to_string();
        }
        let flags = StreamFlags::ACTIVE_VB_ONLY;
        let value = Metadata(self.value.as_bytes());
        let message = stream.cursor.request(flags, stream.end, value).ok()?;
        Some(Request {
            opaque: stream.opaque,
            vbucket,
            ..Request::from(message)
        })
    }

    /// When to [`poll`](Self::poll), and for a request.
    pub(super) fn next_timeout(&self) -> Option<Duration> {
        let due = self.streams.values().filter_map(|stream| stream.timeout());
        due.min()
    }

    /// Whether every request has been answered that should have been.
    pub(super) fn poll(&self, now: Duration) -> Result<(), Violation> {
        let late = |stream: &Stream| matches!(stream.state, State::Asked(until) if until <= now);
        match self.streams.iter().find(|(_, stream)| late(stream)) {
            Some((&vbucket, _)) => Err(Violation::Unanswered { vbucket }),
            None => Ok(()),
        }
    }

    /// Takes the answer to a request.
    pub(super) fn on_answer(
        &mut self,
        packet: Packet<&[u8]>,
        response: &Response<'_, StreamRequestReply<'_>>,
        now: Duration,
    ) -> Result<(u16, Answered), Violation> {
        let [.., high, low] = response.opaque.to_be_bytes();
        let vbucket = u16::from_be_bytes([high, low]);
        let stream = of(&mut self.streams, vbucket, response.opaque)?;
        let progress = stream
            .cursor
            .on_reply(response)
            .map_err(|violation| Violation::Cursor { vbucket, violation })?;
        let answered = match progress {
            Progress::Rollback { seqno } => {
                stream.state = State::Waits(Duration::ZERO);
                Answered::Rollback { seqno }
            }
            Progress::Refused(status) => {
                let refusal = Refusal::new(&packet, OpaqueOwner::StreamRequest);
                stream.state = if refusal.is_passing() {
                    State::Waits(now.saturating_add(stream.back_off.next()))
                } else if status == Status::NOT_MY_VBUCKET {
                    State::Away
                } else {
                    State::GivenUp
                };
                Answered::Refused(refusal)
            }
            _ => {
                stream.state = State::Open;
                Answered::Open
            }
        };
        Ok((vbucket, answered))
    }

    /// Takes a message of a stream.
    pub(super) fn on_message(
        &mut self,
        header: (u16, u32),
        message: &DcpRequest<'_>,
        now: Duration,
    ) -> Result<Took, Violation> {
        let (vbucket, opaque) = header;
        let stream = of(&mut self.streams, vbucket, opaque)?;
        match stream.state {
            State::Open => {}
            // It ends where it was asked to, and says so.
            State::Finished => return Ok(Took::Nothing),
            _ => return Err(Violation::Foreign { vbucket, opaque }),
        }
        let progress = match stream.cursor.on_message(message) {
            Ok(progress) => progress,
            // What is not after the last seqno is here already.
            Err(CursorViolation::OutOfOrder { .. } | CursorViolation::Marker { .. }) => {
                return Ok(Took::Repeated);
            }
            Err(violation) => return Err(Violation::Cursor { vbucket, violation }),
        };
        if let Progress::Ended(reason) = progress {
            let advice = policy::stream_end(reason);
            stream.state = match advice.action {
                StreamEndAction::Stop if reason == StreamEndReason::OK => State::Finished,
                StreamEndAction::Stop => State::GivenUp,
                StreamEndAction::Reopen | StreamEndAction::RollBack => State::Waits(now),
                // If the vbucket has moved, the answer to the next request will say so.
                StreamEndAction::ReopenWithBackOff | StreamEndAction::ReopenWithNewClusterMap => {
                    State::Waits(now.saturating_add(stream.back_off.next()))
                }
            };
            return Ok(Took::Ended(reason, advice));
        }
        let is_change = matches!(
            message,
            DcpRequest::Mutation(_)
                | DcpRequest::Deletion(_)
                | DcpRequest::Expiration(_)
                | DcpRequest::SystemEvent(_)
        );
        if is_change {
            stream.back_off.reset();
        }
        if stream.cursor.checkpoint().seqno >= stream.end {
            stream.state = State::Finished;
        }
        Ok(if is_change {
            Took::Change
        } else {
            Took::Nothing
        })
    }

    /// From where this vbucket would be resumed.
    pub(super) fn position(&self, vbucket: u16) -> Option<Checkpoint> {
        self.streams
            .get(&vbucket)
            .map(|stream| stream.cursor.checkpoint())
    }

    /// Asks again for what is on another node: it may have come back.
    pub(super) fn look_again(&mut self, now: Duration) {
        for stream in self.streams.values_mut() {
            if stream.state == State::Away {
                stream.state = State::Waits(now);
            }
        }
    }

    /// Takes note that the connection is lost.
    pub(super) fn on_closed(&mut self) {
        for stream in self.streams.values_mut() {
            stream.cursor.on_closed();
            if !matches!(stream.state, State::Finished | State::GivenUp) {
                stream.state = State::Waits(Duration::ZERO);
            }
        }
    }

    /// Whether nothing more will come.
    pub(super) fn are_over(&self) -> bool {
        let over = |state| matches!(state, State::Finished | State::Away | State::GivenUp);
        self.streams.values().all(|stream| over(stream.state))
    }

    /// The vbuckets of which not all that was wanted has come, nor will.
    pub(super) fn missing(&self) -> usize {
        let missing = |state| matches!(state, State::Away | State::GivenUp);
        self.streams
            .values()
            .filter(|stream| missing(stream.state))
            .count()
    }

    /// How many vbuckets there are.
    pub(super) fn len(&self) -> usize {
        self.streams.len()
    }
}

impl Stream {
    const fn timeout(&self) -> Option<Duration> {
        match self.state {
            State::Waits(until) | State::Asked(until) => Some(until),
            _ => None,
        }
    }
}

/// The stream that a message says it is of.
fn of(
    streams: &mut BTreeMap<u16, Stream>,
    vbucket: u16,
    opaque: u32,
) -> Result<&mut Stream, Violation> {
    let stream = streams
        .get_mut(&vbucket)
        .filter(|stream| stream.opaque == opaque);
    stream.ok_or(Violation::Foreign { vbucket, opaque })
}
