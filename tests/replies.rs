//! What a response may say depends on its status: every status, with every reply.

#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test may panic"
)]

mod common;

use mcbp::dcp::{
    AddStreamReply, DcpResponse, FailoverLog, GetFailoverLogReply, StreamRequestReply,
};
use mcbp::{EncodeError, Lengths, MessageErrorKind, Opcode, Response, Section, Status};

use common::{DIRT, Dcp, Frame, RESPONSES, Row, assert_refused, error, length, packet};

/// What a response with this status may have for a body, by the reference (6.2, 6.4, 6.5).
fn expected_of_reply(opcode: Opcode, status: u16, frame: &Frame) -> Result<(), MessageErrorKind> {
    match (opcode, status) {
        (Opcode::DCP_ADD_STREAM, 0x00) if frame.extras.is_empty() => {
            Err(length(0, Lengths::one(4)))
        }
        (Opcode::DCP_STREAM_REQ | Opcode::DCP_GET_FAILOVER_LOG, 0x00) => match frame.value.len() {
            0 => Err(MessageErrorKind::Missing),
            len if len % 16 == 0 => Ok(()),
            // An entry, that is, and its fields with it.
            len => Err(MessageErrorKind::Truncated {
                offset: (len / 16 * 16) as u32,
            }),
        },
        (Opcode::DCP_STREAM_REQ, 0x23) if frame.value.len() != 8 => {
            Err(length(frame.value.len(), Lengths::one(8)))
        }
        _ => Ok(()),
    }
}

#[track_caller]
fn assert_reply(row: &Row, frame: &Frame) {
    let bytes = frame.bytes();
    let read = Dcp::read(packet(&bytes));
    match expected_of_reply(row.opcode, frame.vbucket_or_status, frame) {
        Ok(()) => assert_eq!(read.expect("a reply").written(), bytes),
        Err(kind) => {
            let section = match row.opcode {
                Opcode::DCP_ADD_STREAM => Section::Extras,
                _ => Section::Value,
            };
            assert_eq!(read, Err(error(row, section, kind)));
        }
    }
}

#[test]
fn every_status_is_read_and_kept() {
    for row in &RESPONSES {
        for mut frame in row.frames() {
            // Those that consist of their status share one type, so that one of them will do.
            let step = match row.opcode {
                Opcode::DCP_NOOP
                | Opcode::DCP_ADD_STREAM
                | Opcode::DCP_STREAM_REQ
                | Opcode::DCP_GET_FAILOVER_LOG => 1,
                _ => 251,
            };
            let named = Status::NAMED.iter().map(|status| status.0);
            for status in (0..=u16::MAX).step_by(step).chain(named) {
                frame.vbucket_or_status = status;
                assert_reply(row, &frame);
            }
        }
    }
}

#[test]
fn every_length_of_a_reply_is_read_or_refused_by_name() {
    for row in &RESPONSES {
        for mut frame in row.frames() {
            for len in 0..=70 {
                frame.value = vec![7; len];
                assert_reply(row, &frame);
            }
        }
    }
}

#[test]
fn a_status_calls_for_one_reply_and_no_other() {
    let log = FailoverLog::new(&[7; 16]).expect("an entry");
    let stream_opaque = Some(5);
    let value = Default::default();
    let added = AddStreamReply {
        stream_opaque,
        value,
    };
    for bits in 0..=u16::MAX {
        let status = Status(bits);
        let success = bits == 0;
        let rollback = bits == 0x23;
        let add_stream = |reply: AddStreamReply<'static>| Response {
            status,
            ..Response::from(reply)
        };
        let stream_request = |reply: StreamRequestReply<'static>| Response {
            status,
            ..Response::from(reply)
        };
        let get_failover_log = |reply: GetFailoverLogReply<'static>| Response {
            status,
            ..Response::from(reply)
        };
        let replies: [(DcpResponse<'_>, bool); 7] = [
            (add_stream(added).into(), true),
            (add_stream(AddStreamReply::default()).into(), !success),
            (
                stream_request(StreamRequestReply::Accepted(log)).into(),
                success,
            ),
            (
                stream_request(StreamRequestReply::Rollback { seqno: 7 }).into(),
                rollback,
            ),
            (
                stream_request(StreamRequestReply::Refused(value)).into(),
                !success && !rollback,
            ),
            (
                get_failover_log(GetFailoverLogReply::Accepted(log)).into(),
                success,
            ),
            (
                get_failover_log(GetFailoverLogReply::Refused(value)).into(),
                !success,
            ),
        ];
        for (reply, fits) in replies {
            if fits {
                let mut written = [DIRT; 64];
                let mut room = &mut written[..];
                assert_eq!(reply.encode(&mut room), Ok(()));
                let read = DcpResponse::read(packet(&written[..reply.encoded_len()]));
                assert_eq!(read, Ok(reply));
            } else {
                assert_refused(Dcp::Response(reply), EncodeError::OtherReply);
            }
        }
    }
}

#[test]
fn the_answers_to_a_stream_request_are_told_apart() {
    let row = &RESPONSES[3];
    let [accepted, rollback, refused] = [0, 1, 2].map(|at| {
        let frame = row.frames().nth(at).expect("three of them");
        frame.bytes()
    });
    let reply = |bytes| {
        let response: Response<'_, StreamRequestReply<'_>> =
            packet(bytes).response().expect("a reply");
        (response.status, response.reply)
    };
    let (status, StreamRequestReply::Accepted(log)) = reply(&accepted) else {
        panic!("not accepted");
    };
    assert_eq!(status, Status::SUCCESS);
    let entries: Vec<_> = log
        .iter()
        .map(|entry| (entry.vbucket_uuid, entry.seqno))
        .collect();
    assert_eq!(
        entries,
        [
            (0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f),
            (0x1011_1213_1415_1617, 0x1819_1a1b_1c1d_1e1f)
        ]
    );
    let seqno = 0x0001_0203_0405_0607;
    assert_eq!(
        reply(&rollback),
        (Status::ROLLBACK, StreamRequestReply::Rollback { seqno })
    );
    let text = br#"{"error":{}}"#.into();
    assert_eq!(
        reply(&refused),
        (
            Status::UNKNOWN_COLLECTION,
            StreamRequestReply::Refused(text)
        )
    );
}
