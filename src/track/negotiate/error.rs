//! What does not go together, what has no effect, and what went wrong.

use core::fmt;
use core::time::Duration;

use super::control::{Setting, has_fraction, whole_seconds};
use super::{ServerVersion, Wanted, Wish};
use crate::{Feature, OpenFlags, Status};

/// Wishes that no server fulfils together, or at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Conflict {
    /// The connection has no name, or one of more than 250 bytes; 251 if collections are sure.
    NameLength(usize),
    /// Retired, nameless or for the other role: `DCP_OPEN` is answered `EINVAL`.
    IllegalFlags(OpenFlags),
    /// [`OpenFlags::NO_VALUE`] and [`OpenFlags::NO_VALUE_WITH_UNDERLYING_DATATYPE`] exclude each
    /// other.
    NoValueTwice,
    /// [`OpenFlags::INCLUDE_DELETED_USER_XATTRS`] needs [`OpenFlags::INCLUDE_XATTRS`].
    DeletedUserXattrsWithoutXattrs,
    /// With [`Feature::UNORDERED_EXECUTION`] all of DCP is refused.
    UnorderedExecution,
    /// `HELLO` is answered `EINVAL` if it names the first feature and not the second.
    FeatureNeeds(Feature, Feature),
    /// With extended attributes or collections no stream is opened before noops are enabled.
    NoNoops,
    /// An interval of 0 is refused.
    NoopInterval,
    /// Stream ids and sync writes exclude each other.
    StreamIdsWithSyncWrites,
    /// A stream request can only carry its stream id with collections.
    StreamIdsWithoutCollections,
    /// Markers of version 2.2 are refused without collections.
    MarkerWithoutCollections,
    /// Compression cannot be forced on those who do not know Snappy.
    CompressionWithoutSnappy,
    /// A replica has to have a name that is not empty.
    EmptyConsumerName,
    /// The server is too old for a control that is required.
    TooOld {
        /// Its key.
        key: &'static str,
        /// The release that first has it.
        since: ServerVersion,
    },
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameLength(len) => write!(f, "connection name of {len} bytes, expected 1 to 250"),
            Self::IllegalFlags(flags) => write!(f, "DCP_OPEN does not take {flags:?}"),
            Self::NoValueTwice => {
                f.write_str("NO_VALUE and NO_VALUE_WITH_UNDERLYING_DATATYPE exclude each other")
            }
            Self::DeletedUserXattrsWithoutXattrs => {
                f.write_str("INCLUDE_DELETED_USER_XATTRS needs INCLUDE_XATTRS")
            }
            Self::UnorderedExecution => f.write_str("no DCP with UNORDERED_EXECUTION"),
            Self::FeatureNeeds(feature, needed) => write!(f, "feature {feature} needs {needed}"),
            Self::NoNoops => f.write_str("xattrs and collections need noops"),
            Self::NoopInterval => f.write_str("noop interval of 0"),
            Self::StreamIdsWithSyncWrites => {
                f.write_str("stream ids and sync writes exclude each other")
            }
            Self::StreamIdsWithoutCollections => f.write_str("stream ids need collections"),
            Self::MarkerWithoutCollections => f.write_str("markers 2.2 need collections"),
            Self::CompressionWithoutSnappy => f.write_str("forced compression needs Snappy"),
            Self::EmptyConsumerName => f.write_str("consumer name is empty"),
            Self::TooOld { key, since } => write!(f, "{key} needs release {since}"),
        }
    }
}

impl core::error::Error for Conflict {}

pub(super) fn check(wanted: &Wanted<'_>) -> Result<(), Conflict> {
    let flags = wanted.flags;
    let limit = if wanted.collections == Wish::Required {
        251
    } else {
        250
    };
    if wanted.name.is_empty() || wanted.name.len() > limit {
        return Err(Conflict::NameLength(wanted.name.len()));
    }
    let legal = OpenFlags::PRODUCER
        | OpenFlags::INCLUDE_XATTRS
        | OpenFlags::NO_VALUE
        | OpenFlags::INCLUDE_DELETE_TIMES
        | OpenFlags::NO_VALUE_WITH_UNDERLYING_DATATYPE
        | OpenFlags::INCLUDE_DELETED_USER_XATTRS
        | OpenFlags::SKIP_DELETES_IN_INITIAL_BACKFILL;
    let illegal = flags.difference(legal);
    if !illegal.is_empty() {
        return Err(Conflict::IllegalFlags(illegal));
    }
    let has = |flag| flags.contains(flag);
    let xattrs = has(OpenFlags::INCLUDE_XATTRS);
    let collections = wanted.collections.is_wanted();
    let conflicts = [
        (
            has(OpenFlags::NO_VALUE) && has(OpenFlags::NO_VALUE_WITH_UNDERLYING_DATATYPE),
            Conflict::NoValueTwice,
        ),
        (
            has(OpenFlags::INCLUDE_DELETED_USER_XATTRS) && !xattrs,
            Conflict::DeletedUserXattrsWithoutXattrs,
        ),
        (
            wanted.features.contains(&Feature::UNORDERED_EXECUTION),
            Conflict::UnorderedExecution,
        ),
        (
            wanted.noop_interval.is_none() && (xattrs || collections),
            Conflict::NoNoops,
        ),
        (
            wanted
                .noop_interval
                .is_some_and(|interval| interval.is_zero()),
            Conflict::NoopInterval,
        ),
        (
            wanted.stream_ids.is_wanted() && wanted.sync_writes.is_wanted(),
            Conflict::StreamIdsWithSyncWrites,
        ),
        (
            wanted.stream_ids.is_wanted() && !collections,
            Conflict::StreamIdsWithoutCollections,
        ),
        (
            wanted.marker_v2_2.is_wanted() && !collections,
            Conflict::MarkerWithoutCollections,
        ),
        (
            wanted.force_value_compression.is_wanted() && !wanted.snappy.is_wanted(),
            Conflict::CompressionWithoutSnappy,
        ),
        (
            wanted.consumer_name.is_some_and(|name| name.is_empty()),
            Conflict::EmptyConsumerName,
        ),
    ];
    if let Some((_, conflict)) = conflicts.into_iter().find(|(holds, _)| *holds) {
        return Err(conflict);
    }
    let asked = |feature: &Feature| {
        wanted.features.contains(feature) || super::own_features(wanted).any(|own| own == *feature)
    };
    for &feature in wanted.features {
        if let Some(&needed) = feature.requires().iter().find(|needed| !asked(needed)) {
            return Err(Conflict::FeatureNeeds(feature, needed));
        }
    }
    for setting in Setting::ORDER {
        if setting.wish(wanted) == Wish::Required && setting.is_too_new_for(wanted) {
            if let Some(since) = setting.since() {
                let key = setting.key();
                return Err(Conflict::TooOld { key, since });
            }
        }
    }
    Ok(())
}

/// A wish that the server grants without effect, or that comes out otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// `enable_expiry_opcode` is accepted and ignored without
    /// [`OpenFlags::INCLUDE_DELETE_TIMES`].
    ExpiryOpcodeWithoutDeleteTimes,
    /// Without sync writes the name of a replica is of no use, and is not sent.
    ConsumerNameWithoutSyncWrites,
    /// Without collections there are no system events.
    SystemEventsWithoutCollections,
    /// Servers of release 8 send deletions from disk as mutations without CAS, if values are left
    /// out and extended attributes, too.
    NoValueHidesDeletions,
    /// The feature is retired, or never granted.
    NeverGranted(Feature),
    /// The server is too old for a control, which is not sent.
    TooOld {
        /// Its key.
        key: &'static str,
        /// The release that first has it.
        since: ServerVersion,
    },
    /// The server takes whole seconds only.
    NoopIntervalRounded {
        /// The interval that is asked for instead.
        to: Duration,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExpiryOpcodeWithoutDeleteTimes => {
                f.write_str("expirations come as deletions without INCLUDE_DELETE_TIMES")
            }
            Self::ConsumerNameWithoutSyncWrites => {
                f.write_str("a consumer name has no use without sync writes")
            }
            Self::SystemEventsWithoutCollections => {
                f.write_str("there are no system events without collections")
            }
            Self::NoValueHidesDeletions => {
                f.write_str("deletions may come as mutations with NO_VALUE and no xattrs")
            }
            Self::NeverGranted(feature) => write!(f, "feature {feature} is never granted"),
            Self::TooOld { key, since } => write!(f, "{key} needs release {since}"),
            Self::NoopIntervalRounded { to } => write!(f, "noop interval rounded to {to:?}"),
        }
    }
}

pub(super) fn warnings<'a>(wanted: Wanted<'a>) -> impl Iterator<Item = Warning> + use<'a> {
    let has = |flag| wanted.flags.contains(flag);
    let collections = wanted.collections.is_wanted();
    let combinations = [
        (
            wanted.expiry_opcode.is_wanted() && !has(OpenFlags::INCLUDE_DELETE_TIMES),
            Warning::ExpiryOpcodeWithoutDeleteTimes,
        ),
        (
            wanted.consumer_name.is_some() && !wanted.sync_writes.is_wanted(),
            Warning::ConsumerNameWithoutSyncWrites,
        ),
        (
            wanted.flatbuffers_system_events.is_wanted() && !collections,
            Warning::SystemEventsWithoutCollections,
        ),
        (
            has(OpenFlags::NO_VALUE) && !has(OpenFlags::INCLUDE_XATTRS),
            Warning::NoValueHidesDeletions,
        ),
    ];
    let never_granted = wanted
        .features
        .iter()
        .filter(|feature| feature.is_never_granted())
        .map(|&feature| Warning::NeverGranted(feature));
    let too_old = Setting::ORDER
        .into_iter()
        .filter(move |setting| setting.is_too_new_for(&wanted))
        .filter_map(move |setting| match setting {
            Setting::NoopIntervalFraction => {
                let interval = wanted.noop_interval.filter(has_fraction)?;
                let to = whole_seconds(interval);
                Some(Warning::NoopIntervalRounded { to })
            }
            _ if setting.wish(&wanted).is_wanted() => Some(Warning::TooOld {
                key: setting.key(),
                since: setting.since()?,
            }),
            _ => None,
        });
    combinations
        .into_iter()
        .filter_map(|(holds, warning)| holds.then_some(warning))
        .chain(never_granted)
        .chain(too_old)
}

/// Why a negotiation cannot go on, or an answer that it did not wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NegotiationViolation {
    /// No step is unanswered, or another one is.
    Unasked,
    /// `HELLO` did not grant what is required.
    NotGranted(Feature),
    /// A step that is required was refused.
    Refused {
        /// Its command, or the key of its control.
        step: &'static str,
        /// How it was answered.
        status: Status,
    },
}

impl fmt::Display for NegotiationViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unasked => f.write_str("answer to nothing that was asked"),
            Self::NotGranted(feature) => write!(f, "{feature} was not granted"),
            Self::Refused { step, status } => write!(f, "{step} was answered {status}"),
        }
    }
}

impl core::error::Error for NegotiationViolation {}
