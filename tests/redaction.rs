//! User data never reaches a log by accident: whatever is formatted, it is not in it.

#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test may panic"
)]

mod common;

use core::fmt::{Debug, Display};

use bytes::BytesMut;
use mcbp::dcp::{CacheTransfer, CacheTransferRecord, Control, DcpRequest, Mutation};
use mcbp::{
    Decoder, FrameInfo, FramingExtras, Message, Metadata, Opcode, Packet, Request, RequestInfo,
    ResponseInfo, UserData,
};

use common::{Dcp, Frame, Row, Value, packet, rows};

/// What must not be seen.
const SECRET: &[u8] = b"Geheimnis";

/// Whether the secret is in the output: as text, or as a list of numbers.
fn is_exposed(output: &str) -> bool {
    let output: String = output.split_whitespace().collect();
    let list = |byte: fn(&u8) -> String| SECRET.iter().map(byte).collect::<Vec<_>>().join(",");
    output.contains("Geheimnis")
        || output.contains(&list(|byte| format!("{byte}")))
        || output.contains(&list(|byte| format!("{byte:x}")))
        || output.contains(&list(|byte| format!("0x{byte:x}")))
}

fn formatted(value: &dyn Debug) -> [String; 4] {
    [
        format!("{value:?}"),
        format!("{value:#?}"),
        format!("{value:x?}"),
        format!("{value:#x?}"),
    ]
}

#[track_caller]
fn assert_hidden(value: &dyn Debug) {
    for output in formatted(value) {
        assert!(!output.is_empty());
        assert!(!is_exposed(&output), "{output}");
    }
}

#[test]
fn the_search_finds_what_is_exposed() {
    let shown: [&dyn Debug; 3] = [&"Geheimnis", &SECRET, &Metadata(SECRET)];
    for value in shown {
        for output in formatted(value) {
            assert!(is_exposed(&output), "{output}");
        }
    }
}

/// The example with the secret wherever a document, its key or a text may stand.
fn with_secret(row: &Row, frame: Frame) -> Frame {
    let mut record = Vec::new();
    let secret = CacheTransferRecord {
        key: UserData::new(SECRET),
        value: UserData::new(SECRET),
        ..CacheTransferRecord::default()
    };
    secret.encode(&mut record).expect("a record");
    Frame {
        key: if frame.key.is_empty() {
            Vec::new()
        } else {
            SECRET.to_vec()
        },
        value: match row.value {
            _ if row.opcode == Opcode::DCP_CACHE_TRANSFER && !row.is_response() => record,
            Value::Free(_) if !frame.value.is_empty() => SECRET.to_vec(),
            _ => frame.value,
        },
        ..frame
    }
}

/// Whether key and value of the message are documents rather than settings and reasons.
fn has_user_data(row: &Row) -> bool {
    !row.is_response()
        && matches!(
            row.opcode,
            Opcode::DCP_MUTATION
                | Opcode::DCP_DELETION
                | Opcode::DCP_EXPIRATION
                | Opcode::DCP_PREPARE
                | Opcode::DCP_COMMIT
                | Opcode::DCP_ABORT
                | Opcode::DCP_CACHE_TRANSFER
        )
}

#[test]
fn no_message_shows_a_document() {
    let mut messages = 0;
    for row in rows().filter(|row| has_user_data(row)) {
        for frame in row.frames() {
            let bytes = with_secret(row, frame).bytes();
            let message = Dcp::read(packet(&bytes)).expect("a message");
            assert_hidden(&message);
            let Dcp::Request(request) = &message else {
                panic!("a response: {message:?}");
            };
            assert_hidden(request);
            assert_hidden(&request.to_buf().expect("what was read"));
            assert!(
                message
                    .written()
                    .windows(SECRET.len())
                    .any(|it| it == SECRET)
            );
            messages += 1;
        }
    }
    assert_eq!(messages, 13);
}

#[test]
fn no_packet_shows_a_part_of_its_body() {
    for row in rows() {
        for frame in row.frames() {
            let bytes = with_secret(row, frame).bytes();
            let whole = packet(&bytes);
            assert_hidden(&whole);
            assert_hidden(&Some(whole.into_sections()));
            assert_hidden(&whole.to_buf());
            assert_hidden(&Packet::iter(&bytes));
            assert_hidden(&DcpRequest::Other(whole));
            let mut stream = BytesMut::from(&bytes[..]);
            let mut decoder = Decoder::default();
            let batch = decoder.decode_batch(&mut stream).expect("no error");
            assert_eq!(batch.iter().count(), 1);
            assert_hidden(&batch);
            assert_hidden(&decoder);
            let mut stream = BytesMut::from(&bytes[..]);
            let shared = decoder.decode(&mut stream).expect("no error");
            assert_hidden(&shared.expect("a packet"));
        }
    }
}

#[test]
fn no_error_shows_what_it_is_about() {
    for row in rows() {
        for frame in row.frames() {
            let mut frame = with_secret(row, frame);
            frame.extras = SECRET.repeat(7);
            let bytes = frame.bytes();
            let error = Dcp::read(packet(&bytes)).expect_err("extras of another length");
            assert_hidden(&error);
            assert!(!is_exposed(&error.to_string()));
        }
    }
}

#[test]
fn settings_and_reasons_are_shown() {
    let mut shown = 0;
    for row in rows().filter(|row| !has_user_data(row)) {
        for frame in row.frames() {
            let frame = with_secret(row, frame);
            let bytes = frame.bytes();
            let message = Dcp::read(packet(&bytes)).expect("a message");
            let is_there = frame.key == SECRET || frame.value == SECRET;
            assert_eq!(is_exposed(&format!("{message:?}")), is_there, "{message:?}");
            shown += usize::from(is_there);
        }
    }
    assert!(shown > 20);
}

#[test]
fn who_asks_for_user_data_gets_it() {
    let mutation = Mutation {
        key: UserData::new(SECRET),
        value: UserData::new(SECRET),
        ..Mutation::default()
    };
    let mut bytes = Vec::new();
    Request::from(mutation)
        .encode(&mut bytes)
        .expect("a mutation");
    let read = packet(&bytes).request::<Mutation<'_>>();
    let read = read.expect("a mutation").message;
    assert_eq!(read.key.expose(), SECRET);
    assert_eq!(read.value.expose(), SECRET);
    assert_eq!(read.key.len(), SECRET.len());
    let record = CacheTransferRecord {
        key: UserData::new(SECRET),
        ..CacheTransferRecord::default()
    };
    let mut bytes = Vec::new();
    record.encode(&mut bytes).expect("a record");
    let mut frame = Frame::new(0x80, Opcode::DCP_CACHE_TRANSFER.0);
    frame.value = bytes;
    let bytes = frame.bytes();
    let read = packet(&bytes).request::<CacheTransfer<'_>>();
    let mut records = read.expect("a cache transfer").message.records.iter();
    assert_eq!(records.next().map(|it| it.key.expose()), Some(SECRET));
}

#[test]
fn user_data_shows_its_length_only() {
    let secret = UserData::new(SECRET);
    let displayed: &dyn Display = &secret;
    assert_eq!(displayed.to_string(), "<ud>9 bytes</ud>");
    assert_eq!(format!("{secret:?}"), "<ud>9 bytes</ud>");
    assert_hidden(&secret);
    assert_hidden(&[Some(secret)]);
}

#[test]
fn an_impersonated_user_is_not_shown() {
    let mut section = Vec::new();
    let user = RequestInfo::Impersonate(UserData::new(SECRET));
    user.encode(&mut section).expect("an info");
    // One without a name may hold anything.
    let other = RequestInfo::Other(FrameInfo {
        id: 99,
        payload: UserData::new(SECRET),
    });
    other.encode(&mut section).expect("an info");
    let framing_extras = FramingExtras::new(&section).expect("two infos");

    assert_hidden(&user);
    assert_hidden(&other);
    assert_hidden(&framing_extras);
    assert_hidden(&framing_extras.iter());
    for info in framing_extras.iter() {
        assert_hidden(&info);
        assert_hidden(&RequestInfo::from(info));
        assert_hidden(&ResponseInfo::from(info));
        assert_eq!(info.payload.expose(), SECRET);
    }
    for row in rows() {
        for frame in row.frames() {
            // Only the framing extras hold the secret.
            let bytes = frame.with_framing_extras(&section).bytes();
            assert_hidden(&packet(&bytes));
            assert_hidden(&packet(&bytes).into_sections());
            let message = Dcp::read(packet(&bytes)).expect("a message");
            assert_hidden(&message);
            assert_hidden(&message.to_buf().expect("what was read"));
        }
    }
}

#[test]
fn not_even_the_parts_of_a_message_show_a_document() {
    let mutation = Mutation {
        key: UserData::new(SECRET),
        value: UserData::new(SECRET),
        ..Mutation::default()
    };
    assert_hidden(&mutation.parts());
}

#[test]
fn a_setting_reads_as_text() {
    let control = Control {
        key: "enable_noop".into(),
        value: "true\n".into(),
    };
    assert_eq!(
        format!("{control:?}"),
        r#"Control { key: "enable_noop", value: "true\n" }"#
    );
    assert_eq!(control.key.to_string(), "enable_noop");
}
