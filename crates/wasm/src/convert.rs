//! Numbers, objects and errors across the binding.

use h2q_core::error::Error;
use h2q_core::json::Value;
use js_sys::{Object, Reflect};
use wasm_bindgen::JsValue;

/// An error of the core on its way to JavaScript, where it is an `Error` with `code` and `details`: what
/// `toH2qError` in `ts/errors.ts` takes from every binding.
pub struct Thrown(Box<Error>);

/// What every function here returns.
pub type Result<T> = std::result::Result<T, Thrown>;

impl From<Box<Error>> for Thrown {
    fn from(error: Box<Error>) -> Self {
        Self(error)
    }
}

impl From<Error> for Thrown {
    fn from(error: Error) -> Self {
        Self(error.into())
    }
}

impl From<Thrown> for JsValue {
    fn from(Thrown(error): Thrown) -> Self {
        let thrown = js_sys::Error::new(&error.message());
        let details = Object::new();
        for (name, value) in error.fields() {
            set(&details, name, value_of(value));
        }
        set(&thrown, "code", error.code());
        set(&thrown, "details", details);
        thrown.into()
    }
}

/// A count that the facade has checked. What is beyond the memory of WASM becomes the largest number
/// there is, so that the core says what cannot be had.
pub fn count(value: f64) -> usize {
    value as usize
}

/// A plain object with these properties; those without a value are left out.
pub fn object<const N: usize>(properties: [(&str, Option<JsValue>); N]) -> JsValue {
    object_of(&properties)
}

/// One function for all numbers of properties.
fn object_of(properties: &[(&str, Option<JsValue>)]) -> JsValue {
    let object = Object::new();
    for (name, value) in properties {
        if let Some(value) = value {
            set(&object, name, value);
        }
    }
    object.into()
}

/// Counts beyond 2^53 are rounded.
pub fn value_of(value: Value) -> JsValue {
    match value {
        Value::Text(text) => text.into(),
        Value::Count(count) => (count as f64).into(),
        Value::Number(number) => number.into(),
    }
}

fn set(object: &Object, name: &str, value: impl Into<JsValue>) {
    // Fails for frozen objects and proxies alone.
    let _ = Reflect::set(object, &name.into(), &value.into());
}

/// The error of a builder that was used after its end.
pub fn finished() -> Box<Error> {
    Box::new(Error::Internal { reason: "the builder was finished before".into() })
}
