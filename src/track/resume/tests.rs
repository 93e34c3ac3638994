use std::string::{String, ToString};
use std::vec::Vec;
use std::{format, vec};

use super::*;
use crate::dcp::{FailoverEntry, SnapshotMarkerV2, SnapshotMarkerV2Minor, StreamEnd};
use crate::{Opcode, Packet, Request, StreamEndReason};

const LOG: [u8; 32] = {
    let mut log = [0; 32];
    log[7] = 0xb;
    log[15] = 40;
    log[23] = 0xa;
    log
};

/// In a snapshot, at seqno 12 of branch 0xa.
const PARTIAL: Checkpoint = Checkpoint {
    vbucket_uuid: 0xa,
    seqno: 12,
    snapshot_start_seqno: 10,
    snapshot_end_seqno: 20,
    purge_seqno: 3,
};

const fn marker(start_seqno: u64, end_seqno: u64) -> SnapshotMarker {
    SnapshotMarker {
        start_seqno,
        end_seqno,
        flags: SnapshotFlags::MEMORY,
        v2: None,
    }
}

fn log(bytes: &[u8]) -> Response<'_, StreamRequestReply<'_>> {
    let log = FailoverLog::new(bytes).expect("whole entries");
    Response::from(StreamRequestReply::Accepted(log))
}

fn accepted() -> Response<'static, StreamRequestReply<'static>> {
    log(&LOG)
}

fn rollback(seqno: u64) -> Response<'static, StreamRequestReply<'static>> {
    Response {
        status: Status::ROLLBACK,
        ..Response::from(StreamRequestReply::Rollback { seqno })
    }
}

fn refused(status: Status) -> Response<'static, StreamRequestReply<'static>> {
    Response {
        status,
        ..Response::from(StreamRequestReply::Refused(Metadata::default()))
    }
}

fn ask(cursor: &mut Cursor) -> Result<StreamRequest<'static>, CursorViolation> {
    cursor.request(StreamFlags::empty(), u64::MAX, Metadata::default())
}

fn bracket(flags: OsoFlags) -> OsoSnapshot {
    OsoSnapshot { flags }
}

fn end() -> DcpRequest<'static> {
    let reason = StreamEndReason::CLOSED;
    Request::from(StreamEnd { reason }).into()
}

/// A cursor with an open stream.
fn open(checkpoint: Checkpoint, collections: bool) -> Cursor {
    let mut cursor = Cursor::new(checkpoint, collections).expect("a valid checkpoint");
    ask(&mut cursor).expect("no stream yet");
    cursor.on_reply(&accepted()).expect("asked");
    cursor
}

fn bounds(cursor: &Cursor) -> (u64, u64, u64) {
    let checkpoint = cursor.checkpoint();
    (
        checkpoint.seqno,
        checkpoint.snapshot_start_seqno,
        checkpoint.snapshot_end_seqno,
    )
}

/// The states of the table, at seqno 12.
fn states() -> Vec<(&'static str, Cursor)> {
    let closed = Cursor::new(PARTIAL, true).expect("valid");
    let mut requested = closed.clone();
    ask(&mut requested).expect("closed");
    let open = open(PARTIAL, true);
    let mut pending = open.clone();
    pending.on_marker(&marker(11, 30)).expect("open");
    let mut snapshot = pending.clone();
    snapshot.on_item(13).expect("in the snapshot");
    let mut oso = open.clone();
    oso.on_oso_snapshot(bracket(OsoFlags::START)).expect("open");
    vec![
        ("closed", closed),
        ("requested", requested),
        ("open", open),
        ("pending", pending),
        ("snapshot", snapshot),
        ("oso", oso),
    ]
}

fn state(cursor: &Cursor) -> &'static str {
    match cursor.state {
        State::Closed => "→ closed",
        State::Requested => "→ requested",
        State::Open => "→ open",
        State::Pending(_) => "→ pending",
        State::Snapshot { .. } => "→ snapshot",
        State::Oso { .. } => "→ oso",
    }
}

fn label(violation: CursorViolation) -> &'static str {
    match violation {
        CursorViolation::Busy => "busy",
        CursorViolation::Unasked => "unasked",
        CursorViolation::NoStream => "no stream",
        CursorViolation::MarkerInBrackets => "in brackets",
        CursorViolation::Brackets(_) => "brackets",
        CursorViolation::NoSnapshot { .. } => "no snapshot",
        _ => "another",
    }
}

#[test]
fn table() {
    type Event = fn(&mut Cursor) -> Result<(), CursorViolation>;
    #[rustfmt::skip]
    let rows: [(&str, Event, [&str; 6]); 11] = [
        ("request", |cursor| ask(cursor).map(drop),
            ["→ requested", "busy", "busy", "busy", "busy", "busy"]),
        ("accepted", |cursor| cursor.on_reply(&accepted()).map(drop),
            ["unasked", "→ open", "unasked", "unasked", "unasked", "unasked"]),
        ("rollback", |cursor| cursor.on_reply(&rollback(5)).map(drop),
            ["unasked", "→ closed", "unasked", "unasked", "unasked", "unasked"]),
        ("refused", |cursor| cursor.on_reply(&refused(Status::ETMPFAIL)).map(drop),
            ["unasked", "→ closed", "unasked", "unasked", "unasked", "unasked"]),
        ("marker", |cursor| cursor.on_marker(&marker(31, 40)).map(drop),
            ["no stream", "no stream", "→ pending", "→ pending", "→ pending", "in brackets"]),
        ("item", |cursor| cursor.on_item(14).map(drop),
            ["no stream", "no stream", "no snapshot", "→ snapshot", "→ snapshot", "→ oso"]),
        ("last item", |cursor| cursor.on_item(30).map(drop),
            ["no stream", "no stream", "no snapshot", "→ open", "→ open", "→ oso"]),
        ("advanced", |cursor| {
                cursor.on_seqno_advanced(SeqnoAdvanced { by_seqno: 30 }).map(drop)
            },
            ["no stream", "no stream", "no snapshot", "→ open", "→ open", "→ oso"]),
        ("OSO start", |cursor| cursor.on_oso_snapshot(bracket(OsoFlags::START)).map(drop),
            ["no stream", "no stream", "→ oso", "→ oso", "→ oso", "brackets"]),
        ("OSO end", |cursor| cursor.on_oso_snapshot(bracket(OsoFlags::END)).map(drop),
            ["no stream", "no stream", "brackets", "brackets", "brackets", "→ open"]),
        ("end", |cursor| cursor.on_message(&end()).map(drop),
            ["no stream", "no stream", "→ closed", "→ closed", "→ closed", "→ closed"]),
    ];
    for (event, act, expected) in rows {
        for ((name, before), expected) in states().into_iter().zip(expected) {
            let mut cursor = before.clone();
            let outcome = match act(&mut cursor) {
                Ok(()) => state(&cursor),
                Err(violation) => {
                    assert_eq!(cursor, before, "{event} when {name}: changed");
                    label(violation)
                }
            };
            assert_eq!(outcome, expected, "{event} when {name}");
            assert!(
                cursor.checkpoint().validate().is_ok(),
                "{event} when {name}"
            );
        }
    }
    for (name, mut cursor) in states() {
        let checkpoint = cursor.checkpoint();
        cursor.on_closed();
        assert_eq!(state(&cursor), "→ closed");
        assert_eq!(cursor.checkpoint(), checkpoint, "{name}");
        assert!(ask(&mut cursor).is_ok());
    }
}

/// A request with extras of 0, but for the seqno at `offset`.
fn packet(opcode: Opcode, extras_len: u8, offset: usize, seqno: u64, key: &[u8]) -> Vec<u8> {
    let len = |bytes: &[u8]| u8::try_from(bytes.len()).expect("a short packet");
    let mut body = vec![0; extras_len.into()];
    body[offset..][..8].copy_from_slice(&seqno.to_be_bytes());
    body.extend(key);
    let mut bytes = vec![0x80, opcode.0, 0, len(key), extras_len, 0, 0, 0];
    bytes.extend([0, 0, 0, len(&body)]);
    bytes.resize(24, 0);
    bytes.extend(body);
    bytes
}

#[test]
fn every_message_of_a_stream_is_taken_for_what_it_is() {
    let mut pending = open(PARTIAL, true);
    pending.on_marker(&marker(11, 30)).expect("open");
    for (opcode, extras_len, offset, key) in [
        (Opcode::DCP_MUTATION, 31, 0, &b"key"[..]),
        (Opcode::DCP_DELETION, 18, 0, b"key"),
        (Opcode::DCP_DELETION, 21, 0, b"key"),
        (Opcode::DCP_EXPIRATION, 20, 0, b"key"),
        (Opcode::DCP_SYSTEM_EVENT, 13, 0, b""),
        (Opcode::DCP_PREPARE, 31, 0, b"key"),
        (Opcode::DCP_COMMIT, 16, 8, b"key"),
        (Opcode::DCP_ABORT, 16, 8, b"key"),
        (Opcode::DCP_SEQNO_ADVANCED, 8, 0, b""),
    ] {
        for seqno in [11, 12, 13, 30, 31] {
            let bytes = packet(opcode, extras_len, offset, seqno, key);
            let (packet, _) = Packet::split_first(&bytes).unwrap().expect("whole");
            let message = DcpRequest::read(packet).expect("legal");
            let (mut cursor, mut expected) = (pending.clone(), pending.clone());
            let outcome = match opcode {
                Opcode::DCP_SEQNO_ADVANCED => {
                    expected.on_seqno_advanced(SeqnoAdvanced { by_seqno: seqno })
                }
                _ => expected.on_item(seqno),
            };
            assert_eq!(cursor.on_message(&message), outcome, "{opcode} {seqno}");
            assert_eq!(cursor, expected, "{opcode} {seqno}");
        }
    }
    let mut cursor = open(PARTIAL, true);
    for (message, before, after) in [
        (Request::from(marker(31, 40)).into(), "→ open", "→ pending"),
        (
            Request::from(bracket(OsoFlags::START)).into(),
            "→ pending",
            "→ oso",
        ),
        (
            Request::from(bracket(OsoFlags::END)).into(),
            "→ oso",
            "→ open",
        ),
        (end(), "→ open", "→ closed"),
    ] {
        assert_eq!(state(&cursor), before);
        cursor.on_message(&message).expect("in order");
        assert_eq!(state(&cursor), after);
    }
}

#[test]
fn a_seqno_may_stand_in_for_nothing() {
    let mut cursor = open(PARTIAL, true);
    cursor.on_marker(&marker(11, 30)).expect("open");
    for seqno in [13, 13] {
        let advanced = SeqnoAdvanced { by_seqno: seqno };
        assert_eq!(cursor.on_seqno_advanced(advanced), Ok(Progress::Taken));
    }
    let last = 13;
    let advanced = SeqnoAdvanced { by_seqno: 12 };
    let refused = Err(CursorViolation::OutOfOrder { by_seqno: 12, last });
    assert_eq!(cursor.on_seqno_advanced(advanced), refused);
}

#[test]
fn a_marker_counts_from_its_first_item() {
    let mut cursor = open(Checkpoint::complete(0xa, 9).expect("valid"), true);
    assert_eq!(cursor.on_marker(&marker(10, 20)), Ok(Progress::Taken));
    assert_eq!(bounds(&cursor), (9, 9, 9));
    assert!(cursor.is_consistent());
    assert_eq!(cursor.on_item(15), Ok(Progress::Taken));
    assert_eq!(bounds(&cursor), (15, 10, 20));
    assert!(!cursor.is_consistent());
    let complete = Ok(Progress::SnapshotComplete { acknowledge: false });
    assert_eq!(cursor.on_item(20), complete);
    assert_eq!(bounds(&cursor), (20, 20, 20));
    assert!(cursor.is_consistent());
}

#[test]
fn the_next_marker_ends_a_snapshot_only_without_collections() {
    let complete = Ok(Progress::SnapshotComplete { acknowledge: false });
    for (collections, in_snapshot, pending) in [
        (false, (20, 20, 20), (30, 30, 30)),
        (true, (15, 10, 20), (15, 10, 20)),
    ] {
        let progress = if collections {
            Ok(Progress::Taken)
        } else {
            complete
        };
        let mut cursor = open(Checkpoint::complete(0xa, 9).expect("valid"), collections);
        cursor.on_marker(&marker(10, 20)).expect("open");
        cursor.on_item(15).expect("in the snapshot");
        assert_eq!(cursor.on_marker(&marker(21, 30)), progress);
        assert_eq!(bounds(&cursor), in_snapshot);
        assert_eq!(cursor.on_marker(&marker(31, 40)), progress);
        assert_eq!(bounds(&cursor), pending);
        cursor.on_item(33).expect("in the snapshot");
        assert_eq!(bounds(&cursor), (33, 31, 40));
    }
}

#[test]
fn an_overlapping_marker_ends_nothing() {
    let mut cursor = open(Checkpoint::START, false);
    cursor.on_marker(&marker(0, 20)).expect("open");
    cursor.on_item(15).expect("in the snapshot");
    assert_eq!(cursor.on_marker(&marker(16, 30)), Ok(Progress::Taken));
    assert_eq!(bounds(&cursor), (15, 0, 20));
    cursor.on_item(17).expect("in the snapshot");
    assert_eq!(bounds(&cursor), (17, 16, 30));
}

#[test]
fn an_acknowledgement_is_due_when_the_snapshot_is_complete() {
    let acknowledged = SnapshotMarker {
        flags: SnapshotFlags::MEMORY | SnapshotFlags::ACKNOWLEDGE,
        ..marker(10, 20)
    };
    let due = Ok(Progress::SnapshotComplete { acknowledge: true });
    let start = Checkpoint::complete(0xa, 9).expect("valid");
    let mut cursor = open(start, true);
    assert_eq!(cursor.on_marker(&acknowledged), Ok(Progress::Taken));
    assert_eq!(cursor.on_item(11), Ok(Progress::Taken));
    assert_eq!(cursor.on_item(20), due);

    let mut cursor = open(start, true);
    cursor.on_marker(&acknowledged).expect("open");
    assert_eq!(
        cursor.on_seqno_advanced(SeqnoAdvanced { by_seqno: 20 }),
        due
    );

    let mut cursor = open(start, false);
    cursor.on_marker(&acknowledged).expect("open");
    assert_eq!(cursor.on_marker(&marker(21, 22)), due);
}

#[test]
fn out_of_order_and_out_of_the_snapshot() {
    let mut cursor = open(PARTIAL, true);
    let cases = [
        (marker(30, 29), "snapshot 30..=29 has nothing after 12"),
        (marker(5, 11), "snapshot 5..=11 has nothing after 12"),
        (marker(5, 12), "snapshot 5..=12 has nothing after 12"),
    ];
    for (marker, expected) in cases {
        assert_eq!(cursor.on_marker(&marker).unwrap_err().to_string(), expected);
    }
    cursor
        .on_marker(&marker(12, 12))
        .expect("as a producer may start a resumed stream");
    cursor.on_marker(&marker(14, 30)).expect("open");
    let cases = [
        (0, "seqno 0 after seqno 12"),
        (12, "seqno 12 after seqno 12"),
        (13, "seqno 13 outside the snapshot 14..=30"),
        (31, "seqno 31 outside the snapshot 14..=30"),
    ];
    for (seqno, expected) in cases {
        let before = cursor.clone();
        assert_eq!(cursor.on_item(seqno).unwrap_err().to_string(), expected);
        assert_eq!(cursor, before);
    }
}

#[test]
fn oso_is_resumed_from_its_highest_seqno_but_not_within() {
    let mut cursor = open(Checkpoint::START, true);
    cursor
        .on_oso_snapshot(bracket(OsoFlags::START))
        .expect("open");
    for seqno in [7, 3, 9, 1] {
        assert_eq!(cursor.on_item(seqno), Ok(Progress::Taken));
        assert_eq!(bounds(&cursor), (0, 0, 0));
        assert!(!cursor.is_consistent());
    }
    assert!(cursor.on_item(0).is_err());
    let advanced = SeqnoAdvanced { by_seqno: 11 };
    assert_eq!(cursor.on_seqno_advanced(advanced), Ok(Progress::Taken));
    let mut interrupted = cursor.clone();
    interrupted.on_closed();
    assert_eq!(ask(&mut interrupted).expect("closed").start_seqno, 0);

    cursor
        .on_oso_snapshot(bracket(OsoFlags::END))
        .expect("in brackets");
    assert_eq!(bounds(&cursor), (11, 11, 11));
    assert!(cursor.is_consistent());

    let mut empty = open(PARTIAL, true);
    empty
        .on_oso_snapshot(bracket(OsoFlags::START))
        .expect("open");
    empty
        .on_oso_snapshot(bracket(OsoFlags::END))
        .expect("in brackets");
    assert_eq!(bounds(&empty), (12, 10, 20), "nothing came");

    let both = bracket(OsoFlags::START | OsoFlags::END);
    let violation = empty.on_oso_snapshot(both).unwrap_err();
    assert_eq!(violation, CursorViolation::Brackets(both.flags));
}

#[test]
fn a_request_names_the_branch_unless_it_is_from_the_start() {
    let mut cursor = Cursor::new(PARTIAL, true).expect("valid");
    let request = cursor
        .request(StreamFlags::TAKE_OVER, 99, "{}".into())
        .expect("closed");
    let expected = StreamRequest {
        flags: StreamFlags::TAKE_OVER,
        reserved: 0,
        start_seqno: 12,
        end_seqno: 99,
        vbucket_uuid: 0xa,
        snapshot_start_seqno: 10,
        snapshot_end_seqno: 20,
        value: "{}".into(),
    };
    assert_eq!(request, expected);

    let mut cursor = open(Checkpoint::START, true);
    assert_eq!(cursor.checkpoint().vbucket_uuid, 0xb, "the newest branch");
    cursor.on_closed();
    assert_eq!(ask(&mut cursor.clone()).expect("closed").vbucket_uuid, 0);
    let strict = cursor
        .request(StreamFlags::STRICT_VB_UUID, 0, Metadata::default())
        .expect("closed");
    assert_eq!(strict.vbucket_uuid, 0xb);
}

#[test]
fn rollbacks() {
    let asked = |checkpoint| {
        let mut cursor = Cursor::new(checkpoint, true).expect("valid");
        ask(&mut cursor).expect("closed");
        cursor
    };
    let mut cursor = asked(PARTIAL);
    assert_eq!(
        cursor.on_reply(&rollback(5)),
        Ok(Progress::Rollback { seqno: 5 })
    );
    let at_5 = Checkpoint {
        purge_seqno: 3,
        ..Checkpoint::complete(0xa, 5).expect("valid")
    };
    assert_eq!(cursor.checkpoint(), at_5);
    ask(&mut cursor).expect("a rollback closes");
    cursor.on_reply(&rollback(3)).expect("asked");
    assert_eq!(cursor.checkpoint().purge_seqno, 3, "still purged");
    ask(&mut cursor).expect("a rollback closes");
    cursor.on_reply(&rollback(2)).expect("asked");
    assert_eq!(
        cursor.checkpoint().purge_seqno,
        0,
        "what was purged at 3 is to come"
    );
    ask(&mut cursor).expect("a rollback closes");
    cursor.on_reply(&rollback(0)).expect("asked");
    assert_eq!(cursor.checkpoint(), Checkpoint::START);

    let mut cursor = asked(PARTIAL);
    cursor
        .on_reply(&rollback(12))
        .expect("the snapshot is given up");
    assert_eq!(bounds(&cursor), (12, 12, 12));

    for (checkpoint, seqno, expected) in [
        (PARTIAL, 13, "rollback to 13, but only at 12"),
        (Checkpoint::START, 0, "rollback to 0, but already there"),
        (at_5, 5, "rollback to 5, but already there"),
    ] {
        let mut cursor = asked(checkpoint);
        let before = cursor.clone();
        let violation = cursor.on_reply(&rollback(seqno)).unwrap_err();
        assert_eq!(violation.to_string(), expected);
        assert_eq!(cursor, before);
    }
}

#[test]
fn refusals_and_ends() {
    let mut cursor = Cursor::new(PARTIAL, true).expect("valid");
    ask(&mut cursor).expect("closed");
    let refusal = cursor.on_reply(&refused(Status::NOT_MY_VBUCKET));
    assert_eq!(refusal, Ok(Progress::Refused(Status::NOT_MY_VBUCKET)));
    ask(&mut cursor).expect("a refusal closes");
    let nameless = FailoverEntry {
        vbucket_uuid: 0,
        seqno: 7,
    }
    .to_bytes();
    let violation = cursor.on_reply(&log(&nameless)).unwrap_err();
    assert_eq!(violation, CursorViolation::NoUuid);
    cursor.on_reply(&accepted()).expect("asked");
    let ended = cursor.on_message(&end());
    assert_eq!(ended, Ok(Progress::Ended(StreamEndReason::CLOSED)));
    let past = cursor.request(StreamFlags::empty(), 11, Metadata::default());
    assert_eq!(
        past.unwrap_err().to_string(),
        "end 11 asked for, but already at 12"
    );
}

#[test]
fn the_purge_seqno_comes_with_the_first_item() {
    let disk = SnapshotMarker {
        flags: SnapshotFlags::DISK,
        v2: Some(SnapshotMarkerV2 {
            max_visible_seqno: 0,
            high_completed_seqno: 0,
            minor: SnapshotMarkerV2Minor::V2_2 {
                purge_seqno: 17,
                high_prepared_seqno: 0,
            },
        }),
        ..marker(0, 30)
    };
    let mut cursor = open(PARTIAL, true);
    cursor.on_marker(&disk).expect("open");
    assert_eq!(cursor.checkpoint().purge_seqno, 3);
    cursor.on_item(13).expect("in the snapshot");
    assert_eq!(cursor.checkpoint().purge_seqno, 17);
    cursor.on_item(30).expect("in the snapshot");
    cursor.on_marker(&marker(31, 32)).expect("open");
    cursor.on_item(31).expect("in the snapshot");
    assert_eq!(
        cursor.checkpoint().purge_seqno,
        17,
        "a marker that does not say"
    );
}

#[test]
fn invalid_checkpoints() {
    let cases = [
        (
            Checkpoint {
                seqno: 9,
                ..PARTIAL
            },
            "seqno 9 is outside its snapshot 10..=20",
        ),
        (
            Checkpoint {
                seqno: 21,
                ..PARTIAL
            },
            "seqno 21 is outside its snapshot 10..=20",
        ),
        (
            Checkpoint {
                vbucket_uuid: 0,
                ..PARTIAL
            },
            "seqno 12 without a vbucket uuid",
        ),
    ];
    for (checkpoint, expected) in cases {
        let invalid = checkpoint.validate().unwrap_err();
        assert_eq!(invalid.to_string(), expected);
        assert_eq!(Cursor::new(checkpoint, true), Err(invalid));
    }
    assert!(Checkpoint::complete(0, 1).is_err());
    assert!(Checkpoint::complete(0, 0).is_ok());
}

#[cfg(feature = "serde")]
#[test]
fn stored_checkpoints_are_validated() {
    let text = serde_json::to_string(&PARTIAL).expect("a checkpoint");
    assert_eq!(
        text,
        r#"{"vbucket_uuid":10,"seqno":12,"snapshot_start_seqno":10,"snapshot_end_seqno":20,"purge_seqno":3}"#
    );
    assert_eq!(
        serde_json::from_str::<Checkpoint>(&text).expect("valid"),
        PARTIAL
    );
    let older = text.replace(r#","purge_seqno":3"#, "");
    let read = serde_json::from_str::<Checkpoint>(&older).expect("valid");
    assert_eq!(
        read,
        Checkpoint {
            purge_seqno: 0,
            ..PARTIAL
        }
    );
    for (from, to, expected) in [
        (
            r#""seqno":12"#,
            r#""seqno":9"#,
            "seqno 9 is outside its snapshot 10..=20",
        ),
        (
            r#""vbucket_uuid":10"#,
            r#""vbucket_uuid":0"#,
            "seqno 12 without a vbucket uuid",
        ),
        (r#""seqno":12,"#, "", "missing field `seqno`"),
    ] {
        let error = serde_json::from_str::<Checkpoint>(&text.replace(from, to)).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}

#[test]
fn every_violation_says_what_and_why() {
    let said: Vec<String> = [
        CursorViolation::Busy,
        CursorViolation::Unasked,
        CursorViolation::NoUuid,
        CursorViolation::NoStream,
        CursorViolation::MarkerInBrackets,
        CursorViolation::Brackets(OsoFlags::END),
        CursorViolation::NoSnapshot { by_seqno: 1 },
    ]
    .map(|violation| format!("{violation}"))
    .into();
    assert_eq!(
        said,
        [
            "the stream is requested or open already",
            "answer to a stream request that was not made",
            "the newest branch in the failover log has uuid 0",
            "message of a stream that is not open",
            "marker within an OSO snapshot",
            "unexpected OSO bracket OsoFlags(END)",
            "seqno 1 without a snapshot marker",
        ]
    );
}

#[cfg(target_pointer_width = "64")]
#[test]
fn sizes() {
    assert_eq!(size_of::<Checkpoint>(), 40);
    assert_eq!(size_of::<Cursor>(), 80);
}
