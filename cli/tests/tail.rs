//! `mcbp tail` against a data node that lives in memory, over sockets of the loopback.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a panic is what a test is for"
)]

#[path = "tail/bad_input.rs"]
mod bad_input;
#[path = "tail/binary.rs"]
mod binary;
#[path = "tail/changes.rs"]
mod changes;
#[path = "tail/faults.rs"]
mod faults;
#[path = "tail/harness.rs"]
mod harness;
#[path = "tail/load.rs"]
mod load;
#[path = "tail/tls.rs"]
mod tls;
