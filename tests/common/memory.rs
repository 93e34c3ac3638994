//! How much memory something takes.

#![allow(unsafe_code, reason = "an allocator cannot be written without")]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use std::alloc::System;

/// The system's allocator, with a tally for each thread. A block that grows always moves: nothing
/// is free of copies only because there was room behind it.
struct Counting;

#[derive(Clone, Copy)]
pub(crate) struct Tally {
    /// How often memory was asked for.
    pub(crate) count: usize,
    /// How much of it is in use, in bytes; less than 0 where other memory is freed.
    pub(crate) live: isize,
    /// The most that was in use.
    pub(crate) peak: isize,
}

const NOTHING: Tally = Tally {
    count: 0,
    live: 0,
    peak: 0,
};

thread_local! {
    static TALLY: Cell<Tally> = const { Cell::new(NOTHING) };
}

fn note(count: usize, grown: isize) {
    TALLY.with(|tally| {
        let Tally {
            count: before,
            live,
            peak,
        } = tally.get();
        let live = live + grown;
        tally.set(Tally {
            count: before + count,
            live,
            peak: peak.max(live),
        });
    });
}

// SAFETY: every call is passed on as it is; the tally neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, layout.size() as isize);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(0, -(layout.size() as isize));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What this thread asks for in the course of `work`.
pub(crate) fn tally<T>(work: impl FnOnce() -> T) -> (Tally, T) {
    TALLY.with(|tally| tally.set(NOTHING));
    let result = work();
    (TALLY.with(Cell::get), result)
}

/// Does `work` without any memory.
#[track_caller]
pub(crate) fn without_memory<T>(work: impl FnOnce() -> T) -> T {
    let (tally, result) = tally(work);
    assert_eq!(tally.count, 0, "allocations");
    result
}
