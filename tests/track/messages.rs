//! The packets that the machines look at, as short as can be written.

use mcbp::dcp::{
    AddStreamReply, CloseStreamReply, DcpRequest, DcpResponse, FailoverLog, Mutation,
    SetVbucketState, SetVbucketStateReply, SnapshotMarkerReply, StreamEnd, StreamRequest,
    StreamRequestReply,
};
use mcbp::{Request, Response, Status, StreamEndReason, VbucketState};

pub(crate) fn stream_request(vbucket: u16, opaque: u32) -> DcpRequest<'static> {
    let request = Request::from(StreamRequest::default());
    DcpRequest::StreamRequest(Request {
        opaque,
        vbucket,
        ..request
    })
}

/// `value` is what a success needs.
pub(crate) fn stream_answer(opaque: u32, status: Status) -> DcpResponse<'static> {
    let reply = match status {
        Status::SUCCESS => {
            StreamRequestReply::Accepted(FailoverLog::new(&[7; 16]).expect("an entry"))
        }
        Status::ROLLBACK => StreamRequestReply::Rollback { seqno: 0 },
        _ => StreamRequestReply::Refused("".into()),
    };
    DcpResponse::StreamRequest(Response {
        opaque,
        status,
        ..Response::from(reply)
    })
}

/// As the consumer counts its streams: the header opaque, byte-swapped.
pub(crate) fn added(opaque: u32, status: Status, stream: Option<u32>) -> DcpResponse<'static> {
    let reply = AddStreamReply {
        stream_opaque: stream.map(u32::swap_bytes),
        ..AddStreamReply::default()
    };
    DcpResponse::AddStream(Response {
        opaque,
        status,
        ..Response::from(reply)
    })
}

pub(crate) fn closed(opaque: u32, status: Status) -> DcpResponse<'static> {
    let reply = Response::from(CloseStreamReply::default());
    DcpResponse::CloseStream(Response {
        opaque,
        status,
        ..reply
    })
}

pub(crate) fn stream_end(
    vbucket: u16,
    opaque: u32,
    reason: StreamEndReason,
) -> DcpRequest<'static> {
    let end = Request::from(StreamEnd { reason });
    DcpRequest::StreamEnd(Request {
        opaque,
        vbucket,
        ..end
    })
}

pub(crate) fn set_state(vbucket: u16, opaque: u32, state: VbucketState) -> DcpRequest<'static> {
    let set = Request::from(SetVbucketState { state });
    DcpRequest::SetVbucketState(Request {
        opaque,
        vbucket,
        ..set
    })
}

pub(crate) fn state_answer(opaque: u32, status: Status) -> DcpResponse<'static> {
    let reply = Response::from(SetVbucketStateReply::default());
    DcpResponse::SetVbucketState(Response {
        opaque,
        status,
        ..reply
    })
}

pub(crate) fn marker_answer(opaque: u32) -> DcpResponse<'static> {
    let reply = Response::from(SnapshotMarkerReply::default());
    DcpResponse::SnapshotMarker(Response { opaque, ..reply })
}

pub(crate) fn mutation(vbucket: u16, opaque: u32) -> DcpRequest<'static> {
    let mutation = Request::from(Mutation {
        key: "k".into(),
        ..Mutation::default()
    });
    DcpRequest::Mutation(Request {
        opaque,
        vbucket,
        ..mutation
    })
}
