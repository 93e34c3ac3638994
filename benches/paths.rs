//! Every path that is measured, one at a time: for tools that watch a program.
//!
//! Without arguments the paths are listed, each with the number of its packets, keys or events;
//! with the path and a number, the path is run so often. `benches/instructions` counts with it.

mod shared;

use core::hint::black_box;
use std::env;

use shared::{Corpus, Form, Prepared, Run, Task};

fn main() {
    let args: Vec<_> = env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let [path, passes] = args.as_slice() else {
        return each(|path, count, _| println!("{count}\t{path}"));
    };
    let passes: usize = passes.parse().expect("a number of passes");
    let mut found = false;
    each(|name, _, run| {
        if name == path {
            found = true;
            for _ in 0..passes {
                black_box(run());
            }
        }
    });
    assert!(found, "no such path: {path}");
}

/// Each way of each task, with the number of packets.
fn each(mut visit: impl FnMut(&str, usize, &mut Run<'_>)) {
    let mut visit_task = |mut task: Task<'_>| {
        let path = format!("{} / {}", task.name, task.input);
        visit(&format!("{path} / floor"), task.count, &mut task.floor);
        for (way, run) in &mut task.others {
            visit(&format!("{path} / {way}"), task.count, run);
        }
    };
    for corpus in Corpus::all(Form::Cache) {
        Prepared::new(&corpus)
            .tasks()
            .into_iter()
            .for_each(&mut visit_task);
    }
    Task::apart().into_iter().for_each(visit_task);
}
