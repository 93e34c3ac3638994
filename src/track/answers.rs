//! Answers: what the responses that one end of a connection receives belong to.
//!
//! Most messages of a stream are answered only on failure, and a response says little: a status and
//! an opaque. What it means depends on what that opaque belongs to at the end that receives it, and
//! so does what a status costs: one stream, the connection, or nothing (reference 11). [`Answers`]
//! finds the [`Owner`], and neither judges nor drops anything because of a status: that is the
//! business of the [policy](crate::policy), which asks for the owner.
//!
//! ```
//! use mcbp::dcp::{DcpResponse, MutationReply};
//! use mcbp::policy::{self, Context, Edition, Judgement, Role};
//! use mcbp::track::Answers;
//! use mcbp::track::answers::StreamKind;
//! use mcbp::{Opcode, Response, Status};
//!
//! let mut answers = Answers::default();
//! answers.on_stream_opened(0x0100_0000, 7, StreamKind::Active);
//! // The consumer has another stream for the vbucket by now (MB-37009).
//! let response = Response {
//!     opaque: 0x0100_0000,
//!     status: Status::KEY_EEXISTS,
//!     ..Response::from(MutationReply::default())
//! };
//! let answer = answers.on_answer(&DcpResponse::Mutation(response));
//! let (role, opcode) = (Role::Producer, Opcode::DCP_MUTATION);
//! let context = Context::new(role, Edition::V7_0, opcode, answer.owner.into());
//! let verdict = policy::judge(&context, response.status);
//! assert_eq!(verdict.judgement, Judgement::StreamOnly);
//! ```

use alloc::collections::BTreeMap;
use core::fmt;

use crate::dcp::{DcpRequest, DcpResponse};
use crate::policy::OpaqueOwner;
use crate::{Opcode, SnapshotFlags};

/// Follows what one end sends, and tells what the answers to it belong to.
///
/// Feed it with every DCP request that this end sends and every DCP response that it receives. At a
/// producer, tell it the streams as well: their opaques were chosen by the consumer.
///
/// | event                                | effect                                                  |
/// |--------------------------------------|---------------------------------------------------------|
/// | stream opened                        | its opaque belongs to it; one of that opaque is replaced |
/// | stream closed, `DCP_STREAM_END` sent | its opaque belongs to nothing                           |
/// | marker with `ACKNOWLEDGE` sent       | the stream waits for one more marker acknowledgement    |
/// | `DCP_SET_VBUCKET_STATE` sent         | the stream waits for one more state acknowledgement     |
/// | `DCP_CACHE_TRANSFER_END` sent        | the stream is an ordinary one from now on               |
/// | `DCP_NOOP` sent                      | its opaque is that of the pending noop                  |
/// | `DCP_CONTROL`, `DCP_STREAM_REQ` sent | its opaque belongs to the request until the answer      |
/// | anything else sent                   | none                                                    |
///
/// | answer to                                   | owner                                            |
/// |---------------------------------------------|--------------------------------------------------|
/// | `DCP_SNAPSHOT_MARKER`, `DCP_SET_VBUCKET_STATE` | the stream, which waits for one fewer; or nothing |
/// | `DCP_NOOP`                                  | the pending noop, which no longer is; or nothing |
/// | `DCP_CONTROL`, `DCP_STREAM_REQ`             | that request, which no longer is; or nothing     |
/// | another message of a stream                 | the stream; or nothing                           |
/// | anything else                               | nothing                                          |
///
/// An answer is found by its opaque and its opcode: the two ends choose opaques independently, so a
/// stream and a noop may have the same. An event costs a search among the streams of the
/// connection, or among the requests under way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers {
    streams: BTreeMap<u32, Stream>,
    requests: BTreeMap<(Opcode, u32), u16>,
    noop: Option<u32>,
}

/// A stream, as far as answers to its messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stream {
    kind: StreamKind,
    vbucket: u16,
    markers: u16,
    states: u16,
}

/// What a stream carries at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamKind {
    /// Changes.
    Active,
    /// The producer's cache; an ordinary stream may follow it.
    CacheTransfer,
}

/// What the opaque of an answer belongs to, at the end that received it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A stream of this vbucket.
    Stream {
        /// What it carries.
        kind: StreamKind,
        /// The vbucket.
        vbucket: u16,
    },
    /// The `DCP_NOOP` that was under way.
    Noop,
    /// A `DCP_CONTROL` that was unanswered.
    Control,
    /// A `DCP_STREAM_REQ` for this vbucket that was unanswered.
    StreamRequest {
        /// The vbucket.
        vbucket: u16,
    },
    /// Nothing: the stream has ended, the answer is the second one, or it was never asked for.
    Nothing,
}

impl From<Owner> for OpaqueOwner {
    fn from(owner: Owner) -> Self {
        match owner {
            Owner::Stream { kind, .. } => match kind {
                StreamKind::Active => Self::Stream,
                StreamKind::CacheTransfer => Self::CacheTransfer,
            },
            Owner::Noop => Self::Noop,
            Owner::Control => Self::Control,
            Owner::StreamRequest { .. } => Self::StreamRequest,
            Owner::Nothing => Self::Nothing,
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream {
                kind: StreamKind::Active,
                vbucket,
            } => write!(f, "the stream of vbucket {vbucket}"),
            Self::Stream {
                kind: StreamKind::CacheTransfer,
                vbucket,
            } => write!(f, "the cache transfer of vbucket {vbucket}"),
            Self::Noop => f.write_str("the noop under way"),
            Self::Control => f.write_str("a control"),
            Self::StreamRequest { vbucket } => {
                write!(f, "the stream request for vbucket {vbucket}")
            }
            Self::Nothing => f.write_str("nothing"),
        }
    }
}

/// What was found out about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// What it belongs to.
    pub owner: Owner,
    /// Whether it is an acknowledgement that was waited for, and of what. Any status acknowledges
    /// (reference 11.1).
    pub acknowledges: Option<Acknowledgement>,
}

/// A message that has to be answered before the sender goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Acknowledgement {
    /// A marker with [`SnapshotFlags::ACKNOWLEDGE`].
    Marker {
        /// How many of the stream are still to be acknowledged.
        left: u16,
    },
    /// A `DCP_SET_VBUCKET_STATE`.
    State {
        /// How many of the stream are still to be acknowledged.
        left: u16,
    },
    /// A `DCP_NOOP`.
    Noop,
}

impl Answers {
    /// Nothing is open, and nothing was sent.
    pub const fn new() -> Self {
        Self {
            streams: BTreeMap::new(),
            requests: BTreeMap::new(),
            noop: None,
        }
    }

    /// A stream was opened: this end accepted the `DCP_STREAM_REQ` of this opaque.
    pub fn on_stream_opened(&mut self, opaque: u32, vbucket: u16, kind: StreamKind) {
        let stream = Stream {
            kind,
            vbucket,
            markers: 0,
            states: 0,
        };
        self.streams.insert(opaque, stream);
    }

    /// A stream was closed, with or without a `DCP_STREAM_END`.
    pub fn on_stream_closed(&mut self, opaque: u32) {
        self.streams.remove(&opaque);
    }

    /// Takes a request that this end sends.
    pub fn on_sent(&mut self, request: &DcpRequest<'_>) {
        match request {
            DcpRequest::SnapshotMarker(marker)
                if marker.message.flags.contains(SnapshotFlags::ACKNOWLEDGE) =>
            {
                if let Some(stream) = self.streams.get_mut(&marker.opaque) {
                    stream.markers = stream.markers.saturating_add(1);
                }
            }
            DcpRequest::SetVbucketState(state) => {
                if let Some(stream) = self.streams.get_mut(&state.opaque) {
                    stream.states = stream.states.saturating_add(1);
                }
            }
            DcpRequest::CacheTransferEnd(end) => {
                if let Some(stream) = self.streams.get_mut(&end.opaque) {
                    stream.kind = StreamKind::Active;
                }
            }
            DcpRequest::StreamEnd(end) => self.on_stream_closed(end.opaque),
            DcpRequest::Noop(noop) => self.noop = Some(noop.opaque),
            DcpRequest::Control(control) => {
                let key = (Opcode::DCP_CONTROL, control.opaque);
                self.requests.insert(key, 0);
            }
            DcpRequest::StreamRequest(request) => {
                let key = (Opcode::DCP_STREAM_REQ, request.opaque);
                self.requests.insert(key, request.vbucket);
            }
            _ => {}
        }
    }

    /// Takes a response that this end receives, and tells what it belongs to.
    pub fn on_answer(&mut self, response: &DcpResponse<'_>) -> Answer {
        match response {
            DcpResponse::SnapshotMarker(answer) => self.stream(answer.opaque, |stream| {
                let left = stream.markers.checked_sub(1)?;
                stream.markers = left;
                Some(Acknowledgement::Marker { left })
            }),
            DcpResponse::SetVbucketState(answer) => self.stream(answer.opaque, |stream| {
                let left = stream.states.checked_sub(1)?;
                stream.states = left;
                Some(Acknowledgement::State { left })
            }),
            DcpResponse::StreamEnd(answer) => self.of_stream(answer.opaque),
            DcpResponse::Mutation(answer) => self.of_stream(answer.opaque),
            DcpResponse::Deletion(answer) => self.of_stream(answer.opaque),
            DcpResponse::Expiration(answer) => self.of_stream(answer.opaque),
            DcpResponse::SystemEvent(answer) => self.of_stream(answer.opaque),
            DcpResponse::Prepare(answer) => self.of_stream(answer.opaque),
            DcpResponse::Commit(answer) => self.of_stream(answer.opaque),
            DcpResponse::Abort(answer) => self.of_stream(answer.opaque),
            DcpResponse::SeqnoAdvanced(answer) => self.of_stream(answer.opaque),
            DcpResponse::OsoSnapshot(answer) => self.of_stream(answer.opaque),
            DcpResponse::CacheTransfer(answer) => self.of_stream(answer.opaque),
            DcpResponse::CacheTransferEnd(answer) => self.of_stream(answer.opaque),
            DcpResponse::Noop(answer) if self.noop == Some(answer.opaque) => {
                self.noop = None;
                Answer {
                    owner: Owner::Noop,
                    acknowledges: Some(Acknowledgement::Noop),
                }
            }
            DcpResponse::Control(answer) => {
                self.request(Opcode::DCP_CONTROL, answer.opaque, |_| Owner::Control)
            }
            DcpResponse::StreamRequest(answer) => {
                self.request(Opcode::DCP_STREAM_REQ, answer.opaque, |vbucket| {
                    Owner::StreamRequest { vbucket }
                })
            }
            _ => Answer::TO_NOTHING,
        }
    }

    /// How many markers and states of a stream are to be acknowledged; `None` if there is no such
    /// stream. In a takeover the producer goes on when there are none.
    pub fn awaited(&self, opaque: u32) -> Option<u32> {
        let stream = self.streams.get(&opaque)?;
        Some(u32::from(stream.markers).saturating_add(u32::from(stream.states)))
    }

    fn of_stream(&mut self, opaque: u32) -> Answer {
        self.stream(opaque, |_| None)
    }

    fn stream(
        &mut self,
        opaque: u32,
        acknowledge: impl FnOnce(&mut Stream) -> Option<Acknowledgement>,
    ) -> Answer {
        let Some(stream) = self.streams.get_mut(&opaque) else {
            return Answer::TO_NOTHING;
        };
        let Stream { kind, vbucket, .. } = *stream;
        Answer {
            owner: Owner::Stream { kind, vbucket },
            acknowledges: acknowledge(stream),
        }
    }

    fn request(&mut self, opcode: Opcode, opaque: u32, owner: impl FnOnce(u16) -> Owner) -> Answer {
        Answer {
            owner: self
                .requests
                .remove(&(opcode, opaque))
                .map_or(Owner::Nothing, owner),
            acknowledges: None,
        }
    }
}

impl Answer {
    const TO_NOTHING: Self = Self {
        owner: Owner::Nothing,
        acknowledges: None,
    };
}

#[cfg(test)]
mod tests {
    use std::string::ToString;
    use std::vec::Vec;

    use super::*;
    use crate::dcp::{
        CacheTransferEnd, Control, Noop, SetVbucketState, SnapshotMarker, StreamEnd, StreamRequest,
    };
    use crate::{
        Header, Magic, Message, Metadata, Packet, Request, SectionLengths, StreamEndReason,
        VbucketState,
    };

    const VBUCKET: u16 = 7;
    const OPAQUE: u32 = 0x0100_0000;
    const ACTIVE: Owner = Owner::Stream {
        kind: StreamKind::Active,
        vbucket: VBUCKET,
    };
    const CACHE: Owner = Owner::Stream {
        kind: StreamKind::CacheTransfer,
        vbucket: VBUCKET,
    };

    fn send<M>(answers: &mut Answers, opaque: u32, message: M)
    where
        M: Message<'static>,
        DcpRequest<'static>: From<Request<'static, M>>,
    {
        let request = Request {
            opaque,
            vbucket: VBUCKET,
            ..Request::from(message)
        };
        answers.on_sent(&request.into());
    }

    fn send_marker(answers: &mut Answers, opaque: u32, flags: SnapshotFlags) {
        let marker = SnapshotMarker {
            start_seqno: 1,
            end_seqno: 2,
            flags,
            v2: None,
        };
        send(answers, opaque, marker);
    }

    fn send_state(answers: &mut Answers, opaque: u32) {
        let state = VbucketState::PENDING;
        send(answers, opaque, SetVbucketState { state });
    }

    /// An answer without a body, of a status that any answer may have.
    fn answer(answers: &mut Answers, opcode: Opcode, opaque: u32) -> Answer {
        let mut header = Header::new(Magic::ClientResponse, opcode.0, SectionLengths::default())
            .expect("an empty body");
        header.set_vbucket_or_status(crate::Status::NOT_MY_VBUCKET.0);
        header.set_opaque(opaque);
        let packet = Packet::new(header, [].as_slice()).expect("an empty body");
        let response = DcpResponse::read(packet).expect("a legal answer");
        assert!(!matches!(response, DcpResponse::Other(_)), "{opcode}");
        answers.on_answer(&response)
    }

    fn of(owner: Owner) -> Answer {
        Answer {
            owner,
            acknowledges: None,
        }
    }

    fn acknowledges(owner: Owner, acknowledgement: Acknowledgement) -> Answer {
        Answer {
            owner,
            acknowledges: Some(acknowledgement),
        }
    }

    #[test]
    fn the_messages_of_a_stream_are_owned_by_it() {
        let of_streams =
            |opcode: &Opcode| matches!(opcode.0, 0x55..=0x59 | 0x5b | 0x5f | 0x60 | 0x62..=0x67);
        for &opcode in DcpResponse::OPCODES {
            for (kind, owner) in [
                (StreamKind::Active, ACTIVE),
                (StreamKind::CacheTransfer, CACHE),
            ] {
                let mut answers = Answers::new();
                assert_eq!(answer(&mut answers, opcode, OPAQUE), of(Owner::Nothing));
                answers.on_stream_opened(OPAQUE, VBUCKET, kind);
                let expected = if of_streams(&opcode) {
                    owner
                } else {
                    Owner::Nothing
                };
                assert_eq!(
                    answer(&mut answers, opcode, OPAQUE),
                    of(expected),
                    "{opcode}"
                );
                let other = answer(&mut answers, opcode, OPAQUE + 1);
                assert_eq!(other, of(Owner::Nothing), "{opcode}");
                answers.on_stream_closed(OPAQUE);
                assert_eq!(answer(&mut answers, opcode, OPAQUE), of(Owner::Nothing));
            }
        }
        assert_eq!(
            DcpResponse::OPCODES
                .iter()
                .filter(|opcode| of_streams(opcode))
                .count(),
            14
        );
    }

    #[test]
    fn acknowledgements_are_counted() {
        let mut answers = Answers::new();
        let marker = |answers: &mut Answers| answer(answers, Opcode::DCP_SNAPSHOT_MARKER, OPAQUE);
        let state = |answers: &mut Answers| answer(answers, Opcode::DCP_SET_VBUCKET_STATE, OPAQUE);

        send_marker(&mut answers, OPAQUE, SnapshotFlags::ACKNOWLEDGE);
        send_state(&mut answers, OPAQUE);
        assert_eq!(answers.awaited(OPAQUE), None, "no such stream");

        answers.on_stream_opened(OPAQUE, VBUCKET, StreamKind::Active);
        send_marker(&mut answers, OPAQUE, SnapshotFlags::MEMORY);
        assert_eq!(answers.awaited(OPAQUE), Some(0), "not every marker asks");
        for _ in 0..2 {
            send_marker(&mut answers, OPAQUE, SnapshotFlags::ACKNOWLEDGE);
        }
        send_state(&mut answers, OPAQUE);
        assert_eq!(answers.awaited(OPAQUE), Some(3));

        let expected = acknowledges(ACTIVE, Acknowledgement::Marker { left: 1 });
        assert_eq!(marker(&mut answers), expected);
        let expected = acknowledges(ACTIVE, Acknowledgement::State { left: 0 });
        assert_eq!(state(&mut answers), expected);
        let expected = acknowledges(ACTIVE, Acknowledgement::Marker { left: 0 });
        assert_eq!(marker(&mut answers), expected);
        assert_eq!(answers.awaited(OPAQUE), Some(0));
        assert_eq!(marker(&mut answers), of(ACTIVE), "once too often");
        assert_eq!(state(&mut answers), of(ACTIVE), "once too often");

        send_marker(&mut answers, OPAQUE, SnapshotFlags::ACKNOWLEDGE);
        answers.on_stream_opened(OPAQUE, 9, StreamKind::Active);
        assert_eq!(answers.awaited(OPAQUE), Some(0), "a stream of its own");
    }

    #[test]
    fn what_is_sent_may_change_the_stream() {
        let mut answers = Answers::new();
        answers.on_stream_opened(OPAQUE, VBUCKET, StreamKind::CacheTransfer);
        send(&mut answers, OPAQUE, CacheTransferEnd);
        let late = answer(&mut answers, Opcode::DCP_CACHE_TRANSFER, OPAQUE);
        assert_eq!(late, of(ACTIVE));
        let reason = StreamEndReason::OK;
        send(&mut answers, OPAQUE, StreamEnd { reason });
        let late = answer(&mut answers, Opcode::DCP_MUTATION, OPAQUE);
        assert_eq!(late, of(Owner::Nothing));
        send(&mut answers, OPAQUE, CacheTransferEnd);
        assert_eq!(answers, Answers::new());
    }

    #[test]
    fn requests_are_answered_once() {
        let mut answers = Answers::new();
        answers.on_stream_opened(OPAQUE, VBUCKET, StreamKind::Active);
        send(&mut answers, OPAQUE, Noop);
        send(&mut answers, OPAQUE, Control::default());
        send(
            &mut answers,
            OPAQUE,
            StreamRequest {
                value: Metadata::default(),
                ..StreamRequest::default()
            },
        );
        for opcode in [
            Opcode::DCP_NOOP,
            Opcode::DCP_CONTROL,
            Opcode::DCP_STREAM_REQ,
        ] {
            assert_eq!(
                answer(&mut answers, opcode, 1),
                of(Owner::Nothing),
                "{opcode}"
            );
        }
        let asked = [
            (
                Opcode::DCP_NOOP,
                acknowledges(Owner::Noop, Acknowledgement::Noop),
            ),
            (Opcode::DCP_CONTROL, of(Owner::Control)),
            (
                Opcode::DCP_STREAM_REQ,
                of(Owner::StreamRequest { vbucket: VBUCKET }),
            ),
            (Opcode::DCP_MUTATION, of(ACTIVE)),
        ];
        for (opcode, expected) in asked {
            assert_eq!(answer(&mut answers, opcode, OPAQUE), expected, "{opcode}");
        }
        for opcode in [
            Opcode::DCP_NOOP,
            Opcode::DCP_CONTROL,
            Opcode::DCP_STREAM_REQ,
        ] {
            assert_eq!(
                answer(&mut answers, opcode, OPAQUE),
                of(Owner::Nothing),
                "{opcode}"
            );
        }
    }

    #[test]
    fn a_consumer_that_is_told_to_roll_back_asks_again_under_the_same_opaque() {
        let mut answers = Answers::new();
        for _ in 0..2 {
            send(&mut answers, OPAQUE, StreamRequest::default());
            let owner = answer(&mut answers, Opcode::DCP_STREAM_REQ, OPAQUE).owner;
            assert_eq!(owner, Owner::StreamRequest { vbucket: VBUCKET });
        }
    }

    #[test]
    fn owners_say_what_they_are() {
        let said: Vec<_> = [
            ACTIVE,
            CACHE,
            Owner::Noop,
            Owner::Control,
            Owner::StreamRequest { vbucket: 3 },
            Owner::Nothing,
        ]
        .iter()
        .map(ToString::to_string)
        .collect();
        assert_eq!(
            said,
            [
                "the stream of vbucket 7",
                "the cache transfer of vbucket 7",
                "the noop under way",
                "a control",
                "the stream request for vbucket 3",
                "nothing",
            ]
        );
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn sizes() {
        assert_eq!(size_of::<Stream>(), 8);
        assert_eq!(size_of::<Answers>(), 56);
    }
}
