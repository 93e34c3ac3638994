//! Resuming: from where a stream has to go on.
//!
//! A [`Cursor`] follows one stream and always knows the `DCP_STREAM_REQ` that would continue it. It
//! is a legal one whatever came before, and none that skips a change: at worst, some come twice.
//! What it knows fits in a [`Checkpoint`], which can be stored and taken up again.

mod checkpoint;
#[cfg(test)]
mod tests;
mod violation;

pub use checkpoint::{Checkpoint, InvalidCheckpoint};
pub use violation::CursorViolation;

use crate::dcp::{
    DcpRequest, FailoverLog, OsoSnapshot, SeqnoAdvanced, SnapshotMarker, StreamRequest,
    StreamRequestReply,
};
use crate::{Metadata, OsoFlags, Response, SnapshotFlags, Status, StreamEndReason, StreamFlags};

/// Follows one stream of one vbucket; where a vbucket has several, told apart by stream ids, each
/// has a cursor of its own. Which messages are of the stream is told by their opaque.
///
/// | event                 | closed     | requested            | open                 | pending                  | snapshot                 | oso                    |
/// |-----------------------|------------|----------------------|----------------------|--------------------------|--------------------------|------------------------|
/// | `request`             | → requested| *busy*               | *busy*               | *busy*                   | *busy*                   | *busy*                 |
/// | reply: accepted       | *unasked*  | → open, branch known | *unasked*            | *unasked*                | *unasked*                | *unasked*              |
/// | reply: rollback       | *unasked*  | → closed, rolled back| *unasked*            | *unasked*                | *unasked*                | *unasked*              |
/// | reply: refused        | *unasked*  | → closed             | *unasked*            | *unasked*                | *unasked*                | *unasked*              |
/// | marker                | *no stream*| *no stream*          | → pending            | → pending; ¹             | → pending; ¹             | *in brackets*          |
/// | item                  | *no stream*| *no stream*          | *no snapshot*        | → snapshot, or ² → open  | counts, or ² → open      | noted                  |
/// | `DCP_SEQNO_ADVANCED`  | *no stream*| *no stream*          | *no snapshot*        | as an item               | as an item               | noted                  |
/// | OSO start             | *no stream*| *no stream*          | → oso                | → oso                    | → oso                    | *brackets*             |
/// | OSO end               | *no stream*| *no stream*          | *brackets*           | *brackets*               | *brackets*               | → open, at the highest |
/// | `DCP_STREAM_END`      | *no stream*| *no stream*          | → closed             | → closed                 | → closed                 | → closed, as before it |
/// | `on_closed`           | –          | → closed             | → closed             | → closed                 | → closed                 | → closed, as before it |
///
/// What is *emphasised* is a [`CursorViolation`] and changes nothing; so is an item that is not
/// after the last one or not in its snapshot, and a marker that only covers the past.
///
/// * **Pending**: a marker has come and none of its items. Its bounds count from the first item on;
///   until then the seqno is outside of them, and a request with both would be refused.
/// * ¹ Without collections, the next marker says that the snapshot before it is complete. With them
///   the last item or a `DCP_SEQNO_ADVANCED` does; if neither came, the bounds of the old snapshot
///   stay in force until the first item of the new one.
/// * ² The snapshot is complete, as this is its end.
/// * **Oso**: seqnos come in any order, so none of them is a point to resume from until the end. A
///   consumer whose stream is lost before that has to forget what came between the brackets: the
///   producer does not know of it, and sends nothing to replace what a failover takes away.
///
/// ```
/// use mcbp::track::resume::{Checkpoint, Cursor};
/// use mcbp::{Metadata, StreamFlags};
///
/// let stored = Checkpoint {
///     vbucket_uuid: 0xfeed,
///     seqno: 12,
///     snapshot_start_seqno: 10,
///     snapshot_end_seqno: 20,
///     purge_seqno: 0,
/// };
/// let mut cursor = Cursor::new(stored, true)?;
/// let request = cursor.request(StreamFlags::empty(), u64::MAX, Metadata::default())?;
/// assert_eq!((request.start_seqno, request.snapshot_end_seqno), (12, 20));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    checkpoint: Checkpoint,
    collections: bool,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Requested,
    /// The stream is open and in no snapshot.
    Open,
    /// A marker has come and none of its items.
    Pending(Snapshot),
    /// The bounds are those of the checkpoint.
    Snapshot {
        acknowledge: bool,
    },
    /// Between the brackets of a snapshot out of order.
    Oso {
        highest: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Snapshot {
    start: u64,
    end: u64,
    /// 0 for unknown.
    purge_seqno: u64,
    acknowledge: bool,
}

/// What a message was to a [`Cursor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The request was accepted: messages follow.
    Accepted,
    /// The consumer is on another branch of history. Forget what came after this seqno, then ask
    /// again, under the same opaque or a new one.
    ///
    /// A consumer that keeps only the newest change of each key cannot forget exactly those: what
    /// they replaced is gone. It goes back to the last checkpoint at or before this seqno that was
    /// of a complete snapshot, and takes it up with a new cursor.
    Rollback {
        /// The last seqno to keep; 0 to start from scratch.
        seqno: u64,
    },
    /// The request was refused, for this reason.
    Refused(Status),
    /// Nothing is to be done.
    Taken,
    /// A snapshot is complete.
    SnapshotComplete {
        /// Whether its marker asked for an answer, which is due now: a response to
        /// `DCP_SNAPSHOT_MARKER` under the opaque of the stream.
        acknowledge: bool,
    },
    /// The stream has ended.
    Ended(StreamEndReason),
    /// This is no message of a stream that says how far it is.
    Irrelevant,
}

impl Cursor {
    /// Takes up where `checkpoint` left off; [`Checkpoint::START`] for a new consumer. Whether
    /// collections were negotiated decides how a snapshot ends.
    ///
    /// # Errors
    ///
    /// What is wrong with the checkpoint.
    pub const fn new(checkpoint: Checkpoint, collections: bool) -> Result<Self, InvalidCheckpoint> {
        match checkpoint.validate() {
            Ok(checkpoint) => Ok(Self {
                checkpoint,
                collections,
                state: State::Closed,
            }),
            Err(invalid) => Err(invalid),
        }
    }

    /// From where to resume. Between the brackets of an OSO snapshot this is what it was before
    /// them.
    #[inline]
    pub const fn checkpoint(&self) -> Checkpoint {
        self.checkpoint
    }

    /// Whether the consumer has all of the snapshot that it was last in, so that what it has is
    /// what the vbucket once was.
    pub const fn is_consistent(&self) -> bool {
        self.checkpoint.seqno == self.checkpoint.snapshot_end_seqno
            && !matches!(self.state, State::Oso { .. })
    }

    /// The request that continues the stream.
    ///
    /// Flags and value are the caller's, and so is their legality. A request from the start names
    /// no branch unless [`StreamFlags::STRICT_VB_UUID`] asks for it, as the server's own consumer
    /// does it. With [`StreamFlags::FROM_LATEST`] the producer ignores the seqnos.
    ///
    /// # Errors
    ///
    /// [`CursorViolation::Busy`] if there is a stream, [`CursorViolation::PastEnd`] if the
    /// consumer is beyond `end_seqno` already.
    pub fn request<'a>(
        &mut self,
        flags: StreamFlags,
        end_seqno: u64,
        value: Metadata<'a>,
    ) -> Result<StreamRequest<'a>, CursorViolation> {
        let Checkpoint {
            vbucket_uuid,
            seqno,
            snapshot_start_seqno,
            snapshot_end_seqno,
            purge_seqno: _,
        } = self.checkpoint;
        if self.state != State::Closed {
            return Err(CursorViolation::Busy);
        }
        if end_seqno < seqno {
            return Err(CursorViolation::PastEnd { seqno, end_seqno });
        }
        let anonymous = seqno == 0 && !flags.contains(StreamFlags::STRICT_VB_UUID);
        self.state = State::Requested;
        Ok(StreamRequest {
            flags,
            reserved: 0,
            start_seqno: seqno,
            end_seqno,
            vbucket_uuid: if anonymous { 0 } else { vbucket_uuid },
            snapshot_start_seqno,
            snapshot_end_seqno,
            value,
        })
    }

    /// Takes the answer to the request.
    ///
    /// # Errors
    ///
    /// [`CursorViolation::Unasked`] if there is no request; otherwise the answer is one that no
    /// server gives.
    pub fn on_reply(
        &mut self,
        response: &Response<'_, StreamRequestReply<'_>>,
    ) -> Result<Progress, CursorViolation> {
        if self.state != State::Requested {
            return Err(CursorViolation::Unasked);
        }
        match response.reply {
            StreamRequestReply::Accepted(log) => {
                self.checkpoint.vbucket_uuid = newest_uuid(log)?;
                self.state = State::Open;
                Ok(Progress::Accepted)
            }
            StreamRequestReply::Rollback { seqno } => {
                if seqno > self.checkpoint.seqno {
                    return Err(CursorViolation::RollbackAhead {
                        seqno,
                        last: self.checkpoint.seqno,
                    });
                }
                let rolled_back = self.checkpoint.rolled_back(seqno);
                if rolled_back == self.checkpoint {
                    return Err(CursorViolation::RollbackInVain { seqno });
                }
                self.checkpoint = rolled_back;
                self.state = State::Closed;
                Ok(Progress::Rollback { seqno })
            }
            StreamRequestReply::Refused(_) => {
                self.state = State::Closed;
                Ok(Progress::Refused(response.status))
            }
        }
    }

    /// Takes any message of the stream.
    ///
    /// # Errors
    ///
    /// See the table.
    #[inline]
    pub fn on_message(&mut self, message: &DcpRequest<'_>) -> Result<Progress, CursorViolation> {
        match message {
            DcpRequest::SnapshotMarker(request) => self.on_marker(&request.message),
            DcpRequest::Mutation(request) => self.on_item(request.message.by_seqno),
            DcpRequest::Deletion(request) => self.on_item(request.message.by_seqno),
            DcpRequest::Expiration(request) => self.on_item(request.message.by_seqno),
            DcpRequest::SystemEvent(request) => self.on_item(request.message.by_seqno),
            DcpRequest::Prepare(request) => self.on_item(request.message.by_seqno),
            DcpRequest::Commit(request) => self.on_item(request.message.commit_seqno),
            DcpRequest::Abort(request) => self.on_item(request.message.abort_seqno),
            DcpRequest::SeqnoAdvanced(request) => self.on_seqno_advanced(request.message),
            DcpRequest::OsoSnapshot(request) => self.on_oso_snapshot(request.message),
            DcpRequest::StreamEnd(request) => match self.state {
                State::Closed | State::Requested => Err(CursorViolation::NoStream),
                _ => {
                    self.on_closed();
                    Ok(Progress::Ended(request.message.reason))
                }
            },
            _ => Ok(Progress::Irrelevant),
        }
    }

    /// Takes note that there is no stream any more: it was closed, the connection was, or the
    /// request will not be answered.
    pub const fn on_closed(&mut self) {
        self.state = State::Closed;
    }

    /// Takes the first message of a snapshot.
    ///
    /// # Errors
    ///
    /// See the table.
    pub fn on_marker(&mut self, marker: &SnapshotMarker) -> Result<Progress, CursorViolation> {
        let SnapshotMarker {
            start_seqno: start,
            end_seqno: end,
            ..
        } = *marker;
        let seqno = self.checkpoint.seqno;
        match self.state {
            State::Closed | State::Requested => return Err(CursorViolation::NoStream),
            State::Oso { .. } => return Err(CursorViolation::MarkerInBrackets),
            State::Open | State::Pending(_) | State::Snapshot { .. } => {}
        }
        if end < start || end < seqno || (end == seqno && start < seqno) {
            return Err(CursorViolation::Marker { start, end, seqno });
        }
        let progress = self.close_snapshot(start);
        self.state = State::Pending(Snapshot {
            start,
            end,
            purge_seqno: marker.purge_seqno().unwrap_or(0),
            acknowledge: marker.flags.contains(SnapshotFlags::ACKNOWLEDGE),
        });
        Ok(progress)
    }

    /// Completes the current snapshot if a marker that starts here says that it is complete.
    fn close_snapshot(&mut self, next_start: u64) -> Progress {
        let (end, acknowledge) = match self.state {
            State::Pending(snapshot) => (snapshot.end, snapshot.acknowledge),
            State::Snapshot { acknowledge } => (self.checkpoint.snapshot_end_seqno, acknowledge),
            _ => return Progress::Taken,
        };
        if self.collections || next_start <= end {
            return Progress::Taken;
        }
        if let State::Pending(snapshot) = self.state {
            self.enter(snapshot);
        }
        self.checkpoint = self.checkpoint.complete_at(end);
        Progress::SnapshotComplete { acknowledge }
    }

    /// Takes the seqno of a mutation, deletion, expiration, system event, prepare, commit or abort.
    ///
    /// # Errors
    ///
    /// See the table.
    #[inline]
    pub fn on_item(&mut self, by_seqno: u64) -> Result<Progress, CursorViolation> {
        if by_seqno <= self.checkpoint.seqno {
            self.streaming()?;
            return Err(CursorViolation::OutOfOrder {
                by_seqno,
                last: self.checkpoint.seqno,
            });
        }
        self.advance(by_seqno)
    }

    /// Takes a seqno that stands in for items that the consumer may not see.
    ///
    /// # Errors
    ///
    /// See the table.
    pub fn on_seqno_advanced(
        &mut self,
        advanced: SeqnoAdvanced,
    ) -> Result<Progress, CursorViolation> {
        let SeqnoAdvanced { by_seqno } = advanced;
        if by_seqno < self.checkpoint.seqno {
            self.streaming()?;
            return Err(CursorViolation::OutOfOrder {
                by_seqno,
                last: self.checkpoint.seqno,
            });
        }
        self.advance(by_seqno)
    }

    /// Takes one of the brackets of a snapshot out of order.
    ///
    /// # Errors
    ///
    /// See the table.
    pub fn on_oso_snapshot(&mut self, bracket: OsoSnapshot) -> Result<Progress, CursorViolation> {
        self.streaming()?;
        match (bracket.flags, self.state) {
            (OsoFlags::START, State::Open | State::Pending(_) | State::Snapshot { .. }) => {
                self.state = State::Oso {
                    highest: self.checkpoint.seqno,
                };
                Ok(Progress::Taken)
            }
            (OsoFlags::END, State::Oso { highest }) => {
                if highest > self.checkpoint.seqno {
                    self.checkpoint = self.checkpoint.complete_at(highest);
                }
                self.state = State::Open;
                Ok(Progress::SnapshotComplete { acknowledge: false })
            }
            (flags, _) => Err(CursorViolation::Brackets(flags)),
        }
    }

    #[inline]
    const fn streaming(&self) -> Result<(), CursorViolation> {
        match self.state {
            State::Closed | State::Requested => Err(CursorViolation::NoStream),
            _ => Ok(()),
        }
    }

    /// Goes on to a seqno that is not before the last.
    #[inline]
    fn advance(&mut self, by_seqno: u64) -> Result<Progress, CursorViolation> {
        let (start, end) = match self.state {
            State::Snapshot { .. } => (
                self.checkpoint.snapshot_start_seqno,
                self.checkpoint.snapshot_end_seqno,
            ),
            State::Pending(snapshot) => (snapshot.start, snapshot.end),
            State::Oso { highest } => {
                self.state = State::Oso {
                    highest: highest.max(by_seqno),
                };
                return Ok(Progress::Taken);
            }
            State::Open => return Err(CursorViolation::NoSnapshot { by_seqno }),
            State::Closed | State::Requested => return Err(CursorViolation::NoStream),
        };
        if by_seqno < start || end < by_seqno {
            return Err(CursorViolation::OutsideSnapshot {
                by_seqno,
                start,
                end,
            });
        }
        let acknowledge = match self.state {
            State::Pending(snapshot) => self.enter(snapshot),
            State::Snapshot { acknowledge } => acknowledge,
            _ => false,
        };
        if by_seqno < end {
            self.checkpoint.seqno = by_seqno;
            return Ok(Progress::Taken);
        }
        self.checkpoint = self.checkpoint.complete_at(end);
        self.state = State::Open;
        Ok(Progress::SnapshotComplete { acknowledge })
    }

    /// The first item of a pending snapshot is here. The seqno follows.
    #[inline]
    fn enter(&mut self, snapshot: Snapshot) -> bool {
        let Snapshot {
            start,
            end,
            purge_seqno,
            acknowledge,
        } = snapshot;
        self.checkpoint.snapshot_start_seqno = start;
        self.checkpoint.snapshot_end_seqno = end;
        if purge_seqno != 0 {
            self.checkpoint.purge_seqno = purge_seqno;
        }
        self.state = State::Snapshot { acknowledge };
        acknowledge
    }
}

/// The branch that the producer is on.
fn newest_uuid(log: FailoverLog<'_>) -> Result<u64, CursorViolation> {
    let newest = log.iter().next().map_or(0, |entry| entry.vbucket_uuid);
    if newest == 0 {
        return Err(CursorViolation::NoUuid);
    }
    Ok(newest)
}
