//! The command line.

use core::time::Duration;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::{Format, Options, Progress, Selection, Start, Vbuckets};
use crate::connect::{Endpoint, Tls, TlsError};
use crate::login::{Credentials, Password};

/// What to follow, and how.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The node: HOST:PORT, couchbase://HOST or, with TLS, couchbases://HOST.
    node: Endpoint,

    /// The user; they need the role Data DCP Reader on the bucket.
    #[arg(long, short)]
    user: String,

    /// The bucket.
    #[arg(long, short)]
    bucket: String,

    /// Read the password from the first line of this file.
    ///
    /// Without it, the password is that of the environment variable MCBP_PASSWORD, and without that
    /// one it is asked for.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// Send the password itself, even without TLS; some users, such as those of LDAP, need that.
    #[arg(long)]
    plain: bool,

    /// Use TLS.
    #[arg(long)]
    tls: bool,

    /// Believe the certificate authorities in this PEM file, and not those of the system.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

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
    pub fn options(self) -> Result<Options, ArgumentError> {
        let credentials = Credentials {
            password: password(self.password_file.as_deref(), &self.user)?,
            user: self.user,
            plain: self.plain,
        };
        let is_encrypted = self.tls || self.node.tls || self.ca.is_some();
        // Collections without a scope are in the default one.
        let path = |name: String| match name.contains('.') {
            true => name,
            false => format!("_default.{name}"),
        };
        Ok(Options {
            tls: is_encrypted
                .then(|| Tls::new(self.ca.as_deref()))
                .transpose()?,
            endpoint: self.node,
            credentials,
            bucket: self.bucket,
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

/// The password, from where no other user of the machine sees it.
fn password(file: Option<&Path>, user: &str) -> Result<Password, ArgumentError> {
    const VARIABLE: &str = "MCBP_PASSWORD";
    if let Some(path) = file {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ArgumentError::PasswordFile(path.to_owned(), error))?;
        let line = text.lines().next().unwrap_or_default();
        return Ok(Password::new(line.to_owned()));
    }
    if let Ok(password) = std::env::var(VARIABLE) {
        return Ok(Password::new(password));
    }
    let prompt = format!("Password of {user}: ");
    rpassword::prompt_password(prompt)
        .map(Password::new)
        .map_err(ArgumentError::NoPassword)
}

/// Arguments that name what is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArgumentError {
    /// The file with the password.
    #[error("{}: {_1}", _0.display())]
    PasswordFile(PathBuf, io::Error),
    /// Nobody to ask for the password.
    #[error("no password: {0}; set MCBP_PASSWORD, or use --password-file")]
    NoPassword(io::Error),
    /// The authorities.
    #[error(transparent)]
    Tls(#[from] TlsError),
}
