//! `DCP_CACHE_TRANSFER`: what is in the producer's memory.

use core::fmt;

use bytes::BufMut;
use nom::Parser;

use crate::Presence::Required;
use crate::cursor::{Cursor, Parsed, be_u8, be_u16, be_u32, be_u64, take};
use crate::{
    Body, Command, Datatype, EncodeError, Lengths, Message, MessageError, MessageErrorKind, Opcode,
    Parts, Section, Shape, StatusOnly, UserData,
};

/// Documents out of the producer's memory, to warm up a consumer that has none.
///
/// No extras and no key; the value is one or more [`CacheTransferRecord`]s. The CAS is 0. From the
/// producer to the consumer, which takes it in silence, after a stream request with the flag
/// `CACHE_TRANSFER` (reference 6.19).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct CacheTransfer<'a> {
    /// The documents.
    pub records: CacheTransferRecords<'a>,
}

impl<'a> Message<'a> for CacheTransfer<'a> {
    const COMMAND: Command = Command::Client(Opcode::DCP_CACHE_TRANSFER);
    const SHAPE: Shape = Shape::extras(Lengths::NONE).value(Required);

    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        Ok(Self {
            records: CacheTransferRecords::new(body.value)?,
        })
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::EMPTY.value(self.records.as_bytes())
    }
}

/// The answer to [`CacheTransfer`], sent only on failure.
///
/// `ENOMEM` makes the producer break the transfer off, not the connection.
pub type CacheTransferReply<'a> = StatusOnly<'a, { Opcode::DCP_CACHE_TRANSFER.0 }>;

/// The records of a [`CacheTransfer`], known to be whole; never empty.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CacheTransferRecords<'a>(&'a [u8]);

impl<'a> CacheTransferRecords<'a> {
    /// The records in these bytes.
    ///
    /// # Errors
    ///
    /// [`MessageError`] that says where a record is cut off, or gives its key a length that no key
    /// has. A server processes the records before that one, then disconnects.
    pub fn new(bytes: &'a [u8]) -> Result<Self, MessageError> {
        let mut value = Cursor::new(
            Command::Client(Opcode::DCP_CACHE_TRANSFER),
            Section::Value,
            bytes,
        );
        loop {
            let start = value.offset();
            let record = value.read(record)?;
            let len = record.key.len();
            if !CacheTransferRecord::KEY_LEN.contains(&len) {
                return Err(value.error(MessageErrorKind::KeyLength {
                    len: u16::try_from(len).unwrap_or(u16::MAX),
                    offset: start.saturating_add(KEY_LEN_AT),
                }));
            }
            if value.is_at_end() {
                return Ok(Self(bytes));
            }
        }
    }

    /// The records, in order.
    pub fn iter(self) -> impl Iterator<Item = CacheTransferRecord<'a>> + Clone {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (behind, record) = record(rest).ok()?;
            rest = behind;
            Some(record)
        })
    }

    /// The records as they stand on the wire.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}

impl fmt::Debug for CacheTransferRecords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A document of a [`CacheTransfer`].
///
/// | record | field        |              |
/// |-------:|--------------|--------------|
/// |   0..8 | `cas`        | u64          |
/// |  8..16 | `by_seqno`   | u64          |
/// | 16..24 | `rev_seqno`  | u64          |
/// | 24..28 | value length | u32          |
/// | 28..32 | `flags`      | u32          |
/// | 32..36 | `expiration` | u32          |
/// | 36..38 | key length   | u16          |
/// |     38 | `datatype`   | [`Datatype`] |
/// |     39 | `cache_hint` | u8           |
/// |    40- | `key`        |              |
/// |        | `value`      |              |
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct CacheTransferRecord<'a> {
    /// The version of the document.
    pub cas: u64,
    /// Where the document stands in the history of the vbucket.
    pub by_seqno: u64,
    /// How often the document has changed.
    pub rev_seqno: u64,
    /// The application's own flags, as it stored them: the server never swaps their bytes.
    pub flags: u32,
    /// When the document expires, in seconds since 1970; 0 for never.
    pub expiration: u32,
    /// How the value is encoded, also where the value is left out.
    pub datatype: Datatype,
    /// How often the document is used.
    pub cache_hint: u8,
    /// The key of the document, behind its collection id even without collections.
    pub key: UserData<'a>,
    /// The document, or nothing where only keys are sent.
    pub value: UserData<'a>,
}

/// Where a record gives the length of its key.
const KEY_LEN_AT: u32 = 36;

fn record(input: &[u8]) -> Parsed<'_, CacheTransferRecord<'_>> {
    let (rest, (cas, by_seqno, rev_seqno)) = (be_u64, be_u64, be_u64).parse(input)?;
    let (rest, (value_len, flags, expiration)) = (be_u32, be_u32, be_u32).parse(rest)?;
    let (rest, (key_len, datatype, cache_hint)) = (be_u16, be_u8, be_u8).parse(rest)?;
    let (rest, (key, value)) = (take(key_len), take(value_len)).parse(rest)?;
    let record = CacheTransferRecord {
        cas,
        by_seqno,
        rev_seqno,
        flags,
        expiration,
        datatype: Datatype::from_bits_retain(datatype),
        cache_hint,
        key: UserData::new(key),
        value: UserData::new(value),
    };
    Ok((rest, record))
}

impl CacheTransferRecord<'_> {
    /// The lengths that a key may have, in bytes.
    pub const KEY_LEN: core::ops::RangeInclusive<usize> = 2..=251;

    /// Appends the record to `dst`, to make a value for [`CacheTransferRecords::new`].
    ///
    /// # Errors
    ///
    /// [`EncodeError::Missing`] or [`EncodeError::TooLong`] for a key or value that a record cannot
    /// have, [`EncodeError::NoRoom`] if `dst` cannot take all of it; then nothing was written.
    pub fn encode(&self, dst: &mut impl BufMut) -> Result<(), EncodeError> {
        const FIELDS_LEN: usize = 40;
        let too_long = |section, limit| EncodeError::TooLong { section, limit };
        if self.key.len() < *Self::KEY_LEN.start() {
            return Err(EncodeError::Missing(Section::Key));
        }
        if self.key.len() > *Self::KEY_LEN.end() {
            return Err(too_long(Section::Key, 251));
        }
        let key_len = u16::try_from(self.key.len()).map_err(|_| too_long(Section::Key, 251))?;
        let value_len =
            u32::try_from(self.value.len()).map_err(|_| too_long(Section::Value, u32::MAX))?;
        let len = FIELDS_LEN
            .saturating_add(self.key.len())
            .saturating_add(self.value.len());
        if dst.remaining_mut() < len {
            return Err(EncodeError::NoRoom);
        }
        dst.put_u64(self.cas);
        dst.put_u64(self.by_seqno);
        dst.put_u64(self.rev_seqno);
        dst.put_u32(value_len);
        dst.put_u32(self.flags);
        dst.put_u32(self.expiration);
        dst.put_u16(key_len);
        dst.put_u8(self.datatype.bits());
        dst.put_u8(self.cache_hint);
        dst.put_slice(self.key.expose());
        dst.put_slice(self.value.expose());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    const RECORD: CacheTransferRecord<'_> = CacheTransferRecord {
        cas: 0x0001_0203_0405_0607,
        by_seqno: 0x0809_0a0b_0c0d_0e0f,
        rev_seqno: 0x1011_1213_1415_1617,
        flags: 0x1c1d_1e1f,
        expiration: 0x2021_2223,
        datatype: Datatype::from_bits_retain(0x26),
        cache_hint: 0x27,
        key: UserData::new(b"\0key"),
        value: UserData::new(b"value"),
    };

    fn encoded(records: &[CacheTransferRecord<'_>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for record in records {
            record.encode(&mut bytes).expect("short enough");
        }
        bytes
    }

    /// Every byte but the lengths counts, and so names its own offset.
    #[test]
    fn layout() {
        let bytes = encoded(&[RECORD]);
        let mut expected: Vec<u8> = (0..40).collect();
        expected[24..28].copy_from_slice(&5_u32.to_be_bytes());
        expected[36..38].copy_from_slice(&4_u16.to_be_bytes());
        expected.extend(b"\0keyvalue");
        assert_eq!(bytes, expected);
        let records = CacheTransferRecords::new(&bytes).expect("a whole record");
        assert_eq!(records.iter().collect::<Vec<_>>(), [RECORD]);
    }

    #[test]
    fn a_cut_off_record_is_found_where_it_is_cut() {
        let other = CacheTransferRecord {
            value: UserData::default(),
            ..RECORD
        };
        let bytes = encoded(&[RECORD, other, RECORD]);
        for len in 0..bytes.len() {
            let read = CacheTransferRecords::new(&bytes[..len]);
            if let 49 | 93 = len {
                assert!(read.is_ok(), "whole records at {len}");
                continue;
            }
            let MessageErrorKind::Truncated { offset } = read.unwrap_err().kind else {
                panic!("another error at {len}");
            };
            let start = match len {
                ..49 => 0,
                49..93 => 49,
                _ => 93,
            };
            assert!(
                (start..=len).contains(&(offset as usize)),
                "{offset} at {len}"
            );
        }
        let records = CacheTransferRecords::new(&bytes).expect("whole records");
        assert_eq!(records.iter().collect::<Vec<_>>(), [RECORD, other, RECORD]);
    }

    #[test]
    fn key_lengths() {
        for len in [0, 1, 2, 250, 251, 252, 0xffff, 0x1_0000] {
            let key = std::vec![7; len];
            let record = CacheTransferRecord {
                key: UserData::new(&key),
                ..RECORD
            };
            let mut bytes = Vec::new();
            let written = record.encode(&mut bytes);
            assert_eq!(written.is_ok(), (2..=251).contains(&len), "{len}");
            assert_eq!(bytes.is_empty(), written.is_err(), "{len}");
        }
        let mut bytes = encoded(&[RECORD, RECORD]);
        bytes[49 + 36..49 + 38].copy_from_slice(&[0, 1]);
        let error = CacheTransferRecords::new(&bytes).unwrap_err();
        let offset = 49 + 36;
        assert_eq!(error.kind, MessageErrorKind::KeyLength { len: 1, offset });
    }

    #[test]
    fn all_or_nothing() {
        let bytes = encoded(&[RECORD]);
        for len in 0..bytes.len() {
            let mut room = std::vec![0xa5; bytes.len()];
            let written = RECORD.encode(&mut &mut room[..len]);
            assert_eq!(written, Err(EncodeError::NoRoom), "{len}");
            assert!(room.iter().all(|&byte| byte == 0xa5), "{len}");
        }
        let mut room = std::vec![0xa5; bytes.len()];
        RECORD.encode(&mut room.as_mut_slice()).expect("room");
        assert_eq!(room, bytes);
    }

    #[test]
    fn debug_shows_the_records() {
        let bytes = encoded(&[RECORD, RECORD]);
        let records = CacheTransferRecords::new(&bytes).expect("whole records");
        assert_eq!(
            std::format!("{records:?}"),
            std::format!("{:?}", [RECORD, RECORD])
        );
    }

    #[test]
    fn a_lying_value_length_reads_nothing_beyond() {
        let mut bytes = encoded(&[RECORD]);
        bytes[24..28].copy_from_slice(&u32::MAX.to_be_bytes());
        let error = CacheTransferRecords::new(&bytes).unwrap_err();
        assert_eq!(error.kind, MessageErrorKind::Truncated { offset: 44 });
    }
}
