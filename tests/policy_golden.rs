//! The verdicts and the tables, as files: a changed rule shows as a diff.
//!
//! To accept a change, run with `MCBP_ACCEPT=1`, and review what `git diff` says.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::std_instead_of_core,
    reason = "a test may panic, and has std"
)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use mcbp::policy::{self, Context, Edition, OpaqueOwner, Role, ValueShape};
use mcbp::{Opcode, Status};

/// Compares with the file, or replaces it.
#[track_caller]
fn assert_golden(file: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("MCBP_ACCEPT").is_some() {
        std::fs::write(&path, actual).expect("a file that can be written");
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    for (line, (actual, expected)) in actual.lines().zip(expected.lines()).enumerate() {
        assert_eq!(actual, expected, "{file}, line {}", line + 1);
    }
    assert_eq!(actual, expected, "{file}: lines added or removed");
}

/// Every opcode that the table may tell from others, and one for all of those.
fn opcodes() -> impl Iterator<Item = Opcode> {
    let dcp = (0x50..=0x68).map(Opcode);
    [Opcode::GET, Opcode::NOOP]
        .into_iter()
        .chain(dcp)
        .chain([Opcode::GET_ERROR_MAP])
}

/// Each rule that judges one of the statuses, and those statuses; the rest, statuses without a
/// name among them, as a star.
fn verdicts(context: &Context) -> String {
    const UNNAMED: Status = Status(0x99);
    let mut statuses_by_rule = Vec::<(_, Vec<_>)>::new();
    for &status in Status::NAMED.iter().chain([&UNNAMED]) {
        let verdict = policy::judge(context, status);
        match statuses_by_rule.iter_mut().find(|(own, _)| *own == verdict) {
            Some((_, statuses)) => statuses.push(status),
            None => statuses_by_rule.push((verdict, vec![status])),
        }
    }
    statuses_by_rule.sort_by_key(|(_, statuses)| statuses.contains(&UNNAMED));
    let mut lines = String::new();
    for (verdict, statuses) in statuses_by_rule {
        write!(lines, "        {} ", verdict.judgement).unwrap();
        if statuses.contains(&UNNAMED) {
            lines.push('*');
        } else {
            write!(lines, "{statuses:?}").unwrap();
        }
        writeln!(lines, " by {}", verdict.rule.id).unwrap();
    }
    lines
}

/// What a role's edition says of every opcode, opaque and value, where they differ.
fn matrix(role: Role, edition: Edition) -> String {
    let mut text = String::new();
    for opcode in opcodes() {
        // By what is said, who it is said of.
        let mut said = BTreeMap::<String, Vec<_>>::new();
        for opaque in OpaqueOwner::ALL {
            for value in ValueShape::ALL {
                let context = Context {
                    value,
                    ..Context::new(role, edition, opcode, opaque)
                };
                let of = said.entry(verdicts(&context)).or_default();
                of.push((opaque, value));
            }
        }
        let mut said: Vec<_> = said.into_iter().collect();
        said.sort_by_key(|(_, of)| of.len());
        writeln!(text, "{opcode}").unwrap();
        let (others, few) = said.split_last().expect("something is said");
        for (lines, of) in few {
            writeln!(text, "    {}\n{lines}", owners(of).join(", ")).unwrap();
        }
        writeln!(text, "    any other\n{}", others.0).unwrap();
    }
    text
}

/// The owners, each with its value only where another value makes a difference.
fn owners(of: &[(OpaqueOwner, ValueShape)]) -> Vec<String> {
    let mut names = Vec::new();
    for group in of.chunk_by(|(a, _), (b, _)| a == b) {
        if group.len() == ValueShape::ALL.len() {
            names.push(group[0].0.to_string());
        } else {
            names.extend(group.iter().map(|(own, value)| format!("{own} ({value})")));
        }
    }
    names
}

#[test]
fn verdicts_of_every_edition() {
    for role in Role::ALL {
        for edition in Edition::ALL {
            let file = format!("policy-{role}-{edition}.txt").replace(' ', "-");
            assert_golden(&format!("tests/golden/{file}"), &matrix(role, edition));
        }
    }
}

#[test]
fn table_in_the_documentation() {
    assert_golden("src/policy/table.md", &policy::markdown().to_string());
    let stream_ends = policy::stream_ends_markdown().to_string();
    assert_golden("src/policy/stream_ends.md", &stream_ends);
}
