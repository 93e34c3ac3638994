#![cfg_attr(not(doctest), doc = include_str!("../README.md"))]
//!
//! # The map of the crate
//!
//! Layers, each of which depends only on those above it:
//!
//! | layer       | what it knows              | where                                                       |
//! |-------------|----------------------------|-------------------------------------------------------------|
//! | codes       | what the numbers mean      | [`codes`]: [`Opcode`], [`Status`], [`Datatype`], [`Feature`] … |
//! | frame       | where a packet ends        | [`Header`], [`Packet`], [`Decoder`], [`FramingExtras`]       |
//! | message     | what a packet says         | [`Request`], [`Response`], [`dcp`], [`kv`]                   |
//! | value       | what is inside keys and values | [`value`]: [`DocKey`], extended attributes, system events … |
//! | judgement   | what it means for us       | [`policy`]: is it fatal; [`validate`]: would the server accept it |
//! | track       | what happens over time     | [`track`]: set-up, takeover, flow control, resuming, noops, negotiation |
//!
//! The [`guide`] builds a consumer, a producer and a proxy of these.
//!
//! Failures are split by what the caller must do about them: nothing yet (`None`: read more), give
//! up this packet ([`MessageError`]), or close the connection ([`FrameError`]). A status is not an
//! error.
//!
//! Where a rule comes from is said beside it: *reference* is the wire reference that was compiled
//! for this crate from the server's source (kv_engine `eba42989`, by section) and corrected by what
//! real nodes did; MB numbers are those of the server's bug tracker.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

#[cfg(feature = "arbitrary")]
mod arbitrary;
#[cfg(feature = "tokio-util")]
pub mod codec;
pub mod codes;
mod cursor;
mod data;
pub mod dcp;
mod decoder;
mod encode;
mod error;
mod frame_info;
#[cfg(any(doc, doctest))]
pub mod guide;
mod header;
pub mod kv;
#[cfg(test)]
mod layout;
mod message;
mod packet;
pub mod policy;
#[cfg(feature = "testing")]
pub mod testing;
pub mod track;
pub mod validate;
pub mod value;

pub use codes::{
    Command, Datatype, DurabilityLevel, ErrorAttributes, Feature, Opcode, OpenFlags, OsoFlags,
    ServerOpcode, SnapshotFlags, Status, StatusCategory, StreamEndReason, StreamFlags,
    SystemEventId, VbucketState, WireBool,
};
pub use data::{Metadata, UserData};
pub use decoder::{Batch, Decoder};
pub use encode::PacketBuf;
pub use error::{EncodeError, FrameError, Lengths, MessageError, MessageErrorKind, Section};
pub use frame_info::{
    EncodedDuration, FrameInfo, FrameInfoError, FrameInfos, FramingExtras, RequestInfo,
    ResponseInfo,
};
pub use header::{Header, HeaderMut, Magic, SectionLengths};
pub use message::{Answer, Message, Presence, Reply, Request, Response, Shape, StatusOnly};
pub use packet::{Packet, Packets, Sections};
pub use value::{CollectionId, DocKey, ScopeId, ValueError, ValueErrorKind};

use encode::Parts;
use message::Body;

/// The examples of the README use optional features, so they are tested where those are on.
#[cfg(all(doctest, feature = "snappy", feature = "tokio-util"))]
#[doc = include_str!("../README.md")]
struct Readme;
