//! How a value is to be read: the sixth byte of the header.

bitflags::bitflags! {
    /// How a value is to be read (reference 3).
    ///
    /// The bits combine freely; Snappy, the outermost layer, comes off first. The server answers a
    /// request with any other bit, or with one not negotiated, with `EINVAL`. After
    /// [`NO_VALUE_WITH_UNDERLYING_DATATYPE`][flag] the bits are those of the stored document, while
    /// the value is shortened or missing.
    ///
    /// [flag]: crate::OpenFlags::NO_VALUE_WITH_UNDERLYING_DATATYPE
    #[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
    #[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
    pub struct Datatype: u8 {
        /// The body of the document is JSON; negotiated by
        /// [`Feature::JSON`](crate::Feature::JSON), and switched on by `DCP_OPEN`.
        const JSON = 0x01;
        /// The whole value, extended attributes and body, is one raw Snappy block; negotiated by
        /// [`Feature::SNAPPY`](crate::Feature::SNAPPY) or
        /// [`Feature::SNAPPY_EVERYWHERE`](crate::Feature::SNAPPY_EVERYWHERE).
        const SNAPPY = 0x02;
        /// The value, inflated if need be, begins with extended attributes; negotiated by
        /// [`Feature::XATTR`](crate::Feature::XATTR).
        const XATTR = 0x04;

        const _ = !0;
    }
}

impl Datatype {
    /// Nothing is known about the value, and nothing has to be undone.
    pub const RAW: Self = Self::empty();
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;
    use crate::codes::dcp::tests::named;

    #[test]
    fn bits() {
        let expected = [("JSON", 0x01), ("SNAPPY", 0x02), ("XATTR", 0x04)];
        assert!(named::<Datatype>().eq(expected));
        assert_eq!(Datatype::RAW, Datatype::default());
        assert_eq!(Datatype::RAW.bits(), 0);
    }

    #[test]
    fn unknown_bits_are_kept() {
        for byte in 0..=u8::MAX {
            assert_eq!(
                Datatype::from_bits(byte).map(|bits| bits.bits()),
                Some(byte)
            );
        }
        let datatype = Datatype::from_bits_retain(0x81);
        assert_eq!(format!("{datatype:?}"), "Datatype(JSON | 0x80)");
    }
}
