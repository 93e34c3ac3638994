//! Framing extras: every id and every length, and what the infos mean in either direction.

#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test may panic"
)]

mod common;

use hex_literal::hex;
use mcbp::dcp::Noop;
use mcbp::{
    DurabilityLevel, EncodeError, EncodedDuration, FrameInfo, FrameInfoError, FramingExtras,
    Request, RequestInfo, ResponseInfo, Section, UserData,
};

use common::{DIRT, packet};

fn info(id: u16, payload: &[u8]) -> FrameInfo<'_> {
    FrameInfo {
        id,
        payload: UserData::new(payload),
    }
}

/// The info as the reference (2.1) writes it.
fn by_hand(id: u16, payload: &[u8]) -> Vec<u8> {
    let (id, len) = (usize::from(id), payload.len());
    let mut bytes = vec![(id.min(15) << 4 | len.min(15)) as u8];
    bytes.extend(id.checked_sub(15).map(|beyond| beyond as u8));
    bytes.extend(len.checked_sub(15).map(|beyond| beyond as u8));
    bytes.extend(payload);
    bytes
}

fn encoded(info: FrameInfo<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    info.encode(&mut bytes).expect("an info");
    bytes
}

#[test]
fn every_id_and_every_length_survives() {
    let payload: Vec<u8> = (0..270_u16).map(|byte| byte as u8).collect();
    for id in 0..=270 {
        for len in 0..=270 {
            let info = info(id, &payload[..len]);
            let bytes = encoded(info);
            assert_eq!(bytes, by_hand(id, &payload[..len]));
            assert_eq!(bytes.len(), info.encoded_len());
            let section = FramingExtras::new(&bytes).expect("a whole info");
            assert!(section.is_present());
            let mut infos = section.iter();
            assert_eq!(infos.next(), Some(info));
            assert_eq!(infos.next(), None);
        }
    }
}

#[test]
fn a_section_is_as_long_as_a_header_can_say() {
    let payload = [7; 270];
    for len in 0..=270 {
        let bytes = encoded(info(3, &payload[..len]));
        let request = Request {
            framing_extras: FramingExtras::new(&bytes).expect("a whole info"),
            ..Request::from(Noop)
        };
        let mut written = Vec::new();
        let outcome = request.encode(&mut written);
        if bytes.len() <= 255 {
            assert_eq!(outcome, Ok(()));
            assert_eq!(usize::from(written[2]), bytes.len());
            assert_eq!(packet(&written).request(), Ok(request));
        } else {
            let too_long = EncodeError::TooLong {
                section: Section::FramingExtras,
                limit: 255,
            };
            assert_eq!(outcome, Err(too_long));
            assert!(written.is_empty());
        }
    }
}

#[test]
fn known_answers() {
    let counting: [u8; 16] = core::array::from_fn(|at| at as u8);
    let with_15 = |head: &[u8]| [head, &counting[..15]].concat();
    let known = [
        (0, 0, hex!("00").to_vec()),
        (2, 2, hex!("22 0001").to_vec()),
        (14, 0, hex!("e0").to_vec()),
        (15, 0, hex!("f0 00").to_vec()),
        (16, 1, hex!("f1 01 00").to_vec()),
        (270, 1, hex!("f1 ff 00").to_vec()),
        (0, 14, [&hex!("0e")[..], &counting[..14]].concat()),
        (0, 15, with_15(&hex!("0f 00"))),
        (2, 15, with_15(&hex!("2f 00"))),
        (14, 15, with_15(&hex!("ef 00"))),
        (15, 15, with_15(&hex!("ff 00 00"))),
        (270, 15, with_15(&hex!("ff ff 00"))),
        (1, 16, [&hex!("1f 01")[..], &counting].concat()),
        (15, 16, [&hex!("ff 00 01")[..], &counting].concat()),
    ];
    for (id, len, bytes) in known {
        let info = info(id, &counting[..len]);
        assert_eq!(encoded(info), bytes);
        let section = FramingExtras::new(&bytes).expect("a whole info");
        assert_eq!(section.iter().collect::<Vec<_>>(), [info]);
    }
}

#[test]
fn what_the_encoding_cannot_say_is_refused() {
    let payload = [7; 271];
    let too_long = EncodeError::TooLong {
        section: Section::FramingExtras,
        limit: 270,
    };
    for info in [
        info(271, &[]),
        info(u16::MAX, &[]),
        info(0, &payload),
        info(271, &payload),
    ] {
        let mut written = vec![DIRT];
        assert_eq!(info.encode(&mut written), Err(too_long));
        assert_eq!(RequestInfo::Other(info).encode(&mut written), Err(too_long));
        assert_eq!(
            ResponseInfo::Other(info).encode(&mut written),
            Err(too_long)
        );
        assert_eq!(written, [DIRT]);
    }
}

#[test]
fn an_info_without_room_is_not_begun() {
    let payload = [7; 20];
    for info in [info(0, &[]), info(2, &payload[..2]), info(99, &payload)] {
        let bytes = encoded(info);
        let mut buffer = vec![DIRT; bytes.len()];
        for len in 0..bytes.len() {
            let mut room = &mut buffer[..len];
            assert_eq!(info.encode(&mut room), Err(EncodeError::NoRoom));
            assert_eq!(room.len(), len);
            assert!(buffer.iter().all(|&byte| byte == DIRT));
        }
        let mut room = &mut buffer[..];
        assert_eq!(info.encode(&mut room), Ok(()));
        assert_eq!(buffer, bytes);
    }
}

#[test]
fn a_section_that_is_cut_off_names_the_info() {
    let payload = [7; 20];
    let infos = [
        info(0, &[]),
        info(2, &payload[..2]),
        info(99, &payload[..3]),
        info(4, &payload),
        info(270, &payload),
        info(15, &[]),
    ];
    let mut section = Vec::new();
    let mut starts = Vec::new();
    for info in infos {
        starts.push(section.len());
        section.extend(encoded(info));
    }
    let whole = FramingExtras::new(&section).expect("whole infos");
    assert_eq!(whole.iter().collect::<Vec<_>>(), infos);
    for len in 0..section.len() {
        let read = FramingExtras::new(&section[..len]);
        let start = starts.iter().rfind(|&&start| start <= len);
        let start = *start.expect("the first one");
        if start == len {
            let count = starts.iter().take_while(|&&start| start < len).count();
            let read = read.expect("whole infos");
            assert_eq!(read.iter().collect::<Vec<_>>(), infos[..count]);
        } else {
            let offset = start as u32;
            assert_eq!(read, Err(FrameInfoError { offset }));
        }
    }
    let error = FrameInfoError { offset: 7 };
    assert_eq!(error.to_string(), "frame info at byte 7 is cut off");
}

/// What an info with this id and a payload of this length means in a request (reference 2.2).
fn request_info(id: u16, payload: &[u8]) -> RequestInfo<'_> {
    let number = || u16::from_be_bytes([payload[0], payload[1]]);
    match (id, payload.len()) {
        (0, 0) => RequestInfo::Barrier,
        (1, 1) => RequestInfo::Durability {
            level: DurabilityLevel(payload[0]),
            timeout_ms: None,
        },
        (1, 3) => RequestInfo::Durability {
            level: DurabilityLevel(payload[0]),
            timeout_ms: Some(u16::from_be_bytes([payload[1], payload[2]])),
        },
        (2, 2) => RequestInfo::StreamId(number()),
        (4, 1..) => RequestInfo::Impersonate(payload.into()),
        (5, 0) => RequestInfo::PreserveTtl,
        (6, 1..) => RequestInfo::ImpersonateExtraPrivilege(payload.into()),
        (7, 2) => RequestInfo::ImpersonateWithTokenAuthDataId(number()),
        _ => RequestInfo::Other(info(id, payload)),
    }
}

/// The same in a response (reference 2.3).
fn response_info(id: u16, payload: &[u8]) -> ResponseInfo<'_> {
    let &[hi, lo] = payload else {
        return ResponseInfo::Other(info(id, payload));
    };
    let number = u16::from_be_bytes([hi, lo]);
    match id {
        0 => ResponseInfo::ServerDuration(EncodedDuration(number)),
        1 => ResponseInfo::ReadUnits(number),
        2 => ResponseInfo::WriteUnits(number),
        3 => ResponseInfo::ThrottleDuration(EncodedDuration(number)),
        _ => ResponseInfo::Other(info(id, payload)),
    }
}

#[test]
fn infos_mean_what_the_reference_says_and_are_kept_if_it_is_silent() {
    let payload: [u8; 20] = core::array::from_fn(|at| at as u8 + 1);
    let mut named = 0;
    for id in 0..=270 {
        for len in 0..=20 {
            let payload = &payload[..len];
            let bytes = encoded(info(id, payload));
            let section = FramingExtras::new(&bytes).expect("a whole info");

            let request: Vec<_> = section.request_infos().collect();
            assert_eq!(request, [request_info(id, payload)]);
            let response: Vec<_> = section.response_infos().collect();
            assert_eq!(response, [response_info(id, payload)]);
            named += usize::from(!matches!(request[0], RequestInfo::Other(_)));
            named += usize::from(!matches!(response[0], ResponseInfo::Other(_)));

            let mut written = Vec::new();
            assert_eq!(request[0].encode(&mut written), Ok(()));
            assert_eq!(written, bytes);
            written.clear();
            assert_eq!(response[0].encode(&mut written), Ok(()));
            assert_eq!(written, bytes);
        }
    }
    assert_eq!(named, 1 + 2 + 1 + 20 + 1 + 20 + 1 + 4);
}

#[test]
fn typed_infos_have_known_bytes() {
    let known = [
        (RequestInfo::Barrier, hex!("00").to_vec()),
        (
            RequestInfo::Durability {
                level: DurabilityLevel::PERSIST_TO_MAJORITY,
                timeout_ms: None,
            },
            hex!("11 03").to_vec(),
        ),
        (
            RequestInfo::Durability {
                level: DurabilityLevel::MAJORITY,
                timeout_ms: Some(0x0102),
            },
            hex!("13 01 0102").to_vec(),
        ),
        (RequestInfo::StreamId(5), hex!("22 0005").to_vec()),
        (
            RequestInfo::Impersonate("^you".into()),
            hex!("44 5e796f75").to_vec(),
        ),
        (RequestInfo::PreserveTtl, hex!("50").to_vec()),
        (
            RequestInfo::ImpersonateExtraPrivilege("SystemXattrRead".into()),
            [&hex!("6f 00")[..], b"SystemXattrRead"].concat(),
        ),
        (
            RequestInfo::ImpersonateWithTokenAuthDataId(0x0102),
            hex!("72 0102").to_vec(),
        ),
    ];
    for (info, bytes) in known {
        let mut written = Vec::new();
        assert_eq!(info.encode(&mut written), Ok(()));
        assert_eq!(written, bytes);
        let section = FramingExtras::new(&bytes).expect("a whole info");
        assert!(section.request_infos().eq([info]));
    }
    let known = [
        (
            ResponseInfo::ServerDuration(EncodedDuration(93)),
            hex!("02 005d"),
        ),
        (ResponseInfo::ReadUnits(1), hex!("12 0001")),
        (ResponseInfo::WriteUnits(0x0102), hex!("22 0102")),
        (
            ResponseInfo::ThrottleDuration(EncodedDuration(u16::MAX)),
            hex!("32 ffff"),
        ),
    ];
    for (info, bytes) in known {
        let mut written = Vec::new();
        assert_eq!(info.encode(&mut written), Ok(()));
        assert_eq!(written, bytes);
        let section = FramingExtras::new(&bytes).expect("a whole info");
        assert!(section.response_infos().eq([info]));
    }
}

#[test]
fn the_stream_id_is_found_wherever_it_is() {
    for (section, expected) in [
        (&hex!("")[..], None),
        (&hex!("22 0005"), Some(5)),
        (&hex!("22 ffff"), Some(u16::MAX)),
        (&hex!("00 22 0005"), Some(5)),
        (&hex!("44 75736572 22 0102 00"), Some(0x0102)),
        // The first of two.
        (&hex!("22 0001 22 0002"), Some(1)),
        // Another length, another id, the same bytes as a payload.
        (&hex!("21 05"), None),
        (&hex!("23 000005"), None),
        (&hex!("32 0005"), None),
        (&hex!("93 220005"), None),
        (&hex!("23 000005 22 0007"), Some(7)),
    ] {
        let section = FramingExtras::new(section).expect("whole infos");
        assert_eq!(section.stream_id(), expected, "{section:?}");
    }
    assert_eq!(FramingExtras::ABSENT.stream_id(), None);
}

#[test]
fn absent_and_empty_are_two_things() {
    let empty = FramingExtras::new(&[]).expect("no info at all");
    assert!(empty.is_present() && !FramingExtras::ABSENT.is_present());
    assert_ne!(empty, FramingExtras::ABSENT);
    assert_eq!(FramingExtras::ABSENT, FramingExtras::default());
    assert!(empty.iter().next().is_none());
    assert!(!empty.is_unannounced());
}
