//! Reading values: the crate's nom leaves, and errors that name the format.

use nom::Parser;

use super::{ValueError, ValueErrorKind, ValueFormat};
use crate::cursor::Remaining;

/// A place in a key or a value.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    format: ValueFormat,
    /// Where the bytes end, counted from the start of the key or value.
    end: usize,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(format: ValueFormat, bytes: &'a [u8]) -> Self {
        Self::starting_at(0, format, bytes)
    }

    /// A place in a part that starts at this offset.
    pub(super) const fn starting_at(offset: usize, format: ValueFormat, bytes: &'a [u8]) -> Self {
        Self {
            format,
            end: offset.saturating_add(bytes.len()),
            rest: bytes,
        }
    }

    /// Reads the next field.
    #[inline]
    pub(super) fn read<O>(
        &mut self,
        field: impl Parser<&'a [u8], Output = O, Error = Remaining>,
    ) -> Result<O, ValueError> {
        self.read_or(ValueErrorKind::Truncated, field)
    }

    /// Reads the next field, which fails only for this reason.
    #[inline]
    pub(super) fn read_or<O>(
        &mut self,
        kind: ValueErrorKind,
        mut field: impl Parser<&'a [u8], Output = O, Error = Remaining>,
    ) -> Result<O, ValueError> {
        match field.parse(self.rest) {
            Ok((rest, value)) => {
                self.rest = rest;
                Ok(value)
            }
            Err(_) => Err(self.error(kind)),
        }
    }

    /// What has not been read yet.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Where the next field starts.
    pub(super) const fn offset(&self) -> usize {
        self.end.saturating_sub(self.rest.len())
    }

    /// Checks that all has been read.
    pub(super) fn finish(self) -> Result<(), ValueError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.error(ValueErrorKind::Trailing))
        }
    }

    /// An error at the next field.
    pub(super) fn error(&self, kind: ValueErrorKind) -> ValueError {
        self.error_at(self.offset(), kind)
    }

    /// An error at this offset.
    #[cold]
    pub(super) fn error_at(&self, offset: usize, kind: ValueErrorKind) -> ValueError {
        ValueError::new(self.format, offset, kind)
    }
}
