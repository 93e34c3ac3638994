//! The floor: the same work for the same packets, and nothing else, written by hand in safe Rust.
//!
//! It reads what is in the corpora and gives up on anything else. Of what the crate checks it
//! checks only what it cannot do without: that there are as many bytes as it reads.

use core::hint::black_box;
use std::io::IoSlice;

use bytes::BufMut;
use mcbp::Request;
use mcbp::dcp::{DcpRequest, DeletionVersion};

/// Adds up the opcodes and lengths of the packets that are whole.
pub(crate) fn hop(bytes: &[u8]) -> Option<u64> {
    let mut rest = bytes;
    let mut sum = 0_u64;
    while let Some(header) = rest.first_chunk::<24>() {
        let len = 24 + u32_at(header, 8) as usize;
        let Some((_, behind)) = rest.split_at_checked(len) else {
            break;
        };
        if header[0] != 0x80 {
            return None;
        }
        sum = sum.wrapping_add(len as u64).wrapping_add(header[1].into());
        rest = behind;
    }
    Some(sum)
}

/// Adds up the fields of the packets that are whole, and says how many bytes those have.
pub(crate) fn decode(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut rest = bytes;
    let mut sum = 0_u64;
    while let Some((header, behind)) = rest.split_first_chunk::<24>() {
        let (opcode, key_len, extras_len) = (header[1], u16_at(header, 2), header[4]);
        let Some((body, behind)) = behind.split_at_checked(u32_at(header, 8) as usize) else {
            break;
        };
        if header[0] != 0x80 {
            return None;
        }
        let (extras, body) = body.split_at_checked(extras_len.into())?;
        let (key, value) = body.split_at_checked(key_len.into())?;
        let fields = match opcode {
            0x57 => {
                let extras: &[u8; 31] = extras.try_into().ok()?;
                u64_at(extras, 0)
                    .wrapping_add(u64_at(extras, 8))
                    .wrapping_add(u32_at(extras, 16).into())
                    .wrapping_add(u32_at(extras, 20).into())
                    .wrapping_add(u32_at(extras, 24).into())
                    .wrapping_add(u16_at(extras, 28).into())
                    .wrapping_add(extras[30].into())
            }
            0x58 => {
                let extras: &[u8; 21] = extras.try_into().ok()?;
                u64_at(extras, 0)
                    .wrapping_add(u64_at(extras, 8))
                    .wrapping_add(u32_at(extras, 16).into())
                    .wrapping_add(extras[20].into())
            }
            0x59 => {
                let extras: &[u8; 20] = extras.try_into().ok()?;
                u64_at(extras, 0)
                    .wrapping_add(u64_at(extras, 8))
                    .wrapping_add(u32_at(extras, 16).into())
            }
            0x60 => {
                let extras: &[u8; 31] = extras.try_into().ok()?;
                u64_at(extras, 0)
                    .wrapping_add(u64_at(extras, 8))
                    .wrapping_add(u32_at(extras, 16).into())
                    .wrapping_add(u32_at(extras, 20).into())
                    .wrapping_add(u32_at(extras, 24).into())
                    .wrapping_add(extras[28].into())
                    .wrapping_add(extras[29].into())
                    .wrapping_add(extras[30].into())
            }
            0x62 | 0x63 => {
                let extras: &[u8; 16] = extras.try_into().ok()?;
                u64_at(extras, 0).wrapping_add(u64_at(extras, 8))
            }
            0x56 => {
                let extras: &[u8; 20] = extras.try_into().ok()?;
                u64_at(extras, 0)
                    .wrapping_add(u64_at(extras, 8))
                    .wrapping_add(u32_at(extras, 16).into())
            }
            0x5f => {
                let extras: &[u8; 13] = extras.try_into().ok()?;
                u64_at(extras, 0)
                    .wrapping_add(u32_at(extras, 8).into())
                    .wrapping_add(extras[12].into())
            }
            0x64 => {
                let extras: &[u8; 8] = extras.try_into().ok()?;
                u64_at(extras, 0)
            }
            0x5c => 0,
            _ => return None,
        };
        sum = sum
            .wrapping_add(u16_at(header, 6).into())
            .wrapping_add(header[5].into())
            .wrapping_add(u32_at(header, 12).into())
            .wrapping_add(u64_at(header, 16))
            .wrapping_add(fields)
            .wrapping_add(bytes_at(key))
            .wrapping_add(bytes_at(value));
        rest = behind;
    }
    Some((sum, bytes.len() - rest.len()))
}

/// The same for a stream that arrives in reads of this length, through one buffer.
pub(crate) fn decode_stream(bytes: &[u8], read_len: usize) -> Option<u64> {
    let mut buffer = Vec::with_capacity(2 * read_len);
    let mut sum = 0_u64;
    for read in bytes.chunks(read_len) {
        buffer.extend_from_slice(read);
        let (part, taken) = decode(&buffer)?;
        sum = sum.wrapping_add(part);
        buffer.drain(..taken);
    }
    Some(sum)
}

/// Appends the packets of these messages.
pub(crate) fn encode(messages: &[DcpRequest<'_>], dst: &mut impl BufMut) -> Option<()> {
    write(messages, |header, extras, key, value| {
        dst.put_slice(header);
        dst.put_slice(extras);
        dst.put_slice(key);
        dst.put_slice(value);
    })
}

/// Makes of each message what `writev` takes, without a copy of its key and its value, and adds up
/// the lengths.
pub(crate) fn encode_vectored(messages: &[DcpRequest<'_>]) -> Option<u64> {
    let mut sum = 0_u64;
    let mut head = [0; 24 + 31];
    write(messages, |header, extras, key, value| {
        let (head, _) = head.split_at_mut(24 + extras.len());
        head[..24].copy_from_slice(header);
        head[24..].copy_from_slice(extras);
        let slices = [IoSlice::new(head), IoSlice::new(key), IoSlice::new(value)];
        sum = slices
            .iter()
            .fold(sum, |sum, slice| sum.wrapping_add(slice.len() as u64));
        black_box(&slices);
    })?;
    Some(sum)
}

/// Puts header and extras of these messages together.
#[inline(always)]
fn write(
    messages: &[DcpRequest<'_>],
    mut dst: impl FnMut(&[u8; 24], &[u8], &[u8], &[u8]),
) -> Option<()> {
    for message in messages {
        match message {
            DcpRequest::Mutation(request) => {
                let message = &request.message;
                let mut extras = [0; 31];
                extras[..8].copy_from_slice(&message.by_seqno.to_be_bytes());
                extras[8..16].copy_from_slice(&message.rev_seqno.to_be_bytes());
                extras[16..20].copy_from_slice(&message.flags.to_be_bytes());
                extras[20..24].copy_from_slice(&message.expiration.to_be_bytes());
                extras[24..28].copy_from_slice(&message.lock_time.to_be_bytes());
                extras[28..30].copy_from_slice(&message.nmeta.to_be_bytes());
                extras[30] = message.nru;
                let (key, value) = (message.key.expose(), message.value.expose());
                put(&mut dst, 0x57, request, &extras, key, value)?;
            }
            DcpRequest::Deletion(request) => {
                let message = &request.message;
                let DeletionVersion::V2 {
                    delete_time,
                    unused,
                } = message.version
                else {
                    return None;
                };
                let mut extras = [0; 21];
                extras[..8].copy_from_slice(&message.by_seqno.to_be_bytes());
                extras[8..16].copy_from_slice(&message.rev_seqno.to_be_bytes());
                extras[16..20].copy_from_slice(&delete_time.to_be_bytes());
                extras[20] = unused;
                let (key, value) = (message.key.expose(), message.value.expose());
                put(&mut dst, 0x58, request, &extras, key, value)?;
            }
            DcpRequest::Expiration(request) => {
                let message = &request.message;
                let mut extras = [0; 20];
                extras[..8].copy_from_slice(&message.by_seqno.to_be_bytes());
                extras[8..16].copy_from_slice(&message.rev_seqno.to_be_bytes());
                extras[16..20].copy_from_slice(&message.delete_time.to_be_bytes());
                let (key, value) = (message.key.expose(), message.value.expose());
                put(&mut dst, 0x59, request, &extras, key, value)?;
            }
            DcpRequest::Prepare(request) => {
                let message = &request.message;
                let mut extras = [0; 31];
                extras[..8].copy_from_slice(&message.by_seqno.to_be_bytes());
                extras[8..16].copy_from_slice(&message.rev_seqno.to_be_bytes());
                extras[16..20].copy_from_slice(&message.flags.to_be_bytes());
                extras[20..24].copy_from_slice(&message.expiration.to_be_bytes());
                extras[24..28].copy_from_slice(&message.lock_time.to_be_bytes());
                extras[28] = message.nru;
                extras[29] = message.deleted.0;
                extras[30] = message.durability_level.0;
                let (key, value) = (message.key.expose(), message.value.expose());
                put(&mut dst, 0x60, request, &extras, key, value)?;
            }
            DcpRequest::Commit(request) => {
                let message = &request.message;
                let mut extras = [0; 16];
                extras[..8].copy_from_slice(&message.prepared_seqno.to_be_bytes());
                extras[8..].copy_from_slice(&message.commit_seqno.to_be_bytes());
                put(&mut dst, 0x62, request, &extras, message.key.expose(), &[])?;
            }
            DcpRequest::Abort(request) => {
                let message = &request.message;
                let mut extras = [0; 16];
                extras[..8].copy_from_slice(&message.prepared_seqno.to_be_bytes());
                extras[8..].copy_from_slice(&message.abort_seqno.to_be_bytes());
                put(&mut dst, 0x63, request, &extras, message.key.expose(), &[])?;
            }
            DcpRequest::SnapshotMarker(request) => {
                let message = &request.message;
                let mut extras = [0; 20];
                extras[..8].copy_from_slice(&message.start_seqno.to_be_bytes());
                extras[8..16].copy_from_slice(&message.end_seqno.to_be_bytes());
                extras[16..].copy_from_slice(&message.flags.bits().to_be_bytes());
                put(&mut dst, 0x56, request, &extras, &[], &[])?;
            }
            DcpRequest::SystemEvent(request) => {
                let message = &request.message;
                let mut extras = [0; 13];
                extras[..8].copy_from_slice(&message.by_seqno.to_be_bytes());
                extras[8..12].copy_from_slice(&message.id.0.to_be_bytes());
                extras[12] = message.version;
                put(
                    &mut dst,
                    0x5f,
                    request,
                    &extras,
                    message.key.0,
                    message.value.0,
                )?;
            }
            DcpRequest::SeqnoAdvanced(request) => {
                let extras = request.message.by_seqno.to_be_bytes();
                put(&mut dst, 0x64, request, &extras, &[], &[])?;
            }
            DcpRequest::Noop(request) => put(&mut dst, 0x5c, request, &[], &[], &[])?,
            _ => return None,
        }
    }
    Some(())
}

/// Replaces opaque and vbucket of each packet.
pub(crate) fn edit(bytes: &mut [u8], offsets: &[usize], opaque: u32, vbucket: u16) -> Option<()> {
    for &offset in offsets {
        let header: &mut [u8; 24] = bytes.get_mut(offset..)?.first_chunk_mut()?;
        header[6..8].copy_from_slice(&vbucket.to_be_bytes());
        header[12..16].copy_from_slice(&opaque.to_be_bytes());
    }
    Some(())
}

#[inline(always)]
fn put<M>(
    dst: &mut impl FnMut(&[u8; 24], &[u8], &[u8], &[u8]),
    opcode: u8,
    request: &Request<'_, M>,
    extras: &[u8],
    key: &[u8],
    value: &[u8],
) -> Option<()> {
    let key_len = u16::try_from(key.len()).ok()?;
    let extras_len = u8::try_from(extras.len()).ok()?;
    let body_len = u32::try_from(extras.len() + key.len() + value.len()).ok()?;
    let mut header = [0; 24];
    header[0] = 0x80;
    header[1] = opcode;
    header[2..4].copy_from_slice(&key_len.to_be_bytes());
    header[4] = extras_len;
    header[5] = request.datatype.bits();
    header[6..8].copy_from_slice(&request.vbucket.to_be_bytes());
    header[8..12].copy_from_slice(&body_len.to_be_bytes());
    header[12..16].copy_from_slice(&request.opaque.to_be_bytes());
    header[16..].copy_from_slice(&request.cas.to_be_bytes());
    dst(&header, extras, key, value);
    Some(())
}

/// What is added up of a key or a value.
#[inline(always)]
pub(crate) fn bytes_at(bytes: &[u8]) -> u64 {
    let first = bytes.first().copied().unwrap_or_default();
    (bytes.len() as u64).wrapping_add(first.into())
}

#[inline(always)]
fn u16_at<const N: usize>(bytes: &[u8; N], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

#[inline(always)]
fn u32_at<const N: usize>(bytes: &[u8; N], at: usize) -> u32 {
    let mut field = [0; 4];
    field.copy_from_slice(&bytes[at..at + 4]);
    u32::from_be_bytes(field)
}

#[inline(always)]
fn u64_at<const N: usize>(bytes: &[u8; N], at: usize) -> u64 {
    let mut field = [0; 8];
    field.copy_from_slice(&bytes[at..at + 8]);
    u64::from_be_bytes(field)
}
