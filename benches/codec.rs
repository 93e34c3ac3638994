//! What the crate costs, beside the same work written by hand; `ratios` makes one table of it.
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

use bytes::{BufMut, BytesMut};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};

use corpus::Corpus;

/// As much as an application asks a socket for.
const READ_LEN: usize = 64 << 10;

fn typed_decode(c: &mut Criterion) {
    for corpus in [Corpus::small(), Corpus::mixed()] {
        let bytes = corpus.bytes.as_slice();
        let mut group = group(c, "typed decode", &corpus);
        group.bench_function("floor", |b| b.iter(|| floor::decode(black_box(bytes))));
        group.bench_function("borrowed", |b| b.iter(|| subject::decode(black_box(bytes))));
    }
}

fn stream_decode(c: &mut Criterion) {
    for corpus in [Corpus::small(), Corpus::mixed()] {
        let bytes = corpus.bytes.as_slice();
        let mut group = group(c, "stream decode", &corpus);
        group.bench_function("floor", |b| {
            b.iter(|| floor::decode_stream(black_box(bytes), READ_LEN));
        });
        group.bench_function("Batch", |b| {
            b.iter(|| subject::decode_batches(black_box(bytes), READ_LEN));
        });
        group.bench_function("Packet<Bytes>", |b| {
            b.iter(|| subject::decode_packets(black_box(bytes), READ_LEN));
        });
    }
}

fn encode(c: &mut Criterion) {
    for corpus in [Corpus::small(), Corpus::mixed()] {
        encode_into(c, "Vec", &corpus, Vec::with_capacity, Vec::clear);
        encode_into(
            c,
            "BytesMut",
            &corpus,
            BytesMut::with_capacity,
            BytesMut::clear,
        );
    }
}

fn encode_into<D: BufMut>(
    c: &mut Criterion,
    name: &str,
    corpus: &Corpus,
    with_capacity: fn(usize) -> D,
    clear: fn(&mut D),
) {
    let messages = corpus.messages();
    let mut dst = with_capacity(corpus.bytes.len());
    let mut group = group(c, &format!("encode into {name}"), corpus);
    group.bench_function("floor", |b| {
        b.iter(|| {
            clear(&mut dst);
            floor::encode(black_box(&messages), &mut dst)
        });
    });
    group.bench_function("mcbp", |b| {
        b.iter(|| {
            clear(&mut dst);
            subject::encode(black_box(&messages), &mut dst)
        });
    });
}

fn edit(c: &mut Criterion) {
    for corpus in [Corpus::small(), Corpus::mixed()] {
        let offsets = corpus.offsets();
        let mut bytes = corpus.bytes.clone();
        let mut group = group(c, "edit in place", &corpus);
        group.bench_function("floor", |b| {
            b.iter(|| floor::edit(&mut bytes, black_box(&offsets), 7, 11));
        });
        group.bench_function("HeaderMut", |b| {
            b.iter(|| subject::edit(&mut bytes, black_box(&offsets), 7, 11));
        });
    }
}

fn inside(c: &mut Criterion) {
    for task in inside::tasks() {
        let mut group = group_of(c, task.name.to_owned(), task.len);
        group.bench_function("floor", |b| b.iter(&task.floor));
        group.bench_function("mcbp", |b| b.iter(&task.subject));
    }
}

/// A group for one task and one corpus, with the packets of the corpus as its unit.
fn group<'a>(c: &'a mut Criterion, task: &str, corpus: &Corpus) -> BenchmarkGroup<'a, WallTime> {
    group_of(
        c,
        format!("{task}, {}", corpus.name),
        corpus.offsets().len(),
    )
}

/// A group for one task, with so many inputs.
fn group_of(c: &mut Criterion, name: String, len: usize) -> BenchmarkGroup<'_, WallTime> {
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(len as u64));
    group.sample_size(20);
    group.measurement_time(Duration::from_secs(2));
    group
}

criterion_group!(benches, typed_decode, stream_decode, encode, edit, inside);
criterion_main!(benches);
