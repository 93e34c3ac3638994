//! What a takeover depends on, and how far it is.

use alloc::vec::Vec;
use core::time::Duration;

use crate::{Status, StreamFlags};

/// How a vbucket is taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What the consumer is to ask for, beside [`StreamFlags::TAKE_OVER`].
    pub flags: StreamFlags,
    /// The answers to `ADD_STREAM` by which the consumer asks to try again later.
    pub try_later: Vec<Status>,
    /// How often to try again.
    pub retries: u8,
    /// How long to wait before the second try; twice as long before each further one.
    pub first_pause: Duration,
    /// How long to wait at most.
    pub longest_pause: Duration,
    /// How long a try may take, from `ADD_STREAM` on: all of the vbucket's data has to fit in.
    pub timeout: Duration,
    /// How long to wait for the answer to `ADD_STREAM` when the stream has ended.
    pub grace: Duration,
    /// How long to wait for the stream of a failed try to be closed.
    pub close_timeout: Duration,
}

/// No further flags; `ETMPFAIL` and `EBUSY`; five retries, after a quarter of a second to ten
/// seconds; ten minutes for a try, a second of grace, ten seconds to close.
impl Default for Config {
    fn default() -> Self {
        Self {
            flags: StreamFlags::empty(),
            try_later: [Status::ETMPFAIL, Status::EBUSY].into(),
            retries: 5,
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(10),
            timeout: Duration::from_secs(600),
            grace: Duration::from_secs(1),
            close_timeout: Duration::from_secs(10),
        }
    }
}

/// How far a takeover is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// None is under way.
    Idle,
    /// The consumer was told to add the stream, or is about to be.
    Requested,
    /// The consumer has asked for the stream, so its opaque is known.
    Streaming,
    /// The consumer has added the stream; the vbucket is not active.
    Acknowledged,
    /// The vbucket is active; whether the consumer has added the stream is not known.
    Active,
    /// The stream has ended; whether the consumer has added it is not known.
    Ended,
    /// The try has failed, and its stream is being closed.
    Closing,
    /// The next try is waiting for its time.
    Pausing,
}
