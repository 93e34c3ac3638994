//! Unsigned LEB128 numbers of 32 bits.
//!
//! Seven bits a byte, the least significant first; bit 7 is set on all bytes but the last. They
//! lead document keys (reference 7) and Snappy blocks.

use core::iter;

use nom::bytes::complete::take_while_m_n;
use nom::combinator::{recognize, verify};
use nom::{Parser, sequence::pair};

use super::reader::Reader;
use super::{ValueError, ValueErrorKind};
use crate::cursor::{Parsed, be_u8};

const CONTINUES: u8 = 0x80;

/// The bytes of one number: at most five, and only the last without [`CONTINUES`].
fn digits(input: &[u8]) -> Parsed<'_, &[u8]> {
    let continues = |byte: u8| byte & CONTINUES != 0;
    let last = verify(be_u8, move |&byte| !continues(byte));
    recognize(pair(take_while_m_n(0, 4, continues), last)).parse(input)
}

/// A number, in the shortest form or not.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<u32, ValueError> {
    let too_large = reader.error(ValueErrorKind::TooLarge);
    let digits = reader.read_or(ValueErrorKind::NoStopByte, digits)?;
    let number = digits.iter().rev().fold(0_u64, |number, digit| {
        number << 7 | u64::from(digit & !CONTINUES)
    });
    u32::try_from(number).map_err(|_| too_large)
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
            assert_eq!(number(&bytes), Ok(number_of_bits));
        }
    }
}
