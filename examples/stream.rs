//! Reads packets off a connection, and keeps the values of documents without copying them.

use core::error::Error;
use std::io::{Cursor, Read};

use bytes::{Bytes, BytesMut};
use mcbp::dcp::{DcpRequest, Mutation, Noop};
use mcbp::{Decoder, Request};

/// Reads a connection to its end, a few bytes at a time, and gives the values of its mutations.
fn values(mut connection: impl Read) -> Result<Vec<Bytes>, Box<dyn Error>> {
    let mut decoder = Decoder::default();
    let mut stream = BytesMut::new();
    let mut values = Vec::new();
    let mut chunk = [0; 100];
    loop {
        let len = connection.read(&mut chunk)?;
        if len == 0 {
            return Ok(values);
        }
        stream.extend_from_slice(chunk.get(..len).unwrap_or_default());
        // All packets that are whole by now, in one block of memory.
        let batch = decoder.decode_batch(&mut stream)?;
        for packet in batch.iter() {
            if let DcpRequest::Mutation(mutation) = DcpRequest::read(packet)? {
                // Shares the block, and outlives it.
                values.extend(batch.slice_ref(mutation.message.value.expose()));
            }
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut connection = Vec::new();
    for value in ["one", "two", "three"] {
        let mutation = Mutation {
            key: "key".into(),
            value: value.into(),
            ..Mutation::default()
        };
        Request::from(mutation).encode(&mut connection)?;
        Request::from(Noop).encode(&mut connection)?;
    }
    let values = values(Cursor::new(connection))?;
    println!("{values:?}");
    assert_eq!(values, ["one", "two", "three"]);
    Ok(())
}
