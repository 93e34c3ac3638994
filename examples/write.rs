//! Writes a stream request and the answers to it, one of them from where its value lies.

use core::error::Error;
use std::io::{IoSlice, Write};

use bytes::Buf;
use mcbp::dcp::{FailoverEntry, FailoverLog, StreamRequest, StreamRequestReply};
use mcbp::{Packet, Request, Response, Status};

fn main() -> Result<(), Box<dyn Error>> {
    // All of vbucket 528, from the beginning and without end.
    let request = Request {
        opaque: 0x1210,
        vbucket: 528,
        ..Request::from(StreamRequest {
            end_seqno: u64::MAX,
            ..StreamRequest::default()
        })
    };
    let mut sent = Vec::new();
    request.encode(&mut sent)?;
    assert_eq!(sent.len(), request.encoded_len());

    // Refused: the consumer must go back to seqno 40 first.
    let rollback = Response {
        opaque: request.opaque,
        status: Status::ROLLBACK,
        ..Response::from(StreamRequestReply::Rollback { seqno: 40 })
    };
    let mut answers = Vec::new();
    rollback.encode(&mut answers)?;

    // Accepted, with the history of the vbucket.
    let branch = FailoverEntry {
        vbucket_uuid: 0xfeed,
        seqno: 40,
    };
    let history = branch.to_bytes();
    let log = FailoverLog::new(&history).ok_or("no failover log")?;
    let accepted = Response {
        opaque: request.opaque,
        ..Response::from(StreamRequestReply::Accepted(log))
    };
    let mut buf = accepted.to_buf()?; // Header and history, each where it is.
    while buf.has_remaining() {
        let mut chunks = [IoSlice::new(&[]); 5];
        let count = buf.chunks_vectored(&mut chunks);
        let written = answers.write_vectored(chunks.get(..count).unwrap_or_default())?;
        buf.advance(written);
    }

    for (packet, status) in Packet::iter(&answers).zip([Status::ROLLBACK, Status::SUCCESS]) {
        let answer = packet?.response::<StreamRequestReply<'_>>()?;
        println!("{answer:?}");
        assert_eq!(answer.status, status);
    }
    Ok(())
}
