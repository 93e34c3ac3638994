//! The thread that writes to standard output.
//!
//! Changes wait here as they came, undecoded, so what waits is never more than the node may send
//! without an acknowledgement: a reader that is slow, or stands still, stops the node. Meanwhile
//! the connection stays alive.

use std::io::{self, BufWriter, Write};
use std::sync::mpsc;
use std::thread;

use mcbp::Packet;
use mcbp::track::resume::Checkpoint;
use mcbp::value::Manifest;
use tokio::sync::mpsc as channel;

use super::change::{Show, Shower};

/// What came at once, and what may be done once it is shown.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) items: Vec<Item>,
    pub(super) receipt: Receipt,
}

/// Something to show.
#[derive(Debug)]
pub(super) enum Item {
    /// A change.
    Change(Packet),
    /// What was shown of a vbucket after this seqno is void.
    Rollback {
        /// The vbucket.
        vbucket: u16,
        /// The last seqno that is not.
        seqno: u64,
    },
    /// How collections are called from here on; shows nothing.
    Names(Manifest),
}

/// That a chunk is where it is safe.
#[derive(Debug, Default)]
pub(super) struct Receipt {
    /// Counts the connections.
    pub(super) connection: u64,
    /// What counts for flow control.
    pub(super) bytes: u64,
    /// Up to where the vbuckets have been shown.
    pub(super) positions: Vec<(u16, Checkpoint)>,
}

/// Hands chunks to the thread, and receipts back.
#[derive(Debug)]
pub(super) struct Printer {
    chunks: mpsc::Sender<Chunk>,
    receipts: channel::UnboundedReceiver<io::Result<Receipt>>,
    waiting: usize,
}

impl Printer {
    /// Starts the thread. It ends with this printer, or when nobody reads any more.
    pub(super) fn start(out: impl Write + Send + 'static, show: Show) -> io::Result<Self> {
        let (chunks, inbox) = mpsc::channel();
        let (outbox, receipts) = channel::unbounded_channel();
        let write = move || {
            let mut out = BufWriter::with_capacity(64 << 10, out);
            let mut shower = Shower::new(show);
            for chunk in inbox {
                let shown = print(&mut out, &mut shower, chunk);
                let failed = shown.is_err();
                if outbox.send(shown).is_err() || failed {
                    break;
                }
            }
            // What could not be written before is not tried again.
            let _ = out.into_parts();
        };
        thread::Builder::new()
            .name("printer".to_owned())
            .spawn(write)?;
        Ok(Self {
            chunks,
            receipts,
            waiting: 0,
        })
    }

    /// Has a chunk shown, after all those before it.
    pub(super) fn print(&mut self, chunk: Chunk) {
        // If the thread has ended, the receipts say why.
        if self.chunks.send(chunk).is_ok() {
            self.waiting = self.waiting.saturating_add(1);
        }
    }

    /// Waits for the next chunk to be shown; for ever if there is none.
    ///
    /// # Errors
    ///
    /// Standard output cannot be written to.
    pub(super) async fn receipt(&mut self) -> io::Result<Receipt> {
        let receipt = self.receipts.recv().await;
        self.waiting = self.waiting.saturating_sub(1);
        receipt.unwrap_or_else(|| Err(io::ErrorKind::BrokenPipe.into()))
    }

    /// Whether everything is shown.
    pub(super) const fn is_idle(&self) -> bool {
        self.waiting == 0
    }
}

fn print(out: &mut impl Write, shower: &mut Shower, chunk: Chunk) -> io::Result<Receipt> {
    for item in chunk.items {
        match item {
            Item::Change(packet) => shower.change(out, packet.view())?,
            Item::Rollback { vbucket, seqno } => shower.rollback(out, vbucket, seqno)?,
            Item::Names(manifest) => shower.names(&manifest),
        }
    }
    out.flush()?;
    Ok(chunk.receipt)
}
