//! Faults as text, one a line.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use super::{Fault, FaultKind, Faults, Selector};
use crate::{Opcode, Status, StreamEndReason};

/// A line that is no fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidFault {
    /// Which line it is, from 1.
    pub line: usize,
    /// The word that is wrong; empty if one is missing.
    pub word: String,
    /// What it should be.
    pub expected: &'static str,
}

impl fmt::Display for InvalidFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            word,
            expected,
        } = self;
        write!(f, "line {line}: expected {expected}")?;
        if word.is_empty() {
            return Ok(());
        }
        write!(f, ", found \"{word}\"")
    }
}

impl core::error::Error for InvalidFault {}

/// The word, and what it should have been.
type Wrong = (String, &'static str);

/// A script: a fault a line, and comments that start with `#`.
impl FromStr for Faults {
    type Err = InvalidFault;

    fn from_str(script: &str) -> Result<Self, InvalidFault> {
        let mut faults = Self::default();
        for (line, text) in (1..).zip(script.lines()) {
            let text = text.split('#').next().unwrap_or_default().trim();
            if !text.is_empty() {
                let read = fault(text);
                faults.push(read.map_err(|(word, expected)| InvalidFault {
                    line,
                    word,
                    expected,
                })?);
            }
        }
        Ok(faults)
    }
}

/// One line of a script.
impl FromStr for Fault {
    type Err = InvalidFault;

    fn from_str(line: &str) -> Result<Self, InvalidFault> {
        fault(line).map_err(|(word, expected)| InvalidFault {
            line: 1,
            word,
            expected,
        })
    }
}

fn fault(line: &str) -> Result<Fault, Wrong> {
    let mut words = line.split_whitespace();
    let mut next = |expected| words.next().ok_or((String::new(), expected));
    let kind = match next(KINDS)? {
        "drop" => FaultKind::Drop,
        "delay" => argument(next(TIME)?, TIME, time).map(FaultKind::Delay)?,
        "repeat" => FaultKind::Repeat,
        "opaque" => FaultKind::Opaque,
        "cut" => argument(next(NUMBER)?, NUMBER, number).map(FaultKind::Cut)?,
        "close" => FaultKind::Close,
        "end" => argument(next(REASON)?, REASON, StreamEndReason::from_name).map(FaultKind::End)?,
        "refuse" => argument(next(STATUS)?, STATUS, Status::from_name).map(FaultKind::Refuse)?,
        "rollback" => argument(next(NUMBER)?, NUMBER, number).map(FaultKind::Rollback)?,
        word => return Err((word.to_string(), KINDS)),
    };
    let mut fault = Fault::new(kind, None);
    fault.selector.opcode = match next(OPCODE)? {
        "any" => None,
        word => Some(argument(word, OPCODE, opcode)?),
    };
    for word in words {
        match word.split_once('=') {
            Some(("vb", value)) => {
                fault.selector.vbucket = Some(argument(value, NUMBER, number)?);
            }
            Some(("after", value)) => fault.after = argument(value, NUMBER, number)?,
            Some(("times", value)) => fault.times = argument(value, NUMBER, number)?,
            None if word == "takeover" => fault.selector.takeover = true,
            None if word == "always" => fault.times = u32::MAX,
            _ => return Err((word.to_string(), OPTIONS)),
        }
    }
    Ok(fault)
}

const KINDS: &str = "drop, delay, repeat, opaque, cut, close, end, refuse or rollback";
const TIME: &str = "a time such as 250ms or 2s";
const NUMBER: &str = "a number";
const REASON: &str = "the reason of a stream end, such as STATE_CHANGED";
const STATUS: &str = "a status, such as ETMPFAIL";
const OPCODE: &str = "an opcode, such as DCP_MUTATION, or any";
const OPTIONS: &str = "vb=N, after=N, times=N, always or takeover";

fn argument<T>(
    word: &str,
    expected: &'static str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Wrong> {
    read(word).ok_or_else(|| (word.to_string(), expected))
}

fn number<T: FromStr>(word: &str) -> Option<T> {
    word.parse().ok()
}

fn time(word: &str) -> Option<Duration> {
    match word.strip_suffix("ms") {
        Some(millis) => number(millis).map(Duration::from_millis),
        None => number(word.strip_suffix('s')?).map(Duration::from_secs),
    }
}

/// By its name, with or without `DCP_`; with it is meant where both are names.
fn opcode(name: &str) -> Option<Opcode> {
    Opcode::from_name(&alloc::format!("DCP_{name}")).or_else(|| Opcode::from_name(name))
}

/// The line that says so.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            FaultKind::Drop => f.write_str("drop")?,
            FaultKind::Delay(by) => write!(f, "delay {}ms", by.as_millis())?,
            FaultKind::Repeat => f.write_str("repeat")?,
            FaultKind::Opaque => f.write_str("opaque")?,
            FaultKind::Cut(len) => write!(f, "cut {len}")?,
            FaultKind::Close => f.write_str("close")?,
            FaultKind::End(reason) => write!(f, "end {reason}")?,
            FaultKind::Refuse(status) => write!(f, "refuse {status}")?,
            FaultKind::Rollback(seqno) => write!(f, "rollback {seqno}")?,
        }
        let Selector {
            opcode,
            vbucket,
            takeover,
        } = self.selector;
        match opcode {
            Some(opcode) => write!(f, " {opcode}")?,
            None => f.write_str(" any")?,
        }
        if let Some(vbucket) = vbucket {
            write!(f, " vb={vbucket}")?;
        }
        if takeover {
            f.write_str(" takeover")?;
        }
        if self.after > 0 {
            write!(f, " after={}", self.after)?;
        }
        match self.times {
            1 => Ok(()),
            u32::MAX => f.write_str(" always"),
            times => write!(f, " times={times}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "\
drop DCP_MUTATION after=10
delay 250ms DCP_ADD_STREAM
repeat DCP_DELETION vb=3
opaque DCP_MUTATION always
cut 30 DCP_SNAPSHOT_MARKER
close any after=1000
end STATE_CHANGED DCP_MUTATION times=2
refuse ETMPFAIL DCP_ADD_STREAM takeover times=2
rollback 7 DCP_STREAM_REQ vb=1";

    #[test]
    fn lines_are_read_as_they_are_written() {
        let script: Faults = SCRIPT.parse().expect("a script");
        assert_eq!(script.iter().count(), 9);
        for (line, fault) in SCRIPT.lines().zip(script.iter()) {
            assert_eq!(fault.to_string(), line);
        }
    }

    #[test]
    fn names_are_short_times_are_long() {
        let fault: Fault = "delay 2s mutation".parse().expect("a fault");
        assert_eq!(fault.to_string(), "delay 2000ms DCP_MUTATION");
    }

    #[test]
    fn comments_and_empty_lines() {
        let script: Faults = "\n# nothing\n  drop any # all\n".parse().expect("a script");
        assert_eq!(script.iter().count(), 1);
    }

    #[test]
    fn wrong_words_are_shown() {
        for (script, shown) in [
            (
                "drop any\nlose DCP_MUTATION",
                "line 2: expected drop, delay, repeat, opaque, cut, close, end, refuse or rollback, \
                 found \"lose\"",
            ),
            (
                "delay soon any",
                "line 1: expected a time such as 250ms or 2s, found \"soon\"",
            ),
            ("cut", "line 1: expected a number"),
            (
                "drop",
                "line 1: expected an opcode, such as DCP_MUTATION, or any",
            ),
            (
                "drop any twice",
                "line 1: expected vb=N, after=N, times=N, always or takeover, found \"twice\"",
            ),
        ] {
            let error = script.parse::<Faults>().expect_err("no script");
            assert_eq!(error.to_string(), shown);
        }
    }
}
