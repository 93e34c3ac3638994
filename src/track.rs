//! What DCP does over time: small state machines without I/O.
//!
//! Each is a value that is told what happened and says what to do. None of them owns a socket,
//! reads a clock or starts anything; they take parsed messages, so that the same machine serves a
//! consumer, a proxy between two servers and a test.
//!
//! * Time is an argument: `now` is a [`Duration`](core::time::Duration) since an instant of the
//!   caller's choosing. `next_timeout` says when to call `poll` if nothing happens before.
//! * Whatever order events come in, no machine panics, and none allocates for a message.
//! * What the other end may not do is a violation: an error that says what and why. It leaves the
//!   machine as it was, so what follows is judged as if the offending message had not come.
//!
//! | machine                              | one per          | answers the question              |
//! |--------------------------------------|------------------|-----------------------------------|
//! | [`flow::ConsumerLedger`]             | connection       | how much is to be acknowledged?   |
//! | [`flow::ProducerLedger`]             | connection       | may more be sent?                 |
//! | [`noop::NoopResponder`]              | connection       | is the producer still there?      |
//! | [`noop::NoopSender`]                 | connection       | is the consumer still there?      |
//! | [`resume::Cursor`]                   | stream           | from where to go on?              |
//! | [`answers::Answers`]                 | end of a connection | what does this answer belong to? |

pub mod answers;
pub mod flow;
pub mod noop;
pub mod resume;

pub use answers::Answers;
pub use flow::{ConsumerLedger, ProducerLedger};
pub use noop::{NoopResponder, NoopSender};
pub use resume::{Checkpoint, Cursor};
