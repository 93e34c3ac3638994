//! The failover log: the branches of a vbucket's history.

use core::fmt;

use nom::{Parser, combinator::all_consuming, multi::many1_count};

use crate::cursor::{Parsed, be_u64};
use crate::message::Payload;
use crate::{Body, MessageError, MessageErrorKind, Parts, Section};

/// The branches of a vbucket's history, the newest first; never empty.
///
/// | entry  | field          |     |
/// |-------:|----------------|-----|
/// |   0..8 | `vbucket_uuid` | u64 |
/// |  8..16 | `seqno`        | u64 |
///
/// A server keeps 25 of them by default (reference 8.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FailoverLog<'a>(&'a [u8]);

/// A branch of a vbucket's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FailoverEntry {
    /// The name of the branch; never 0.
    pub vbucket_uuid: u64,
    /// The seqno after which it begins.
    pub seqno: u64,
}

impl FailoverEntry {
    const LEN: usize = 16;

    /// The entry as it stands in a log.
    pub const fn to_bytes(self) -> [u8; Self::LEN] {
        let both = (self.vbucket_uuid as u128) << 64 | self.seqno as u128;
        both.to_be_bytes()
    }
}

#[inline]
fn entry(input: &[u8]) -> Parsed<'_, FailoverEntry> {
    let (rest, (vbucket_uuid, seqno)) = (be_u64, be_u64).parse(input)?;
    let entry = FailoverEntry {
        vbucket_uuid,
        seqno,
    };
    Ok((rest, entry))
}

impl<'a> FailoverLog<'a> {
    /// The log in these bytes; `None` unless they are whole entries, and at least one.
    pub const fn new(bytes: &'a [u8]) -> Option<Self> {
        if bytes.is_empty() || bytes.len() % FailoverEntry::LEN != 0 {
            return None;
        }
        Some(Self(bytes))
    }

    /// The entries, the newest first.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = FailoverEntry> + Clone + use<'a> {
        // They are whole, so none is left out.
        self.0
            .chunks_exact(FailoverEntry::LEN)
            .filter_map(|bytes| entry(bytes).ok().map(|(_, entry)| entry))
    }

    /// The log as it stands on the wire.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Payload<'a> for FailoverLog<'a> {
    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        if body.value.is_empty() {
            return Err(body.error(Section::Value, MessageErrorKind::Missing));
        }
        body.value().read(all_consuming(many1_count(entry)))?;
        Ok(Self(body.value))
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::EMPTY.value(self.0)
    }
}

impl fmt::Debug for FailoverLog<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{format, vec::Vec};

    #[test]
    fn entries_in_both_directions() {
        let entries = [
            FailoverEntry {
                vbucket_uuid: 0xfeed_dead_beef_cafe,
                seqno: 0x5432,
            },
            FailoverEntry {
                vbucket_uuid: 1,
                seqno: 0,
            },
        ];
        let bytes = entries.map(FailoverEntry::to_bytes).concat();
        assert_eq!(
            bytes[..16],
            *b"\xfe\xed\xde\xad\xbe\xef\xca\xfe\0\0\0\0\0\0\x54\x32"
        );
        let log = FailoverLog::new(&bytes).expect("whole entries");
        assert_eq!(log.iter().collect::<Vec<_>>(), entries);
        assert_eq!(format!("{log:?}"), format!("{entries:?}"));
    }

    #[test]
    fn only_whole_entries() {
        for len in 0..50 {
            let whole = len > 0 && len % 16 == 0;
            assert_eq!(FailoverLog::new(&[0; 50][..len]).is_some(), whole, "{len}");
        }
    }
}
