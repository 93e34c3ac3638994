//! A program without the standard library: its own entry point, allocator and panic handler.
//!
//! That it links is the proof: were `std` anywhere in the tree, there would be two panic handlers.
//! That it exits with 0 is a bonus.

#![no_std]
#![no_main]

extern crate alloc;

mod allocator;

use alloc::vec::Vec;
use core::ffi::c_int;
use core::panic::PanicInfo;

use bytes::BytesMut;
use mcbp::dcp::{DcpRequest, Mutation, SnapshotMarker};
use mcbp::{Decoder, EncodeError, FrameError, Request, SnapshotFlags};

// For what calls `main`, and for `memcpy` and the like.
#[link(name = "c")]
unsafe extern "C" {}

#[unsafe(no_mangle)]
extern "C" fn main() -> c_int {
    match written().map(|stream| read(&stream)) {
        Ok(Ok([1, 2])) => 0,
        _ => 1,
    }
}

/// A snapshot of two mutations, the second cut off by one byte, and that byte.
fn written() -> Result<Vec<u8>, EncodeError> {
    let mut stream = Vec::new();
    Request::from(SnapshotMarker {
        start_seqno: 1,
        end_seqno: 2,
        flags: SnapshotFlags::MEMORY,
        v2: None,
    })
    .encode(&mut stream)?;
    for by_seqno in [1, 2] {
        Request::from(Mutation {
            by_seqno,
            key: "key".into(),
            value: "value".into(),
            ..Mutation::default()
        })
        .encode(&mut stream)?;
    }
    Ok(stream)
}

/// How many markers and mutations there are in a stream that arrives in reads of 50 bytes.
fn read(bytes: &[u8]) -> Result<[u32; 2], FrameError> {
    let mut decoder = Decoder::default();
    let mut stream = BytesMut::new();
    let mut counts = [0, 0];
    for read in bytes.chunks(50) {
        stream.extend_from_slice(read);
        while let Some(packet) = decoder.decode(&mut stream)? {
            let [markers, mutations] = &mut counts;
            match DcpRequest::read(packet.view()) {
                Ok(DcpRequest::SnapshotMarker(_)) => *markers += 1,
                Ok(DcpRequest::Mutation(_)) => *mutations += 1,
                _ => {}
            }
        }
    }
    Ok(counts)
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
