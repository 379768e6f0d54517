//! The texts that encoders of different languages write for the same JSON.

use std::collections::BTreeMap;

use serde_json::Value;

/// The maximum length of JSON that is written in other forms. No usual capability is as long.
const MAX_BYTES: usize = 64 * 1024;

/// A way to write JSON.
#[derive(Clone, Copy)]
enum Form {
    /// `{"a":["b","c"]}`
    Compact,
    /// `{"a": ["b", "c"]}`, as Python writes it.
    Spaced,
    /// With line feeds and this number of spaces.
    Pretty(usize),
}

/// Characters that some encoders escape.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    AsReceived,
    /// Python and PHP escape characters that are not ASCII.
    Ascii,
    /// PHP escapes slashes too.
    AsciiAndSlash,
}

/// Returns the other texts for the JSON in `text`, each with the name of its form. The order of members stays, and the
/// members sorted by name come as well.
pub(crate) fn forms(text: &str) -> Vec<(String, &'static str)> {
    if text.len() > MAX_BYTES {
        return Vec::new();
    }
    let Ok(value) = serde_json::from_str::<Value>(text) else { return Vec::new() };
    let sorted = serde_json::from_str::<BTreeMap<String, Value>>(text).ok();
    let sorted = sorted.and_then(|members| serde_json::to_string(&members).ok());
    let mut forms: Vec<(String, &'static str)> = Vec::new();
    let mut add = |form: String, name| {
        if form != text && forms.iter().all(|(other, _)| *other != form) {
            forms.push((form, name));
        }
    };
    let written = [
        (Form::Compact, Escapes::AsReceived, "without spaces", "without spaces, with sorted members"),
        (
            Form::Spaced,
            Escapes::AsReceived,
            "with spaces after `:` and `,`",
            "with spaces after `:` and `,`, with sorted members",
        ),
        (
            Form::Spaced,
            Escapes::Ascii,
            "as Python's `json.dumps` writes it",
            "as Python's `json.dumps` writes it, with sorted members",
        ),
        (
            Form::Compact,
            Escapes::Ascii,
            "with escapes for characters that are not ASCII",
            "with escapes for characters that are not ASCII, with sorted members",
        ),
        (
            Form::Compact,
            Escapes::AsciiAndSlash,
            "as PHP's `json_encode` writes it",
            "as PHP's `json_encode` writes it, with sorted members",
        ),
        (
            Form::Pretty(2),
            Escapes::AsReceived,
            "on several lines, indented by 2",
            "on several lines, indented by 2, with sorted members",
        ),
        (
            Form::Pretty(4),
            Escapes::AsReceived,
            "on several lines, indented by 4",
            "on several lines, indented by 4, with sorted members",
        ),
    ];
    for (form, escapes, name, name_sorted) in written {
        add(write(text, form, escapes), name);
        if let Some(sorted) = &sorted {
            add(write(sorted, form, escapes), name_sorted);
        }
    }
    if matches!(value, Value::Object(_)) {
        add(Value::from(text).to_string(), "as a JSON string in quotes, encoded twice");
    }
    forms
}

/// Writes valid JSON in another form. Strings keep their escapes, except for those that `escapes` adds.
fn write(json: &str, form: Form, escapes: Escapes) -> String {
    let mut out = String::with_capacity(json.len().saturating_mul(2));
    let mut chars = json.chars().filter_not_insignificant().peekable();
    let mut depth = 0_usize;
    while let Some(Token { c, is_in_string }) = chars.next() {
        if is_in_string {
            escape(c, escapes, &mut out);
            continue;
        }
        let next_closes = chars.peek().is_some_and(|next| !next.is_in_string && matches!(next.c, '}' | ']'));
        match c {
            '{' | '[' => {
                out.push(c);
                depth = depth.saturating_add(1);
                if !next_closes {
                    line(form, depth, &mut out);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if !out.ends_with(['{', '[']) {
                    line(form, depth, &mut out);
                }
                out.push(c);
            }
            ',' => {
                out.push(c);
                if matches!(form, Form::Spaced) {
                    out.push(' ');
                }
                line(form, depth, &mut out);
            }
            ':' => out.push_str(if matches!(form, Form::Compact) { ":" } else { ": " }),
            _ => out.push(c),
        }
    }
    out
}

fn line(form: Form, depth: usize, out: &mut String) {
    if let Form::Pretty(spaces) = form {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', spaces.saturating_mul(depth)));
    }
}

fn escape(c: char, escapes: Escapes, out: &mut String) {
    match (c, escapes) {
        ('/', Escapes::AsciiAndSlash) => out.push_str("\\/"),
        (c, Escapes::Ascii | Escapes::AsciiAndSlash) if !c.is_ascii() => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
        (c, _) => out.push(c),
    }
}

/// A character of JSON. The quotes of a string count as in it.
struct Token {
    c: char,
    is_in_string: bool,
}

trait Significant: Iterator<Item = char> + Sized {
    /// Returns the characters without white space between values.
    fn filter_not_insignificant(self) -> impl Iterator<Item = Token> {
        let (mut is_in_string, mut is_escaped) = (false, false);
        self.filter_map(move |c| {
            let was_in_string = is_in_string;
            if is_escaped {
                is_escaped = false;
            } else if c == '\\' {
                is_escaped = is_in_string;
            } else if c == '"' {
                is_in_string = !is_in_string;
            }
            let is_in_string = was_in_string || is_in_string;
            (is_in_string || !c.is_ascii_whitespace()).then_some(Token { c, is_in_string })
        })
    }
}

impl<I: Iterator<Item = char>> Significant for I {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_those_of_common_encoders() {
        let forms = forms(r#"{"b:é/1":["*"],"a":[]}"#);
        let has = |text: &str| assert!(forms.iter().any(|(form, _)| form == text), "{text} {forms:?}");
        has(r#"{"b:é/1": ["*"], "a": []}"#);
        has(r#"{"a":[],"b:é/1":["*"]}"#);
        has(r#"{"b:\u00e9/1": ["*"], "a": []}"#);
        has(r#"{"b:\u00e9\/1":["*"],"a":[]}"#);
        has("{\n  \"b:é/1\": [\n    \"*\"\n  ],\n  \"a\": []\n}");
        has(r#""{\"b:é/1\":[\"*\"],\"a\":[]}""#);
    }

    #[test]
    fn strings_keep_their_spaces_and_signs() {
        let text = r#"{"a , b : [\" ": ["x"]}"#;
        assert_eq!(write(text, Form::Compact, Escapes::AsReceived), r#"{"a , b : [\" ":["x"]}"#);
    }
}
