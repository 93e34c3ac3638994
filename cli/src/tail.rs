//! `mcbp tail`: follows the changes of a bucket on one data node.
//!
//! Read from top to bottom, this is how a client consumes DCP:
//!
//! 1. [`run`]: connection after connection, until there is nothing more to come.
//! 2. `Tail::prepare`: connect, agree on what the streams will be like (`HELLO`, `SASL_AUTH`,
//!    `SELECT_BUCKET`, `DCP_OPEN`, `DCP_CONTROL`), find out what is there, and from where to go on
//!    (`survey`: `GET_ALL_VB_SEQNOS`, `GET_FAILOVER_LOG`, and the names of collections).
//! 3. `Tail::stream`: ask for the streams, take what comes, acknowledge what is done with.
//! 4. `Tail::on_packet`: what there is to do about each packet.
//!
//! What has to be known over time is the library's: [`Negotiation`] (through [`Connection::set_up`]),
//! [`Cursor`] (in `streams`), [`ConsumerLedger`] and [`NoopResponder`]. What is left here is to own
//! a socket and a clock.
//!
//! A change is acknowledged when it is on standard output, and a checkpoint covers it only then: a
//! slow reader slows the node down, and what a crash cost comes again. So every change is shown **at
//! least once**; twice only what was shown after the checkpoint file was last written, if this
//! process or its reader dies. A lost connection repeats nothing.
//!
//! It knows one node. Vbuckets that are active elsewhere are told of and left out, those that move
//! here are found at the next connection: to follow them is the business of a client that knows the
//! cluster.
//!
//! [`Negotiation`]: mcbp::track::Negotiation
//! [`Cursor`]: mcbp::track::Cursor

mod arguments;
mod back_off;
mod change;
mod checkpoints;
mod error;
mod options;
mod printer;
mod progress;
mod streams;
mod survey;

use core::time::Duration;
use std::io::{self, Write};
use std::time::Instant;

use mcbp::dcp::{DcpRequest, DcpResponse};
use mcbp::kv::{KvResponse, ServerRequest};
use mcbp::track::flow::Sender;
use mcbp::track::negotiate::Plan;
use mcbp::track::{ConsumerLedger, NoopResponder};
use mcbp::value::CollectionId;
use mcbp::{Answer, Batch, Packet, Request, StreamEndReason};
use tokio::time::{sleep, timeout};

pub use arguments::Arguments;
pub use change::Format;
pub use checkpoints::CheckpointError;
pub use error::TailError;
pub use options::{Options, Selection, Start};
pub use progress::Progress;

use crate::connect::{Client, ConnectError, Connection};
use back_off::BackOff;
use change::Show;
use checkpoints::Checkpoints;
use printer::{Chunk, Item, Printer, Receipt};
use streams::{Answered, Streams, Took};
use survey::questions;

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// How many changes came.
    pub changes: u64,
    /// How many vbuckets were followed.
    pub vbuckets: usize,
    /// How many of those are not at their end, and will not come there.
    pub missing: usize,
}

/// Why there is no more to do.
enum End {
    /// There is nothing more to come.
    Complete,
    /// Nobody wants more.
    Stopped,
}

/// How long to wait for a node until it streams.
const SET_UP_LIMIT: Duration = Duration::from_secs(10);
/// How often checkpoints are written.
const TICK: Duration = Duration::from_secs(1);
/// How often to ask how far the node is, in ticks.
const ASK_EVERY: u32 = 5;
/// How long to wait in the end for a reader that is slow.
const PATIENCE: Duration = Duration::from_secs(2);

/// Follows the changes, until all that is wanted has come or `stop` is ready: shows them on `out`,
/// and on `progress` how it goes.
///
/// # Errors
///
/// What cannot be helped by trying again. The checkpoints are written all the same.
pub async fn run(
    options: &Options,
    out: impl Write + Send + 'static,
    progress: Progress,
    stop: impl Future<Output = ()>,
) -> Result<Outcome, TailError> {
    let mut tail = Tail::new(options, out, progress)?;
    let ended = tokio::select! {
        ended = tail.follow() => ended,
        () = stop => Ok(End::Stopped),
    };
    tail.finish(ended).await
}

struct Tail<'a> {
    options: &'a Options,
    started: Instant,
    checkpoints: Checkpoints,
    printer: Printer,
    progress: Progress,
    streams: Streams,
    /// The collections that are followed, if not all.
    collections: Vec<CollectionId>,
    /// Counts the connections.
    connection: u64,
    ticked_at: Duration,
    ticks: u32,
    /// Short again once a connection was of use.
    back_off: BackOff,
    /// Vbuckets that were asked for, and are active on other nodes.
    elsewhere: usize,
}

/// What is known of the connection that is there.
struct Live {
    connection: Connection,
    ledger: ConsumerLedger,
    responder: NoopResponder,
}

impl<'a> Tail<'a> {
    fn new(
        options: &'a Options,
        out: impl Write + Send + 'static,
        progress: Progress,
    ) -> Result<Self, TailError> {
        let show = Show {
            format: options.format,
            xattrs: options.xattrs,
        };
        Ok(Self {
            options,
            started: Instant::now(),
            checkpoints: Checkpoints::open(options.checkpoints.as_deref(), options.owner(None))?,
            printer: Printer::start(out, show)?,
            progress,
            streams: Streams::default(),
            collections: Vec::new(),
            connection: 0,
            ticked_at: Duration::ZERO,
            ticks: 0,
            back_off: BackOff::default(),
            elsewhere: 0,
        })
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Connection after connection: what was lost with one is asked for again on the next.
    async fn follow(&mut self) -> Result<End, TailError> {
        let mut lost_at = None;
        loop {
            let prepared = match timeout(SET_UP_LIMIT, self.prepare()).await {
                Ok(prepared) => prepared,
                Err(_) => Err(TailError::Connect(ConnectError::TimedOut {
                    endpoint: self.options.endpoint.clone(),
                    seconds: SET_UP_LIMIT.as_secs(),
                })),
            };
            let ended = match prepared {
                Ok(mut live) => {
                    let (since, changes) = (self.now(), self.progress.changes());
                    let ended = self.stream(&mut live).await;
                    // One that breaks whenever it is there is none.
                    let lasted = self.now().saturating_sub(since);
                    if self.progress.changes() > changes || lasted >= self.options.noop_interval {
                        lost_at = None;
                        self.back_off.reset();
                    }
                    ended
                }
                Err(error) => Err(error),
            };
            let lost = match ended {
                // Whoever mistyped the address does not want to wait.
                Err(TailError::Connect(lost)) if !lost.is_final() && self.connection > 0 => lost,
                ended => return ended,
            };
            self.streams.on_closed();
            let now = self.now();
            let after = now.saturating_sub(*lost_at.get_or_insert(now));
            if after >= self.options.reconnect_for {
                let after = self.options.reconnect_for;
                return Err(TailError::GivenUp { after, last: lost });
            }
            let wait = self.back_off.next();
            self.progress
                .note(format_args!("{lost}; trying again in {wait:?}"));
            // What was received is shown before more is asked for, so that it does not pile up.
            while !self.printer.is_idle() {
                let receipt = self.printer.receipt().await?;
                self.on_shown(receipt);
            }
            sleep(wait).await;
        }
    }

    /// Connects, and prepares the streams: nothing is asked for yet.
    async fn prepare(&mut self) -> Result<Live, TailError> {
        let options = self.options;
        let mut connection = Connection::dial(&options.endpoint, options.tls.as_ref()).await?;

        // The name of the connection is what the node's log and statistics call it.
        let name = format!("mcbp-tail:{}:{}", options.bucket, std::process::id());
        let plan = Plan::new(options.wanted(&name)).map_err(ConnectError::from)?;
        let agent = format!("{{\"a\":\"mcbp-tail/{}\"}}", env!("CARGO_PKG_VERSION"));
        let client = Client {
            agent: &agent,
            credentials: &options.credentials,
            bucket: &options.bucket,
        };
        let negotiated = connection.set_up(plan, &client).await?;
        self.survey(&mut connection, &negotiated).await?;

        self.connection = self.connection.saturating_add(1);
        let now = self.now();
        let interval = negotiated.noop_interval.unwrap_or(options.noop_interval);
        Ok(Live {
            connection,
            ledger: ConsumerLedger::new(negotiated.buffer_size, now),
            responder: NoopResponder::new(interval, now),
        })
    }

    /// Streams, until there is nothing more to come or the connection is lost.
    async fn stream(&mut self, live: &mut Live) -> Result<End, TailError> {
        loop {
            let now = self.now();
            self.queue_what_is_due(live, now)?;
            if self.streams.are_over() && self.printer.is_idle() {
                return Ok(End::Complete);
            }
            let next_tick = self.ticked_at.saturating_add(TICK);
            if next_tick <= now {
                self.tick(live, now)?;
                continue;
            }
            let timeouts = [self.streams.next_timeout(), live.ledger.next_timeout()];
            let next = timeouts
                .into_iter()
                .flatten()
                .fold(next_tick, Duration::min);
            let next = next.min(live.responder.next_timeout());
            let Live { connection, .. } = live;
            tokio::select! {
                biased;
                receipt = self.printer.receipt(), if !self.printer.is_idle() => {
                    let Receipt { connection, bytes, .. } = self.on_shown(receipt?);
                    if connection == self.connection {
                        // No more than was received, as it was counted then.
                        let _ = live.ledger.on_processed(bytes);
                    }
                }
                flushed = connection.writer.flush(), if !connection.writer.is_idle() => flushed?,
                batch = connection.reader.batch() => self.on_batch(live, &batch?)?,
                // The last, so that what has come unseen is no silence.
                () = sleep(next.saturating_sub(now)) => {
                    live.responder.poll(self.now()).map_err(ConnectError::from)?;
                }
            }
        }
    }

    /// Asks for streams, and makes room for more.
    fn queue_what_is_due(&mut self, live: &mut Live, now: Duration) -> Result<(), ConnectError> {
        let writer = &mut live.connection.writer;
        while let Some(request) = self.streams.poll_request(now) {
            writer.queue(&request)?;
        }
        // The ledger owes what is shown, and acknowledges it in portions.
        while let Some(acknowledgement) = live.ledger.poll(now) {
            writer.queue(&Request::from(acknowledgement))?;
        }
        self.streams.poll(now)?;
        Ok(())
    }

    /// What is due every now and then.
    fn tick(&mut self, live: &mut Live, now: Duration) -> Result<(), TailError> {
        self.ticked_at = now;
        self.ticks = self.ticks.wrapping_add(1);
        self.checkpoints.store()?;
        self.progress.tick(now);
        if self.ticks % ASK_EVERY == 0 {
            let collections = match self.collections.as_slice() {
                [] => vec![None],
                some => some.iter().copied().map(Some).collect(),
            };
            for collection in collections {
                let opaque = live.connection.next_opaque();
                let question = Request {
                    opaque,
                    ..Request::from(questions::seqnos_of(collection))
                };
                let queued = live.connection.writer.queue(&question);
                queued.map_err(ConnectError::from)?;
            }
        }
        Ok(())
    }

    /// Takes what came at once.
    fn on_batch(&mut self, live: &mut Live, batch: &Batch) -> Result<(), ConnectError> {
        let mut chunk = Chunk::default();
        chunk.receipt.connection = self.connection;
        let mut moved = Vec::new();
        let taken = batch.iter().try_for_each(|packet| {
            let header = packet.header();
            let bytes = live.ledger.on_packet(Sender::Producer, header);
            chunk.receipt.bytes = chunk.receipt.bytes.saturating_add(bytes);
            if bytes > 0 && moved.last() != Some(&header.vbucket_or_status()) {
                moved.push(header.vbucket_or_status());
            }
            self.on_packet(live, batch, packet, &mut chunk.items)
        });
        // What was taken is shown, even if what came after it was wrong.
        moved.extend(chunk.items.iter().filter_map(|item| match item {
            Item::Rollback { vbucket, .. } => Some(*vbucket),
            _ => None,
        }));
        moved.sort_unstable();
        moved.dedup();
        let position = |vbucket| Some((vbucket, self.streams.position(vbucket)?));
        chunk.receipt.positions = moved.into_iter().filter_map(position).collect();
        self.printer.print(chunk);
        taken
    }

    /// What there is to do about a packet.
    fn on_packet(
        &mut self,
        live: &mut Live,
        batch: &Batch,
        packet: Packet<&[u8]>,
        items: &mut Vec<Item>,
    ) -> Result<(), ConnectError> {
        let now = self.now();
        live.responder.on_packet(now);
        let writer = &mut live.connection.writer;
        let message = DcpRequest::read(packet)?;
        match &message {
            // The node asks whether anybody is there.
            DcpRequest::Noop(noop) => {
                let answer = live.responder.on_noop(noop, now);
                writer.queue_response(&answer)?;
            }
            DcpRequest::Other(packet) => self.on_other(*packet, items, now)?,
            // All else is of a stream, and nothing of it is answered: the stream knows whether it
            // fits, and from where it would go on.
            message => {
                let header = packet.header();
                let of = (header.vbucket_or_status(), header.opaque());
                match self.streams.on_message(of, message, now)? {
                    Took::Change => {
                        self.progress.count(header.packet_len());
                        let body = batch.slice_ref(packet.body()).unwrap_or_default();
                        let kept = Packet::new(*header, body)?;
                        items.push(Item::Change(kept));
                    }
                    Took::Ended(StreamEndReason::OK, _) if self.options.until_now => {}
                    Took::Ended(reason, advice) => {
                        let vbucket = of.0;
                        self.progress.note(format_args!(
                            "vbucket {vbucket}: the stream ended, {reason}: {} {}",
                            advice.action, advice.why
                        ));
                    }
                    Took::Repeated | Took::Nothing => {}
                }
            }
        }
        Ok(())
    }

    /// What there is to do about an answer, or about what the node says on its own.
    fn on_other(
        &mut self,
        packet: Packet<&[u8]>,
        items: &mut Vec<Item>,
        now: Duration,
    ) -> Result<(), ConnectError> {
        let unexpected = || ConnectError::Unexpected(packet.header().command());
        if packet.header().magic().is_server_request() {
            let request = ServerRequest::read(packet)?;
            if let ServerRequest::ClustermapChangeNotification(_) = request {
                self.progress
                    .note(format_args!("the map of the cluster has changed"));
                self.streams.look_again(now);
            }
            return Ok(());
        }
        match DcpResponse::read(packet)? {
            DcpResponse::StreamRequest(response) => {
                match self.streams.on_answer(packet, &response, now)? {
                    (_, Answered::Open) => {}
                    (vbucket, Answered::Rollback { seqno }) => {
                        self.progress.note(format_args!(
                            "vbucket {vbucket}: rolled back to seqno {seqno}, what came after it is void"
                        ));
                        items.push(Item::Rollback { vbucket, seqno });
                        if self.options.until_now {
                            let again = format!("vbucket {vbucket}: its end has moved");
                            return Err(ConnectError::Violation(again));
                        }
                    }
                    (vbucket, Answered::Refused(refusal)) => {
                        self.progress
                            .note(format_args!("vbucket {vbucket}: {refusal}"));
                    }
                }
            }
            // Only very old nodes answer this.
            DcpResponse::BufferAcknowledgement(_) => {}
            DcpResponse::Other(packet) => match KvResponse::read(packet)? {
                KvResponse::GetAllVbSeqnos(response) => {
                    if let Answer::Accepted(seqnos) = response.reply {
                        for it in seqnos.iter() {
                            self.progress.to(it.vbucket, it.seqno);
                        }
                    }
                }
                _ => return Err(unexpected()),
            },
            _ => return Err(unexpected()),
        }
        Ok(())
    }

    fn show(&mut self, item: Item) {
        self.printer.print(Chunk {
            items: vec![item],
            receipt: Receipt::default(),
        });
    }

    /// What is shown is what a checkpoint may cover.
    fn on_shown(&mut self, receipt: Receipt) -> Receipt {
        for &(vbucket, checkpoint) in &receipt.positions {
            self.checkpoints.set(vbucket, checkpoint);
            self.progress.at(vbucket, checkpoint.seqno);
        }
        receipt
    }

    /// Shows what is left, as far as the reader takes it, and writes the checkpoints.
    async fn finish(mut self, ended: Result<End, TailError>) -> Result<Outcome, TailError> {
        let mut ended = ended.map(drop);
        let shown = timeout(PATIENCE, async {
            while !self.printer.is_idle() {
                let receipt = self.printer.receipt().await?;
                self.on_shown(receipt);
            }
            Ok(())
        });
        ended = ended.and(shown.await.unwrap_or(Ok(())).map_err(TailError::Output));
        // Whoever read has seen enough.
        if matches!(&ended, Err(TailError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe)
        {
            ended = Ok(());
        }
        // A file that is not ours is not touched.
        if !matches!(ended, Err(TailError::Checkpoints(_))) {
            ended = ended.and(self.checkpoints.store().map_err(TailError::from));
        }
        let now = self.now();
        self.progress.finish(now);
        ended.map(|()| Outcome {
            changes: self.progress.changes(),
            vbuckets: self.streams.len(),
            missing: self.streams.missing().saturating_add(self.elsewhere),
        })
    }
}
