//! Writing packets: what is small is copied once, keys and values are not copied at all.

use core::fmt;

use bytes::{Buf, BufMut};

use crate::message::may_be_unannounced;
use crate::{Command, EncodeError, FramingExtras, Header, Magic, Section, SectionLengths, Shape};

/// [`Header::LEN`], as positions in a head are counted.
const HEADER_LEN: u8 = 24;
const _: () = assert!(HEADER_LEN as usize == Header::LEN);

/// The longest fields: the extras (1) and value (52) of a `DCP_SNAPSHOT_MARKER`.
const FIELDS_MAX: usize = 53;

/// A message ready to send but for its header: fields copied, key and value borrowed.
#[expect(
    unnameable_types,
    reason = "who cannot name it cannot implement `Message` or `Reply`"
)]
#[derive(Clone)]
pub struct Parts<'a> {
    /// Room for the header, then the fields.
    head: [u8; Header::LEN + FIELDS_MAX],
    extras_len: u8,
    fields_len: u8,
    key: &'a [u8],
    value: &'a [u8],
}

impl<'a> Parts<'a> {
    pub(crate) const EMPTY: Self = Self {
        head: [0; Header::LEN + FIELDS_MAX],
        extras_len: 0,
        fields_len: 0,
        key: &[],
        value: &[],
    };

    /// A message with the extras that `write` puts down.
    #[inline(always)]
    pub(crate) fn extras(write: impl FnOnce(&mut &mut [u8])) -> Self {
        let mut parts = Self::EMPTY.value_fields(write);
        parts.extras_len = parts.fields_len;
        parts
    }

    /// Adds a value that `write` puts down; such a message has no key.
    #[inline(always)]
    pub(crate) fn value_fields(mut self, write: impl FnOnce(&mut &mut [u8])) -> Self {
        let start = Header::LEN.saturating_add(self.fields_len.into());
        let mut room = self.head.get_mut(start..).unwrap_or_default();
        write(&mut room);
        let written = FIELDS_MAX.saturating_sub(room.len());
        self.fields_len = u8::try_from(written).unwrap_or(u8::MAX);
        self
    }

    /// Adds the key.
    #[inline(always)]
    pub(crate) const fn key(self, key: &'a [u8]) -> Self {
        Self { key, ..self }
    }

    /// Adds the value.
    #[inline(always)]
    pub(crate) const fn value(self, value: &'a [u8]) -> Self {
        Self { value, ..self }
    }

    #[inline(always)]
    pub(crate) fn encoded_len(&self, framing_extras: FramingExtras<'_>) -> usize {
        let body = self.lengths(framing_extras).total();
        body.saturating_add(Header::LEN)
    }

    /// Refuses what no reader would take.
    #[inline(always)]
    pub(crate) fn check(&self, shape: Shape) -> Result<(), EncodeError> {
        let lengths = self.lengths(FramingExtras::ABSENT);
        if !shape.key.allows(lengths.key) {
            Err(missing(Section::Key))
        } else if !shape.value.allows(lengths.value) {
            Err(missing(Section::Value))
        } else {
            Ok(())
        }
    }

    #[inline(always)]
    pub(crate) fn header(
        &self,
        magic: Magic,
        command: Command,
        framing_extras: FramingExtras<'_>,
    ) -> Result<Header, EncodeError> {
        let mut lengths = self.lengths(framing_extras);
        if framing_extras.is_unannounced() && may_be_unannounced(command, lengths.extras) {
            // To the header they are part of what the announced sections leave over.
            let unannounced = core::mem::take(&mut lengths.framing_extras);
            lengths.value = lengths.value.saturating_add(unannounced);
        }
        Header::new(magic, command.byte(), lengths)
    }

    #[inline(always)]
    pub(crate) fn into_buf(
        mut self,
        header: &Header,
        framing_extras: FramingExtras<'a>,
    ) -> PacketBuf<'a> {
        if let Some(room) = self.head.first_chunk_mut() {
            *room = header.to_bytes();
        }
        PacketBuf {
            head: self.head,
            start: 0,
            end: HEADER_LEN.saturating_add(self.fields_len),
            framing_extras: framing_extras.as_bytes(),
            key: self.key,
            value: self.value,
        }
    }

    /// Appends header and fields to `dst`, if all of the packet has room there, and gives what has
    /// to follow.
    #[inline(always)]
    pub(crate) fn encode_head(
        mut self,
        header: &Header,
        framing_extras: FramingExtras<'_>,
        dst: &mut impl BufMut,
    ) -> Result<[&'a [u8]; 2], EncodeError> {
        if dst.remaining_mut() < self.encoded_len(framing_extras) {
            return Err(no_room());
        }
        if let Some(room) = self.head.first_chunk_mut() {
            *room = header.to_bytes();
        }
        let len = Header::LEN.saturating_add(self.fields_len.into());
        let mut head = self.head.get(..len).unwrap_or_default();
        let between = framing_extras.as_bytes();
        if !between.is_empty() {
            let (header, fields) = head.split_at_checked(Header::LEN).unwrap_or_default();
            dst.put_slice(header);
            dst.put_slice(between);
            head = fields;
        }
        dst.put_slice(head);
        Ok([self.key, self.value])
    }

    #[inline(always)]
    fn lengths(&self, framing_extras: FramingExtras<'_>) -> SectionLengths {
        SectionLengths {
            framing_extras: framing_extras.as_bytes().len(),
            extras: self.extras_len.into(),
            key: self.key.len(),
            // Fields that are not extras are a value.
            value: usize::from(self.fields_len.saturating_sub(self.extras_len))
                .saturating_add(self.value.len()),
        }
    }
}

impl fmt::Debug for Parts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("lengths", &self.lengths(FramingExtras::ABSENT))
            .finish_non_exhaustive()
    }
}

// Out of line, so that writing a packet, of which this is the rare end, is compiled for speed.
#[cold]
#[inline(never)]
const fn missing(section: Section) -> EncodeError {
    EncodeError::Missing(section)
}

#[cold]
#[inline(never)]
const fn no_room() -> EncodeError {
    EncodeError::NoRoom
}

/// An encoded packet in a few chunks: a head of its own, key and value where they were.
///
/// For vectored writes: `chunks_vectored` gives all that is left of it in
/// at most five slices, three if there are no framing extras.
#[derive(Clone)]
pub struct PacketBuf<'a> {
    /// Header and fields; `start..end` are still to be read.
    head: [u8; Header::LEN + FIELDS_MAX],
    start: u8,
    end: u8,
    /// Between header and fields.
    framing_extras: &'a [u8],
    key: &'a [u8],
    value: &'a [u8],
}

impl<'a> PacketBuf<'a> {
    /// A packet whose body is one piece.
    pub(crate) fn of(header: &Header, body: &'a [u8]) -> Self {
        Parts::EMPTY
            .value(body)
            .into_buf(header, FramingExtras::ABSENT)
    }

    /// Appends what is left to `dst`: all of it, or on [`EncodeError::NoRoom`] none.
    #[inline]
    pub fn encode(&self, dst: &mut impl BufMut) -> Result<(), EncodeError> {
        if dst.remaining_mut() < self.remaining() {
            return Err(no_room());
        }
        if self.framing_extras.is_empty() {
            dst.put_slice(self.head(self.start, self.end));
            dst.put_slice(self.key);
            dst.put_slice(self.value);
        } else {
            for chunk in self.chunks() {
                dst.put_slice(chunk);
            }
        }
        Ok(())
    }

    #[inline]
    fn head(&self, start: u8, end: u8) -> &[u8] {
        self.head
            .get(usize::from(start)..usize::from(end))
            .unwrap_or_default()
    }

    /// Where the framing extras cut the head in two.
    #[inline]
    fn cut(&self) -> u8 {
        if self.framing_extras.is_empty() {
            self.end
        } else {
            HEADER_LEN
        }
    }

    #[inline]
    fn chunks(&self) -> [&[u8]; 5] {
        let cut = self.cut();
        [
            self.head(self.start, cut),
            self.framing_extras,
            self.head(cut, self.end),
            self.key,
            self.value,
        ]
    }
}

impl Buf for PacketBuf<'_> {
    #[inline]
    fn remaining(&self) -> usize {
        self.chunks().iter().map(|chunk| chunk.len()).sum()
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        let left = |chunk: &&[u8]| !chunk.is_empty();
        self.chunks().into_iter().find(left).unwrap_or_default()
    }

    #[cfg(feature = "std")]
    fn chunks_vectored<'a>(&'a self, dst: &mut [std::io::IoSlice<'a>]) -> usize {
        let chunks = self.chunks();
        let left = chunks.into_iter().filter(|chunk| !chunk.is_empty());
        dst.iter_mut()
            .zip(left)
            .map(|(slot, chunk)| *slot = std::io::IoSlice::new(chunk))
            .count()
    }

    /// # Panics
    ///
    /// If `count` exceeds [`remaining`](Buf::remaining), as the trait demands.
    fn advance(&mut self, count: usize) {
        assert!(
            count <= self.remaining(),
            "advance past the end of the packet"
        );
        let cut = self.cut();
        let mut left = advance_head(&mut self.start, cut, count);
        left = advance_slice(&mut self.framing_extras, left);
        left = advance_head(&mut self.start, self.end, left);
        left = advance_slice(&mut self.key, left);
        advance_slice(&mut self.value, left);
    }
}

/// Moves `start` towards `end`, and gives how much of `count` that leaves.
fn advance_head(start: &mut u8, end: u8, count: usize) -> usize {
    let room = end.saturating_sub(*start);
    let step = u8::try_from(count).map_or(room, |count| count.min(room));
    *start = start.saturating_add(step);
    count.saturating_sub(step.into())
}

/// Takes up to `count` bytes off the front, and gives how much of `count` that leaves.
fn advance_slice(slice: &mut &[u8], count: usize) -> usize {
    let step = count.min(slice.len());
    *slice = slice.get(step..).unwrap_or_default();
    count.saturating_sub(step)
}

impl fmt::Debug for PacketBuf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacketBuf")
            .field("remaining", &self.remaining())
            .finish_non_exhaustive()
    }
}
