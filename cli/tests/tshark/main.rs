//! A second opinion: what tshark, whose Couchbase dissector was written by others, makes of the
//! packets of the captures and of those that this crate writes is compared, field by field, with
//! what this crate makes of them.
//!
//! Where the two differ, the list in `differences.rs` says why, and is checked to be exact. It is
//! for the tshark of Debian 12: of another version, only headers that differ are a failure, and
//! whatever else does not fit the list is printed. Without tshark the tests are skipped.

#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

mod codes;
mod compare;
mod differences;
mod facts;
mod message;
mod packets;
mod pdml;
mod program;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::thread;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::compare::Tally;
use crate::differences::EXACT_FOR;

fn main() -> ExitCode {
    let version = program::version();
    let missing = version.is_none();
    match &version {
        None => eprintln!("!!! SKIPPED: tshark, whose opinion this is about, is not installed."),
        Some(version) if !version.starts_with(EXACT_FOR) => {
            eprintln!("!!! What differs is listed for tshark {EXACT_FOR}, this is {version}:");
            eprintln!("!!! what does not fit the list is told, but fails only if it is a header.");
        }
        Some(_) => {}
    }
    let exact = version.is_some_and(|version| version.starts_with(EXACT_FOR));
    let trials = [
        Trial::test("fields_are_the_same_but_for_what_is_listed", move || {
            let tally = compare_all();
            let (packets, fields) = (tally.packets, tally.fields);
            eprintln!("tshark: {packets} packets with {fields} fields compared");
            told(&tally.report(), exact || !tally.headers_agree())
        }),
        Trial::test("values_have_names_but_for_those_listed", move || {
            told(&codes::report(&program::names_of_values()), exact)
        }),
    ];
    let trials = trials.map(|trial| trial.with_ignored_flag(missing));
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

/// Fails because of a report, or only prints it.
fn told(report: &str, fatal: bool) -> Result<(), Failed> {
    if fatal && !report.is_empty() {
        return Err(report.into());
    }
    eprint!("{report}");
    Ok(())
}

/// The captures of real data nodes.
const CAPTURES: [&str; 5] = [
    "consumer.pcap",
    "durability.pcap",
    "producer-7.2.9.pcap",
    "producer-8.0.1.pcap",
    "two-nodes.pcap",
];

fn compare_all() -> Tally {
    thread::scope(|scope| {
        let written = scope.spawn(|| {
            let samples = packets::written();
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("written.pcap");
            fs::write(&path, packets::capture(&samples)).expect("room");
            let samples = samples.into_iter().map(Some).collect();
            compare::compare("written", samples, program::dissect(&path))
        });
        let mut tally = Tally::default();
        for name in CAPTURES {
            let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/captures");
            let path = captures.join(name);
            let samples = packets::of_capture(&path);
            tally.add(compare::compare(name, samples, program::dissect(&path)));
        }
        tally.add(written.join().expect("no panic"));
        tally
    })
}
