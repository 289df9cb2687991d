//! Long work in parts, for whoever has one thread for all that there is to do: an `async fn` is asked for one part after
//! the other, and knows nothing of who asks. Where there are more threads a part is as long as it takes, and [`Cancel`] is
//! heeded within.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use crate::clock::Stopwatch;
use crate::error::Result;
use crate::parallel::{self, Cancel, resolve_threads};

/// Makes an `async fn` of a function; in the twin of this module it stays as it is. For functions that both have, and
/// short ones: rustfmt leaves out what is in macros.
macro_rules! in_parts {
    ($(#[$about:meta])* $visibility:vis fn $($rest:tt)*) => {
        $(#[$about])* $visibility async fn $($rest)*
    };
}

/// What such a function comes to. Its parts are parts of the one that calls it.
macro_rules! whole {
    ($work:expr) => {
        $work.await
    };
}

pub(crate) use {in_parts, whole};

/// Work that holds all it needs.
pub(crate) struct Parts<T>(Pin<Box<dyn Future<Output = T> + Send>>);

impl<T> Parts<T> {
    /// Nothing is done yet.
    pub fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Box::pin(work))
    }

    /// Does the next part. With the last comes the result, and nothing may be asked for after it.
    pub fn next(&mut self) -> Option<T> {
        next(self.0.as_mut())
    }
}

/// All parts of `work`, at once.
pub(crate) fn finished<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        if let Some(result) = next(work.as_mut()) {
            return result;
        }
    }
}

fn next<T>(work: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Option<T> {
    match work.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}

/// Ends a part.
pub(crate) async fn pause() {
    let mut is_over = false;
    poll_fn(|_| match std::mem::replace(&mut is_over, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

/// What `work` comes to, and the seconds that its parts took.
pub(crate) async fn timed<T>(work: impl Future<Output = T>) -> (T, f64) {
    let mut work = pin!(work);
    let mut seconds = 0.0;
    let result = poll_fn(|context| {
        let started = Stopwatch::start();
        let state = work.as_mut().poll(context);
        seconds += started.seconds();
        state
    });
    (result.await, seconds)
}

/// [`parallel::map_steps`]; with one thread, a step is a part.
pub(crate) async fn map_steps<S, T: Send>(
    threads: usize,
    [tasks, steps]: [usize; 2],
    cancel: &Cancel,
    state: impl Fn() -> S + Sync,
    step: impl Fn(&mut S, usize, usize) + Sync,
    end: impl Fn(&mut S, usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    if resolve_threads(threads) > 1 {
        return parallel::map_steps(threads, [tasks, steps], cancel, state, step, end);
    }
    let (mut state, mut done) = (state(), Vec::with_capacity(tasks));
    for task in 0..tasks {
        for number in 0..steps {
            cancel.check()?;
            step(&mut state, task, number);
            pause().await;
        }
        done.push(end(&mut state, task)?);
    }
    Ok(done)
}

/// [`parallel::fill_chunks`]; with one thread, a chunk is a part.
pub(crate) async fn fill_chunks<S, T: Send>(
    threads: usize,
    out: &mut [T],
    chunk: usize,
    cancel: &Cancel,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize, &mut [T]) -> Result<()> + Sync,
) -> Result<()> {
    if resolve_threads(threads) > 1 {
        return parallel::fill_chunks(threads, out, chunk, cancel, state, work);
    }
    let mut state = state();
    for (i, out) in out.chunks_mut(chunk).enumerate() {
        cancel.check()?;
        work(&mut state, i, out)?;
        pause().await;
    }
    Ok(())
}
