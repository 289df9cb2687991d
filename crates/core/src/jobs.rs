//! The threads on which bindings run long work: never the caller's, never those of a runtime that also
//! serves files and name look-ups.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};

type Job = Box<dyn FnOnce() + Send>;

struct Pool {
    state: Mutex<State>,
    arrived: Condvar,
}

struct State {
    queue: VecDeque<Job>,
    idle: usize,
    workers: usize,
}

static POOL: Pool = Pool {
    state: Mutex::new(State { queue: VecDeque::new(), idle: 0, workers: 0 }),
    arrived: Condvar::new(),
};

/// Runs `job` on a thread of the pool. Threads are started when first needed, up to 32: many more than
/// cores, so that long jobs, and those that wait for each other, leave room for a search. Where not a single thread can be started, the job
/// runs on the caller's. A job catches its own panics.
pub fn spawn(job: impl FnOnce() + Send + 'static) {
    let limit = crate::parallel::resolve_threads(0).max(32);
    let mut state = POOL.state.lock().unwrap_or_else(PoisonError::into_inner);
    if state.idle <= state.queue.len() && state.workers < limit {
        let started = std::thread::Builder::new().name("h2q".into()).spawn(work);
        match started {
            Ok(_) => state.workers += 1,
            Err(_) if state.workers == 0 => {
                drop(state);
                return job();
            }
            Err(_) => {}
        }
    }
    state.queue.push_back(Box::new(job));
    POOL.arrived.notify_one();
}

fn work() {
    let mut state = POOL.state.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if let Some(job) = state.queue.pop_front() {
            drop(state);
            job();
            state = POOL.state.lock().unwrap_or_else(PoisonError::into_inner);
        } else {
            state.idle += 1;
            state = POOL.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }
}
