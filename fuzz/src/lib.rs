//! What must hold for every input; each function panics where it does not.
//!
//! The fuzz targets feed these with what libFuzzer comes up with, and `tests/fuzz_corpus.rs` with
//! the corpus, in plain `cargo test`.

mod rules;
mod track;
mod values;

use core::slice;

use arbitrary::Unstructured;
use bytes::{Buf, BytesMut};
use mcbp::dcp::{
    CacheTransfer, CacheTransferRecord, CacheTransferRecords, DcpRequest, DcpResponse,
};
use mcbp::kv::{KvRequest, KvResponse, ServerRequest, ServerResponse};
use mcbp::{
    Decoder, EncodeError, FrameError, FramingExtras, Header, HeaderMut, MessageErrorKind, Packet,
    Request, RequestInfo, ResponseInfo,
};
pub use rules::{policy, validate};
pub use track::{flow, resume, streams, takeover};
pub use values::{control, json, key, snappy, system_event, xattr};

/// However a stream is cut into reads, and however packets are taken off it, they are the same,
/// with the same error behind them at the same position; and what a header announces never makes
/// the decoder ask for more room than what has arrived accounts for.
///
/// `data` is a byte that chooses the longest body, the length of a plan, the plan, and the stream.
/// A byte of the plan is a read: its lowest bit says how packets are taken off the stream then, the
/// others how much is read before.
pub fn stream(data: &[u8]) {
    let &[limit, plan_len, ref data @ ..] = data else {
        return;
    };
    let (plan, stream) = data
        .split_at_checked(plan_len.into())
        .unwrap_or((&[], data));
    let max_body_len = (1 << (limit % 24)) - 1;
    let (packets, end, error) = in_one_piece(stream, max_body_len);

    let mut consumer = Consumer {
        decoder: Decoder::new(max_body_len),
        buffer: BytesMut::new(),
        expected: packets.iter(),
        kept: Vec::new(),
    };
    let mut unread = stream;
    let mut failed = None;
    for &step in plan.iter().cycle() {
        if unread.is_empty() || failed.is_some() {
            break;
        }
        // Squares: many small reads, and some that hold many packets.
        let len = usize::from(step >> 1).pow(2).clamp(1, unread.len());
        let (read, rest) = unread.split_at(len);
        unread = rest;
        failed = consumer.read(read, step & 1 == 0).err();
        let arrived = stream.len() - unread.len();
        let taken = usize::try_from(consumer.decoder.position()).expect("a position in the stream");
        assert_eq!(consumer.buffer, stream[taken..arrived]);
    }
    // What has not been asked for yet.
    while failed.is_none() && (!unread.is_empty() || consumer.expected.len() > 0) {
        failed = consumer.read(unread, true).err();
        unread = &[];
    }
    let mut repeated = || consumer.read(&[], true).err();

    assert_eq!(failed.or_else(&mut repeated), error);
    assert_eq!(repeated(), error);
    assert_eq!(consumer.expected.next(), None);
    assert_eq!(consumer.decoder.position(), end as u64);
    if error.is_some() {
        assert_eq!(
            consumer.decoder.decode_batch(&mut consumer.buffer).err(),
            error
        );
        assert_eq!(consumer.buffer, stream[end..][..consumer.buffer.len()]);
    }
}

/// The packets of a stream, where they end, and what is wrong behind them.
fn in_one_piece(
    stream: &[u8],
    max_body_len: u32,
) -> (Vec<Packet<&[u8]>>, usize, Option<FrameError>) {
    let mut packets = Vec::new();
    let mut rest = stream;
    let error = loop {
        let header = match Header::peek(rest) {
            Ok(Some(header)) => header,
            Ok(None) => break None,
            Err(error) => break Some(error),
        };
        let body = header.body_len();
        if body > max_body_len {
            let limit = max_body_len;
            break Some(FrameError::BodyTooLong { body, limit });
        }
        let Some((packet, behind)) = rest.split_at_checked(header.packet_len()) else {
            break None;
        };
        let packet = Packet::new(header, &packet[Header::LEN..]);
        packets.push(packet.expect("a body of the announced length"));
        rest = behind;
    };
    (packets, stream.len() - rest.len(), error)
}

/// Takes packets off a stream, and compares them with those expected.
struct Consumer<'a> {
    decoder: Decoder,
    buffer: BytesMut,
    expected: slice::Iter<'a, Packet<&'a [u8]>>,
    /// Packets that share the memory of the buffer, which therefore cannot be used again.
    kept: Vec<Packet>,
}

impl Consumer<'_> {
    /// Takes one packet, or all that there are, after these bytes have arrived.
    fn read(&mut self, bytes: &[u8], one: bool) -> Result<(), FrameError> {
        self.buffer.extend_from_slice(bytes);
        let (arrived, room) = (self.buffer.len(), self.buffer.capacity());
        let taken = if one {
            self.take_one()
        } else {
            self.take_all()
        };
        // A `BytesMut` that must grow doubles, with the front of it that has been taken already,
        // which is shorter than what has not: else it would have been used again.
        let accounted_for = 2 * (arrived + arrived + arrived.max(4096));
        assert!(
            self.buffer.capacity() <= room.max(accounted_for),
            "room for {} bytes when {arrived} have arrived",
            self.buffer.capacity(),
        );
        taken
    }

    fn take_one(&mut self) -> Result<(), FrameError> {
        if let Some(packet) = self.decoder.decode(&mut self.buffer)? {
            assert_eq!(self.expected.next(), Some(&packet.view()));
            self.kept.push(packet);
        }
        Ok(())
    }

    fn take_all(&mut self) -> Result<(), FrameError> {
        let batch = self.decoder.decode_batch(&mut self.buffer)?;
        for packet in batch.iter() {
            assert_eq!(self.expected.next(), Some(&packet));
            let body = batch.slice_ref(packet.body()).expect("a part of the batch");
            assert_eq!(body, packet.body());
        }
        Ok(())
    }
}

/// Checks that the message in a packet, if it is one of these, is written back as it was.
macro_rules! message_written_as {
    ($Message:ident, $packet:expr, $bytes:expr) => {
        if let Ok(message) = $Message::read($packet) {
            assert_eq!(message.encoded_len(), $bytes.len());
            written_as($bytes, |dst| message.encode(dst));
            assert_ne!(format!("{message:?}"), "");
        }
    };
}

/// What is read is written back byte for byte, as a packet and as the message it holds, and can be
/// logged.
pub fn packet(data: &[u8]) {
    let mut packets = Packet::iter(data);
    loop {
        let rest = packets.rest();
        let Some(Ok(packet)) = packets.next() else {
            return;
        };
        let bytes = &rest[..rest.len() - packets.rest().len()];
        written_as(bytes, |dst| packet.encode(dst));
        in_chunks(packet.to_buf(), bytes);
        edited_in_place(packet, bytes);
        message_written_as!(DcpRequest, packet, bytes);
        message_written_as!(DcpResponse, packet, bytes);
        message_written_as!(KvRequest, packet, bytes);
        message_written_as!(KvResponse, packet, bytes);
        message_written_as!(ServerRequest, packet, bytes);
        message_written_as!(ServerResponse, packet, bytes);
    }
}

/// Checks that `encode` writes `bytes`, and nothing where there is one byte too little room.
#[track_caller]
fn written_as(bytes: &[u8], encode: impl Fn(&mut &mut [u8]) -> Result<(), EncodeError>) {
    let mut room = vec![0xa5; bytes.len() + 1];
    let mut dst = room.as_mut_slice();
    assert_eq!(encode(&mut dst), Ok(()));
    assert_eq!(dst, [0xa5]);
    assert_eq!(room[..bytes.len()], *bytes);

    let mut room = vec![0xa5; bytes.len() - 1];
    let mut dst = room.as_mut_slice();
    assert_eq!(encode(&mut dst), Err(EncodeError::NoRoom));
    assert_eq!(dst.len(), bytes.len() - 1);
    assert!(room.iter().all(|&byte| byte == 0xa5));
}

/// Checks that `buf` holds `bytes`, whole chunks and halves of them taken in turn.
#[track_caller]
fn in_chunks(mut buf: impl Buf, mut bytes: &[u8]) {
    let mut halve = true;
    while buf.has_remaining() {
        assert_eq!(buf.remaining(), bytes.len());
        let chunk = buf.chunk();
        let len = if halve {
            chunk.len().div_ceil(2)
        } else {
            chunk.len()
        };
        let (head, rest) = bytes.split_at(len);
        assert_eq!(chunk[..len], *head);
        buf.advance(len);
        bytes = rest;
        halve = !halve;
    }
    assert!(bytes.is_empty());
}

/// Checks that a header is changed alike in a packet and where it lies.
#[track_caller]
fn edited_in_place(mut packet: Packet<&[u8]>, bytes: &[u8]) {
    let mut bytes = bytes.to_vec();
    let mut header = HeaderMut::new(&mut bytes).expect("a whole packet");
    header.set_opaque(0xdead_beef);
    header.set_vbucket_or_status(0x0203);
    header.set_cas(0x0405_0607_0809_0a0b);
    packet.set_opaque(0xdead_beef);
    packet.set_vbucket_or_status(0x0203);
    packet.set_cas(0x0405_0607_0809_0a0b);
    written_as(&bytes, |dst| packet.encode(dst));
}

/// Checks that an arbitrary one of these messages, if it can be written, is read as what it was.
macro_rules! message_round_trip {
    ($Message:ident, $data:expr) => {{
        let message: $Message<'_> = $data.arbitrary()?;
        if let Some(bytes) = encoded(message.encoded_len(), |dst| message.encode(dst)) {
            let read = $Message::read(whole(&bytes)).expect("a legal message");
            // Without framing extras, the first byte may look like some: only the bytes are equal.
            if !read.framing_extras().is_unannounced() {
                assert_eq!(read, message);
            }
            packet(&bytes);
        }
    }};
}
/// Any message that can be written is read as what it was; of one that cannot, nothing is written.
///
/// # Errors
///
/// If `data` makes no message.
pub fn message(data: &[u8]) -> arbitrary::Result<()> {
    let mut data = Unstructured::new(data);
    match data.arbitrary::<u8>()? % 6 {
        0 => message_round_trip!(DcpRequest, data),
        1 => message_round_trip!(DcpResponse, data),
        2 => message_round_trip!(KvRequest, data),
        3 => message_round_trip!(KvResponse, data),
        4 => message_round_trip!(ServerRequest, data),
        _ => message_round_trip!(ServerResponse, data),
    }
    Ok(())
}

/// What `encode` appends to a buffer in use; `None`, and nothing appended, if it refuses.
fn encoded(
    len: usize,
    encode: impl Fn(&mut Vec<u8>) -> Result<(), EncodeError>,
) -> Option<Vec<u8>> {
    let mut dst = vec![0xa5; 3];
    let written = encode(&mut dst);
    let bytes = dst.split_off(3);
    assert_eq!(dst, [0xa5; 3]);
    match written {
        Ok(()) => {
            assert_eq!(bytes.len(), len);
            Some(bytes)
        }
        Err(_) => {
            assert!(bytes.is_empty());
            None
        }
    }
}

#[track_caller]
fn whole(bytes: &[u8]) -> Packet<&[u8]> {
    let (packet, rest) = Packet::split_first(bytes)
        .expect("a packet")
        .expect("a whole packet");
    assert!(rest.is_empty());
    packet
}

/// Frame infos that are whole are written back byte for byte, understood or not; otherwise the
/// error says where the first that is not begins.
pub fn frame_infos(data: &[u8]) {
    match FramingExtras::new(data) {
        Ok(extras) => {
            let (mut infos, mut requests, mut responses) = (Vec::new(), Vec::new(), Vec::new());
            for info in extras {
                info.encode(&mut infos).expect("as it was read");
                let len = infos.len();
                RequestInfo::from(info)
                    .encode(&mut requests)
                    .expect("as it was read");
                ResponseInfo::from(info)
                    .encode(&mut responses)
                    .expect("as it was read");
                assert_eq!([requests.len(), responses.len()], [len; 2]);
            }
            assert_eq!(infos, data);
            assert_eq!(requests, data);
            assert_eq!(responses, data);
            let id = extras.request_infos().find_map(|info| match info {
                RequestInfo::StreamId(id) => Some(id),
                _ => None,
            });
            assert_eq!(extras.stream_id(), id);
        }
        Err(error) => {
            let (whole, cut) = data.split_at(error.offset as usize);
            assert!(FramingExtras::new(whole).is_ok());
            assert_eq!(
                FramingExtras::new(cut).map_err(|error| error.offset),
                Err(0)
            );
            // Zeros fill it up, and are whole infos themselves.
            let filled = [cut, &[0; 300]].concat();
            assert!(FramingExtras::new(&filled).is_ok());
        }
    }
}

/// Records that are whole cover their bytes and are written back as those; otherwise the error lies
/// in the first record that is not.
pub fn cache_transfer(data: &[u8]) {
    let bad = first_bad_record(data);
    match CacheTransferRecords::new(data) {
        Ok(records) => {
            assert_eq!(bad, data.len());
            let mut bytes = Vec::new();
            for record in records.iter() {
                record.encode(&mut bytes).expect("as it was read");
            }
            assert_eq!(bytes, data);
            let request = Request::from(CacheTransfer { records });
            let bytes = encoded(request.encoded_len(), |dst| request.encode(dst));
            let bytes = bytes.expect("a legal message");
            assert_eq!(whole(&bytes).request(), Ok(request));
        }
        Err(error) => {
            match error.kind {
                MessageErrorKind::Truncated { offset } => {
                    assert!((bad..=data.len()).contains(&(offset as usize)));
                }
                MessageErrorKind::KeyLength { len, offset } => {
                    assert_eq!(offset as usize, bad + 36);
                    assert!(!CacheTransferRecord::KEY_LEN.contains(&len.into()));
                }
                kind => panic!("unexpected error: {kind:?}"),
            }
            assert_eq!(CacheTransferRecords::new(&data[..bad]).is_ok(), bad > 0);
        }
    }
}

/// Where the first record starts that is cut off or has a key that is too short or too long; where
/// `data` ends, if there is none.
fn first_bad_record(data: &[u8]) -> usize {
    let mut start = 0;
    while let Some(fields) = data[start..].first_chunk::<40>() {
        let value_len = u32::from_be_bytes([fields[24], fields[25], fields[26], fields[27]]);
        let key_len = usize::from(u16::from_be_bytes([fields[36], fields[37]]));
        let end = start + 40 + key_len + value_len as usize;
        if end > data.len() || !(2..=251).contains(&key_len) {
            break;
        }
        start = end;
    }
    start
}
