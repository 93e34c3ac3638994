//! Who decides what happens next.

#![allow(dead_code, reason = "not every model rolls the dice in every way")]

/// Decides what happens next: at random, or as a fuzzer wants it.
pub(crate) trait Dice {
    /// A number below `n`.
    fn below(&mut self, n: u64) -> u64;

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// xorshift64*: the same sequence for the same seed, everywhere.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }
}

impl Dice for Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n
    }
}

/// What someone else has rolled: each number takes as many bytes as the bound needs. Zeros follow.
pub(crate) struct Rolled<'a>(pub(crate) &'a [u8]);

impl Rolled<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Dice for Rolled<'_> {
    fn below(&mut self, n: u64) -> u64 {
        let mut number = 0;
        let mut bound = n - 1;
        while bound > 0 {
            let (&byte, rest) = self.0.split_first().unwrap_or((&0, &[]));
            number = number << 8 | u64::from(byte);
            self.0 = rest;
            bound >>= 8;
        }
        number % n
    }
}
