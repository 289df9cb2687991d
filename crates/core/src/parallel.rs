//! Parallel loops whose results do not depend on the number of threads, and the way to stop them.
//!
//! Work is cut into tasks whose boundaries depend on the input alone; threads only decide who does
//! which task. The calling thread takes part, so a job always makes progress, however busy other
//! jobs are: that is why these are scoped threads and not a shared work-stealing pool, where a
//! waiting search could pick up somebody else's whole epoch.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use crate::error::{Error, Result};

/// Asks running work to stop; clones share one flag.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// From now on every [`Cancel::check`] fails.
    pub fn cancel(&self) {
        self.0.store(true, Relaxed);
    }

    /// A handle that does not keep the flag alive.
    pub fn downgrade(&self) -> Weak<AtomicBool> {
        Arc::downgrade(&self.0)
    }

    /// `Aborted` once [`Cancel::cancel`] was called.
    pub fn check(&self) -> Result<()> {
        if self.0.load(Relaxed) { Err(Error::Aborted) } else { Ok(()) }
    }
}

/// Threads to use for a request, where 0 asks for all that the machine has.
pub fn resolve_threads(requested: usize) -> usize {
    let available = std::thread::available_parallelism().map_or(1, |n| n.get());
    if requested == 0 { available } else { requested.min(available.max(64)) }
}

/// Runs `work(0..tasks)` on up to `threads` threads and returns the results in order of the tasks.
///
/// `state` makes one workspace per thread; results must not depend on what an earlier task left in it.
///
/// # Errors
/// `Aborted` when `cancel` fires, else the error of the first task that failed.
pub fn map_tasks<S, T: Send>(
    threads: usize,
    tasks: usize,
    cancel: &Cancel,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let run = || {
        let mut state = state();
        let mut done = Vec::new();
        loop {
            let task = next.fetch_add(1, Relaxed);
            if task >= tasks || failed.load(Relaxed) {
                return done;
            }
            let result = cancel.check().and_then(|()| work(&mut state, task));
            failed.fetch_or(result.is_err(), Relaxed);
            done.push((task, result));
        }
    };
    let helpers = resolve_threads(threads).min(tasks).saturating_sub(1);
    let mut done = if helpers == 0 {
        run()
    } else {
        std::thread::scope(|scope| {
            // Where the system gives no more threads, those that there are do the work.
            let start = |_| std::thread::Builder::new().spawn_scoped(scope, run).ok();
            let handles: Vec<_> = (0..helpers).map_while(start).collect();
            let mut done = run();
            for handle in handles {
                done.extend(handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            done
        })
    };
    done.sort_unstable_by_key(|(task, _)| *task);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Cuts `out` into chunks of `chunk` elements and lets `work` fill each, given its position.
///
/// # Errors
/// As [`map_tasks`].
pub fn fill_chunks<S, T: Send>(
    threads: usize,
    out: &mut [T],
    chunk: usize,
    cancel: &Cancel,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize, &mut [T]) -> Result<()> + Sync,
) -> Result<()> {
    let chunks: Vec<_> = out.chunks_mut(chunk).map(|c| std::sync::Mutex::new(Some(c))).collect();
    map_tasks(threads, chunks.len(), cancel, state, |state, i| {
        // Each task index is handed out once, so the lock is free and the chunk still there.
        let chunk = chunks[i].lock().ok().and_then(|mut slot| slot.take());
        work(state, i, chunk.unwrap_or_default())
    })
    .map(|_| ())
}
