//! What real data nodes sent and answered: every packet of it goes back out byte for byte, and all
//! but the deliberately bad ones go back out from their types, too.
//!
//! The golden files in `tests/golden` are written anew by running the tests with
//! `MCBP_ACCEPT=1`; then read the diff.

#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use bytes::BytesMut;
use mcbp::dcp::{DcpRequest, DcpResponse};
use mcbp::kv::{KvRequest, KvResponse, ServerRequest, ServerResponse};
use mcbp::{Decoder, FrameError, Header, Magic, MessageError, Opcode, Packet};
use mcbp_cli::capture::{self, EventKind, FrameReader, Reassembler};
use mcbp_cli::dump::{self, Format, Options};

/// The counts that were taken when the captures were made.
const PACKETS: [(&str, u64); 7] = [
    ("consumer.pcap", 9746),
    ("durability.pcap", 1008),
    ("marker-2.2-sync.s2c.bin", 33),
    ("marker-2.2.s2c.bin", 31),
    ("producer-7.2.9.pcap", 3146),
    ("producer-8.0.1.pcap", 3053),
    ("two-nodes.pcap", 5686),
];

fn path(folder: &str, name: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
    tests.join(folder).join(name)
}

/// The bytes of each direction of each connection, by connection and sender.
fn streams(name: &str) -> BTreeMap<String, Vec<u8>> {
    let path = path("captures", name);
    if name.ends_with(".bin") {
        return BTreeMap::from([(String::new(), fs::read(path).unwrap())]);
    }
    let mut streams = BTreeMap::<_, Vec<u8>>::new();
    let mut frames = FrameReader::new(File::open(path).unwrap()).unwrap();
    let mut segments = Reassembler::default();
    let mut sink = |event: capture::Event<'_>| {
        let stream = format!("{:03} {}", event.connection.get(), event.source);
        match event.kind {
            EventKind::Data(bytes) => streams.entry(stream).or_default().extend(bytes),
            EventKind::Gap { len } => panic!("{name}: {len} bytes lost in {stream}"),
            EventKind::End { .. } => {}
        }
    };
    while let Some(frame) = frames.next_frame().unwrap() {
        let capture::Packet::Tcp(segment) = capture::Packet::from_frame(&frame) else {
            panic!("{name}: frame {} is no TCP segment", frame.number);
        };
        segments.push(frame.time_ns, &segment, &mut sink);
    }
    segments.finish(&mut sink);
    streams
}

/// Calls `each` with every packet: its stream, its offset, its bytes, and what they are.
fn for_each_packet(
    name: &str,
    mut each: impl FnMut(&str, usize, &[u8], Result<Packet<&[u8]>, FrameError>),
) {
    for (stream, bytes) in streams(name) {
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let offset = bytes.len() - rest.len();
            // The one header that is illegal still says how long its body is.
            let body_len = u32::from_be_bytes(rest[8..12].try_into().unwrap());
            let (packet, behind) = rest.split_at(Header::LEN + body_len as usize);
            let read = Packet::split_first(rest);
            each(&stream, offset, packet, read.map(|read| read.unwrap().0));
            rest = behind;
        }
    }
}

/// Writes the packet from its type.
fn retyped(packet: Packet<&[u8]>) -> Result<Vec<u8>, MessageError> {
    let mut bytes = Vec::new();
    match packet.header().magic() {
        Magic::ClientRequest | Magic::AltClientRequest => match DcpRequest::read(packet)? {
            DcpRequest::Other(packet) => {
                assert_without_dcp_type(packet);
                KvRequest::read(packet)?.encode(&mut bytes).unwrap();
            }
            request => request.encode(&mut bytes).unwrap(),
        },
        Magic::ClientResponse | Magic::AltClientResponse => match DcpResponse::read(packet)? {
            DcpResponse::Other(packet) => {
                assert_without_dcp_type(packet);
                KvResponse::read(packet)?.encode(&mut bytes).unwrap();
            }
            response => response.encode(&mut bytes).unwrap(),
        },
        Magic::ServerRequest => ServerRequest::read(packet)?.encode(&mut bytes).unwrap(),
        Magic::ServerResponse => ServerResponse::read(packet)?.encode(&mut bytes).unwrap(),
    }
    Ok(bytes)
}

/// Every DCP opcode of a client has a type.
fn assert_without_dcp_type(packet: Packet<&[u8]>) {
    assert!(
        !packet.header().opcode().is_some_and(Opcode::is_dcp),
        "{packet:?}"
    );
}

fn assert_golden(name: &str, actual: &str) {
    let path = path("golden", name);
    if std::env::var_os("MCBP_ACCEPT").is_some() {
        fs::write(&path, actual).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap();
    assert_eq!(actual, golden, "{} is out of date", path.display());
}

#[test]
fn every_packet_goes_back_out_and_the_bad_ones_are_refused_for_the_right_reason() {
    let mut refused = String::new();
    for (name, count) in PACKETS {
        let mut packets = 0;
        for_each_packet(name, |stream, offset, bytes, packet| {
            packets += 1;
            let error = match packet {
                Err(error) => error.to_string(),
                Ok(packet) => {
                    let mut again = Vec::new();
                    packet.encode(&mut again).unwrap();
                    assert_eq!(again, bytes, "{name}: {stream} at {offset}");
                    match retyped(packet) {
                        Err(error) => error.to_string(),
                        Ok(again) => {
                            assert_eq!(again, bytes, "{name}: {stream} at {offset}");
                            return;
                        }
                    }
                }
            };
            refused += &format!("{name} {stream} {offset}: {error}\n");
        });
        assert_eq!(packets, count, "{name}");
    }
    assert_golden("refused.txt", &refused);
}

#[test]
fn however_the_bytes_arrive_the_packets_are_the_same() {
    for (name, _) in PACKETS {
        for (stream, bytes) in streams(name) {
            let whole: Vec<_> = Packet::iter(&bytes).collect();
            for chunk in [1, 7, 1448, bytes.len()] {
                let mut decoder = Decoder::default();
                let mut buffer = BytesMut::new();
                let mut decoded = Vec::new();
                let mut error = None;
                for chunk in bytes.chunks(chunk) {
                    buffer.extend_from_slice(chunk);
                    while error.is_none() {
                        match decoder.decode(&mut buffer) {
                            Ok(Some(packet)) => decoded.push(packet),
                            Ok(None) => break,
                            Err(reason) => error = Some(Err(reason)),
                        }
                    }
                }
                let decoded = decoded.iter().map(|packet| Ok(packet.view()));
                assert!(
                    decoded.chain(error).eq(whole.iter().copied()),
                    "{name} {stream}"
                );
            }
        }
    }
}

/// Surprises of the reference, number 43: the server announces no framing extras and sends them.
#[test]
fn stream_ids_that_the_header_is_silent_about_are_read_and_written_back() {
    let mut unannounced = BTreeMap::<_, u64>::new();
    for (name, _) in PACKETS {
        for_each_packet(name, |_, _, bytes, packet| {
            let Ok(Ok(request)) = packet.map(DcpRequest::read) else {
                return;
            };
            let framing_extras = request.framing_extras();
            let opcode = bytes[1];
            if framing_extras.is_unannounced() {
                assert_eq!((bytes[0], bytes[2]), (0x08, 0));
                assert!(
                    framing_extras.stream_id().is_some_and(|id| id < 0x100),
                    "{request:?}"
                );
                *unannounced.entry((name, opcode)).or_default() += 1;
            }
        });
    }
    let counts: String = unannounced
        .iter()
        .map(|((name, opcode), count)| format!("{name} {opcode:#04x} {count}\n"))
        .collect();
    assert_golden("unannounced.txt", &counts);
}

#[test]
fn the_summaries_are_what_they_were() {
    for (name, count) in PACKETS {
        let file = File::open(path("captures", name)).unwrap();
        let options = Options {
            format: Format::Summary,
            ..Options::default()
        };
        let (mut out, mut problems) = (Vec::new(), Vec::new());
        let outcome = if name.ends_with(".bin") {
            dump::raw(file, &options, &mut out, &mut problems).unwrap()
        } else {
            dump::capture(file, &options, &mut out, &mut problems).unwrap()
        };
        assert_eq!(outcome.packets, count, "{name}");
        assert_eq!(
            problems.iter().filter(|&&byte| byte == b'\n').count() as u64,
            outcome.problems
        );
        let summary = String::from_utf8([out, problems].concat()).unwrap();
        assert_golden(&format!("{name}.summary.txt"), &summary);
    }
}
