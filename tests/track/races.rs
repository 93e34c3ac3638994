//! Every order in which a failed try and the next one can meet.

use core::time::Duration;

use std::collections::BTreeMap;

use mcbp::track::takeover::{Config, Failure, State, Takeover, TakeoverError};
use mcbp::track::{Side, Verdict};
use mcbp::{Status, StreamEndReason, VbucketState};

use crate::messages::{
    added, closed, marker_answer, set_state, state_answer, stream_answer, stream_end,
    stream_request,
};
use crate::model::{Mood, Packet, Step, World};

const VBUCKET: u16 = 5;
const OLD: u32 = 0x0100_0000;
const NEW: u32 = 0x0200_0000;

/// Plays every order of what can happen from here on. Counts the orders, and calls `check` at the
/// end of each.
fn every_order(world: &World, choices: &[Step], check: &mut impl FnMut(&World)) -> usize {
    let mut orders = 0;
    let read = [Side::Consumer, Side::Producer];
    for side in read.into_iter().filter(|side| world.can_read(*side)) {
        let mut world = world.clone();
        world.step(Step::Read(side));
        orders += every_order(&world, choices, check);
    }
    for (index, choice) in choices.iter().enumerate() {
        let mut world = world.clone();
        if world.step(*choice) {
            // Each of the choices is made once.
            let others = [&choices[..index], &choices[index + 1..]].concat();
            orders += every_order(&world, &others, check);
        }
    }
    let is_pausing = world
        .takeover
        .as_ref()
        .is_some_and(|it| it.state() == State::Pausing);
    if is_pausing || orders == 0 && world.next_timeout().is_some() {
        let mut world = world.clone();
        assert!(world.step(Step::Timeout));
        orders += every_order(&world, choices, check);
    }
    if orders == 0 {
        check(world);
        orders = 1;
    }
    orders
}

/// The mission's fourth behaviour. The consumer wants to try later while the producer is already
/// handing over, the stream of the failed try ends, and all of it is still under way when the next
/// try is made.
#[test]
fn takeover_retry_is_bounded_and_a_late_stream_end_of_the_failed_try_cannot_hurt_the_new_one() {
    let config = Config {
        retries: 1,
        ..Config::default()
    };
    for forgets in [false, true] {
        let mut world = World::new(None, Some(Takeover::new(config.clone())));
        world.is_direct = true;
        world.consumer.moods = [Mood::Hold].into();
        let now = world.now;
        world
            .takeover
            .as_mut()
            .unwrap()
            .start(VBUCKET, now)
            .unwrap();
        world.after_every_call();
        let choices = [
            Step::HandOver,
            Step::TryLater { forgets },
            Step::End { from: 0 },
            Step::Answer,
            Step::HandOver,
        ];
        let mut outcomes = BTreeMap::<_, usize>::new();
        let orders = every_order(&world, &choices, &mut |world| {
            let active = world.consumer.active.get(&VBUCKET).copied();
            let ended = &world.producer.ended;
            let mut takeover = world.takeover.clone().unwrap();
            assert_eq!(takeover.state(), State::Idle);
            let outcome = takeover.poll_outcome().expect("one outcome");
            let (last, before) = outcome.tries.split_last().unwrap();
            assert!(before.len() <= 1);
            for failed in before {
                assert_eq!(failed.failure, Some(Failure::Refused(Status::ETMPFAIL)));
                assert_ne!(failed.opaque, last.opaque);
                assert_ne!(failed.stream_opaque, last.stream_opaque);
            }
            match outcome.result {
                // Made active by this try and no other.
                Ok(()) => assert_eq!(active, last.stream_opaque),
                // Nothing but the end of its own stream can end it,
                Err(TakeoverError::Failed(Failure::Ended { opaque, .. })) => {
                    assert_eq!(last.stream_opaque, Some(opaque));
                    assert!(ended.contains(&opaque));
                }
                // or a wish that comes too late.
                Err(TakeoverError::Failed(Failure::Refused(Status::ETMPFAIL))) => {
                    assert!(last.activated && active == last.stream_opaque);
                }
                Err(other) => panic!("{other}"),
            }
            *outcomes
                .entry(format!("{:?} after {}", outcome.result, before.len()))
                .or_default() += 1;
        });
        for (outcome, count) in &outcomes {
            println!("{count} of {orders} orders: {outcome}");
        }
        assert_eq!(outcomes.values().sum::<usize>(), orders);
        assert!(outcomes["Ok(()) after 1"] > 1000, "{outcomes:?}");
    }
}

/// The same race without the order that connections keep: whatever is left of the failed try comes
/// at any time, in any order, and is as if it had never come.
#[test]
fn no_packet_of_a_failed_try_changes_the_next_one() {
    use Packet::{Request, Response};
    use Side::{Consumer, Producer};
    let now = Duration::from_secs(100);
    let take = |takeover: &mut Takeover, (from, packet): (Side, Packet)| match packet {
        Request(request) => takeover.on_request(from, &request, now),
        Response(response) => takeover.on_response(from, &response, now),
    };

    let mut takeover = Takeover::new(Config::default());
    takeover.start(VBUCKET, now).unwrap();
    let mut sent = Vec::new();
    let mut send = |takeover: &mut Takeover| {
        sent.extend(core::iter::from_fn(|| takeover.poll_send()));
        sent.len()
    };
    assert_eq!(send(&mut takeover), 1);
    let [add, close_consumer, close_producer, next_add] =
        [1, 2, 3, 4].map(|number: u32| (0x8000 | number) << 16 | u32::from(VBUCKET));
    for packet in [
        (Consumer, Request(stream_request(VBUCKET, OLD))),
        (Producer, Response(stream_answer(OLD, Status::SUCCESS))),
        (
            Producer,
            Request(set_state(VBUCKET, OLD, VbucketState::PENDING)),
        ),
        (Consumer, Response(added(add, Status::ETMPFAIL, Some(OLD)))),
    ] {
        assert!(take(&mut takeover, packet).is_ok());
    }
    assert_eq!(send(&mut takeover), 3);
    for (side, opaque) in [(Consumer, close_consumer), (Producer, close_producer)] {
        let answer = (side, Response(closed(opaque, Status::SUCCESS)));
        assert_eq!(take(&mut takeover, answer), Ok(Verdict::Keep));
    }
    assert_eq!(takeover.state(), State::Pausing);
    let mut paused = takeover.clone();
    takeover.on_timeout(takeover.next_timeout().unwrap());
    assert_eq!(send(&mut takeover), 4);

    let ok = Status::SUCCESS;
    let (pass, keep) = (Verdict::Pass, Verdict::Keep);
    let late = [
        (
            pass,
            Producer,
            Request(stream_end(VBUCKET, OLD, StreamEndReason::CLOSED)),
        ),
        (
            keep,
            Producer,
            Request(set_state(VBUCKET, OLD, VbucketState::PENDING)),
        ),
        (
            keep,
            Producer,
            Request(set_state(VBUCKET, OLD, VbucketState::ACTIVE)),
        ),
        (keep, Producer, Response(stream_answer(OLD, ok))),
        (keep, Producer, Response(closed(close_producer, ok))),
        (keep, Consumer, Response(state_answer(OLD, ok))),
        (keep, Consumer, Response(marker_answer(OLD))),
        (keep, Consumer, Response(added(add, ok, Some(OLD)))),
        (
            keep,
            Consumer,
            Response(added(add, Status::ETMPFAIL, Some(OLD))),
        ),
        (
            keep,
            Consumer,
            Response(closed(close_consumer, Status::EINVAL)),
        ),
        (keep, Consumer, Request(stream_request(VBUCKET, OLD))),
    ];
    let acknowledged = (Consumer, Response(added(next_add, ok, Some(NEW))));
    let mut next = vec![
        (Consumer, Request(stream_request(VBUCKET, NEW))),
        (Producer, Response(stream_answer(NEW, ok))),
        (
            Producer,
            Request(set_state(VBUCKET, NEW, VbucketState::PENDING)),
        ),
        (Consumer, Response(state_answer(NEW, ok))),
        (
            Producer,
            Request(set_state(VBUCKET, NEW, VbucketState::ACTIVE)),
        ),
        (Consumer, Response(state_answer(NEW, ok))),
    ];

    let check = |takeover: &mut Takeover, at: usize, of: &[usize]| {
        for (verdict, from, packet) in of.iter().map(|&index| late[index]) {
            let before = (
                takeover.state(),
                takeover.next_timeout(),
                takeover.tries().to_vec(),
            );
            assert_eq!(
                take(takeover, (from, packet)),
                Ok(verdict),
                "{packet:?} at {at}"
            );
            let after = (
                takeover.state(),
                takeover.next_timeout(),
                takeover.tries().to_vec(),
            );
            assert_eq!(before, after, "{packet:?} at {at}");
            assert_eq!(takeover.poll_send(), None);
        }
    };
    // Acknowledged at each moment; and any two late packets in any order at any two moments.
    let mut orders = 0;
    for position in [1, 2, 4, 6] {
        next.insert(position, acknowledged);
        for (first, second) in (0..=next.len())
            .flat_map(|first| (first..=next.len()).map(move |second| (first, second)))
        {
            for (a, b) in (0..late.len()).flat_map(|a| (0..late.len()).map(move |b| (a, b))) {
                let mut takeover = takeover.clone();
                for at in 0..=next.len() {
                    if at == first {
                        check(&mut takeover, at, &[a]);
                    }
                    if at == second {
                        check(&mut takeover, at, &[b]);
                    }
                    if let Some(packet) = next.get(at) {
                        assert!(take(&mut takeover, *packet).is_ok());
                    }
                }
                let outcome = takeover.poll_outcome().expect("all is answered");
                assert_eq!((outcome.result, outcome.tries.len()), (Ok(()), 2));
                orders += 1;
            }
        }
        next.remove(position);
    }
    assert_eq!(orders, 4 * 36 * 121);
    check(&mut paused, 0, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
}
