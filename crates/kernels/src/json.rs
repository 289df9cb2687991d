//! Flat JSON objects: the metadata of models, the details of errors. What is in them is said here, how text
//! becomes of them is left to whoever has JSON: serde_json with the feature `json`, in WebAssembly JavaScript.

use crate::text;

/// The value of a member.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "json", derive(serde::Serialize), serde(untagged))]
pub enum Value {
    /// A string.
    Text(String),
    /// A whole number that is not negative.
    Count(u64),
    /// Any other finite number.
    Number(f64),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<usize> for Value {
    fn from(count: usize) -> Self {
        Self::Count(count as u64)
    }
}

impl Value {
    /// Appends it as text; numbers that are no counts only stand in metadata, which nobody asks this for.
    pub(crate) fn push_to(&self, out: &mut String) {
        match self {
            Self::Text(own) => out.push_str(own),
            Self::Count(count) => text::push(out, (*count).into()),
            Self::Number(_) => {}
        }
    }
}

/// Name and value.
pub type Member = (&'static str, Value);

#[cfg(feature = "json")]
pub use by_serde::{find, to_text};

#[cfg(feature = "json")]
mod by_serde {
    use serde::Serializer;
    use serde_json::{Map, Value as Json};

    use super::{Member, Value};

    /// The object with these members, in this order.
    pub fn to_text(members: Vec<Member>) -> Vec<u8> {
        let mut text = Vec::new();
        // Strings and numbers always serialise, and a vector takes all that is written.
        let _ = serde_json::Serializer::new(&mut text).collect_map(members);
        text
    }

    /// A way to look up members of the object that `text` is.
    ///
    /// # Errors
    /// Why it is none.
    pub fn find(text: &[u8]) -> Result<impl Fn(&str) -> Option<Value>, String> {
        let object: Map<String, Json> =
            serde_json::from_slice(text).map_err(|error| error.to_string())?;
        Ok(move |name: &str| match object.get(name)? {
            Json::String(text) => Some(Value::Text(text.clone())),
            Json::Number(number) => match number.as_u64() {
                Some(count) => Some(Value::Count(count)),
                None => number.as_f64().map(Value::Number),
            },
            _ => None,
        })
    }
}
