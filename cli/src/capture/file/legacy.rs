//! The classic pcap format: a file header, then records of one link type.

use std::io::Read;

use pcap_parser::nom::{self, IResult, Needed};
use pcap_parser::{
    LegacyPcapBlock, PcapError, parse_pcap_frame, parse_pcap_frame_be, parse_pcap_frame_modified,
    parse_pcap_header,
};

use super::block::BlockReader;
use super::{Capture, CaptureError, LinkType};

type ParseRecord =
    for<'a> fn(&'a [u8]) -> IResult<&'a [u8], LegacyPcapBlock<'a>, PcapError<&'a [u8]>>;

/// What the file header says about the records.
#[derive(Debug, Clone, Copy)]
pub(super) struct Legacy {
    record_header_len: usize,
    parse: ParseRecord,
    link_type: LinkType,
    ns_per_tick: u64,
}

impl Legacy {
    const FILE_HEADER_LEN: usize = 24;

    /// Whether a file that begins like this may be a pcap.
    pub(super) fn recognises(magic: &[u8]) -> bool {
        matches!(parse_pcap_header(magic), Err(nom::Err::Incomplete(_)))
    }

    /// Reads the header of the file, of which the beginning is recognised.
    pub(super) fn read_file_header(
        block: &mut BlockReader<impl Read>,
    ) -> Result<Self, CaptureError> {
        block.fill(Self::FILE_HEADER_LEN)?;
        let Ok((_, header)) = parse_pcap_header(block.bytes()) else {
            return Err(CaptureError::NotACapture);
        };
        let (parse, record_header_len): (ParseRecord, _) = if header.is_modified_format() {
            (parse_pcap_frame_modified, 24)
        } else if header.is_bigendian() {
            (parse_pcap_frame_be, 16)
        } else {
            (parse_pcap_frame, 16)
        };
        Ok(Self {
            record_header_len,
            parse,
            // The upper half tells about frame check sequences.
            link_type: LinkType(header.network.0 & 0xFFFF),
            ns_per_tick: if header.is_nanosecond_precision() {
                1
            } else {
                1000
            },
        })
    }

    /// Reads the next record, if there is one.
    pub(super) fn read_record(
        &self,
        block: &mut BlockReader<impl Read>,
    ) -> Result<bool, CaptureError> {
        if !block.start(self.record_header_len)? {
            return Ok(false);
        }
        if let Err(nom::Err::Incomplete(Needed::Size(missing))) = (self.parse)(block.bytes()) {
            block.fill(self.record_header_len.saturating_add(missing.get()))?;
        }
        Ok(true)
    }

    /// The frame in a complete record.
    pub(super) fn capture<'a>(&self, record: &'a [u8]) -> Result<Capture<'a>, &'static str> {
        let (_, record) = (self.parse)(record).map_err(|_| "a record that cannot be decoded")?;
        let seconds = u64::from(record.ts_sec).saturating_mul(1_000_000_000);
        let fraction = u64::from(record.ts_usec).saturating_mul(self.ns_per_tick);
        Ok(Capture {
            time_ns: Some(seconds.saturating_add(fraction)),
            link_type: self.link_type,
            data: record.data,
            original_len: record.origlen,
        })
    }
}
