//! The command line.

use core::time::Duration;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Format, Options, Progress, Selection, Start};
use crate::access::{Access, AccessError};
use crate::connect::Endpoint;
use crate::vbuckets::Vbuckets;

/// What to follow, and how.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The node: HOST:PORT, couchbase://HOST or, with TLS, couchbases://HOST.
    node: Endpoint,

    #[command(flatten)]
    access: Access,

    /// Only these vbuckets, such as 0-63,70 [default: all that are active on the node].
    #[arg(long, value_name = "RANGES")]
    vbuckets: Option<Vbuckets>,

    /// Only this collection, as SCOPE.COLLECTION; may be repeated.
    #[arg(long, value_name = "PATH", conflicts_with = "scope")]
    collection: Vec<String>,

    /// Only the collections of this scope.
    #[arg(long, value_name = "NAME")]
    scope: Option<String>,

    /// From where [default: now, with --until-now beginning].
    #[arg(long, value_enum)]
    from: Option<From>,

    /// Keep in this file how far it is, and go on from there.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,

    /// End when everything is shown that was there at the start.
    #[arg(long)]
    until_now: bool,

    /// Show extended attributes, too.
    #[arg(long)]
    xattrs: bool,

    /// Leave out the values: the node does not send them.
    #[arg(long)]
    no_values: bool,

    /// Print a JSON object per change.
    #[arg(long, conflicts_with = "stats")]
    json: bool,

    /// Print no changes, only how it goes.
    #[arg(long)]
    stats: bool,

    /// Do not tell how it goes, only what goes wrong.
    #[arg(long, short, conflicts_with = "stats")]
    quiet: bool,

    /// How long to try to get a lost connection back, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    reconnect_for: u64,

    /// How much may be on its way or not yet shown, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 10 << 20, value_parser = clap::value_parser!(u32).range(1024..))]
    buffer_size: u32,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum From {
    /// The first change that is still there.
    Beginning,
    /// The next change.
    Now,
}

impl Arguments {
    /// What they mean. Reads what they name, and may ask for the password.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or no password.
    pub fn options(self) -> Result<Options, AccessError> {
        // Collections without a scope are in the default one.
        let path = |name: String| match name.contains('.') {
            true => name,
            false => format!("_default.{name}"),
        };
        Ok(Options {
            tls: self.access.tls(&self.node)?,
            endpoint: self.node,
            credentials: self.access.credentials()?,
            bucket: self.access.bucket,
            vbuckets: self.vbuckets,
            selection: match (self.scope, self.collection) {
                (Some(scope), _) => Selection::Scope(scope),
                (None, names) if names.is_empty() => Selection::Everything,
                (None, names) => Selection::Collections(names.into_iter().map(path).collect()),
            },
            start: match self.from {
                Some(From::Beginning) => Start::Beginning,
                Some(From::Now) => Start::Now,
                None if self.until_now => Start::Beginning,
                None => Start::Now,
            },
            until_now: self.until_now,
            checkpoints: self.checkpoint,
            xattrs: self.xattrs,
            no_values: self.no_values,
            format: match (self.json, self.stats) {
                (true, _) => Format::Json,
                (_, true) => Format::Nothing,
                _ => Format::Text,
            },
            reconnect_for: Duration::from_secs(self.reconnect_for),
            buffer_size: self.buffer_size,
            noop_interval: Duration::from_secs(20),
        })
    }

    /// How to tell how it goes: by a bar, if that does not get between the changes.
    pub fn progress(&self) -> Progress {
        let lines = Progress::lines(Box::new(io::stderr()));
        let bar = io::stderr().is_terminal() && (self.stats || !io::stdout().is_terminal());
        match (self.quiet, bar) {
            (true, _) => lines.quiet(),
            (false, true) => lines.bar(),
            (false, false) => lines,
        }
    }
}
