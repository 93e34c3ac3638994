//! The same work as the floor's, done with the crate.

use core::hint::black_box;
use std::io::IoSlice;

use bytes::{Buf, BufMut, BytesMut};
use mcbp::dcp::{DcpRequest, DeletionVersion};
use mcbp::{Decoder, HeaderMut, Packet, Request};

use super::floor::bytes_at;

/// Adds up the opcodes and lengths of the packets.
pub(crate) fn hop(bytes: &[u8]) -> Option<u64> {
    let mut total = 0_u64;
    for packet in Packet::iter(bytes) {
        let packet = packet.ok()?;
        let header = packet.header();
        total = total
            .wrapping_add(header.packet_len() as u64)
            .wrapping_add(header.opcode()?.0.into());
    }
    Some(total)
}

/// Reads the message in each packet, and adds up its fields.
pub(crate) fn decode(bytes: &[u8]) -> Option<u64> {
    let mut total = 0_u64;
    for packet in Packet::iter(bytes) {
        let request = DcpRequest::read(packet.ok()?).ok()?;
        total = total.wrapping_add(sum(&request)?);
    }
    Some(total)
}

/// The same for a stream that arrives in reads of this length, a packet at a time.
pub(crate) fn decode_packets(bytes: &[u8], read_len: usize) -> Option<u64> {
    let mut decoder = Decoder::default();
    let mut stream = BytesMut::with_capacity(2 * read_len);
    let mut total = 0_u64;
    for read in bytes.chunks(read_len) {
        stream.extend_from_slice(read);
        while let Some(packet) = decoder.decode(&mut stream).ok()? {
            let request = DcpRequest::read(packet.view()).ok()?;
            total = total.wrapping_add(sum(&request)?);
        }
    }
    Some(total)
}

/// The same, a batch at a time.
pub(crate) fn decode_batches(bytes: &[u8], read_len: usize) -> Option<u64> {
    let mut decoder = Decoder::default();
    let mut stream = BytesMut::with_capacity(2 * read_len);
    let mut total = 0_u64;
    for read in bytes.chunks(read_len) {
        stream.extend_from_slice(read);
        for packet in decoder.decode_batch(&mut stream).ok()?.iter() {
            let request = DcpRequest::read(packet).ok()?;
            total = total.wrapping_add(sum(&request)?);
        }
    }
    Some(total)
}

/// Appends the packets of these messages.
pub(crate) fn encode(messages: &[DcpRequest<'_>], dst: &mut impl BufMut) -> Option<()> {
    messages
        .iter()
        .try_for_each(|message| message.encode(dst).ok())
}

/// Makes of each message what `writev` takes, and adds up the lengths.
pub(crate) fn encode_vectored(messages: &[DcpRequest<'_>]) -> Option<u64> {
    let mut sum = 0_u64;
    for message in messages {
        let buf = message.to_buf().ok()?;
        let mut slices = [IoSlice::new(&[]); 4];
        let count = buf.chunks_vectored(&mut slices);
        sum = slices[..count]
            .iter()
            .fold(sum, |sum, slice| sum.wrapping_add(slice.len() as u64));
        black_box(&slices);
    }
    Some(sum)
}

/// Replaces opaque and vbucket of each packet.
pub(crate) fn edit(bytes: &mut [u8], offsets: &[usize], opaque: u32, vbucket: u16) -> Option<()> {
    for &offset in offsets {
        let mut header = HeaderMut::new(bytes.get_mut(offset..)?)?;
        header.set_vbucket_or_status(vbucket);
        header.set_opaque(opaque);
    }
    Some(())
}

#[inline(always)]
pub(crate) fn sum(request: &DcpRequest<'_>) -> Option<u64> {
    Some(match request {
        DcpRequest::Mutation(request) => {
            let message = &request.message;
            envelope(request)
                .wrapping_add(message.by_seqno)
                .wrapping_add(message.rev_seqno)
                .wrapping_add(message.flags.into())
                .wrapping_add(message.expiration.into())
                .wrapping_add(message.lock_time.into())
                .wrapping_add(message.nmeta.into())
                .wrapping_add(message.nru.into())
                .wrapping_add(bytes_at(message.key.expose()))
                .wrapping_add(bytes_at(message.value.expose()))
        }
        DcpRequest::Deletion(request) => {
            let message = &request.message;
            let version = match message.version {
                DeletionVersion::V1 { nmeta } => u64::from(nmeta),
                DeletionVersion::V2 {
                    delete_time,
                    unused,
                } => u64::from(delete_time).wrapping_add(unused.into()),
            };
            envelope(request)
                .wrapping_add(message.by_seqno)
                .wrapping_add(message.rev_seqno)
                .wrapping_add(version)
                .wrapping_add(bytes_at(message.key.expose()))
                .wrapping_add(bytes_at(message.value.expose()))
        }
        DcpRequest::Expiration(request) => {
            let message = &request.message;
            envelope(request)
                .wrapping_add(message.by_seqno)
                .wrapping_add(message.rev_seqno)
                .wrapping_add(message.delete_time.into())
                .wrapping_add(bytes_at(message.key.expose()))
                .wrapping_add(bytes_at(message.value.expose()))
        }
        DcpRequest::Prepare(request) => {
            let message = &request.message;
            envelope(request)
                .wrapping_add(message.by_seqno)
                .wrapping_add(message.rev_seqno)
                .wrapping_add(message.flags.into())
                .wrapping_add(message.expiration.into())
                .wrapping_add(message.lock_time.into())
                .wrapping_add(message.nru.into())
                .wrapping_add(message.deleted.0.into())
                .wrapping_add(message.durability_level.0.into())
                .wrapping_add(bytes_at(message.key.expose()))
                .wrapping_add(bytes_at(message.value.expose()))
        }
        DcpRequest::Commit(request) => {
            let message = &request.message;
            envelope(request)
                .wrapping_add(message.prepared_seqno)
                .wrapping_add(message.commit_seqno)
                .wrapping_add(bytes_at(message.key.expose()))
        }
        DcpRequest::Abort(request) => {
            let message = &request.message;
            envelope(request)
                .wrapping_add(message.prepared_seqno)
                .wrapping_add(message.abort_seqno)
                .wrapping_add(bytes_at(message.key.expose()))
        }
        DcpRequest::SnapshotMarker(request) => envelope(request)
            .wrapping_add(request.message.start_seqno)
            .wrapping_add(request.message.end_seqno)
            .wrapping_add(request.message.flags.bits().into()),
        DcpRequest::SystemEvent(request) => {
            let message = &request.message;
            envelope(request)
                .wrapping_add(message.by_seqno)
                .wrapping_add(message.id.0.into())
                .wrapping_add(message.version.into())
                .wrapping_add(bytes_at(message.key.0))
                .wrapping_add(bytes_at(message.value.0))
        }
        DcpRequest::SeqnoAdvanced(request) => {
            envelope(request).wrapping_add(request.message.by_seqno)
        }
        DcpRequest::Noop(request) => envelope(request),
        _ => return None,
    })
}

#[inline(always)]
fn envelope<M>(request: &Request<'_, M>) -> u64 {
    u64::from(request.opaque)
        .wrapping_add(request.vbucket.into())
        .wrapping_add(request.cas)
        .wrapping_add(request.datatype.bits().into())
}
