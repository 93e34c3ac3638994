//! Walks through assembly, from the functions of the hot path to whatever these may reach.
//!
//! The arguments are the assembly files of the release build of this crate and of what it depends
//! on, for x86-64. Every symbol that a function mentions counts as reached, called or not. The walk
//! ends at what is defined in no file, which is the standard library's, and in the files of `bytes`.
//! There may be no end that is not on the list here, and none on the list that is not met.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use rustc_demangle::demangle;

/// Functions of this crate, and what they may end in.
const ROOTS: [(&str, &[&[End]]); 7] = [
    ("header_parse", &[]),
    ("packet_split_first", &[]),
    ("request_read", &[]),
    ("response_read", &[]),
    ("decode", &[&TAKEN_OFF, &SKIPPED]),
    ("decode_batch", &[&TAKEN_OFF]),
    // Proof that a panic is found.
    ("deliberate", &[&DELIBERATE]),
];

/// Where a walk may end, and why that is no harm.
type End = (&'static str, &'static str);

/// What it takes to take bytes off the front of a `BytesMut`.
const TAKEN_OFF: [End; 10] = [
    (
        "bytes::bytes_mut::BytesMut::split_to",
        "panics beyond the end: packets were found to end before it",
    ),
    (
        "bytes::bytes_mut::BytesMut::reserve_inner",
        "panics or aborts where there is no memory: it is for no more than as much again as has \
         arrived, or 4096 bytes",
    ),
    ("bytes::bytes_mut::SHARED_VTABLE", TABLE),
    ("bytes::bytes::static_clone", TABLE),
    ("bytes::bytes::static_drop", TABLE),
    ("bytes::bytes::static_is_unique", TABLE),
    ("bytes::bytes::static_to_mut", TABLE),
    ("bytes::bytes::static_to_vec", TABLE),
    (
        "<bytes::bytes::Bytes as core::convert::From<alloc::vec::Vec<u8>>>::from",
        FREEZE,
    ),
    ("core::panicking::panic_fmt", FREEZE),
];

const TABLE: &str = "part of what every `Bytes` carries, and not called";
const FREEZE: &str = "in `BytesMut::freeze`, for a block with one owner: what was split off is one \
                      of two";

/// What it takes to skip a header.
const SKIPPED: [End; 1] = [(
    "bytes::bytes_mut::BytesMut::advance_unchecked",
    "aborts where there is no memory, to move the start of a block by 2^59 bytes",
)];

const DELIBERATE: [End; 1] = [(
    "core::panicking::panic_bounds_check",
    "what this one is there for",
)];

/// What only moves bytes, and how a panic says what it is about.
const HARMLESS: [&str; 6] = [
    "memcpy",
    "memmove",
    "memset",
    "memcmp",
    "bcmp",
    "<usize as core::fmt::Debug>::fmt",
];

fn main() -> ExitCode {
    let mut program = Program::default();
    for path in env::args().skip(1) {
        let text = fs::read_to_string(&path).expect("an assembly file");
        program.add(&path, &text);
    }
    let mut is_fine = true;
    for (name, allowed) in ROOTS {
        let allowed = allowed.concat();
        let ends = program.ends_of(name);
        println!("{name}: {} ends", ends.len());
        for (end, way) in &ends {
            let why = allowed.iter().find(|(name, _)| name == end);
            is_fine &= why.is_some();
            let verdict = why.map_or("NOT ALLOWED", |(_, why)| why);
            println!("    {end}, by {way}:\n        {verdict}");
        }
        for (listed, _) in allowed.iter().filter(|(it, _)| !ends.contains_key(*it)) {
            is_fine = false;
            println!("    {listed}: NOT MET, though it is on the list");
        }
    }
    if is_fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The symbols of all files, and what each mentions.
#[derive(Default)]
struct Program {
    symbols: BTreeMap<String, Vec<String>>,
    /// Those of `bytes`.
    foreign: BTreeSet<String>,
}

/// What is mentioned where it cannot be told what is called.
const INDIRECT: &str = "an indirect call";

impl Program {
    fn add(&mut self, path: &str, text: &str) {
        let file = Path::new(path).file_name().and_then(|name| name.to_str());
        let file = file.expect("a file name");
        let mut current = None;
        for line in text.lines() {
            if let Some((label, _)) = line.split_once(':').filter(|_| is_label(line)) {
                if !is_within(label) {
                    let symbol = qualified(file, label);
                    if file.starts_with("bytes-") {
                        self.foreign.insert(symbol.clone());
                    }
                    self.symbols.entry(symbol.clone()).or_default();
                    current = Some(symbol);
                }
            } else if let Some(mentioned) = current.as_ref().and_then(|it| self.symbols.get_mut(it))
            {
                mentioned.extend(mentioned_in(line).map(|it| qualified(file, &it)));
            }
        }
    }

    /// Where the walk from a function of this crate ends, and by which way. A way to panic counts
    /// as often as it is mentioned.
    fn ends_of(&self, name: &str) -> BTreeMap<String, String> {
        let root = format!("panic_free::{name}");
        let is_root = |symbol: &&String| readable(symbol) == root;
        let found = self.symbols.keys().find(is_root);
        let root = found.unwrap_or_else(|| panic!("no {root} in the assembly"));
        let mut ends = BTreeMap::new();
        let mut seen = BTreeSet::from([root]);
        let mut ways = vec![vec![root]];
        while let Some(way) = ways.pop() {
            for next in way
                .last()
                .and_then(|it| self.symbols.get(*it))
                .into_iter()
                .flatten()
            {
                if self.is_walked(next) {
                    if seen.insert(next) {
                        ways.push([&way[..], &[next]].concat());
                    }
                    continue;
                }
                let end = readable(next);
                if HARMLESS.contains(&end.as_str()) {
                    continue;
                }
                let is_panic = end.starts_with("core::panicking");
                let again = if is_panic && ends.contains_key(&end) {
                    " again"
                } else {
                    ""
                };
                let way: Vec<_> = way.iter().rev().map(|it| readable(it)).collect();
                ends.insert(end + again, way.join(" < "));
            }
        }
        ends
    }

    /// Whether the walk goes on where this is defined.
    fn is_walked(&self, symbol: &str) -> bool {
        self.symbols.contains_key(symbol) && !self.foreign.contains(symbol)
    }
}

/// Whether a line begins something.
fn is_label(line: &str) -> bool {
    !line.starts_with(['\t', ' ', '#']) && line.ends_with(':')
}

/// Whether a label is one within a function, or of what is no code and mentions none.
fn is_within(label: &str) -> bool {
    [".LBB", ".Ltmp", ".Lfunc", ".LJTI", ".LCPI", ".Lexception"]
        .iter()
        .any(|start| label.starts_with(start))
}

/// Local names are of one file only.
fn qualified(file: &str, symbol: &str) -> String {
    if symbol.starts_with(".L") {
        format!("{file}{symbol}")
    } else {
        symbol.to_owned()
    }
}

/// The name of a symbol as it is in the source, without hashes.
fn readable(symbol: &str) -> String {
    format!("{:#}", demangle(symbol))
}

/// The symbols that an instruction, or a field of a table, mentions.
fn mentioned_in(line: &str) -> impl Iterator<Item = String> {
    let mut words = line.split_ascii_whitespace();
    let mut operation = words.next().unwrap_or_default();
    if matches!(operation, "lock" | "rep" | "repne") {
        operation = words.next().unwrap_or_default();
    }
    let is_code = !operation.starts_with('.');
    let jumps = is_code && (operation.starts_with("call") || operation.starts_with('j'));
    let operands: String = if is_code || operation == ".quad" {
        words.collect()
    } else {
        String::new()
    };
    let mut mentioned = Vec::new();
    for operand in operands.split([',', '(', ')', '*', '+']) {
        let symbol = operand.split('@').next().unwrap_or_default();
        let is_symbol = symbol.starts_with("_ZN")
            || symbol.starts_with("_R")
            || symbol.starts_with(".L") && !is_within(symbol)
            || symbol.len() < operand.len()
            || jumps && symbol.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if is_symbol {
            mentioned.push(symbol.to_owned());
        }
    }
    // Through a register or memory that no symbol says anything about; not a jump table's.
    if jumps
        && operands.starts_with('*')
        && !operands.contains('@')
        && operation.starts_with("call")
    {
        mentioned.push(INDIRECT.to_owned());
    }
    mentioned.into_iter()
}
