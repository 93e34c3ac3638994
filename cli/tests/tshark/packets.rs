//! The packets that are compared: those of captures, and those that this crate writes.

mod examples;

use std::fs::File;
use std::path::Path;

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use etherparse::PacketBuilder;
use mcbp::dcp::{DcpRequest, DcpResponse};
use mcbp::kv::{KvRequest, KvResponse, ServerRequest, ServerResponse};
use mcbp::value::Collections;
use mcbp::{Command, Datatype, Magic, Packet};
use mcbp_cli::capture::{self, FrameReader, Reassembler};
use mcbp_cli::connections::{Agreed, Connections};
use mcbp_cli::framing::{Found, Framing};
use proptest::prelude::RngCore;
use proptest::test_runner::{RngAlgorithm, TestRng};

use crate::message::Message;

/// A packet, and what it takes to read it.
pub(crate) struct Sample {
    pub(crate) packet: Packet,
    pub(crate) agreed: Agreed,
}

impl Sample {
    /// The message that the packet holds, if it is legal.
    pub(crate) fn message(&self) -> Option<Message<'_>> {
        Message::read(self.packet.view()).ok()
    }
}

/// The packets of a capture in the order of their last bytes; `None` for an illegal header.
pub(crate) fn of_capture(path: &Path) -> Vec<Option<Sample>> {
    let mut frames = FrameReader::new(File::open(path).expect("a file")).expect("a capture");
    let mut segments = Reassembler::default();
    let mut framing = Framing::default();
    let mut connections = Connections::default();
    let mut samples = Vec::new();
    let mut sink = |event: capture::Event<'_>| {
        framing.push(&event, &mut |place, found| {
            samples.push(match found {
                Found::Packet(packet) => Some(Sample {
                    agreed: connections.learn(&place, packet.view()).agreed,
                    packet,
                }),
                Found::Illegal(_) => None,
                Found::Problem(problem) => panic!("{}: {problem}", path.display()),
            });
        });
    };
    while let Some(frame) = frames.next_frame().expect("a whole capture") {
        let capture::Packet::Tcp(segment) = capture::Packet::from_frame(&frame) else {
            panic!(
                "{}: frame {} is no TCP segment",
                path.display(),
                frame.number
            );
        };
        segments.push(frame.time_ns, &segment, &mut sink);
    }
    segments.finish(&mut sink);
    samples
}

/// Packets that this crate writes: every message, with values by hand and with random ones.
pub(crate) fn written() -> Vec<Sample> {
    /// Writes a message that the bytes stand for, if they do and it can be written.
    type Write = fn(&mut Unstructured<'_>, &mut Vec<u8>) -> Option<()>;
    macro_rules! of {
        ($Message:ident: $Side:ident where $is_one:ident) => {{
            let write: Write = |bytes, dst| $Message::arbitrary(bytes).ok()?.encode(dst).ok();
            let is_one: fn(Magic) -> bool = |magic| magic.$is_one();
            let commands: Vec<_> = $Message::OPCODES
                .iter()
                .copied()
                .map(Command::$Side)
                .collect();
            (commands, is_one, write)
        }};
    }
    let mut samples: Vec<_> = examples::packets().iter().map(|it| sample(it)).collect();
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    for (commands, is_one, write) in [
        of!(DcpRequest: Client where is_client_request),
        of!(DcpResponse: Client where is_client_response),
        of!(KvRequest: Client where is_client_request),
        of!(KvResponse: Client where is_client_response),
        of!(ServerRequest: Server where is_server_request),
        of!(ServerResponse: Server where is_server_response),
    ] {
        for _ in 0..commands.len() * RANDOM_VALUES {
            let mut bytes = vec![0; 16 + rng.next_u32() as usize % 400];
            rng.fill_bytes(&mut bytes);
            let mut packet = Vec::new();
            if write(&mut Unstructured::new(&bytes), &mut packet).is_some() {
                let mut sample = sample(&packet);
                // Random bytes are neither a Snappy block nor extended attributes.
                let datatype = sample.packet.header().datatype();
                let plain = datatype - (Datatype::SNAPPY | Datatype::XATTR);
                sample.packet.set_datatype(plain);
                samples.push(sample);
            }
        }
        for command in commands {
            let headers = samples.iter().map(|sample| sample.packet.header());
            let mut ones = headers.filter(|header| is_one(header.magic()));
            let there = ones.any(|header| header.command() == command);
            assert!(there, "no value of {command}");
        }
    }
    samples
}

/// So many random values of each message, of which some cannot be written.
const RANDOM_VALUES: usize = 40;

fn sample(packet: &[u8]) -> Sample {
    let (packet, rest) = Packet::split_first(packet)
        .expect("a packet")
        .expect("a whole packet");
    assert!(rest.is_empty(), "bytes behind {packet:?}");
    let body = Bytes::copy_from_slice(packet.body());
    Sample {
        packet: Packet::new(*packet.header(), body).expect("of this length"),
        agreed: Agreed {
            collections: Collections::Negotiated,
            ..Agreed::default()
        },
    }
}

/// A capture of a connection over which these packets go, each in segments of its own.
pub(crate) fn capture(samples: &[Sample]) -> Vec<u8> {
    let mut capture = Vec::new();
    // Magic, version, time zone and accuracy, snap length, Ethernet.
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, u32::MAX >> 1, 1] {
        capture.extend(word.to_le_bytes());
    }
    let mut next_seq = [1; 2];
    for sample in samples {
        let mut bytes = Vec::new();
        sample.packet.encode(&mut bytes).expect("room");
        let from_server = matches!(
            sample.packet.header().magic(),
            Magic::ClientResponse | Magic::AltClientResponse | Magic::ServerRequest
        );
        let sender = usize::from(from_server);
        for segment in bytes.chunks(1 << 14) {
            push_frame(&mut capture, sender, next_seq, segment);
            next_seq[sender] += u32::try_from(segment.len()).expect("a short segment");
        }
    }
    capture
}

/// The port that dissectors know the server by, and that of the client.
const PORTS: [u16; 2] = [40_000, 11_210];

fn push_frame(capture: &mut Vec<u8>, sender: usize, next_seq: [u32; 2], payload: &[u8]) {
    let receiver = 1 - sender;
    let address = |end| [127, 0, 0, 1 + u8::from(end == 1)];
    let mut frame = Vec::new();
    PacketBuilder::ethernet2([2; 6], [2; 6])
        .ipv4(address(sender), address(receiver), 64)
        .tcp(PORTS[sender], PORTS[receiver], next_seq[sender], u16::MAX)
        .ack(next_seq[receiver])
        .psh()
        .write(&mut frame, payload)
        .expect("room");
    let len = u32::try_from(frame.len()).expect("a short frame");
    for word in [0, 0, len, len] {
        capture.extend(word.to_le_bytes());
    }
    capture.extend(frame);
}
