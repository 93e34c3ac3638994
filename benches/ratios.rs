//! How much slower the crate is than code written by hand for the very packets: one table.
//!
//! Both sides run in turn, many times, so that whatever else the machine does hits them alike; the
//! ratio of a row is the median of the ratios of its rounds.
#![expect(clippy::arithmetic_side_effects, reason = "a measurement may panic")]

mod shared;

use core::hint::black_box;
use std::process::Command;
use std::time::Instant;
use std::{env, fs};

use shared::{Corpus, Form, Prepared, Task};

fn main() {
    // Without `--bench`, as in `cargo test`, a round is enough to see that it runs.
    let rounds = if env::args().any(|arg| arg == "--bench") {
        31
    } else {
        1
    };
    println!(
        "{}, {}: median of {rounds} rounds, each side in turn\n",
        processor(),
        date()
    );
    println!("| task | input | way | floor | time | ratio |");
    println!("|------|-------|-----|------:|-----:|------:|");
    for form in [Form::Cache, Form::Memory] {
        for corpus in Corpus::all(form) {
            for task in Prepared::new(&corpus).tasks() {
                measure(task, rounds);
            }
        }
    }
    for task in Task::apart() {
        measure(task, rounds);
    }
}

/// A row for each way.
fn measure(mut task: Task<'_>, rounds: usize) {
    // What is in the cache is done in microseconds: too short for a clock.
    let repeats = (1 << 16) / task.count.max(task.bytes / 1024) + 1;
    let time = |run: &mut dyn FnMut() -> Option<u64>| {
        let start = Instant::now();
        for _ in 0..repeats {
            black_box(run());
        }
        start.elapsed().as_secs_f64() * 1e9 / (repeats * task.count) as f64
    };
    for (name, run) in &mut task.others {
        let (floors, others): (Vec<_>, Vec<_>) = (0..rounds)
            .map(|_| (time(&mut task.floor), time(run)))
            .unzip();
        let ratios = others.iter().zip(&floors).map(|(it, floor)| it / floor);
        let ratio = median(ratios.collect());
        println!(
            "| {} | {} | {name} | {:.1} ns | {:.1} ns | {ratio:.2} |",
            task.name,
            task.input,
            median(floors),
            median(others),
        );
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    values.get(middle).copied().unwrap_or(f64::NAN)
}

/// The name of the processor, where Linux tells.
fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find(|line| line.starts_with("model name"));
    let name = name.and_then(|line| line.split_once(": "));
    name.map_or("unknown processor", |(_, name)| name)
        .to_owned()
}

/// Today, where there is a command that tells.
fn date() -> String {
    let date = Command::new("date").arg("+%Y-%m-%d").output();
    let date = date.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&date).trim().to_owned()
}
