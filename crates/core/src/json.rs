//! Flat JSON objects: the details of errors, the metadata of models. A general library is a third of a
//! small WebAssembly module.

use crate::decimal;

/// An object on its way to text.
pub(crate) struct Writer(String);

impl Writer {
    pub fn new() -> Self {
        Self("{".into())
    }

    #[must_use]
    pub fn text(mut self, name: &str, value: &str) -> Self {
        self.name(name);
        quote(value, &mut self.0);
        self
    }

    #[must_use]
    pub fn count(mut self, name: &str, value: u64) -> Self {
        self.name(name);
        self.0.push_str(&value.to_string());
        self
    }

    /// `value` is finite.
    #[must_use]
    pub fn number(mut self, name: &str, value: f64) -> Self {
        self.name(name);
        decimal::write(value, &mut self.0);
        self
    }

    fn name(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        quote(name, &mut self.0);
        self.0.push(':');
    }

    pub fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' => {
                out.push_str("\\u00");
                out.push(if character < '\u{10}' { '0' } else { '1' });
                out.push(char::from(b"0123456789abcdef"[character as usize % 16]));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

/// A member of an object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(String),
    /// A number as it is written.
    Number(String),
    /// `true`, `false`, `null`, arrays and objects, which nothing here has a use for.
    Other,
}

/// The members of an object, in order; `None` for text that is no object.
pub(crate) fn members(text: &[u8]) -> Option<Vec<(String, Value)>> {
    let mut reader = Reader { text, depth: 0 };
    let mut members = Vec::new();
    reader.object(&mut |name, value| members.push((name, value)))?;
    reader.skip_space();
    reader.text.is_empty().then_some(members)
}

/// Works on bytes: slicing text drags tables of Unicode along for its panics.
struct Reader<'a> {
    /// What is still to be read.
    text: &'a [u8],
    depth: usize,
}

/// Objects within objects.
const DEEPEST: usize = 64;

impl Reader<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.text.split_first()?;
        self.text = rest;
        Some(*first)
    }

    fn skip_space(&mut self) {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.text {
            self.text = rest;
        }
    }

    /// Reads `token` and the space before it, if that is what follows.
    fn has(&mut self, token: &[u8]) -> bool {
        self.skip_space();
        match self.text.strip_prefix(token) {
            Some(rest) => {
                self.text = rest;
                true
            }
            None => false,
        }
    }

    fn object(&mut self, member: &mut dyn FnMut(String, Value)) -> Option<()> {
        self.list(b"{", b"}", &mut |reader| {
            let name = reader.has(b"\"").then(|| reader.rest_of_text())??;
            let value = reader.has(b":").then(|| reader.value())??;
            member(name, value);
            Some(())
        })
    }

    /// Items between brackets, with commas between them.
    fn list(
        &mut self,
        open: &[u8],
        close: &[u8],
        item: &mut dyn FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        self.depth += 1;
        if self.depth > DEEPEST || !self.has(open) {
            return None;
        }
        let mut is_first = true;
        while !self.has(close) {
            if !is_first && !self.has(b",") {
                return None;
            }
            is_first = false;
            item(self)?;
        }
        self.depth -= 1;
        Some(())
    }

    fn value(&mut self) -> Option<Value> {
        if self.has(b"\"") {
            return self.rest_of_text().map(Value::Text);
        }
        if self.text.first() == Some(&b'{') {
            return self.object(&mut |_, _| {}).map(|()| Value::Other);
        }
        if self.text.first() == Some(&b'[') {
            let item = &mut |reader: &mut Self| reader.value().map(|_| ());
            return self.list(b"[", b"]", item).map(|()| Value::Other);
        }
        if self.has(b"true") || self.has(b"false") || self.has(b"null") {
            return Some(Value::Other);
        }
        let mut number = String::new();
        while let [byte @ (b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'), rest @ ..] = self.text {
            number.push(char::from(*byte));
            self.text = rest;
        }
        decimal::parse(&number).map(|_| Value::Number(number))
    }

    /// What stands before the closing quote.
    fn rest_of_text(&mut self) -> Option<String> {
        let mut out = Vec::new();
        loop {
            match self.next()? {
                b'"' => return String::from_utf8(out).ok(),
                b'\\' => {
                    let character = self.escaped()?;
                    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                0..=0x1f => return None,
                byte => out.push(byte),
            }
        }
    }

    /// What stands behind a backslash.
    fn escaped(&mut self) -> Option<char> {
        Some(match self.next()? {
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => {
                let mut code = 0;
                for _ in 0..4 {
                    code = 16 * code + char::from(self.next()?).to_digit(16)?;
                }
                // Halves of a pair are nothing that names here have.
                char::from_u32(code)?
            }
            same @ (b'"' | b'\\' | b'/') => char::from(same),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_written_as_serde_json_does_and_read_back() {
        let text: String = (0..0x100).filter_map(char::from_u32).chain("€😀/".chars()).collect();
        let written =
            Writer::new().text(&text, &text).count("n", u64::MAX).number("x", -0.1).finish();
        let wanted = serde_json::json!({ &text: text, "n": u64::MAX, "x": -0.1 });
        assert_eq!(serde_json::from_str::<serde_json::Value>(&written).expect("JSON"), wanted);
        let quoted = serde_json::to_string(&text).expect("JSON");
        assert!(written.starts_with(&format!("{{{quoted}:{quoted},")), "{written}");
        let members = members(written.as_bytes()).expect("an object");
        assert_eq!(members[0], (text.clone(), Value::Text(text)));
        assert_eq!(members[1], ("n".into(), Value::Number(u64::MAX.to_string())));
        assert_eq!(members[2], ("x".into(), Value::Number("-0.1".into())));
        assert_eq!(Writer::new().finish(), "{}");
    }

    #[test]
    fn other_values_are_passed_over() {
        let text = br#" { "a" : [1, {"b": [], "c": null}, "x\u00e9\/"], "d":true,
            "e" : -1.5e3 } "#;
        let members = members(text).expect("an object");
        let wanted =
            [("a", Value::Other), ("d", Value::Other), ("e", Value::Number("-1.5e3".into()))];
        assert_eq!(members, wanted.map(|(name, value)| (name.to_string(), value)));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        let deep = "{\"a\":".to_string() + &"[".repeat(100);
        for text in [
            "",
            "{",
            "}",
            "[]",
            "1",
            "{}x",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,}",
            "{a:1}",
            "{\"a\":1 \"b\":2}",
            "{\"a\":01x}",
            "{\"a\":nul}",
            "{\"a\":\"x}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":[1}",
            &deep,
        ] {
            assert_eq!(members(text.as_bytes()), None, "{text}");
        }
        assert_eq!(members(b"{\"\xff\":1}"), None);
    }
}
