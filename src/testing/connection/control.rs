//! `DCP_CONTROL`, as a node answers it.

use core::time::Duration;

use super::super::node::Release;
use super::producer::Producer;
use crate::dcp::Control;
use crate::track::noop::NoopSender;
use crate::validate;
use crate::value::ControlSetting;
use crate::{Datatype, OpenFlags, Status};

/// What the controls of a connection have asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub(super) noop: Option<NoopSender>,
    pub(super) noop_interval: Option<Duration>,
    pub(super) stream_end_on_close: bool,
    pub(super) expiry_opcode: bool,
    pub(super) stream_ids: bool,
    pub(super) sync_writes: bool,
    pub(super) consumer_name: bool,
    pub(super) v7_status_codes: bool,
    pub(super) flatbuffers_events: bool,
    pub(super) marker_v2_2: bool,
    pub(super) force_compression: bool,
    /// Whether snapshots may come ordered by key, and then tell how far they came.
    pub(super) oso: Option<bool>,
}

/// The least noop interval: how often a node looks after its connections.
const MIN_NOOP_INTERVAL: Duration = Duration::from_millis(100);

impl Producer {
    pub(super) fn on_control(
        &mut self,
        control: &Control<'_>,
        known: &validate::Connection,
        release: Release,
        idle_timeout: Duration,
        now: Duration,
    ) -> Status {
        let Ok(setting) = control.setting() else {
            return Status::EINVAL;
        };
        let settings = &mut self.settings;
        let accept = |condition: bool, otherwise: Status| match condition {
            true => Status::SUCCESS,
            false => otherwise,
        };
        match setting {
            ControlSetting::ConnectionBufferSize(bytes) => {
                self.ledger.set_buffer_size(bytes, now);
                Status::SUCCESS
            }
            ControlSetting::EnableNoop(on) => {
                let interval = settings
                    .noop_interval
                    .unwrap_or(NoopSender::DEFAULT_INTERVAL);
                let sender = NoopSender::with_limit(interval, idle_timeout, now);
                settings.noop = on.then_some(sender);
                Status::SUCCESS
            }
            ControlSetting::SetNoopInterval(interval) => {
                let is_fraction = control.value.0.contains(&b'.');
                let is_taken =
                    interval >= MIN_NOOP_INTERVAL && !(is_fraction && release == Release::V7_2);
                if is_taken {
                    settings.noop_interval = Some(interval);
                    if settings.noop.is_some() {
                        let sender = NoopSender::with_limit(interval, idle_timeout, now);
                        settings.noop = Some(sender);
                    }
                }
                accept(is_taken, Status::EINVAL)
            }
            ControlSetting::ForceValueCompression(on) => {
                let is_taken = known.datatypes.contains(Datatype::SNAPPY);
                settings.force_compression = on && is_taken;
                accept(is_taken, Status::EINVAL)
            }
            ControlSetting::SendStreamEndOnClientCloseStream(on) => {
                settings.stream_end_on_close |= on;
                Status::SUCCESS
            }
            ControlSetting::EnableExpiryOpcode(on) => {
                settings.expiry_opcode = on;
                Status::SUCCESS
            }
            ControlSetting::EnableStreamId => {
                settings.stream_ids |= !settings.sync_writes;
                accept(settings.stream_ids, Status::NOT_SUPPORTED)
            }
            ControlSetting::EnableSyncWrites => {
                settings.sync_writes |= !settings.stream_ids;
                accept(settings.sync_writes, Status::NOT_SUPPORTED)
            }
            ControlSetting::ConsumerName(_) => {
                settings.consumer_name = true;
                Status::SUCCESS
            }
            ControlSetting::EnableOutOfOrderSnapshots { seqno_advanced } => {
                settings.oso = Some(seqno_advanced);
                Status::SUCCESS
            }
            ControlSetting::IncludeDeletedUserXattrs => accept(
                self.flags.contains(OpenFlags::INCLUDE_DELETED_USER_XATTRS),
                Status::EINVAL,
            ),
            ControlSetting::V7DcpStatusCodes => {
                settings.v7_status_codes = true;
                Status::SUCCESS
            }
            ControlSetting::FlatbuffersSystemEvents => {
                settings.flatbuffers_events = true;
                Status::SUCCESS
            }
            ControlSetting::MaxMarkerVersion22 => match release {
                Release::V7_2 => Status::EINVAL,
                Release::V8_0 => {
                    settings.marker_v2_2 = known.collections;
                    accept(known.collections, Status::NOT_SUPPORTED)
                }
            },
            // The history of changes needs another storage than these nodes have.
            ControlSetting::StreamBufferSize(_) | ControlSetting::ChangeStreams => {
                Status::NOT_SUPPORTED
            }
            ControlSetting::BackfillOrder(_)
            | ControlSetting::SupportsCursorDropping(_)
            | ControlSetting::SupportsCursorDroppingVulcan(_)
            | ControlSetting::SupportsHifiMfu(_)
            | ControlSetting::SetPriority(_) => Status::SUCCESS,
            // Neither release knows cache transfers yet.
            ControlSetting::CacheTransfer | ControlSetting::Other { .. } => Status::EINVAL,
        }
    }
}
