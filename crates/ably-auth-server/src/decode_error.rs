//! Decoding errors of JSON and MessagePack. The texts quote no values, because the input may hold a secret.

/// The reason why an object with too many unknown fields is refused. The core has the same text.
pub(crate) const TOO_MANY_FIELDS: &str = "too many unknown fields";

/// The reason why an object with a repeated unknown field is refused.
pub(crate) const REPEATED_FIELD: &str = "an unknown field is repeated";

/// Texts that quote nothing of the input, so that they are returned unchanged.
const FIXED: [&str; 3] = [TOO_MANY_FIELDS, REPEATED_FIELD, "not a number of milliseconds since the epoch"];

/// Describes a serde error. `error` is serde's text, which may quote the input; `place` is where decoding stopped.
pub(crate) fn explain(error: &str, place: &str) -> String {
    // serde_json appends the place. Compare the entire text: one that only starts like a fixed text may go on with
    // input.
    let text = error.strip_suffix(&format!(" at {place}")).unwrap_or(error);
    if let Some(fixed) = FIXED.iter().find(|fixed| **fixed == text) {
        return at(fixed, place);
    }
    let names_a_field = ["missing field `", "duplicate field `"].iter().any(|start| error.starts_with(start));
    if let Some(rest) = error.strip_prefix("unknown field `") {
        // A client may send an entire API key where a field name belongs; do not quote that.
        if rest.split('`').next().is_some_and(|name| name.contains(':')) {
            return at("unknown field", place);
        }
        return at(error.split(" at line ").next().unwrap_or_default(), place);
    }
    if names_a_field {
        return at(error.split(" at line ").next().unwrap_or_default(), place);
    }
    let quotes_a_value = ["invalid type: ", "invalid value: ", "invalid length: "];
    if quotes_a_value.iter().any(|start| error.starts_with(start)) {
        // The text after the last `expected` is this program's own, for every input.
        if let Some((_, expected)) = error.rsplit_once(", expected ") {
            return at(&format!("expected {}", expected.split(" at line ").next().unwrap_or_default()), place);
        }
    }
    at("invalid value", place)
}

/// Describes an error of `serde_json`, as [`explain`] does.
pub(crate) fn explain_json(error: &serde_json::Error) -> String {
    if error.is_data() {
        explain(&error.to_string(), &format!("line {} column {}", error.line(), error.column()))
    } else {
        // A syntax error is a fixed text and a place.
        error.to_string()
    }
}

fn at(problem: &str, place: &str) -> String {
    format!("{problem} at {place}")
}

#[cfg(test)]
mod tests {
    use super::{FIXED, explain, explain_json};

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Form {
        #[serde(rename = "number")]
        _number: u8,
    }

    #[test]
    fn error_names_field_without_quoting_value() {
        let say = |text| explain_json(&serde_json::from_str::<Form>(text).expect_err(text));
        assert_eq!(say("{}"), "missing field `number` at line 1 column 2");
        assert_eq!(say("{\n\"hush\":1}"), "unknown field `hush`, expected `number` at line 2 column 6");
        assert_eq!(say(r#"{"app.key:hush":1}"#), "unknown field at line 1 column 15");
        assert_eq!(say(r#"{"number":1,"number":2}"#), "duplicate field `number` at line 1 column 20");
        assert_eq!(say(r#"{"number":"hush"}"#), "expected u8 at line 1 column 16");
        assert_eq!(say(r#"{"number":"hush, expected more at line 3"}"#), "expected u8 at line 1 column 41");
        assert_eq!(say(r#""app.key:hush""#), "expected struct Form at line 1 column 14");
        assert_eq!(say(r#"{"number":300}"#), "expected u8 at line 1 column 13");
        for fixed in FIXED {
            let error = <serde_json::Error as serde::de::Error>::custom(fixed);
            assert_eq!(explain(&error.to_string(), "byte 7"), format!("{fixed} at byte 7"));
            let longer = format!("{fixed} hush");
            assert!(!explain(&longer, "byte 7").contains(fixed), "{longer}");
        }
        assert_eq!(say(r#"{"number":"#), "EOF while parsing a value at line 1 column 10");
    }
}
