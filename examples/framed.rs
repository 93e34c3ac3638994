//! A connection framed by `tokio_util`: packets in, messages out, a batch a read.

use core::error::Error;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use mcbp::codec::BatchCodec;
use mcbp::dcp::{DcpRequest, Mutation, Noop, NoopReply};
use mcbp::{Packet, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::Framed;

/// Sends three changes and a noop, and waits for the answer to it.
async fn produce(socket: impl AsyncRead + AsyncWrite + Unpin) -> Result<(), Box<dyn Error>> {
    let mut connection = Framed::new(socket, BatchCodec::default());
    for value in ["one", "two", "three"] {
        let mutation = Mutation {
            key: "key".into(),
            value: value.into(),
            ..Mutation::default()
        };
        // Written to the socket together, by the `send` below.
        connection.feed(Request::from(mutation)).await?;
    }
    connection.send(Request::from(Noop)).await?;
    connection.next().await.ok_or("no answer")??;
    Ok(())
}

/// Keeps the values of all mutations, without copying them, and answers noops.
async fn consume(
    socket: impl AsyncRead + AsyncWrite + Unpin,
) -> Result<Vec<Bytes>, Box<dyn Error>> {
    let mut connection = Framed::with_capacity(socket, BatchCodec::default(), 64 << 10);
    let mut values = Vec::new();
    while let Some(batch) = connection.next().await {
        let batch = batch?;
        for packet in batch.iter() {
            match DcpRequest::read(packet)? {
                DcpRequest::Mutation(mutation) => {
                    values.extend(batch.slice_ref(mutation.message.value.expose()));
                }
                DcpRequest::Noop(noop) => {
                    let answer = Response {
                        opaque: noop.opaque,
                        ..Response::from(NoopReply::default())
                    };
                    connection.feed(answer).await?;
                }
                _ => {}
            }
        }
        SinkExt::<Packet>::flush(&mut connection).await?;
    }
    Ok(values)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (here, there) = tokio::io::duplex(64);
    let (produced, consumed) = tokio::join!(produce(here), consume(there));
    produced?;
    let values = consumed?;
    println!("{values:?}");
    assert_eq!(values, ["one", "two", "three"]);
    Ok(())
}
