//! What must hold for every message that is written: all or nothing, and nothing copied.

#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test may panic"
)]

mod common;

use bytes::{Buf, BufMut, BytesMut};
use mcbp::dcp::{
    Abort, Commit, Control, DcpRequest, Deletion, DeletionVersion, Expiration, Mutation, Open,
    Prepare,
};
use mcbp::{
    Datatype, DurabilityLevel, EncodeError, FramingExtras, Opcode, Presence, Request, Response,
    Section, Status, UserData, WireBool,
};

use common::{DIRT, Dcp, Frame, assert_refused, frames, packet, rows};

#[test]
fn a_writer_refuses_what_no_reader_takes() {
    let key = UserData::from("key");
    let prepare = Prepare {
        by_seqno: 1,
        rev_seqno: 1,
        flags: 0,
        expiration: 0,
        lock_time: 0,
        nru: 0,
        deleted: WireBool::FALSE,
        durability_level: DurabilityLevel::MAJORITY,
        key: UserData::default(),
        value: key,
    };
    let deletion = |version| Deletion {
        by_seqno: 1,
        rev_seqno: 1,
        version,
        key: UserData::default(),
        value: key,
    };
    let open = Open::default();
    let mutation = Mutation {
        value: key,
        ..Mutation::default()
    };
    let control = Control {
        value: "true".into(),
        ..Control::default()
    };
    let v1 = deletion(DeletionVersion::V1 { nmeta: 0 });
    let v2 = deletion(DeletionVersion::V2 {
        delete_time: 0,
        unused: 0,
    });
    let without_key: [DcpRequest<'_>; 9] = [
        Request::from(open).into(),
        Request::from(mutation).into(),
        Request::from(v1).into(),
        Request::from(v2).into(),
        Request::from(Expiration::default()).into(),
        Request::from(control).into(),
        Request::from(prepare).into(),
        Request::from(Commit::default()).into(),
        Request::from(Abort::default()).into(),
    ];
    for request in without_key {
        assert_refused(Dcp::Request(request), EncodeError::Missing(Section::Key));
    }
    let control = Control {
        key: "enable_noop".into(),
        ..Control::default()
    };
    let control = Dcp::Request(Request::from(control).into());
    assert_refused(control, EncodeError::Missing(Section::Value));
    // The table has no other message with a key that must be there.
    let required = rows().filter(|row| row.key == Presence::Required);
    assert_eq!(required.count(), 8);
}

#[test]
fn a_writer_refuses_what_no_header_can_say() {
    let key = vec![0; 0x1_0000];
    let framing_extras = [0x00; 256];
    let commit = |key_len| Commit {
        prepared_seqno: 1,
        commit_seqno: 2,
        key: UserData::new(&key[..key_len]),
    };
    let too_long = |section, limit| EncodeError::TooLong { section, limit };
    let plain = |key_len| Request::from(commit(key_len));
    let alt = |key_len, len| Request {
        framing_extras: FramingExtras::new(&framing_extras[..len]).expect("infos"),
        ..plain(key_len)
    };
    for legal in [plain(0xffff), alt(0xff, 0), alt(1, 0xff), alt(0xff, 0xff)] {
        let written = Dcp::Request(legal.into()).written();
        assert_eq!(packet(&written).request(), Ok(legal));
    }
    for (illegal, expected) in [
        (plain(0x1_0000), too_long(Section::Key, 0xffff)),
        (alt(0x100, 0), too_long(Section::Key, 0xff)),
        (alt(1, 0x100), too_long(Section::FramingExtras, 0xff)),
    ] {
        assert_refused(Dcp::Request(illegal.into()), expected);
    }
}

#[test]
fn a_buffer_gets_the_packet_and_nothing_else() {
    for (_, frame) in frames() {
        let bytes = frame.bytes();
        let message = Dcp::read(packet(&bytes)).expect("an example");
        let mut fixed = vec![DIRT; bytes.len() + 8];
        let mut room = &mut fixed[..];
        assert_eq!(message.encode(&mut room), Ok(()));
        assert_eq!(room.len(), 8);
        let (written, rest) = fixed.split_at(bytes.len());
        assert_eq!(written, bytes);
        assert_eq!(rest, [DIRT; 8]);

        let mut grown = BytesMut::from(&[DIRT; 5][..]);
        assert_eq!(message.encode(&mut grown), Ok(()));
        assert_eq!(grown[..5], [DIRT; 5]);
        assert_eq!(grown[5..], bytes);
    }
}

#[test]
fn a_buffer_that_is_too_small_is_left_alone() {
    for (_, frame) in frames() {
        let bytes = frame.bytes();
        let message = Dcp::read(packet(&bytes)).expect("an example");
        let mut fixed = vec![DIRT; bytes.len()];
        for len in 0..bytes.len() {
            let mut room = &mut fixed[..len];
            assert_eq!(message.encode(&mut room), Err(EncodeError::NoRoom));
            assert_eq!(room.len(), len);
            assert!(fixed.iter().all(|&byte| byte == DIRT));
            let mut limited = BytesMut::new().limit(len);
            assert_eq!(message.encode(&mut limited), Err(EncodeError::NoRoom));
            assert!(limited.get_ref().is_empty());
        }
        let mut room = &mut fixed[..];
        assert_eq!(message.encode(&mut room), Ok(()));
        assert_eq!(fixed, bytes);
    }
}

#[test]
fn a_packet_as_a_buffer_is_the_same_bytes() {
    for (_, frame) in frames() {
        let bytes = frame.bytes();
        let packet = packet(&bytes);
        let message = Dcp::read(packet).expect("an example");
        for buf in [message.to_buf().expect("what was read"), packet.to_buf()] {
            assert_eq!(buf.remaining(), bytes.len());
            let copied = buf.clone().copy_to_bytes(bytes.len());
            assert_eq!(copied, bytes);

            let mut one_by_one = buf.clone();
            for (at, &byte) in bytes.iter().enumerate() {
                assert_eq!(one_by_one.remaining(), bytes.len() - at);
                assert_eq!(one_by_one.chunk().first(), Some(&byte));
                one_by_one.advance(1);
            }
            assert!(!one_by_one.has_remaining());
            assert!(one_by_one.chunk().is_empty());

            for split in 0..=bytes.len() {
                let mut rest = buf.clone();
                rest.advance(split);
                assert_eq!(rest.remaining(), bytes.len() - split);
                let mut written = Vec::new();
                assert_eq!(rest.encode(&mut written), Ok(()));
                assert_eq!(written, bytes[split..]);
                let mut chunks = Vec::new();
                while rest.has_remaining() {
                    chunks.extend_from_slice(rest.chunk());
                    rest.advance(rest.chunk().len());
                }
                assert_eq!(chunks, bytes[split..]);
            }
        }
    }
}

#[test]
#[should_panic(expected = "advance past the end of the packet")]
fn advancing_past_the_end_panics_as_the_trait_demands() {
    let frame = Frame::new(0x80, Opcode::DCP_NOOP.0);
    let bytes = frame.bytes();
    packet(&bytes).to_buf().advance(25);
}

#[cfg(feature = "std")]
#[test]
fn vectored_slices_are_those_of_the_message() {
    use mcbp::dcp::{DcpResponse, StreamRequestReply};
    use std::io::IoSlice;

    fn concat(slices: &[IoSlice<'_>]) -> Vec<u8> {
        slices
            .iter()
            .flat_map(|slice| slice.iter().copied())
            .collect()
    }

    for (_, frame) in frames() {
        let bytes = frame.bytes();
        let message = Dcp::read(packet(&bytes)).expect("an example");
        let sections = packet(&bytes).into_sections();
        let buf = message.to_buf().expect("what was read");
        let mut slots = [IoSlice::new(&[]); 8];
        let count = buf.chunks_vectored(&mut slots);
        assert!(
            count
                <= if frame.framing_extras.is_empty() {
                    3
                } else {
                    5
                }
        );
        let slices = &slots[..count];
        assert_eq!(concat(slices), bytes);
        assert!(slices.iter().all(|slice| !slice.is_empty()));
        // Header and fields are all that is copied, however long the packet.
        let is_copied = |slice: &&IoSlice<'_>| !bytes.as_ptr_range().contains(&slice.as_ptr());
        let copied: usize = slices
            .iter()
            .filter(is_copied)
            .map(|slice| slice.len())
            .sum();
        assert!((24..=77).contains(&copied), "{copied} bytes copied");
        let is_borrowed = |section: &[u8]| {
            section.is_empty() || {
                let mut slices = slices.iter();
                slices.any(|slice| slice.as_ptr_range() == section.as_ptr_range())
            }
        };
        assert!(is_borrowed(sections.framing_extras));
        assert!(is_borrowed(sections.key.expose()));
        // Fields are copied, what may be large is not.
        let fields = matches!(
            message,
            Dcp::Request(DcpRequest::SnapshotMarker(_))
                | Dcp::Response(DcpResponse::StreamRequest(Response {
                    reply: StreamRequestReply::Rollback { .. },
                    ..
                }))
        );
        assert!(fields || is_borrowed(sections.value.expose()));

        // As many as there are slots, the first ones.
        for slots in 0..count {
            let mut few = [IoSlice::new(&[]); 8];
            assert_eq!(buf.chunks_vectored(&mut few[..slots]), slots);
            assert_eq!(concat(&few[..slots]), concat(&slices[..slots]));
        }
        // And however far it has been read.
        for split in 0..=bytes.len() {
            let mut rest = buf.clone();
            rest.advance(split);
            let mut slots = [IoSlice::new(&[]); 8];
            let count = rest.chunks_vectored(&mut slots);
            assert_eq!(concat(&slots[..count]), bytes[split..]);
        }
    }
}

#[test]
fn a_message_made_from_scratch_has_an_empty_envelope() {
    let noop = Request::from(mcbp::dcp::Noop);
    let expected = Request {
        opaque: 0,
        vbucket: 0,
        cas: 0,
        datatype: Datatype::RAW,
        framing_extras: FramingExtras::ABSENT,
        message: mcbp::dcp::Noop,
    };
    assert_eq!(noop, expected);
    let reply = Response::from(mcbp::dcp::NoopReply::default());
    let expected = Response {
        opaque: 0,
        status: Status::SUCCESS,
        cas: 0,
        datatype: Datatype::RAW,
        framing_extras: FramingExtras::ABSENT,
        reply: mcbp::dcp::NoopReply::default(),
    };
    assert_eq!(reply, expected);
}
