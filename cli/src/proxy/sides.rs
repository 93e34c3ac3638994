//! What there is one of for each side.

use mcbp::track::Side;

/// What there is one of for each side.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sides<T> {
    /// For the consumer.
    pub consumer: T,
    /// For the producer.
    pub producer: T,
}

impl<T> Sides<T> {
    /// For this side.
    pub const fn of(&self, side: Side) -> &T {
        match side {
            Side::Consumer => &self.consumer,
            Side::Producer => &self.producer,
        }
    }

    /// For this side.
    pub const fn of_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Consumer => &mut self.consumer,
            Side::Producer => &mut self.producer,
        }
    }
}

/// What to call a side in a sentence.
pub(super) const fn name(side: Side) -> &'static str {
    match side {
        Side::Consumer => "consumer",
        Side::Producer => "producer",
    }
}
