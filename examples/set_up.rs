//! Sets up the streams of three vbuckets, as whoever stands between a consumer and a producer does,
//! with two of the things that go wrong in life.
//!
//! The two servers are a script here: each line is a packet that one of them sent, and what became
//! of it. `cargo run --example set_up`

use core::time::Duration;

use mcbp::dcp::{AddStreamReply, DcpRequest, DcpResponse, StreamEnd, StreamRequest};
use mcbp::track::streams::{CallEnd, CallRefused, Config, Failure, State, Streams};
use mcbp::track::{Side, Verdict, Violation};
use mcbp::{Request, Response, Status, StreamEndReason};

const PASS: Result<Verdict, Violation> = Ok(Verdict::Pass);
const KEEP: Result<Verdict, Violation> = Ok(Verdict::Keep);

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let mut streams = Streams::new(Config::default());
    set_up_that_fails(&mut streams)?;
    set_up_that_succeeds(&mut streams)?;
    println!("open: {:?}", streams.open().collect::<Vec<_>>());
    Ok(())
}

/// The stream of vbucket 1 ends before the set-up has finished, and vbucket 2 has moved away.
fn set_up_that_fails(streams: &mut Streams) -> Result<(), Box<dyn core::error::Error>> {
    let opaques = call(streams, &[0, 1, 2], Duration::ZERO)?;
    let [add_0, _, add_2] = opaques[..] else {
        return Err("not three requests".into());
    };

    // The consumer asks the producer for the streams. Their opaques are its own choice: it counts
    // in its own byte order, so in headers 1 is 0x01000000 for us.
    assert_eq!(asks(streams, 0, 0x0100_0000), PASS);
    assert_eq!(asks(streams, 1, 0x0200_0000), PASS);
    assert_eq!(answers(streams, add_0, Status::SUCCESS), KEEP);
    assert_eq!(answers(streams, add_2, Status::NOT_MY_VBUCKET), KEEP);

    // An end with an opaque of long ago is not about the stream that is being set up.
    assert_eq!(ends(streams, 1, 0x5500_0000), PASS);
    assert!(streams.poll_outcome().is_none());

    // This one is. The consumer may never answer now, so there is nothing to wait for.
    assert_eq!(ends(streams, 1, 0x0200_0000), PASS);
    let outcome = streams.poll_outcome().ok_or("no outcome")?;
    for error in outcome.errors {
        println!("{error}");
    }
    assert_eq!(outcome.end, CallEnd::StreamEnded);
    let ended = Failure::Ended {
        opaque: 0x0200_0000,
        reason: StreamEndReason::STATE_CHANGED,
    };
    let failures = outcome.errors.iter().map(|error| error.failure);
    assert!(failures.eq([Failure::AddRefused(Status::NOT_MY_VBUCKET), ended]));
    Ok(())
}

/// Without vbucket 2. The one stream that was opened is not added again.
fn set_up_that_succeeds(streams: &mut Streams) -> Result<(), Box<dyn core::error::Error>> {
    let now = Duration::from_secs(5);
    let opaques = call(streams, &[0, 1], now)?;
    let [add] = opaques[..] else {
        return Err("not one request".into());
    };
    assert_eq!(asks(streams, 1, 0x0300_0000), PASS);

    // Whatever happens, it will be over by then.
    let deadline = now.checked_add(Config::default().timeout);
    assert_eq!(streams.next_timeout(), deadline);

    // The answer to the ADD_STREAM of the first set-up comes late; it is kept and means nothing.
    assert_eq!(answers(streams, 0x0001_0001, Status::SUCCESS), KEEP);
    assert_eq!(streams.state(1), Some(State::Adding));

    assert_eq!(answers(streams, add, Status::SUCCESS), KEEP);
    let outcome = streams.poll_outcome().ok_or("no outcome")?;
    assert!(outcome.is_success());
    Ok(())
}

/// Asks for the streams, and returns the opaques of what goes to the consumer.
fn call(streams: &mut Streams, vbuckets: &[u16], now: Duration) -> Result<Vec<u32>, CallRefused> {
    streams.set_up(vbuckets, now)?;
    let mut opaques = Vec::new();
    while let Some(outgoing) = streams.poll_send() {
        if let DcpRequest::AddStream(add) = outgoing.request {
            let (to, opaque) = (outgoing.to, add.opaque);
            println!(
                "-> {to:?}: ADD_STREAM vbucket {} opaque {opaque:#010x}",
                add.vbucket
            );
            opaques.push(opaque);
        }
    }
    Ok(opaques)
}

/// The consumer asks for a stream.
fn asks(streams: &mut Streams, vbucket: u16, opaque: u32) -> Result<Verdict, Violation> {
    let request = Request::from(StreamRequest::default());
    let request = Request {
        opaque,
        vbucket,
        ..request
    };
    streams.on_request(Side::Consumer, &request.into())
}

/// The consumer answers `ADD_STREAM`.
fn answers(streams: &mut Streams, opaque: u32, status: Status) -> Result<Verdict, Violation> {
    let answer = Response::from(AddStreamReply {
        stream_opaque: Some(0),
        ..AddStreamReply::default()
    });
    let answer = Response {
        opaque,
        status,
        ..answer
    };
    streams.on_response(Side::Consumer, &DcpResponse::from(answer))
}

/// The producer ends a stream.
fn ends(streams: &mut Streams, vbucket: u16, opaque: u32) -> Result<Verdict, Violation> {
    let end = Request::from(StreamEnd {
        reason: StreamEndReason::STATE_CHANGED,
    });
    let end = Request {
        opaque,
        vbucket,
        ..end
    };
    streams.on_request(Side::Producer, &end.into())
}
