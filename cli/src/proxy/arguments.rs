//! The command line.

use core::time::Duration;

use clap::Args;
use mcbp::track::{streams, takeover};

use super::sides::Sides;
use super::{Command, Node, Options};
use crate::access::{Access, AccessError};
use crate::connect::Endpoint;
use crate::vbuckets::Vbuckets;

/// Between which nodes, and what.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The node that is replicated to: HOST:PORT, couchbase://HOST or, with TLS, couchbases://HOST.
    consumer: Endpoint,

    /// The node that is replicated from.
    producer: Endpoint,

    #[command(flatten)]
    access: Access,

    /// Replicate these vbuckets, such as 0-63,70.
    #[arg(long, value_name = "RANGES")]
    replicate: Option<Vbuckets>,

    /// Then move these vbuckets to the consumer: it becomes active for them, the producer no longer
    /// is.
    #[arg(long, value_name = "RANGES")]
    takeover: Option<Vbuckets>,

    /// Read no commands from standard input, and go on until a signal.
    #[arg(long)]
    no_stdin: bool,

    /// What to call the replication [default: replication:PRODUCER->CONSUMER:BUCKET].
    ///
    /// A node closes an older connection of the same name.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// What the producer knows the consumer by, as in the chain of a vbucket's replicas: whether its
    /// acknowledgements count for durable writes depends on it [default: the consumer's address].
    #[arg(long, value_name = "NAME")]
    consumer_name: Option<String>,

    /// How long opening or closing streams may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = streams::Config::default().timeout.as_secs())]
    timeout: u64,

    /// How often to try a takeover again that the consumer puts off.
    #[arg(long, value_name = "N", default_value_t = takeover::Config::default().retries)]
    retries: u8,

    /// Tell also what is sent and kept besides.
    #[arg(long, short)]
    verbose: bool,
}

impl Arguments {
    /// A name is no longer than that between servers (reference 12.1).
    const NAME_LIMIT: usize = 200;

    /// Whether to read commands from standard input.
    pub const fn reads_commands(&self) -> bool {
        !self.no_stdin
    }

    /// What they mean. Reads what they name, and may ask for the password.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or no password.
    pub fn options(self) -> Result<Options, AccessError> {
        let name = match self.name {
            Some(name) => name,
            None => {
                let (from, to, bucket) = (&self.producer, &self.consumer, &self.access.bucket);
                format!("replication:{from}->{to}:{bucket}")
            }
        };
        let replicate = self.replicate.map(Command::Replicate);
        let takeover = self.takeover.map(Command::Takeover);
        Ok(Options {
            credentials: self.access.credentials()?,
            name: name.chars().take(Self::NAME_LIMIT).collect(),
            consumer_name: self
                .consumer_name
                .unwrap_or_else(|| self.consumer.to_string()),
            nodes: Sides {
                consumer: Node {
                    tls: self.access.tls(&self.consumer)?,
                    endpoint: self.consumer,
                },
                producer: Node {
                    tls: self.access.tls(&self.producer)?,
                    endpoint: self.producer,
                },
            },
            bucket: self.access.bucket,
            commands: replicate.into_iter().chain(takeover).collect(),
            streams: streams::Config {
                timeout: Duration::from_secs(self.timeout),
                ..streams::Config::default()
            },
            takeover: takeover::Config {
                retries: self.retries,
                ..takeover::Config::default()
            },
            verbose: self.verbose,
        })
    }
}
