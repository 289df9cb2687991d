//! One way to run the core for a `Sync` method, one for a promise. Panics become errors in both.

use std::panic::{AssertUnwindSafe, catch_unwind};

use h2q_core::error::{Error, Result};
use h2q_core::jobs;
use h2q_core::parallel::Cancel;
use napi::Env;
use napi::bindgen_prelude::{Object, ToNapiValue};
use napi_derive::napi;

use crate::convert::js_error;

/// Asks running work to stop.
#[napi]
#[derive(Default)]
pub struct CancelToken {
    pub(crate) inner: Cancel,
}

#[napi]
impl CancelToken {
    /// A token that has not fired.
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
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
    let job = move || {
        let result = guarded(work);
        deferred.resolve(Box::new(move |env| match result {
            Ok(value) => convert(env, value),
            Err(error) => Err(js_error(&env, &error)),
        }));
    };
    jobs::spawn(job).map_err(|error| {
        js_error(env, &Error::Internal { reason: format!("no thread could be started: {error}") })
    })?;
    Ok(promise)
}

fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).into()));
        Err(Error::Internal { reason: text.unwrap_or_else(|| "a panic without a message".into()) })
    })
}
