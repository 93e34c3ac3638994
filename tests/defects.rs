//! What servers are known to get wrong on the wire, read as they meant it and written as they did.

#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test may panic"
)]

mod common;

use hex_literal::hex;
use mcbp::dcp::{DcpResponse, Deletion, DeletionVersion, Expiration, Mutation};
use mcbp::{FramingExtras, Opcode, Request, RequestInfo};

use common::{Dcp, Frame, assert_survives, frames, packet};

/// `DCP_DELETION` V2 of the key "key" in stream 5, as data nodes of 7.2.9 and 8.0.1 send it: the
/// stream id is in the body and in its length, but header byte 2 says there is none.
const DELETION: [u8; 51] = hex!(
    "08 58 00 03 15 00 0210 0000001b 00001210 0000000000000007
     22 0005
     0000000000000004 0000000000000002 5f5e1000 00
     6b6579"
);

/// The same for `DCP_EXPIRATION`, with a value.
const EXPIRATION: [u8; 55] = hex!(
    "08 59 00 03 14 04 0210 0000001f 00001210 0000000000000007
     22 0005
     0000000000000004 0000000000000002 5f5e1000
     6b6579 76616c7565"
);

#[test]
fn a_deletion_with_an_unannounced_stream_id_is_read_as_it_was_meant() {
    let request = packet(&DELETION).request::<Deletion<'_>>();
    let request = request.expect("a deletion");
    assert!(request.framing_extras.is_present());
    assert!(request.framing_extras.is_unannounced());
    assert_eq!(request.framing_extras.as_bytes(), hex!("22 0005"));
    assert_eq!(request.framing_extras.stream_id(), Some(5));
    let infos: Vec<_> = request.framing_extras.request_infos().collect();
    assert_eq!(infos, [RequestInfo::StreamId(5)]);
    assert_eq!(request.opaque, 0x1210);
    assert_eq!(request.vbucket, 0x0210);
    assert_eq!(request.cas, 7);
    assert_eq!(
        request.message,
        Deletion {
            by_seqno: 4,
            rev_seqno: 2,
            version: DeletionVersion::V2 {
                delete_time: 0x5f5e_1000,
                unused: 0
            },
            key: "key".into(),
            value: "".into(),
        }
    );
}

#[test]
fn an_expiration_with_an_unannounced_stream_id_is_read_as_it_was_meant() {
    let request = packet(&EXPIRATION).request::<Expiration<'_>>();
    let request = request.expect("an expiration");
    assert!(request.framing_extras.is_unannounced());
    assert_eq!(request.framing_extras.stream_id(), Some(5));
    assert_eq!(
        request.message,
        Expiration {
            by_seqno: 4,
            rev_seqno: 2,
            delete_time: 0x5f5e_1000,
            key: "key".into(),
            value: "value".into(),
        }
    );
}

#[test]
fn an_unannounced_stream_id_is_written_as_it_came() {
    for bytes in [&DELETION[..], &EXPIRATION] {
        let message = Dcp::read(packet(bytes)).expect("a message");
        assert_eq!(message.encoded_len(), bytes.len());
        assert_eq!(message.written(), bytes);
    }
}

#[test]
fn every_stream_id_survives_unannounced() {
    for bytes in [&DELETION[..], &EXPIRATION] {
        let mut bytes = bytes.to_vec();
        for id in 0..=u16::MAX {
            bytes[25..27].copy_from_slice(&id.to_be_bytes());
            let message = Dcp::read(packet(&bytes)).expect("a message");
            let framing_extras = message.framing_extras();
            assert!(framing_extras.is_unannounced());
            assert_eq!(framing_extras.stream_id(), Some(id));
            assert_eq!(message.written(), bytes);
        }
    }
}

#[test]
fn the_packet_itself_is_not_touched() {
    let packet = packet(&DELETION);
    let sections = packet.into_sections();
    assert!(sections.framing_extras.is_empty());
    assert_eq!(sections.extras, &DELETION[24..24 + 21]);
    assert_eq!(sections.key.expose(), &DELETION[45..48]);
    assert_eq!(sections.value.expose(), b"key");
    let mut written = Vec::new();
    assert_eq!(packet.encode(&mut written), Ok(()));
    assert_eq!(written, DELETION);
}

#[test]
fn every_prefix_of_the_body_is_read_or_refused_but_never_misread() {
    // Cut as if the sender had meant it: the body length follows.
    for whole in [&DELETION[..], &EXPIRATION] {
        for len in 24..whole.len() {
            let mut bytes = whole[..len].to_vec();
            let body_len = (len - 24) as u32;
            bytes[8..12].copy_from_slice(&body_len.to_be_bytes());
            let extras_len = u32::from(bytes[4]);
            // Less than extras and key are no packet at all.
            if body_len < extras_len + 3 {
                assert!(mcbp::Packet::split_first(&bytes).is_err());
                continue;
            }
            let message = Dcp::read(packet(&bytes)).expect("a message");
            assert_eq!(message.written(), bytes);
            let whole_id = body_len >= 3 + extras_len + 3;
            assert_eq!(message.framing_extras().is_unannounced(), whole_id);
        }
    }
}

/// Whether the message is read as one with framing extras that the header does not announce.
fn is_unannounced(bytes: &[u8]) -> bool {
    let message = Dcp::read(packet(bytes)).expect("a message");
    assert_eq!(message.written(), bytes);
    message.framing_extras().is_unannounced()
}

#[test]
fn look_alikes_are_read_as_they_are() {
    let deletion = Frame {
        extras: hex!("2200050000000004 0000000000000002 5f5e1000 00").to_vec(),
        key: b"key".to_vec(),
        value: b"value".to_vec(),
        ..Frame::new(0x08, Opcode::DCP_DELETION.0)
    };
    assert!(is_unannounced(&deletion.bytes()));

    let plain = Frame {
        magic: 0x80,
        ..deletion.clone()
    };
    assert!(!is_unannounced(&plain.bytes()));

    let announced = deletion.clone().with_framing_extras(&hex!("22 0005"));
    assert!(!is_unannounced(&announced.bytes()));
    let empty_info = deletion.clone().with_framing_extras(&hex!("00"));
    assert!(!is_unannounced(&empty_info.bytes()));

    let v1 = Frame {
        extras: deletion.extras[..18].to_vec(),
        ..deletion.clone()
    };
    assert!(!is_unannounced(&v1.bytes()));

    for value in [&b""[..], b"v", b"va"] {
        let short = Frame {
            value: value.to_vec(),
            ..deletion.clone()
        };
        assert!(!is_unannounced(&short.bytes()));
    }

    for byte in (0..=u8::MAX).filter(|&byte| byte != 0x22) {
        let mut other = deletion.clone();
        other.extras[0] = byte;
        assert!(!is_unannounced(&other.bytes()));
    }
}

#[test]
fn no_other_message_is_taken_for_one() {
    let mut affected = 0;
    for (row, mut frame) in frames() {
        if !frame.has_framing_extras() || !frame.framing_extras.is_empty() {
            continue;
        }
        // Where there are extras, they now look like a stream id.
        let is_version = row.opcode == Opcode::DCP_SNAPSHOT_MARKER;
        if let Some(first) = frame.extras.first_mut().filter(|_| !is_version) {
            *first = 0x22;
        }
        let expected = !row.is_response()
            && frame.value.len() >= 3
            && matches!(
                (row.opcode, frame.extras.len()),
                (Opcode::DCP_DELETION, 21) | (Opcode::DCP_EXPIRATION, 20)
            );
        let bytes = frame.bytes();
        assert_eq!(is_unannounced(&bytes), expected, "{}", row.opcode);
        affected += usize::from(expected);
    }
    assert_eq!(affected, 2);
}

#[test]
fn a_response_is_never_taken_for_one() {
    let mut frame = Frame::new(0x18, Opcode::DCP_DELETION.0);
    frame.value = hex!("22 0005").to_vec();
    let bytes = frame.bytes();
    let DcpResponse::Deletion(response) = DcpResponse::read(packet(&bytes)).expect("a reply")
    else {
        panic!("another message");
    };
    assert!(!response.framing_extras.is_unannounced());
    assert_eq!(response.reply.value.0, hex!("22 0005"));
}

/// Framing extras outlive the message they came with, and may end up in another.
#[test]
fn another_message_announces_what_its_source_did_not() {
    let deletion = packet(&DELETION).request::<Deletion<'_>>();
    let framing_extras = deletion.expect("a deletion").framing_extras;
    assert!(framing_extras.is_unannounced());
    let mutation = Request {
        framing_extras,
        ..Request::from(Mutation {
            by_seqno: 4,
            key: "key".into(),
            ..Mutation::default()
        })
    };
    let written = Dcp::Request(mutation.into()).written();
    assert_eq!(written.len(), mutation.encoded_len());
    assert_eq!(written[..4], hex!("08 57 03 03"));
    let read = packet(&written).request::<Mutation<'_>>();
    let read = read.expect("a mutation");
    assert_eq!(read.message, mutation.message);
    assert_eq!(read.framing_extras.stream_id(), Some(5));
    assert!(!read.framing_extras.is_unannounced());
    assert_survives(&written);
}

#[test]
fn a_stream_id_is_announced_unless_it_came_otherwise() {
    let section = hex!("22 0005");
    let framing_extras = FramingExtras::new(&section).expect("an info");
    let deletion = packet(&DELETION).request::<Deletion<'_>>();
    let deletion = Request {
        framing_extras,
        ..deletion.expect("a deletion")
    };
    let written = Dcp::Request(deletion.into()).written();
    assert_eq!(written[..4], hex!("08 58 03 03"));
    assert_eq!(written[4..], DELETION[4..]);
    assert_eq!(packet(&written).request(), Ok(deletion));
}
