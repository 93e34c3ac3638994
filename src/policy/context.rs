//! What a verdict depends on.

use core::fmt;

use crate::ErrorAttributes;
use crate::{Header, Opcode};

/// Which end of DCP received the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Role {
    /// It sends the changes, and gets the consumer's answers to them.
    Producer,
    /// It receives the changes, and gets the producer's answers to its requests.
    Consumer,
}

impl Role {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Producer, Self::Consumer];
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        })
    }
}

/// The release whose rules apply: that of the end that received the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum Edition {
    /// 6.5.0 (MB-35287; reference 11.1 a).
    V6_5,
    /// 6.6.0 (MB-37009; reference 11.1 e).
    V6_6,
    /// 7.0 and later, on a connection without the control `v7_dcp_status_codes` (reference 11.1 f).
    V7_0,
    /// 7.0 and later, on a connection where `v7_dcp_status_codes` was accepted (MB-40934;
    /// reference 11.1 f).
    V7_0StatusCodes,
}

impl Edition {
    /// All of them, the oldest first.
    pub const ALL: [Self; 4] = [Self::V6_5, Self::V6_6, Self::V7_0, Self::V7_0StatusCodes];
}

impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::V6_5 => "6.5",
            Self::V6_6 => "6.6",
            Self::V7_0 => "7.0",
            Self::V7_0StatusCodes => "7.0 with codes",
        })
    }
}

/// What the opaque of a response belongs to, at the end that received it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum OpaqueOwner {
    /// A stream that is open.
    Stream,
    /// A stream that transfers the producer's cache.
    CacheTransfer,
    /// The `DCP_NOOP` that this end waits on.
    Noop,
    /// The `DCP_CONTROL` that this end waits on, and whose failure costs a feature.
    Control,
    /// The `DCP_CONTROL` that this end waits on, and cannot do without: for the server's consumer
    /// `connection_buffer_size`, and `set_noop_interval` in whole seconds.
    RequiredControl,
    /// Not the `DCP_CONTROL` that this end waits on, while it waits on one.
    OtherControl,
    /// The `DCP_STREAM_REQ` that this end waits on, for a stream it still wants.
    StreamRequest,
    /// Another request that this end waits on, as clients have them: `HELLO`, `DCP_OPEN`,
    /// `DCP_CLOSE_STREAM`. The server's own ends have none.
    Request,
    /// Nothing of the above.
    Nothing,
}

impl OpaqueOwner {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Stream,
        Self::CacheTransfer,
        Self::Noop,
        Self::Control,
        Self::RequiredControl,
        Self::OtherControl,
        Self::StreamRequest,
        Self::Request,
        Self::Nothing,
    ];
}

impl fmt::Display for OpaqueOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Stream => "stream",
            Self::CacheTransfer => "cache transfer",
            Self::Noop => "noop",
            Self::Control => "control",
            Self::RequiredControl => "required control",
            Self::OtherControl => "other control",
            Self::StreamRequest => "stream request",
            Self::Request => "own request",
            Self::Nothing => "nothing",
        })
    }
}

/// What the value of a response can be, by its length.
///
/// It matters in the answer to a consumer's `DCP_STREAM_REQ` only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum ValueShape {
    /// There is none.
    Empty,
    /// A seqno: 8 bytes.
    Seqno,
    /// A failover log: one or more entries of 16 bytes.
    FailoverLog,
    /// Neither.
    Other,
}

impl ValueShape {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Empty, Self::Seqno, Self::FailoverLog, Self::Other];

    /// The shape of a value of `len` bytes.
    #[inline]
    pub const fn of_len(len: usize) -> Self {
        match len {
            0 => Self::Empty,
            8 => Self::Seqno,
            _ if len % 16 == 0 => Self::FailoverLog,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for ValueShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Empty => "empty",
            Self::Seqno => "8 bytes",
            Self::FailoverLog => "failover log",
            Self::Other => "other",
        })
    }
}

/// What a verdict depends on, apart from the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Context {
    /// The end that received the response.
    pub role: Role,
    /// The release whose rules apply.
    pub edition: Edition,
    /// What the response answers.
    pub opcode: Opcode,
    /// What its opaque belongs to.
    pub opaque: OpaqueOwner,
    /// What its value can be.
    pub value: ValueShape,
    /// What the error map says of its status; empty without a map.
    pub attributes: ErrorAttributes,
}

impl Context {
    /// The context of a response without a value, of whose status no error map says anything.
    #[inline]
    pub const fn new(role: Role, edition: Edition, opcode: Opcode, opaque: OpaqueOwner) -> Self {
        Self {
            role,
            edition,
            opcode,
            opaque,
            value: ValueShape::Empty,
            attributes: ErrorAttributes::empty(),
        }
    }

    /// The context of the response with this header; `None` if it is no response to a client's
    /// opcode.
    ///
    /// Responses to the server's own opcodes (magic 0x83) are read and ignored (reference 1.2).
    ///
    /// ```
    /// use mcbp::policy::{self, Context, Edition, OpaqueOwner, Role};
    /// use mcbp::{Header, Status};
    ///
    /// // DCP_STREAM_REQ answered ROLLBACK, and four bytes where a seqno has eight.
    /// let header = b"\x81\x53\0\0\0\0\0\x23\0\0\0\x04\0\0\0\x01\0\0\0\0\0\0\0\0";
    /// let header = Header::parse(header)?;
    /// let (role, opaque) = (Role::Consumer, OpaqueOwner::StreamRequest);
    /// let context = Context::of_response(role, Edition::V7_0, &header, opaque);
    /// let verdict = policy::judge(&context.expect("a response"), Status::ROLLBACK);
    /// assert!(verdict.is_fatal());
    /// assert_eq!(verdict.rule.id, "consumer-rollback-length");
    /// # Ok::<(), mcbp::FrameError>(())
    /// ```
    #[inline]
    pub const fn of_response(
        role: Role,
        edition: Edition,
        header: &Header,
        opaque: OpaqueOwner,
    ) -> Option<Self> {
        match (header.status(), header.opcode()) {
            (Some(_), Some(opcode)) => Some(Self {
                value: ValueShape::of_len(header.lengths().value),
                ..Self::new(role, edition, opcode, opaque)
            }),
            _ => None,
        }
    }
}
