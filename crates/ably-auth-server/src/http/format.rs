//! The formats of bodies, as `Content-Type` and `Accept` say.

use ably_auth_core::{ErrorCode, TokenDetails, TokenRequest};
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};
use serde::ser::Serialize;

use super::msgpack;
pub(crate) use crate::format::Format;
use crate::format::{INITIAL_CAPACITY, explain_msgpack, invalid_body, invalid_json};
use crate::refusal::Refusal;

/// The MessagePack marker of a list with a two-byte length.
const ARRAY_16: u8 = 0xdc;

impl Format {
    /// Returns the format of the body. It is JSON if there is no `Content-Type`.
    pub(super) fn of_body(headers: &HeaderMap) -> Result<Self, Refusal> {
        let Some(announced) = headers.get(CONTENT_TYPE) else {
            return Ok(Self::Json);
        };
        // A fast path for what most clients send.
        if announced == Self::Json.content_type() {
            return Ok(Self::Json);
        }
        let media_type = announced.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
        // Some SDKs and scripts send JSON as plain text.
        if media_type.eq_ignore_ascii_case("text/plain") {
            return Ok(Self::Json);
        }
        for format in [Self::Json, Self::MsgPack] {
            if media_type.eq_ignore_ascii_case(format.content_type()) {
                return Ok(format);
            }
        }
        let message = "the body's content type is not supported; send `application/json` or `application/x-msgpack`";
        Err(Refusal::new(ErrorCode::INVALID_BODY, message).with_status(415))
    }

    /// Returns the format of the answer. It is JSON, unless `Accept` gives MessagePack a higher weight, or the same
    /// weight and names it more precisely or earlier.
    pub(super) fn accepted(headers: &HeaderMap) -> Self {
        let mut all = headers.get_all(ACCEPT).iter();
        if let (Some(only), None) = (all.next(), all.next()) {
            // A fast path for the values that most clients send.
            if only == "application/json" || only == "*/*" {
                return Self::Json;
            }
        }
        let accepts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let ranges: Vec<_> = accepts.flat_map(|value| value.split(',')).map(Range::of).collect();
        match (Preference::among(&ranges, Self::MsgPack), Preference::among(&ranges, Self::Json)) {
            (Some(msgpack), Some(json)) if msgpack.is_preferred_to(json) => Self::MsgPack,
            (Some(msgpack), None) if msgpack.weight > 0 => Self::MsgPack,
            _ => Self::Json,
        }
    }

    /// Encodes values as a list of at most `max_bytes` bytes, not counting its closing bracket. The list contains at
    /// least the first value, even if that is larger. Returns how many values the list contains.
    pub(super) fn encode_list<T: Serialize>(
        self,
        values: impl IntoIterator<Item = T>,
        max_bytes: usize,
    ) -> Result<(Vec<u8>, usize), Refusal> {
        let mut text = Vec::with_capacity(INITIAL_CAPACITY);
        text.extend_from_slice(if self == Self::Json { b"[" } else { &[ARRAY_16, 0, 0] });
        let mut count = 0_u16;
        for value in values {
            let end = text.len();
            match self {
                Self::Json => {
                    if count > 0 {
                        text.push(b',');
                    }
                    serde_json::to_writer(&mut text, &value).map_err(|_| Refusal::internal())?;
                }
                Self::MsgPack => {
                    rmp_serde::encode::write_named(&mut text, &value).map_err(|_| Refusal::internal())?;
                }
            }
            if (text.len() > max_bytes && count > 0) || count == u16::MAX {
                text.truncate(end);
                break;
            }
            count = count.saturating_add(1);
        }
        match self {
            Self::Json => text.push(b']'),
            Self::MsgPack => {
                let length = text.get_mut(1..3).ok_or_else(Refusal::internal)?;
                length.copy_from_slice(&count.to_be_bytes());
            }
        }
        Ok((text, count.into()))
    }

    /// Encodes an issued token.
    pub(super) fn encode_token_details(self, details: &TokenDetails) -> Result<Vec<u8>, Refusal> {
        if self != Self::Json {
            return self.encode(details);
        }
        let mut text = String::with_capacity(INITIAL_CAPACITY);
        details.write_json(&mut text).map_err(|_| Refusal::internal())?;
        Ok(text.into_bytes())
    }

    /// Reads a token request. The sender is not authenticated yet, so unknown fields are skipped and use no memory.
    pub(super) fn decode_token_request(self, body: &[u8]) -> Result<TokenRequest, Refusal> {
        match self {
            Self::Json => TokenRequest::from_json_known_fields(body).map_err(|error| invalid_json(&error)),
            Self::MsgPack => {
                let broken = |problem: String| invalid_body("MessagePack", &problem);
                let mut map = msgpack::Map::of(body).ok_or_else(|| broken("expected a map at byte 0".into()))?;
                let request = TokenRequest::deserialize_known_fields(&mut map);
                let place = format!("byte {}", map.position());
                match request {
                    Ok(request) if map.position() == body.len() => Ok(request),
                    Ok(_) => Err(broken(format!("trailing bytes at {place}"))),
                    Err(error) => Err(broken(explain_msgpack(&error, &place))),
                }
            }
        }
    }
}

/// A media range of an `Accept` header, and its weight in thousandths.
struct Range<'a> {
    name: &'a str,
    weight: u16,
}

impl<'a> Range<'a> {
    fn of(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        Self { name, weight: weight.map_or(1_000, thousandths) }
    }

    /// Returns how precisely the range names the format; `None` if it does not match.
    fn precision(&self, format: Format) -> Option<u8> {
        match self.name {
            name if name.eq_ignore_ascii_case(format.content_type()) => Some(2),
            "application/*" => Some(1),
            "*/*" => Some(0),
            _ => None,
        }
    }
}

/// Parses a weight. A malformed weight counts as 0.
fn thousandths(weight: &str) -> u16 {
    match weight.split_once('.').unwrap_or((weight, "")) {
        ("1", _) => 1_000,
        ("0", fraction) if fraction.len() <= 3 => format!("{fraction:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

/// The rank of a format in an `Accept` header.
#[derive(Clone, Copy)]
struct Preference {
    weight: u16,
    precision: u8,
    place: usize,
}

impl Preference {
    fn among(ranges: &[Range<'_>], format: Format) -> Option<Self> {
        let matching = ranges.iter().enumerate().filter_map(|(place, range)| {
            range.precision(format).map(|precision| Self { weight: range.weight, precision, place })
        });
        matching.max_by_key(|preference| (preference.precision, std::cmp::Reverse(preference.place)))
    }

    fn is_preferred_to(self, other: Self) -> bool {
        let named_first =
            (self.precision, std::cmp::Reverse(self.place)) > (other.precision, std::cmp::Reverse(other.place));
        self.weight > other.weight || (self.weight > 0 && self.weight == other.weight && named_first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_stops_at_size_limit_but_keeps_first_value() {
        let values = ["aaaa", "bbbb", "cccc"];
        for (most, count) in [(0, 1), (10, 1), (17, 2), (100, 3)] {
            let (json, counted) = Format::Json.encode_list(values, most).unwrap();
            assert_eq!(
                (serde_json::from_slice::<Vec<String>>(&json).unwrap().as_slice(), counted),
                (&values.map(str::to_owned)[..count], count)
            );
            let (msgpack, counted) = Format::MsgPack.encode_list(values, most).unwrap();
            assert_eq!(rmp_serde::from_slice::<Vec<String>>(&msgpack).unwrap().len(), counted);
        }
        assert_eq!(Format::Json.encode_list([0; 0], 9).unwrap(), (b"[]".to_vec(), 0));
        assert_eq!(Format::MsgPack.encode_list([0; 0], 9).unwrap(), (vec![ARRAY_16, 0, 0], 0));
    }

    #[test]
    fn msgpack_is_used_only_if_preferred() {
        let accepted = |accept: &str| Format::accepted(&HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]));
        let msgpack = [
            "application/x-msgpack",
            "Application/X-MsgPack;q=0.1",
            "application/x-msgpack, application/json",
            "application/x-msgpack, */*",
            "*/*;q=0.5, application/x-msgpack",
            "application/json;q=0.9, application/x-msgpack",
            "application/json;q=0, */*",
        ];
        let json = [
            "*/*",
            "",
            "text/html",
            "application/*",
            "application/json, application/x-msgpack",
            "application/x-msgpack;q=0.9, application/json",
            "application/x-msgpack;q=0",
            "application/x-msgpack;q=none",
            "application/x-msgpack;q=0, application/json;q=0",
        ];
        assert!(msgpack.iter().all(|accept| accepted(accept) == Format::MsgPack));
        assert!(json.iter().all(|accept| accepted(accept) == Format::Json));
        assert_eq!(Format::accepted(&HeaderMap::new()), Format::Json);
    }
}
