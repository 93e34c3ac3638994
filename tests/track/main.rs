//! The state machines, from outside: their tables walked, and what the tables do not say.

#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test may panic"
)]

mod anything;
mod dice;
mod game;
mod messages;
mod model;
mod properties;
mod races;
mod streams;
mod table;
mod takeover;
