#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

mod legacy;
mod pcapng;

use std::io::{self, Read};

use proptest::prelude::*;

use super::{CaptureError, FrameReader, MAX_BLOCK_LEN};

/// A frame without borrowing: time, link type, data, original length.
type Owned = (Option<u64>, i32, Vec<u8>, u32);

/// All frames, and the error after them.
fn read(input: impl Read) -> (Vec<Owned>, Option<CaptureError>) {
    let mut frames = Vec::new();
    let mut reader = match FrameReader::new(input) {
        Ok(reader) => reader,
        Err(err) => return (frames, Some(err)),
    };
    let mut end = 0;
    let err = loop {
        match reader.next_frame() {
            Ok(Some(frame)) => {
                assert_eq!(frame.number, frames.len() as u64 + 1);
                assert!(frame.offset >= end);
                let (time, len) = (frame.time_ns, frame.original_len);
                frames.push((time, frame.link_type.0, frame.data.to_vec(), len));
                end = frame.offset + frame.data.len() as u64;
                assert!(reader.bytes_consumed() >= end);
            }
            Ok(None) => break None,
            Err(err) => break Some(err),
        }
    };
    assert!(
        matches!(reader.next_frame(), Ok(None)),
        "nothing after the end"
    );
    (frames, err)
}

/// As [`read`], without an error.
fn read_all(input: impl Read) -> Vec<Owned> {
    let (frames, err) = read(input);
    assert!(err.is_none(), "{err:?}");
    frames
}

/// Delivers one byte at a time, and is interrupted before each.
struct Trickle<'a>(&'a [u8], bool);

impl Read for Trickle<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let len = buf.len().min(1);
        self.0.read(&mut buf[..len])
    }
}

/// Cuts a capture off at every byte. `blocks` are the offsets where blocks begin, with the end as
/// the last; `frames_before` tells how many frames precede each.
fn cut_off_everywhere(capture: &[u8], blocks: &[usize], frames_before: &[usize]) {
    for len in 0..=capture.len() {
        let (frames, err) = read(Trickle(&capture[..len], false));
        let block = blocks.partition_point(|&offset| offset <= len) - 1;
        assert_eq!(frames.len(), frames_before[block], "cut off at {len}");
        match err {
            None => assert!(block > 0 && blocks[block] == len, "cut off at {len}"),
            Some(CaptureError::NotACapture) => assert!(len < 4),
            Some(CaptureError::Truncated { frame, offset }) => {
                assert_eq!(frame, frames.len() as u64 + 1);
                assert_eq!(offset, blocks[block] as u64);
            }
            Some(err) => panic!("cut off at {len}: {err:?}"),
        }
    }
}

/// Changes any byte of a capture: errors are fine, as long as they are none in here.
fn corrupt_everywhere(capture: &[u8]) {
    for index in 0..capture.len() {
        for value in [0x00, 0x01, 0x0A, 0x7F, 0x80, 0xFF] {
            let mut corrupted = capture.to_vec();
            corrupted[index] = value;
            let _ = read(corrupted.as_slice());
        }
    }
}

#[test]
fn anything_else_is_no_capture() {
    let others = [
        b"".as_slice(),
        b"\n",
        b"\x1F\x8B\x08\0",
        &[0; 100],
        b"\n\r\r\n but then text",
    ];
    for input in others {
        let (frames, err) = read(input);
        assert!(frames.is_empty());
        assert!(matches!(err, Some(CaptureError::NotACapture)), "{err:?}");
    }
}

#[test]
fn errors_of_the_input_are_passed_on() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("disk on fire"))
        }
    }
    let capture = legacy::capture(false, true);
    let (frames, err) = read(capture.as_slice().chain(Broken));
    assert_eq!(frames.len(), 2);
    let Some(CaptureError::Io { offset, source }) = err else {
        panic!("{err:?}")
    };
    assert_eq!(offset, capture.len() as u64);
    assert_eq!(source.to_string(), "disk on fire");
}

#[test]
fn errors_say_where_they_are() {
    let err = CaptureError::Truncated {
        frame: 3,
        offset: 120,
    };
    assert_eq!(
        err.to_string(),
        "capture is cut off: it ends inside of the block at byte 120 (frame 3)"
    );
}

proptest! {
    #[test]
    fn whatever_follows_the_magic_is_harmless(
        magic in 0_usize..5,
        rest in proptest::collection::vec(prop_oneof![Just(0_u8), 0_u8..16, any::<u8>()], 0..300),
    ) {
        let magic = [
            [0xA1, 0xB2, 0xC3, 0xD4].as_slice(),
            &[0xD4, 0xC3, 0xB2, 0xA1],
            &[0x34, 0xCD, 0xB2, 0xA1],
            &[0x0A, 0x0D, 0x0D, 0x0A],
            &[0x0A, 0x0D, 0x0D, 0x0A, 28, 0, 0, 0, 0x4D, 0x3C, 0x2B, 0x1A],
        ][magic];
        let _ = read([magic, &rest].concat().as_slice());
    }
}

#[test]
fn a_claimed_length_costs_no_memory() {
    let mut capture = legacy::capture(false, false);
    let whole = capture.len();
    capture.extend([0; 8]);
    capture.extend((MAX_BLOCK_LEN as u32 - 16).to_le_bytes());
    capture.extend([0; 50]);
    let mut reader = FrameReader::new(capture.as_slice()).unwrap();
    while reader.block.offset() < whole as u64 {
        let _ = reader.next_frame();
    }
    assert_eq!(reader.bytes_consumed(), capture.len() as u64);
    assert!(reader.block.capacity() < 1 << 20);
}

#[test]
fn the_memory_of_a_large_block_is_given_back() {
    let mut capture = legacy::file_header(false, false);
    for len in [3 << 20, 10] {
        capture.extend(legacy::record(false, 0, 0, &vec![7; len], len as u32));
    }
    let mut reader = FrameReader::new(capture.as_slice()).unwrap();
    assert_eq!(reader.next_frame().unwrap().unwrap().data.len(), 3 << 20);
    assert!(reader.block.capacity() >= 3 << 20);
    assert_eq!(reader.next_frame().unwrap().unwrap().data, [7; 10]);
    assert!(reader.block.capacity() < 1 << 20);
}
