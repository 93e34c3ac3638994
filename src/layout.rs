//! Layout checks for messages.
//!
//! The fields of the messages given here must *count*: the first byte is 0x00, the next 0x01, and
//! so on, so a field of four bytes that starts at byte 16 holds 0x10111213. Every literal spells
//! its own offset, and swapped fields fail even where reading and writing swap them alike.

use core::fmt::Debug;
use std::vec::Vec;

use crate::{Datatype, FramingExtras, Message, Packet, Reply, Request, Response, Status};

/// Checks that each field of `message` is written to, and read from, the offset in the extras that
/// it names.
#[track_caller]
pub(crate) fn assert_layout<M>(message: M)
where
    M: Message<'static> + PartialEq + Debug,
{
    let packet = assert_round_trip(message);
    assert_counts(packet.into_sections().extras);
}

/// The same for fields in the value, behind these extras.
#[track_caller]
pub(crate) fn assert_value_layout<M>(extras: &[u8], message: M)
where
    M: Message<'static> + PartialEq + Debug,
{
    let packet = assert_round_trip(message);
    assert_eq!(packet.into_sections().extras, extras);
    assert_counts(packet.into_sections().value.expose());
}

/// Checks that `reply` is read as it was written, and that its extras count.
#[track_caller]
pub(crate) fn assert_reply_layout<R>(status: Status, reply: R)
where
    R: Reply<'static> + PartialEq + Debug,
{
    let response = Response {
        opaque: 1,
        status,
        cas: 3,
        datatype: Datatype::JSON,
        framing_extras: FramingExtras::ABSENT,
        reply,
    };
    let mut written = Vec::new();
    response.encode(&mut written).expect("a legal reply");
    assert_eq!(written.len(), response.encoded_len());
    let packet = whole(written);
    assert_counts(packet.into_sections().extras);
    assert_eq!(packet.response(), Ok(response));
}

#[track_caller]
fn assert_round_trip<M>(message: M) -> Packet<&'static [u8]>
where
    M: Message<'static> + PartialEq + Debug,
{
    let request = Request {
        opaque: 1,
        vbucket: 2,
        cas: 3,
        datatype: Datatype::JSON,
        framing_extras: FramingExtras::ABSENT,
        message,
    };
    let mut written = Vec::new();
    request.encode(&mut written).expect("a legal message");
    assert_eq!(written.len(), request.encoded_len());
    let packet = whole(written);
    assert_eq!(packet.request(), Ok(request));
    packet
}

#[track_caller]
fn whole(bytes: Vec<u8>) -> Packet<&'static [u8]> {
    let (packet, rest) = Packet::split_first(bytes.leak())
        .expect("a packet")
        .expect("a whole packet");
    assert!(rest.is_empty(), "bytes behind the packet");
    packet
}

#[track_caller]
fn assert_counts(bytes: &[u8]) {
    assert!(
        bytes.iter().copied().eq((0..).take(bytes.len())),
        "{bytes:02x?}"
    );
}
