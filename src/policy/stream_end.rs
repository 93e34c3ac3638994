//! What a consumer does when a stream ends.

use core::fmt;

use crate::StreamEndReason;

/// What a consumer does about a stream that ended (reference 6.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamEndAction {
    /// Nothing: the stream did what it was to do, or will not come back.
    Stop,
    /// Open it again, from where it ended.
    Reopen,
    /// Open it again, but not at once, and later each time it ends like this.
    ReopenWithBackOff,
    /// Get the current cluster map, and open the stream again at the node that has the vbucket.
    ReopenWithNewClusterMap,
    /// Open it again; the answer will say how far to roll back.
    RollBack,
}

impl fmt::Display for StreamEndAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Stop => "stop",
            Self::Reopen => "reopen",
            Self::ReopenWithBackOff => "reopen with back-off",
            Self::ReopenWithNewClusterMap => "reopen with a new cluster map",
            Self::RollBack => "roll back",
        })
    }
}

/// What to do when a stream ends for a reason, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamEndAdvice {
    /// What the producer says; `None` for all that has no line of its own.
    pub reason: Option<StreamEndReason>,
    /// What to do.
    pub action: StreamEndAction,
    /// Why, in a sentence.
    pub why: &'static str,
}

/// The advice on every reason; the last line is for all others.
#[rustfmt::skip] // A line per reason.
pub static STREAM_ENDS: &[StreamEndAdvice] = &[
    on(StreamEndReason::OK, StreamEndAction::Stop,
        "The end seqno is reached or the takeover done; to a client without collections it also \
         stands for FILTER_EMPTY and LOST_PRIVILEGES."),
    on(StreamEndReason::CLOSED, StreamEndAction::Stop,
        "The consumer closed it."),
    on(StreamEndReason::STATE_CHANGED, StreamEndAction::ReopenWithNewClusterMap,
        "The vbucket moved to another node or was rolled back, which the producer does not tell \
         apart."),
    on(StreamEndReason::DISCONNECTED, StreamEndAction::Reopen,
        "The connection was closed; no producer sends it."),
    on(StreamEndReason::SLOW, StreamEndAction::Reopen,
        "The producer dropped what the consumer was too slow to take."),
    on(StreamEndReason::BACKFILL_FAIL, StreamEndAction::ReopenWithBackOff,
        "The producer could not read its disk, and may not be able to at once."),
    on(StreamEndReason::ROLLBACK, StreamEndAction::RollBack,
        "The vbucket was rolled back; current producers say STATE_CHANGED."),
    on(StreamEndReason::FILTER_EMPTY, StreamEndAction::Stop,
        "The collections that the stream was about are gone."),
    on(StreamEndReason::LOST_PRIVILEGES, StreamEndAction::Stop,
        "The user may no longer read what the stream was about."),
    OTHER,
];

/// A later release may have more reasons.
const OTHER: StreamEndAdvice = StreamEndAdvice {
    reason: None,
    action: StreamEndAction::ReopenWithBackOff,
    why: "Nobody knows what the reason means, so neither give up nor hurry.",
};

const fn on(
    reason: StreamEndReason,
    action: StreamEndAction,
    why: &'static str,
) -> StreamEndAdvice {
    StreamEndAdvice {
        reason: Some(reason),
        action,
        why,
    }
}

/// What a consumer does when a stream ends for this reason.
///
/// ```
/// use mcbp::StreamEndReason;
/// use mcbp::policy::{self, StreamEndAction};
///
/// let advice = policy::stream_end(StreamEndReason::STATE_CHANGED);
/// assert_eq!(advice.action, StreamEndAction::ReopenWithNewClusterMap);
/// let advice = policy::stream_end(StreamEndReason(99));
/// assert_eq!(advice.action, StreamEndAction::ReopenWithBackOff);
/// ```
pub fn stream_end(reason: StreamEndReason) -> &'static StreamEndAdvice {
    STREAM_ENDS
        .iter()
        .find(|advice| advice.reason.is_none_or(|own| own == reason))
        .unwrap_or(&OTHER)
}
