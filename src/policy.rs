//! Does this error kill my connection?
//!
//! | status of a response to a DCP message | a producer of 7.0 and later | with `v7_dcp_status_codes` |
//! |---------------------------------------|-----------------------------|----------------------------|
//! | `SUCCESS`                             | no                          | no                         |
//! | `NOT_MY_VBUCKET`                      | no: one stream              | no: one stream             |
//! | `DCP_STREAM_NOT_FOUND`                | no: one stream              | no: one stream             |
//! | `OPAQUE_NO_MATCH`                     | no: one stream              | no: one stream             |
//! | `KEY_EEXISTS`                         | no: one stream              | **yes**                    |
//! | `KEY_ENOENT`                          | no: one stream; **yes** if it answers `DCP_COMMIT` or `DCP_ABORT` | **yes**, unless it answers `DCP_STREAM_END` |
//! | any other                             | **yes**                     | **yes**                    |
//!
//! * `DCP_SNAPSHOT_MARKER` and `DCP_SET_VBUCKET_STATE`: **no**, whatever the status; the response
//!   counts as the acknowledgement.
//! * `DCP_NOOP`: **no**, whatever the status, if the opaque is that of the noop; else as above,
//!   and `SUCCESS` too is fatal.
//! * `DCP_SEQNO_ADVANCED`, `DCP_OSO_SNAPSHOT`: **yes**, whatever the status: nobody may answer
//!   them.
//! * `DCP_CACHE_TRANSFER`: **no** on `ENOMEM`, which cancels the transfer; else as above.
//! * To a consumer, the answers to `DCP_STREAM_REQ`, `DCP_CONTROL`, `DCP_BUFFER_ACKNOWLEDGEMENT`
//!   and `DCP_SEQNO_ACKNOWLEDGED` are harmless in nearly every form, all other responses fatal.
//!
//! That is the short answer. The long one is a table: the first rule that matches decides, and the
//! last matches everything, so there is a verdict on every opcode and every status, each with the
//! rule that says so, the reason and the source.
//!
//! ```
//! use mcbp::policy::{self, Context, Edition, Judgement, OpaqueOwner, Role};
//! use mcbp::{Opcode, Status};
//!
//! let mutation = |edition| {
//!     Context::new(Role::Producer, edition, Opcode::DCP_MUTATION, OpaqueOwner::Stream)
//! };
//! let verdict = policy::judge(&mutation(Edition::V7_0), Status::KEY_EEXISTS);
//! assert_eq!(verdict.judgement, Judgement::StreamOnly);
//! assert_eq!(verdict.rule.id, "producer-key-eexists");
//! assert!(verdict.rule.source.starts_with("MB-37009"));
//!
//! let verdict = policy::judge(&mutation(Edition::V7_0StatusCodes), Status::KEY_EEXISTS);
//! assert!(verdict.is_fatal());
//! ```
//!
//! To judge otherwise, put rules of your own in front: see [`Policy`].
//!
//! # What the table is
//!
//! The decisions of the server's own ends, `DcpProducer::handleResponse` and
//! `DcpConsumer::handleResponse` (reference 11), and what its core decides before them (1.2). They
//! changed with the releases, so there are [`Edition`]s; of the consumer only the current
//! decisions are known, and stand for all. Not in the table: a connection that is marked for
//! closing closes whatever comes.
//!
//! The server's ends ask little of each other. A client asks more: `HELLO`, `DCP_OPEN`,
//! `DCP_CLOSE_STREAM`. The answers to those are [`OpaqueOwner::Request`]'s, and the rules `own-*`
//! are this crate's, not the server's.
//!
//! # The error map
//!
//! The server publishes what its statuses mean to a client (reference 8.6), and its own ends do
//! not read it. Who has the map can pass what it says of a status as [`Context::attributes`]:
//!
//! * For a status **without a name**, the map is heeded in either role: `conn-state-invalidated`
//!   and `special-handling` make it fatal, also where any status would have been kept.
//! * For `DCP_STREAM_NOT_FOUND` (0x0a) and `OPAQUE_NO_MATCH` (0x0b) the map says
//!   `conn-state-invalidated`, and the server's own producer keeps the connection. As a
//!   **producer** the table follows the producer: they concern one stream. As a **consumer** it
//!   follows the consumer, to whom a refused stream request is a stream lost. Where neither has
//!   an opinion, in the answers to [a client's own requests](OpaqueOwner::Request), it follows
//!   the map: they are fatal, unless the request was to open or close a stream.
//!
//! # The end of a stream
//!
//! `DCP_STREAM_END` is a request, not a response, and never fatal by itself. What to do then:
//!
#![doc = include_str!("policy/stream_ends.md")]
//!
//! # The table
//!
#![doc = include_str!("policy/table.md")]

mod context;

mod index;
mod markdown;
mod rule;
mod stream_end;
mod table;

use core::fmt;

pub use context::{Context, Edition, OpaqueOwner, Role, ValueShape};

pub use rule::{Rule, Set};
pub use stream_end::{STREAM_ENDS, StreamEndAction, StreamEndAdvice, stream_end};
pub use table::RULES;

use crate::Status;
use index::Index;

/// What to do about a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Judgement {
    /// Go on: nothing is wrong, or nothing but the request that this answers.
    Expected,
    /// Go on: the message that awaited acknowledgement is acknowledged, whatever the status.
    Acknowledges,
    /// Log it and keep the connection: one stream is concerned, or has ended.
    StreamOnly,
    /// Keep the connection and send no more of the cache: end the transfer.
    CancelsCacheTransfer,
    /// Close the connection.
    Fatal,
}

impl Judgement {
    /// All of them, the mildest first.
    pub const ALL: [Self; 5] = [
        Self::Expected,
        Self::Acknowledges,
        Self::StreamOnly,
        Self::CancelsCacheTransfer,
        Self::Fatal,
    ];
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Expected => "expected",
            Self::Acknowledges => "acknowledges",
            Self::StreamOnly => "stream only",
            Self::CancelsCacheTransfer => "cancels cache transfer",
            Self::Fatal => "fatal",
        })
    }
}

/// What to do about a response, and the rule that says so.
///
/// Prints as a sentence: `fatal: ... (producer-other; MB-37009, 6.6.0; reference 11.1 b, e, f)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// What to do.
    pub judgement: Judgement,
    /// The rule that says so.
    pub rule: &'a Rule<'a>,
}

impl Verdict<'_> {
    /// Whether the connection must be closed.
    #[inline]
    pub const fn is_fatal(&self) -> bool {
        matches!(self.judgement, Judgement::Fatal)
    }
}

impl<'a> From<&'a Rule<'a>> for Verdict<'a> {
    #[inline]
    fn from(rule: &'a Rule<'a>) -> Self {
        Self {
            judgement: rule.judgement,
            rule,
        }
    }
}

impl fmt::Display for Verdict<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rule {
            id, reason, source, ..
        } = self.rule;
        write!(f, "{}: {reason} ({id}; {source})", self.judgement)
    }
}

/// The verdict of the table on a response.
#[inline]
pub fn judge(context: &Context, status: Status) -> Verdict<'static> {
    static INDEX: Index = Index::new(RULES);
    INDEX
        .first(RULES, context, status)
        .unwrap_or(&table::LAST)
        .into()
}

/// The table in Markdown, as the [module's documentation](self#the-table) has it.
pub fn markdown() -> impl fmt::Display {
    markdown::Rules(&[], RULES)
}

/// The [advice on the ends of streams](STREAM_ENDS) in Markdown.
pub fn stream_ends_markdown() -> impl fmt::Display {
    markdown::StreamEnds
}

/// The table, with rules of your own in front.
///
/// ```
/// use mcbp::policy::{Context, Edition, Judgement, OpaqueOwner, Policy, Role, Rule, Set};
/// use mcbp::{Opcode, Status};
///
/// static POLICY: Policy<'_> = Policy::new(&[Rule {
///     id: "patient",
///     role: Some(Role::Producer),
///     statuses: Set::Only(&[Status::ETMPFAIL]),
///     judgement: Judgement::StreamOnly,
///     reason: "Our consumer pauses a stream by this status.",
///     source: "our cluster",
///     ..Rule::ANY
/// }]);
///
/// let mutation = Context::new(
///     Role::Producer,
///     Edition::V7_0,
///     Opcode::DCP_MUTATION,
///     OpaqueOwner::Stream,
/// );
/// assert_eq!(POLICY.judge(&mutation, Status::ETMPFAIL).rule.id, "patient");
/// assert_eq!(POLICY.judge(&mutation, Status::EBUSY).rule.id, "producer-other");
/// ```
///
/// Some kilobytes, for the sake of speed; made once, best at compile time.
#[derive(Clone)]
pub struct Policy<'a> {
    rules: &'a [Rule<'a>],
    index: Index,
}

impl<'a> Policy<'a> {
    /// These rules, the first that matches deciding; where none does, the table.
    pub const fn new(rules: &'a [Rule<'a>]) -> Self {
        let index = Index::new(rules);
        Self { rules, index }
    }

    /// The rules in front of the table.
    pub const fn rules(&self) -> &'a [Rule<'a>] {
        self.rules
    }

    /// The verdict on a response.
    #[inline]
    pub fn judge(&self, context: &Context, status: Status) -> Verdict<'a> {
        if let Some(rule) = self.index.first(self.rules, context, status) {
            return rule.into();
        }
        let mut beyond = self.rules.iter().skip(Index::CAPACITY);
        match beyond.find(|rule| rule.matches(context, status)) {
            Some(rule) => rule.into(),
            None => judge(context, status),
        }
    }

    /// The rules in front of the table, and the table, as one table in Markdown.
    pub fn markdown(&self) -> impl fmt::Display {
        markdown::Rules(self.rules, RULES)
    }
}

/// The table alone.
impl Default for Policy<'_> {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl fmt::Debug for Policy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}
