//! The high seqnos of many vbuckets.

use core::fmt;

use nom::{Parser, combinator::all_consuming, multi::many0_count};

use crate::cursor::{Parsed, be_u16, be_u64};
use crate::message::Payload;
use crate::{Body, MessageError, Parts};

/// The high seqnos of vbuckets, in any order; may be empty.
///
/// | entry | field     |     |
/// |------:|-----------|-----|
/// |  0..2 | `vbucket` | u16 |
/// | 2..10 | `seqno`   | u64 |
///
/// Reference 8.4.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct VbSeqnos<'a>(&'a [u8]);

/// The high seqno of a vbucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VbSeqno {
    /// The vbucket.
    pub vbucket: u16,
    /// The last seqno in it.
    pub seqno: u64,
}

impl VbSeqno {
    const LEN: usize = 10;

    /// The entry as it stands in a list.
    pub const fn to_bytes(self) -> [u8; Self::LEN] {
        let [v0, v1] = self.vbucket.to_be_bytes();
        let [s0, s1, s2, s3, s4, s5, s6, s7] = self.seqno.to_be_bytes();
        [v0, v1, s0, s1, s2, s3, s4, s5, s6, s7]
    }
}

fn entry(input: &[u8]) -> Parsed<'_, VbSeqno> {
    let (rest, (vbucket, seqno)) = (be_u16, be_u64).parse(input)?;
    Ok((rest, VbSeqno { vbucket, seqno }))
}

impl<'a> VbSeqnos<'a> {
    /// The list in these bytes; `None` if an entry is cut off.
    pub const fn new(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() % VbSeqno::LEN != 0 {
            return None;
        }
        Some(Self(bytes))
    }

    /// The entries, as they follow each other.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = VbSeqno> + Clone + use<'a> {
        // They are whole, so none is left out.
        self.0
            .chunks_exact(VbSeqno::LEN)
            .filter_map(|bytes| entry(bytes).ok().map(|(_, entry)| entry))
    }

    /// The list as it stands on the wire.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Payload<'a> for VbSeqnos<'a> {
    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        body.value().read(all_consuming(many0_count(entry)))?;
        Ok(Self(body.value))
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::EMPTY.value(self.0)
    }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for VbSeqnos<'a> {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        let len = u.int_in_range(0..=64_usize)?.saturating_mul(VbSeqno::LEN);
        Self::new(u.bytes(len)?).ok_or(arbitrary::Error::IncorrectFormat)
    }
}

impl fmt::Debug for VbSeqnos<'_> {
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
            VbSeqno {
                vbucket: 0x0001,
                seqno: 0x0203_0405_0607_0809,
            },
            VbSeqno {
                vbucket: 0x0a0b,
                seqno: 0x0c0d_0e0f_1011_1213,
            },
        ];
        let bytes = entries.map(VbSeqno::to_bytes).concat();
        assert!(bytes.iter().copied().eq(0..20));
        let seqnos = VbSeqnos::new(&bytes).expect("whole entries");
        assert_eq!(seqnos.iter().collect::<Vec<_>>(), entries);
        assert_eq!(format!("{seqnos:?}"), format!("{entries:?}"));
    }

    #[test]
    fn only_whole_entries() {
        for len in 0..32 {
            let whole = len % 10 == 0;
            assert_eq!(VbSeqnos::new(&[0; 32][..len]).is_some(), whole, "{len}");
        }
    }
}
