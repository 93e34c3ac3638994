//! Many vbuckets, many changes, and readers that are slow.

use core::time::Duration;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use mcbp::testing::{Mix, Node, Recipe};
use mcbp_cli::tail::{self, Format, Options};
use tokio::sync::oneshot;

use super::harness::*;

#[tokio::test]
async fn all_vbuckets_there_can_be() {
    let recipe = Recipe {
        vbuckets: 1024,
        items: 10_000,
        ..Recipe::default()
    };
    let bucket = recipe.bucket();
    let expected = visible(&bucket);
    let (address, _) = serve(Node::new(bucket)).await;
    let run = run(&options(&address)).await;
    assert_all_once(&run.places(), &expected);
    assert_eq!(run.ended.unwrap().vbuckets, 1024);
}

/// Counts lines, and keeps none.
#[derive(Clone, Default)]
struct Counter(Arc<Mutex<u64>>);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let lines = bytes.iter().filter(|&&byte| byte == b'\n').count();
        *self.0.lock().unwrap() += lines as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A million small changes where the build is optimised, and what it takes in no time where not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_million_small_changes() {
    let (items, formats) = if cfg!(debug_assertions) {
        (50_000, &[Format::Json][..])
    } else {
        (
            1_000_000,
            &[Format::Json, Format::Text, Format::Nothing][..],
        )
    };
    let recipe = Recipe {
        vbuckets: 64,
        items,
        value_len: 24,
        mix: Mix::MUTATIONS,
        ..Recipe::default()
    };
    let (address, _) = serve(Node::new(recipe.bucket())).await;
    for &format in formats {
        let options = Options {
            format,
            buffer_size: 10 << 20,
            ..options(&address)
        };
        let (counter, notes) = (Counter::default(), Shown::default());
        let started = Instant::now();
        let ended = tail::run(
            &options,
            counter.clone(),
            quiet(&notes),
            core::future::pending(),
        );
        let outcome = ended.await.unwrap();
        let seconds = started.elapsed().as_secs_f64();
        let rate = items as f64 / seconds;
        println!("{format:?}: {items} changes in {seconds:.2} s: {rate:.0} changes/s");
        assert_eq!(outcome.changes, items);
        let lines = if format == Format::Nothing { 0 } else { items };
        assert_eq!(*counter.0.lock().unwrap(), lines);
    }
}

/// A reader that takes nothing until it is let go.
#[derive(Clone, Default)]
struct Stuck {
    shown: Shown,
    is_free: Arc<(Mutex<bool>, Condvar)>,
}

impl Stuck {
    fn let_go(&self) {
        *self.is_free.0.lock().unwrap() = true;
        self.is_free.1.notify_all();
    }
}

impl Write for Stuck {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let is_free = self.is_free.0.lock().unwrap();
        drop(
            self.is_free
                .1
                .wait_while(is_free, |is_free| !*is_free)
                .unwrap(),
        );
        self.shown.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What waits for a slow reader is what flow control allows; the connection lives on meanwhile, and
/// then everything comes.
#[tokio::test]
async fn a_slow_reader_stops_the_node() {
    let recipe = Recipe {
        vbuckets: 4,
        items: 20_000,
        value_len: 200,
        mix: Mix::MUTATIONS,
        ..Recipe::default()
    };
    let bucket = recipe.bucket();
    let expected = visible(&bucket);
    let (address, _) = serve(Node::new(bucket)).await;
    let wire = Wire::default();
    let buffer_size = 64 << 10;
    let options = Options {
        buffer_size,
        noop_interval: Duration::from_secs(1),
        ..options(&wire.to(address).await)
    };
    let (stuck, notes) = (Stuck::default(), Shown::default());
    let watch = async {
        // Noops are answered meanwhile.
        while wire.answered_noops() < 3 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let received = wire.received();
        // What is not of a stream: the set-up, noops, seqnos. And the last message overshoots.
        let rest = 16 << 10;
        assert!(received <= u64::from(buffer_size) + rest, "{received}");
        assert_eq!(stuck.shown.lines(), 0);
        stuck.let_go();
    };
    let followed = tail::run(
        &options,
        stuck.clone(),
        quiet(&notes),
        core::future::pending(),
    );
    let (ended, ()) = tokio::join!(followed, watch);
    ended.unwrap();
    assert_all_once(&stuck.shown.places(), &expected);
    assert_eq!(notes.to_string(), "", "one connection was enough");
}

/// Ctrl-C while the reader stands still: it ends, and what was not shown is not covered.
#[tokio::test]
async fn an_interrupt_does_not_wait_for_a_reader_that_stands_still() {
    let bucket = recipe().bucket();
    let mut expected = visible(&bucket);
    let (address, _) = serve(Node::new(bucket)).await;
    let directory = Directory::new("interrupt");
    let options = Options {
        checkpoints: Some(directory.file("checkpoint")),
        ..options(&address)
    };
    let (stuck, notes) = (Stuck::default(), Shown::default());
    let (stop, stopped) = oneshot::channel::<()>();
    let interrupt = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        stop.send(()).unwrap();
    };
    let stop = async { stopped.await.unwrap() };
    let followed = tail::run(&options, stuck.clone(), quiet(&notes), stop);
    let (ended, ()) = tokio::join!(followed, interrupt);
    ended.unwrap();
    stuck.let_go();
    let mut again = run(&options).await.places();
    again.sort_unstable();
    expected.sort_unstable();
    assert_eq!(again, expected, "nothing was shown, so everything comes");
}
