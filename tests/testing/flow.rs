//! What a node sends and when: flow control, noops, and what it makes of answers.

use core::time::Duration;

use mcbp::dcp::{BufferAcknowledgement, MutationReply, NoopReply, SeqnoAdvancedReply};
use mcbp::testing::{Action, Closing, Connection, Mix, Node, Recipe};
use mcbp::track::flow::counted_len;
use mcbp::{Opcode, OpenFlags, Request, Response, Status};

use super::client::{Client, FEATURES, status};

const SECOND: Duration = Duration::from_secs(1);

fn client() -> Client {
    let recipe = Recipe {
        vbuckets: 1,
        items: 500,
        mix: Mix::MUTATIONS,
        ..Recipe::default()
    };
    Client::open(Node::new(recipe.bucket()), FEATURES, OpenFlags::empty())
}

/// What has been sent that counts, in bytes.
fn counted(client: &mut Client) -> u64 {
    let packets = client.packets();
    packets
        .iter()
        .map(|packet| counted_len(packet.header()))
        .sum()
}

#[test]
fn it_stops_until_it_is_acknowledged() {
    const SIZE: u64 = 1024;
    let mut client = client();
    let set = client.control("connection_buffer_size", "1024");
    assert_eq!(set, Status::SUCCESS);
    client.stream(0, 500);
    let mut total = counted(&mut client);
    // Up to a message more than the buffer takes.
    assert!((SIZE..SIZE + 200).contains(&total), "{total}");
    client.wait(SECOND);
    assert_eq!(counted(&mut client), 0);
    let mut rounds = 0;
    loop {
        let ack = BufferAcknowledgement { bytes: 512 };
        client.send(Request::from(ack));
        let sent = counted(&mut client);
        if sent == 0 {
            break;
        }
        assert!(sent < SIZE, "{sent}");
        total += sent;
        rounds += 1;
    }
    assert!(rounds > 50, "{rounds}");
    let bytes = u32::try_from(total).expect("small");
    client.send(Request::from(BufferAcknowledgement { bytes }));
    assert_eq!(counted(&mut client), 0, "all was sent");
}

#[test]
fn noops_go_out_though_the_buffer_is_full() {
    let mut client = client();
    client.control("connection_buffer_size", "1");
    client.control("set_noop_interval", "1");
    client.stream(0, 500);
    client.packets();
    client.wait(SECOND);
    assert_eq!(client.taken(), ["noop"]);
}

#[test]
fn noops_count_in_the_order_of_the_machine() {
    let mut client = client();
    client.control("set_noop_interval", "1");
    for opaque in [0x8196_9800_u32, 0x8296_9800] {
        client.wait(SECOND);
        let noops = client.packets();
        assert_eq!(noops.len(), 1);
        assert_eq!(noops[0].header().opaque(), opaque);
        // One at a time.
        client.wait(SECOND);
        assert!(client.packets().is_empty());
        client.respond(Response {
            opaque,
            status: Status::EINTERNAL,
            ..Response::from(NoopReply::default())
        });
    }
    assert_eq!(client.closed, None);
}

#[test]
fn silence_ends_the_connection() {
    let mut client = client();
    client.node.idle_timeout = 6 * SECOND;
    client.control("enable_noop", "true");
    assert_eq!(client.connection.next_timeout(), Some(6 * SECOND));
    client.wait(6 * SECOND);
    assert!(
        matches!(client.closed, Some(Closing::Silence(_))),
        "{:?}",
        client.closed
    );
}

/// What becomes of the connection when a mutation is answered so.
fn answered(status: Status, v7: bool) -> Option<Closing> {
    let mut client = client();
    if v7 {
        client.control("v7_dcp_status_codes", "true");
    }
    let opaque = client.stream(0, 500).header().opaque();
    client.respond(Response {
        opaque,
        status,
        ..Response::from(MutationReply::default())
    });
    client.closed
}

#[test]
fn answers_are_judged() {
    for (status, v7, is_kept) in [
        (Status::SUCCESS, false, true),
        (Status::NOT_MY_VBUCKET, false, true),
        (Status::KEY_EEXISTS, false, true),
        (Status::KEY_ENOENT, false, true),
        (Status::KEY_EEXISTS, true, false),
        (Status::KEY_ENOENT, true, false),
        (Status::OPAQUE_NO_MATCH, true, true),
        (Status::ERANGE, false, false),
    ] {
        let closed = answered(status, v7);
        assert_eq!(closed.is_none(), is_kept, "{status} {v7}");
        if let Some(closing) = closed {
            assert!(
                matches!(closing, Closing::Answer { opcode: Opcode::DCP_MUTATION, status: of, .. } if of == status)
            );
        }
    }
}

#[test]
fn nobody_answers_these() {
    let mut client = client();
    client.respond(Response::from(SeqnoAdvancedReply::default()));
    assert!(client.closed.is_some());
}

#[test]
fn messages_for_the_other_end() {
    let mut client = client();
    client.send(Request::from(mcbp::dcp::Noop));
    assert_eq!(client.closed, Some(Closing::WrongEnd(Opcode::DCP_NOOP)));
    // Closed is closed.
    assert_eq!(client.connection.poll(&mut client.node, SECOND), None);
}

/// All that a node sends on eight streams, and in which order.
fn output(seed: u64) -> Vec<u8> {
    let recipe = Recipe {
        vbuckets: 8,
        items: 400,
        collections: 2,
        seed,
        ..Recipe::default()
    };
    let mut client = Client::open(Node::new(recipe.bucket()), FEATURES, OpenFlags::empty());
    let mut output = Vec::new();
    for vbucket in 0..8 {
        assert_eq!(status(&client.stream(vbucket, u64::MAX)), Status::SUCCESS);
    }
    for packet in client.packets() {
        packet.encode(&mut output).expect("room");
    }
    output
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    assert!(output(1).len() > 10_000);
    assert_eq!(output(1), output(1));
    assert_ne!(output(1), output(2));
}

#[test]
fn growth_goes_on_while_it_is_streamed() {
    let recipe = Recipe {
        vbuckets: 2,
        items: 10,
        mix: Mix::MUTATIONS,
        ..Recipe::default()
    };
    let mut growth = recipe.growth(&recipe.bucket());
    let mut client = Client::open(Node::new(recipe.bucket()), &[], OpenFlags::empty());
    client.stream(0, u64::MAX);
    client.stream(1, u64::MAX);
    client.packets();
    growth.grow(&mut client.node.bucket, 3);
    client.poll();
    let expected = [
        "marker 6..7 0x5",
        "mutation 6 key-0-5",
        "mutation 7 key-0-6",
        "marker 6..6 0x5",
        "mutation 6 key-1-5",
    ];
    assert_eq!(client.taken(), expected);
}

#[test]
fn nothing_to_do_for_a_client_that_says_nothing() {
    let mut node = Node::new(Recipe::default().bucket());
    let mut connection = Connection::new();
    assert_eq!(connection.poll(&mut node, SECOND), None::<Action>);
    assert_eq!(connection.next_timeout(), None);
}
