//! Reads the packets in a slice, without copying any of it.

use core::error::Error;

use mcbp::Packet;
use mcbp::dcp::DcpRequest;

/// A snapshot marker, a mutation, and the first 12 bytes of the next packet.
const BYTES: &[u8] = b"\
    \x80\x56\0\0\x14\0\x02\x10\0\0\0\x14\0\0\x12\x10\0\0\0\0\0\0\0\0\
    \0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x04\0\0\0\x01\
    \x80\x57\0\x05\x1f\x01\x02\x10\0\0\0\x26\0\0\x12\x10\0\0\0\0\0\0\0\x09\
    \0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0hello{}\
    \x80\x57\0\x05\x1f\x01\x02\x10\0\0\0\x26";

fn main() -> Result<(), Box<dyn Error>> {
    let mut printed = Vec::new();
    let mut packets = Packet::iter(BYTES);
    for packet in &mut packets {
        // `packet?`: these bytes are no packets. `read()?`: this packet is no legal message.
        printed.push(match DcpRequest::read(packet?)? {
            DcpRequest::SnapshotMarker(marker) => format!(
                "vbucket {}: seqnos {} to {}",
                marker.vbucket, marker.message.start_seqno, marker.message.end_seqno,
            ),
            // Keys and values print as their length only: they are not for logs.
            DcpRequest::Mutation(mutation) => format!(
                "seqno {}: {} = {} ({:?})",
                mutation.message.by_seqno,
                mutation.message.key,
                mutation.message.value,
                mutation.datatype,
            ),
            other => format!("{other:?}"),
        });
    }
    for line in &printed {
        println!("{line}");
    }
    println!("{} bytes of the next packet", packets.rest().len());

    assert_eq!(
        printed,
        [
            "vbucket 528: seqnos 1 to 4",
            "seqno 4: <ud>5 bytes</ud> = <ud>2 bytes</ud> (Datatype(JSON))",
        ]
    );
    assert_eq!(packets.rest().len(), 12);
    Ok(())
}
