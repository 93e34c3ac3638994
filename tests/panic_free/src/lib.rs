//! The hot path, each function under a name of its own that can be found in the assembly.

#![forbid(unsafe_code)]

use bytes::BytesMut;
use mcbp::dcp::{DcpRequest, DcpResponse};
use mcbp::{Batch, Decoder, FrameError, Header, MessageError, Packet};

/// What [`Packet::split_first`] gives.
pub type First<'a> = Option<(Packet<&'a [u8]>, &'a [u8])>;

#[inline(never)]
pub fn header_parse(bytes: &[u8; Header::LEN]) -> Result<Header, FrameError> {
    Header::parse(bytes)
}

#[inline(never)]
pub fn packet_split_first(bytes: &[u8]) -> Result<First<'_>, FrameError> {
    Packet::split_first(bytes)
}

#[inline(never)]
pub fn request_read(packet: Packet<&[u8]>) -> Result<DcpRequest<'_>, MessageError> {
    DcpRequest::read(packet)
}

#[inline(never)]
pub fn response_read(packet: Packet<&[u8]>) -> Result<DcpResponse<'_>, MessageError> {
    DcpResponse::read(packet)
}

#[inline(never)]
pub fn decode(decoder: &mut Decoder, stream: &mut BytesMut) -> Result<Option<Packet>, FrameError> {
    decoder.decode(stream)
}

#[inline(never)]
pub fn decode_batch(decoder: &mut Decoder, stream: &mut BytesMut) -> Result<Batch, FrameError> {
    decoder.decode_batch(stream)
}

/// Is found to panic, or nothing would be.
#[inline(never)]
pub fn deliberate(bytes: &[u8]) -> u8 {
    bytes[0]
}
