//! What a consumer may want.

use core::fmt;
use core::time::Duration;

use crate::track::NoopSender;
use crate::{Feature, Metadata, OpenFlags};

/// Whether something is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Wish {
    /// It is not asked for.
    #[default]
    No,
    /// It is asked for, and not missed if it is refused.
    IfPossible,
    /// Without it the negotiation fails.
    Required,
}

impl Wish {
    /// Whether it is asked for.
    pub const fn is_wanted(self) -> bool {
        !matches!(self, Self::No)
    }
}

/// The release of a server: `ServerVersion(7, 2, 9)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerVersion(pub u8, pub u8, pub u8);

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(major, minor, patch) = self;
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// What a consumer wants of a producer. The default wants nothing and lacks a name;
/// [`Wanted::consumer`] is what most start from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// The release of the server, if it is known: what it cannot have is not asked for.
    pub server: Option<ServerVersion>,
    /// The name of the connection, for `DCP_OPEN`: 1 to 250 bytes.
    pub name: Metadata<'a>,
    /// The flags of `DCP_OPEN`; [`OpenFlags::PRODUCER`] is added.
    pub flags: OpenFlags,
    /// Features besides those that follow from the other fields.
    pub features: &'a [Feature],
    /// Keys with collection ids, and system events.
    pub collections: Wish,
    /// Values compressed by Snappy.
    pub snappy: Wish,
    /// How often the producer sends a noop. Without noops there is no stream if extended
    /// attributes or collections are in force. Fractions of a second are for servers of release 8.
    pub noop_interval: Option<Duration>,
    /// `set_priority`: `high`, `medium` or `low`.
    pub priority: Option<Metadata<'a>>,
    /// The producer may make the stream start over from disk if the consumer is slow
    /// (`supports_cursor_dropping_vulcan`).
    pub cursor_dropping: Wish,
    /// The byte `nru` of mutations is a counter up to 255 (`supports_hifi_MFU`).
    pub hifi_mfu: Wish,
    /// A stream that the consumer closes ends with `DCP_STREAM_END`
    /// (`send_stream_end_on_client_close_stream`).
    pub stream_end_on_close: Wish,
    /// Expirations are told from deletions (`enable_expiry_opcode`); only with
    /// [`OpenFlags::INCLUDE_DELETE_TIMES`].
    pub expiry_opcode: Wish,
    /// Prepares, commits and aborts (`enable_sync_writes`).
    pub sync_writes: Wish,
    /// The consumer is a replica of this name and acknowledges prepares (`consumer_name`).
    pub consumer_name: Option<Metadata<'a>>,
    /// The statuses `DCP_STREAM_NOT_FOUND` and `OPAQUE_NO_MATCH` (`v7_dcp_status_codes`).
    pub v7_status_codes: Wish,
    /// System events of version 2, modified collections among them
    /// (`flatbuffers_system_events`).
    pub flatbuffers_system_events: Wish,
    /// Change history (`change_streams`).
    pub change_streams: Wish,
    /// Markers of version 2.2 for snapshots from disk (`max_marker_version`).
    pub marker_v2_2: Wish,
    /// The producer's cache (`cache_transfer`).
    pub cache_transfer: Wish,
    /// Several streams per vbucket (`enable_stream_id`).
    pub stream_ids: Wish,
    /// Initial snapshots ordered by key, with their highest seqno at the end
    /// (`enable_out_of_order_snapshots`).
    pub oso_snapshots: Wish,
    /// `backfill_order`: `round-robin` or `sequential`.
    pub backfill_order: Option<Metadata<'a>>,
    /// The producer compresses what is not (`force_value_compression`).
    pub force_value_compression: Wish,
    /// How many bytes may be under way (`connection_buffer_size`); 0 for no flow control.
    pub buffer_size: u32,
}

impl<'a> Wanted<'a> {
    /// What an ordinary consumer wants: everything that tells changes apart, and no prepares.
    pub const fn consumer(name: Metadata<'a>) -> Self {
        Self {
            server: None,
            name,
            flags: OpenFlags::INCLUDE_XATTRS.union(OpenFlags::INCLUDE_DELETE_TIMES),
            features: &[],
            collections: Wish::IfPossible,
            snappy: Wish::IfPossible,
            noop_interval: Some(NoopSender::DEFAULT_INTERVAL),
            priority: None,
            cursor_dropping: Wish::No,
            hifi_mfu: Wish::No,
            stream_end_on_close: Wish::IfPossible,
            expiry_opcode: Wish::IfPossible,
            sync_writes: Wish::No,
            consumer_name: None,
            v7_status_codes: Wish::IfPossible,
            flatbuffers_system_events: Wish::No,
            change_streams: Wish::No,
            marker_v2_2: Wish::IfPossible,
            cache_transfer: Wish::No,
            stream_ids: Wish::No,
            oso_snapshots: Wish::No,
            backfill_order: None,
            force_value_compression: Wish::No,
            buffer_size: 10 << 20,
        }
    }
}
