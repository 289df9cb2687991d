//! A step of SGD after the first few allocates nothing (on x86-64 with AVX2, where faer's products
//! pack into buffers that each thread keeps).
#![cfg(target_arch = "x86_64")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use h2q_core::fit::HouseholderSgd;
use h2q_core::losses::Loss;

thread_local! {
    /// Allocations of this thread: the test harness has threads of its own.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

// SAFETY: everything is handed to the system's allocator; the counter needs no allocation.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const BATCH: usize = 128;

fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![1u8; 100]))), 1);
    assert_eq!(allocations(|| ()), 0);
}

#[test]
fn steps_after_the_first_allocate_nothing() {
    for d in [16, 32, 64, 128, 384] {
        let rows = support::uniform(BATCH * d, d as u64);
        for m in [d, d / 2, d / 8, 1] {
            for loss in Loss::ALL {
                let mut sgd = HouseholderSgd::from_unit_vectors(m, d, loss, 0.1);
                // Whole batches alone; the smaller ones that end an epoch come later.
                (0..2).for_each(|_| _ = sgd.step(&rows).expect("a step"));
                let count = allocations(|| {
                    for rows_of_batch in [BATCH, BATCH, BATCH - 1, 100, 37, 8, 1, BATCH] {
                        sgd.step(&rows[..rows_of_batch * d]).expect("a step");
                    }
                });
                assert_eq!(count, 0, "d {d}, m {m}, {}", loss.name());
            }
        }
    }
}
