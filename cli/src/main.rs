//! `mcbp`: looks at Couchbase DCP traffic.

use core::error::Error;
use core::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use anstream::{AutoStream, ColorChoice};
use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use mcbp::policy::{Edition, OpaqueOwner, Role};
use mcbp::{Opcode, Status};
use mcbp_cli::dump::{self, DumpError, Filter, Format, Options};
use mcbp_cli::explain::{self, Question};
use mcbp_cli::serve::{self, Serve};
use mcbp_cli::{proxy, tail};
#[cfg(unix)]
use tokio::signal::unix::SignalKind;
use tokio::sync::mpsc;

/// Looks at Couchbase DCP traffic.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the packets of a capture.
    ///
    /// Exit status: 0 if all was understood, 1 if there were problems (told on standard error), 2
    /// if there was nothing to read.
    Dump(Dump),
    /// Say which statuses are fatal to a connection, and why.
    ///
    /// Without arguments, print the table of rules: the first that matches decides.
    Policy(Policy),
    Serve(Serve),
    /// Follow the changes of a bucket on a data node.
    ///
    /// Shows each change on standard output, with its key and value, and how it goes on standard
    /// error. Every change is shown at least once, and counts as shown only when it is written: a
    /// slow reader slows the node down. One node is followed; vbuckets that are active on others
    /// are told of and left out.
    ///
    /// Exit status: 0 if all that was asked for was shown, or it was interrupted; 1 if the streams
    /// of some vbuckets were refused or ended early; 2 for wrong arguments or files; 3 if the node
    /// refuses (password, bucket, privilege, collection, release); 4 if there is no connection, or
    /// none any more; 5 if the checkpoint file is of no use, which leaves it as it is.
    Tail(Box<tail::Arguments>),
    /// Replicate vbuckets from one data node to another.
    ///
    /// Stands between the two as the cluster's own proxy does: tells the consumer which streams to
    /// add, passes on what the nodes say to each other, and moves vbuckets. Tells on standard output
    /// what it decides and why. The states of the vbuckets are not touched: those on the consumer
    /// have to be replicas, and before a takeover pending or replica.
    ///
    /// Obeys commands on standard input, a line each, one after the other: replicate RANGES (besides
    /// those that are), takeover RANGES, close RANGES, status, quit. At the end of standard input it
    /// does what it was told, closes the streams and ends; on Ctrl-C or SIGTERM at once, and within
    /// seconds.
    ///
    /// Exit status: 0 if all that was asked for came about; 1 if some of it did not; 2 for wrong
    /// arguments or files; 3 if a node refuses (password, bucket, privilege, release); 4 if there is
    /// no connection to a node, or none any more.
    Proxy(Box<proxy::Arguments>),
}

#[derive(Debug, Args)]
struct Dump {
    /// A pcap or pcapng file; - for standard input.
    file: PathBuf,

    /// The file is not a capture but the bytes of one direction of a connection.
    #[arg(long)]
    raw: bool,

    /// Print a JSON object per packet.
    #[arg(long, conflicts_with = "summary")]
    json: bool,

    /// Print a table of all packets, by opcode.
    #[arg(long)]
    summary: bool,

    /// Show keys, values and other user data.
    #[arg(long)]
    unredacted: bool,

    /// Only packets about this vbucket; may be repeated.
    #[arg(long, value_name = "N")]
    vbucket: Vec<u16>,

    /// Only packets with this opcode, by name or number; may be repeated.
    #[arg(long, value_name = "NAME", value_parser = opcode)]
    opcode: Vec<Opcode>,

    /// Only packets from or to this TCP port; may be repeated.
    #[arg(long, value_name = "N")]
    port: Vec<u16>,
}

#[derive(Debug, Args)]
struct Policy {
    /// What was answered, by name or number.
    #[arg(value_parser = opcode, requires = "status")]
    opcode: Option<Opcode>,

    /// The status it was answered with, by name or number.
    #[arg(value_parser = status)]
    status: Option<Status>,

    /// Who received the answer: producer or consumer [default: who asks such a thing].
    #[arg(long, value_parser = |text: &str| one_of(&Role::ALL, text))]
    role: Option<Role>,

    /// Whose rules apply: 6.5, 6.6, 7.0 or 7.0-with-codes [default: all].
    #[arg(long, value_parser = |text: &str| one_of(&Edition::ALL, text))]
    edition: Option<Edition>,

    /// What the answer's opaque belongs to [default: what it should].
    #[arg(long, value_parser = |text: &str| one_of(&OpaqueOwner::ALL, text))]
    opaque: Option<OpaqueOwner>,
}

/// `DCP_MUTATION`, `mutation`, `0x57` and `87` are the same; of names with and without `DCP_`, the
/// one with it is meant.
fn opcode(text: &str) -> Result<Opcode, String> {
    let name = text.replace('-', "_");
    number(text)
        .and_then(|number| u8::try_from(number).ok())
        .map(Opcode)
        .or_else(|| Opcode::from_name(&format!("DCP_{name}")))
        .or_else(|| Opcode::from_name(&name))
        .ok_or_else(|| "no such opcode".to_owned())
}

/// `KEY_EEXISTS`, `key-eexists`, `0x02` and `2` are the same.
fn status(text: &str) -> Result<Status, String> {
    number(text)
        .map(Status)
        .or_else(|| Status::from_name(&text.replace('-', "_")))
        .ok_or_else(|| "no such status".to_owned())
}

fn number(text: &str) -> Option<u16> {
    match text.strip_prefix("0x") {
        Some(digits) => u16::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The value that is called so, with hyphens for spaces.
fn one_of<T: Copy + Display>(all: &[T], text: &str) -> Result<T, String> {
    let called = |value: &T| value.to_string().replace(' ', "-");
    let names: Vec<_> = all.iter().map(called).collect();
    let found = all.iter().find(|value| called(value) == text);
    found
        .copied()
        .ok_or_else(|| format!("one of {}", names.join(", ")))
}

const PROBLEMS: u8 = 1;
const NOTHING_READ: u8 = 2;

fn main() -> ExitCode {
    let (done, what) = match Cli::parse().command {
        Command::Dump(args) => (dump(&args), format!("{}: ", args.file.display())),
        Command::Policy(args) => (policy(&args), String::new()),
        Command::Serve(args) => (serve(&args), String::new()),
        Command::Tail(args) => (tail(*args), String::new()),
        Command::Proxy(args) => (proxy(*args), String::new()),
    };
    done.unwrap_or_else(|error| {
        eprintln!("mcbp: {what}{error}");
        ExitCode::from(NOTHING_READ)
    })
}

fn policy(args: &Policy) -> Result<ExitCode, Box<dyn Error>> {
    let mut out = BufWriter::new(io::stdout().lock());
    let written = match (args.opcode, args.status) {
        (Some(opcode), Some(status)) => {
            let question = Question {
                opcode,
                status,
                role: args.role,
                edition: args.edition,
                opaque: args.opaque,
            };
            explain::explain(&mut out, &question)
        }
        _ => explain::table(&mut out),
    };
    match written.and_then(|()| out.flush()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        written => Ok(written.map(|()| ExitCode::SUCCESS)?),
    }
}

fn serve(args: &Serve) -> Result<ExitCode, Box<dyn Error>> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build()?.block_on(serve::serve(args))?;
    Ok(ExitCode::SUCCESS)
}

fn dump(args: &Dump) -> Result<ExitCode, Box<dyn Error>> {
    let stdout = io::stdout();
    let colour = AutoStream::choice(&stdout) != ColorChoice::Never;
    let options = Options {
        format: match (args.json, args.summary) {
            (true, _) => Format::Json,
            (_, true) => Format::Summary,
            _ if colour => Format::Colour,
            _ => Format::Text,
        },
        unredacted: args.unredacted,
        filter: Filter {
            vbuckets: args.vbucket.clone(),
            opcodes: args.opcode.clone(),
            ports: args.port.clone(),
        },
    };
    let (input, bar) = open(&args.file)?;
    let mut out = BufWriter::new(stdout.lock());
    let mut problems = AboveBar(&bar);
    let dumped = if args.raw {
        dump::raw(input, &options, &mut out, &mut problems)
    } else {
        dump::capture(input, &options, &mut out, &mut problems)
    };
    bar.finish_and_clear();
    match dumped {
        Ok(outcome) if outcome.problems == 0 => Ok(ExitCode::SUCCESS),
        Ok(_) => Ok(ExitCode::from(PROBLEMS)),
        // Whoever reads has seen enough.
        Err(DumpError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => Err(error.into()),
    }
}

fn tail(args: tail::Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let progress = args.progress();
    let options = args.options()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let followed = runtime.block_on(tail::run(&options, io::stdout(), progress, interrupted()));
    // A reader that stands still would keep it waiting.
    runtime.shutdown_background();
    Ok(match followed {
        Ok(outcome) if outcome.missing == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(PROBLEMS),
        Err(error) => {
            eprintln!("mcbp: {error}");
            ExitCode::from(error.exit_code())
        }
    })
}

fn proxy(args: proxy::Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let (sender, commands) = mpsc::channel(1);
    let reads_commands = args.reads_commands();
    let options = args.options()?;
    // Without a reader it is kept, so that there is no end of commands.
    let _sender = if reads_commands {
        thread::Builder::new().spawn(move || read_commands(&sender))?;
        None
    } else {
        Some(sender)
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let run = proxy::run(&options, commands, io::stdout(), interrupted());
    Ok(match runtime.block_on(run) {
        Ok(outcome) if outcome.failures == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(PROBLEMS),
        Err(error) => {
            eprintln!("mcbp: {error}");
            ExitCode::from(error.exit_code())
        }
    })
}

/// Hands over standard input, line by line.
fn read_commands(sender: &mpsc::Sender<String>) {
    for line in io::stdin().lines() {
        // What cannot be read is the end, as is that nobody listens.
        let Ok(line) = line else { return };
        if sender.blocking_send(line).is_err() {
            return;
        }
    }
}

/// Waits for Ctrl-C or a request to end.
async fn interrupted() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    if let Ok(mut terminate) = tokio::signal::unix::signal(SignalKind::terminate()) {
        tokio::select! {
            _ = interrupt => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    // Where signals cannot be waited for, they end the process at once.
    if interrupt.await.is_err() {
        core::future::pending::<()>().await;
    }
}

/// The input, and the progress of reading it.
fn open(path: &Path) -> io::Result<(Box<dyn Read>, ProgressBar)> {
    /// Below this a bar would only flicker.
    const LARGE: u64 = 16 << 20;
    if path == Path::new("-") {
        return Ok((Box::new(io::stdin().lock()), ProgressBar::hidden()));
    }
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    // What is printed to the same terminal shows the progress well enough.
    let bar = if len < LARGE || io::stdout().is_terminal() || !io::stderr().is_terminal() {
        ProgressBar::hidden()
    } else {
        let style = "{bar:40} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}";
        ProgressBar::new(len)
            .with_style(ProgressStyle::with_template(style).map_err(io::Error::other)?)
    };
    Ok((Box::new(bar.wrap_read(file)), bar))
}

/// Standard error, where the progress may be shown too.
struct AboveBar<'a>(&'a ProgressBar);

impl Write for AboveBar<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
