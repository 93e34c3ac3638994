//! A packet as a line of text.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use mcbp::{Datatype, FrameError, Status};

use super::Record;
use crate::describe::{Value, flags};
use crate::framing::Place;

/// How the parts of a line look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Palette {
    opcode: Style,
    name: Style,
    good: Style,
    bad: Style,
}

impl Palette {
    pub(super) const PLAIN: Self = Self {
        opcode: Style::new(),
        name: Style::new(),
        good: Style::new(),
        bad: Style::new(),
    };

    pub(super) const COLOUR: Self = Self {
        opcode: Style::new().bold(),
        name: Style::new().dimmed(),
        good: AnsiColor::Green.on_default(),
        bad: AnsiColor::Red.on_default().bold(),
    };
}

/// Shown bytes beyond these are left out.
const MAX_SHOWN: usize = 64;

/// `time connection direction kind opcode vbucket opaque status field=value… length`
pub(super) fn write(
    out: &mut impl Write,
    record: &Record<'_>,
    unredacted: bool,
    palette: Palette,
) -> io::Result<()> {
    let header = record.packet.header();
    write_place(out, &record.place)?;
    let kind = if header.magic().is_response() {
        "res"
    } else {
        "req"
    };
    let Palette {
        opcode,
        name,
        good,
        bad,
    } = palette;
    let command = header.command();
    write!(out, " {kind} {opcode}{command:<27}{opcode:#}")?;
    if let Some(vbucket) = record.vbucket {
        write!(out, " {name}vb={name:#}{vbucket}")?;
    }
    write!(out, " {name}opaque={name:#}{:#010x}", header.opaque())?;
    if let Some(status) = header.status() {
        let style = if status == Status::SUCCESS { good } else { bad };
        write!(out, " {style}{status}{style:#}")?;
    }
    if let Some(verdict) = &record.verdict {
        let style = if verdict.is_fatal() { bad } else { name };
        write!(
            out,
            " {style}({}: {}){style:#}",
            verdict.judgement, verdict.rule.id
        )?;
    }
    match &record.description {
        Err(error) => write!(out, " {bad}{error}{bad:#}")?,
        Ok(description) => {
            if description.unannounced {
                write!(out, " {bad}unannounced{bad:#}")?;
            }
            let infos = &description.frame_infos;
            for (field, value) in infos.iter().chain(&description.fields) {
                if field.ends_with("seqno") || !is_blank(value) {
                    write!(out, " {name}{field}={name:#}")?;
                    write_value(out, value, unredacted)?;
                }
            }
            for error in &description.errors {
                write!(out, " {bad}{error}{bad:#}")?;
            }
        }
    }
    if header.cas() != 0 {
        write!(out, " {name}cas={name:#}{:#x}", header.cas())?;
    }
    if header.datatype() != Datatype::RAW {
        write!(out, " {name}datatype={name:#}")?;
        write_value(out, &flags(header.datatype()), unredacted)?;
    }
    writeln!(out, " {name}len={name:#}{}", header.packet_len())
}

/// `time connection direction illegal reason`
pub(super) fn write_illegal(
    out: &mut impl Write,
    place: &Place,
    error: FrameError,
    palette: Palette,
) -> io::Result<()> {
    let Palette { bad, .. } = palette;
    write_place(out, place)?;
    writeln!(out, " {bad}illegal header: {error}{bad:#}")
}

/// `time connection direction`
fn write_place(out: &mut impl Write, place: &Place) -> io::Result<()> {
    write_time(out, place.time_ns)?;
    let Some(flow) = &place.flow else {
        return write!(out, "    0 -");
    };
    let direction = match flow.from_initiator {
        Some(true) => '>',
        Some(false) => '<',
        None => '-',
    };
    write!(out, " {:>4} {direction}", flow.connection.get())
}

/// The time of day in UTC, in microseconds.
fn write_time(out: &mut impl Write, time_ns: Option<u64>) -> io::Result<()> {
    let Some(time_ns) = time_ns else {
        return write!(out, "{:>15}", "-");
    };
    let (seconds, micros) = (time_ns / 1_000_000_000, time_ns / 1000 % 1_000_000);
    let (hours, minutes, seconds) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    write!(out, "{hours:02}:{minutes:02}:{seconds:02}.{micros:06}")
}

/// Whether a value says no more than that there is nothing to say.
fn is_blank(value: &Value<'_>) -> bool {
    match value {
        Value::Number(number) => *number == 0,
        Value::Hex(hex) => hex.value == 0,
        Value::Name(name) => name.is_empty(),
        Value::Bool(_) => false,
        Value::Metadata(bytes) => bytes.is_empty(),
        Value::UserData(bytes) => bytes.is_empty(),
        Value::List(values) => values.is_empty(),
        Value::Record(fields) => fields.is_empty(),
    }
}

pub(crate) fn write_value(
    out: &mut impl Write,
    value: &Value<'_>,
    unredacted: bool,
) -> io::Result<()> {
    match value {
        Value::Number(u64::MAX) => write!(out, "max"),
        Value::Number(number) => write!(out, "{number}"),
        Value::Hex(hex) => write!(out, "{hex}"),
        Value::Name(name) => {
            let joined = name.split(" | ").collect::<Vec<_>>().join("|");
            write!(out, "{joined}")
        }
        Value::Bool(bool) => write!(out, "{bool}"),
        Value::Metadata(bytes) => match bytes.0.get(..MAX_SHOWN) {
            Some(shown) if !unredacted && bytes.len() > MAX_SHOWN => {
                write!(out, "{:?}…", mcbp::Metadata(shown))
            }
            _ => write!(out, "{bytes:?}"),
        },
        Value::UserData(bytes) if unredacted => {
            write!(out, "{:?}", mcbp::Metadata(bytes.expose()))
        }
        Value::UserData(bytes) => write!(out, "{bytes}"),
        Value::List(values) => {
            write!(out, "[")?;
            for (count, value) in values.iter().enumerate() {
                if count > 0 {
                    write!(out, " ")?;
                }
                write_value(out, value, unredacted)?;
            }
            write!(out, "]")
        }
        Value::Record(fields) => {
            write!(out, "{{")?;
            for (count, (name, value)) in fields.iter().enumerate() {
                if count > 0 {
                    write!(out, " ")?;
                }
                write!(out, "{name}=")?;
                write_value(out, value, unredacted)?;
            }
            write!(out, "}}")
        }
    }
}
