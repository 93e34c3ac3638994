//! A node to follow, a reader of what is shown, and a wire in between that can be listened to.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use mcbp::testing::{Bucket, ChangeKind, Node, Recipe};
use mcbp::{Decoder, Opcode, Packet};
use mcbp_cli::login::{Credentials, Password};
use mcbp_cli::serve::{Handle, Server};
use mcbp_cli::tail::{self, Format, Options, Outcome, Progress, Selection, Start, TailError};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A seqno of a vbucket.
pub(crate) type Place = (u16, u64);

/// Starts a node; it ends with the runtime of the test.
pub(crate) async fn serve(node: Node) -> (String, Handle) {
    let server = Server::bind("127.0.0.1:0", node).await.unwrap();
    let address = server.local_addr().unwrap().to_string();
    let handle = server.handle();
    tokio::spawn(server.run());
    (address, handle)
}

/// A bucket with some of everything.
pub(crate) fn recipe() -> Recipe {
    Recipe {
        vbuckets: 16,
        items: 2000,
        collections: 2,
        ..Recipe::default()
    }
}

/// The changes that a consumer without durable writes sees.
pub(crate) fn visible(bucket: &Bucket) -> Vec<Place> {
    let mut places = Vec::new();
    for (vbucket, it) in bucket.vbuckets() {
        let seen = it.changes().filter(|change| {
            !matches!(
                change.kind,
                ChangeKind::Prepare { .. } | ChangeKind::Abort { .. }
            )
        });
        places.extend(seen.map(|change| (vbucket, change.seqno)));
    }
    places
}

/// Everything that is there, as JSON, and then the end.
pub(crate) fn options(address: &str) -> Options {
    Options {
        endpoint: address.parse().unwrap(),
        tls: None,
        credentials: Credentials {
            user: "reader".into(),
            password: Password::new("secret".into()),
            plain: true,
        },
        bucket: "default".into(),
        vbuckets: None,
        selection: Selection::Everything,
        start: Start::Beginning,
        until_now: true,
        checkpoints: None,
        xattrs: false,
        no_values: false,
        format: Format::Json,
        reconnect_for: Duration::from_secs(20),
        buffer_size: 1 << 20,
        noop_interval: Duration::from_secs(20),
    }
}

/// Something that is written to, and can be read at any time.
#[derive(Clone, Default)]
pub(crate) struct Shown(Arc<Mutex<Vec<u8>>>);

impl Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0.lock().unwrap()))
    }
}

impl Shown {
    /// The whole lines, as JSON.
    pub(crate) fn json(&self) -> Vec<Value> {
        let text = self.to_string();
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let lines = text[..whole].lines();
        lines
            .map(|line| serde_json::from_str(line).expect(line))
            .collect()
    }

    /// What was shown, in order.
    pub(crate) fn places(&self) -> Vec<Place> {
        self.json().iter().map(place).collect()
    }

    /// How many lines there are.
    pub(crate) fn lines(&self) -> usize {
        self.0
            .lock()
            .unwrap()
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count()
    }

    /// Waits for a line that holds this.
    pub(crate) async fn wait_for(&self, part: &str) {
        while !self.to_string().contains(part) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits for so many lines.
    pub(crate) async fn wait_for_lines(&self, count: usize) {
        while self.lines() < count {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

pub(crate) fn place(change: &Value) -> Place {
    let vbucket = change["vbucket"].as_u64().unwrap();
    (
        u16::try_from(vbucket).unwrap(),
        change["seqno"].as_u64().unwrap(),
    )
}

/// How a run went.
pub(crate) struct Run {
    pub(crate) ended: Result<Outcome, TailError>,
    pub(crate) shown: Shown,
    pub(crate) notes: Shown,
}

impl Run {
    /// That it went well, and what it showed.
    pub(crate) fn places(&self) -> Vec<Place> {
        assert!(self.ended.is_ok(), "{:?}\n{}", self.ended, self.notes);
        self.shown.places()
    }

    /// The line that it ended with, and its exit status.
    pub(crate) fn failure(&self) -> (String, u8) {
        let error = self.ended.as_ref().expect_err("it should have failed");
        (error.to_string(), error.exit_code())
    }
}

/// Runs to the end.
pub(crate) async fn run(options: &Options) -> Run {
    run_until(options, core::future::pending()).await
}

/// Runs until it is stopped.
pub(crate) async fn run_until(options: &Options, stop: impl Future<Output = ()>) -> Run {
    let (shown, notes) = (Shown::default(), Shown::default());
    let ended = tail::run(options, shown.clone(), quiet(&notes), stop).await;
    Run {
        ended,
        shown,
        notes,
    }
}

/// Notes, without how it goes.
pub(crate) fn quiet(notes: &Shown) -> Progress {
    Progress::lines(Box::new(notes.clone())).quiet()
}

/// That every change was shown once, and those of a vbucket in order.
pub(crate) fn assert_all_once(shown: &[Place], expected: &[Place]) {
    let mut last = BTreeMap::new();
    for &(vbucket, seqno) in shown {
        let before = last.insert(vbucket, seqno).unwrap_or(0);
        assert!(before < seqno, "vbucket {vbucket}: {seqno} after {before}");
    }
    let mut shown = shown.to_vec();
    shown.sort_unstable();
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(shown.len(), expected.len());
    assert_eq!(shown, expected);
}

/// A wire to a node that counts what comes and keeps what goes.
#[derive(Clone, Default)]
pub(crate) struct Wire {
    sent: Arc<Mutex<Vec<u8>>>,
    received: Arc<AtomicU64>,
    inserted: Arc<Mutex<Vec<u8>>>,
}

impl Wire {
    /// Listens in front of a node, for one connection.
    pub(crate) async fn to(&self, node: String) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let wire = self.clone();
        tokio::spawn(async move {
            let (client, _) = listener.accept().await.unwrap();
            let node = TcpStream::connect(node).await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_node, mut to_node) = node.into_split();
            let up = async {
                let mut buffer = vec![0; 4096];
                while let Ok(len @ 1..) = from_client.read(&mut buffer).await {
                    wire.sent.lock().unwrap().extend_from_slice(&buffer[..len]);
                    to_node.write_all(&buffer[..len]).await.unwrap();
                }
                to_node.shutdown().await.ok();
            };
            let down = async {
                let mut decoder = Decoder::default();
                let mut buffer = BytesMut::new();
                while let Ok(len @ 1..) = from_node.read_buf(&mut buffer).await {
                    wire.received.fetch_add(len as u64, Ordering::Relaxed);
                    let batch = decoder.decode_batch(&mut buffer).unwrap();
                    let inserted = core::mem::take(&mut *wire.inserted.lock().unwrap());
                    let all = [batch.as_bytes(), &inserted[..]].concat();
                    if to_client.write_all(&all).await.is_err() {
                        break;
                    }
                }
            };
            tokio::join!(up, down);
        });
        address
    }

    /// Has a packet come behind the next of the node.
    pub(crate) fn insert(&self, packet: Vec<u8>) {
        self.inserted.lock().unwrap().extend(packet);
    }

    /// What the client has sent.
    pub(crate) fn sent(&self) -> Vec<u8> {
        self.sent.lock().unwrap().clone()
    }

    /// How many noops of the node the client has answered.
    pub(crate) fn answered_noops(&self) -> usize {
        let sent = self.sent();
        let noops = Packet::iter(&sent).map_while(Result::ok);
        noops
            .filter(|it| it.header().opcode() == Some(Opcode::DCP_NOOP))
            .count()
    }

    /// How many bytes the node has sent.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

/// A directory of a test's own, that goes with it.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new(test: &str) -> Self {
        let name = format!("mcbp-tail-{}-{test}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
