//! The proxy between two pipes.

#![allow(clippy::arithmetic_side_effects, reason = "a test may panic")]

use core::cell::Cell;
use core::future::pending;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use bytes::BytesMut;
use mcbp::dcp::Mutation;
use mcbp::{Packet, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional_with_sizes};
use tokio::sync::oneshot;

use super::*;
use crate::connect::Transport;
use crate::login::Password;

fn options() -> Options {
    let node = || Node {
        endpoint: "127.0.0.1".parse().unwrap(),
        tls: None,
    };
    Options {
        nodes: Sides {
            consumer: node(),
            producer: node(),
        },
        credentials: Credentials {
            user: String::new(),
            password: Password::new(String::new()),
            plain: false,
        },
        bucket: String::new(),
        name: String::new(),
        consumer_name: String::new(),
        commands: Vec::new(),
        streams: streams::Config::default(),
        takeover: takeover::Config::default(),
        verbose: false,
    }
}

fn proxy<T: Transport + 'static>(
    options: &Options,
    consumer: T,
    producer: T,
) -> Proxy<'_, io::Sink> {
    Proxy {
        options,
        connections: Sides {
            consumer: Connection::over(consumer, false),
            producer: Connection::over(producer, false),
        },
        relay: Relay::new(options.streams, options.takeover.clone()),
        out: io::sink(),
        started: Instant::now(),
    }
}

/// A change with a value of this length.
fn change(len: usize) -> Vec<u8> {
    let value = vec![b'x'; len];
    let mutation = Mutation {
        key: b"\0key".as_slice().into(),
        value: value.as_slice().into(),
        ..Mutation::default()
    };
    let mut bytes = Vec::new();
    Request::from(mutation).encode(&mut bytes).unwrap();
    bytes
}

#[tokio::test]
async fn a_consumer_that_stands_still_stops_the_producer_and_loses_nothing() {
    const PIPE: usize = 64 << 10;
    // What a connection reads at once.
    const BLOCK: usize = 64 << 10;
    let (consumer, mut at_consumer) = tokio::io::duplex(PIPE);
    let (producer, mut at_producer) = tokio::io::duplex(PIPE);
    let options = options();
    let mut proxy = proxy(&options, consumer, producer);
    let (_commands, lines) = mpsc::channel(1);
    let passed = proxy.pass(lines, pending());
    tokio::pin!(passed);

    let change = change(1000);
    let sent = Cell::new(0);
    let send = async {
        loop {
            at_producer.write_all(&change).await.unwrap();
            sent.set(sent.get() + change.len());
        }
    };
    tokio::pin!(send);
    let stuck = async {
        loop {
            let before = sent.get();
            for _ in 0..1000 {
                tokio::task::yield_now().await;
            }
            if sent.get() == before {
                return;
            }
        }
    };
    tokio::select! {
        _ = &mut passed => panic!("the proxy ended"),
        () = &mut send => {}
        () = stuck => {}
    }
    let limit = Relay::LIMIT + 2 * BLOCK + 2 * PIPE;
    assert!(
        (Relay::LIMIT..limit).contains(&sent.get()),
        "{}",
        sent.get()
    );

    let wanted = 4 * Relay::LIMIT;
    let mut received = BytesMut::new();
    let receive = async {
        while received.len() < wanted {
            at_consumer.read_buf(&mut received).await.unwrap();
        }
    };
    tokio::select! {
        _ = &mut passed => panic!("the proxy ended"),
        () = &mut send => {}
        () = receive => {}
    }
    let packets = Packet::iter(&received).map(Result::unwrap);
    let (change, _) = Packet::split_first(&change).unwrap().unwrap();
    assert_eq!(
        packets.clone().count(),
        received.len() / change.header().packet_len()
    );
    assert!(packets.clone().all(|packet| packet == change));
}

/// How fast it is beside a copy of bytes through the same sockets. To be read, so:
/// `cargo test --release -p mcbp-cli --lib throughput -- --ignored --nocapture`
#[test]
#[ignore = "measures"]
fn throughput() {
    const TOTAL: usize = 512 << 20;
    for len in [40, 1000, 16 << 10] {
        let block = change(len).repeat((1 << 20) / (len + 60));
        let count = TOTAL / block.len();
        let packets = Packet::iter(&block).count() * count;
        let mut best = [f64::MAX; 2];
        for _ in 0..3 {
            for (best, relays) in best.iter_mut().zip([true, false]) {
                *best = best.min(seconds(&block, count, relays));
            }
        }
        let [proxy, copy] = best;
        let megabytes = (block.len() * count) as f64 / 1e6;
        println!(
            "values of {len} bytes: proxy {:.0} MB/s, {:.0} packets/s; copy {:.0} MB/s; ratio {:.2}",
            megabytes / proxy,
            packets as f64 / proxy,
            megabytes / copy,
            copy / proxy,
        );
    }
}

/// How long so many blocks take from a producer to a consumer.
fn seconds(block: &[u8], count: usize, relays: bool) -> f64 {
    let pair = || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        near.set_nonblocking(true).unwrap();
        (near, listener.accept().unwrap().0)
    };
    let ((consumer, mut at_consumer), (producer, mut at_producer)) = (pair(), pair());
    let (done, all_received) = oneshot::channel();
    let started = std::time::Instant::now();
    let total = block.len() * count;
    let block = block.to_vec();
    let send = thread::spawn(move || {
        for _ in 0..count {
            at_producer.write_all(&block).unwrap();
        }
        at_producer
    });
    let receive = thread::spawn(move || {
        let mut buffer = vec![0; 1 << 20];
        let mut left = total;
        while left > 0 {
            left -= at_consumer.read(&mut buffer).unwrap();
        }
        let seconds = started.elapsed().as_secs_f64();
        let _ = done.send(());
        (seconds, at_consumer)
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let [mut consumer, mut producer] =
            [consumer, producer].map(|it| tokio::net::TcpStream::from_std(it).unwrap());
        let options = options();
        let (_commands, lines) = mpsc::channel(1);
        let work = async {
            if relays {
                let _ = proxy(&options, consumer, producer)
                    .pass(lines, pending())
                    .await;
            } else {
                let _ =
                    copy_bidirectional_with_sizes(&mut consumer, &mut producer, 64 << 10, 64 << 10)
                        .await;
            }
        };
        tokio::select! {
            () = work => panic!("it ended"),
            _ = all_received => {}
        }
    });
    drop(send.join().unwrap());
    receive.join().unwrap().0
}
