//! What the answers mean that one node gives the other.

use std::collections::BTreeMap;

use mcbp::dcp::{DcpRequest, DcpResponse};
use mcbp::policy::{self, Context, Edition, Judgement, OpaqueOwner, Role, Verdict};
use mcbp::track::Side;
use mcbp::track::answers::{Answers, Owner, StreamKind};
use mcbp::{Header, Opcode, Status, StreamFlags};

use super::sides::Sides;

/// Follows what the nodes ask each other, and judges how they answer as the one that is answered
/// does.
#[derive(Debug, Default)]
pub(super) struct Judge {
    /// At the node that is answered.
    ends: Sides<Answers>,
    /// The opaque of the consumer's control for the status codes of release 7.
    codes: Option<u32>,
    has_codes: bool,
    seen: BTreeMap<Kind, u64>,
    /// The last that should cost a node's connection, by the node that is told.
    fatal: Sides<Option<Answered>>,
}

/// Answers that are all the same.
type Kind = (bool, Opcode, Status, &'static str);

/// An answer that one node gave the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// Who answers.
    pub by: Side,
    /// What.
    pub opcode: Opcode,
    /// How.
    pub status: Status,
    /// What the one that is answered knows it by.
    pub owner: Owner,
    /// What it makes of it.
    pub verdict: Verdict<'static>,
}

impl Judge {
    /// So many kinds of answers are told apart.
    const KINDS: usize = 256;

    /// Opcodes of requests that it has to see.
    pub(super) const OPCODES: &'static [Opcode] = &[
        Opcode::DCP_STREAM_REQ,
        Opcode::DCP_STREAM_END,
        Opcode::DCP_SNAPSHOT_MARKER,
        Opcode::DCP_SET_VBUCKET_STATE,
        Opcode::DCP_NOOP,
        Opcode::DCP_CONTROL,
        Opcode::DCP_CACHE_TRANSFER_END,
    ];

    /// Takes a request that is passed on.
    pub(super) fn on_request(&mut self, from: Side, request: &DcpRequest<'_>) {
        self.ends.of_mut(from).on_sent(request);
        match request {
            DcpRequest::Control(control) if control.message.key == "v7_dcp_status_codes".into() => {
                self.codes = Some(control.opaque);
            }
            // The producer knows the stream from then on, whether or not it agrees.
            DcpRequest::StreamRequest(asked) if from == Side::Consumer => {
                let kind = match asked.message.flags.contains(StreamFlags::CACHE_TRANSFER) {
                    true => StreamKind::CacheTransfer,
                    false => StreamKind::Active,
                };
                let producer = &mut self.ends.producer;
                producer.on_stream_opened(asked.opaque, asked.vbucket, kind);
            }
            _ => {}
        }
    }

    /// Takes an answer that is passed on; says what there is to tell of it.
    pub(super) fn on_response(
        &mut self,
        from: Side,
        header: &Header,
        response: &DcpResponse<'_>,
    ) -> Option<Answered> {
        let to = from.other();
        let (opcode, status) = (header.opcode()?, header.status()?);
        let owner = self.ends.of_mut(to).on_answer(response).owner;
        if opcode == Opcode::DCP_CONTROL && self.codes == Some(header.opaque()) {
            self.codes = None;
            self.has_codes = status == Status::SUCCESS;
        }
        if opcode == Opcode::DCP_STREAM_REQ && status != Status::SUCCESS {
            self.ends.producer.on_stream_closed(header.opaque());
        }
        let known_as = match response {
            // What a node asks beside DCP is its own business.
            DcpResponse::Other(_) => OpaqueOwner::Request,
            _ => owner.into(),
        };
        let role = match to {
            Side::Consumer => Role::Consumer,
            Side::Producer => Role::Producer,
        };
        let edition = match self.has_codes {
            true => Edition::V7_0StatusCodes,
            false => Edition::V7_0,
        };
        let context = Context::of_response(role, edition, header, known_as)?;
        let answered = Answered {
            by: from,
            opcode,
            status,
            owner,
            verdict: policy::judge(&context, status),
        };
        if answered.verdict.is_fatal() {
            *self.fatal.of_mut(to) = Some(answered);
        } else if status == Status::SUCCESS {
            return None;
        }
        self.is_new(&answered).then_some(answered)
    }

    /// What should have cost this node's connection.
    pub(super) fn fatal(&self, to: Side) -> Option<Answered> {
        *self.fatal.of(to)
    }

    /// How often each kind of answer was given, that is no success.
    pub(super) fn counts(&self) -> impl Iterator<Item = (Side, Opcode, Status, u64)> + '_ {
        self.seen
            .iter()
            .map(|(&(by_producer, opcode, status, _), &count)| {
                let by = if by_producer {
                    Side::Producer
                } else {
                    Side::Consumer
                };
                (by, opcode, status, count)
            })
    }

    /// Whether it is the first of its kind. A node may answer the same to every change.
    fn is_new(&mut self, answered: &Answered) -> bool {
        let Answered {
            by,
            opcode,
            status,
            verdict,
            ..
        } = answered;
        let kind = (*by == Side::Producer, *opcode, *status, verdict.rule.id);
        if let Some(count) = self.seen.get_mut(&kind) {
            *count = count.saturating_add(1);
            return false;
        }
        let is_new = self.seen.len() < Self::KINDS;
        if is_new {
            self.seen.insert(kind, 1);
        }
        is_new
    }
}

impl Answered {
    /// Whether it is no more than what a node may well say.
    pub(super) fn is_harmless(&self) -> bool {
        matches!(
            self.verdict.judgement,
            Judgement::Expected | Judgement::Acknowledges
        )
    }
}
