//! What is waiting to be written to one side.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};
use mcbp::EncodeError;
use mcbp::dcp::DcpRequest;

/// What is waiting to be written to one side, in the blocks that it was read in.
///
/// What is short is copied behind what is short before it: a few packets out of a block should not
/// keep the whole of it in memory, nor take a system call each.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    blocks: VecDeque<Bytes>,
    /// Comes after the blocks.
    short: BytesMut,
    len: usize,
}

impl Outbox {
    /// What is shorter is copied.
    const SHORT: usize = 1 << 10;

    /// Adds packets, as they came.
    pub(super) fn push(&mut self, packets: Bytes) {
        self.len = self.len.saturating_add(packets.len());
        if packets.len() < Self::SHORT {
            self.short.extend_from_slice(&packets);
            return;
        }
        if !self.short.is_empty() {
            self.blocks.push_back(self.short.split().freeze());
        }
        self.blocks.push_back(packets);
    }

    /// Adds a request.
    pub(super) fn request(&mut self, request: &DcpRequest<'_>) -> Result<(), EncodeError> {
        let before = self.short.len();
        request.encode(&mut self.short)?;
        let added = self.short.len().saturating_sub(before);
        self.len = self.len.saturating_add(added);
        Ok(())
    }

    /// How many bytes wait.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Buf for Outbox {
    fn remaining(&self) -> usize {
        self.len
    }

    fn chunk(&self) -> &[u8] {
        self.blocks.front().map_or(&self.short, |block| block)
    }

    fn chunks_vectored<'a>(&'a self, dst: &mut [IoSlice<'a>]) -> usize {
        let short = Some(&self.short[..]).filter(|short| !short.is_empty());
        let chunks = self.blocks.iter().map(|block| &block[..]).chain(short);
        let filled = dst.iter_mut().zip(chunks);
        filled
            .map(|(slice, chunk)| *slice = IoSlice::new(chunk))
            .count()
    }

    fn advance(&mut self, mut written: usize) {
        self.len = self.len.saturating_sub(written);
        while let Some(block) = self.blocks.front_mut() {
            if written < block.len() {
                block.advance(written);
                return;
            }
            written = written.saturating_sub(block.len());
            self.blocks.pop_front();
        }
        self.short.advance(written.min(self.short.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However much is written at a time, what comes out is what went in, in order.
    #[test]
    fn all_comes_out_in_order() {
        let block = |byte: u8, len| Bytes::from(vec![byte; len]);
        for step in [1, 7, 1023, 1024, 1500, 10_000] {
            let mut outbox = Outbox::default();
            let mut expected = Vec::new();
            for (byte, len) in (1..).zip([24, 60, 4096, 24, 1024, 1023, 5, 2000, 3]) {
                expected.extend_from_slice(&block(byte, len));
                outbox.push(block(byte, len));
            }
            assert_eq!(outbox.len(), expected.len());
            let mut written = Vec::new();
            while outbox.has_remaining() {
                let mut slices = [IoSlice::new(&[]); 3];
                let count = outbox.chunks_vectored(&mut slices);
                assert_eq!(&*slices[0], outbox.chunk());
                let ready: Vec<u8> = slices[..count]
                    .iter()
                    .flat_map(|it| it.iter().copied())
                    .collect();
                let part = &ready[..step.min(ready.len())];
                assert!(!part.is_empty());
                written.extend_from_slice(part);
                let len = part.len();
                outbox.advance(len);
            }
            assert_eq!(written, expected, "{step} at a time");
            assert!(outbox.is_empty());
        }
    }
}
