//! How much slower the crate is than code written by hand for the very packets: one table.
//!
//! ```text
//! cargo bench --bench ratios
//! ```
//!
//! Both sides run in turn, many times, so that whatever else the machine does hits them alike; the
//! ratio of a row is the median of the ratios of its rounds.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "a measurement may panic"
)]

#[path = "shared/corpus.rs"]
mod corpus;
#[path = "shared/floor.rs"]
mod floor;
#[path = "shared/inside.rs"]
mod inside;
#[path = "shared/subject.rs"]
mod subject;

use core::hint::black_box;
use core::time::Duration;
use std::time::Instant;
use std::{env, fs};

use bytes::BytesMut;

use corpus::Corpus;

/// As much as an application asks a socket for.
const READ_LEN: usize = 64 << 10;

fn main() {
    // Without `--bench`, as in `cargo test`, a round is enough to see that it runs.
    let rounds = if env::args().any(|arg| arg == "--bench") {
        31
    } else {
        1
    };
    println!("processor: {}", processor());
    println!("median of {rounds} rounds, each side in turn\n");
    println!(
        "{:<7} {:<34} {:>12} {:>12} {:>7}",
        "corpus", "task", "floor", "mcbp", "ratio"
    );
    for corpus in [Corpus::small(), Corpus::mixed()] {
        measure(&corpus, rounds);
    }
    for task in inside::tasks() {
        let table = Table {
            corpus: "inside",
            packets: task.len,
            rounds,
        };
        assert!((task.floor)().is_some(), "the floor reads it all");
        assert_eq!((task.subject)(), (task.floor)());
        table.row(task.name, task.floor, task.subject);
    }
}

fn measure(corpus: &Corpus, rounds: usize) {
    let bytes = corpus.bytes.as_slice();
    let messages = corpus.messages();
    let offsets = corpus.offsets();
    let table = Table {
        corpus: corpus.name,
        packets: offsets.len(),
        rounds,
    };

    let sum = floor::decode(bytes).map(|(sum, _)| sum);
    assert!(sum.is_some(), "the floor reads the whole corpus");
    assert_eq!(subject::decode(bytes), sum);
    assert_eq!(floor::decode_stream(bytes, READ_LEN), sum);
    assert_eq!(subject::decode_packets(bytes, READ_LEN), sum);
    assert_eq!(subject::decode_batches(bytes, READ_LEN), sum);
    let floor_stream = || floor::decode_stream(black_box(bytes), READ_LEN);
    table.row(
        "typed decode, borrowed",
        || floor::decode(black_box(bytes)),
        || subject::decode(black_box(bytes)),
    );
    table.row("stream decode, Batch", floor_stream, || {
        subject::decode_batches(black_box(bytes), READ_LEN)
    });
    table.row("stream decode, Packet<Bytes>", floor_stream, || {
        subject::decode_packets(black_box(bytes), READ_LEN)
    });

    let mut floor_dst = Vec::with_capacity(bytes.len());
    let mut dst = Vec::with_capacity(bytes.len());
    table.row(
        "encode into a reserved Vec",
        || {
            floor_dst.clear();
            floor::encode(black_box(&messages), &mut floor_dst)
        },
        || {
            dst.clear();
            subject::encode(black_box(&messages), &mut dst)
        },
    );
    assert!(floor_dst == bytes && dst == bytes);

    let mut floor_dst = BytesMut::with_capacity(bytes.len());
    let mut dst = BytesMut::with_capacity(bytes.len());
    table.row(
        "encode into a reserved BytesMut",
        || {
            floor_dst.clear();
            floor::encode(black_box(&messages), &mut floor_dst)
        },
        || {
            dst.clear();
            subject::encode(black_box(&messages), &mut dst)
        },
    );
    assert!(floor_dst == bytes && dst == bytes);

    table.row(
        "edit of the header in place",
        || floor::edit(&mut floor_dst, black_box(&offsets), 7, 11),
        || subject::edit(&mut dst, black_box(&offsets), 7, 11),
    );
    assert!(floor_dst == dst);
}

struct Table {
    corpus: &'static str,
    packets: usize,
    rounds: usize,
}

impl Table {
    fn row<F, S>(&self, task: &str, mut floor: impl FnMut() -> F, mut subject: impl FnMut() -> S) {
        // The small corpus is done in microseconds: too short for a clock.
        let repeats = (1 << 16) / self.packets + 1;
        let time = |run: &mut dyn FnMut()| {
            let start = Instant::now();
            for _ in 0..repeats {
                run();
            }
            start.elapsed()
        };
        let (mut floors, mut subjects, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            let floor = time(&mut || drop(black_box(floor())));
            let subject = time(&mut || drop(black_box(subject())));
            floors.push(floor);
            subjects.push(subject);
            ratios.push(subject.as_secs_f64() / floor.as_secs_f64());
        }
        let packets = (repeats * self.packets) as f64;
        let nanos = |time: Duration| time.as_secs_f64() * 1e9 / packets;
        println!(
            "{:<7} {task:<34} {:>9.1} ns {:>9.1} ns {:>7.2}",
            self.corpus,
            nanos(median(floors)),
            nanos(median(subjects)),
            median(ratios),
        );
    }
}

fn median<T: PartialOrd + Copy>(mut values: Vec<T>) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).expect("no NaN"));
    values[values.len() / 2]
}

/// The name of the processor, where Linux tells.
fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find(|line| line.starts_with("model name"));
    let name = name.and_then(|line| line.split_once(": "));
    name.map_or("unknown", |(_, name)| name).to_owned()
}
