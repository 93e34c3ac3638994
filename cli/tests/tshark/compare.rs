//! Two opinions of the same packets, side by side.

use std::collections::{BTreeMap, BTreeSet};

use crate::codes;
use crate::differences::DIFFERENCES;
use crate::facts::{self, Depth, Value};
use crate::packets::Sample;
use crate::pdml::{Dissected, Field};

/// What came of comparing.
#[derive(Default)]
pub(crate) struct Tally {
    /// So many packets were compared.
    pub(crate) packets: u64,
    /// So many fields of them, each as often as it is there.
    pub(crate) fields: u64,
    /// By difference and field, in how many packets it is seen, and in how many not.
    listed: BTreeMap<(usize, &'static str), [u64; 2]>,
    /// By field and command, in how many packets they differ, and the first.
    unlisted: BTreeMap<(String, String), (u64, String)>,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.packets += other.packets;
        self.fields += other.fields;
        for (key, counts) in other.listed {
            let sums = self.listed.entry(key).or_default();
            sums[0] += counts[0];
            sums[1] += counts[1];
        }
        for (key, (count, example)) in other.unlisted {
            self.unlisted.entry(key).or_insert((0, example)).0 += count;
        }
    }

    /// Differences that are not listed, and listed ones that are not seen, a line for each.
    pub(crate) fn report(&self) -> String {
        let mut report = String::new();
        for ((field, command), (count, example)) in &self.unlisted {
            report += &format!("{field} in {count} packets of {command}, first {example}\n");
        }
        for (index, difference) in DIFFERENCES.iter().enumerate() {
            for field in difference.fields() {
                let counts = self.listed.get(&(index, field));
                let [seen, not] = counts.copied().unwrap_or_default();
                if seen == 0 || not > 0 && difference.always.contains(&field) {
                    let why = difference.why;
                    report += &format!("{field} in only {seen} of {} packets: {why}\n", seen + not);
                }
            }
        }
        report
    }

    /// Whether all headers are the same but for what is listed.
    pub(crate) fn headers_agree(&self) -> bool {
        let mut fields = self.unlisted.keys().map(|(field, _)| field);
        !fields.any(|field| facts::is_header(field))
    }
}

pub(crate) fn compare(name: &str, samples: Vec<Option<Sample>>, theirs: Vec<Dissected>) -> Tally {
    assert_eq!(samples.len(), theirs.len(), "{name}: packets");
    let mut tally = Tally::default();
    for (sample, theirs) in samples.iter().zip(&theirs) {
        // There is nothing to compare with a header that this crate refuses.
        if let Some(sample) = sample {
            tally.compare(name, sample, theirs);
        }
    }
    tally
}

impl Tally {
    fn compare(&mut self, name: &str, sample: &Sample, dissected: &Dissected) {
        self.packets += 1;
        let mut ours = BTreeMap::<&str, Vec<Value>>::new();
        for (field, value) in facts::of(sample) {
            ours.entry(field).or_default().push(value);
        }
        let depth = Depth::of(sample);
        let mut theirs = BTreeMap::<&str, Vec<&Field>>::new();
        for field in &dissected.fields {
            if depth.reaches(&field.name) {
                theirs.entry(&field.name).or_default().push(field);
            }
        }
        let fields: BTreeSet<_> = ours.keys().chain(theirs.keys()).copied().collect();
        let mut differing = BTreeSet::new();
        for field in fields {
            let (ours, theirs) = (ours.get(field), theirs.get(field));
            self.fields += ours.map_or(0, Vec::len).max(theirs.map_or(0, Vec::len)) as u64;
            if !agree(ours, theirs) {
                differing.insert(field);
            }
        }
        let mut explained = BTreeSet::new();
        for (index, difference) in DIFFERENCES.iter().enumerate() {
            if !(difference.packets)(sample) {
                continue;
            }
            for field in difference.fields().filter(|field| depth.reaches(field)) {
                let seen = differing.contains(field);
                self.listed.entry((index, field)).or_default()[usize::from(!seen)] += 1;
                explained.insert(field);
            }
        }
        for field in differing.difference(&explained).copied() {
            let header = sample.packet.header();
            let command = format!("{:?} {}", header.magic(), header.command());
            let example = || {
                let (ours, theirs) = (ours.get(field), theirs.get(field));
                format!("{name}: {header:?}: {ours:?}, tshark: {theirs:?}")
            };
            let entry = self.unlisted.entry((field.to_owned(), command));
            entry.or_insert_with(|| (0, example())).0 += 1;
        }
    }
}

/// Whether a field holds the same, as often as it is there.
fn agree(ours: Option<&Vec<Value>>, theirs: Option<&Vec<&Field>>) -> bool {
    let (Some(ours), Some(theirs)) = (ours, theirs) else {
        return false;
    };
    ours.len() == theirs.len()
        && ours
            .iter()
            .zip(theirs)
            .all(|(ours, theirs)| is(ours, theirs))
}

fn is(ours: &Value, theirs: &Field) -> bool {
    match ours {
        Value::Number(number) => codes::number(&theirs.show) == Some(*number),
        Value::Bytes(bytes) => {
            let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
            let digits = digits.filter_map(|digit| char::from_digit(digit.into(), 16));
            theirs.value.chars().eq(digits)
        }
        Value::Micros(micros) => {
            let shown = theirs.show.parse::<f64>();
            shown.is_ok_and(|shown| (f64::from(*micros)..f64::from(*micros) + 1.0).contains(&shown))
        }
        Value::Span(len) => theirs.size == *len,
    }
}
