//! How much slower the crate is than code written by hand for the very packets: one table.
//!
//! With `-- --targets` it is that of the README: only the paths that have a target.
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

/// How slow a way may be: the task, its input, the way, and the ratio.
const TARGETS: [(&str, &str, &str, f64); 9] = [
    ("typed decode, borrowed", "small, in cache", "mcbp", 1.25),
    ("stream decode", "small, in cache", "a `Batch` a read", 1.5),
    (
        "stream decode",
        "small, in cache",
        "`Packet<Bytes>` each",
        4.0,
    ),
    ("encode into a reserved Vec", "small, in cache", "mcbp", 1.3),
    (
        "encode into a reserved BytesMut",
        "small, in cache",
        "mcbp",
        1.3,
    ),
    (
        "edit of the header in place",
        "small, in cache",
        "mcbp",
        1.5,
    ),
    ("typed decode, borrowed", "mixed, from memory", "mcbp", 1.1),
    (
        "encode into a reserved Vec",
        "mixed, from memory",
        "mcbp",
        1.3,
    ),
    ("verdict", "all", "mcbp", 2.0),
];

fn main() {
    // Without `--bench`, as in `cargo test`, a round is enough to see that it runs.
    let has = |flag| env::args().any(|arg| arg == flag);
    let rounds = if has("--bench") { 31 } else { 1 };
    let all = !has("--targets");
    println!(
        "{}, {}: median of {rounds} rounds, each side in turn\n",
        processor(),
        date()
    );
    println!("| task | input | way | floor | time | ratio | target |");
    println!("|------|-------|-----|------:|-----:|------:|-------:|");
    for form in [Form::Cache, Form::Memory] {
        for corpus in Corpus::all(form) {
            for task in Prepared::new(&corpus).tasks() {
                measure(task, rounds, all);
            }
        }
    }
    for task in Task::apart() {
        measure(task, rounds, all);
    }
}

/// A row for each way, or for each that has a target.
fn measure(mut task: Task<'_>, rounds: usize, all: bool) {
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
        let way = (task.name, task.input.as_str(), *name);
        let target = TARGETS
            .iter()
            .find(|&&(task, input, name, _)| (task, input, name) == way);
        if target.is_none() && !all {
            continue;
        }
        let target = target.map_or(String::new(), |(.., ratio)| format!("≤ {ratio}"));
        let (floors, others): (Vec<_>, Vec<_>) = (0..rounds)
            .map(|_| (time(&mut task.floor), time(run)))
            .unzip();
        let ratios = others.iter().zip(&floors).map(|(it, floor)| it / floor);
        let ratio = median(ratios.collect());
        println!(
            "| {} | {} | {name} | {:.1} ns | {:.1} ns | {ratio:.2} | {target} |",
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
