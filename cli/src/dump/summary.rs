//! All packets as a table, a row per opcode.

use std::collections::BTreeMap;
use std::io::{self, Write};

use mcbp::Command;

use super::{Outcome, Record};
use crate::describe::{Description, Value};

/// Counts packets by opcode, requests and responses apart.
#[derive(Debug, Default)]
pub(super) struct Summary {
    rows: BTreeMap<(bool, u8, bool), Row>,
    illegal: u64,
}

#[derive(Debug)]
struct Row {
    command: Command,
    packets: u64,
    bytes: u64,
    /// The lowest and the highest.
    seqnos: Option<(u64, u64)>,
    errors: u64,
}

impl Summary {
    pub(super) fn add(&mut self, record: &Record<'_>) {
        let header = record.packet.header();
        let command = header.command();
        let key = (
            matches!(command, Command::Server(_)),
            command.byte(),
            header.magic().is_response(),
        );
        let row = self.rows.entry(key).or_insert(Row {
            command,
            packets: 0,
            bytes: 0,
            seqnos: None,
            errors: 0,
        });
        row.packets = row.packets.saturating_add(1);
        row.bytes = row.bytes.saturating_add(header.packet_len() as u64);
        let refused = header
            .status()
            .is_some_and(|status| !status.is_success_like());
        let bad = |description: &Description<'_>| !description.errors.is_empty();
        if refused || record.description.as_ref().map_or(true, bad) {
            row.errors = row.errors.saturating_add(1);
        }
        if let Some(seqno) = record.description.as_ref().ok().and_then(seqno) {
            let (low, high) = row.seqnos.unwrap_or((seqno, seqno));
            row.seqnos = Some((low.min(seqno), high.max(seqno)));
        }
    }

    pub(super) fn add_illegal(&mut self) {
        self.illegal = self.illegal.saturating_add(1);
    }

    pub(super) fn write(&self, out: &mut impl Write, outcome: Outcome) -> io::Result<()> {
        writeln!(
            out,
            "{:<32} {:>9} {:>12} {:>12} {:>12} {:>7}",
            "opcode", "packets", "bytes", "first seqno", "last seqno", "errors"
        )?;
        let (mut packets, mut bytes, mut errors) = (self.illegal, 0_u64, self.illegal);
        for (&(_, _, is_response), row) in &self.rows {
            let kind = if is_response { "res" } else { "req" };
            let seqno = |seqno: Option<u64>| seqno.map_or("-".to_owned(), |n| n.to_string());
            writeln!(
                out,
                "{:<28} {kind} {:>9} {:>12} {:>12} {:>12} {:>7}",
                row.command,
                row.packets,
                row.bytes,
                seqno(row.seqnos.map(|(low, _)| low)),
                seqno(row.seqnos.map(|(_, high)| high)),
                row.errors,
            )?;
            packets = packets.saturating_add(row.packets);
            bytes = bytes.saturating_add(row.bytes);
            errors = errors.saturating_add(row.errors);
        }
        if self.illegal > 0 {
            let illegal = self.illegal;
            writeln!(
                out,
                "{:<32} {illegal:>9} {:>12} {:>12} {:>12} {illegal:>7}",
                "illegal header", "-", "-", "-"
            )?;
        }
        writeln!(
            out,
            "{:<32} {packets:>9} {bytes:>12} {:>12} {:>12} {errors:>7}",
            "all", "", ""
        )?;
        writeln!(
            out,
            "{} packets read, {} problems",
            outcome.packets, outcome.problems
        )
    }
}

/// Where a message stands in the history of its vbucket.
fn seqno(description: &Description<'_>) -> Option<u64> {
    const NAMES: [&str; 5] = [
        "by_seqno",
        "commit_seqno",
        "abort_seqno",
        "prepared_seqno",
        "start_seqno",
    ];
    NAMES.iter().find_map(|wanted| {
        let mut fields = description.fields.iter();
        fields.find_map(|(name, value)| match value {
            Value::Number(seqno) if name == wanted => Some(*seqno),
            _ => None,
        })
    })
}
