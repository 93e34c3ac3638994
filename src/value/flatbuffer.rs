//! FlatBuffers, as far as system events need them: one table of scalars and strings.
//!
//! ```text
//! u32       where the table is
//! vtable    u16 its length, u16 the length of the table,
//!           u16 for each field where it is in the table, 0 for a field that has its default
//! table     i32 how far it is behind the vtable, then the fields
//! string    u32 its length, the bytes, 00; a field says how far it is behind itself
//! ```
//!
//! All is little-endian (reference 6.13). The parts may stand in any order that these offsets can
//! say. Nothing is aligned by the reader, all is by the writer. A table leads to nothing but
//! strings, so nothing can go round in circles.

use bytes::BufMut;

use super::{ValueError, ValueErrorKind, ValueFormat};

/// The root table: it and its vtable are known to be whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'a> {
    buffer: &'a [u8],
    table_at: usize,
    table: &'a [u8],
    vtable_at: usize,
    vtable: &'a [u8],
}

impl<'a> Table<'a> {
    /// The root table of a buffer.
    #[inline]
    pub(super) fn root(buffer: &'a [u8]) -> Result<Self, ValueError> {
        let root = number(buffer, 0).ok_or_else(|| error(0, ValueErrorKind::Truncated))?;
        let table_at = to_usize(root);
        if table_at < root.len() {
            return Err(error(0, ValueErrorKind::Overlap));
        }
        let to_vtable =
            number(buffer, table_at).ok_or_else(|| error(0, ValueErrorKind::OutOfBounds))?;
        let out_of_table = || error(table_at, ValueErrorKind::OutOfBounds);
        let vtable_at = i64::try_from(table_at)
            .ok()
            .and_then(|at| at.checked_sub(i32::from_le_bytes(to_vtable).into()))
            .and_then(|at| usize::try_from(at).ok())
            .ok_or_else(out_of_table)?;
        let [a, b, c, d] = number(buffer, vtable_at).ok_or_else(out_of_table)?;
        let vtable_len = u16::from_le_bytes([a, b]);
        let table_len = u16::from_le_bytes([c, d]);
        let vtable = part(buffer, vtable_at, vtable_len.into())
            .filter(|vtable| vtable.len() >= 4)
            .ok_or_else(|| error(vtable_at, ValueErrorKind::OutOfBounds))?;
        let table_len_at = vtable_at.saturating_add(2);
        let table = part(buffer, table_at, table_len.into())
            .filter(|table| table.len() >= TO_VTABLE_LEN)
            .ok_or_else(|| error(table_len_at, ValueErrorKind::OutOfBounds))?;
        let table_end = table_at.saturating_add(table.len());
        let vtable_end = vtable_at.saturating_add(vtable.len());
        if vtable_at < root.len() || vtable_at < table_end && table_at < vtable_end {
            return Err(error(table_at, ValueErrorKind::Overlap));
        }
        Ok(Self {
            buffer,
            table_at,
            table,
            vtable_at,
            vtable,
        })
    }

    #[inline]
    pub(super) fn bool(&self, slot: u8) -> Result<bool, ValueError> {
        Ok(self.field(slot)?.is_some_and(|(_, [byte])| byte != 0))
    }

    #[inline]
    pub(super) fn u32(&self, slot: u8) -> Result<u32, ValueError> {
        let field = self.field(slot)?;
        Ok(field.map_or(0, |(_, bytes)| u32::from_le_bytes(bytes)))
    }

    #[inline]
    pub(super) fn u64(&self, slot: u8) -> Result<u64, ValueError> {
        let field = self.field(slot)?;
        Ok(field.map_or(0, |(_, bytes)| u64::from_le_bytes(bytes)))
    }

    #[inline]
    pub(super) fn string(&self, slot: u8) -> Result<Option<&'a [u8]>, ValueError> {
        let Some((field_at, to_string)) = self.field(slot)? else {
            return Ok(None);
        };
        let string_at = field_at.saturating_add(to_usize(to_string));
        let len = number(self.buffer, string_at)
            .ok_or_else(|| error(field_at, ValueErrorKind::OutOfBounds))?;
        if string_at < self.table_at.saturating_add(self.table.len()) {
            return Err(error(field_at, ValueErrorKind::Overlap));
        }
        let text_at = string_at.saturating_add(len.len());
        let string = part(self.buffer, text_at, to_usize(len))
            .ok_or_else(|| error(string_at, ValueErrorKind::OutOfBounds))?;
        match self.buffer.get(text_at.saturating_add(string.len())) {
            Some(0) => Ok(Some(string)),
            _ => Err(error(text_at, ValueErrorKind::Terminator)),
        }
    }

    /// A field and where it is in the buffer; `None` if it has its default.
    #[inline]
    fn field<const N: usize>(&self, slot: u8) -> Result<Option<(usize, [u8; N])>, ValueError> {
        let in_vtable = usize::from(slot).saturating_add(2).saturating_mul(2);
        let in_table = number(self.vtable, in_vtable).map_or(0, u16::from_le_bytes);
        if in_table == 0 {
            return Ok(None);
        }
        let at = |kind| error(self.vtable_at.saturating_add(in_vtable), kind);
        let in_table = usize::from(in_table);
        let field = number(self.table, in_table).ok_or_else(|| at(ValueErrorKind::OutOfBounds))?;
        if in_table < TO_VTABLE_LEN {
            return Err(at(ValueErrorKind::Overlap));
        }
        Ok(Some((self.table_at.saturating_add(in_table), field)))
    }
}

/// A field of a table to be written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Field<'a> {
    /// As wide as it is, what lies beyond its type is 0 and so makes a gap.
    Scalar(u64),
    String(&'a [u8]),
}

/// The width of every field in a table that is written.
const FIELD_LEN: u16 = 8;

/// Appends a buffer with one table to `dst`: its fields in the order of their slots, with at most
/// one string among them, and none that is left to its default.
///
/// ```text
/// u32 | vtable | gap | i32 | fields of 8 bytes | string
/// ```
pub(super) fn encode(fields: &[Field<'_>], dst: &mut impl BufMut) -> Result<(), ValueError> {
    let error = |kind| error(0, kind);
    let limit = ValueErrorKind::TooLong { limit: u32::MAX };
    let count = u16::try_from(fields.len()).map_err(|_| error(limit))?;
    // A table has ten fields at most, so nothing here saturates.
    let vtable_len = count.saturating_add(2).saturating_mul(2);
    let table_len = count.saturating_mul(FIELD_LEN).saturating_add(4);
    let vtable_end = vtable_len.saturating_add(4);
    // Such that the fields, four bytes on, are aligned.
    let gap = 12_u16.saturating_sub(vtable_end % FIELD_LEN) % FIELD_LEN;
    let table_at = vtable_end.saturating_add(gap);

    let string = fields.iter().find_map(|field| match field {
        Field::Scalar(_) => None,
        Field::String(string) => Some(*string),
    });
    let string_len = u32::try_from(string.map_or(0, <[u8]>::len)).map_err(|_| error(limit))?;
    let len = usize::from(table_at)
        .saturating_add(table_len.into())
        .saturating_add(string.map_or(0, |string| string.len().saturating_add(5)));
    if dst.remaining_mut() < len {
        return Err(error(ValueErrorKind::NoRoom));
    }

    dst.put_u32_le(table_at.into());
    dst.put_u16_le(vtable_len);
    dst.put_u16_le(table_len);
    for slot in 0..count {
        dst.put_u16_le(slot.saturating_mul(FIELD_LEN).saturating_add(4));
    }
    dst.put_bytes(0, gap.into());
    dst.put_u32_le(table_at.saturating_sub(4).into());
    for (left, field) in (1..=count).rev().zip(fields) {
        dst.put_u64_le(match field {
            Field::Scalar(scalar) => *scalar,
            Field::String(_) => left.saturating_mul(FIELD_LEN).into(),
        });
    }
    if let Some(string) = string {
        dst.put_u32_le(string_len);
        dst.put_slice(string);
        dst.put_u8(0);
    }
    Ok(())
}

/// Where a table says how far it is behind its vtable, there is no field.
const TO_VTABLE_LEN: usize = 4;

#[cold]
fn error(offset: usize, kind: ValueErrorKind) -> ValueError {
    ValueError::new(ValueFormat::SystemEvent, offset, kind)
}

fn part(bytes: &[u8], at: usize, len: usize) -> Option<&[u8]> {
    bytes.get(at..)?.get(..len)
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// An offset or length; one that is too large leads out of any buffer.
fn to_usize(number: [u8; 4]) -> usize {
    usize::try_from(u32::from_le_bytes(number)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use hex_literal::hex;

    use super::*;

    /// A table with a u64, a string and a bool.
    const TABLE: [u8; 44] = hex!(
        "10000000"                         // 0: the table is at 16
        "0a00 1100 0800 0400 1000 0000"    // 4: vtable of three fields, table of 17 bytes
        "0c000000"                         // 16: the vtable is at 4
        "10000000"                         // 20: the string is at 36
        "0807060504030201"                 // 24
        "01 000000"                        // 32
        "03000000 61626300"                // 36
    );

    type Fields<'a> = (u64, Option<&'a [u8]>, bool);

    fn read(buffer: &[u8]) -> Result<Fields<'_>, (u32, ValueErrorKind)> {
        let read = |buffer| {
            let table = Table::root(buffer)?;
            Ok((table.u64(0)?, table.string(1)?, table.bool(2)?))
        };
        read(buffer).map_err(|error: ValueError| (error.offset, error.kind))
    }

    fn with<const N: usize>(at: usize, bytes: [u8; N]) -> [u8; 44] {
        let mut table = TABLE;
        table[at..][..N].copy_from_slice(&bytes);
        table
    }

    #[test]
    fn fields() {
        let expected = (0x0102_0304_0506_0708, Some(&b"abc"[..]), true);
        assert_eq!(read(&TABLE), Ok(expected));
        let table = Table::root(&TABLE).expect("a table");
        assert_eq!(table.u32(3), Ok(0));
        assert_eq!(table.u32(u8::MAX), Ok(0));
        assert_eq!(table.string(3), Ok(None));
    }

    #[test]
    fn every_prefix() {
        use ValueErrorKind::{OutOfBounds, Terminator, Truncated};
        for len in 0..TABLE.len() {
            let expected = match len {
                0..4 => (0, Truncated),
                4..20 => (0, OutOfBounds),
                20..33 => (6, OutOfBounds),
                33..40 => (20, OutOfBounds),
                40..43 => (36, OutOfBounds),
                _ => (40, Terminator),
            };
            assert_eq!(read(&TABLE[..len]), Err(expected), "{len}");
        }
    }

    #[test]
    fn offsets_and_lengths_that_lie() {
        use ValueErrorKind::{OutOfBounds, Overlap, Terminator};
        let word = i32::to_le_bytes;
        let half = u16::to_le_bytes;
        let table = [
            // The root.
            (with(0, word(0)), (0, Overlap)),
            (with(0, word(44)), (0, OutOfBounds)),
            (with(0, word(-1)), (0, OutOfBounds)),
            // From the table to the vtable.
            (with(16, word(0)), (16, OutOfBounds)),
            (with(16, word(17)), (16, OutOfBounds)),
            (with(16, word(20)), (16, OutOfBounds)),
            (with(16, word(-25)), (16, OutOfBounds)),
            (with(16, word(i32::MIN)), (16, OutOfBounds)),
            (with(16, word(i32::MAX)), (16, OutOfBounds)),
            // The length of the vtable.
            (with(4, half(3)), (4, OutOfBounds)),
            (with(4, half(13)), (16, Overlap)),
            (with(4, half(41)), (4, OutOfBounds)),
            (with(4, half(u16::MAX)), (4, OutOfBounds)),
            // That of the table.
            (with(6, half(3)), (6, OutOfBounds)),
            (with(6, half(16)), (12, OutOfBounds)),
            (with(6, half(21)), (20, Overlap)),
            (with(6, half(29)), (6, OutOfBounds)),
            (with(6, half(u16::MAX)), (6, OutOfBounds)),
            // Fields.
            (with(8, half(1)), (8, Overlap)),
            (with(8, half(10)), (8, OutOfBounds)),
            (with(10, half(3)), (10, Overlap)),
            (with(10, half(u16::MAX)), (10, OutOfBounds)),
            (with(12, half(17)), (12, OutOfBounds)),
            // The string, and its length.
            (with(20, word(0)), (20, Overlap)),
            (with(20, word(12)), (20, Overlap)),
            (with(20, word(21)), (20, OutOfBounds)),
            (with(20, word(-1)), (20, OutOfBounds)),
            (with(36, word(2)), (40, Terminator)),
            (with(36, word(4)), (40, Terminator)),
            (with(36, word(5)), (36, OutOfBounds)),
            (with(36, word(-1)), (36, OutOfBounds)),
        ];
        for (index, (buffer, expected)) in table.into_iter().enumerate() {
            assert_eq!(read(&buffer), Err(expected), "{index}");
        }
    }

    /// In front, as the builders of others have it, or behind: a shared one may be anywhere.
    #[test]
    fn the_vtable_may_be_behind_the_table() {
        let table = hex!("04000000 f8ffffff 07000000 0600 0800 0400");
        let table = Table::root(&table).expect("a table");
        assert_eq!(table.u32(0), Ok(7));
    }

    #[test]
    fn what_is_written_is_aligned() {
        for count in 1..=10 {
            let mut fields: Vec<_> = (1..count).map(|_| Field::Scalar(u64::MAX)).collect();
            fields.push(Field::String(b"abc"));
            let mut buffer = Vec::new();
            encode(&fields, &mut buffer).expect("room");
            let table = Table::root(&buffer).expect("a table");
            assert_eq!((table.table_at + 4) % 8, 0);
            for slot in 0..count - 1 {
                assert_eq!(table.u64(slot), Ok(u64::MAX));
                assert_eq!(
                    table.field::<8>(slot).map(|at| at.map(|(at, _)| at % 8)),
                    Ok(Some(0))
                );
            }
            assert_eq!(table.string(count - 1), Ok(Some(&b"abc"[..])));
            assert_eq!((buffer.len() - b"abc".len() - 5) % 4, 0);
        }
    }
}
