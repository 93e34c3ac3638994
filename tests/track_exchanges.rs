//! Noops and answers on connections that delay, drop, repeat and make up messages.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use core::time::Duration;

use mcbp::dcp::{
    DcpRequest, DcpResponse, MutationReply, Noop, NoopReply, SetVbucketState, SetVbucketStateReply,
    SnapshotMarker, SnapshotMarkerReply, StreamEnd,
};
use mcbp::track::answers::{Acknowledgement, Answers, Owner, StreamKind};
use mcbp::track::noop::{NoopResponder, NoopSender};
use mcbp::{Request, Response, SnapshotFlags, Status, StreamEndReason, VbucketState};
use proptest::prelude::*;

const INTERVAL: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(6);

proptest! {
    /// What happens to each noop: nothing, or an answer of any status this much later, which is
    /// repeated, and before it perhaps one that nobody waits for.
    #[test]
    fn a_sender_of_noops_goes_on_or_gives_up(
        fates in prop::collection::vec((0..100_u16, 0..3000_u64, any::<bool>()), 0..30),
    ) {
        let mut now = Duration::ZERO;
        let mut sender = NoopSender::with_limit(INTERVAL, LIMIT, now);
        let mut responder = NoopResponder::new(INTERVAL, now);
        let mut expected = NoopSender::FIRST_OPAQUE;
        let mut fates = fates.into_iter();
        loop {
            now = now.max(sender.next_timeout());
            let Ok(noop) = sender.poll(now) else {
                break;
            };
            // A timeout is never for nothing.
            let noop = noop.expect("an interval has passed");
            prop_assert_eq!(noop.opaque, expected);
            prop_assert_eq!(sender.poll(now), Ok(None));
            let Some((fate, delay, foreign)) = fates.next() else {
                continue;
            };
            if foreign {
                let answer = Response { opaque: expected + 1, ..Response::from(NoopReply::default()) };
                prop_assert!(sender.on_answer(&answer, now).is_err());
                prop_assert_eq!(sender.under_way(), Some(expected));
            }
            if fate < 10 {
                continue;
            }
            now += Duration::from_millis(delay);
            let mut answer = responder.on_noop(&noop, now);
            answer.status = Status(fate);
            prop_assert_eq!(sender.on_answer(&answer, now), Ok(()));
            prop_assert!(sender.on_answer(&answer, now).is_err());
            prop_assert_eq!(responder.poll(now), Ok(()));
            expected += 1;
        }
        prop_assert!(sender.poll(now).is_err());
    }

    #[test]
    fn no_more_is_acknowledged_than_was_sent(
        events in prop::collection::vec((0..8_u8, 0..4_u32), 0..300),
    ) {
        let mut answers = Answers::new();
        // By opaque: whether the stream is open, markers and states to be acknowledged.
        let mut model = [(false, 0_u16, 0_u16); 4];
        let mut noop = None;
        for (event, opaque) in events {
            let stream = &mut model[opaque as usize];
            let owner = if stream.0 {
                Owner::Stream { kind: StreamKind::Active, vbucket: 7 }
            } else {
                Owner::Nothing
            };
            match event {
                0 => {
                    answers.on_stream_opened(opaque, 7, StreamKind::Active);
                    *stream = (true, 0, 0);
                }
                1 => {
                    let reason = StreamEndReason::OK;
                    answers.on_sent(&sent(opaque, StreamEnd { reason }));
                    *stream = (false, 0, 0);
                }
                2 => {
                    let flags = SnapshotFlags::ACKNOWLEDGE;
                    let marker = SnapshotMarker { start_seqno: 1, end_seqno: 1, flags, v2: None };
                    answers.on_sent(&sent(opaque, marker));
                    stream.1 += u16::from(stream.0);
                }
                3 => {
                    let state = VbucketState::ACTIVE;
                    answers.on_sent(&sent(opaque, SetVbucketState { state }));
                    stream.2 += u16::from(stream.0);
                }
                4 => {
                    let answer = answers.on_answer(&answer(opaque, SnapshotMarkerReply::default()));
                    let left = stream.1.checked_sub(1);
                    stream.1 = left.unwrap_or(0);
                    let acknowledges = left.map(|left| Acknowledgement::Marker { left });
                    prop_assert_eq!((answer.owner, answer.acknowledges), (owner, acknowledges));
                }
                5 => {
                    let answer = answers.on_answer(&answer(opaque, SetVbucketStateReply::default()));
                    let left = stream.2.checked_sub(1);
                    stream.2 = left.unwrap_or(0);
                    let acknowledges = left.map(|left| Acknowledgement::State { left });
                    prop_assert_eq!((answer.owner, answer.acknowledges), (owner, acknowledges));
                }
                6 => {
                    let answer = answers.on_answer(&answer(opaque, MutationReply::default()));
                    prop_assert_eq!((answer.owner, answer.acknowledges), (owner, None));
                    answers.on_sent(&sent(opaque, Noop));
                    noop = Some(opaque);
                }
                _ => {
                    let answer = answers.on_answer(&answer(opaque, NoopReply::default()));
                    let is_it = noop == Some(opaque);
                    prop_assert_eq!(answer.owner == Owner::Noop, is_it);
                    prop_assert_eq!(answer.acknowledges.is_some(), is_it);
                    noop = noop.filter(|_| !is_it);
                }
            }
            let (is_open, markers, states) = model[opaque as usize];
            let awaited = is_open.then_some(u32::from(markers) + u32::from(states));
            prop_assert_eq!(answers.awaited(opaque), awaited);
        }
    }
}

fn sent<'a, M>(opaque: u32, message: M) -> DcpRequest<'a>
where
    DcpRequest<'a>: From<Request<'a, M>>,
{
    Request {
        opaque,
        ..Request::from(message)
    }
    .into()
}

fn answer<'a, R>(opaque: u32, reply: R) -> DcpResponse<'a>
where
    DcpResponse<'a>: From<Response<'a, R>>,
{
    Response {
        opaque,
        ..Response::from(reply)
    }
    .into()
}
