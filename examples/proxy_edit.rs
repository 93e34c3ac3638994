//! Passes packets on under another opaque and vbucket, with bodies neither read nor copied.

use core::error::Error;

use bytes::BytesMut;
use mcbp::{Decoder, HeaderMut, Packet};

/// A noop, and a stream end for vbucket 528.
const BYTES: &[u8] = b"\
    \x80\x5c\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\
    \x80\x55\0\0\x04\0\x02\x10\0\0\0\x04\0\0\x12\x10\0\0\0\0\0\0\0\0\0\0\0\0";

fn main() -> Result<(), Box<dyn Error>> {
    // Packets on their way through a decoder: the header is a copy already.
    let mut decoder = Decoder::default();
    let mut stream = BytesMut::from(BYTES);
    let mut passed_on = Vec::new();
    while let Some(mut packet) = decoder.decode(&mut stream)? {
        packet.set_opaque(0xbeef);
        packet.set_vbucket_or_status(7);
        packet.encode(&mut passed_on)?;
    }

    // Packets in a buffer of one's own: only the bytes that change are written.
    let mut buffer = BYTES.to_vec();
    let mut rest = buffer.as_mut_slice();
    while let Some((packet, _)) = Packet::split_first(rest)? {
        let len = packet.header().packet_len();
        let (packet, behind) = rest.split_at_mut(len);
        let mut header = HeaderMut::new(packet).ok_or("no header")?;
        header.set_opaque(0xbeef);
        header.set_vbucket_or_status(7);
        rest = behind;
    }

    assert_eq!(passed_on, buffer);
    for packet in Packet::iter(&buffer) {
        let packet = packet?;
        println!("{:?}", packet.header());
        assert_eq!(packet.header().opaque(), 0xbeef);
        assert_eq!(packet.header().vbucket(), Some(7));
    }
    Ok(())
}
