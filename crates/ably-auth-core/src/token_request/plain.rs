//! The JSON of a token request as SDKs write it: known fields once each, with strings and integers. serde_json takes half as
//! many instructions again, 7 % more for the exchange of a request in memory: `cargo xtask bench service --instructions`.

use alloc::string::String;

use super::field::Field;
use super::request::TokenRequest;
use crate::text::json_reader::Reader;
use crate::time::Integer;

/// The number of digits that always fit into a `u64`.
const MAX_DIGITS: usize = 19;

/// Reads a request; returns `None` for JSON of another form, valid or not.
pub(super) fn read(json: &str) -> Option<TokenRequest> {
    let mut reader = Reader::new(json);
    let (mut request, mut seen) = (TokenRequest::empty(), 0);
    if !reader.take(b'{') {
        return None;
    }
    loop {
        if !reader.take(b'"') {
            return None;
        }
        let field = Field::named(&reader.string().ok()?.decode())?;
        if !reader.take(b':') || seen & field.bit() != 0 {
            return None;
        }
        seen |= field.bit();
        match field {
            Field::KeyName => request.key_name = text(&mut reader)?,
            Field::Ttl => request.ttl = Some(integer(&mut reader)?),
            Field::Capability => request.capability = Some(text(&mut reader)?),
            Field::ClientId => request.client_id = Some(text(&mut reader)?),
            Field::Timestamp => request.timestamp = Some(integer(&mut reader)?),
            Field::Nonce => request.nonce = Some(text(&mut reader)?),
            Field::Mac => request.mac = Some(text(&mut reader)?),
        }
        if !reader.take(b',') {
            break;
        }
    }
    let is_complete = reader.take(b'}') && reader.peek().is_none() && seen & Field::KeyName.bit() != 0;
    is_complete.then_some(request)
}

fn text(reader: &mut Reader<'_>) -> Option<String> {
    if !reader.take(b'"') {
        return None;
    }
    Some(reader.string().ok()?.decode().into_owned())
}

fn integer(reader: &mut Reader<'_>) -> Option<Integer> {
    let first = reader.peek()?;
    let (mut digits, mut number) = (0_usize, 0_u64);
    while let Some(digit @ b'0'..=b'9') = reader.byte() {
        number = number.checked_mul(10)?.checked_add(u64::from(digit.wrapping_sub(b'0')))?;
        digits = digits.saturating_add(1);
        reader.advance(1);
    }
    let is_integer = (1..=MAX_DIGITS).contains(&digits)
        && (first != b'0' || digits == 1)
        && !matches!(reader.byte(), Some(b'.' | b'e' | b'E'));
    is_integer.then_some(Integer::Millis(number))
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::{String, ToString as _};
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::read;
    use crate::token_request::TokenRequest;

    /// Returns what serde_json reads.
    fn expected(json: &str) -> Result<TokenRequest, String> {
        let mut reader = serde_json::Deserializer::from_str(json);
        let request = TokenRequest::deserialize_known_fields(&mut reader).map_err(|error| error.to_string())?;
        reader.end().map(|()| request).map_err(|error| error.to_string())
    }

    fn member() -> impl Strategy<Value = String> {
        let name = prop::sample::select(
            &["keyName", "ttl", "capability", "clientId", "timestamp", "nonce", "mac", "other", "\\u006dac"][..],
        );
        let value = prop_oneof![
            8 => r#""[ -!#-Z^-~\u{80}-\u{ff}]{0,8}""#,
            2 => r#""(\\["\\/bfnrt]|\\u[0-9a-fD-d]{4}|a){0,4}""#,
            4 => "[1-9][0-9]{0,12}",
            1 => "0|-0|-1|00|01|1\\.5|1e3|18446744073709551615|18446744073709551616|99999999999999999999",
            1 => "null|true|\\{\\}|\\[\\]|\"|\"\t\"",
        ];
        (name, value, " {0,1}")
            .prop_map(|(name, value, space)| format!("{space}\"{name}\"{space}:{space}{value}{space}"))
    }

    proptest! {
        #[test]
        fn json_is_read_as_by_serde_json(
            members in prop::collection::vec(member(), 0..9),
            end in prop_oneof![9 => Just("}"), 1 => Just("} "), 1 => Just("},"), 1 => Just(",}"), 1 => Just("")],
        ) {
            let json = format!("{{{}{end}", members.join(","));
            if let Some(request) = read(&json) {
                prop_assert_eq!(Ok(request), expected(&json), "{}", json);
            }
            let read = TokenRequest::from_json_known_fields(json.as_bytes()).map_err(|error| error.to_string());
            prop_assert_eq!(read, expected(&json));
        }
    }

    #[test]
    fn json_of_another_form_is_left_to_serde_json() {
        for json in [
            "",
            "[]",
            "{}",
            r#"{"keyName""a.b"}"#,
            r#"{keyName":"a.b"}"#,
            r#"{"keyName":"a.b","keyName":"a.b"}"#,
            r#"{"keyName":"a.b" "nonce":"n"}"#,
            r#"{"keyName":"a.b","nonce":"n""#,
            r#"{"keyName":"a.b"}}"#,
            r#"{"keyName":"a.b","ttl":"1"}"#,
            r#"{"keyName":"a.b","ttl":01}"#,
            r#"{"keyName":"a.b","ttl":-1}"#,
            r#"{"keyName":"a.b","ttl":1.5}"#,
            r#"{"keyName":"a.b","ttl":1e3}"#,
            r#"{"keyName":"a.b","ttl":18446744073709551615}"#,
            r#"{"keyName":"a.b","later":1}"#,
            r#"{"nonce":"n"}"#,
        ] {
            assert_eq!(read(json), None, "{json}");
        }
        assert_eq!(read(r#"{"keyName":"a.b","ttl":0}"#), expected(r#"{"keyName":"a.b","ttl":0}"#).ok());
        let longest = r#"{"keyName":"a.b","ttl":9999999999999999999}"#;
        assert_eq!(read(longest), expected(longest).ok());
    }

    #[test]
    fn request_of_sdks_is_read() {
        let json = r#"{"keyName":"app.key","ttl":3600000,"capability":"{\"*\":[\"*\"]}","clientId":"b\u00f6b","timestamp":1449746287318,"nonce":"0123456789abcdef","mac":"AA=="}"#;
        assert_eq!(read(json), expected(json).ok());
        let spaced: Vec<_> = json.split(',').collect();
        let spaced = spaced.join(" ,\n ");
        assert_eq!(read(&spaced), expected(json).ok());
    }
}
