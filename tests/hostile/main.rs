//! What a hostile peer may send, and what it costs: time in step with what has arrived, and hardly
//! any memory.

#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test may panic"
)]

#[path = "../common/mod.rs"]
mod common;
mod framing;
mod machines;
#[path = "../common/memory.rs"]
mod memory;
mod messages;
mod values;
