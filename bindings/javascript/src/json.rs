//! Results as JSON, which `js/` parses. A text for each result keeps the module smaller than a class with getters.

/// A JSON object that is being written.
pub(crate) struct Object(String);

impl Object {
    pub(crate) fn new() -> Self {
        Self("{".into())
    }

    /// Adds a member whose value is already JSON. The name needs no escapes.
    pub(crate) fn json(mut self, name: &str, value: &str) -> Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push('"');
        self.0.push_str(name);
        self.0.push_str("\":");
        self.0.push_str(value);
        self
    }

    pub(crate) fn number(self, name: &str, value: impl Into<u64>) -> Self {
        self.json(name, &value.into().to_string())
    }

    pub(crate) fn text(self, name: &str, value: &str) -> Self {
        self.json(name, &quoted(value))
    }

    /// Adds a text, if there is one.
    pub(crate) fn maybe(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    pub(crate) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

fn quoted(value: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut quoted = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\0'..'\u{20}' => {
                quoted.push_str("\\u00");
                let code = c as usize;
                quoted.extend(
                    [code / 16, code % 16].iter().filter_map(|&digit| DIGITS.get(digit)).map(|&byte| char::from(byte)),
                );
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::{Object, quoted};

    #[test]
    fn text_is_escaped() {
        assert_eq!(quoted("a\"\\\n\u{1f}é\u{2028}"), "\"a\\\"\\\\\\u000a\\u001fé\u{2028}\"");
    }

    #[test]
    fn members_are_separated() {
        let object = Object::new().text("a", "b").maybe("c", None).number("d", 1_u32).json("e", "[]");
        assert_eq!(object.end(), r#"{"a":"b","d":1,"e":[]}"#);
    }
}
