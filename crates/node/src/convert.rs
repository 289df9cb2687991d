//! Numbers, labels and errors across the binding.

use h2q_core::error::Error;
use h2q_core::evaluate::Labels;
use napi::bindgen_prelude::{BigInt64Array, JsObjectValue, Object, Uint8Array};
use napi::{Env, JsValue};

/// A JS error with the message, `code` and `details` of the core's.
pub fn js_error(env: &Env, error: &Error) -> napi::Error {
    let generic = napi::Error::from_reason(error.to_string());
    build(env, error).unwrap_or(generic)
}

fn build(env: &Env, error: &Error) -> napi::Result<napi::Error> {
    let mut object = env.create_error(napi::Error::from_reason(error.to_string()))?;
    object.set_named_property("code", error.code())?;
    let json: Object = env.get_global()?.get_named_property("JSON")?;
    let parse: napi::bindgen_prelude::Function<String, Object> =
        json.get_named_property("parse")?;
    object.set_named_property("details", parse.call(error.details())?)?;
    Ok(napi::Error::from(object.to_unknown()))
}

/// A count that JavaScript gave as a number.
pub fn count(env: &Env, option: &'static str, value: f64) -> napi::Result<usize> {
    // 2^53: the integers that a JavaScript number holds exactly.
    if value.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&value) {
        return Ok(value as usize);
    }
    let expected = "an integer of at least 0";
    Err(js_error(env, &Error::InvalidOption { option, value: value.to_string(), expected }))
}

/// The same for a value that may be left out.
pub fn optional_count(
    env: &Env,
    option: &'static str,
    value: Option<f64>,
) -> napi::Result<Option<usize>> {
    value.map(|value| count(env, option, value)).transpose()
}

/// Labels as `ts/backend.ts` describes them; `name` is what errors call them.
pub fn labels(env: &Env, labels: &Object, name: &'static str) -> napi::Result<Labels> {
    let built = if labels.get_named_property::<String>("kind")? == "single" {
        let values: BigInt64Array = labels.get_named_property("values")?;
        Labels::single(name, values.to_vec())
    } else {
        let values: Uint8Array = labels.get_named_property("values")?;
        let classes = count(env, "classes", labels.get_named_property("classes")?)?;
        Labels::multi(name, &values, classes)
    };
    built.map_err(|error| js_error(env, &error))
}

/// The error of a builder that was used after its end.
pub fn finished() -> Box<Error> {
    Box::new(Error::Internal { reason: "the builder was finished before".into() })
}

/// Tells the garbage collector of memory that hangs on an object which looks small to it; without this
/// it would collect large vectors too late.
pub fn tell_held(env: &Env, bytes: usize) -> napi::Result<()> {
    env.adjust_external_memory(bytes as i64).map(|_| ())
}

/// The counterpart of [`tell_held`].
pub fn tell_released(env: &Env, bytes: usize) -> napi::Result<()> {
    env.adjust_external_memory(-(bytes as i64)).map(|_| ())
}
