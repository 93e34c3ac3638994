use super::*;

/// A number in the byte order of the file.
fn word(big_endian: bool, value: u32) -> [u8; 4] {
    if big_endian {
        value.to_be_bytes()
    } else {
        value.to_le_bytes()
    }
}

pub(super) fn file_header(big_endian: bool, nanoseconds: bool) -> Vec<u8> {
    let magic = if nanoseconds {
        0xA1B2_3C4D
    } else {
        0xA1B2_C3D4
    };
    let version = if big_endian { 0x0002_0004 } else { 0x0004_0002 };
    // The upper half of the link type claims a frame check sequence.
    let words = [magic, version, 0, 0, 65535, 0x2400_0001];
    words
        .into_iter()
        .flat_map(|value| word(big_endian, value))
        .collect()
}

pub(super) fn record(big_endian: bool, sec: u32, fraction: u32, data: &[u8], len: u32) -> Vec<u8> {
    let words = [sec, fraction, data.len() as u32, len];
    let mut record: Vec<_> = words
        .into_iter()
        .flat_map(|value| word(big_endian, value))
        .collect();
    record.extend(data);
    record
}

/// Two frames: one whole, one cut off.
pub(super) fn capture(big_endian: bool, nanoseconds: bool) -> Vec<u8> {
    let mut capture = file_header(big_endian, nanoseconds);
    capture.extend(record(big_endian, 1_700_000_000, 123_456, b"first", 5));
    capture.extend(record(big_endian, u32::MAX, 999_999, b"sec", 2000));
    capture
}

#[test]
fn all_byte_orders_and_resolutions() {
    for big_endian in [false, true] {
        for (nanoseconds, scale) in [(false, 1000), (true, 1)] {
            let capture = capture(big_endian, nanoseconds);
            let expected = [
                (
                    Some(1_700_000_000_000_000_000 + 123_456 * scale),
                    1,
                    b"first".to_vec(),
                    5,
                ),
                (
                    Some(4_294_967_295_000_000_000 + 999_999 * scale),
                    1,
                    b"sec".to_vec(),
                    2000,
                ),
            ];
            assert_eq!(read_all(capture.as_slice()), expected);
            assert_eq!(read_all(Trickle(&capture, false)), expected);
        }
    }
}

#[test]
fn records_of_the_modified_format() {
    let mut capture = file_header(false, false);
    capture[..4].copy_from_slice(&0xA1B2_CD34_u32.to_le_bytes());
    for data in [b"first".as_slice(), b"second"] {
        let mut record = record(false, 1, 2, data, data.len() as u32);
        record.splice(16..16, [0; 8]);
        capture.extend(record);
    }
    let frames = read_all(capture.as_slice());
    assert_eq!(frames[1], (Some(1_000_002_000), 1, b"second".to_vec(), 6));
}

#[test]
fn frames_tell_their_place() {
    let capture = capture(true, true);
    let mut reader = FrameReader::new(capture.as_slice()).unwrap();
    assert_eq!(reader.bytes_consumed(), 24);
    let frame = reader.next_frame().unwrap().unwrap();
    assert_eq!((frame.number, frame.offset), (1, 24));
    assert_eq!(reader.bytes_consumed(), 45);
    let frame = reader.next_frame().unwrap().unwrap();
    assert_eq!((frame.number, frame.offset), (2, 45));
    assert!(reader.next_frame().unwrap().is_none());
    assert_eq!(reader.bytes_consumed(), capture.len() as u64);
}

#[test]
fn no_frames() {
    assert_eq!(read_all(file_header(false, false).as_slice()), []);
}

#[test]
fn cut_off() {
    for big_endian in [false, true] {
        cut_off_everywhere(&capture(big_endian, true), &[0, 24, 45, 64], &[0, 0, 1, 2]);
    }
}

#[test]
fn corrupted() {
    corrupt_everywhere(&capture(false, false));
}

#[test]
fn a_corrupted_length() {
    let mut capture = capture(true, false);
    capture[45 + 8] = 0xFF;
    let (frames, err) = read(capture.as_slice());
    assert_eq!(frames.len(), 1);
    assert!(
        matches!(
            err,
            Some(CaptureError::Corrupted {
                frame: 2,
                offset: 45,
                ..
            })
        ),
        "{err:?}"
    );
}
