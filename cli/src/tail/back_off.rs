//! How long to wait before the next try.

use core::time::Duration;

/// Waits that double, from a tenth of a second to ten. There is one `tail` to a node, not a
/// thousand that were cut off at once, so nothing is left to chance.
#[derive(Debug, Clone, Copy)]
pub(super) struct BackOff(Duration);

impl BackOff {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(10);

    /// How long to wait now.
    pub(super) fn next(&mut self) -> Duration {
        let wait = self.0;
        self.0 = wait.saturating_mul(2).min(Self::LONGEST);
        wait
    }

    /// It went well: the next wait is short again.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

impl Default for BackOff {
    fn default() -> Self {
        Self(Self::FIRST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_a_limit() {
        let mut back_off = BackOff::default();
        let waits: Vec<_> = (0..9).map(|_| back_off.next().as_millis()).collect();
        assert_eq!(
            waits,
            [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]
        );
        back_off.reset();
        assert_eq!(back_off.next(), BackOff::FIRST);
    }
}
