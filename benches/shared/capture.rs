//! What a real producer sent: the requests of streams in a capture of two data nodes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use mcbp::Packet;

use super::floor;

/// The packets of all streams in the capture, over and over, up to so many bytes.
pub(crate) fn producer_packets(len: usize) -> Option<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures/two-nodes.pcap");
    let file = fs::read(path).ok()?;
    let mut once = Vec::new();
    for side in sides(&file)?.values() {
        for packet in Packet::iter(&side.bytes).map_while(Result::ok) {
            let start = once.len();
            packet.encode(&mut once).ok()?;
            // The floor reads what a producer sends on a stream, and nothing else.
            if floor::decode(&once[start..]).is_none() {
                once.truncate(start);
            }
        }
    }
    let mut packets = Vec::with_capacity(len);
    for packet in Packet::iter(&once).map_while(Result::ok).cycle() {
        if packet.header().packet_len() > len - packets.len() {
            break;
        }
        packet.encode(&mut packets).ok()?;
    }
    Some(packets)
}

/// What one end of a connection has sent.
#[derive(Default)]
struct Side {
    next_seqno: u32,
    bytes: Vec<u8>,
}

/// All that was sent, by addresses and ports. The capture is pcap of a loopback device: little
/// endian, Ethernet, IPv4, nothing lost and nothing out of order.
fn sides(file: &[u8]) -> Option<BTreeMap<[u8; 12], Side>> {
    const SYN: u8 = 2;
    let mut sides = BTreeMap::<_, Side>::new();
    let mut rest = file.get(24..)?;
    while let Some((record, behind)) = rest.split_first_chunk::<16>() {
        let len = u32::from_le_bytes(*record[8..].first_chunk()?) as usize;
        let (frame, behind) = behind.split_at_checked(len)?;
        rest = behind;
        let ip = frame.get(14..)?;
        let len = u16::from_be_bytes(*ip.get(2..)?.first_chunk()?);
        let ip = ip.get(..len.into())?;
        let tcp = ip.get(usize::from(ip[0] & 0xf) * 4..)?;
        let payload = tcp.get(usize::from(tcp[12] >> 4) * 4..)?;
        let seqno = u32::from_be_bytes(*tcp[4..].first_chunk()?);

        let mut ends = [0; 12];
        ends[..8].copy_from_slice(&ip[12..20]);
        ends[8..].copy_from_slice(&tcp[..4]);
        let side = sides.entry(ends).or_default();
        if tcp[13] & SYN != 0 {
            side.next_seqno = seqno.wrapping_add(1);
        } else if seqno == side.next_seqno {
            side.bytes.extend_from_slice(payload);
            side.next_seqno = seqno.wrapping_add(payload.len() as u32);
        }
    }
    Some(sides)
}
