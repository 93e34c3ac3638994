//! One connection to the server.

use core::fmt;
use core::time::Duration;
use std::io;

use bytes::{Buf, BytesMut};
use futures_util::StreamExt;
use mcbp::codec::{CodecError, PacketCodec};
use mcbp::testing::{Action, Closing, Connection};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_util::codec::FramedRead;

use super::Handle;

/// Why a connection is over.
#[derive(Debug)]
pub enum SessionEnd {
    /// The client has closed it.
    Client,
    /// The node has closed it.
    Node(Closing),
    /// What arrives is no stream of packets, or the socket has failed.
    Codec(CodecError),
    /// The server stops, or throws its clients out.
    Stopped,
}

impl fmt::Display for SessionEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => f.write_str("by the client"),
            Self::Node(closing) => fmt::Display::fmt(closing, f),
            Self::Codec(error) => fmt::Display::fmt(error, f),
            Self::Stopped => f.write_str("the server stops"),
        }
    }
}

impl From<io::Error> for SessionEnd {
    fn from(error: io::Error) -> Self {
        Self::Codec(error.into())
    }
}

/// So many bytes are put together before they are written.
const WRITE_LEN: usize = 64 << 10;

/// Serves one client to the end.
pub(super) async fn run(handle: Handle, socket: TcpStream) -> SessionEnd {
    match serve(&handle, socket).await {
        Ok(end) | Err(end) => end,
    }
}

async fn serve(handle: &Handle, socket: TcpStream) -> Result<SessionEnd, SessionEnd> {
    socket.set_nodelay(true)?;
    let (reader, mut writer) = socket.into_split();
    let mut packets = FramedRead::with_capacity(reader, PacketCodec::default(), WRITE_LEN);
    let mut connection = Connection::new();
    let mut out = BytesMut::new();
    let mut closing = None;
    let mut revision = handle.0.revision.subscribe();
    let mut evictions = handle.0.evictions.subscribe();
    let mut stopped = handle.0.stop.subscribe();
    loop {
        revision.mark_unchanged();
        let now = handle.now();
        let timeout = handle.with_node(|node| {
            while closing.is_none() && out.len() < WRITE_LEN {
                match connection.poll(node, now) {
                    Some(Action::Send(packet)) => {
                        out.reserve(packet.header().packet_len());
                        // There is room.
                        let _ = packet.encode(&mut out);
                    }
                    Some(Action::SendCut(bytes)) => out.extend_from_slice(&bytes),
                    Some(Action::Close(reason)) => closing = Some(reason),
                    None => break,
                }
            }
            connection.next_timeout()
        });
        if let (true, Some(reason)) = (out.is_empty(), closing) {
            // What is under way arrives before the end.
            writer.shutdown().await?;
            return Ok(SessionEnd::Node(reason));
        }
        let wait = timeout.map_or(Duration::MAX, |at| at.saturating_sub(now));
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return Ok(SessionEnd::Stopped),
            _ = evictions.changed() => return Ok(SessionEnd::Stopped),
            written = writer.write(&out), if !out.is_empty() => out.advance(written?),
            packet = packets.next(), if closing.is_none() => match packet {
                Some(Ok(packet)) => {
                    let now = handle.now();
                    handle.with_node(|node| connection.on_packet(node, packet.view(), now));
                }
                Some(Err(error)) => return Err(SessionEnd::Codec(error)),
                None => return Ok(SessionEnd::Client),
            },
            _ = revision.changed(), if out.is_empty() => {}
            () = sleep(wait), if out.is_empty() => {}
        }
    }
}

/// A sleep that may be for ever.
async fn sleep(wait: Duration) {
    if wait == Duration::MAX {
        core::future::pending().await
    }
    tokio::time::sleep(wait).await;
}
