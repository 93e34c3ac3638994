//! Plays a data node on a socket, for tests and demonstrations: [`mcbp::testing`] over tokio.
//!
//! ```
//! use mcbp::testing::{Node, Recipe};
//! use mcbp_cli::serve::Server;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let server = Server::bind("127.0.0.1:0", Node::new(Recipe::default().bucket())).await?;
//! let address = server.local_addr()?;
//! let handle = server.handle();
//! let running = tokio::spawn(server.run());
//! // … connect to the address, change the bucket through the handle …
//! handle.with_node(|node| node.bucket.persist());
//! handle.stop();
//! let served = running.await.expect("no panic");
//! assert_eq!(served.connections, 0);
//! # drop(address);
//! # Ok(())
//! # }
//! ```

mod args;
mod sasl;
mod session;
mod users;

use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use mcbp::testing::{Growth, Node};
use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use args::{Serve, serve};
pub use sasl::Passwords;
pub use session::SessionEnd;
pub use users::users;

/// A data node that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    handle: Handle,
    limits: Limits,
    growth: Option<(Growth, u32)>,
    stopped: watch::Receiver<bool>,
    log: Option<fn(&str)>,
}

/// When a server stops by itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// After this time.
    pub lifetime: Option<Duration>,
    /// When so many connections have come and gone.
    pub connections: Option<u32>,
}

/// What a server has done.
#[derive(Debug, Clone, Default)]
pub struct Served {
    /// How many connections there were.
    pub connections: u32,
}

/// Reaches into a server that runs.
#[derive(Debug, Clone)]
pub struct Handle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    node: Mutex<Node>,
    /// The revision of the bucket: connections wait for it to change.
    revision: watch::Sender<u64>,
    stop: watch::Sender<bool>,
    /// How often all clients have been thrown out.
    evictions: watch::Sender<u32>,
    started: Instant,
}

impl Handle {
    /// Does something with the node; its connections notice at once.
    pub fn with_node<T>(&self, act: impl FnOnce(&mut Node) -> T) -> T {
        // A panic of another test's closure is no reason to give up.
        let mut node = self.0.node.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut node);
        let revision = node.bucket.revision();
        drop(node);
        self.0.revision.send_if_modified(|seen| {
            let changed = *seen != revision;
            *seen = revision;
            changed
        });
        result
    }

    /// Closes all connections; new ones are welcome.
    pub fn disconnect(&self) {
        self.0
            .evictions
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Makes the server stop, and closes all its connections.
    pub fn stop(&self) {
        self.0.stop.send_replace(true);
    }

    /// The time as the node counts it.
    fn now(&self) -> Duration {
        self.0.started.elapsed()
    }
}

impl Server {
    /// Listens on an address; port 0 is any that is free.
    ///
    /// # Errors
    ///
    /// Those of the socket.
    pub async fn bind(address: impl ToSocketAddrs, node: Node) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let (revision, _) = watch::channel(node.bucket.revision());
        let (stop, stopped) = watch::channel(false);
        let (evictions, _) = watch::channel(0);
        let shared = Shared {
            node: Mutex::new(node),
            revision,
            stop,
            evictions,
            started: Instant::now(),
        };
        Ok(Self {
            listener,
            handle: Handle(Arc::new(shared)),
            limits: Limits::default(),
            growth: None,
            stopped,
            log: None,
        })
    }

    /// Stops by itself.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Makes so many changes a second while it runs.
    #[must_use]
    pub fn with_growth(self, growth: Growth, per_second: u32) -> Self {
        Self {
            growth: Some((growth, per_second)),
            ..self
        }
    }

    /// Tells of connections that come and go.
    #[must_use]
    pub fn with_log(self, log: fn(&str)) -> Self {
        Self {
            log: Some(log),
            ..self
        }
    }

    /// The address that it listens on.
    ///
    /// # Errors
    ///
    /// Those of the socket.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Reaches into the server while it runs.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Serves until it is stopped.
    pub async fn run(mut self) -> Served {
        let mut sessions = JoinSet::new();
        let mut served = Served::default();
        let mut ended: u32 = 0;
        let log = self.log.unwrap_or(|_| {});
        let lifetime = self.limits.lifetime;
        let lifetime = async move {
            match lifetime {
                Some(lifetime) => tokio::time::sleep(lifetime).await,
                None => core::future::pending().await,
            }
        };
        tokio::pin!(lifetime);
        let grower = self.growth.take();
        let grower = grower.map(|growth| tokio::spawn(grow(self.handle.clone(), growth)));
        loop {
            if self.limits.connections.is_some_and(|limit| ended >= limit) {
                break;
            }
            tokio::select! {
                accepted = self.listener.accept() => {
                    let Ok((socket, peer)) = accepted else { continue };
                    served.connections = served.connections.saturating_add(1);
                    log(&format!("{peer}: connected"));
                    let handle = self.handle.clone();
                    sessions.spawn(async move {
                        let end = session::run(handle, socket).await;
                        log(&format!("{peer}: closed: {end}"));
                    });
                }
                Some(_) = sessions.join_next() => ended = ended.saturating_add(1),
                _ = self.stopped.wait_for(|stopped| *stopped) => break,
                () = &mut lifetime => break,
            }
        }
        if let Some(grower) = grower {
            grower.abort();
        }
        self.handle.stop();
        while sessions.join_next().await.is_some() {}
        served
    }
}

/// Makes changes at a steady rate.
async fn grow(handle: Handle, (mut growth, per_second): (Growth, u32)) {
    const TICK: Duration = Duration::from_millis(10);
    let mut ticks = tokio::time::interval(TICK);
    let start = Instant::now();
    let mut made: u64 = 0;
    loop {
        ticks.tick().await;
        let elapsed = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let due = elapsed.saturating_mul(per_second.into()) / 1000;
        let changes = due.saturating_sub(made);
        if changes > 0 {
            handle.with_node(|node| growth.grow(&mut node.bucket, changes));
            made = due;
        }
    }
}
