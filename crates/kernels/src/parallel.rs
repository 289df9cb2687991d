//! Parallel loops whose results do not depend on the number of threads, and the way to stop them.
//!
//! Work is cut into tasks whose boundaries depend on the input alone; threads only decide who does
//! which task. The calling thread takes part, so a job always makes progress, however busy other
//! jobs are: that is why these are scoped threads and not a shared work-stealing pool, where a
//! waiting search could pick up somebody else's whole epoch.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};

use crate::error::{Error, Result};
use crate::sizes::block;
use crate::sorting;

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
        // Nobody can cancel while the only thread of WebAssembly is here.
        let is_cancelled = !cfg!(target_family = "wasm") && self.0.load(Relaxed);
        if is_cancelled { Err(Error::Aborted.into()) } else { Ok(()) }
    }
}

/// Threads to use for a request, where 0 asks for all that the machine has. WebAssembly has one.
pub fn resolve_threads(requested: usize) -> usize {
    if cfg!(target_family = "wasm") {
        return 1;
    }
    // Asked once: the system reads files to tell, which takes longer than a small search.
    static AVAILABLE: OnceLock<usize> = OnceLock::new();
    let available =
        *AVAILABLE.get_or_init(|| std::thread::available_parallelism().map_or(1, |n| n.get()));
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
    if cfg!(target_family = "wasm") {
        let mut done = Vec::with_capacity(tasks);
        let push = |state: &mut S, task| work(state, task).map(|result| done.push(result));
        return in_turn(tasks, cancel, state(), push).map(|_| done);
    }
    let run = |next: &mut dyn FnMut() -> Option<usize>| {
        let mut state = state();
        let mut done = Vec::new();
        while let Some(task) = next() {
            let result = cancel.check().and_then(|()| work(&mut state, task));
            let has_failed = result.is_err();
            done.push((task, result));
            if has_failed {
                break;
            }
        }
        done
    };
    let mut done: Vec<_> = share_tasks(threads, tasks, run).into_iter().flatten().collect();
    done.sort_unstable_by_key(|(task, _)| *task);
    done.into_iter().map(|(_, result)| result).collect()
}

/// [`map_tasks`] of tasks in steps: `step(task, 0..steps)` and then the result by `end`, all on the same state.
///
/// # Errors
/// `Aborted` when `cancel` fires, which is looked at before each step.
pub fn map_steps<S, T: Send>(
    threads: usize,
    [tasks, steps]: [usize; 2],
    cancel: &Cancel,
    state: impl Fn() -> S + Sync,
    step: impl Fn(&mut S, usize, usize) + Sync,
    end: impl Fn(&mut S, usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    map_tasks(threads, tasks, cancel, state, |state, task| {
        for number in 0..steps {
            cancel.check()?;
            step(state, task, number);
        }
        end(state, task)
    })
}

/// Runs `work(0..tasks)` on up to `threads` threads, each on a state of its own, and returns the states.
/// Each thread does its tasks in rising order, but who does which differs from run to run: use it where
/// what is made of all states together does not depend on that.
///
/// # Errors
/// As [`map_tasks`].
pub fn fold_tasks<S: Send>(
    threads: usize,
    tasks: usize,
    cancel: &Cancel,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> Result<()> + Sync,
) -> Result<Vec<S>> {
    if cfg!(target_family = "wasm") {
        return in_turn(tasks, cancel, state(), work).map(|state| vec![state]);
    }
    let run = |next: &mut dyn FnMut() -> Option<usize>| {
        let mut state = state();
        while let Some(task) = next() {
            if let Err(error) = cancel.check().and_then(|()| work(&mut state, task)) {
                return Err((task, error));
            }
        }
        Ok(state)
    };
    let ends = share_tasks(threads, tasks, run);
    let mut failed = None;
    let mut states = Vec::with_capacity(ends.len());
    for end in ends {
        match end {
            Ok(state) => states.push(state),
            Err((task, error)) if failed.as_ref().is_none_or(|(first, _)| task < *first) => {
                failed = Some((task, error));
            }
            Err(_) => {}
        }
    }
    failed.map_or(Ok(states), |(_, error)| Err(error))
}

/// All tasks on the calling thread, in order.
fn in_turn<S>(
    tasks: usize,
    cancel: &Cancel,
    mut state: S,
    mut work: impl FnMut(&mut S, usize) -> Result<()>,
) -> Result<S> {
    for task in 0..tasks {
        cancel.check()?;
        work(&mut state, task)?;
    }
    Ok(state)
}

/// Lets threads take tasks from one counter. `run` is what a thread does: it asks for tasks until there
/// are none left, or stops earlier, and then nobody is given any more.
fn share_tasks<T: Send>(
    threads: usize,
    tasks: usize,
    run: impl Fn(&mut dyn FnMut() -> Option<usize>) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let run = || {
        let mut is_done = false;
        let result = run(&mut || {
            let task = next.fetch_add(1, Relaxed);
            is_done = task >= tasks;
            (!is_done).then_some(task)
        });
        if !is_done {
            next.store(tasks, Relaxed);
        }
        result
    };
    let helpers = resolve_threads(threads).min(tasks).saturating_sub(1);
    if helpers == 0 {
        return vec![run()];
    }
    std::thread::scope(|scope| {
        // Where the system gives no more threads, those that there are do the work.
        let start = |_| std::thread::Builder::new().spawn_scoped(scope, run).ok();
        let handles: Vec<_> = (0..helpers).map_while(start).collect();
        let mut results = vec![run()];
        for handle in handles {
            results.push(handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        results
    })
}

/// Sorts in steps between which `cancel` is looked at: no step touches more than it must.
///
/// # Errors
/// `Aborted`; `items` are in some order then.
pub fn sort<T: Ord + Copy>(items: &mut [T], cancel: &Cancel) -> Result<()> {
    if cfg!(target_family = "wasm") {
        sorting::sort(items);
        return Ok(());
    }
    const STEP: usize = block(1 << 16, 16);
    for chunk in items.chunks_mut(STEP) {
        cancel.check()?;
        chunk.sort_unstable();
    }
    let mut sorted = STEP;
    while sorted < items.len() {
        sorted *= 2;
        for chunk in items.chunks_mut(sorted) {
            cancel.check()?;
            // Two runs that rise, which a stable sort finds and merges.
            chunk.sort();
        }
    }
    Ok(())
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
    if cfg!(target_family = "wasm") {
        let (tasks, mut chunks) = (out.len().div_ceil(chunk), out.chunks_mut(chunk));
        let fill = |state: &mut S, i| work(state, i, chunks.next().unwrap_or_default());
        return in_turn(tasks, cancel, state(), fill).map(|_| ());
    }
    let chunks: Vec<_> = out.chunks_mut(chunk).map(|c| std::sync::Mutex::new(Some(c))).collect();
    map_tasks(threads, chunks.len(), cancel, state, |state, i| {
        // Each task index is handed out once, so the lock is free and the chunk still there.
        let chunk = chunks[i].lock().ok().and_then(|mut slot| slot.take());
        work(state, i, chunk.unwrap_or_default())
    })
    .map(|_| ())
}
