//! From a capture file to ordered TCP byte streams.
//!
//! Three steps, each usable on its own, none of which knows what the streams carry:
//!
//! | step | in | out |
//! |---|---|---|
//! | [`FrameReader`] | any [`Read`](std::io::Read): a pcap or pcapng file, a pipe | [`Frame`]s |
//! | [`Packet::from_frame`] | a frame and its link type | a TCP [`Segment`], or what else the frame is |
//! | [`Reassembler`] | segments in the order of their capture | [`Event`]s: the bytes of each direction in stream order, the gaps, the end |
//!
//! A capture is untrusted input. Nothing in here panics whatever it holds, and the memory in use
//! is bounded: by [`MAX_BLOCK_LEN`] while reading, by [`Limits`] while reassembling.
//!
//! ```
//! use mcbp_cli::capture::{CaptureError, Event, EventKind, FrameReader, Packet, Reassembler};
//!
//! fn stream_bytes(file: impl std::io::Read) -> Result<usize, CaptureError> {
//!     let mut frames = FrameReader::new(file)?;
//!     let mut streams = Reassembler::default();
//!     let mut total = 0;
//!     let mut count = |event: Event<'_>| {
//!         if let EventKind::Data(bytes) = event.kind {
//!             total += bytes.len();
//!         }
//!     };
//!     while let Some(frame) = frames.next_frame()? {
//!         if let Packet::Tcp(segment) = Packet::from_frame(&frame) {
//!             streams.push(frame.time_ns, &segment, &mut count);
//!         }
//!     }
//!     streams.finish(&mut count);
//!     Ok(total)
//! }
//! ```

pub mod file;
pub mod link;
pub mod reassembly;
#[cfg(test)]
mod tests;

pub use self::file::{CaptureError, Frame, FrameReader, MAX_BLOCK_LEN};
pub use self::link::{Malformed, Packet, Segment};
pub use self::reassembly::{ConnectionId, EndReason, Event, EventKind, Limits, Reassembler};
/// The link type of a frame: what its first header is. Displays as its name, or its number.
pub use pcap_parser::Linktype as LinkType;
