#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

use etherparse::{
    IpFragOffset, IpHeaders, IpNumber, Ipv4Extensions, Ipv4Header, Ipv6Extensions,
    Ipv6FragmentHeader, Ipv6Header, Ipv6RawExtHeader, LinuxSllPacketType, PacketBuilder,
    PacketBuilderStep, TcpHeader, VlanId,
};

use proptest::prelude::*;

use super::*;

const ETHERNET: i32 = 1;
const RAW: i32 = 101;
const V4: ([u8; 4], [u8; 4]) = ([10, 0, 0, 1], [10, 0, 0, 2]);

fn parse(link_type: i32, data: &[u8], original_len: usize) -> Packet<'_> {
    Packet::from_frame(&Frame {
        number: 1,
        offset: 0,
        time_ns: None,
        link_type: LinkType(link_type),
        data,
        original_len: original_len as u32,
    })
}

/// The segment in a frame that was captured completely.
fn segment(link_type: i32, frame: &[u8]) -> Segment<'_> {
    match parse(link_type, frame, frame.len()) {
        Packet::Tcp(segment) => segment,
        other => panic!("link type {link_type}: {other:?}"),
    }
}

fn tcp(step: PacketBuilderStep<IpHeaders>, payload: &[u8]) -> Vec<u8> {
    let builder = step.tcp(50000, 11210, 7, 1024).ack(9).psh();
    let mut frame = Vec::new();
    builder.write(&mut frame, payload).unwrap();
    frame
}

fn ipv4(payload: &[u8]) -> Vec<u8> {
    tcp(PacketBuilder::ipv4(V4.0, V4.1, 64), payload)
}

fn ipv6(payload: &[u8]) -> Vec<u8> {
    tcp(PacketBuilder::ipv6([1; 16], [2; 16], 64), payload)
}

fn ethernet(payload: &[u8]) -> Vec<u8> {
    tcp(
        PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4(V4.0, V4.1, 64),
        payload,
    )
}

fn expected(payload: &[u8]) -> Segment<'_> {
    Segment {
        source: "10.0.0.1:50000".parse().unwrap(),
        destination: "10.0.0.2:11210".parse().unwrap(),
        seq: 7,
        ack: Some(9),
        syn: false,
        fin: false,
        rst: false,
        payload,
        cut: 0,
    }
}

fn expected_v6(payload: &[u8]) -> Segment<'_> {
    Segment {
        source: SocketAddr::new([1; 16].into(), 50000),
        destination: SocketAddr::new([2; 16].into(), 11210),
        ..expected(payload)
    }
}

#[test]
fn ethernet_with_and_without_tags() {
    let header = || PacketBuilder::ethernet2([1; 6], [2; 6]);
    let [one, two] = [1, 2].map(|id| VlanId::try_new(id).unwrap());
    let frames = [
        ethernet(b"data"),
        tcp(header().single_vlan(one).ipv4(V4.0, V4.1, 64), b"data"),
        tcp(header().double_vlan(one, two).ipv4(V4.0, V4.1, 64), b"data"),
    ];
    for frame in frames {
        assert_eq!(segment(ETHERNET, &frame), expected(b"data"));
    }
    let frame = tcp(header().ipv6([1; 16], [2; 16], 64), b"data");
    assert_eq!(segment(ETHERNET, &frame), expected_v6(b"data"));
}

#[test]
fn cooked_of_any_device() {
    let header = PacketBuilder::linux_sll(LinuxSllPacketType::OUTGOING, 6, [1; 8]);
    let mut frame = tcp(header.ipv4(V4.0, V4.1, 64), b"data");
    // Ethernet, loopback, none (tunnels).
    for device in [1_u16, 772, 65534] {
        frame[2..4].copy_from_slice(&device.to_be_bytes());
        assert_eq!(segment(113, &frame), expected(b"data"));
    }
    frame[2..4].copy_from_slice(&824_u16.to_be_bytes());
    assert_eq!(parse(113, &frame, frame.len()), Packet::NotTcp, "netlink");
}

#[test]
fn cooked_version_2() {
    for (protocol, packet, expected) in [
        (0x0800_u16, ipv4(b"data"), expected(b"data")),
        (0x86DD, ipv6(b"data"), expected_v6(b"data")),
    ] {
        let mut frame = protocol.to_be_bytes().to_vec();
        frame.extend([
            0,
            0,
            0,
            0,
            0,
            1,
            772_u16.to_be_bytes()[0],
            772_u16.to_be_bytes()[1],
        ]);
        frame.extend([0, 6, 1, 2, 3, 4, 5, 6, 0, 0]);
        frame.extend(packet);
        assert_eq!(segment(276, &frame), expected);
    }
}

#[test]
fn raw_ip() {
    for link_type in [12, 14, RAW, 228] {
        assert_eq!(segment(link_type, &ipv4(b"data")), expected(b"data"));
    }
    for link_type in [12, 14, RAW, 229] {
        assert_eq!(segment(link_type, &ipv6(b"data")), expected_v6(b"data"));
    }
}

#[test]
fn loopback_of_any_system() {
    for link_type in [0, 108] {
        for order in [u32::to_le_bytes, u32::to_be_bytes] {
            let frame = [order(2).as_slice(), &ipv4(b"data")].concat();
            assert_eq!(segment(link_type, &frame), expected(b"data"));
            for family in [10, 24, 28, 30] {
                let frame = [order(family).as_slice(), &ipv6(b"data")].concat();
                assert_eq!(segment(link_type, &frame), expected_v6(b"data"));
            }
            let frame = [order(7).as_slice(), &ipv4(b"data")].concat();
            assert_eq!(parse(link_type, &frame, frame.len()), Packet::NotTcp);
        }
    }
}

#[test]
fn flags() {
    let step = || PacketBuilder::ipv4(V4.0, V4.1, 64).tcp(50000, 11210, 7, 1024);
    let plain = Segment {
        ack: None,
        ..expected(b"")
    };
    for (builder, expected) in [
        (step(), plain),
        (step().syn(), Segment { syn: true, ..plain }),
        (step().fin(), Segment { fin: true, ..plain }),
        (step().rst(), Segment { rst: true, ..plain }),
        (
            step().syn().ack(0),
            Segment {
                syn: true,
                ack: Some(0),
                ..plain
            },
        ),
    ] {
        let mut frame = Vec::new();
        builder.write(&mut frame, &[]).unwrap();
        assert_eq!(segment(RAW, &frame), expected);
    }
}

#[test]
fn headers_with_options() {
    let mut header = TcpHeader::new(50000, 11210, 7, 1024);
    header.ack = true;
    header.acknowledgment_number = 9;
    header.set_options_raw(&[1; 40]).unwrap();
    let mut ip = Ipv4Header::new(0, 64, IpNumber::TCP, V4.0, V4.1).unwrap();
    ip.options = [1; 40].into();
    let mut frame = Vec::new();
    PacketBuilder::ip(IpHeaders::Ipv4(ip, Ipv4Extensions::default()))
        .tcp_header(header)
        .write(&mut frame, b"data")
        .unwrap();
    assert_eq!(segment(RAW, &frame), expected(b"data"));
}

#[test]
fn checksums_are_ignored() {
    let mut frame = ipv4(b"data");
    frame[10] ^= 0xFF;
    frame[20 + 16] ^= 0xFF;
    assert_eq!(segment(RAW, &frame), expected(b"data"));
}

#[test]
fn padding_is_no_payload() {
    for payload in [b"".as_slice(), b"x"] {
        let mut frame = ethernet(payload);
        frame.resize(60, 0);
        assert_eq!(segment(ETHERNET, &frame), expected(payload));
    }
    let mut frame = ipv6(b"x");
    frame.extend([0; 7]);
    assert_eq!(segment(RAW, &frame), expected_v6(b"x"));
}

#[test]
fn a_length_of_0_is_all_of_the_frame() {
    let payload = [7; 3000];
    let mut frame = ipv4(&payload);
    frame[2..4].fill(0);
    assert_eq!(segment(RAW, &frame), expected(&payload));
    let Packet::Tcp(segment) = parse(RAW, &frame[..140], frame.len()) else {
        panic!()
    };
    assert_eq!(
        segment,
        Segment {
            cut: 2900,
            ..expected(&payload[..100])
        }
    );

    let mut frame = ipv6(&payload);
    frame[4..6].fill(0);
    assert_eq!(self::segment(RAW, &frame), expected_v6(&payload));
    let Packet::Tcp(segment) = parse(RAW, &frame[..160], frame.len()) else {
        panic!()
    };
    assert_eq!(
        segment,
        Segment {
            cut: 2900,
            ..expected_v6(&payload[..100])
        }
    );
}

#[test]
fn what_the_capture_cuts_off_is_counted() {
    let payload = [7; 100];
    let frame = ethernet(&payload);
    for captured in 54..=frame.len() {
        let Packet::Tcp(segment) = parse(ETHERNET, &frame[..captured], frame.len()) else {
            panic!("{captured}");
        };
        let cut = (frame.len() - captured) as u32;
        assert_eq!(
            segment,
            Segment {
                cut,
                ..expected(&payload[..captured - 54])
            }
        );
    }
    for captured in 0..54 {
        let packet = parse(ETHERNET, &frame[..captured], frame.len());
        assert!(
            matches!(packet, Packet::Malformed(_)),
            "{captured}: {packet:?}"
        );
    }
    let frame = ipv6(&payload);
    for captured in 60..=frame.len() {
        let Packet::Tcp(segment) = parse(RAW, &frame[..captured], frame.len()) else {
            panic!()
        };
        assert_eq!(segment.cut as usize, frame.len() - captured);
    }
}

/// An IPv6 packet with a destination options header of 8 bytes and a fragment header.
fn with_extensions(offset: u16, more: bool) -> Vec<u8> {
    let extensions = Ipv6Extensions {
        destination_options: Some(Ipv6RawExtHeader::new_raw(IpNumber::TCP, &[1; 6]).unwrap()),
        fragment: Some(Ipv6FragmentHeader::new(
            IpNumber::TCP,
            IpFragOffset::try_new(offset).unwrap(),
            more,
            5,
        )),
        ..Ipv6Extensions::default()
    };
    let header = Ipv6Header {
        source: [1; 16],
        destination: [2; 16],
        ..Ipv6Header::default()
    };
    tcp(
        PacketBuilder::ip(IpHeaders::Ipv6(header, extensions)),
        b"data",
    )
}

#[test]
fn extension_headers() {
    let frame = with_extensions(0, false);
    assert_eq!(segment(RAW, &frame), expected_v6(b"data"));
    let Packet::Tcp(segment) = parse(RAW, &frame[..frame.len() - 1], frame.len()) else {
        panic!()
    };
    assert_eq!(
        segment,
        Segment {
            cut: 1,
            ..expected_v6(b"dat")
        }
    );
    let packet = parse(RAW, &frame[..50], frame.len());
    assert!(
        matches!(packet, Packet::Malformed(Malformed::Header(_))),
        "{packet:?}"
    );
}

#[test]
fn fragments() {
    for frame in [with_extensions(0, true), with_extensions(100, false)] {
        assert_eq!(parse(RAW, &frame, frame.len()), Packet::Fragment);
    }
    let mut frame = ipv4(b"data");
    for flags_and_offset in [0x2000_u16, 0x2001, 0x0001] {
        frame[6..8].copy_from_slice(&flags_and_offset.to_be_bytes());
        assert_eq!(parse(RAW, &frame, frame.len()), Packet::Fragment);
    }
}

#[test]
fn other_protocols() {
    let mut udp = Vec::new();
    let builder = PacketBuilder::ethernet2([1; 6], [2; 6])
        .ipv4(V4.0, V4.1, 64)
        .udp(53, 53);
    builder.write(&mut udp, b"data").unwrap();
    let mut cut_udp = udp.clone();
    cut_udp.truncate(36);
    let mut fragment = udp.clone();
    fragment[14 + 6] = 0x20;
    let mut arp = ethernet(b"");
    arp[12..14].copy_from_slice(&0x88CC_u16.to_be_bytes());
    for frame in [udp, cut_udp, fragment, arp] {
        assert_eq!(parse(ETHERNET, &frame, frame.len()), Packet::NotTcp);
    }
}

#[test]
fn unknown_link_types() {
    assert_eq!(parse(147, b"?", 1), Packet::UnknownLinkType(LinkType(147)));
}

#[test]
fn malformed_headers() {
    for (link_type, len) in [(0, 3), (108, 0), (113, 15), (276, 19)] {
        let packet = parse(link_type, &[0; 20][..len], len);
        assert_eq!(packet, Packet::Malformed(Malformed::LinkHeader(len)));
    }
    let mut frame = ipv4(b"data");
    frame[3] = 19;
    let packet = parse(RAW, &frame, frame.len());
    assert_eq!(packet, Packet::Malformed(Malformed::TotalLength(19)));

    for (index, value) in [(0, 0x75), (0, 0x41), (32, 0x10), (32, 0xF0)] {
        let mut frame = ipv4(b"data");
        frame[index] = value;
        let packet = parse(RAW, &frame, frame.len());
        assert!(
            matches!(packet, Packet::Malformed(Malformed::Header(_))),
            "{packet:?}"
        );
    }
}

proptest! {
    #[test]
    fn whatever_comes_is_harmless(
        link_type in prop_oneof![
            Just(0), Just(1), Just(12), Just(101), Just(108), Just(113), Just(276)
        ],
        mut data in proptest::collection::vec(any::<u8>(), 0..150),
        sensible in proptest::option::of(0_usize..3),
        original_len in any::<u32>(),
    ) {
        // Something that gets past the first header.
        if let Some(kind) = sensible {
            let frame = [ethernet, ipv4, ipv6][kind](b"data");
            for (index, byte) in frame.into_iter().enumerate() {
                match data.get_mut(index) {
                    Some(old) if *old > 10 => *old = byte,
                    _ => {}
                }
            }
        }
        if let Packet::Tcp(segment) = parse(link_type, &data, original_len as usize) {
            prop_assert!(segment.payload.len() <= data.len());
        }
    }
}
