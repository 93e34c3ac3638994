//! The command line of `mcbp serve`.

use core::error::Error;
use core::net::SocketAddr;
use core::time::Duration;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use mcbp::VbucketState;
use mcbp::testing::{Bucket, Fault, Mix, Node, Recipe, Release};

use super::{Limits, Passwords, Server, users};

/// Play a data node on a socket, for tests and demonstrations.
///
/// Prints the address that it listens on as the first line. Stops after --lifetime or
/// --connections, or on Ctrl-C.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where to listen; port 0 is any that is free.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// The name of the bucket.
    #[arg(long, default_value = "default")]
    bucket: String,

    /// Whether the node has data to produce, or consumes and tells at the end what it got.
    #[arg(long, value_enum, default_value_t = Part::Producer)]
    role: Part,

    /// How many vbuckets there are.
    #[arg(long, value_name = "N", default_value_t = 64)]
    vbuckets: u16,

    /// How many changes there are at the start.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    items: u64,

    /// How many bytes a value has at least.
    #[arg(long, value_name = "BYTES", default_value_t = 32)]
    value_len: usize,

    /// How many different keys a vbucket has [default: as many as changes].
    #[arg(long, value_name = "N")]
    keys: Option<u64>,

    /// How many collections there are beside the default one, in the scope "inventory".
    #[arg(long, value_name = "N", default_value_t = 0)]
    collections: u32,

    /// Mutations only: no deletions, expirations, durable writes and extended attributes.
    #[arg(long)]
    mutations_only: bool,

    /// How much of the data is on disk, in percent.
    #[arg(long, value_name = "PERCENT", default_value_t = 50, value_parser = clap::value_parser!(u8).range(..=100))]
    persisted: u8,

    /// What all that is chosen at random depends on.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,

    /// How many changes to make a second while it runs.
    #[arg(long, value_name = "PER SECOND", default_value_t = 0)]
    rate: u32,

    /// Which release to behave like.
    #[arg(long, value_enum, default_value_t = Manners::V8_0)]
    release: Manners,

    /// Something that goes wrong, such as "drop DCP_MUTATION after=10"; may be repeated.
    ///
    /// What happens (drop, delay TIME, repeat, opaque, cut BYTES, close, end REASON, refuse STATUS,
    /// rollback SEQNO), to which opcode or any, then vb=N, takeover, after=N, times=N, always.
    #[arg(long, value_name = "FAULT")]
    fault: Vec<Fault>,

    /// A file with a fault a line, and comments that start with #.
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,

    /// A file with a line name:password for each user, beside the one that MCBP_USER and
    /// MCBP_PASSWORD name. Without any, everyone may come in by PLAIN.
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,

    /// Stop after this time, such as 30s.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    lifetime: Option<Duration>,

    /// Stop when so many connections have come and gone.
    #[arg(long, value_name = "N")]
    connections: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Producer,
    Consumer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Manners {
    #[value(name = "7.2")]
    V7_2,
    #[value(name = "8.0")]
    V8_0,
}

/// Serves as the command line says, until it is over.
///
/// # Errors
///
/// If it cannot listen, or the users cannot be read.
pub async fn serve(args: &Serve) -> Result<(), Box<dyn Error>> {
    let recipe = Recipe {
        name: args.bucket.clone(),
        vbuckets: args.vbuckets,
        items: args.items,
        collections: args.collections,
        value_len: args.value_len,
        keys: args.keys.unwrap_or(u64::MAX),
        mix: if args.mutations_only {
            Mix::MUTATIONS
        } else {
            Mix::default()
        },
        persisted: args.persisted,
        seed: args.seed,
    };
    let bucket = match args.role {
        Part::Producer => recipe.bucket(),
        Part::Consumer => replica(&args.bucket, args.vbuckets, args.seed),
    };
    let mut node = Node::new(bucket);
    node.release = match args.release {
        Manners::V7_2 => Release::V7_2,
        Manners::V8_0 => Release::V8_0,
    };
    if let Some(file) = &args.faults {
        node.faults = fs::read_to_string(file)?.parse()?;
    }
    for fault in &args.fault {
        node.faults.push(*fault);
    }
    let users = users(args.users.as_deref())?;
    if !users.is_empty() {
        node.authenticator = Box::new(Passwords::new(&users)?);
    }
    let growth = recipe.growth(&node.bucket);
    let mut server = Server::bind(args.listen, node)
        .await?
        .with_limits(Limits {
            lifetime: args.lifetime,
            connections: args.connections,
        })
        .with_log(|line| eprintln!("mcbp serve: {line}"));
    if args.rate > 0 && args.role == Part::Producer {
        server = server.with_growth(growth, args.rate);
    }
    let mut out = io::stdout();
    writeln!(out, "{}", server.local_addr()?)?;
    out.flush()?;
    let handle = server.handle();
    let interrupted = handle.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            interrupted.stop();
        }
    });
    server.run().await;
    if args.role == Part::Consumer {
        handle.with_node(|node| holdings(&node.bucket, &mut out))?;
    }
    Ok(())
}

/// A bucket of replicas that hold nothing yet.
fn replica(name: &str, vbuckets: u16, seed: u64) -> Bucket {
    let mut bucket = Bucket::new(name, [], seed);
    for vbucket in 0..vbuckets {
        bucket.set_state(vbucket, VbucketState::REPLICA);
    }
    bucket
}

/// What a bucket holds, a line for each vbucket.
fn holdings(bucket: &Bucket, out: &mut impl Write) -> io::Result<()> {
    for (number, vbucket) in bucket.vbuckets() {
        writeln!(
            out,
            "vb={number} state={} uuid={:#x} high_seqno={} documents={}",
            vbucket.state(),
            vbucket.uuid(),
            vbucket.high_seqno(),
            vbucket.documents().count(),
        )?;
    }
    Ok(())
}
