//! JSON by JavaScript, for the metadata of model files.

#[cfg(feature = "whole")]
use h2q_core::head::HeadSummary;
use h2q_core::json::{Member, Value};
#[cfg(feature = "whole")]
use h2q_core::model::Summary;
#[cfg(feature = "whole")]
use js_sys::Reflect;
use js_sys::{JSON, Number};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

/// Reads the metadata of a model file.
#[cfg(feature = "whole")]
pub fn read(text: &[u8]) -> Result<(Summary, HeadSummary), String> {
    let parsed = std::str::from_utf8(text).ok().and_then(|text| JSON::parse(text).ok());
    let object = parsed.ok_or("no JSON")?;
    let find = |name: &str| {
        let value = Reflect::get(&object, &name.into()).ok()?;
        match value.as_f64() {
            Some(number) if Number::is_safe_integer(&value) && number >= 0.0 => {
                Some(Value::Count(number as u64))
            }
            Some(number) => Some(Value::Number(number)),
            None => value.as_string().map(Value::Text),
        }
    };
    Ok((Summary::from_members(find)?, HeadSummary::from_members(find)))
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(extends = Number)]
    type Float;

    /// With as many digits as it takes.
    #[wasm_bindgen(method, js_name = toExponential)]
    fn to_exponential(this: &Float) -> String;
}

/// The bytes that serde_json writes.
pub fn write(members: Vec<Member>) -> Vec<u8> {
    let members = members.into_iter().map(|(name, value)| {
        let value = match value {
            Value::Text(text) => {
                JSON::stringify(&text.into()).map(String::from).unwrap_or_default()
            }
            Value::Count(count) => count.to_string(),
            Value::Number(number) => float(number),
        };
        ["\"", name, "\":", &value].concat()
    });
    ["{", &members.collect::<Vec<_>>().join(","), "}"].concat().into_bytes()
}

/// With the point or the exponent that tell it from a count.
fn float(number: f64) -> String {
    let value = JsValue::from(number);
    if number != 0.0 && !(1e-5..1e16).contains(&number.abs()) {
        return value.unchecked_into::<Float>().to_exponential();
    }
    let text = JSON::stringify(&value).map(String::from).unwrap_or_default();
    if number.fract() == 0.0 { text + ".0" } else { text }
}
