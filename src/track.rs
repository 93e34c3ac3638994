//! What DCP does over time: small state machines without I/O.
//!
//! Each is a value that is told what happened and says what to do. None of them owns a socket,
//! reads a clock or starts anything; they take parsed messages, so that the same machine serves a
//! consumer, a proxy between two servers and a test.
//!
//! | machine                    | one per           | what it answers                      | bytes    |
//! |----------------------------|-------------------|--------------------------------------|---------:|
//! | [`negotiate::Negotiation`] | connection        | what to ask for; what is in force    |      184 |
//! | [`resume::Cursor`]         | stream            | from where to go on                  |       80 |
//! | [`flow::ConsumerLedger`]   | connection        | how much to acknowledge              |       40 |
//! | [`flow::ProducerLedger`]   | connection        | whether more may be sent             |       32 |
//! | [`noop::NoopResponder`]    | connection        | whether the producer is still there  |       32 |
//! | [`noop::NoopSender`]       | connection        | whether the consumer is still there  |       72 |
//! | [`answers::Answers`]       | end of connection | what an answer belongs to            | 56 and a map entry per stream |
//!
//! * Time is an argument: `now` is a [`Duration`](core::time::Duration) since an instant of the
//!   caller's choosing. `next_timeout` says when to call `poll` if nothing happens before.
//! * Whatever order events come in, no machine panics, and none allocates for a message of a
//!   stream.
//! * What the other end may not do is a violation: an error that says what and why. Unless the doc
//!   of the machine says otherwise it leaves the machine as it was, so what follows is judged as
//!   if the offending message had not come.

pub mod answers;
pub mod flow;
pub mod negotiate;
pub mod noop;
pub mod resume;

pub use answers::Answers;
pub use flow::{ConsumerLedger, ProducerLedger};
pub use negotiate::{Negotiated, Negotiation, Plan, Wanted};
pub use noop::{NoopResponder, NoopSender};
pub use resume::{Checkpoint, Cursor};
