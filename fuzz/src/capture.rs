//! What must hold of `mcbp dump`: a crate of its own reads captures.

use std::io::{self, Read};

use mcbp::Packet;
use mcbp_cli::capture::{self, FrameReader, Reassembler};
use mcbp_cli::dump::{self, Format, Options};
use mcbp_cli::framing::{Found, Framing};

/// Whatever a capture file holds, it is printed or refused, the same in any number of reads, and as
/// far as it goes if it is cut off; a stream of packets is found in it however TCP has cut,
/// repeated and shuffled it.
///
/// `data` is a byte that chooses between a file and a stream. A file follows as it is, behind a
/// byte that chooses how much of it is cut off. A stream follows behind a plan and its length.
pub fn capture(data: &[u8]) {
    match *data {
        [choice, cut, ref file @ ..] if choice & 1 == 0 => {
            for format in [Format::Text, Format::Colour, Format::Json, Format::Summary] {
                let printed = printed(file, format);
                assert_eq!(self::printed(OneByOne(file), format), printed);
            }
            let kept = file.len() * usize::from(cut) / 256;
            assert!(frames(file).starts_with(&frames(&file[..kept])));
        }
        [_, plan_len, ref data @ ..] => {
            let (plan, stream) = data
                .split_at_checked(plan_len.into())
                .unwrap_or((&[], data));
            in_any_segments(plan, stream);
        }
        _ => {}
    }
}

/// A reader that gives one byte at a time, as a pipe may.
struct OneByOne<'a>(&'a [u8]);

impl Read for OneByOne<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer.len().min(1);
        self.0.read(&mut buffer[..len])
    }
}

/// What is printed of a capture, problems included, and what comes of it.
fn printed(file: impl Read, format: Format) -> (Vec<u8>, Vec<u8>, String) {
    let options = Options {
        format,
        unredacted: true,
        ..Options::default()
    };
    let (mut out, mut problems) = (Vec::new(), Vec::new());
    let outcome = dump::capture(file, &options, &mut out, &mut problems);
    (out, problems, format!("{outcome:?}"))
}

/// The frames of a capture, as text.
fn frames(file: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let Ok(mut frames) = FrameReader::new(file) else {
        return found;
    };
    while let Ok(Some(frame)) = frames.next_frame() {
        found.push(format!("{frame:?}"));
    }
    found
}

/// The whole packets that `stream` begins with are found in every capture of it.
///
/// A byte of the plan is a segment: how long it is, whether it is sent again, and how late.
fn in_any_segments(plan: &[u8], stream: &[u8]) {
    let packets = Packet::iter(stream).map_while(Result::ok);
    let len = packets
        .clone()
        .map(|packet| packet.header().packet_len())
        .sum();
    let expected: Vec<_> = packets.map(|packet| shown(&packet.view())).collect();
    let stream: &[u8] = &stream[..len];

    let mut segments = Vec::new();
    let mut start = 0;
    for &step in plan.iter().chain(core::iter::repeat(&u8::MAX)) {
        if start == stream.len() {
            break;
        }
        let (len, late, again) = (step & 0x1f, step >> 5 & 3, step >> 7 == 1);
        let len = (usize::from(len).pow(2) + 1).min(stream.len() - start);
        let end = start + len;
        segments.push((segments.len() + 2 * usize::from(late), start, end));
        if again {
            // With some of what is before it.
            let before = start.saturating_sub(usize::from(late) * 10);
            segments.push((segments.len() + 5, before, end));
        }
        start = end;
    }
    let in_order = [(0, 0, stream.len())];
    let whole = found_in(&capture_of(stream, &in_order));
    // What does not look like the protocol is none of its business, and looks the same in pieces.
    assert!(whole.is_empty() || whole == expected, "{whole:?}");
    segments.sort_unstable();
    assert_eq!(found_in(&capture_of(stream, &segments)), whole);
}

/// A packet, with its body.
fn shown(packet: &Packet<&[u8]>) -> String {
    format!("{packet:?} {:?}", packet.body())
}

/// The packets that are found in a capture; it has no problems.
fn found_in(file: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut framing = Framing::default();
    let mut segments = Reassembler::default();
    let mut sink = |event: capture::Event<'_>| {
        framing.push(&event, &mut |_, it| match it {
            Found::Packet(packet) => found.push(shown(&packet.view())),
            other => panic!("{other:?}"),
        });
    };
    let mut frames = FrameReader::new(file).expect("a capture");
    while let Some(frame) = frames.next_frame().expect("a whole capture") {
        match capture::Packet::from_frame(&frame) {
            capture::Packet::Tcp(segment) => segments.push(frame.time_ns, &segment, &mut sink),
            other => panic!("{other:?}"),
        }
    }
    segments.finish(&mut sink);
    found
}

/// A pcap file of raw IPv4: a SYN, and these segments of the stream, the last byte with a FIN.
fn capture_of(stream: &[u8], segments: &[(usize, usize, usize)]) -> Vec<u8> {
    const ISN: u32 = u32::MAX - 100;
    let mut file = Vec::new();
    for field in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 0x4_0000, 101] {
        file.extend(field.to_le_bytes());
    }
    frame(&mut file, ISN, 0x02, &[]);
    for &(_, start, end) in segments {
        let seq = ISN.wrapping_add(1).wrapping_add(start as u32);
        let fin = u8::from(end == stream.len());
        for (at, part) in (start..)
            .step_by(0x4000)
            .zip(stream[start..end].chunks(0x4000))
        {
            let is_last = at + part.len() == end;
            let seq = seq.wrapping_add((at - start) as u32);
            frame(&mut file, seq, 0x08 | if is_last { fin } else { 0 }, part);
        }
    }
    file
}

/// Appends a segment from the one who has opened the connection.
fn frame(file: &mut Vec<u8>, seq: u32, flags: u8, payload: &[u8]) {
    let len = 40 + payload.len() as u32;
    for field in [0, 0, len, len] {
        file.extend(field.to_le_bytes());
    }
    file.extend([0x45, 0]);
    file.extend((len as u16).to_be_bytes());
    file.extend([0, 0, 0, 0, 64, 6, 0, 0]);
    file.extend([10, 0, 0, 1, 10, 0, 0, 2]);
    file.extend([0xc0, 0, 0x2b, 0xca]);
    file.extend(seq.to_be_bytes());
    file.extend([0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    file.extend(payload);
}
