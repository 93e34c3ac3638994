#![allow(clippy::arithmetic_side_effects, reason = "tests")]

//! The three steps together.

use etherparse::PacketBuilder;

use super::*;

/// A pcap with Ethernet frames: sender, sequence number, payload.
fn pcap(segments: &[(u8, u32, &[u8])]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xA1B2_C3D4_u32, 0x0004_0002, 0, 0, 65535, 1] {
        file.extend(word.to_le_bytes());
    }
    for &(sender, seq, payload) in segments {
        let mut frame = Vec::new();
        PacketBuilder::ethernet2([1; 6], [2; 6])
            .ipv4([10, 0, 0, sender], [10, 0, 0, 3 - sender], 64)
            .tcp(sender.into(), 3 - u16::from(sender), seq, 1024)
            .write(&mut frame, payload)
            .unwrap();
        let len = u32::try_from(frame.len()).unwrap();
        for word in [5, 0, len, len] {
            file.extend(word.to_le_bytes());
        }
        file.extend(frame);
    }
    file
}

#[test]
fn from_a_file_to_streams() {
    let file = pcap(&[
        (1, 10, b"ab"),
        (2, 90, b"XY"),
        (1, 14, b"ef"),
        (1, 12, b"cd"),
        (2, 93, b"Z"),
    ]);
    let mut frames = FrameReader::new(file.as_slice()).unwrap();
    let mut streams = Reassembler::default();
    let mut out = Vec::new();
    let mut sink = |event: Event<'_>| {
        let what = match event.kind {
            EventKind::Data(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            other => format!("{other:?}"),
        };
        out.push(format!("{} {} {what}", event.connection, event.source));
    };
    while let Some(frame) = frames.next_frame().unwrap() {
        let Packet::Tcp(segment) = Packet::from_frame(&frame) else {
            panic!("{frame:?}")
        };
        streams.push(frame.time_ns, &segment, &mut sink);
    }
    streams.finish(&mut sink);
    assert_eq!(
        out,
        [
            "1 10.0.0.1:1 ab",
            "1 10.0.0.2:2 XY",
            "1 10.0.0.1:1 cd",
            "1 10.0.0.1:1 ef",
            "1 10.0.0.1:1 End { reason: EndOfCapture }",
            "1 10.0.0.2:2 Gap { len: 1 }",
            "1 10.0.0.2:2 Z",
            "1 10.0.0.2:2 End { reason: EndOfCapture }",
        ]
    );
}
