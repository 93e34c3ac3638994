//! State machines at the mercy of a peer: what it sends without being asked leaves nothing behind.

use core::time::Duration;

use mcbp::dcp::{DcpRequest, DcpResponse, Noop, NoopReply};
use mcbp::track::noop::{NoopResponder, NoopSender};
use mcbp::track::resume::{Checkpoint, Cursor};
use mcbp::track::streams::{self, Streams};
use mcbp::track::takeover::{self, Takeover};
use mcbp::track::{Answers, Side};
use mcbp::{Magic, Packet, Request, Response, Status};

use crate::common::{Dcp, frames, packet};
use crate::memory::{Tally, tally};

const NOW: Duration = Duration::ZERO;

/// Every message, under many opaques and vbuckets, with many statuses, from both sides.
fn everything(rounds: u32, mut take: impl FnMut(Side, Dcp<'_>)) {
    let messages: Vec<_> = frames().map(|(_, frame)| frame.bytes()).collect();
    for round in 0..rounds {
        for bytes in &messages {
            let mut whole = packet(bytes);
            // As the machines' own look: a number, then the vbucket.
            let vbucket = (3 * round) as u16;
            let number = [round % 7, 0x8000 | (round % 7), round][round as usize % 3];
            whole.set_opaque(number << 16 | u32::from(vbucket));
            if whole.header().magic() != Magic::ClientResponse {
                whole.set_vbucket_or_status(vbucket);
            } else if round % 2 == 1 {
                whole.set_vbucket_or_status(Status::NAMED[round as usize % Status::NAMED.len()].0);
            }
            let Ok(message) = Dcp::read(whole) else {
                continue;
            };
            for side in [Side::Consumer, Side::Producer] {
                take(side, message.clone());
            }
        }
    }
}

#[track_caller]
fn assert_nothing_grew(taken: Tally, most: isize) {
    assert!(taken.peak <= most, "{} bytes", taken.peak);
}

#[test]
fn streams_take_no_more_memory_than_their_vbuckets() {
    let mut streams = Streams::new(streams::Config::default());
    let vbuckets: Vec<_> = (0..1024).collect();
    for is_called in [false, true] {
        if is_called {
            streams
                .set_up(&vbuckets, NOW)
                .expect("no call is under way");
            while streams.poll_send().is_some() {}
        }
        let (taken, ()) = tally(|| {
            everything(350, |side, message| match message {
                Dcp::Request(request) => drop(streams.on_request(side, &request)),
                Dcp::Response(response) => drop(streams.on_response(side, &response)),
            });
        });
        // The examples are outside of the tally but for a copy of their list.
        assert_nothing_grew(taken, 1 << 17);
        let (taken, ()) = tally(|| streams.on_timeout(Duration::MAX));
        assert_nothing_grew(taken, 0);
        assert_eq!(streams.call(), None);
    }
}

#[test]
fn a_takeover_takes_no_more_memory_than_its_tries() {
    for is_started in [false, true] {
        let mut takeover = Takeover::new(takeover::Config::default());
        if is_started {
            takeover.start(7, NOW).expect("none is under way");
            while takeover.poll_send().is_some() {}
        }
        let (taken, ()) = tally(|| {
            everything(350, |side, message| match message {
                Dcp::Request(request) => drop(takeover.on_request(side, &request, NOW)),
                Dcp::Response(response) => drop(takeover.on_response(side, &response, NOW)),
            });
        });
        assert_nothing_grew(taken, 1 << 17);
        // No one takes a vbucket over that no one has asked for, and an end comes by itself.
        while let Some(next) = takeover.next_timeout() {
            while takeover.poll_send().is_some() {}
            takeover.on_timeout(next);
        }
        assert_eq!(takeover.state(), takeover::State::Idle);
        assert_eq!(takeover.poll_outcome().is_some(), is_started);
    }
}

#[test]
fn answers_to_nothing_are_not_remembered() {
    let mut answers = Answers::default();
    let (taken, ()) = tally(|| {
        everything(350, |_, message| {
            if let Dcp::Response(response) = message {
                answers.on_answer(&response);
            }
        });
    });
    assert_nothing_grew(taken, 1 << 17);
}

#[test]
fn a_cursor_follows_no_one_anywhere() {
    let mut cursor = Cursor::new(Checkpoint::START, true).expect("the start");
    let (taken, ()) = tally(|| {
        everything(350, |_, message| {
            match message {
                Dcp::Request(request) => drop(cursor.on_message(&request)),
                Dcp::Response(DcpResponse::StreamRequest(reply)) => drop(cursor.on_reply(&reply)),
                Dcp::Response(_) => {}
            }
            assert!(cursor.checkpoint().validate().is_ok());
        });
    });
    assert_nothing_grew(taken, 1 << 17);
    // No one has asked for a stream.
    assert_eq!(cursor.checkpoint(), Checkpoint::START);
}

#[test]
fn noops_that_no_one_asked_for_keep_no_one_busy() {
    let mut sender = NoopSender::new(Duration::from_secs(1), NOW);
    let mut responder = NoopResponder::new(Duration::from_secs(1), NOW);
    for opaque in 0..100_000 {
        let answer = Response {
            opaque,
            ..Response::from(NoopReply::default())
        };
        assert!(sender.on_answer(&answer, NOW).is_err());
        let noop = Request {
            opaque,
            ..Request::from(Noop)
        };
        // One answer each, which is for the caller to send or not.
        assert_eq!(responder.on_noop(&noop, NOW).opaque, opaque);
    }
    assert_eq!(sender.under_way(), None);
}

#[test]
fn what_is_no_message_is_none_to_a_machine_either() {
    let mut streams = Streams::new(streams::Config::default());
    let mut takeover = Takeover::new(takeover::Config::default());
    for opcode in 0..=u8::MAX {
        for (_, frame) in frames() {
            let mut bytes = frame.bytes();
            bytes[1] = opcode;
            let other = packet(&bytes);
            let (request, response) = others(other);
            for side in [Side::Consumer, Side::Producer] {
                if let Some(request) = &request {
                    assert!(streams.on_request(side, request).is_ok());
                    assert!(takeover.on_request(side, request, NOW).is_ok());
                }
                if let Some(response) = &response {
                    assert!(streams.on_response(side, response).is_ok());
                    assert!(takeover.on_response(side, response, NOW).is_ok());
                }
            }
        }
    }
}

/// The packet as a message without a type.
fn others(packet: Packet<&[u8]>) -> (Option<DcpRequest<'_>>, Option<DcpResponse<'_>>) {
    if packet.header().magic().is_response() {
        (None, Some(DcpResponse::Other(packet)))
    } else {
        (Some(DcpRequest::Other(packet)), None)
    }
}
