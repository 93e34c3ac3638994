//! `mcbp proxy`: the replication proxy between two data nodes.
//!
//! A node that consumes does not connect to the node that produces. Someone stands between them,
//! tells the consumer which streams to add, and passes on what they say to each other:
//!
//! 1. `set_up`: both connections, up to where the first stream can be added.
//! 2. `Relay`: what becomes of each packet, and what is to be sent besides; no sockets and no clock.
//! 3. [`run`]: moves bytes between the sockets and the relay.
//!
//! What has to be known over time is the library's: [`Streams`](mcbp::track::streams::Streams) and
//! [`Takeover`](mcbp::track::takeover::Takeover) say what to pass on and what to send, and
//! [`Answers`](mcbp::track::Answers) with the [policy](mcbp::policy) what the answers mean.

mod arguments;
mod command;
mod error;
mod event;
mod judge;
mod outbox;
mod relay;
mod set_up;
mod sides;

use core::time::Duration;
use std::io::Write;
use std::time::SystemTime;

use mcbp::track::{Side, streams, takeover};
use mcbp::{Batch, Feature};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

pub use arguments::Arguments;
pub use command::{Command, InvalidCommand};
pub use error::ProxyError;
pub use event::Event;
pub use judge::Answered;
pub use sides::Sides;

use crate::connect::{ConnectError, Connection, Endpoint, Tls};
use crate::login::Credentials;
use relay::Relay;
use set_up::Replication;

/// Between which nodes, and what.
#[derive(Debug, Clone)]
pub struct Options {
    /// The nodes.
    pub nodes: Sides<Node>,
    /// Who asks, of both.
    pub credentials: Credentials,
    /// The bucket, on both.
    pub bucket: String,
    /// What to call the replication.
    pub name: String,
    /// What the producer knows the consumer by.
    pub consumer_name: String,
    /// What to do first.
    pub commands: Vec<Command>,
    /// How streams are opened and closed.
    pub streams: streams::Config,
    /// How vbuckets are taken over.
    pub takeover: takeover::Config,
    /// Tell everything.
    pub verbose: bool,
}

/// A data node.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where it is.
    pub endpoint: Endpoint,
    /// How to make sure that it is the node; `None` for no encryption.
    pub tls: Option<Tls>,
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// How much of what was asked for did not come about.
    pub failures: usize,
}

/// How long to wait for both nodes until streams can be added.
const SET_UP_LIMIT: Duration = Duration::from_secs(10);
/// How long to wait in the end for a node that is slow to take what it gets.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why there is something to do.
enum Woken {
    /// A side has taken all that there was for it.
    Wrote(Side, Result<(), ConnectError>),
    Read(Side, Result<Batch, ConnectError>),
    /// A command; `None` if there are no more.
    Line(Option<String>),
    Time,
    Stop,
}

/// Passes packets between two nodes and obeys commands, a line each, until there are no more and all
/// is done, or `stop` is ready; tells on `out` what it decides. In the end the streams are closed.
///
/// # Errors
///
/// There is no connection to a node, or none any more.
pub async fn run(
    options: &Options,
    commands: mpsc::Receiver<String>,
    out: impl Write,
    stop: impl Future<Output = ()>,
) -> Result<Outcome, ProxyError> {
    let mut stop = core::pin::pin!(stop);
    let replication = tokio::select! {
        set_up = timeout(SET_UP_LIMIT, set_up::set_up(options)) => set_up,
        () = &mut stop => {
            let failures = options.commands.len();
            return Ok(Outcome { failures });
        }
    };
    let Replication {
        connections,
        features,
    } = match replication {
        Ok(set_up) => set_up?,
        Err(_) => {
            // Whichever it is, the consumer cannot be replicated to.
            let (side, endpoint) = (Side::Consumer, &options.nodes.consumer.endpoint);
            return Err(ProxyError::set_up(side, endpoint, timed_out(endpoint)));
        }
    };
    let mut proxy = Proxy {
        options,
        connections,
        relay: Relay::new(options.streams, options.takeover.clone()),
        out,
        started: Instant::now(),
    };
    proxy.greet(&features);
    let passed = proxy.pass(commands, stop).await;
    proxy.finish(passed).await
}

fn timed_out(endpoint: &Endpoint) -> ConnectError {
    ConnectError::TimedOut {
        endpoint: endpoint.clone(),
        seconds: SET_UP_LIMIT.as_secs(),
    }
}

struct Proxy<'a, W> {
    options: &'a Options,
    connections: Sides<Connection>,
    relay: Relay,
    out: W,
    started: Instant,
}

impl<W: Write> Proxy<'_, W> {
    /// Passes packets on until it is told to end, or a connection is lost.
    async fn pass(
        &mut self,
        mut commands: mpsc::Receiver<String>,
        mut stop: impl Future<Output = ()> + Unpin,
    ) -> Result<(), (Side, ConnectError)> {
        for command in self.options.commands.clone() {
            self.relay.command(command, self.now());
        }
        let mut is_stopped = false;
        loop {
            self.tell();
            if self.relay.is_done() {
                return Ok(());
            }
            let time = self.relay.next_timeout();
            let until = time.and_then(|time| self.started.checked_add(time));
            let wants_command = self.relay.wants_command();
            let wants = Sides {
                consumer: self.relay.wants(Side::Consumer),
                producer: self.relay.wants(Side::Producer),
            };
            let Sides { consumer, producer } = &mut self.connections;
            let outboxes = self.relay.outboxes();
            let writes = Sides {
                consumer: !outboxes.consumer.is_empty() || !consumer.writer.is_idle(),
                producer: !outboxes.producer.is_empty() || !producer.writer.is_idle(),
            };
            let woken = tokio::select! {
                wrote = consumer.writer.drain(&mut outboxes.consumer), if writes.consumer => {
                    Woken::Wrote(Side::Consumer, wrote)
                }
                wrote = producer.writer.drain(&mut outboxes.producer), if writes.producer => {
                    Woken::Wrote(Side::Producer, wrote)
                }
                batch = consumer.reader.batch(), if wants.consumer => {
                    Woken::Read(Side::Consumer, batch)
                }
                batch = producer.reader.batch(), if wants.producer => {
                    Woken::Read(Side::Producer, batch)
                }
                line = commands.recv(), if wants_command => Woken::Line(line),
                () = sleep_until(until.unwrap_or(self.started)), if until.is_some() => Woken::Time,
                () = &mut stop, if !is_stopped => Woken::Stop,
            };
            let now = self.now();
            match woken {
                Woken::Wrote(side, wrote) => wrote.map_err(|error| (side, error))?,
                Woken::Read(side, batch) => {
                    let batch = batch.map_err(|error| (side, error))?;
                    self.relay.on_batch(side, &batch, now);
                }
                Woken::Line(None) => self.relay.command(Command::Quit, now),
                Woken::Line(Some(line)) if line.trim().is_empty() => {}
                Woken::Line(Some(line)) => match line.parse() {
                    Ok(command) => self.relay.command(command, now),
                    Err(error) => self.relay.misunderstood(error),
                },
                Woken::Time => self.relay.on_timeout(now),
                Woken::Stop => {
                    is_stopped = true;
                    self.relay.shut(now);
                }
            }
        }
    }

    /// Gives the nodes what is still for them, and leaves.
    async fn finish(
        mut self,
        passed: Result<(), (Side, ConnectError)>,
    ) -> Result<Outcome, ProxyError> {
        self.tell();
        let outboxes = self.relay.outboxes();
        for side in [Side::Consumer, Side::Producer] {
            let writer = &mut self.connections.of_mut(side).writer;
            let outbox = outboxes.of_mut(side);
            // Who is gone takes nothing any more, which is no news.
            let written = timeout(PATIENCE, async {
                writer.drain(outbox).await?;
                writer.shutdown().await
            });
            let _ = written.await;
        }
        match passed {
            Ok(()) => Ok(Outcome {
                failures: self.relay.failures(),
            }),
            Err((side, error)) => Err(ProxyError::Lost {
                side,
                endpoint: self.options.nodes.of(side).endpoint.clone(),
                error,
                told: self.relay.fatal(side).map(Box::new),
            }),
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn greet(&mut self, features: &[Feature]) {
        let Sides { consumer, producer } = &self.options.nodes;
        let names: Vec<_> = features.iter().map(Feature::to_string).collect();
        self.say(&format!(
            "from {} to {}: {} with {}",
            producer.endpoint,
            consumer.endpoint,
            self.options.name,
            names.join(", ")
        ));
        let _ = self.out.flush();
    }

    fn tell(&mut self) {
        let mut has_told = false;
        while let Some(event) = self.relay.poll_event() {
            if self.options.verbose || !event.is_detail() {
                self.say(&event);
                has_told = true;
            }
        }
        if has_told {
            let _ = self.out.flush();
        }
    }

    /// Whoever listened may have left: no reason to stop replicating.
    fn say(&mut self, what: &dyn core::fmt::Display) {
        let time = humantime::format_rfc3339_millis(SystemTime::now());
        let _ = writeln!(self.out, "{time} {what}");
    }
}

#[cfg(test)]
mod tests;
