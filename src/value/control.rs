//! The settings of a connection: keys and values of `DCP_CONTROL`.

use alloc::borrow::Cow;
use alloc::format;
use core::str;
use core::time::Duration;

use super::text::decimal;
use super::{ValueError, ValueErrorKind, ValueFormat};
use crate::{Metadata, dcp};

/// A setting of the connection, as [`Control`](dcp::Control) changes it.
///
/// Keys are the names in lower case with underscores. Where the value is a `bool`, the server takes
/// `true` for yes and anything else for no; where there is none, it takes `true` only, and for good.
/// Reading keeps the meaning, not the spelling. See reference 6.12.
///
/// ```
/// use mcbp::Metadata;
/// use mcbp::dcp::Control;
/// use mcbp::value::ControlSetting;
///
/// let setting = ControlSetting::ConnectionBufferSize(65536);
/// let (key, value) = (setting.key(), setting.value());
/// let control = Control { key, value: Metadata(&value) };
/// assert_eq!(value, &b"65536"[..]);
/// assert_eq!(control.setting(), Ok(setting));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[non_exhaustive]
pub enum ControlSetting<'a> {
    /// Which stream a backfill goes on with.
    BackfillOrder(BackfillOrder),
    /// How much the producer may send before it is acknowledged, in bytes; 0 for any amount.
    ConnectionBufferSize(u32),
    /// Never supported: flow control is per connection.
    StreamBufferSize(Metadata<'a>),
    /// The producer sends [`Noop`](dcp::Noop)s. Streams with extended attributes or collections
    /// need it.
    EnableNoop(bool),
    /// All values are sent as Snappy, which has to be negotiated.
    ForceValueCompression(bool),
    /// The consumer stands it if the producer goes back to disk.
    SupportsCursorDropping(bool),
    /// The same.
    SupportsCursorDroppingVulcan(bool),
    /// The consumer takes use counters of 8 bits.
    SupportsHifiMfu(bool),
    /// How often the producer sends a noop; written to the microsecond, and whole seconds without
    /// a fraction, as 7.2 takes no other. The least depends on the server, 0.1 s by default.
    SetNoopInterval(Duration),
    /// How important the connection is.
    SetPriority(Priority),
    /// A stream that the client closes ends with [`StreamEnd`](dcp::StreamEnd). Once on, for good.
    SendStreamEndOnClientCloseStream(bool),
    /// Expirations are told apart from deletions; succeeds, but does nothing, without
    /// [`OpenFlags::INCLUDE_DELETE_TIMES`](crate::OpenFlags::INCLUDE_DELETE_TIMES).
    EnableExpiryOpcode(bool),
    /// A vbucket may have several streams; not with [`EnableSyncWrites`](Self::EnableSyncWrites).
    EnableStreamId,
    /// The stream carries prepares, commits and aborts; not with
    /// [`EnableStreamId`](Self::EnableStreamId).
    EnableSyncWrites,
    /// The name under which the consumer takes part in durable writes; never empty.
    ConsumerName(Metadata<'a>),
    /// A backfill may come ordered by key.
    EnableOutOfOrderSnapshots {
        /// And says by [`SeqnoAdvanced`](dcp::SeqnoAdvanced) how far it came.
        seqno_advanced: bool,
    },
    /// Asks whether deletions keep their user attributes: succeeds only with
    /// [`OpenFlags::INCLUDE_DELETED_USER_XATTRS`](crate::OpenFlags::INCLUDE_DELETED_USER_XATTRS).
    IncludeDeletedUserXattrs,
    /// The consumer answers with [`Status::DCP_STREAM_NOT_FOUND`](crate::Status::DCP_STREAM_NOT_FOUND) and the like.
    V7DcpStatusCodes,
    /// System events come in version 2.
    FlatbuffersSystemEvents,
    /// Streams carry the change history.
    ChangeStreams,
    /// `max_marker_version` of `2.2`, the only one there is.
    MaxMarkerVersion22,
    /// The consumer takes [`CacheTransfer`](dcp::CacheTransfer)s; any value will do.
    CacheTransfer,
    /// A setting without a name here.
    Other {
        /// The setting.
        key: Metadata<'a>,
        /// What to set it to.
        value: Metadata<'a>,
    },
}

/// Which stream a backfill goes on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum BackfillOrder {
    /// `round-robin`: the next.
    RoundRobin,
    /// `sequential`: the same, until it is done.
    Sequential,
}

/// How important a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum Priority {
    /// `high`
    High,
    /// `medium`
    Medium,
    /// `low`
    Low,
}

impl<'a> dcp::Control<'a> {
    /// What is set to what.
    ///
    /// # Errors
    ///
    /// Those of [`ControlSetting::read`].
    pub fn setting(&self) -> Result<ControlSetting<'a>, ValueError> {
        ControlSetting::read(self.key, self.value)
    }
}

impl<'a> ControlSetting<'a> {
    /// Reads a key and a value.
    ///
    /// # Errors
    ///
    /// [`ValueErrorKind::IllegalValue`] for a value that the setting cannot have,
    /// [`ValueErrorKind::Missing`] for an empty one. The server answers `EINVAL`, as it does to
    /// [`Other`](Self::Other).
    pub fn read(key: Metadata<'a>, value: Metadata<'a>) -> Result<Self, ValueError> {
        let error = |kind| Err(ValueError::new(ValueFormat::Control, 0, kind));
        let on = value.0 == b"true";
        let switch = |setting| on.then_some(setting);
        let setting = match key.0 {
            _ if value.is_empty() => return error(ValueErrorKind::Missing),
            b"backfill_order" => match value.0 {
                b"round-robin" => Some(Self::BackfillOrder(BackfillOrder::RoundRobin)),
                b"sequential" => Some(Self::BackfillOrder(BackfillOrder::Sequential)),
                _ => None,
            },
            b"connection_buffer_size" => decimal(value.0).map(Self::ConnectionBufferSize),
            b"stream_buffer_size" => Some(Self::StreamBufferSize(value)),
            b"enable_noop" => Some(Self::EnableNoop(on)),
            b"force_value_compression" => Some(Self::ForceValueCompression(on)),
            b"supports_cursor_dropping" => Some(Self::SupportsCursorDropping(on)),
            b"supports_cursor_dropping_vulcan" => Some(Self::SupportsCursorDroppingVulcan(on)),
            b"supports_hifi_MFU" => Some(Self::SupportsHifiMfu(on)),
            b"set_noop_interval" => seconds(value.0).map(Self::SetNoopInterval),
            b"set_priority" => match value.0 {
                b"high" => Some(Self::SetPriority(Priority::High)),
                b"medium" => Some(Self::SetPriority(Priority::Medium)),
                b"low" => Some(Self::SetPriority(Priority::Low)),
                _ => None,
            },
            b"send_stream_end_on_client_close_stream" => {
                Some(Self::SendStreamEndOnClientCloseStream(on))
            }
            b"enable_expiry_opcode" => Some(Self::EnableExpiryOpcode(on)),
            b"enable_stream_id" => switch(Self::EnableStreamId),
            b"enable_sync_writes" => switch(Self::EnableSyncWrites),
            b"consumer_name" => Some(Self::ConsumerName(value)),
            b"enable_out_of_order_snapshots" => match value.0 {
                b"true_with_seqno_advanced" => Some(Self::EnableOutOfOrderSnapshots {
                    seqno_advanced: true,
                }),
                _ => switch(Self::EnableOutOfOrderSnapshots {
                    seqno_advanced: false,
                }),
            },
            b"include_deleted_user_xattrs" => switch(Self::IncludeDeletedUserXattrs),
            b"v7_dcp_status_codes" => switch(Self::V7DcpStatusCodes),
            b"flatbuffers_system_events" => switch(Self::FlatbuffersSystemEvents),
            b"change_streams" => switch(Self::ChangeStreams),
            b"max_marker_version" => (value.0 == b"2.2").then_some(Self::MaxMarkerVersion22),
            b"cache_transfer" => Some(Self::CacheTransfer),
            _ => Some(Self::Other { key, value }),
        };
        setting.map_or_else(|| error(ValueErrorKind::IllegalValue), Ok)
    }

    /// The key of the setting.
    pub fn key(&self) -> Metadata<'a> {
        Metadata::from(match *self {
            Self::BackfillOrder(_) => "backfill_order",
            Self::ConnectionBufferSize(_) => "connection_buffer_size",
            Self::StreamBufferSize(_) => "stream_buffer_size",
            Self::EnableNoop(_) => "enable_noop",
            Self::ForceValueCompression(_) => "force_value_compression",
            Self::SupportsCursorDropping(_) => "supports_cursor_dropping",
            Self::SupportsCursorDroppingVulcan(_) => "supports_cursor_dropping_vulcan",
            Self::SupportsHifiMfu(_) => "supports_hifi_MFU",
            Self::SetNoopInterval(_) => "set_noop_interval",
            Self::SetPriority(_) => "set_priority",
            Self::SendStreamEndOnClientCloseStream(_) => "send_stream_end_on_client_close_stream",
            Self::EnableExpiryOpcode(_) => "enable_expiry_opcode",
            Self::EnableStreamId => "enable_stream_id",
            Self::EnableSyncWrites => "enable_sync_writes",
            Self::ConsumerName(_) => "consumer_name",
            Self::EnableOutOfOrderSnapshots { .. } => "enable_out_of_order_snapshots",
            Self::IncludeDeletedUserXattrs => "include_deleted_user_xattrs",
            Self::V7DcpStatusCodes => "v7_dcp_status_codes",
            Self::FlatbuffersSystemEvents => "flatbuffers_system_events",
            Self::ChangeStreams => "change_streams",
            Self::MaxMarkerVersion22 => "max_marker_version",
            Self::CacheTransfer => "cache_transfer",
            Self::Other { key, .. } => return key,
        })
    }

    /// The value that the setting gets; only a number is not borrowed.
    pub fn value(&self) -> Cow<'a, [u8]> {
        let text = match *self {
            Self::ConnectionBufferSize(bytes) => {
                return Cow::Owned(format!("{bytes}").into_bytes());
            }
            Self::SetNoopInterval(interval) => {
                let (seconds, micros) = (interval.as_secs(), interval.subsec_micros());
                let text = match micros {
                    0 => format!("{seconds}"),
                    _ => format!("{seconds}.{micros:06}"),
                };
                return Cow::Owned(text.into_bytes());
            }
            Self::StreamBufferSize(value)
            | Self::ConsumerName(value)
            | Self::Other { value, .. } => return Cow::Borrowed(value.0),
            Self::BackfillOrder(BackfillOrder::RoundRobin) => "round-robin",
            Self::BackfillOrder(BackfillOrder::Sequential) => "sequential",
            Self::SetPriority(Priority::High) => "high",
            Self::SetPriority(Priority::Medium) => "medium",
            Self::SetPriority(Priority::Low) => "low",
            Self::EnableOutOfOrderSnapshots {
                seqno_advanced: true,
            } => "true_with_seqno_advanced",
            Self::MaxMarkerVersion22 => "2.2",
            Self::EnableNoop(on)
            | Self::ForceValueCompression(on)
            | Self::SupportsCursorDropping(on)
            | Self::SupportsCursorDroppingVulcan(on)
            | Self::SupportsHifiMfu(on)
            | Self::SendStreamEndOnClientCloseStream(on)
            | Self::EnableExpiryOpcode(on) => match on {
                true => "true",
                false => "false",
            },
            Self::EnableStreamId
            | Self::EnableSyncWrites
            | Self::EnableOutOfOrderSnapshots {
                seqno_advanced: false,
            }
            | Self::IncludeDeletedUserXattrs
            | Self::V7DcpStatusCodes
            | Self::FlatbuffersSystemEvents
            | Self::ChangeStreams
            | Self::CacheTransfer => "true",
        };
        Cow::Borrowed(text.as_bytes())
    }
}

/// Seconds with or without a fraction; not negative.
fn seconds(text: &[u8]) -> Option<Duration> {
    let seconds = str::from_utf8(text).ok()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}
