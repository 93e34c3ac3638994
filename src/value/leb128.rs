//! Unsigned LEB128 numbers of 32 bits.
//!
//! Seven bits a byte, the least significant first; bit 7 is set on all bytes but the last. They
//! lead document keys (reference 7) and Snappy blocks.

use core::iter;

use nom::Parser;
use nom::combinator::fail;

use super::reader::Reader;
use super::{ValueError, ValueErrorKind};
use crate::cursor::{Parsed, be_u8};

const CONTINUES: u8 = 0x80;

/// At most five digits, of which only the last is without [`CONTINUES`]; up to 35 bits.
#[inline]
fn number(input: &[u8]) -> Parsed<'_, u64> {
    let (mut rest, mut number) = (input, 0);
    for shift in [0, 7, 14, 21, 28] {
        let digit;
        (rest, digit) = be_u8(rest)?;
        number |= u64::from(digit & !CONTINUES) << shift;
        if digit & CONTINUES == 0 {
            return Ok((rest, number));
        }
    }
    fail().parse(input)
}

/// A number, in the shortest form or not.
#[inline]
pub(super) fn read(reader: &mut Reader<'_>) -> Result<u32, ValueError> {
    let start = reader.offset();
    let number = reader.read_or(ValueErrorKind::NoStopByte, number)?;
    u32::try_from(number).map_err(|_| reader.error_at(start, ValueErrorKind::TooLarge))
}

/// How many bytes the shortest form of a number has.
#[inline]
pub(super) const fn encoded_len(number: u32) -> usize {
    match number {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        0x20_0000..0x1000_0000 => 4,
        0x1000_0000.. => 5,
    }
}

/// The shortest form of a number.
pub(super) fn encode(number: u32) -> impl Iterator<Item = u8> {
    let shifted = |&number: &u32| Some(number >> 7).filter(|&rest| rest != 0);
    iter::successors(Some(number), shifted).map(move |number| {
        let [digit, ..] = number.to_le_bytes();
        match shifted(&number) {
            Some(_) => digit | CONTINUES,
            None => digit,
        }
    })
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::value::ValueFormat;

    fn number(bytes: &[u8]) -> Result<u32, ValueErrorKind> {
        let mut reader = Reader::new(ValueFormat::DocKey, bytes);
        read(&mut reader).map_err(|error| {
            assert_eq!(error.offset, 0);
            error.kind
        })
    }

    /// The table of reference 7.
    #[test]
    fn known_answers() {
        let table: [(u32, &[u8]); 13] = [
            (0x00, &[0x00]),
            (0x01, &[0x01]),
            (0x7f, &[0x7f]),
            (0x80, &[0x80, 0x01]),
            (0x555, &[0xd5, 0x0a]),
            (0x7fff, &[0xff, 0xff, 0x01]),
            (0xbfff, &[0xff, 0xff, 0x02]),
            (0xffff, &[0xff, 0xff, 0x03]),
            (0x8000, &[0x80, 0x80, 0x02]),
            (0x5555, &[0xd5, 0xaa, 0x01]),
            (0x0caf_ef00, &[0x80, 0xde, 0xbf, 0x65]),
            (0xcafe_f00d, &[0x8d, 0xe0, 0xfb, 0xd7, 0x0c]),
            (0xffff_ffff, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        ];
        for (expected, bytes) in table {
            assert_eq!(number(bytes), Ok(expected), "{expected:#x}");
            assert!(encode(expected).eq(bytes.iter().copied()), "{expected:#x}");
            for len in 0..bytes.len() {
                assert_eq!(number(&bytes[..len]), Err(ValueErrorKind::NoStopByte));
            }
        }
    }

    #[test]
    fn not_the_shortest_form() {
        assert_eq!(number(&[0x80, 0x00]), Ok(0));
        assert_eq!(number(&[0x81, 0x80, 0x80, 0x80, 0x00]), Ok(1));
    }

    /// The server cuts these bits off; no encoder should ever set them.
    #[test]
    fn every_bit_beyond_32() {
        for last in 0x10..=0x7f {
            let bytes = [0xff, 0xff, 0xff, 0xff, last];
            assert_eq!(number(&bytes), Err(ValueErrorKind::TooLarge), "{last:#x}");
        }
        let endless = [0x80; 6];
        assert_eq!(number(&endless), Err(ValueErrorKind::NoStopByte));
    }

    #[test]
    fn every_width() {
        for bits in 0..=32_usize {
            let number_of_bits = u32::try_from((1_u64 << bits) - 1).expect("32 bits");
            let bytes: Vec<u8> = encode(number_of_bits).collect();
            assert_eq!(bytes.len(), usize::max(1, bits.div_ceil(7)));
            assert_eq!(bytes.len(), encoded_len(number_of_bits));
            assert_eq!(number(&bytes), Ok(number_of_bits));
        }
    }
}
