//! The features of a `HELLO`.

use core::fmt;

use bytes::BufMut;
use nom::{Parser, combinator::all_consuming, multi::many0_count};

use crate::cursor::{Parsed, be_u16};
use crate::message::Payload;
use crate::{Body, EncodeError, Feature, MessageError, Parts};

/// A list of features, in any order; may be empty, may repeat itself.
///
/// Each [`Feature`] is a u16. A server grants what it knows in ascending order, each once.
///
/// ```
/// use mcbp::{Feature, kv::Features};
///
/// let mut bytes = Vec::new();
/// Features::encode(&[Feature::XERROR, Feature::JSON], &mut bytes)?;
/// assert_eq!(bytes, [0x00, 0x07, 0x00, 0x0b]);
/// let features = Features::new(&bytes).expect("whole features");
/// assert!(features.contains(Feature::JSON));
/// # Ok::<(), mcbp::EncodeError>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Features<'a>(&'a [u8]);

const FEATURE_LEN: usize = 2;

fn feature(input: &[u8]) -> Parsed<'_, Feature> {
    be_u16.map(Feature).parse(input)
}

impl<'a> Features<'a> {
    /// The features in these bytes; `None` if one is cut off.
    pub const fn new(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() % FEATURE_LEN != 0 {
            return None;
        }
        Some(Self(bytes))
    }

    /// Reads features that fill the value.
    pub(crate) fn read(body: Body<'a>) -> Result<Self, MessageError> {
        body.value().read(all_consuming(many0_count(feature)))?;
        Ok(Self(body.value))
    }

    /// The features, as they follow each other.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Feature> + Clone + use<'a> {
        // They are whole, so none is left out.
        self.0
            .chunks_exact(FEATURE_LEN)
            .filter_map(|bytes| feature(bytes).ok().map(|(_, feature)| feature))
    }

    /// Whether this is one of them.
    pub fn contains(self, feature: Feature) -> bool {
        self.iter().any(|each| each == feature)
    }

    /// The list as it stands on the wire.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Appends `features` to `dst`, to make a list for [`new`](Self::new).
    ///
    /// # Errors
    ///
    /// [`EncodeError::NoRoom`] if `dst` cannot take all of them; then nothing was written.
    pub fn encode(features: &[Feature], dst: &mut impl BufMut) -> Result<(), EncodeError> {
        if dst.remaining_mut() < features.len().saturating_mul(FEATURE_LEN) {
            return Err(EncodeError::NoRoom);
        }
        for feature in features {
            dst.put_u16(feature.0);
        }
        Ok(())
    }
}

impl<'a> Payload<'a> for Features<'a> {
    #[inline]
    fn read(body: Body<'a>) -> Result<Self, MessageError> {
        Self::read(body)
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts::EMPTY.value(self.0)
    }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for Features<'a> {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        let len = u.int_in_range(0..=64_usize)?.saturating_mul(FEATURE_LEN);
        Self::new(u.bytes(len)?).ok_or(arbitrary::Error::IncorrectFormat)
    }
}

impl fmt::Debug for Features<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{format, vec::Vec};

    #[test]
    fn features_in_both_directions() {
        let all: Vec<_> = (0..=u16::MAX).map(Feature).collect();
        let mut bytes = Vec::new();
        Features::encode(&all, &mut bytes).expect("room");
        assert_eq!(bytes[0x000b * 2..][..2], [0x00, 0x0b]);
        assert_eq!(bytes[0x1234 * 2..][..2], [0x12, 0x34]);
        let features = Features::new(&bytes).expect("whole features");
        assert!(features.iter().eq(all));
    }

    #[test]
    fn only_whole_features() {
        for len in 0..10 {
            let whole = len % 2 == 0;
            assert_eq!(Features::new(&[0; 10][..len]).is_some(), whole, "{len}");
        }
    }

    #[test]
    fn all_or_nothing() {
        for len in 0..4 {
            let mut room = [0xa5; 4];
            let mut dst = &mut room[..len];
            let written = Features::encode(&[Feature::JSON; 2], &mut dst);
            assert_eq!(written, Err(EncodeError::NoRoom), "{len}");
            assert_eq!(room, [0xa5; 4]);
        }
        let mut room = [0xa5; 4];
        Features::encode(&[Feature::JSON; 2], &mut room.as_mut_slice()).expect("room");
        assert_eq!(room, [0, 0x0b, 0, 0x0b]);
    }

    #[test]
    fn contains() {
        let features = Features::new(&[0, 0x0b, 0x12, 0x34]).expect("whole features");
        assert!(features.contains(Feature::JSON));
        assert!(features.contains(Feature(0x1234)));
        assert!(!features.contains(Feature::SNAPPY));
    }

    #[test]
    fn debug() {
        let features = Features::new(&[0, 0x0b, 0x12, 0x34]).expect("whole features");
        assert_eq!(format!("{features:?}"), "[JSON, Feature(0x1234)]");
    }
}
