//! Reads the frames of a capture file, pcap or pcapng, from anything that implements [`Read`].
//!
//! Both formats are a sequence of blocks that begin with their length. The reader holds one block
//! at a time and lends the frame in it to the caller; nothing is sought, so a pipe will do.
//!
//! The blocks are decoded by [`pcap_parser`], but handed to it whole. Its own readers expect the
//! first `read` to deliver the complete file header (a pipe may deliver one byte), drop the
//! [`io::Error`], and cannot tell a block that has not arrived yet from one whose inner lengths
//! are corrupted.
//!
//! # Limits
//!
//! A block is at most [`MAX_BLOCK_LEN`] bytes. Its memory grows with the bytes that have arrived,
//! not with the length it claims, and is given back after a large block. A pcapng section
//! describes at most 65,536 interfaces.

mod block;
mod legacy;
mod pcapng;
#[cfg(test)]
mod tests;

use std::io::{self, Read};

use self::block::BlockReader;
use self::legacy::Legacy;
use self::pcapng::Section;
use super::LinkType;

/// The longest block that is read: 64 MiB.
///
/// A frame of a real capture is far smaller, but a corrupted length may be anything up to 4 GiB.
pub const MAX_BLOCK_LEN: usize = 64 << 20;

/// Why a capture cannot be read, or no further.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The input begins like neither pcap nor pcapng.
    #[error("not a pcap or pcapng capture")]
    NotACapture,
    /// The input ends inside of a block.
    #[error("capture is cut off: it ends inside of the block at byte {offset} (frame {frame})")]
    Truncated {
        /// Number of the frame that would have been next.
        frame: u64,
        /// Where the incomplete block begins.
        offset: u64,
    },
    /// A block contradicts itself. Where the next one begins is unknown.
    #[error("capture is corrupted: {reason}, in the block at byte {offset} (frame {frame})")]
    Corrupted {
        /// Number of the frame that would have been next.
        frame: u64,
        /// Where the corrupted block begins.
        offset: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The input failed.
    #[error("capture cannot be read beyond byte {offset}")]
    Io {
        /// Where the block that was being read begins.
        offset: u64,
        /// What the input reported.
        source: io::Error,
    },
}

/// A captured frame, lent by the [`FrameReader`] until the next one is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Position in the capture, from 1.
    pub number: u64,
    /// Where the block of this frame begins in the file.
    pub offset: u64,
    /// Nanoseconds since 1970-01-01 UTC. Simple packet blocks of pcapng have no time.
    pub time_ns: Option<u64>,
    /// What the first header of the frame is.
    pub link_type: LinkType,
    /// What was captured of the frame.
    pub data: &'a [u8],
    /// Length of the frame on the wire; more than that of `data` if the capture cut it off.
    pub original_len: u32,
}

/// What a format's block tells about a frame: the rest is for the reader to add.
#[derive(Debug)]
struct Capture<'a> {
    time_ns: Option<u64>,
    link_type: LinkType,
    data: &'a [u8],
    original_len: u32,
}

#[derive(Debug)]
enum Format {
    Legacy(Legacy),
    Ng(Section),
}

/// Reads the frames of a capture one after the other, with no more memory than its longest block.
#[derive(Debug)]
pub struct FrameReader<R> {
    block: BlockReader<R>,
    format: Format,
    finished: bool,
}

impl<R: Read> FrameReader<R> {
    /// Recognises the format and reads the header of the file.
    ///
    /// # Errors
    ///
    /// [`CaptureError::NotACapture`] if it is none, otherwise as [`next_frame`](Self::next_frame).
    pub fn new(input: R) -> Result<Self, CaptureError> {
        let mut block = BlockReader::new(input);
        match block.fill(size_of::<u32>()) {
            Err(CaptureError::Truncated { .. }) => return Err(CaptureError::NotACapture),
            other => other?,
        }
        let format = if Legacy::recognises(block.bytes()) {
            Format::Legacy(Legacy::read_file_header(&mut block)?)
        } else if Section::recognises(block.bytes()) {
            Format::Ng(Section::read_first_header(&mut block)?)
        } else {
            return Err(CaptureError::NotACapture);
        };
        Ok(Self {
            block,
            format,
            finished: false,
        })
    }

    /// The next frame, or `None` at the end of the capture and after an error.
    ///
    /// # Errors
    ///
    /// [`CaptureError::Truncated`], [`CaptureError::Corrupted`] or [`CaptureError::Io`]. All
    /// frames before that place have been delivered.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        if core::mem::replace(&mut self.finished, true) {
            return Ok(None);
        }
        let found = match &mut self.format {
            Format::Legacy(legacy) => legacy.read_record(&mut self.block)?,
            Format::Ng(section) => section.read_packet(&mut self.block)?,
        };
        if !found {
            return Ok(None);
        }
        let number = self.block.next_frame;
        self.block.next_frame = number.saturating_add(1);
        let capture = match &self.format {
            Format::Legacy(legacy) => legacy.capture(self.block.bytes()),
            Format::Ng(section) => section.capture(self.block.bytes()),
        };
        let offset = self.block.offset();
        let capture = capture.map_err(|reason| CaptureError::Corrupted {
            frame: number,
            offset,
            reason,
        })?;
        self.finished = false;
        Ok(Some(Frame {
            number,
            offset,
            time_ns: capture.time_ns,
            link_type: capture.link_type,
            data: capture.data,
            original_len: capture.original_len,
        }))
    }

    /// How many bytes of the input have been used so far, including the last frame.
    pub fn bytes_consumed(&self) -> u64 {
        self.block.end()
    }
}
