//! Reading sections: nom is the vocabulary, [`Cursor`] keeps the place.

use nom::{
    Err, IResult, Parser, ToUsize,
    error::{ErrorKind, ParseError},
};

use crate::{Command, MessageError, MessageErrorKind, Section};

/// What every parser in this crate returns.
pub(crate) type Parsed<'a, O> = IResult<&'a [u8], O, Remaining>;

/// All that a failed parser reports: how many bytes it had not read yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Remaining(usize);

impl ParseError<&[u8]> for Remaining {
    fn from_error_kind(input: &[u8], _: ErrorKind) -> Self {
        Self(input.len())
    }

    fn append(_: &[u8], _: ErrorKind, first: Self) -> Self {
        first
    }
}

// Not nom::number: its loops over single bytes cost two to three times as much.
#[inline(always)]
fn chunk<const N: usize>(input: &[u8]) -> Parsed<'_, [u8; N]> {
    match input.split_first_chunk() {
        Some((head, rest)) => Ok((rest, *head)),
        None => Err(Err::Error(Remaining(input.len()))),
    }
}

#[inline(always)]
pub(crate) fn be_u8(input: &[u8]) -> Parsed<'_, u8> {
    chunk(input).map(|(rest, [byte])| (rest, byte))
}

#[inline(always)]
pub(crate) fn be_u16(input: &[u8]) -> Parsed<'_, u16> {
    chunk(input).map(|(rest, bytes)| (rest, u16::from_be_bytes(bytes)))
}

#[inline(always)]
pub(crate) fn be_u32(input: &[u8]) -> Parsed<'_, u32> {
    chunk(input).map(|(rest, bytes)| (rest, u32::from_be_bytes(bytes)))
}

#[inline(always)]
pub(crate) fn be_u64(input: &[u8]) -> Parsed<'_, u64> {
    chunk(input).map(|(rest, bytes)| (rest, u64::from_be_bytes(bytes)))
}

// Not nom's `take`: it cuts in a way that can panic, which no compiler sees it never does.
#[inline(always)]
pub(crate) fn take<'a>(
    len: impl ToUsize,
) -> impl Parser<&'a [u8], Output = &'a [u8], Error = Remaining> {
    let len = len.to_usize();
    move |input: &'a [u8]| match input.split_at_checked(len) {
        Some((taken, rest)) => Ok((rest, taken)),
        None => Err(Err::Error(Remaining(input.len()))),
    }
}

/// A place in one section of a message.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    command: Command,
    section: Section,
    len: usize,
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    #[inline(always)]
    pub(crate) const fn new(command: Command, section: Section, bytes: &'a [u8]) -> Self {
        Self {
            command,
            section,
            len: bytes.len(),
            rest: bytes,
        }
    }

    /// Reads the next field.
    #[inline(always)]
    pub(crate) fn read<O>(
        &mut self,
        mut field: impl Parser<&'a [u8], Output = O, Error = Remaining>,
    ) -> Result<O, MessageError> {
        match field.parse(self.rest) {
            Ok((rest, value)) => {
                self.rest = rest;
                Ok(value)
            }
            Err(Err::Error(left) | Err::Failure(left)) => Err(self.truncated(left)),
            Err(Err::Incomplete(_)) => Err(self.truncated(Remaining(self.rest.len()))),
        }
    }

    /// Whether all has been read.
    #[inline(always)]
    pub(crate) const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Where the next field starts.
    pub(crate) fn offset(&self) -> u32 {
        self.offset_of(Remaining(self.rest.len()))
    }

    pub(crate) const fn error(&self, kind: MessageErrorKind) -> MessageError {
        MessageError {
            command: self.command,
            section: self.section,
            kind,
        }
    }

    fn offset_of(&self, left: Remaining) -> u32 {
        // Lengths on the wire are at most u32.
        u32::try_from(self.len.saturating_sub(left.0)).unwrap_or(u32::MAX)
    }

    #[cold]
    fn truncated(&self, left: Remaining) -> MessageError {
        self.error(MessageErrorKind::Truncated {
            offset: self.offset_of(left),
        })
    }
}
