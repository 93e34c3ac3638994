#![doc = include_str!("../README.md")]
//! # The map of the crate
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

#[cfg(feature = "arbitrary")]
mod arbitrary;
pub mod codes;
mod cursor;
mod data;
pub mod dcp;
mod decoder;
mod encode;
mod error;
mod frame_info;
mod header;
mod message;
mod packet;
#[cfg(test)]
mod testing;

pub use codes::{
    Command, Datatype, DurabilityLevel, Feature, Opcode, OpenFlags, OsoFlags, ServerOpcode,
    SnapshotFlags, Status, StatusCategory, StreamEndReason, StreamFlags, SystemEventId,
    VbucketState, WireBool,
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
pub use message::{Message, Presence, Reply, Request, Response, Shape, StatusOnly};
pub use packet::{Packet, Packets, Sections};

use encode::Parts;
use message::Body;
