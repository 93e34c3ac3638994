//! A duration in 16 bits, finer the shorter it is.

use core::{fmt, time::Duration};

/// How long something took, from nothing to two minutes in 16 bits.
///
/// Decoding gives `n ^ 1.74 / 2` microseconds, truncated; encoding rounds to the nearest
/// (reference 2.3: the server's own way; some clients truncate and round the other way round).
///
/// ```
/// use core::time::Duration;
/// use mcbp::EncodedDuration;
///
/// let sent = EncodedDuration::from(Duration::from_micros(1331));
/// assert_eq!(sent, EncodedDuration(93));
/// assert_eq!(Duration::from(sent), Duration::from_micros(1330));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct EncodedDuration(pub u16);

impl EncodedDuration {
    /// What the largest value stands for, in microseconds: whatever takes longer is sent as this.
    pub const MAX_MICROS: u32 = 120_125_042;

    /// The duration in microseconds.
    pub fn as_micros(self) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the largest is MAX_MICROS, and truncation is the rule"
        )]
        let micros = (pow_1_74(self.0.into()) / 2.0) as u32;
        micros
    }

    /// The value that comes nearest to this many microseconds.
    pub fn from_micros(micros: u32) -> Self {
        let twice = f64::from(micros.min(Self::MAX_MICROS)) * 2.0;
        // The smallest value whose upper rounding bound lies above.
        let (mut low, mut high) = (0_u16, u16::MAX);
        while low < high {
            let middle = low.midpoint(high);
            if pow_1_74(f64::from(middle) + 0.5) > twice {
                high = middle;
            } else {
                low = middle.saturating_add(1);
            }
        }
        Self(low)
    }
}

/// `x ^ 1.74`: `core` has no `powf`.
fn pow_1_74(x: f64) -> f64 {
    if x < 0.5 {
        return 0.0;
    }
    // The 50th root by Newton's method, from above: that of 65,536 is less than 1.25.
    let mut root = 1.25;
    for _ in 0..32 {
        let power_49 = power(root, 49);
        root -= (power_49 * root - x) / (50.0 * power_49);
    }
    // 1.74 = 1 + 37 / 50
    x * power(root, 37)
}

/// `x ^ exponent`.
fn power(mut x: f64, mut exponent: u32) -> f64 {
    let mut product = 1.0;
    while exponent > 0 {
        if exponent % 2 == 1 {
            product *= x;
        }
        x *= x;
        exponent /= 2;
    }
    product
}

impl From<EncodedDuration> for Duration {
    fn from(encoded: EncodedDuration) -> Self {
        Self::from_micros(encoded.as_micros().into())
    }
}

impl From<Duration> for EncodedDuration {
    fn from(duration: Duration) -> Self {
        Self::from_micros(u32::try_from(duration.as_micros()).unwrap_or(u32::MAX))
    }
}

impl fmt::Debug for EncodedDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for EncodedDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&Duration::from(*self), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reference 2.3, whose check values are rounded as some clients do, where the server
    /// truncates.
    #[test]
    fn known_answers() {
        for (encoded, rounded) in [(93, 1331), (452, 20_841), (1236, 119_973)] {
            let truncated = EncodedDuration(encoded).as_micros();
            assert!(
                [rounded - 1, rounded].contains(&truncated),
                "{encoded}: {truncated}"
            );
            assert_eq!(
                EncodedDuration::from_micros(rounded),
                EncodedDuration(encoded)
            );
        }
        for (encoded, micros) in [(0, 0), (1, 0), (2, 1), (93, 1330), (1236, 119_972)] {
            assert_eq!(EncodedDuration(encoded).as_micros(), micros, "{encoded}");
        }
        assert_eq!(
            EncodedDuration(u16::MAX).as_micros(),
            EncodedDuration::MAX_MICROS
        );
        for micros in [EncodedDuration::MAX_MICROS, u32::MAX] {
            assert_eq!(
                EncodedDuration::from_micros(micros),
                EncodedDuration(u16::MAX)
            );
        }
        assert_eq!(EncodedDuration::from_micros(0), EncodedDuration(0));
        assert_eq!(
            EncodedDuration::from(Duration::MAX),
            EncodedDuration(u16::MAX)
        );
        assert_eq!(std::format!("{:?}", EncodedDuration(93)), "1.33ms");
    }

    /// The formula as the server computes it, for every value.
    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "truncation is the rule")]
    fn every_value_is_that_of_the_formula() {
        for encoded in 0..=u16::MAX {
            let micros = (f64::from(encoded).powf(1.74) / 2.0) as u32;
            assert_eq!(EncodedDuration(encoded).as_micros(), micros, "{encoded}");
            let again = ((f64::from(micros) * 2.0).powf(1.0 / 1.74) + 0.5) as u16;
            assert_eq!(
                EncodedDuration::from_micros(micros),
                EncodedDuration(again),
                "{micros}"
            );
        }
    }
}
