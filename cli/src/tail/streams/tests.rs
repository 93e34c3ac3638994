use mcbp::dcp::{FailoverLog, Mutation, SnapshotMarker, StreamEnd};
use mcbp::{SnapshotFlags, UserData};

use super::*;

const NOW: Duration = Duration::from_secs(100);
const UUID: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0];

/// One vbucket, from the beginning to seqno 5, and the opaque of the request for it.
fn asked() -> (Streams, u32) {
    let mut streams = Streams::default();
    streams.configure(Keyspace::Everything, true);
    streams.add(3, Checkpoint::START, Some(5)).unwrap();
    let opaque = ask(&mut streams, NOW);
    (streams, opaque)
}

fn ask(streams: &mut Streams, now: Duration) -> u32 {
    let request = streams.poll_request(now).expect("a request is due");
    assert_eq!(request.vbucket, 3);
    assert_eq!(request.message.end_seqno, 5);
    assert_eq!(request.message.flags, StreamFlags::ACTIVE_VB_ONLY);
    let opaque = request.opaque;
    assert_eq!(streams.poll_request(now), None);
    opaque
}

fn answer(
    streams: &mut Streams,
    opaque: u32,
    status: Status,
    reply: StreamRequestReply<'_>,
) -> Result<(u16, Answered), Violation> {
    let response = Response {
        opaque,
        status,
        ..Response::from(reply)
    };
    let mut bytes = Vec::new();
    response.encode(&mut bytes).unwrap();
    let (packet, _) = Packet::split_first(&bytes).unwrap().unwrap();
    streams.on_answer(packet, &response, NOW)
}

fn accept(streams: &mut Streams, opaque: u32) {
    let log = FailoverLog::new(&UUID).unwrap();
    let reply = StreamRequestReply::Accepted(log);
    let answered = answer(streams, opaque, Status::SUCCESS, reply);
    assert!(matches!(answered, Ok((3, Answered::Open))), "{answered:?}");
}

fn refuse(streams: &mut Streams, opaque: u32, status: Status) {
    let reply = StreamRequestReply::Refused("".into());
    let answered = answer(streams, opaque, status, reply);
    assert!(
        matches!(answered, Ok((3, Answered::Refused(_)))),
        "{answered:?}"
    );
}

fn marker(streams: &mut Streams, opaque: u32, end_seqno: u64) -> Result<Took, Violation> {
    let marker = SnapshotMarker {
        start_seqno: 0,
        end_seqno,
        flags: SnapshotFlags::MEMORY,
        v2: None,
    };
    let message = DcpRequest::SnapshotMarker(Request::from(marker));
    streams.on_message((3, opaque), &message, NOW)
}

fn change(streams: &mut Streams, opaque: u32, by_seqno: u64) -> Result<Took, Violation> {
    let mutation = Mutation {
        by_seqno,
        key: UserData::from("\0key"),
        ..Mutation::default()
    };
    let message = DcpRequest::Mutation(Request::from(mutation));
    streams.on_message((3, opaque), &message, NOW)
}

fn end(streams: &mut Streams, opaque: u32, reason: StreamEndReason) -> Result<Took, Violation> {
    let message = DcpRequest::StreamEnd(Request::from(StreamEnd { reason }));
    streams.on_message((3, opaque), &message, NOW)
}

const fn foreign(opaque: u32) -> Violation {
    Violation::Foreign { vbucket: 3, opaque }
}

#[test]
fn a_stream_from_its_request_to_its_end() {
    let (mut streams, opaque) = asked();
    assert_eq!(
        change(&mut streams, opaque, 1),
        Err(foreign(opaque)),
        "not open yet"
    );
    accept(&mut streams, opaque);
    assert_eq!(marker(&mut streams, opaque, 5), Ok(Took::Nothing));
    assert_eq!(change(&mut streams, opaque, 1), Ok(Took::Change));
    assert_eq!(change(&mut streams, opaque, 1), Ok(Took::Repeated));
    assert_eq!(change(&mut streams, opaque, 4), Ok(Took::Change));
    assert_eq!(streams.position(3).unwrap().seqno, 4);
    assert!(!streams.are_over());
    assert_eq!(change(&mut streams, opaque, 5), Ok(Took::Change));
    assert!(
        streams.are_over(),
        "the end is here, whether the node says so or not"
    );
    assert_eq!(
        end(&mut streams, opaque, StreamEndReason::OK),
        Ok(Took::Nothing)
    );
    assert_eq!((streams.len(), streams.missing()), (1, 0));
    assert_eq!(streams.next_timeout(), None);
}

#[test]
fn what_is_of_no_stream_costs_the_connection() {
    let (mut streams, opaque) = asked();
    let log = StreamRequestReply::Accepted(FailoverLog::new(&UUID).unwrap());
    let other = opaque.wrapping_add(1 << 16);
    let answered = answer(&mut streams, other, Status::SUCCESS, log);
    assert_eq!(answered.unwrap_err(), foreign(other));
    accept(&mut streams, opaque);
    let again = answer(&mut streams, opaque, Status::SUCCESS, log);
    assert!(matches!(again, Err(Violation::Cursor { .. })), "{again:?}");
    assert_eq!(marker(&mut streams, !opaque, 5), Err(foreign(!opaque)));
    let without_marker = change(&mut streams, opaque, 1);
    assert!(matches!(without_marker, Err(Violation::Cursor { .. })));
}

#[test]
fn a_request_is_answered_in_time() {
    let (streams, _) = asked();
    let limit = NOW.saturating_add(ANSWER_LIMIT);
    assert_eq!(streams.next_timeout(), Some(limit));
    assert_eq!(streams.poll(NOW), Ok(()));
    assert_eq!(
        streams.poll(limit),
        Err(Violation::Unanswered { vbucket: 3 })
    );
}

#[test]
fn refusals() {
    for status in [Status::ETMPFAIL, Status::EBUSY, Status::ENOMEM] {
        let (mut streams, opaque) = asked();
        refuse(&mut streams, opaque, status);
        assert_eq!(streams.poll_request(NOW), None, "not at once");
        let again = streams.next_timeout().unwrap();
        assert_ne!(
            ask(&mut streams, again),
            opaque,
            "no two requests share an opaque"
        );
    }
    for status in [Status::UNKNOWN_COLLECTION, Status::EACCESS, Status::ERANGE] {
        let (mut streams, opaque) = asked();
        refuse(&mut streams, opaque, status);
        assert_eq!((streams.are_over(), streams.missing()), (true, 1));
        streams.look_again(NOW);
        streams.on_closed();
        assert_eq!(streams.next_timeout(), None, "{status} is for good");
    }
    let (mut streams, opaque) = asked();
    refuse(&mut streams, opaque, Status::NOT_MY_VBUCKET);
    assert_eq!((streams.are_over(), streams.missing()), (true, 1));
    streams.look_again(NOW);
    assert_eq!(
        (streams.are_over(), streams.missing()),
        (false, 0),
        "it may have come back"
    );
    ask(&mut streams, NOW);
}

#[test]
fn a_rollback_is_asked_again_at_once() {
    let mut streams = Streams::default();
    streams.configure(Keyspace::Everything, true);
    let from = Checkpoint::complete(9, 4).unwrap();
    streams.add(3, from, Some(5)).unwrap();
    let opaque = ask(&mut streams, NOW);
    let reply = StreamRequestReply::Rollback { seqno: 2 };
    let answered = answer(&mut streams, opaque, Status::ROLLBACK, reply);
    assert!(matches!(answered, Ok((3, Answered::Rollback { seqno: 2 }))));
    assert_eq!(streams.position(3).unwrap().seqno, 2);
    let again = streams.poll_request(NOW).unwrap();
    assert_eq!(again.message.start_seqno, 2);
}

#[test]
fn ends() {
    let open = || {
        let (mut streams, opaque) = asked();
        accept(&mut streams, opaque);
        (streams, opaque)
    };
    for (reason, is_over, missing) in [
        (StreamEndReason::OK, true, 0),
        (StreamEndReason::CLOSED, true, 1),
        (StreamEndReason::FILTER_EMPTY, true, 1),
        (StreamEndReason::LOST_PRIVILEGES, true, 1),
        (StreamEndReason::STATE_CHANGED, false, 0),
        (StreamEndReason::SLOW, false, 0),
        (StreamEndReason::BACKFILL_FAIL, false, 0),
        (StreamEndReason::ROLLBACK, false, 0),
        (StreamEndReason(99), false, 0),
    ] {
        let (mut streams, opaque) = open();
        let took = end(&mut streams, opaque, reason);
        assert!(
            matches!(took, Ok(Took::Ended(of, _)) if of == reason),
            "{took:?}"
        );
        assert_eq!(
            (streams.are_over(), streams.missing()),
            (is_over, missing),
            "{reason}"
        );
        if !is_over {
            ask(&mut streams, NOW.saturating_mul(2));
        } else {
            streams.on_closed();
            assert!(streams.are_over(), "{reason}");
        }
    }
}

#[test]
fn a_lost_connection_asks_for_all_that_is_not_over() {
    let (mut streams, opaque) = asked();
    accept(&mut streams, opaque);
    marker(&mut streams, opaque, 5).unwrap();
    change(&mut streams, opaque, 2).unwrap();
    streams.on_closed();
    let request = streams.poll_request(Duration::ZERO).unwrap();
    let StreamRequest {
        start_seqno,
        vbucket_uuid,
        snapshot_end_seqno,
        ..
    } = request.message;
    assert_eq!((start_seqno, vbucket_uuid, snapshot_end_seqno), (2, 7, 5));
    assert_eq!(
        change(&mut streams, opaque, 3),
        Err(foreign(opaque)),
        "the old opaque"
    );
}

#[test]
fn ends_that_move() {
    let (mut streams, opaque) = asked();
    accept(&mut streams, opaque);
    marker(&mut streams, opaque, 5).unwrap();
    change(&mut streams, opaque, 3).unwrap();
    streams.on_closed();
    streams.set_end(3, 7);
    assert_eq!(
        streams.poll_request(NOW).unwrap().message.end_seqno,
        5,
        "never further"
    );
    streams.on_closed();
    streams.set_end(3, 3);
    assert!(streams.are_over(), "rolled back to where it is");

    // Beyond the end is for the node to judge: what a filter skipped, or a history it has lost.
    let mut streams = Streams::default();
    streams
        .add(3, Checkpoint::complete(7, 9).unwrap(), Some(5))
        .unwrap();
    let request = streams.poll_request(NOW).unwrap().message;
    assert_eq!((request.start_seqno, request.end_seqno), (9, 9));
    assert_eq!(
        request.value,
        Metadata::default(),
        "no filter without collections"
    );
}
