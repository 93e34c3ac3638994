//! The controls of a plan.

use core::fmt::{self, Write};
use core::time::Duration;

use super::{MarkerVersion, Negotiated, ServerVersion, Wanted, Wish};
use crate::dcp::Control;
use crate::track::NoopSender;
use crate::{Metadata, OpenFlags};

/// A `DCP_CONTROL` to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlStep<'a> {
    /// Its key (reference 6.12).
    pub key: &'static str,
    /// What to set it to.
    pub value: ControlValue<'a>,
    pub(super) setting: Setting,
}

impl ControlStep<'_> {
    /// The message.
    pub fn message(&self) -> Control<'_> {
        Control {
            key: self.key.into(),
            value: self.value.as_metadata(),
        }
    }
}

/// A u64 and six decimals.
const CAPACITY: usize = 27;

/// The value of a control: text, given or written for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ControlValue<'a>(Text<'a>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Text<'a> {
    Given(Metadata<'a>),
    Written { bytes: [u8; CAPACITY], len: u8 },
}

impl<'a> ControlValue<'a> {
    const TRUE: Self = Self::given("true");

    const fn given(text: &'a str) -> Self {
        Self(Text::Given(Metadata(text.as_bytes())))
    }

    fn written(value: fmt::Arguments<'_>) -> Self {
        struct Writer {
            bytes: [u8; CAPACITY],
            len: usize,
        }

        impl Write for Writer {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                let end = self.len.saturating_add(text.len());
                self.bytes
                    .get_mut(self.len..end)
                    .ok_or(fmt::Error)?
                    .copy_from_slice(text.as_bytes());
                self.len = end;
                Ok(())
            }
        }

        let mut writer = Writer {
            bytes: [0; CAPACITY],
            len: 0,
        };
        // Numbers only, for which there is room.
        let _ = writer.write_fmt(value);
        Self(Text::Written {
            bytes: writer.bytes,
            len: u8::try_from(writer.len).unwrap_or(0),
        })
    }

    /// The text.
    pub fn as_metadata(&self) -> Metadata<'_> {
        match &self.0 {
            Text::Given(text) => *text,
            Text::Written { bytes, len } => {
                Metadata(bytes.get(..usize::from(*len)).unwrap_or_default())
            }
        }
    }
}

impl fmt::Display for ControlValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.as_metadata(), f)
    }
}

impl fmt::Debug for ControlValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_metadata(), f)
    }
}

/// What a control sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setting {
    Noop,
    /// With a fraction; skipped if there is none.
    NoopIntervalFraction,
    NoopInterval,
    Priority,
    CursorDropping,
    HifiMfu,
    StreamEndOnClose,
    ExpiryOpcode,
    SyncWrites,
    ConsumerName,
    DeletedUserXattrs,
    V7StatusCodes,
    FlatbuffersSystemEvents,
    ChangeStreams,
    MarkerVersion,
    CacheTransfer,
    StreamIds,
    OsoSnapshots,
    BackfillOrder,
    ForceValueCompression,
    BufferSize,
}

impl Setting {
    /// The order of the server's own consumer, with what only clients ask for before the last.
    pub(super) const ORDER: [Self; 21] = [
        Self::Noop,
        Self::NoopIntervalFraction,
        Self::NoopInterval,
        Self::Priority,
        Self::CursorDropping,
        Self::HifiMfu,
        Self::StreamEndOnClose,
        Self::ExpiryOpcode,
        Self::SyncWrites,
        Self::ConsumerName,
        Self::DeletedUserXattrs,
        Self::V7StatusCodes,
        Self::FlatbuffersSystemEvents,
        Self::ChangeStreams,
        Self::MarkerVersion,
        Self::CacheTransfer,
        Self::StreamIds,
        Self::OsoSnapshots,
        Self::BackfillOrder,
        Self::ForceValueCompression,
        Self::BufferSize,
    ];

    /// The release that first has it, if that was later than 6.5.
    pub(super) const fn since(self) -> Option<ServerVersion> {
        Some(match self {
            Self::V7StatusCodes => ServerVersion(7, 0, 0),
            Self::FlatbuffersSystemEvents | Self::ChangeStreams => ServerVersion(7, 2, 0),
            Self::NoopIntervalFraction | Self::MarkerVersion => ServerVersion(8, 0, 0),
            _ => return None,
        })
    }

    /// Whether the server is known to be too old for it.
    pub(super) fn is_too_new_for(self, wanted: &Wanted<'_>) -> bool {
        match (self.since(), wanted.server) {
            (Some(since), Some(server)) => server < since,
            _ => false,
        }
    }

    /// Whether it is wished, where a wish is all that it takes.
    pub(super) const fn wish(self, wanted: &Wanted<'_>) -> Wish {
        match self {
            Self::CursorDropping => wanted.cursor_dropping,
            Self::HifiMfu => wanted.hifi_mfu,
            Self::StreamEndOnClose => wanted.stream_end_on_close,
            Self::ExpiryOpcode => wanted.expiry_opcode,
            Self::SyncWrites => wanted.sync_writes,
            Self::V7StatusCodes => wanted.v7_status_codes,
            Self::FlatbuffersSystemEvents => wanted.flatbuffers_system_events,
            Self::ChangeStreams => wanted.change_streams,
            Self::MarkerVersion => wanted.marker_v2_2,
            Self::CacheTransfer => wanted.cache_transfer,
            Self::StreamIds => wanted.stream_ids,
            Self::OsoSnapshots => wanted.oso_snapshots,
            Self::ForceValueCompression => wanted.force_value_compression,
            _ => Wish::No,
        }
    }

    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Noop => "enable_noop",
            Self::NoopIntervalFraction | Self::NoopInterval => "set_noop_interval",
            Self::Priority => "set_priority",
            Self::CursorDropping => "supports_cursor_dropping_vulcan",
            Self::HifiMfu => "supports_hifi_MFU",
            Self::StreamEndOnClose => "send_stream_end_on_client_close_stream",
            Self::ExpiryOpcode => "enable_expiry_opcode",
            Self::SyncWrites => "enable_sync_writes",
            Self::ConsumerName => "consumer_name",
            Self::DeletedUserXattrs => "include_deleted_user_xattrs",
            Self::V7StatusCodes => "v7_dcp_status_codes",
            Self::FlatbuffersSystemEvents => "flatbuffers_system_events",
            Self::ChangeStreams => "change_streams",
            Self::MarkerVersion => "max_marker_version",
            Self::CacheTransfer => "cache_transfer",
            Self::StreamIds => "enable_stream_id",
            Self::OsoSnapshots => "enable_out_of_order_snapshots",
            Self::BackfillOrder => "backfill_order",
            Self::ForceValueCompression => "force_value_compression",
            Self::BufferSize => "connection_buffer_size",
        }
    }

    /// The control and whether it is required; `None` if there is no reason for it, given what is
    /// granted so far.
    pub(super) fn control<'a>(
        self,
        wanted: &Wanted<'a>,
        granted: &Negotiated,
    ) -> Option<(ControlStep<'a>, bool)> {
        if self.is_too_new_for(wanted) {
            return None;
        }
        let given = |text| ControlValue(Text::Given(text));
        let (value, is_required) = match self {
            Self::Noop => wanted.noop_interval.map(|_| (ControlValue::TRUE, true))?,
            Self::NoopIntervalFraction => {
                let interval = wanted.noop_interval.filter(has_fraction)?;
                let (secs, micros) = (interval.as_secs(), interval.subsec_micros());
                // As the server's own consumer writes it.
                let value = ControlValue::written(format_args!("{secs}.{micros:06}"));
                (value, false)
            }
            Self::NoopInterval => {
                let interval = wanted.noop_interval?;
                if granted.noop_interval == Some(interval) && has_fraction(&interval) {
                    return None;
                }
                let secs = whole_seconds(interval).as_secs();
                (ControlValue::written(format_args!("{secs}")), true)
            }
            Self::Priority => (given(wanted.priority?), false),
            Self::ConsumerName => {
                let name = wanted.consumer_name.filter(|_| granted.sync_writes)?;
                (given(name), wanted.sync_writes == Wish::Required)
            }
            Self::DeletedUserXattrs => {
                let flag = OpenFlags::INCLUDE_DELETED_USER_XATTRS;
                wanted
                    .flags
                    .contains(flag)
                    .then_some((ControlValue::TRUE, false))?
            }
            Self::BackfillOrder => (given(wanted.backfill_order?), false),
            Self::BufferSize => match wanted.buffer_size {
                0 => return None,
                size => (ControlValue::written(format_args!("{size}")), true),
            },
            wished => {
                let possible = match wished {
                    Self::MarkerVersion | Self::StreamIds => granted.collections,
                    Self::ForceValueCompression => granted.snappy,
                    _ => true,
                };
                let wish = wished.wish(wanted);
                if !wish.is_wanted() || !possible {
                    return None;
                }
                let value = match wished {
                    Self::MarkerVersion => ControlValue::given("2.2"),
                    Self::OsoSnapshots => ControlValue::given("true_with_seqno_advanced"),
                    _ => ControlValue::TRUE,
                };
                (value, wish == Wish::Required)
            }
        };
        let step = ControlStep {
            key: self.key(),
            value,
            setting: self,
        };
        Some((step, is_required))
    }

    /// The server said yes.
    pub(super) fn grant(self, wanted: &Wanted<'_>, granted: &mut Negotiated) {
        match self {
            Self::Noop => granted.noop_interval = Some(NoopSender::DEFAULT_INTERVAL),
            Self::NoopIntervalFraction => granted.noop_interval = wanted.noop_interval,
            Self::NoopInterval => granted.noop_interval = wanted.noop_interval.map(whole_seconds),
            // Success does not mean that it has an effect.
            Self::ExpiryOpcode => granted.expiry_opcode = granted.delete_times,
            Self::SyncWrites => granted.sync_writes = true,
            Self::ConsumerName => {
                granted.sync_replication = true;
                granted.marker_version = MarkerVersion::V2_0;
            }
            Self::StreamEndOnClose => granted.stream_end_on_close = true,
            Self::DeletedUserXattrs => granted.deleted_user_xattrs = true,
            Self::V7StatusCodes => granted.v7_status_codes = true,
            Self::FlatbuffersSystemEvents => granted.flatbuffers_system_events = true,
            Self::ChangeStreams => granted.change_streams = true,
            Self::MarkerVersion => granted.marker_version = MarkerVersion::V2_2,
            Self::CacheTransfer => granted.cache_transfer = true,
            Self::StreamIds => granted.stream_ids = true,
            Self::OsoSnapshots => granted.oso_snapshots = true,
            Self::BufferSize => granted.buffer_size = wanted.buffer_size,
            Self::Priority
            | Self::CursorDropping
            | Self::HifiMfu
            | Self::BackfillOrder
            | Self::ForceValueCompression => {}
        }
    }
}

pub(super) fn has_fraction(interval: &Duration) -> bool {
    interval.subsec_nanos() != 0
}

/// The interval, rounded up: a noop that comes too early would be no harm, but 0 is refused.
pub(super) fn whole_seconds(interval: Duration) -> Duration {
    let fraction = u64::from(has_fraction(&interval));
    Duration::from_secs(interval.as_secs().saturating_add(fraction))
}
