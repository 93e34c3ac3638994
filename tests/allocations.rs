//! Nothing is allocated to read or to write a message, and no length from the network is believed.

#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test may panic"
)]

mod common;
#[path = "common/memory.rs"]
mod memory;

use core::fmt::{self, Write};
#[cfg(feature = "std")]
use std::io::IoSlice;

use bytes::{Buf, BufMut, BytesMut};
use mcbp::dcp::{CacheTransfer, DcpRequest, FailoverLog, Mutation};
use mcbp::policy::{self, Context, Edition, OpaqueOwner, Role};
use mcbp::value::{Collection, Collections, ManifestChange, Xattr, Xattrs};
use mcbp::{
    CollectionId, Decoder, DocKey, FramingExtras, HeaderMut, Metadata, Opcode, Packet, Request,
    Status, UserData,
};

use common::{Dcp, FRAMING_EXTRAS, Frame, REQUESTS, frames, packet};
use memory::{tally, without_memory};

#[test]
fn the_tally_counts() {
    let (taken, block) = tally(|| vec![7_u8; 100]);
    assert_eq!((taken.count, taken.live, taken.peak), (1, 100, 100));
    let (freed, ()) = tally(|| drop(block));
    assert_eq!((freed.count, freed.live, freed.peak), (0, -100, 0));
    let (grown, _block) = tally(|| {
        let mut block = Vec::<u8>::with_capacity(10);
        block.reserve_exact(30);
        block
    });
    assert_eq!((grown.count, grown.live, grown.peak), (2, 30, 40));
}

#[test]
fn reading_takes_no_memory() {
    for (row, frame) in frames() {
        let bytes = frame.bytes();
        without_memory(|| {
            let split = Packet::split_first(&bytes).expect("a packet");
            let (packet, _) = split.expect("a whole packet");
            assert!(Dcp::read(packet).is_ok());
            assert!((row.read)(packet).is_ok());
            assert_eq!(Packet::iter(&bytes).count(), 1);
            assert_eq!(packet.into_sections().extras.len(), frame.extras.len());
        });
    }
}

#[test]
fn refusing_takes_no_memory() {
    for (_, mut frame) in frames() {
        frame.extras.resize(99, 7);
        let bytes = frame.bytes();
        let packet = packet(&bytes);
        without_memory(|| assert!(Dcp::read(packet).is_err()));
        without_memory(|| assert!(Packet::split_first(&bytes[1..]).is_err()));
    }
}

#[test]
fn writing_into_room_that_is_there_takes_no_memory() {
    for (_, frame) in frames() {
        let bytes = frame.bytes();
        let message = Dcp::read(packet(&bytes)).expect("an example");
        let mut vec = Vec::with_capacity(bytes.len());
        let mut shared = BytesMut::with_capacity(bytes.len());
        let mut fixed = vec![0; bytes.len()];
        without_memory(|| {
            assert_eq!(message.encode(&mut vec), Ok(()));
            assert_eq!(message.encode(&mut shared), Ok(()));
            assert_eq!(message.encode(&mut &mut fixed[..]), Ok(()));
            assert!(message.encode(&mut &mut fixed[1..]).is_err());
        });
        assert!(vec == bytes && shared == bytes && fixed == bytes);
    }
}

#[test]
fn a_packet_as_a_buffer_takes_no_memory() {
    for (_, frame) in frames() {
        let bytes = frame.bytes();
        let message = Dcp::read(packet(&bytes)).expect("an example");
        without_memory(|| {
            let mut buf = message.to_buf().expect("what was read");
            let mut at = 0;
            while buf.has_remaining() {
                let chunk = buf.chunk();
                assert_eq!(chunk, &bytes[at..at + chunk.len()]);
                at += chunk.len();
                buf.advance(chunk.len());
            }
            assert_eq!(at, bytes.len());
            assert_eq!(packet(&bytes).to_buf().remaining(), bytes.len());
        });
    }
}

/// The bytes of a packet that are not where the message has them: those were copied.
#[cfg(feature = "std")]
fn copied(slices: &[IoSlice<'_>], originals: [&[u8]; 2]) -> usize {
    let is_original = |slice: &&IoSlice<'_>| {
        let is_it = |original: &[u8]| original.as_ptr_range() == slice.as_ptr_range();
        originals.into_iter().any(is_it)
    };
    let copies = slices.iter().filter(|slice| !is_original(slice));
    copies.map(|slice| slice.len()).sum()
}

#[cfg(feature = "std")]
#[test]
fn a_vectored_write_copies_96_bytes_at_most() {
    let key = [b'k'; 250];
    let value = vec![7; 1 << 20];
    let (key, value) = (UserData::new(&key), UserData::new(&value));
    for framing_extras in [FRAMING_EXTRAS[0], FRAMING_EXTRAS[1]] {
        let request = Request {
            framing_extras: FramingExtras::new(framing_extras).expect("whole infos"),
            ..Request::from(Mutation {
                key,
                value,
                ..Mutation::default()
            })
        };
        without_memory(|| {
            let buf = request.to_buf().expect("a legal message");
            let mut slices = [IoSlice::new(&[]); 8];
            let count = buf.chunks_vectored(&mut slices);
            let slices = &slices[..count];
            let len: usize = slices.iter().map(|slice| slice.len()).sum();
            assert_eq!(len, request.encoded_len());
            let copied = copied(slices, [key.expose(), value.expose()]);
            assert!(copied >= 24 + 31, "header and extras");
            assert!(copied <= 96, "{copied} bytes");
        });
    }
}

#[test]
fn a_header_edited_in_place_takes_no_memory() {
    for (_, frame) in frames() {
        let mut bytes = frame.bytes();
        without_memory(|| {
            let mut header = HeaderMut::new(&mut bytes).expect("a header");
            header.set_opaque(7);
            header.set_vbucket_or_status(11);
            header.set_cas(13);
        });
    }
}

#[test]
fn keys_and_values_take_no_memory() {
    let xattr = |key, value| Xattr {
        key: UserData::new(key),
        value: UserData::new(value),
    };
    let xattrs = [xattr(b"_sync", b"{}"), xattr(b"meta", b"7")];
    let collection = ManifestChange::CreateCollection(Collection {
        name: "fruit".into(),
        ..Collection::default()
    });
    let (mut key, mut value, mut event) = ([0; 10], [0; 64], [0; 256]);
    without_memory(|| {
        let name = UserData::new(b"name");
        let id = CollectionId(0x555);
        DocKey::encode(Collections::Negotiated, id, name, &mut &mut key[..]).expect("room");
        let key = DocKey::new(UserData::new(&key[..6]), Collections::Negotiated);
        assert_eq!(key.map(DocKey::name), Ok(name));

        let mut room = &mut value[..];
        Xattrs::encode(xattrs, &mut room).expect("room");
        let left = room.len();
        let section = UserData::new(&value[..value.len() - left]);
        let (section, body) = Xattrs::split(section).expect("whole pairs");
        assert!(section.iter().eq(xattrs) && body.is_empty());

        collection.encode(2, &mut &mut event[..]).expect("room");
        let (id, name) = (collection.id(), collection.key());
        let read = ManifestChange::read(id, 2, name, Metadata(&event));
        assert!(matches!(read, Ok(ManifestChange::CreateCollection(it)) if it.name == name));
    });
}

#[test]
fn a_verdict_takes_no_memory() {
    let fatal = without_memory(|| {
        let mut fatal = 0;
        for opcode in 0..=u8::MAX {
            let (opcode, owner) = (Opcode(opcode), OpaqueOwner::Stream);
            let context = Context::new(Role::Producer, Edition::V7_0, opcode, owner);
            for &status in Status::NAMED {
                let verdict = policy::judge(&context, status);
                fatal += usize::from(verdict.is_fatal());
            }
        }
        fatal
    });
    assert!(fatal > 0 && fatal < 256 * Status::NAMED.len());
}

#[test]
fn walking_what_is_inside_takes_no_memory() {
    for section in FRAMING_EXTRAS {
        without_memory(|| {
            let section = FramingExtras::new(section).expect("whole infos");
            let count = section.iter().count();
            assert_eq!(section.request_infos().count(), count);
            assert_eq!(section.response_infos().count(), count);
            assert_eq!(
                section.stream_id().is_some(),
                section.as_bytes().contains(&0x22)
            );
        });
    }
    let bytes = [7; 25 * 16];
    without_memory(|| {
        let log = FailoverLog::new(&bytes).expect("whole entries");
        assert_eq!(log.iter().count(), 25);
    });
    let transfer = &REQUESTS[0x66 - 0x50];
    let frame = transfer.frames().last().expect("two records");
    let bytes = frame.bytes();
    without_memory(|| {
        let read = packet(&bytes).request::<CacheTransfer<'_>>();
        let records = read.expect("a cache transfer").message.records;
        assert_eq!(records.iter().count(), 2);
    });
}

/// Some packets, of which the last arrives only in part.
fn stream() -> (Vec<u8>, usize) {
    let mut mutation = Frame::new(0x80, Opcode::DCP_MUTATION.0);
    mutation.extras = vec![1; 31];
    mutation.key = b"key".to_vec();
    mutation.value = vec![2; 500];
    let mut bytes = mutation.bytes().repeat(20);
    let whole = bytes.len();
    mutation.value = vec![3; 50_000];
    bytes.extend(&mutation.bytes()[..1000]);
    (bytes, whole)
}

#[test]
fn packets_that_have_arrived_are_taken_off_without_memory() {
    let (bytes, whole) = stream();
    let mut stream = BytesMut::from(&bytes[..whole]);
    let mut decoder = Decoder::default();
    let (first, packet) = tally(|| decoder.decode(&mut stream));
    assert!(first.count <= 1, "to share the block");
    let value = without_memory(|| {
        let packet = packet.expect("no error").expect("a packet");
        let mut taken = 1;
        while let Some(packet) = decoder.decode(&mut stream).expect("no error") {
            let mutation = packet.view().request::<Mutation<'_>>();
            let mutation = mutation.expect("a mutation").message;
            let value = packet.slice_ref(mutation.value.expose());
            assert_eq!(value.expect("its own value").len(), 500);
            taken += 1;
        }
        assert_eq!(taken, 20);
        packet.slice_ref(&packet.body()[34..])
    });
    assert_eq!(value.expect("its own value").as_ref(), [2; 500]);
}

#[test]
fn a_batch_takes_one_allocation_at_most() {
    let (bytes, whole) = stream();
    for len in [whole, whole + 10, whole - 10] {
        let mut stream = BytesMut::with_capacity(1 << 17);
        let mut decoder = Decoder::default();
        // The second time around, the block is shared already.
        for _ in 0..2 {
            stream.put_slice(&bytes[..len]);
            let (taken, batch) = tally(|| decoder.decode_batch(&mut stream));
            assert!(taken.count <= 1, "{} allocations", taken.count);
            let batch = batch.expect("no error");
            without_memory(|| {
                for packet in batch.iter() {
                    assert!(DcpRequest::read(packet).is_ok());
                }
            });
            without_memory(|| assert_eq!(decoder.decode_batch(&mut stream).map(drop), Ok(())));
            stream.clear();
        }
    }
}

#[test]
fn there_are_no_more_allocations_than_reads() {
    let (bytes, whole) = stream();
    let bytes = bytes[..whole].repeat(100);
    for read_len in [100, 1 << 10, 64 << 10] {
        let mut stream = BytesMut::with_capacity(1 << 17);
        let mut decoder = Decoder::default();
        let reads = bytes.chunks(read_len);
        let (taken, packets) = tally(|| {
            reads.clone().fold(0, |packets, read| {
                stream.extend_from_slice(read);
                let batch = decoder.decode_batch(&mut stream).expect("no error");
                packets + batch.iter().count()
            })
        });
        assert!(
            taken.count <= reads.len(),
            "{} allocations in {} reads",
            taken.count,
            reads.len()
        );
        assert_eq!(packets, 2000);
    }
}

#[test]
fn a_batch_is_the_block_that_was_read_into() {
    let (bytes, whole) = stream();
    // There is no room left for the packet whose beginning lies behind the batch.
    let mut stream = BytesMut::from(&bytes[..]);
    assert_eq!(stream.capacity(), bytes.len());
    let block = stream.as_ptr();
    let (taken, batch) = tally(|| Decoder::default().decode_batch(&mut stream));
    assert!(taken.count <= 2, "one to share the block, one for the room");
    let batch = batch.expect("no error");
    assert_eq!(batch.as_bytes(), &bytes[..whole]);
    assert_eq!(batch.as_bytes().as_ptr(), block, "not a copy of it");
    assert_eq!(stream, bytes[whole..]);
    assert!(stream.capacity() > stream.len(), "room for more");
}

#[test]
fn what_is_empty_takes_no_share_of_the_block() {
    let noop = Frame::new(0x80, Opcode::DCP_NOOP.0).bytes();
    let mut stream = BytesMut::with_capacity(1 << 17);
    let mut decoder = Decoder::default();
    stream.put_slice(&noop);
    let packet = without_memory(|| decoder.decode(&mut stream));
    assert!(packet.is_ok_and(|packet| packet.is_some_and(|it| it.body().is_empty())));
    stream.put_slice(&noop[..23]);
    let batch = without_memory(|| decoder.decode_batch(&mut stream));
    assert!(batch.is_ok_and(|batch| batch.is_empty()));
}

#[test]
fn a_hostile_length_takes_little_memory() {
    let mut header = Frame::new(0x80, Opcode::DCP_MUTATION.0).bytes();
    header[8..12].copy_from_slice(&Decoder::DEFAULT_MAX_BODY_LEN.to_be_bytes());
    for as_batch in [true, false] {
        let (taken, ()) = tally(|| {
            let mut decoder = Decoder::default();
            let mut stream = BytesMut::new();
            for &byte in &header {
                stream.put_u8(byte);
                if as_batch {
                    assert!(
                        decoder
                            .decode_batch(&mut stream)
                            .is_ok_and(|it| it.is_empty())
                    );
                } else {
                    assert!(decoder.decode(&mut stream).is_ok_and(|it| it.is_none()));
                }
            }
        });
        assert!(taken.peak <= 8192, "{} bytes", taken.peak);
        assert_eq!(taken.live, 0);
    }
    // Those of the body's own lengths take none.
    let mut transfer = Frame::new(0x80, Opcode::DCP_CACHE_TRANSFER.0);
    transfer.value = vec![0xff; 100];
    let bytes = transfer.bytes();
    without_memory(|| assert!(Dcp::read(packet(&bytes)).is_err()));
}

/// A line of a log that is kept without memory.
struct Line {
    bytes: [u8; 4096],
    len: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        let room = self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

#[test]
fn a_message_is_logged_without_memory_and_without_documents() {
    let mutation = Request::from(Mutation {
        key: UserData::from("Geheimnis"),
        value: UserData::from("Geheimnis"),
        ..Mutation::default()
    });
    let mut line = Line {
        bytes: [0; 4096],
        len: 0,
    };
    without_memory(|| write!(line, "{mutation:?}")).expect("a short line");
    let text = core::str::from_utf8(&line.bytes[..line.len]).expect("text");
    assert!(
        text.contains("key: <ud>9 bytes</ud>, value: <ud>9 bytes</ud>"),
        "{text}"
    );
    assert!(!text.contains("Geheimnis"));
    for (_, frame) in frames() {
        let bytes = frame.bytes();
        let message = Dcp::read(packet(&bytes)).expect("an example");
        line.len = 0;
        without_memory(|| write!(line, "{message:?}")).expect("a short line");
        assert!(line.len > 0);
    }
}
