//! What is measured, and how it is done by hand and with the crate.
#![allow(dead_code, unused_imports, reason = "no bench uses all of it")]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "a measurement may panic"
)]

mod capture;
mod corpus;
pub(crate) mod events;
mod floor;
mod inside;
mod leaves;
pub(crate) mod subject;
mod task;

pub(crate) use corpus::{Corpus, Form};
pub(crate) use task::{Prepared, Run, Task};
