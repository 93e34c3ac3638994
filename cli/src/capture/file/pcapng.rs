//! The pcapng format: sections of one byte order each, with interfaces that the packets refer to.

use std::io::Read;

use pcap_parser::{
    BOM_MAGIC, Block, EPB_MAGIC, IDB_MAGIC, InterfaceDescriptionBlock, SHB_MAGIC, SPB_MAGIC,
    parse_block_be, parse_block_le,
};

use super::block::BlockReader;
use super::{Capture, CaptureError, LinkType};

/// The packet block of the first drafts, which [`pcap_parser`] does not know.
const OBSOLETE_PACKET_MAGIC: u32 = 2;

/// An interface costs memory until the end of its section.
const MAX_INTERFACES: usize = 1 << 16;

const TOO_SHORT: &str = "a block too short for its packet";

#[derive(Debug)]
struct Interface {
    link_type: LinkType,
    /// The most that is captured of a frame, 0 for no limit.
    snap_len: u32,
    ticks_per_second: i128,
    /// What to add to all times.
    offset_seconds: i64,
}

/// What the blocks so far say about the packets of the current section.
#[derive(Debug, Default)]
pub(super) struct Section {
    big_endian: bool,
    interfaces: Vec<Interface>,
}

impl Section {
    /// Type and length of a block, and the byte order of one that begins a section. No block is
    /// shorter than that: the length is repeated at the end.
    const BLOCK_PREFIX_LEN: usize = 12;

    /// Whether a file that begins like this may be a pcapng.
    pub(super) fn recognises(magic: &[u8]) -> bool {
        // The type of a section header is the same in both byte orders.
        read_u32(magic, 0, false) == Some(SHB_MAGIC)
    }

    /// Reads the section header that begins the file, of which the type is recognised.
    pub(super) fn read_first_header(
        block: &mut BlockReader<impl Read>,
    ) -> Result<Self, CaptureError> {
        block.fill(Self::BLOCK_PREFIX_LEN)?;
        if byte_order_is_big_endian(block.bytes()).is_none() {
            return Err(CaptureError::NotACapture);
        }
        let mut section = Self::default();
        section.read_rest(block)?;
        Ok(section)
    }

    /// Reads up to the next block that holds a packet, if there is one.
    pub(super) fn read_packet(
        &mut self,
        block: &mut BlockReader<impl Read>,
    ) -> Result<bool, CaptureError> {
        while block.start(Self::BLOCK_PREFIX_LEN)? {
            if self.read_rest(block)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Completes a block of which the prefix is there. Returns whether it holds a packet.
    fn read_rest(&mut self, block: &mut BlockReader<impl Read>) -> Result<bool, CaptureError> {
        if Self::recognises(block.bytes()) {
            let big_endian = byte_order_is_big_endian(block.bytes());
            self.big_endian = big_endian.ok_or_else(|| block.corrupted("an unknown byte order"))?;
        }
        let claimed = self.u32_at(block.bytes(), 4);
        let len = claimed
            .and_then(|len| usize::try_from(len).ok())
            .filter(|&len| len >= Self::BLOCK_PREFIX_LEN)
            .ok_or_else(|| block.corrupted("an impossible block length"))?;
        block.fill(len)?;
        if self.u32_at(block.bytes(), len.saturating_sub(size_of::<u32>())) != claimed {
            return Err(block.corrupted("block lengths that differ"));
        }
        self.learn(block.bytes())
            .map_err(|reason| block.corrupted(reason))
    }

    /// Takes in what a block says about the packets. Returns whether it holds one itself.
    fn learn(&mut self, block: &[u8]) -> Result<bool, &'static str> {
        match self.u32_at(block, 0) {
            Some(SHB_MAGIC | IDB_MAGIC) => {}
            kind => {
                // Other kinds of blocks are skipped without a look into them.
                let packets = [EPB_MAGIC, SPB_MAGIC, OBSOLETE_PACKET_MAGIC];
                return Ok(kind.is_some_and(|kind| packets.contains(&kind)));
            }
        }
        match self.parse(block)? {
            Block::SectionHeader(_) => self.interfaces.clear(),
            Block::InterfaceDescription(_) if self.interfaces.len() >= MAX_INTERFACES => {
                return Err("too many interfaces");
            }
            Block::InterfaceDescription(description) => {
                self.interfaces
                    .push(Interface::new(&description, self.big_endian));
            }
            _ => {}
        }
        Ok(false)
    }

    /// The frame in a complete packet block.
    pub(super) fn capture<'a>(&self, block: &'a [u8]) -> Result<Capture<'a>, &'static str> {
        match self.parse(block)? {
            Block::EnhancedPacket(packet) => {
                let interface = self.interface(packet.if_id)?;
                Ok(Capture {
                    time_ns: Some(interface.time_ns(packet.ts_high, packet.ts_low)),
                    link_type: interface.link_type,
                    data: first(packet.data, packet.caplen)?,
                    original_len: packet.origlen,
                })
            }
            Block::SimplePacket(packet) => {
                let interface = self.interface(0)?;
                let snap_len = Some(interface.snap_len).filter(|&len| len != 0);
                let len = packet.origlen.min(snap_len.unwrap_or(u32::MAX));
                Ok(Capture {
                    time_ns: None,
                    link_type: interface.link_type,
                    data: first(packet.data, len)?,
                    original_len: packet.origlen,
                })
            }
            Block::Unknown(packet) => self.obsolete_packet(packet.data).ok_or(TOO_SHORT)?,
            _ => Err("a block that is no packet"),
        }
    }

    fn obsolete_packet<'a>(&self, body: &'a [u8]) -> Option<Result<Capture<'a>, &'static str>> {
        let (time_high, time_low) = (self.u32_at(body, 4)?, self.u32_at(body, 8)?);
        let (len, original_len) = (self.u32_at(body, 12)?, self.u32_at(body, 16)?);
        let data = body.get(20..)?;
        // The interface has but 16 bits, before a count of drops.
        let id = *body.first_chunk()?;
        let id = if self.big_endian {
            u16::from_be_bytes(id)
        } else {
            u16::from_le_bytes(id)
        };
        Some(self.interface(id.into()).and_then(|interface| {
            Ok(Capture {
                time_ns: Some(interface.time_ns(time_high, time_low)),
                link_type: interface.link_type,
                data: first(data, len)?,
                original_len,
            })
        }))
    }

    fn interface(&self, id: u32) -> Result<&Interface, &'static str> {
        let index = usize::try_from(id).ok();
        index
            .and_then(|index| self.interfaces.get(index))
            .ok_or("an unknown interface")
    }

    fn u32_at(&self, bytes: &[u8], at: usize) -> Option<u32> {
        read_u32(bytes, at, self.big_endian)
    }

    fn parse<'a>(&self, block: &'a [u8]) -> Result<Block<'a>, &'static str> {
        let parsed = if self.big_endian {
            parse_block_be(block)
        } else {
            parse_block_le(block)
        };
        // The block is complete, so what it lacks for the parser is due to its inner lengths.
        parsed
            .map(|(_, block)| block)
            .map_err(|_| "a block that cannot be decoded")
    }
}

impl Interface {
    fn new(description: &InterfaceDescriptionBlock<'_>, big_endian: bool) -> Self {
        let resolution = description.if_tsresol;
        let base: i128 = if resolution & 0x80 == 0 { 10 } else { 2 };
        // The parser reads it as little-endian in either case.
        let offset = description.if_tsoffset;
        Self {
            link_type: description.linktype,
            snap_len: description.snaplen,
            // Beyond the range of the type all times are 0 seconds anyway.
            ticks_per_second: base.saturating_pow(u32::from(resolution & 0x7F)),
            offset_seconds: if big_endian {
                offset.swap_bytes()
            } else {
                offset
            },
        }
    }

    fn time_ns(&self, high: u32, low: u32) -> u64 {
        const NS_PER_SECOND: i128 = 1_000_000_000;
        let ticks = i128::from(u64::from(high) << 32 | u64::from(low));
        let ns = ticks
            .saturating_mul(NS_PER_SECOND)
            .checked_div(self.ticks_per_second);
        let offset = i128::from(self.offset_seconds).saturating_mul(NS_PER_SECOND);
        let ns = ns.unwrap_or(0).saturating_add(offset).max(0);
        u64::try_from(ns).unwrap_or(u64::MAX)
    }
}

/// The byte order of a section, from the mark in the prefix of its header.
fn byte_order_is_big_endian(prefix: &[u8]) -> Option<bool> {
    let is_big_endian = |&order: &bool| read_u32(prefix, 8, order) == Some(BOM_MAGIC);
    [false, true].into_iter().find(is_big_endian)
}

/// The first `len` bytes, without the padding.
fn first(bytes: &[u8], len: u32) -> Result<&[u8], &'static str> {
    let len = usize::try_from(len).ok();
    len.and_then(|len| bytes.get(..len)).ok_or(TOO_SHORT)
}

fn read_u32(bytes: &[u8], at: usize, big_endian: bool) -> Option<u32> {
    let bytes = *bytes.get(at..)?.first_chunk()?;
    Some(if big_endian {
        u32::from_be_bytes(bytes)
    } else {
        u32::from_le_bytes(bytes)
    })
}
