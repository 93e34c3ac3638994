//! The data node in memory: what it does is what nodes were seen to do.

#[path = "testing/client.rs"]
mod client;
#[path = "testing/faults.rs"]
mod faults;
#[path = "testing/flow.rs"]
mod flow;
#[path = "testing/refusals.rs"]
mod refusals;
#[path = "testing/replication.rs"]
mod replication;
#[path = "testing/set_up.rs"]
mod set_up;
#[path = "testing/streams.rs"]
mod streams;
