//! One way to run the core for a `Sync` method, one for a promise. Panics become errors in both.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError, Weak};

use h2q_core::error::{Error, Result};
use h2q_core::jobs;
use h2q_core::parallel::Cancel;
use napi::Env;
use napi::bindgen_prelude::{Object, ToNapiValue};
use napi_derive::napi;

use crate::convert::js_error;

/// Asks running work to stop.
#[napi]
pub struct CancelToken {
    pub(crate) inner: Cancel,
}

/// The tokens of one JavaScript thread. When that thread ends (a worker that was terminated), nobody
/// waits for its work any more, and the work stops.
#[derive(Default)]
struct Tokens(Vec<Weak<AtomicBool>>);

impl Drop for Tokens {
    fn drop(&mut self) {
        self.0.iter().filter_map(Weak::upgrade).for_each(|flag| flag.store(true, Relaxed));
    }
}

thread_local! {
    static TOKENS: RefCell<Tokens> = RefCell::default();
}

fn register(cancel: &Cancel) {
    TOKENS.with_borrow_mut(|Tokens(tokens)| {
        if tokens.len() == tokens.capacity() {
            tokens.retain(|token| token.strong_count() > 0);
        }
        tokens.push(cancel.downgrade());
    });
}

#[napi]
impl CancelToken {
    /// A token that has not fired.
    #[napi(constructor)]
    #[allow(clippy::new_without_default, reason = "made from JavaScript only")]
    pub fn new() -> Self {
        let inner = Cancel::default();
        register(&inner);
        Self { inner }
    }

    /// Work that holds this token stops at its next block.
    #[napi]
    pub fn cancel(&self) {
        self.inner.cancel();
    }
}

/// Runs `work` here and now.
pub fn run_sync<T>(env: &Env, work: impl FnOnce() -> Result<T>) -> napi::Result<T> {
    guarded(work).map_err(|error| js_error(env, &error))
}

/// Runs `work` on a thread of the core and `convert` on the thread of JavaScript; returns the promise.
pub fn run_async<'env, T, J>(
    env: &'env Env,
    work: impl FnOnce() -> Result<T> + Send + 'static,
    convert: impl FnOnce(Env, T) -> napi::Result<J> + Send + 'static,
) -> napi::Result<Object<'env>>
where
    T: Send + 'static,
    J: ToNapiValue + 'static,
{
    type Resolver<J> = Box<dyn FnOnce(Env) -> napi::Result<J>>;
    let (deferred, promise) = env.create_deferred::<J, Resolver<J>>()?;
    jobs::spawn(move || {
        let result = guarded(work);
        deferred.resolve(Box::new(move |env| match result {
            Ok(value) => catch_unwind(AssertUnwindSafe(|| convert(env, value)))
                .unwrap_or_else(|panic| Err(js_error(&env, &panic_error(panic)))),
            Err(error) => Err(js_error(&env, &error)),
        }));
    });
    Ok(promise)
}

fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panic_error(panic)))
}

fn panic_error(panic: Box<dyn Any + Send>) -> Box<Error> {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).into()));
    Box::new(Error::Internal { reason: text.unwrap_or_else(|| "a panic without a message".into()) })
}

/// Work on a session that others may be waiting for; one that panicked is still whole enough to be refused.
pub fn locked<S, T>(session: &Mutex<S>, work: impl FnOnce(&mut S) -> T) -> T {
    work(&mut session.lock().unwrap_or_else(PoisonError::into_inner))
}
