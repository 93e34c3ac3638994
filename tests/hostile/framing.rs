//! Streams: lengths that lie, bytes that trickle, packets without number.

use bytes::{BufMut, BytesMut};
use mcbp::{Decoder, FrameError, Magic, Opcode, Packet};

use crate::common::{Frame, packet};
use crate::memory::{tally, without_memory};

const MAGICS: [u8; 6] = [0x80, 0x81, 0x08, 0x18, 0x82, 0x83];

/// A header without a body, and the length of one.
fn header(magic: u8, body_len: u32) -> Vec<u8> {
    let mut header = Frame::new(magic, Opcode::DCP_MUTATION.0).bytes();
    header[8..12].copy_from_slice(&body_len.to_be_bytes());
    header
}

/// What the decoder takes off the stream, one packet or all; an error, or how many.
fn take(
    decoder: &mut Decoder,
    stream: &mut BytesMut,
    in_batches: bool,
) -> Result<usize, FrameError> {
    if in_batches {
        decoder
            .decode_batch(stream)
            .map(|batch| batch.iter().count())
    } else {
        decoder.decode(stream).map(|packet| packet.iter().count())
    }
}

#[test]
fn a_body_of_4_gib_is_refused_with_its_header() {
    for magic in MAGICS {
        let header = header(magic, u32::MAX);
        for in_batches in [false, true] {
            let mut decoder = Decoder::default();
            let mut stream = BytesMut::from(&header[..]);
            let refused = without_memory(|| take(&mut decoder, &mut stream, in_batches));
            let limit = Decoder::DEFAULT_MAX_BODY_LEN;
            let body = u32::MAX;
            assert_eq!(refused, Err(FrameError::BodyTooLong { body, limit }));
            assert_eq!(stream, header);
        }
        // Where there is no limit, there is nothing to reserve either.
        assert_eq!(without_memory(|| Packet::split_first(&header)), Ok(None));
    }
}

#[test]
fn a_body_of_4_gib_that_is_allowed_takes_memory_as_it_comes() {
    for in_batches in [false, true] {
        let header = header(0x80, u32::MAX);
        let (taken, arrived) = tally(|| {
            let mut decoder = Decoder::new(u32::MAX);
            let mut stream = BytesMut::from(&header[..]);
            for _ in 0..100 {
                assert_eq!(take(&mut decoder, &mut stream, in_batches), Ok(0));
                stream.put_bytes(0xa5, 10_000);
            }
            stream.len()
        });
        // As much again as has arrived, by a buffer that doubles, beside the one that it replaces.
        let most = 6 * (arrived + 4096);
        assert!(taken.peak <= most as isize, "{} bytes", taken.peak);
    }
}

#[test]
fn sections_that_exceed_the_body_are_refused_at_every_length() {
    for magic in MAGICS {
        let mut frame = Frame::new(magic, Opcode::DCP_MUTATION.0);
        let has_framing_extras = frame.has_framing_extras();
        frame.extras = vec![7; 255];
        frame.key = vec![7; if has_framing_extras { 255 } else { 65_535 }];
        frame.framing_extras = vec![0; if has_framing_extras { 255 } else { 0 }];
        let sections = frame.body().len() as u32;
        let mut bytes = frame.bytes();
        for body in (0..300).chain(sections - 300..sections) {
            bytes[8..12].copy_from_slice(&body.to_be_bytes());
            let error = FrameError::SectionsExceedBody { sections, body };
            let mut stream = BytesMut::from(&bytes[..24]);
            let mut decoder = Decoder::default();
            without_memory(|| {
                assert_eq!(Packet::split_first(&bytes).err(), Some(error));
                assert_eq!(decoder.decode(&mut stream).err(), Some(error));
                assert_eq!(decoder.decode_batch(&mut stream).err(), Some(error));
            });
        }
        bytes[8..12].copy_from_slice(&sections.to_be_bytes());
        assert_eq!(packet(&bytes).sections().key.len(), frame.key.len());
        // A value as long as the header can say it, and more than is there.
        bytes[8..12].copy_from_slice(&(sections + 1).to_be_bytes());
        assert_eq!(Packet::split_first(&bytes), Ok(None));
    }
}

#[test]
fn one_byte_at_a_time_is_slow_but_costs_no_more() {
    let mut frame = Frame::new(0x80, Opcode::DCP_MUTATION.0);
    frame.extras = vec![1; 31];
    frame.key = b"key".to_vec();
    let mut bytes = Vec::new();
    for value in [0, 1, 100_000, 5, 200_000, 23] {
        frame.value = vec![value as u8; value];
        bytes.extend(frame.bytes());
    }
    for in_batches in [false, true] {
        let (taken, packets) = tally(|| {
            let mut decoder = Decoder::default();
            let mut stream = BytesMut::new();
            let mut packets = 0;
            for &byte in &bytes {
                stream.put_u8(byte);
                packets += take(&mut decoder, &mut stream, in_batches).expect("no error");
            }
            assert_eq!(decoder.position(), bytes.len() as u64);
            packets
        });
        assert_eq!(packets, 6);
        // Room doubles: it is not asked for again and again.
        assert!(taken.count < 60, "{} allocations", taken.count);
        assert!(taken.peak <= 3 * 200_100, "{} bytes", taken.peak);
    }
}

#[test]
fn a_million_tiny_packets_take_no_more_memory_than_one_read() {
    const COUNT: usize = 1_000_000;
    const READ: usize = 64 << 10;
    let noops = Frame::new(0x80, Opcode::DCP_NOOP.0).bytes().repeat(10_000);
    for in_batches in [false, true] {
        let (taken, packets) = tally(|| {
            let mut decoder = Decoder::default();
            let mut stream = BytesMut::new();
            let mut packets = 0;
            for read in (0..COUNT / 10_000).flat_map(|_| noops.chunks(READ)) {
                stream.extend_from_slice(read);
                loop {
                    match take(&mut decoder, &mut stream, in_batches) {
                        Ok(0) => break,
                        Ok(taken) => packets += taken,
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            packets
        });
        assert_eq!(packets, COUNT);
        assert!(taken.peak <= 4 * READ as isize, "{} bytes", taken.peak);
    }
    let block = noops.repeat(COUNT / 10_000);
    let found = without_memory(|| Packet::iter(&block).map_while(Result::ok).count());
    assert_eq!(found, COUNT);
}

#[test]
fn magics_may_be_interleaved() {
    let mut bytes = Vec::new();
    for round in 0..36 {
        // Each after each, also after itself.
        for magic in [MAGICS[round / 6], MAGICS[round % 6]] {
            let mut frame = Frame::new(magic, round as u8);
            frame.key = vec![7; round];
            frame.extras = vec![8; 255 - round];
            if frame.has_framing_extras() {
                frame.framing_extras = vec![0; 3 * round];
            }
            frame.value = vec![9; round];
            bytes.push(frame.bytes());
        }
    }
    let stream = bytes.concat();
    for read in [1, 7, 24, 1000, stream.len()] {
        for in_batches in [false, true] {
            let mut decoder = Decoder::default();
            let mut buffer = BytesMut::new();
            let mut written = Vec::new();
            for read in stream.chunks(read) {
                buffer.extend_from_slice(read);
                if in_batches {
                    let batch = decoder.decode_batch(&mut buffer).expect("no error");
                    for packet in batch.iter() {
                        packet.encode(&mut written).expect("as it was");
                    }
                } else {
                    while let Some(packet) = decoder.decode(&mut buffer).expect("no error") {
                        packet.encode(&mut written).expect("as it was");
                    }
                }
            }
            assert_eq!(written, stream);
        }
    }
    let packets = Packet::iter(&stream).map(|packet| packet.expect("a packet"));
    for (packet, bytes) in packets.zip(&bytes) {
        let round = usize::from(bytes[1]);
        let sections = packet.into_sections();
        let magic = packet.header().magic();
        assert_eq!(magic, Magic::from_byte(bytes[0]).expect("a magic"));
        let framing_extras = if magic.has_framing_extras() {
            3 * round
        } else {
            0
        };
        assert_eq!(sections.framing_extras, vec![0; framing_extras]);
        assert_eq!(sections.extras, vec![8; 255 - round]);
        assert_eq!(sections.key.expose(), vec![7; round]);
        assert_eq!(sections.value.expose(), vec![9; round]);
    }
}

#[test]
fn no_other_byte_is_a_magic() {
    let noop = Frame::new(0x80, Opcode::DCP_NOOP.0).bytes();
    for byte in (0..=u8::MAX).filter(|byte| !MAGICS.contains(byte)) {
        // The first byte is enough to tell.
        let mut stream = BytesMut::from(&noop[..]);
        stream.put_u8(byte);
        let mut decoder = Decoder::default();
        let batch = decoder.decode_batch(&mut stream).expect("a packet");
        assert_eq!(batch.iter().count(), 1);
        let error = FrameError::UnknownMagic(byte);
        assert_eq!(decoder.decode(&mut stream), Err(error));
        assert_eq!(decoder.position(), 24);
    }
}

#[test]
fn a_decoder_that_met_an_error_stays_in_it() {
    let noop = Frame::new(0x80, Opcode::DCP_NOOP.0).bytes();
    let mut sections = noop.clone();
    sections[4] = 1;
    let bad = [
        (vec![0x42], FrameError::UnknownMagic(0x42)),
        (
            sections,
            FrameError::SectionsExceedBody {
                sections: 1,
                body: 0,
            },
        ),
        (
            header(0x80, 1001),
            FrameError::BodyTooLong {
                body: 1001,
                limit: 1000,
            },
        ),
    ];
    for (bad, error) in bad {
        for in_batches in [false, true] {
            let mut decoder = Decoder::new(1000);
            let mut stream = BytesMut::from(&noop[..]);
            assert_eq!(take(&mut decoder, &mut stream, in_batches), Ok(1));
            stream.extend_from_slice(&bad);
            assert_eq!(take(&mut decoder, &mut stream, in_batches), Err(error));
            assert_eq!(stream, bad);
            // Neither more bytes nor others heal it, nor is there a way around by a clone.
            let mut same = decoder.clone();
            for also_good in [&noop[..], &[], &noop] {
                stream.extend_from_slice(also_good);
                let before = stream.clone();
                for decoder in [&mut decoder, &mut same] {
                    assert_eq!(decoder.decode(&mut stream).err(), Some(error));
                    assert_eq!(decoder.decode_batch(&mut stream).err(), Some(error));
                    assert_eq!(decoder.position(), 24);
                }
                assert_eq!(stream, before);
                stream.clear();
            }
        }
    }
}
