//! Messages: sections as long as a header can say, and framing extras to the last byte.

use mcbp::validate::{self, Connection};
use mcbp::{
    Datatype, EncodeError, FrameInfo, FramingExtras, Magic, Opcode, Packet, Section, Sections,
    UserData,
};

use crate::common::{Dcp, Frame, frames, packet, rows};
use crate::memory::without_memory;

/// Framing extras of 255 bytes, and how many infos are in them.
fn full_framing_extras() -> Vec<(Vec<u8>, usize)> {
    // One info that says its length, or its name and its length, in a second byte.
    let mut long = vec![0x1f, 253 - 15];
    long.resize(255, 0xaa);
    let mut escaped = vec![0xff, u8::MAX, 252 - 15];
    escaped.resize(255, 0xaa);
    vec![
        (vec![0; 255], 255),
        ([0x22, 1, 2].repeat(85), 85),
        (vec![0xf0; 254].into_iter().chain([0]).collect(), 128),
        ([[0xf0, 0xff].repeat(127), vec![0x10]].concat(), 128),
        (long, 1),
        (escaped, 1),
    ]
}

#[test]
fn framing_extras_may_fill_all_their_255_bytes() {
    for (bytes, count) in full_framing_extras() {
        assert_eq!(bytes.len(), 255);
        let mut written = Vec::with_capacity(255);
        without_memory(|| {
            let extras = FramingExtras::new(&bytes).expect("whole infos");
            assert_eq!(extras.iter().count(), count);
            for info in extras.iter() {
                info.encode(&mut written).expect("room");
            }
        });
        assert_eq!(written, bytes);
        // Cut off anywhere, they are refused or shorter.
        for len in 0..255 {
            let cut = without_memory(|| FramingExtras::new(&bytes[..len]));
            assert!(cut.is_err() || cut.is_ok_and(|it| it.iter().count() <= count));
        }
        for (_, frame) in frames().filter(|(_, frame)| frame.has_framing_extras()) {
            let bytes = frame.with_framing_extras(&bytes).bytes();
            let message = without_memory(|| Dcp::read(packet(&bytes))).expect("a message");
            assert_eq!(message.framing_extras().iter().count(), count);
            assert_eq!(message.written(), bytes);
        }
    }
}

#[test]
fn an_info_may_promise_more_than_there_is() {
    for promised in [0x0f_u8, 0xff, 0x0e, 0xfe] {
        for second in [0, 14, 240, 255] {
            for third in [1, 240, 255] {
                let bytes = [promised, second, third];
                assert!(FramingExtras::new(&bytes).is_err(), "{bytes:02x?}");
                for row in rows() {
                    for frame in row.frames() {
                        let bytes = frame.with_framing_extras(&bytes).bytes();
                        without_memory(|| assert!(Dcp::read(packet(&bytes)).is_err()));
                    }
                }
            }
        }
    }
}

#[test]
fn no_info_is_written_that_framing_extras_have_no_room_for() {
    let payload = vec![0xaa; 300];
    for len in 0..300 {
        let info = FrameInfo {
            id: 0xff,
            payload: UserData::new(&payload[..len]),
        };
        let mut written = Vec::new();
        match info.encode(&mut written) {
            Ok(()) => assert_eq!(written.len(), info.encoded_len()),
            Err(error) => {
                assert!(len > 240, "{len}: {error}");
                assert!(written.is_empty());
            }
        }
    }
}

/// The longest key of each kind of header, and one byte more.
const KEY_LENS: [usize; 6] = [0, 250, 251, 255, 256, 65_535];

#[test]
fn keys_of_any_length_are_read_or_refused() {
    for row in rows() {
        for mut frame in row.frames() {
            for len in KEY_LENS {
                frame.key = vec![b'k'; len];
                let bytes = frame.bytes();
                let read = without_memory(|| Dcp::read(packet(&bytes)));
                // What is no message is still a packet.
                assert_eq!(packet(&bytes).sections().key.len(), len);
                if let Ok(message) = read {
                    assert_eq!(message.written(), bytes);
                }
            }
        }
    }
}

const CONNECTION: Connection = Connection {
    kind: validate::ConnectionKind::Consumer,
    collections: false,
    include_delete_times: false,
    datatypes: Datatype::all(),
    unordered_execution: false,
    bucket_has_dcp: true,
};

#[test]
fn a_validator_looks_no_deeper_than_the_stack_is() {
    let mut open = Frame::new(0x80, Opcode::DCP_OPEN.0);
    open.datatype = Datatype::JSON.bits();
    open.cas = 0;
    open.extras = vec![0, 0, 0, 0, 0, 0, 0, 0];
    open.key = b"name".to_vec();
    let connection = Connection {
        kind: validate::ConnectionKind::Ordinary,
        ..CONNECTION
    };
    for (start, end) in [("[", "]"), ("{\"a\":", "}"), ("[[],", "]")] {
        let (start, end) = (start.repeat(100_000), end.repeat(100_000));
        let is_object = start.starts_with('{');
        for (json, is_object) in [
            (format!("{{\"a\":{start}1{end}}}"), true),
            (format!("{{\"a\":{start}"), true),
            (start, is_object),
        ] {
            open.value = json.into_bytes();
            let bytes = open.bytes();
            let found = without_memory(|| validate::request(packet(&bytes), &connection));
            // What is too deep to tell is taken for JSON.
            let expected = if is_object { Ok(()) } else { Err("50-json") };
            assert_eq!(found.map_err(|violation| violation.rule().id), expected);
        }
    }
}

#[test]
fn keys_that_a_server_does_not_take_break_a_rule() {
    let connection = |collections| Connection {
        collections,
        ..CONNECTION
    };
    let mut mutation = Frame::new(0x80, Opcode::DCP_MUTATION.0);
    mutation.datatype = 0;
    mutation.extras = [[0; 7], [1; 7]].concat();
    mutation.extras.resize(31, 0);
    let mut verdict = |collections, key: &[u8]| {
        mutation.key = key.to_vec();
        let bytes = mutation.bytes();
        let found = validate::request(packet(&bytes), &connection(collections));
        found.map_err(|violation| violation.rule().id)
    };
    for (len, rule) in [
        (0, Err("V5")),
        (1, Ok(())),
        (250, Ok(())),
        (251, Err("V6")),
        (65_535, Err("V6")),
    ] {
        assert_eq!(verdict(false, &vec![b'k'; len]), rule, "{len}");
    }
    // With a collection id: 00 is the default collection, 08 the first of the others.
    for (id, len, rule) in [
        (0, 0, Err("V16-short")),
        (0, 250, Ok(())),
        (0, 251, Err("V6")),
        (8, 246, Ok(())),
        (8, 247, Err("V16-long")),
        (8, 65_534, Err("V6")),
    ] {
        let key = [vec![id], vec![b'k'; len]].concat();
        assert_eq!(verdict(true, &key), rule, "{id} {len}");
    }
    assert_eq!(verdict(true, &[0x80; 250]), Err("V16-stop"));
}

#[test]
fn what_a_header_cannot_say_is_not_written() {
    let long = vec![0; 65_536];
    let sections = |framing_extras, extras, key| Sections {
        framing_extras: &long[..framing_extras],
        extras: &long[..extras],
        key: UserData::new(&long[..key]),
        value: UserData::new(&[]),
    };
    let refused = |magic, sections| {
        Packet::from_sections(magic, 0x57, sections)
            .map(|packet| packet.header().packet_len())
            .map_err(|error| match error {
                EncodeError::TooLong { section, limit } => (section, limit),
                other => panic!("{other}"),
            })
    };
    let (old, new) = (Magic::ClientRequest, Magic::AltClientRequest);
    assert_eq!(refused(old, sections(0, 255, 65_535)), Ok(65_814));
    assert_eq!(
        refused(old, sections(0, 0, 65_536)),
        Err((Section::Key, 65_535))
    );
    assert_eq!(
        refused(old, sections(0, 256, 0)),
        Err((Section::Extras, 255))
    );
    assert_eq!(refused(new, sections(255, 255, 255)), Ok(789));
    assert_eq!(refused(new, sections(0, 0, 256)), Err((Section::Key, 255)));
    let too_long = Err((Section::FramingExtras, 255));
    assert_eq!(refused(new, sections(256, 0, 0)), too_long);
    let none = Err((Section::FramingExtras, 0));
    assert_eq!(refused(old, sections(1, 0, 0)), none);
}
