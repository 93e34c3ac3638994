//! What the crate costs, beside the same work written by hand; `ratios` makes one table of it.

mod shared;

use core::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use shared::{Corpus, Form, Prepared, Task};

fn packets(c: &mut Criterion) {
    for form in [Form::Cache, Form::Memory] {
        for corpus in Corpus::all(form) {
            for task in Prepared::new(&corpus).tasks() {
                measure(c, task);
            }
        }
    }
}

fn apart(c: &mut Criterion) {
    for task in Task::apart() {
        measure(c, task);
    }
}

/// A group for each task, with the floor in it.
fn measure(c: &mut Criterion, mut task: Task<'_>) {
    let mut group = c.benchmark_group(format!("{}: {}", task.name, task.input));
    let (elements, bytes) = (task.count as u64, task.bytes as u64);
    group.throughput(match bytes {
        0 => Throughput::Elements(elements),
        _ => Throughput::ElementsAndBytes { elements, bytes },
    });
    group.sample_size(10);
    group.warm_up_time(Duration::from_millis(300));
    group.measurement_time(Duration::from_secs(1));
    group.bench_function("floor", |b| b.iter(&mut task.floor));
    for (name, run) in &mut task.others {
        group.bench_function(*name, |b| b.iter(&mut *run));
    }
}

criterion_group!(benches, packets, apart);
criterion_main!(benches);
