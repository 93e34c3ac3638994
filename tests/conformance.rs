//! What must hold for every message that is read, whatever its fields: the rows of one table.

#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test may panic"
)]

mod common;

use bytes::{BufMut, BytesMut};
use mcbp::dcp::{
    DcpRequest, DcpResponse, Open, SnapshotMarker, SnapshotMarkerV2, SnapshotMarkerV2Minor,
};
use mcbp::{
    Command, Decoder, FramingExtras, Lengths, MessageError, MessageErrorKind, Opcode, Packet,
    Presence, Section, ServerOpcode, SnapshotFlags, Status,
};

use common::{
    Dcp, FRAMING_EXTRAS, Frame, REQUESTS, RESPONSES, Row, Value, assert_survives, error, frames,
    length, packet, rows,
};

#[test]
fn the_table_lists_every_message() {
    let all = (0x50..=0x67).map(Opcode);
    assert!(all.clone().eq(DcpRequest::OPCODES.iter().copied()));
    assert!(all.clone().eq(DcpResponse::OPCODES.iter().copied()));
    assert!(all.clone().eq(REQUESTS.iter().map(|row| row.opcode)));
    assert!(all.clone().eq(RESPONSES.iter().map(|row| row.opcode)));
    for row in rows() {
        assert!(row.frames().count() > 0, "{}", row.opcode);
        assert!(
            row.frames()
                .all(|frame| row.extras.contains(frame.extras.len()))
        );
    }
}

#[test]
fn an_example_is_read_as_its_message_and_written_as_it_was() {
    for (row, frame) in frames() {
        let bytes = frame.bytes();
        let message = Dcp::read(packet(&bytes)).expect("an example");
        assert!(!message.is_other(), "{}", row.opcode);
        assert_eq!((row.read)(packet(&bytes)).as_ref(), Ok(&message));
        assert_eq!(message.encoded_len(), bytes.len());
        assert_eq!(message.written(), bytes, "{message:?}");
    }
}

#[test]
fn envelopes_hold_what_the_header_says() {
    for (row, frame) in frames() {
        let bytes = frame.bytes();
        let header = *packet(&bytes).header();
        assert_eq!(header.opcode(), Some(row.opcode));
        assert_eq!(header.opaque(), frame.opaque);
        assert_eq!(header.cas(), frame.cas);
        assert_eq!(header.datatype().bits(), frame.datatype);
        assert_eq!(header.vbucket_or_status(), frame.vbucket_or_status);
        let request = Some(frame.vbucket_or_status).filter(|_| !row.is_response());
        let response = Some(Status(frame.vbucket_or_status)).filter(|_| row.is_response());
        assert_eq!((header.vbucket(), header.status()), (request, response));
        assert_eq!(header.lengths().framing_extras, frame.framing_extras.len());
        assert_eq!(header.lengths().extras, frame.extras.len());
        assert_eq!(header.lengths().key, frame.key.len());
        assert_eq!(header.lengths().value, frame.value.len());
        assert_eq!(header.to_bytes()[..], bytes[..24]);
        let sections = packet(&bytes).into_sections();
        assert_eq!(sections.framing_extras, frame.framing_extras);
        assert_eq!(sections.extras, frame.extras);
        assert_eq!(sections.key.expose(), frame.key);
        assert_eq!(sections.value.expose(), frame.value);
    }
}

#[test]
fn no_prefix_is_a_packet_or_an_error() {
    for (_, frame) in frames() {
        let bytes = frame.bytes();
        let mut decoder = Decoder::default();
        let mut stream = BytesMut::new();
        for len in 0..bytes.len() {
            let prefix = &bytes[..len];
            assert_eq!(Packet::split_first(prefix), Ok(None));
            let mut packets = Packet::iter(prefix);
            assert_eq!(packets.next(), None);
            assert_eq!(packets.rest(), prefix);
            assert_eq!(decoder.decode(&mut stream), Ok(None));
            let batch = decoder.decode_batch(&mut stream).expect("no error");
            assert!(batch.is_empty() && batch.iter().next().is_none());
            assert_eq!(stream, prefix);
            assert_eq!(decoder.position(), 0);
            stream.put_u8(bytes[len]);
        }
        let decoded = decoder.decode(&mut stream).expect("no error");
        assert_eq!(
            decoded.as_ref().map(Packet::view),
            Some(packet(&bytes)),
            "decoded and split alike"
        );
        assert_eq!(decoder.position(), bytes.len() as u64);
        assert!(stream.is_empty());
    }
}

#[test]
fn extras_of_any_other_length_are_refused_by_name() {
    let counting: Vec<u8> = (0..=u8::MAX).collect();
    for (row, mut frame) in frames() {
        for len in 0..=usize::from(u8::MAX) {
            if row.extras.contains(len) {
                continue;
            }
            frame.extras = counting[..len].to_vec();
            let bytes = frame.bytes();
            let expected = error(row, Section::Extras, length(len, row.extras));
            assert_eq!(Dcp::read(packet(&bytes)), Err(expected));
            assert_eq!((row.read)(packet(&bytes)), Err(expected));
        }
    }
}

#[test]
fn errors_say_what_and_where() {
    let shown = |frame: Frame| {
        let bytes = frame.bytes();
        let error = Dcp::read(packet(&bytes)).expect_err("not the message");
        error.to_string()
    };
    let frame = |magic, opcode: Opcode| Frame::new(magic, opcode.0);
    let mut prepare = frame(0x80, Opcode::DCP_PREPARE);
    prepare.extras = vec![0; 30];
    assert_eq!(
        shown(prepare.clone()),
        "DCP_PREPARE: extras of 30 bytes, expected 31"
    );
    prepare.extras = vec![0; 31];
    assert_eq!(shown(prepare.clone()), "DCP_PREPARE: key missing");
    assert_eq!(
        shown(prepare.with_framing_extras(&[0x00, 0x22, 0x01])),
        "DCP_PREPARE: the field at byte 1 of the framing extras is cut off"
    );
    let mut deletion = frame(0x80, Opcode::DCP_DELETION);
    assert_eq!(
        shown(deletion.clone()),
        "DCP_DELETION: extras of 0 bytes, expected 18 or 21"
    );
    deletion.magic = 0x81;
    deletion.extras = vec![0; 18];
    assert_eq!(
        shown(deletion),
        "DCP_DELETION: extras of 18 bytes, expected none"
    );
    let mut noop = frame(0x80, Opcode::DCP_NOOP);
    noop.value = vec![0; 4];
    assert_eq!(shown(noop), "DCP_NOOP: value of 4 bytes, expected none");
    let mut marker = frame(0x80, Opcode::DCP_SNAPSHOT_MARKER);
    marker.extras = vec![3];
    assert_eq!(shown(marker), "DCP_SNAPSHOT_MARKER: unknown version 3");
    let mut transfer = frame(0x80, Opcode::DCP_CACHE_TRANSFER);
    transfer.value = vec![0; 39];
    assert_eq!(
        shown(transfer.clone()),
        "DCP_CACHE_TRANSFER: the field at byte 39 of the value is cut off"
    );
    transfer.value = vec![0; 40];
    assert_eq!(
        shown(transfer),
        "DCP_CACHE_TRANSFER: key length 0 at byte 36 of the value"
    );
    let bytes = frame(0x80, Opcode::DCP_NOOP).bytes();
    let other = packet(&bytes).request::<Open<'_>>().expect_err("a noop");
    assert_eq!(other.to_string(), "DCP_NOOP: not the message asked for");
}

#[test]
fn every_byte_of_the_extras_survives() {
    for (row, frame) in frames().filter(|(_, frame)| frame.framing_extras.len() <= 3) {
        let start = 24 + frame.framing_extras.len();
        // The extras of the later markers are their version.
        if frame.extras.len() == 1 && row.opcode == Opcode::DCP_SNAPSHOT_MARKER {
            continue;
        }
        let mut bytes = frame.bytes();
        for at in start..start + frame.extras.len() {
            let original = bytes[at];
            for byte in 0..=u8::MAX {
                bytes[at] = byte;
                assert_survives(&bytes);
            }
            bytes[at] = original;
        }
    }
}

#[test]
fn every_byte_of_the_envelope_survives() {
    for (row, frame) in frames().filter(|(_, frame)| frame.framing_extras.len() <= 3) {
        let mut bytes = frame.bytes();
        // A status may call for another reply; there is a test of its own for that.
        let vbucket = if row.is_response() { 6..6 } else { 6..8 };
        for at in (5..6).chain(vbucket).chain(12..24) {
            let original = bytes[at];
            for byte in 0..=u8::MAX {
                bytes[at] = byte;
                assert_survives(&bytes);
            }
            bytes[at] = original;
        }
    }
}

#[test]
fn every_byte_of_the_body_survives_or_is_refused() {
    for frame in rows().flat_map(Row::frames) {
        let mut bytes = frame.bytes();
        for at in 24..bytes.len() {
            let original = bytes[at];
            for byte in 0..=u8::MAX {
                bytes[at] = byte;
                let read = Dcp::read(packet(&bytes));
                match read {
                    Ok(message) => assert_eq!(message.written(), bytes),
                    // Only a marker's version and the lengths in a record can be wrong.
                    Err(error) => assert!(
                        matches!(
                            (error.section, error.kind),
                            (Section::Extras, MessageErrorKind::UnknownVersion(_))
                                | (
                                    Section::Value,
                                    MessageErrorKind::Length { .. }
                                        | MessageErrorKind::KeyLength { .. }
                                        | MessageErrorKind::Truncated { .. }
                                )
                        ) && matches!(
                            error.command.opcode(),
                            Some(Opcode::DCP_SNAPSHOT_MARKER | Opcode::DCP_CACHE_TRANSFER)
                        ),
                        "{error}"
                    ),
                }
            }
            bytes[at] = original;
        }
    }
}

#[test]
fn the_version_of_a_marker_decides_what_follows() {
    let row = &REQUESTS[6];
    assert_eq!(row.opcode, Opcode::DCP_SNAPSHOT_MARKER);
    for mut frame in row.frames() {
        if frame.extras.len() != 1 {
            for len in 1..=60 {
                frame.value = vec![7; len];
                let expected = error(row, Section::Value, length(len, Lengths::NONE));
                assert_eq!(Dcp::read(packet(&frame.bytes())), Err(expected));
            }
            continue;
        }
        for version in 0..=u8::MAX {
            frame.extras = vec![version];
            for len in 0..=60_u8 {
                frame.value = (0..len).collect();
                let bytes = frame.bytes();
                let read = Dcp::read(packet(&bytes));
                let wanted = match version {
                    0 => 36,
                    1 => 44,
                    2 => 52,
                    _ => {
                        let kind = MessageErrorKind::UnknownVersion(version);
                        assert_eq!(read, Err(error(row, Section::Extras, kind)));
                        continue;
                    }
                };
                if len == wanted {
                    assert_survives(&bytes);
                } else {
                    let kind = length(len.into(), Lengths::one(wanted));
                    assert_eq!(read, Err(error(row, Section::Value, kind)));
                }
            }
        }
    }
}

#[test]
fn a_marker_is_read_field_by_field() {
    let minors = [
        SnapshotMarkerV2Minor::V2_0,
        SnapshotMarkerV2Minor::V2_1 {
            timestamp: 0x2425_2627_2829_2a2b,
        },
        SnapshotMarkerV2Minor::V2_2 {
            purge_seqno: 0x2425_2627_2829_2a2b,
            high_prepared_seqno: 0x2c2d_2e2f_3031_3233,
        },
    ];
    let v2 = |minor| SnapshotMarkerV2 {
        max_visible_seqno: 0x1415_1617_1819_1a1b,
        high_completed_seqno: 0x1c1d_1e1f_2021_2223,
        minor,
    };
    let versions = [None].into_iter().chain(minors.map(v2).map(Some));
    let mut read = 0;
    for (frame, v2) in REQUESTS[6].frames().zip(versions) {
        let bytes = frame.bytes();
        let marker = packet(&bytes).request::<SnapshotMarker>();
        let expected = SnapshotMarker {
            start_seqno: 0x0001_0203_0405_0607,
            end_seqno: 0x0809_0a0b_0c0d_0e0f,
            flags: SnapshotFlags::from_bits_retain(0x1011_1213),
            v2,
        };
        assert_eq!(marker.map(|marker| marker.message), Ok(expected));
        read += 1;
    }
    assert_eq!(read, 4);
}

#[test]
fn a_reader_demands_the_sections_of_the_table() {
    for (row, frame) in frames() {
        let with_key = |key: &[u8]| {
            let key = key.to_vec();
            Frame {
                key,
                ..frame.clone()
            }
        };
        let outcome = |frame: &Frame| Dcp::read(packet(&frame.bytes())).map(drop);
        let (missing, key) = (with_key(b""), with_key(b"k"));
        match row.key {
            Presence::Absent => {
                let expected = error(row, Section::Key, length(1, Lengths::NONE));
                assert_eq!(outcome(&key), Err(expected));
            }
            Presence::Optional => assert_eq!((outcome(&missing), outcome(&key)), (Ok(()), Ok(()))),
            Presence::Required => {
                let expected = error(row, Section::Key, MessageErrorKind::Missing);
                assert_eq!((outcome(&missing), outcome(&key)), (Err(expected), Ok(())));
            }
        }
        let with_value = |value: &[u8]| {
            let value = value.to_vec();
            Frame {
                value,
                ..frame.clone()
            }
        };
        let (missing, value) = (with_value(b""), with_value(b"v"));
        match row.value {
            Value::Free(Presence::Absent) => {
                let expected = error(row, Section::Value, length(1, Lengths::NONE));
                assert_eq!(
                    (outcome(&missing), outcome(&value)),
                    (Ok(()), Err(expected))
                );
            }
            Value::Free(Presence::Optional) => {
                assert_eq!((outcome(&missing), outcome(&value)), (Ok(()), Ok(())));
            }
            Value::Free(Presence::Required) => {
                let expected = error(row, Section::Value, MessageErrorKind::Missing);
                assert_eq!(
                    (outcome(&missing), outcome(&value)),
                    (Err(expected), Ok(()))
                );
            }
            // There are tests of their own for these.
            Value::Fields => {}
        }
    }
}

#[test]
fn extras_are_judged_before_the_key_and_the_key_before_the_value() {
    let row = &REQUESTS[0x5e - 0x50];
    let mut control = Frame::new(0x80, row.opcode.0);
    control.extras = vec![0];
    let outcome = |frame: &Frame| Dcp::read(packet(&frame.bytes())).map(drop);
    let expected = error(row, Section::Extras, length(1, Lengths::NONE));
    assert_eq!(outcome(&control), Err(expected));
    control.extras.clear();
    let expected = error(row, Section::Key, MessageErrorKind::Missing);
    assert_eq!(outcome(&control), Err(expected));
    control.key = vec![0];
    let expected = error(row, Section::Value, MessageErrorKind::Missing);
    assert_eq!(outcome(&control), Err(expected));
}

#[test]
fn another_message_is_refused_as_such() {
    for (row, frame) in frames() {
        let bytes = frame.bytes();
        for other in rows() {
            let itself = other.opcode == row.opcode && other.is_response() == row.is_response();
            let read = (other.read)(packet(&bytes));
            if itself {
                assert!(read.is_ok(), "{}", row.opcode);
            } else {
                let kind = MessageErrorKind::OtherMessage;
                assert_eq!(read, Err(error(row, Section::Extras, kind)));
            }
        }
    }
}

#[test]
fn what_has_no_type_is_kept_whole() {
    for magic in [0x80, 0x81, 0x08, 0x18, 0x82, 0x83] {
        for opcode in 0..=u8::MAX {
            let client = magic != 0x82 && magic != 0x83;
            if client && (0x50..=0x67).contains(&opcode) {
                continue;
            }
            let mut frame = Frame::new(magic, opcode);
            frame.extras = vec![1; 5];
            frame.key = vec![2; 7];
            frame.value = vec![3; 9];
            if frame.has_framing_extras() {
                // Not even these have to be legal.
                frame.framing_extras = vec![0xff];
            }
            let bytes = frame.bytes();
            let packet = packet(&bytes);
            for message in [
                Dcp::Request(DcpRequest::read(packet).expect("no type, no error")),
                Dcp::Response(DcpResponse::read(packet).expect("no type, no error")),
            ] {
                assert!(message.is_other());
                assert_eq!(message.encoded_len(), bytes.len());
                assert_eq!(message.written(), bytes);
            }
            let command = if client {
                Command::Client(Opcode(opcode))
            } else {
                Command::Server(ServerOpcode(opcode))
            };
            assert_eq!(packet.header().command(), command);
            for row in rows() {
                let expected = MessageError {
                    command,
                    section: Section::Extras,
                    kind: MessageErrorKind::OtherMessage,
                };
                assert_eq!((row.read)(packet), Err(expected));
            }
        }
    }
}

#[test]
fn the_other_direction_is_kept_whole() {
    for (row, frame) in frames() {
        let bytes = frame.bytes();
        let packet = packet(&bytes);
        if row.is_response() {
            assert_eq!(DcpRequest::read(packet), Ok(DcpRequest::Other(packet)));
        } else {
            assert_eq!(DcpResponse::read(packet), Ok(DcpResponse::Other(packet)));
        }
    }
}

#[test]
fn every_magic_has_one_direction() {
    for row in rows() {
        for mut frame in row.frames() {
            for magic in [0x80, 0x81, 0x08, 0x18, 0x82, 0x83] {
                frame.magic = magic;
                let bytes = frame.bytes();
                let expected = match magic {
                    0x80 | 0x08 => !row.is_response(),
                    0x81 | 0x18 => row.is_response(),
                    _ => false,
                };
                let read = (row.read)(packet(&bytes));
                assert_eq!(read.is_ok(), expected, "{magic:#x} {}", row.opcode);
            }
        }
    }
}

#[test]
fn framing_extras_are_read_and_kept() {
    for row in rows() {
        for frame in row.frames() {
            for section in FRAMING_EXTRAS {
                let bytes = frame.clone().with_framing_extras(section).bytes();
                let message = Dcp::read(packet(&bytes)).expect("a message");
                let expected = FramingExtras::new(section).expect("whole infos");
                let read = message.framing_extras();
                assert_eq!(read, expected);
                assert!(read.is_present() && !read.is_unannounced());
                assert_eq!(message.written(), bytes);
            }
            let bytes = frame.bytes();
            let message = Dcp::read(packet(&bytes)).expect("a message");
            assert_eq!(message.framing_extras(), FramingExtras::ABSENT);
            assert!(!message.framing_extras().is_present());
        }
    }
}

#[test]
fn framing_extras_that_are_cut_off_are_refused_by_offset() {
    for row in rows() {
        for frame in row.frames() {
            for (section, offset) in [
                (&[0x22][..], 0),
                (&[0x22, 0x01], 0),
                (&[0xf0], 0),
                (&[0x0f], 0),
                (&[0x22, 0x01, 0x02, 0x11], 3),
                (&[0x00, 0x11, 0xaa, 0xff, 0x00], 3),
            ] {
                let bytes = frame.clone().with_framing_extras(section).bytes();
                let kind = MessageErrorKind::Truncated { offset };
                let expected = error(row, Section::FramingExtras, kind);
                assert_eq!(Dcp::read(packet(&bytes)), Err(expected));
            }
        }
    }
}
