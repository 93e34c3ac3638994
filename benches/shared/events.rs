//! What a connection costs that follows its streams, by how many there are.

use core::hint::black_box;
use core::time::Duration;

use mcbp::dcp::{
    AddStreamReply, DcpRequest, DcpResponse, FailoverLog, Mutation, MutationReply, SnapshotMarker,
    StreamRequestReply,
};
use mcbp::track::answers::{Owner, StreamKind};
use mcbp::track::resume::{Checkpoint, Cursor, Progress};
use mcbp::track::streams::{Config, Streams};
use mcbp::track::{Answers, Verdict};
use mcbp::{Metadata, Request, Response, SnapshotFlags, Status, StreamFlags};

use super::task::Task;

/// How many events a run has.
const COUNT: usize = 4096;

pub(crate) fn tasks() -> Vec<Task<'static>> {
    let of = |count| [answers(count), cursors(count), streams(count)];
    [1, 64, 1024].into_iter().flat_map(of).collect()
}

fn task(
    name: &'static str,
    streams: u16,
    floor: impl FnMut() -> Option<u64> + 'static,
    subject: impl FnMut() -> Option<u64> + 'static,
) -> Task<'static> {
    let input = match streams {
        1 => "1 stream".to_owned(),
        _ => format!("{streams} streams"),
    };
    Task::new(name, input, (COUNT, 0), floor).or("mcbp", subject)
}

/// The streams of the events of a run: each in turn, in no order.
#[inline(always)]
fn turns(streams: u16) -> impl Iterator<Item = u16> {
    (0..COUNT).map(move |turn| (turn * 389 % usize::from(black_box(streams))) as u16)
}

/// A failed mutation: to which stream the answer belongs.
pub(crate) fn answers(count: u16) -> Task<'static> {
    const FIRST_OPAQUE: u32 = 0x0100_0000;
    let mut answers = Answers::new();
    let mut table = Vec::new();
    for vbucket in 0..count {
        let opaque = FIRST_OPAQUE + u32::from(vbucket);
        answers.on_stream_opened(opaque, vbucket, StreamKind::Active);
        table.push(vbucket);
    }
    let floor = move || {
        turns(count).try_fold(0_u64, |sum, turn| {
            let opaque = FIRST_OPAQUE + u32::from(turn);
            let vbucket = table.get(opaque.checked_sub(FIRST_OPAQUE)? as usize)?;
            Some(sum.wrapping_add((*vbucket).into()))
        })
    };
    let subject = move || {
        turns(count).try_fold(0_u64, |sum, turn| {
            let response = DcpResponse::Mutation(Response {
                opaque: FIRST_OPAQUE + u32::from(turn),
                status: Status::KEY_EEXISTS,
                ..Response::from(MutationReply::default())
            });
            match answers.on_answer(&response).owner {
                Owner::Stream { vbucket, .. } => Some(sum.wrapping_add(vbucket.into())),
                _ => None,
            }
        })
    };
    task("tracker: owner of an answer", count, floor, subject)
}

/// A mutation: how far its stream has come.
pub(crate) fn cursors(count: u16) -> Task<'static> {
    let mut table = vec![(0_u64, u64::MAX); usize::from(count)];
    let mut cursors: Vec<_> = (0..count).map(|_| open_cursor()).collect();
    let mut floor_seqno = 0_u64;
    let floor = move || {
        turns(count).try_fold(0_u64, |sum, turn| {
            floor_seqno += 1;
            let (last, end) = table.get_mut(usize::from(turn))?;
            if floor_seqno <= *last || floor_seqno > *end {
                return None;
            }
            *last = floor_seqno;
            Some(sum + 1)
        })
    };
    let mut seqno = 0_u64;
    let subject = move || {
        turns(count).try_fold(0_u64, |sum, turn| {
            seqno += 1;
            let mutation = DcpRequest::Mutation(Request::from(Mutation {
                by_seqno: seqno,
                ..Mutation::default()
            }));
            match cursors.get_mut(usize::from(turn))?.on_message(&mutation) {
                Ok(Progress::Taken) => Some(sum + 1),
                _ => None,
            }
        })
    };
    task("tracker: progress of a stream", count, floor, subject)
}

/// A stream in a snapshot without end.
fn open_cursor() -> Cursor {
    let mut cursor = Cursor::new(Checkpoint::START, true).expect("a new consumer");
    cursor
        .request(StreamFlags::empty(), u64::MAX, Metadata::default())
        .expect("a request");
    let entry = [1; 16];
    let log = FailoverLog::new(&entry).expect("one entry");
    let accepted = Response::from(StreamRequestReply::Accepted(log));
    cursor.on_reply(&accepted).expect("accepted");
    let marker = SnapshotMarker {
        start_seqno: 0,
        end_seqno: u64::MAX,
        flags: SnapshotFlags::MEMORY,
        v2: None,
    };
    cursor.on_marker(&marker).expect("a marker");
    cursor
}

/// A stream that is asked for, and refused: two events.
pub(crate) fn streams(count: u16) -> Task<'static> {
    let vbuckets: Vec<u16> = (0..count).collect();
    let mut table = vec![None; usize::from(count)];
    let mut errors = Vec::with_capacity(usize::from(count));
    let floor = move || {
        let mut refused = 0;
        for _ in 0..COUNT / 2 / usize::from(black_box(count)) {
            for vbucket in 0..count {
                let asked = 0x0001_0000 | u32::from(vbucket);
                *table.get_mut(usize::from(vbucket))? = Some(asked);
                let (opaque, status) = black_box((asked, Status::NOT_MY_VBUCKET));
                let vbucket = opaque as u16;
                if table.get_mut(usize::from(vbucket))?.take() != Some(opaque) {
                    return None;
                }
                errors.push((vbucket, status));
            }
            refused += black_box(&errors).len() as u64;
            errors.clear();
        }
        Some(refused)
    };
    let mut streams = Streams::new(Config {
        vbuckets: count,
        ..Config::default()
    });
    let subject = move || {
        let mut refused = 0;
        for _ in 0..COUNT / 2 / usize::from(black_box(count)) {
            streams.set_up(&vbuckets, Duration::ZERO).ok()?;
            while let Some(outgoing) = streams.poll_send() {
                let DcpRequest::AddStream(request) = outgoing.request else {
                    return None;
                };
                let answer = DcpResponse::AddStream(Response {
                    opaque: request.opaque,
                    status: Status::NOT_MY_VBUCKET,
                    ..Response::from(AddStreamReply::default())
                });
                let Ok(Verdict::Keep) = streams.on_response(outgoing.to, &answer) else {
                    return None;
                };
            }
            refused += streams.poll_outcome()?.errors.len() as u64;
        }
        Some(refused)
    };
    task("tracker: a stream refused", count, floor, subject)
}
