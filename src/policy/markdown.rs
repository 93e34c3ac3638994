//! The table, printed.

use core::fmt;

use super::{Rule, STREAM_ENDS, Set, StreamEndAdvice};
use crate::{Opcode, Status};

/// These rules, and then those.
pub(super) struct Rules<'a>(pub(super) &'a [Rule<'a>], pub(super) &'a [Rule<'a>]);

/// What to do at the end of a stream.
pub(super) struct StreamEnds;

impl fmt::Display for Rules<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "| rule | at | edition | answers | opaque of | status | value | verdict | why | source |\n\
             |------|----|---------|---------|-----------|--------|-------|---------|-----|--------|\n",
        )?;
        for rule in self.0.iter().chain(self.1) {
            row(rule, f)?;
        }
        Ok(())
    }
}

fn row(rule: &Rule<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "| `{}` | ", rule.id)?;
    match rule.role {
        Some(role) => write!(f, "{role} | ")?,
        None => f.write_str("either | ")?,
    }
    list(rule.editions, f)?;
    f.write_str(" | ")?;
    opcodes(rule.opcodes, f)?;
    f.write_str(" | ")?;
    list(rule.opaques, f)?;
    f.write_str(" | ")?;
    statuses(rule.statuses, f)?;
    if !rule.attributes.is_empty() {
        f.write_str(", with ")?;
        for (count, (name, _)) in rule.attributes.iter_names().enumerate() {
            let or = if count > 0 { " or " } else { "" };
            write!(f, "{or}{name}")?;
        }
    }
    f.write_str(" | ")?;
    list(rule.values, f)?;
    let Rule {
        judgement,
        reason,
        source,
        ..
    } = rule;
    writeln!(f, " | **{judgement}** | {reason} | {source} |")
}

fn statuses(set: Set<'_, Status>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match set {
        Set::Except(named) if named == Status::NAMED => f.write_str("without a name"),
        _ => list(set, f),
    }
}

/// As [`list`]; three and more in a row are a range.
fn opcodes(set: Set<'_, Opcode>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if set.listed().is_empty() {
        return list(set, f);
    }
    if set.is_open() {
        f.write_str("all but ")?;
    }
    let in_a_row = |a: &Opcode, b: &Opcode| a.0.checked_add(1) == Some(b.0);
    for (count, run) in set.listed().chunk_by(in_a_row).enumerate() {
        let comma = if count > 0 { ", " } else { "" };
        match run {
            [first, _, .., last] => write!(f, "{comma}{first} to {last}")?,
            _ => {
                f.write_str(comma)?;
                list(Set::Only(run), f)?;
            }
        }
    }
    Ok(())
}

fn list<T: Copy + fmt::Display>(set: Set<'_, T>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match set {
        Set::Except([]) => return f.write_str("any"),
        Set::Except(_) => f.write_str("all but ")?,
        Set::Only([]) => return f.write_str("none"),
        Set::Only(_) => {}
    }
    for (count, value) in set.listed().iter().enumerate() {
        let comma = if count > 0 { ", " } else { "" };
        write!(f, "{comma}{value}")?;
    }
    Ok(())
}

impl fmt::Display for StreamEnds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("| reason | action | why |\n|--------|--------|-----|\n")?;
        for StreamEndAdvice {
            reason,
            action,
            why,
        } in STREAM_ENDS
        {
            match reason {
                Some(reason) => write!(f, "| {reason}")?,
                None => f.write_str("| any other")?,
            }
            writeln!(f, " | **{action}** | {why} |")?;
        }
        Ok(())
    }
}
