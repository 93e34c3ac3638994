//! How it goes, on standard error.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;
use std::io::Write;

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};

/// What is told on standard error, and how.
pub struct Progress {
    out: Box<dyn Write + Send>,
    bar: ProgressBar,
    /// How often a line tells how it goes, where there is no bar.
    every: Option<Duration>,
    told_at: Duration,
    /// How far each vbucket was, is, and will be.
    vbuckets: BTreeMap<u16, Distance>,
    changes: u64,
    bytes: u64,
    /// What had come when it was told last.
    told: (u64, u64),
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Distance {
    from: u64,
    at: u64,
    to: u64,
}

impl Progress {
    /// How often a line tells how it goes.
    const LINE_EVERY: Duration = Duration::from_secs(10);

    /// Tells in lines.
    pub fn lines(out: Box<dyn Write + Send>) -> Self {
        Self {
            out,
            bar: ProgressBar::hidden(),
            every: Some(Self::LINE_EVERY),
            told_at: Duration::ZERO,
            vbuckets: BTreeMap::new(),
            changes: 0,
            bytes: 0,
            told: (0, 0),
        }
    }

    /// Tells what goes wrong, and nothing else.
    pub fn quiet(self) -> Self {
        Self {
            every: None,
            bar: ProgressBar::hidden(),
            ..self
        }
    }

    /// Draws a bar on the terminal, up to where there is an end.
    pub fn bar(self) -> Self {
        let style = "{bar:30} {percent}% {msg}";
        let bar = ProgressBar::new(0);
        Self {
            bar: match ProgressStyle::with_template(style) {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            },
            every: None,
            ..self
        }
    }

    /// Tells something, whatever else is told.
    pub(super) fn note(&mut self, note: fmt::Arguments<'_>) {
        let out = &mut self.out;
        // Where nothing can be told, the exit status still tells.
        let _ = self.bar.suspend(|| writeln!(out, "mcbp: {note}"));
    }

    /// A change has come.
    pub(super) const fn count(&mut self, bytes: usize) {
        self.changes = self.changes.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }

    /// How many changes have come.
    pub(super) const fn changes(&self) -> u64 {
        self.changes
    }

    /// A vbucket is followed from here.
    pub(super) fn start(&mut self, vbucket: u16, from: u64) {
        let distance = Distance {
            from,
            at: from,
            to: from,
        };
        self.vbuckets.entry(vbucket).or_insert(distance);
    }

    /// A vbucket has been shown up to here.
    pub(super) fn at(&mut self, vbucket: u16, seqno: u64) {
        if let Some(distance) = self.vbuckets.get_mut(&vbucket) {
            distance.at = seqno;
        }
    }

    /// The node has this much of a vbucket.
    pub(super) fn to(&mut self, vbucket: u16, seqno: u64) {
        if let Some(distance) = self.vbuckets.get_mut(&vbucket) {
            distance.to = seqno;
        }
    }

    /// Tells how it goes, if it is time.
    pub(super) fn tick(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.told_at);
        if self.bar.is_hidden() && self.every.is_none_or(|every| passed < every) {
            return;
        }
        let (changes, bytes) = (
            self.changes.saturating_sub(self.told.0),
            self.bytes.saturating_sub(self.told.1),
        );
        let millis = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        let per_second = |count: u64| count.saturating_mul(1000).checked_div(millis).unwrap_or(0);
        let sum = |part: fn(&Distance) -> u64| {
            self.vbuckets
                .values()
                .map(part)
                .fold(0, u64::saturating_add)
        };
        let lag = sum(|it| it.to.saturating_sub(it.at));
        let text = format!(
            "{} changes/s, {}/s, {} changes, {} behind",
            HumanCount(per_second(changes)),
            HumanBytes(per_second(bytes)),
            HumanCount(self.changes),
            HumanCount(lag),
        );
        self.bar.set_length(sum(|it| it.to.saturating_sub(it.from)));
        self.bar
            .set_position(sum(|it| it.at.saturating_sub(it.from)));
        if self.bar.is_hidden() {
            self.note(format_args!("{text}"));
        } else {
            self.bar.set_message(text);
        }
        self.told_at = now;
        self.told = (self.changes, self.bytes);
    }

    /// Tells how it went.
    pub(super) fn finish(&mut self, now: Duration) {
        let quiet = self.bar.is_hidden() && self.every.is_none();
        self.bar.finish_and_clear();
        self.bar = ProgressBar::hidden();
        if !quiet {
            let (changes, bytes) = (HumanCount(self.changes), HumanBytes(self.bytes));
            let seconds = now.as_secs_f64();
            self.note(format_args!("{changes} changes, {bytes} in {seconds:.1} s"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Notes(Arc<Mutex<Vec<u8>>>);

    impl Write for Notes {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Notes {
        fn take(&self) -> String {
            String::from_utf8(core::mem::take(&mut *self.0.lock().unwrap())).unwrap()
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    fn half_way(progress: &mut Progress) {
        progress.start(7, 100);
        progress.to(7, 1300);
        for _ in 0..200 {
            progress.count(512);
        }
        progress.at(7, 300);
        progress.at(8, 1);
    }

    #[test]
    fn a_line_every_ten_seconds_and_one_in_the_end() {
        let notes = Notes::default();
        let mut progress = Progress::lines(Box::new(notes.clone()));
        half_way(&mut progress);
        progress.tick(SECOND * 9);
        assert_eq!(notes.take(), "");
        progress.tick(SECOND * 10);
        let line = "mcbp: 20 changes/s, 10.00 KiB/s, 200 changes, 1,000 behind\n";
        assert_eq!(notes.take(), line);
        progress.tick(SECOND * 19);
        assert_eq!(notes.take(), "");
        progress.tick(SECOND * 20);
        let line = "mcbp: 0 changes/s, 0 B/s, 200 changes, 1,000 behind\n";
        assert_eq!(notes.take(), line);
        progress.finish(SECOND * 21);
        assert_eq!(notes.take(), "mcbp: 200 changes, 100.00 KiB in 21.0 s\n");
    }

    #[test]
    fn quiet_tells_only_what_goes_wrong() {
        let notes = Notes::default();
        let mut progress = Progress::lines(Box::new(notes.clone())).quiet();
        half_way(&mut progress);
        progress.tick(SECOND * 60);
        progress.finish(SECOND * 61);
        assert_eq!(notes.take(), "");
        progress.note(format_args!("something"));
        assert_eq!(notes.take(), "mcbp: something\n");
    }
}
