//! Takes over a vbucket at the second try, while packets of the first are still under way.
//!
//! The two servers are a script here: each line is a packet that one of them sent, and what became
//! of it. `cargo run --example takeover`

use core::time::Duration;

use mcbp::dcp::{
    AddStreamReply, CloseStreamReply, DcpRequest, DcpResponse, SetVbucketState,
    SetVbucketStateReply, StreamEnd, StreamRequest,
};
use mcbp::track::takeover::{Config, Failure, State, Takeover};
use mcbp::track::{Side, Verdict, Violation};
use mcbp::{Request, Response, Status, StreamEndReason, VbucketState};

const VBUCKET: u16 = 7;
/// The opaques of the streams of the two tries, in headers: the consumer's choice.
const FIRST: u32 = 0x0100_0000;
const SECOND: u32 = 0x0200_0000;
const PASS: Result<Verdict, Violation> = Ok(Verdict::Pass);
const KEEP: Result<Verdict, Violation> = Ok(Verdict::Keep);

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let mut takeover = Takeover::new(Config::default());
    let mut now = Duration::ZERO;
    takeover.start(VBUCKET, now)?;

    // The first try: the producer is already handing over when the consumer wants to try later.
    let add = sent(&mut takeover)?;
    assert_eq!(asks(&mut takeover, FIRST, now), PASS);
    assert_eq!(sets(&mut takeover, FIRST, VbucketState::PENDING, now), PASS);
    assert_eq!(added(&mut takeover, add, Status::ETMPFAIL, now), KEEP);

    // Its stream may be open, on both sides, and is closed before anything else.
    assert_eq!(takeover.state(), State::Closing);
    let at_consumer = sent(&mut takeover)?;
    let at_producer = sent(&mut takeover)?;
    // From now on nothing of it may move the vbucket.
    assert_eq!(has_set(&mut takeover, FIRST, now), KEEP);
    assert_eq!(sets(&mut takeover, FIRST, VbucketState::ACTIVE, now), KEEP);
    assert_eq!(
        closed(&mut takeover, Side::Consumer, at_consumer, now),
        KEEP
    );
    assert_eq!(
        closed(&mut takeover, Side::Producer, at_producer, now),
        KEEP
    );

    // Some time later, the second.
    assert_eq!(takeover.state(), State::Pausing);
    now = takeover.next_timeout().ok_or("nothing to wait for")?;
    takeover.on_timeout(now);
    let add = sent(&mut takeover)?;
    assert_eq!(asks(&mut takeover, SECOND, now), PASS);
    // The late end of the first try passes, and both the consumer and the machine ignore it.
    assert_eq!(ends(&mut takeover, FIRST, now), PASS);
    assert_eq!(takeover.state(), State::Streaming);
    // This time the acknowledgement comes late.
    for state in [VbucketState::PENDING, VbucketState::ACTIVE] {
        assert_eq!(sets(&mut takeover, SECOND, state, now), PASS);
        assert_eq!(has_set(&mut takeover, SECOND, now), PASS);
    }
    assert_eq!(takeover.state(), State::Active);
    assert!(takeover.poll_outcome().is_none());
    assert_eq!(added(&mut takeover, add, Status::SUCCESS, now), KEEP);

    let outcome = takeover.poll_outcome().ok_or("no outcome")?;
    println!("vbucket {}: {:?}", outcome.vbucket, outcome.result);
    for one in outcome.tries {
        println!("{one:?}");
    }
    assert_eq!(outcome.result, Ok(()));
    let [first, second] = outcome.tries else {
        return Err("not two tries".into());
    };
    assert_eq!(first.failure, Some(Failure::Refused(Status::ETMPFAIL)));
    assert_eq!(second.stream_opaque, Some(SECOND));
    Ok(())
}

/// The opaque of the next request that is sent.
fn sent(takeover: &mut Takeover) -> Result<u32, &'static str> {
    let outgoing = takeover.poll_send().ok_or("nothing to send")?;
    let (what, opaque) = match outgoing.request {
        DcpRequest::AddStream(add) => ("ADD_STREAM", add.opaque),
        DcpRequest::CloseStream(close) => ("CLOSE_STREAM", close.opaque),
        _ => return Err("neither of the two that are sent"),
    };
    println!("-> {:?}: {what} opaque {opaque:#010x}", outgoing.to);
    Ok(opaque)
}

/// The consumer asks for the stream.
fn asks(takeover: &mut Takeover, opaque: u32, now: Duration) -> Result<Verdict, Violation> {
    let request = Request::from(StreamRequest::default());
    let request = Request {
        opaque,
        vbucket: VBUCKET,
        ..request
    };
    takeover.on_request(Side::Consumer, &request.into(), now)
}

/// The consumer answers `ADD_STREAM`.
fn added(
    takeover: &mut Takeover,
    opaque: u32,
    status: Status,
    now: Duration,
) -> Result<Verdict, Violation> {
    let answer = Response::from(AddStreamReply {
        stream_opaque: Some(0),
        ..AddStreamReply::default()
    });
    let answer = Response {
        opaque,
        status,
        ..answer
    };
    takeover.on_response(Side::Consumer, &DcpResponse::from(answer), now)
}

/// A side has closed its stream.
fn closed(
    takeover: &mut Takeover,
    by: Side,
    opaque: u32,
    now: Duration,
) -> Result<Verdict, Violation> {
    let answer = Response {
        opaque,
        ..Response::from(CloseStreamReply::default())
    };
    takeover.on_response(by, &DcpResponse::from(answer), now)
}

/// The producer hands over.
fn sets(
    takeover: &mut Takeover,
    opaque: u32,
    state: VbucketState,
    now: Duration,
) -> Result<Verdict, Violation> {
    let set = Request::from(SetVbucketState { state });
    let set = Request {
        opaque,
        vbucket: VBUCKET,
        ..set
    };
    takeover.on_request(Side::Producer, &set.into(), now)
}

/// The consumer has changed the state.
fn has_set(takeover: &mut Takeover, opaque: u32, now: Duration) -> Result<Verdict, Violation> {
    let answer = Response {
        opaque,
        ..Response::from(SetVbucketStateReply::default())
    };
    takeover.on_response(Side::Consumer, &DcpResponse::from(answer), now)
}

/// The producer ends a stream.
fn ends(takeover: &mut Takeover, opaque: u32, now: Duration) -> Result<Verdict, Violation> {
    let end = Request::from(StreamEnd {
        reason: StreamEndReason::CLOSED,
    });
    let end = Request {
        opaque,
        vbucket: VBUCKET,
        ..end
    };
    takeover.on_request(Side::Producer, &end.into(), now)
}
