use super::*;

/// Builds a capture block by block.
#[derive(Clone)]
struct Writer {
    big_endian: bool,
    bytes: Vec<u8>,
    /// Where the blocks begin, and the end of the last.
    blocks: Vec<usize>,
    /// How many frames precede each of them.
    frames: Vec<usize>,
}

impl Writer {
    fn new(big_endian: bool) -> Self {
        let writer = Self {
            big_endian,
            bytes: Vec::new(),
            blocks: vec![0],
            frames: vec![0],
        };
        writer.section(big_endian)
    }

    fn u16(&self, value: u16) -> [u8; 2] {
        if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn u32(&self, value: u32) -> [u8; 4] {
        if self.big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn words(&self, values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|&value| self.u32(value)).collect()
    }

    fn block(mut self, kind: u32, body: &[u8]) -> Self {
        let padded = body.len().next_multiple_of(4);
        let len = self.u32(padded as u32 + 12);
        self.bytes.extend(self.u32(kind));
        self.bytes.extend(len);
        self.bytes.extend(body);
        self.bytes.extend(vec![0; padded - body.len()]);
        self.bytes.extend(len);
        self.blocks.push(self.bytes.len());
        let frames = self.frames[self.frames.len() - 1];
        self.frames
            .push(frames + usize::from(matches!(kind, 2 | 3 | 6)));
        self
    }

    fn section(mut self, big_endian: bool) -> Self {
        self.big_endian = big_endian;
        let mut body = self.words(&[0x1A2B_3C4D]);
        body.extend(self.u16(1));
        body.extend(self.u16(0));
        body.extend([0xFF; 8]);
        self.block(0x0A0D_0D0A, &body)
    }

    fn interface(self, link_type: u16, snap_len: u32, options: &[(u16, &[u8])]) -> Self {
        let mut body = [self.u16(link_type), [0; 2]].concat();
        body.extend(self.u32(snap_len));
        for &(code, value) in options {
            body.extend(self.u16(code));
            body.extend(self.u16(value.len() as u16));
            body.extend(value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        self.block(1, &body)
    }

    fn enhanced(self, interface: u32, ticks: u64, data: &[u8], len: u32) -> Self {
        let fields = [
            interface,
            (ticks >> 32) as u32,
            ticks as u32,
            data.len() as u32,
            len,
        ];
        let mut body = self.words(&fields);
        body.extend(data);
        self.block(6, &body)
    }

    fn simple(self, data: &[u8], len: u32) -> Self {
        let body = [self.u32(len).as_slice(), data].concat();
        self.block(3, &body)
    }

    fn obsolete(self, interface: u16, ticks: u64, data: &[u8], len: u32) -> Self {
        let mut body = [self.u16(interface), [0xFF; 2]].concat();
        body.extend(self.words(&[(ticks >> 32) as u32, ticks as u32, data.len() as u32, len]));
        body.extend(data);
        self.block(2, &body)
    }
}

/// A capture with everything in it.
fn capture(big_endian: bool) -> Writer {
    let offset = -3_i64;
    let offset = if big_endian {
        offset.to_be_bytes()
    } else {
        offset.to_le_bytes()
    };
    Writer::new(big_endian)
        .interface(1, 0, &[])
        .block(5, &[0; 12])
        .interface(101, 96, &[(9, &[9]), (14, &offset)])
        .enhanced(0, 1_700_000_000_123_456, b"micro", 5)
        .enhanced(1, 1_700_000_000_123_456_789, b"nano", 1000)
        .simple(b"simple", 6)
        .obsolete(1, 5_000_000_000, b"obsolete", 8)
        .section(!big_endian)
        .interface(113, 4, &[(9, &[0x80 | 10])])
        .enhanced(0, 3 << 9, b"binary", 6)
        .simple(b"cuto", 7)
}

fn frames() -> Vec<Owned> {
    vec![
        (Some(1_700_000_000_123_456_000), 1, b"micro".to_vec(), 5),
        (Some(1_699_999_997_123_456_789), 101, b"nano".to_vec(), 1000),
        (None, 1, b"simple".to_vec(), 6),
        (Some(2_000_000_000), 101, b"obsolete".to_vec(), 8),
        (Some(1_500_000_000), 113, b"binary".to_vec(), 6),
        (None, 113, b"cuto".to_vec(), 7),
    ]
}

#[test]
fn all_kinds_of_blocks_in_both_byte_orders() {
    for big_endian in [false, true] {
        let capture = capture(big_endian).bytes;
        assert_eq!(read_all(capture.as_slice()), frames());
        assert_eq!(read_all(Trickle(&capture, false)), frames());
    }
}

#[test]
fn cut_off() {
    for big_endian in [false, true] {
        let Writer {
            bytes,
            blocks,
            frames,
            ..
        } = capture(big_endian);
        cut_off_everywhere(&bytes, &blocks, &frames);
    }
}

#[test]
fn corrupted() {
    corrupt_everywhere(&capture(false).bytes);
    corrupt_everywhere(&capture(true).bytes);
}

#[test]
fn times_out_of_range() {
    let time = |resolution: u8, offset: i64, ticks| {
        let offset = offset.to_le_bytes();
        let options: [(u16, &[u8]); 2] = [(9, &[resolution]), (14, &offset)];
        let capture = Writer::new(false)
            .interface(1, 0, &options)
            .enhanced(0, ticks, b"", 0);
        read_all(capture.bytes.as_slice())[0].0.unwrap()
    };
    assert_eq!(time(0, 0, 2), 2_000_000_000);
    assert_eq!(time(12, 0, 2_500), 2);
    assert_eq!(time(6, -5, 4_000_000), 0);
    assert_eq!(time(0, i64::MAX, u64::MAX), u64::MAX);
    assert_eq!(time(127, 1, u64::MAX), 1_000_000_000);
    assert_eq!(time(0xFF, 1, u64::MAX), 1_000_000_000);
    assert_eq!(time(0x80 | 63, 0, u64::MAX), 1_999_999_999);
}

/// The number of frames before the block that is to be corrupted, and what is wrong with it.
fn reason(writer: Writer) -> (usize, &'static str) {
    match read(writer.bytes.as_slice()) {
        (frames, Some(CaptureError::Corrupted { frame, reason, .. })) => {
            assert_eq!(frame, frames.len() as u64 + 1);
            (frames.len(), reason)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn blocks_that_contradict_themselves() {
    let good = Writer::new(true)
        .interface(1, 0, &[])
        .enhanced(0, 0, b"good", 4);
    let start = good.bytes.len();
    let next = good.clone().enhanced(0, 0, b"data", 4);
    // The parser would wait for more to come.
    let mut longer_data = next.clone();
    longer_data.bytes[start + 21] = 1;
    assert_eq!(reason(longer_data), (1, "a block that cannot be decoded"));

    let mut other_trailer = next.clone();
    *other_trailer.bytes.last_mut().unwrap() += 4;
    assert_eq!(reason(other_trailer), (1, "block lengths that differ"));

    let mut huge = next.clone();
    huge.bytes[start + 4] = 0xF0;
    assert_eq!(reason(huge), (1, "a length beyond 64 MiB"));

    let mut tiny = next;
    tiny.bytes[start + 7] = 8;
    assert_eq!(reason(tiny), (1, "an impossible block length"));

    assert_eq!(
        reason(good.clone().enhanced(1, 0, b"", 0)),
        (1, "an unknown interface")
    );
    assert_eq!(
        reason(good.clone().section(false).simple(b"", 0)),
        (1, "an unknown interface")
    );
    assert_eq!(
        reason(good.clone().simple(b"short", 9)),
        (1, "a block too short for its packet")
    );
    assert_eq!(
        reason(good.clone().block(2, &[0; 16])),
        (1, "a block too short for its packet")
    );

    let mut byte_order = good.section(true);
    byte_order.bytes[start + 8] = 0;
    assert_eq!(reason(byte_order), (1, "an unknown byte order"));
}

#[test]
fn other_blocks_are_not_looked_into() {
    // A process information block as short as it may not be, and names without an end.
    let capture = Writer::new(false)
        .interface(1, 0, &[])
        .block(0x8000_0001, b"")
        .block(4, &[1; 8])
        .block(0xBAD, b"")
        .block(77, &[0; 300])
        .enhanced(0, 0, b"frame", 5);
    assert_eq!(read_all(capture.bytes.as_slice()).len(), 1);
}

#[test]
fn interfaces_are_limited() {
    let mut writer = Writer::new(false);
    for _ in 0..=1 << 16 {
        writer = writer.interface(1, 0, &[]);
    }
    assert_eq!(reason(writer), (0, "too many interfaces"));
}
