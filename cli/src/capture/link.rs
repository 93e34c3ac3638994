//! Finds the TCP segment in a frame.
//!
//! | link type | number |
//! |---|---|
//! | BSD loopback, family in either byte order | 0, 108 |
//! | Ethernet, with up to three VLAN tags | 1 |
//! | raw IP | 12, 14, 101, 228, 229 |
//! | Linux cooked (`any` interface), version 1 and 2 | 113, 276 |
//!
//! The headers are decoded by [`etherparse`], except for the few bytes of the loopback and the
//! cooked headers: it refuses version 1 of the latter for loopback and tunnel devices, and has no
//! version 2.
//!
//! # Lengths
//!
//! Where the payload ends is told by the IP header, for short Ethernet frames are padded. There
//! are two exceptions. A length of 0 is due to segmentation offload: the frame was captured before
//! the network card could fill it in, so all of the frame counts. A length beyond the captured
//! bytes is due to the snap length; the payload is what is there, and [`Segment::cut`] tells
//! how much is not.
//!
//! Checksums are not verified. They are wrong in most captures of a sending host, which leaves
//! them to its network card.

#[cfg(test)]
mod tests;

use core::net::{IpAddr, SocketAddr};

use etherparse::err::packet::SliceError;
use etherparse::{
    EtherType, Ethernet2Slice, LaxIpPayloadSlice, LaxIpv4Slice, LaxIpv6Slice, LaxNetSlice,
    LaxSlicedPacket, TcpSlice, TransportSlice, ether_type, ip_number,
};

use super::{Frame, LinkType};

/// What a frame holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet<'a> {
    /// A TCP segment.
    Tcp(Segment<'a>),
    /// A fragment of an IP packet with a TCP segment. Fragments are not put together: TCP avoids
    /// them, so there are none in an ordinary capture.
    Fragment,
    /// Well-formed as far as it is understood, but without TCP.
    NotTcp,
    /// The first header is of an unknown kind.
    UnknownLinkType(LinkType),
    /// The headers contradict themselves, or are not captured completely.
    Malformed(Malformed),
}

/// A TCP segment, without the fields that only matter to its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Who sent it.
    pub source: SocketAddr,
    /// Who is to receive it.
    pub destination: SocketAddr,
    /// Sequence number of the first byte of the payload, or of the SYN before it.
    pub seq: u32,
    /// The sequence number expected from the other side, if the ACK flag is set.
    pub ack: Option<u32>,
    /// Opens the connection.
    pub syn: bool,
    /// No payload follows beyond this segment's.
    pub fin: bool,
    /// Aborts the connection.
    pub rst: bool,
    /// As much of the payload as was captured.
    pub payload: &'a [u8],
    /// How many bytes of payload follow on the wire, but not in the capture.
    pub cut: u32,
}

/// Why the headers of a frame cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// The capture has not all of the link header.
    #[error("{0} bytes are too few for the link header")]
    LinkHeader(usize),
    /// The IPv4 header is longer than the packet.
    #[error("IPv4 header is longer than the total length of {0} bytes")]
    TotalLength(u16),
    /// A header is cut off or contradicts itself.
    #[error(transparent)]
    Header(#[from] SliceError),
}

impl<'a> Packet<'a> {
    /// Decodes the headers of a frame.
    pub fn from_frame(frame: &Frame<'a>) -> Self {
        let uncaptured = frame.original_len.saturating_sub(u32_len(frame.data));
        match network_layer(frame.link_type, frame.data) {
            Ok(Some((protocol, bytes))) => {
                let packet = LaxSlicedPacket::from_ether_type(protocol, bytes);
                Self::from_headers(packet, uncaptured).unwrap_or_else(Self::Malformed)
            }
            Ok(None) => Self::UnknownLinkType(frame.link_type),
            Err(malformed) => Self::Malformed(malformed),
        }
    }

    fn from_headers(packet: LaxSlicedPacket<'a>, uncaptured: u32) -> Result<Self, Malformed> {
        let ip = match &packet.net {
            Some(LaxNetSlice::Ipv4(ip)) => Ip::from_v4(ip, uncaptured)?,
            Some(LaxNetSlice::Ipv6(ip)) => Ip::from_v6(ip, uncaptured),
            Some(LaxNetSlice::Arp(_)) => return Ok(Self::NotTcp),
            None => {
                return packet
                    .stop_err
                    .map_or(Ok(Self::NotTcp), |(err, _)| Err(err.into()));
            }
        };
        match packet.transport {
            Some(TransportSlice::Tcp(tcp)) => Ok(Self::Tcp(ip.segment(&tcp))),
            Some(_) => Ok(Self::NotTcp),
            None if ip.fragmented && ip.holds_tcp => Ok(Self::Fragment),
            None => match packet.stop_err {
                Some((err, _)) if ip.holds_tcp || ip.unfinished => Err(err.into()),
                _ => Ok(Self::NotTcp),
            },
        }
    }
}

/// The IP header, as far as it matters.
struct Ip {
    source: IpAddr,
    destination: IpAddr,
    holds_tcp: bool,
    fragmented: bool,
    /// The extension headers could not be decoded, so what the packet holds is unknown.
    unfinished: bool,
    cut: u32,
}

impl Ip {
    fn from_v4(ip: &LaxIpv4Slice<'_>, uncaptured: u32) -> Result<Self, Malformed> {
        let header = ip.header();
        let total_len = header.total_len();
        if total_len != 0 && usize::from(total_len) < header.slice().len() {
            return Err(Malformed::TotalLength(total_len));
        }
        let extension = ip.extensions().auth.map_or(0, |auth| u32_len(auth.slice()));
        let captured = u32_len(header.slice())
            .saturating_add(extension)
            .saturating_add(u32_len(ip.payload().payload));
        let claimed = u32::from(total_len);
        Ok(Self {
            cut: if total_len == 0 {
                uncaptured
            } else {
                claimed.saturating_sub(captured)
            },
            ..Self::new(
                header.source_addr().into(),
                header.destination_addr().into(),
                ip.payload(),
            )
        })
    }

    fn from_v6(ip: &LaxIpv6Slice<'_>, uncaptured: u32) -> Self {
        let header = ip.header();
        let captured =
            u32_len(ip.extensions().slice()).saturating_add(u32_len(ip.payload().payload));
        let claimed = u32::from(header.payload_length());
        Self {
            cut: if claimed == 0 {
                uncaptured
            } else {
                claimed.saturating_sub(captured)
            },
            ..Self::new(
                header.source_addr().into(),
                header.destination_addr().into(),
                ip.payload(),
            )
        }
    }

    fn new(source: IpAddr, destination: IpAddr, payload: &LaxIpPayloadSlice<'_>) -> Self {
        Self {
            source,
            destination,
            holds_tcp: payload.ip_number == ip_number::TCP,
            fragmented: payload.fragmented,
            unfinished: payload.ip_number.is_ipv6_ext_header_value(),
            cut: 0,
        }
    }

    fn segment<'a>(&self, tcp: &TcpSlice<'a>) -> Segment<'a> {
        Segment {
            source: SocketAddr::new(self.source, tcp.source_port()),
            destination: SocketAddr::new(self.destination, tcp.destination_port()),
            seq: tcp.sequence_number(),
            ack: tcp.ack().then(|| tcp.acknowledgment_number()),
            syn: tcp.syn(),
            fin: tcp.fin(),
            rst: tcp.rst(),
            payload: tcp.payload(),
            cut: self.cut,
        }
    }
}

/// What follows the link header: its protocol and its bytes. `None` for an unknown link type.
fn network_layer(
    link_type: LinkType,
    frame: &[u8],
) -> Result<Option<(EtherType, &[u8])>, Malformed> {
    /// No registered EtherType, so that such a packet is taken for something other than IP.
    const UNKNOWN: EtherType = EtherType(0);

    let short = || Malformed::LinkHeader(frame.len());
    let layer = match link_type.0 {
        0 | 108 => {
            let (family, rest) = frame.split_first_chunk().ok_or_else(short)?;
            let family = u32::from_ne_bytes(*family);
            // AF_INET, and AF_INET6 of Linux, NetBSD, FreeBSD and macOS.
            let is_ip = |family| matches!(family, 2 | 10 | 24 | 28 | 30);
            let known = is_ip(family) || is_ip(family.swap_bytes());
            // Decoded by the version in the packet, as are all IP packets.
            (if known { ether_type::IPV4 } else { UNKNOWN }, rest)
        }
        1 => {
            let ethernet =
                Ethernet2Slice::from_slice_without_fcs(frame).map_err(SliceError::Len)?;
            (ethernet.ether_type(), ethernet.payload_slice())
        }
        12 | 14 | 101 | 228 | 229 => (ether_type::IPV4, frame),
        113 => {
            let (header, rest) = frame.split_first_chunk::<16>().ok_or_else(short)?;
            let [_, _, device_high, device_low, .., high, low] = *header;
            let device = u16::from_be_bytes([device_high, device_low]);
            (
                cooked_protocol(device, u16::from_be_bytes([high, low])),
                rest,
            )
        }
        276 => {
            let (header, rest) = frame.split_first_chunk::<20>().ok_or_else(short)?;
            let [high, low, _, _, _, _, _, _, device_high, device_low, ..] = *header;
            let device = u16::from_be_bytes([device_high, device_low]);
            (
                cooked_protocol(device, u16::from_be_bytes([high, low])),
                rest,
            )
        }
        _ => return Ok(None),
    };
    return Ok(Some(layer));

    /// The protocol field of the cooked headers is an EtherType for most kinds of devices.
    fn cooked_protocol(device: u16, protocol: u16) -> EtherType {
        const FRAME_RELAY: u16 = 770;
        const RADIOTAP: u16 = 803;
        const NETLINK: u16 = 824;
        match device {
            FRAME_RELAY | RADIOTAP | NETLINK => UNKNOWN,
            _ => EtherType(protocol),
        }
    }
}

fn u32_len(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}
