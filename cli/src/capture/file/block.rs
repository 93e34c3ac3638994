//! The block that is being read.

use std::io::{BufReader, Read};

use super::{CaptureError, MAX_BLOCK_LEN};

/// How much memory is kept from one block to the next.
const KEPT_CAPACITY: usize = 256 << 10;

/// How much is asked of the input at once.
const READ_LEN: usize = 64 << 10;

/// One block of the input at a time, read piece by piece as its length becomes known.
#[derive(Debug)]
pub(super) struct BlockReader<R> {
    input: BufReader<R>,
    bytes: Vec<u8>,
    offset: u64,
    /// Number of the frame that comes next, for the errors.
    pub(super) next_frame: u64,
}

impl<R: Read> BlockReader<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input: BufReader::with_capacity(READ_LEN, input),
            bytes: Vec::new(),
            offset: 0,
            next_frame: 1,
        }
    }

    /// Turns to the next block and reads its first `len` bytes; `false` at the end of the input.
    pub(super) fn start(&mut self, len: usize) -> Result<bool, CaptureError> {
        self.offset = self.end();
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_CAPACITY);
        match self.fill(len) {
            Err(CaptureError::Truncated { .. }) if self.bytes.is_empty() => Ok(false),
            other => other.map(|()| true),
        }
    }

    /// Reads on until the first `len` bytes of the block are there.
    pub(super) fn fill(&mut self, len: usize) -> Result<(), CaptureError> {
        if len > MAX_BLOCK_LEN {
            return Err(self.corrupted("a length beyond 64 MiB"));
        }
        let missing = len.saturating_sub(self.bytes.len());
        self.input
            .by_ref()
            .take(missing as u64)
            .read_to_end(&mut self.bytes)
            .map_err(|source| CaptureError::Io {
                offset: self.offset,
                source,
            })?;
        if self.bytes.len() < len {
            return Err(CaptureError::Truncated {
                frame: self.next_frame,
                offset: self.offset,
            });
        }
        Ok(())
    }
}

impl<R> BlockReader<R> {
    /// The block, as far as it has been read.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where the block begins in the input.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Where what has been read of the block ends.
    pub(super) fn end(&self) -> u64 {
        self.offset.saturating_add(self.bytes.len() as u64)
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    pub(super) fn corrupted(&self, reason: &'static str) -> CaptureError {
        CaptureError::Corrupted {
            frame: self.next_frame,
            offset: self.offset,
            reason,
        }
    }
}
