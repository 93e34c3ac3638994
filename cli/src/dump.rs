//! `mcbp dump`: prints the packets of a capture.

pub(crate) mod json;
mod summary;
pub(crate) mod text;

use core::fmt;
use core::net::SocketAddr;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use mcbp::policy::Verdict;
use mcbp::{FrameError, MessageError, Opcode, Packet, Status};

use crate::capture::{self, CaptureError, FrameReader, LinkType, Reassembler};
use crate::connections::Connections;
use crate::describe::Description;
use crate::framing::{Flow, Found, Framing, Place, RawFraming};

/// What to print, and how.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How to print it.
    pub format: Format,
    /// Whether keys and values are shown.
    pub unredacted: bool,
    /// What to leave out.
    pub filter: Filter,
}

/// How packets are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// A line for each.
    #[default]
    Text,
    /// The same, in colour.
    Colour,
    /// A JSON object on a line for each.
    Json,
    /// A table of all.
    Summary,
}

/// The packets to print; an empty list lets all pass.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Those about one of these vbuckets, and the responses to them.
    pub vbuckets: Vec<u16>,
    /// Those with one of these opcodes.
    pub opcodes: Vec<Opcode>,
    /// Those sent to or from one of these ports.
    pub ports: Vec<u16>,
}

impl Filter {
    fn passes(&self, record: &Record<'_>) -> bool {
        let opcode = record.packet.header().opcode();
        allows(&self.vbuckets, record.vbucket)
            && allows(&self.opcodes, opcode)
            && self.passes_port(&record.place)
    }

    /// Whether a packet passes of which no more is known than its place.
    fn passes_place(&self, place: &Place) -> bool {
        self.vbuckets.is_empty() && self.opcodes.is_empty() && self.passes_port(place)
    }

    fn passes_port(&self, place: &Place) -> bool {
        let port = |end: fn(&Flow) -> SocketAddr| place.flow.as_ref().map(|flow| end(flow).port());
        allows(&self.ports, port(|flow| flow.source))
            || allows(&self.ports, port(|flow| flow.destination))
    }
}

fn allows<T: PartialEq>(list: &[T], value: Option<T>) -> bool {
    list.is_empty() || value.is_some_and(|value| list.contains(&value))
}

/// A packet, ready to print.
#[derive(Debug)]
struct Record<'a> {
    /// Counts the packets of the input from 1, those left out included.
    number: u64,
    place: Place,
    packet: Packet<&'a [u8]>,
    /// That of the request, if this is the response to one.
    vbucket: Option<u16>,
    description: Result<Description<'a>, MessageError>,
    /// What the receiver makes of a response that is not plain success.
    verdict: Option<Verdict<'static>>,
}

/// How it went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How many packets there are.
    pub packets: u64,
    /// How many problems were reported.
    pub problems: u64,
}

/// Why nothing more can be printed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DumpError {
    /// The input is no capture.
    #[error("not a pcap or pcapng capture; a raw byte stream needs --raw")]
    NotACapture,
    /// The output cannot be written.
    #[error("cannot write: {0}")]
    Output(#[source] io::Error),
}

/// Prints the packets of a capture file to `out`, and what is wrong with it to `problems`.
///
/// # Errors
///
/// [`DumpError`] if there is nothing to print, or nowhere to print it. Bad input is not an error:
/// it is reported, and what follows it is printed.
pub fn capture(
    input: impl Read,
    options: &Options,
    out: &mut impl Write,
    problems: &mut impl Write,
) -> Result<Outcome, DumpError> {
    let mut dump = Dump::new(options, out, problems);
    let mut frames = match FrameReader::new(input) {
        Err(CaptureError::NotACapture) => return Err(DumpError::NotACapture),
        Err(error) => {
            dump.problem(format_args!("{error}"));
            return dump.finish();
        }
        Ok(frames) => frames,
    };
    let mut segments = Reassembler::default();
    let mut framing = Framing::default();
    let mut ignored = Ignored::default();
    loop {
        let frame = match frames.next_frame() {
            Ok(Some(frame)) => frame,
            Ok(None) => break,
            Err(error) => {
                dump.problem(format_args!("{error}"));
                break;
            }
        };
        match capture::Packet::from_frame(&frame) {
            capture::Packet::Tcp(segment) => segments.push(frame.time_ns, &segment, &mut |event| {
                framing.push(&event, &mut |place, found| dump.found(place, found));
            }),
            capture::Packet::NotTcp => {}
            capture::Packet::Fragment => ignored.fragments = ignored.fragments.saturating_add(1),
            capture::Packet::UnknownLinkType(link_type) => {
                let frames = ignored.link_types.entry(link_type.0).or_default();
                *frames = frames.saturating_add(1);
            }
            capture::Packet::Malformed(reason) => {
                dump.problem(format_args!("frame {}: {reason}", frame.number));
            }
        }
        if dump.written.is_err() {
            break;
        }
    }
    segments.finish(&mut |event| {
        framing.push(&event, &mut |place, found| dump.found(place, found));
    });
    ignored.report(&mut dump);
    dump.finish()
}

/// Prints the packets of one direction of a connection, without any frames around them.
///
/// # Errors
///
/// As [`capture`].
pub fn raw(
    mut input: impl Read,
    options: &Options,
    out: &mut impl Write,
    problems: &mut impl Write,
) -> Result<Outcome, DumpError> {
    let mut dump = Dump::new(options, out, problems);
    let mut framing = RawFraming::default();
    let mut buffer = vec![0; 1 << 16];
    while dump.written.is_ok() {
        match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(len) => {
                let bytes = buffer.get(..len).unwrap_or_default();
                framing.push(bytes, &mut |place, found| dump.found(place, found));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                dump.problem(format_args!("cannot read: {error}"));
                break;
            }
        }
    }
    framing.finish(&mut |place, found| dump.found(place, found));
    dump.finish()
}

/// Frames that hold nothing for us, and yet might.
#[derive(Debug, Default)]
struct Ignored {
    fragments: u64,
    link_types: BTreeMap<i32, u64>,
}

impl Ignored {
    fn report(&self, dump: &mut Dump<'_, impl Write, impl Write>) {
        if self.fragments > 0 {
            dump.problem(format_args!("{} IP fragments ignored", self.fragments));
        }
        for (&link_type, frames) in &self.link_types {
            let link_type = LinkType(link_type);
            dump.problem(format_args!(
                "{frames} frames ignored: unknown link type {link_type}"
            ));
        }
    }
}

/// A dump under way.
struct Dump<'a, W, P> {
    options: &'a Options,
    out: &'a mut W,
    problems: &'a mut P,
    summary: summary::Summary,
    connections: Connections,
    /// Where values are inflated.
    inflated: Vec<u8>,
    outcome: Outcome,
    /// The first error of `out`, after which nothing more is written.
    written: io::Result<()>,
}

impl<'a, W: Write, P: Write> Dump<'a, W, P> {
    fn new(options: &'a Options, out: &'a mut W, problems: &'a mut P) -> Self {
        Self {
            options,
            out,
            problems,
            summary: summary::Summary::default(),
            connections: Connections::default(),
            inflated: Vec::new(),
            outcome: Outcome::default(),
            written: Ok(()),
        }
    }

    fn found(&mut self, place: Place, found: Found) {
        match found {
            Found::Packet(packet) => self.packet(place, packet.view()),
            Found::Illegal(error) => self.illegal(place, error),
            Found::Problem(problem) => self.problem(format_args!("{place}: {problem}")),
        }
    }

    fn packet(&mut self, place: Place, packet: Packet<&[u8]>) {
        self.outcome.packets = self.outcome.packets.saturating_add(1);
        let known = self.connections.learn(&place, packet);
        let mut inflated = core::mem::take(&mut self.inflated);
        let record = Record {
            number: self.outcome.packets,
            place,
            packet,
            vbucket: known.vbucket,
            description: Description::of(packet, known.agreed, &mut inflated),
            verdict: known
                .verdict
                .filter(|_| packet.header().status() != Some(Status::SUCCESS)),
        };
        self.print(&record);
        self.inflated = inflated;
    }

    fn print(&mut self, record: &Record<'_>) {
        let Record { place, packet, .. } = record;
        match &record.description {
            Err(error) => self.problem(format_args!("{place}: {error}")),
            Ok(description) => {
                for error in &description.errors {
                    let command = packet.header().command();
                    self.problem(format_args!("{place}: {command}: {error}"));
                }
            }
        }
        if self.written.is_err() || !self.options.filter.passes(record) {
            return;
        }
        let unredacted = self.options.unredacted;
        self.written = match self.options.format {
            Format::Text => text::write(self.out, record, unredacted, text::Palette::PLAIN),
            Format::Colour => text::write(self.out, record, unredacted, text::Palette::COLOUR),
            Format::Json => json::write(self.out, record, unredacted),
            Format::Summary => {
                self.summary.add(record);
                Ok(())
            }
        };
    }

    /// A packet of which nothing can be said but where it is.
    fn illegal(&mut self, place: Place, error: FrameError) {
        self.outcome.packets = self.outcome.packets.saturating_add(1);
        self.problem(format_args!("{place}: {error}"));
        if self.written.is_err() || !self.options.filter.passes_place(&place) {
            return;
        }
        let number = self.outcome.packets;
        self.written = match self.options.format {
            Format::Text => text::write_illegal(self.out, &place, error, text::Palette::PLAIN),
            Format::Colour => text::write_illegal(self.out, &place, error, text::Palette::COLOUR),
            Format::Json => json::write_illegal(self.out, number, &place, error),
            Format::Summary => {
                self.summary.add_illegal();
                Ok(())
            }
        };
    }

    fn problem(&mut self, problem: fmt::Arguments<'_>) {
        self.outcome.problems = self.outcome.problems.saturating_add(1);
        // Where problems cannot be told, the exit status still tells that there are some.
        let _ = writeln!(self.problems, "mcbp: {problem}");
    }

    fn finish(mut self) -> Result<Outcome, DumpError> {
        if self.written.is_ok() && self.options.format == Format::Summary {
            self.written = self.summary.write(self.out, self.outcome);
        }
        self.written
            .and_then(|()| self.out.flush())
            .map_err(DumpError::Output)?;
        Ok(self.outcome)
    }
}
