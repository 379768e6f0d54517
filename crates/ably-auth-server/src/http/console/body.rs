//! The bodies of requests to the console.

use ably_auth_core::ErrorCode;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::http::call::Call;
use crate::http::format::Format;
use crate::http::lists::Object;
use crate::refusal::Refusal;

/// Reads the body. Refuses any type but JSON, because a form of another page can send the other types.
pub(super) fn read<T: DeserializeOwned>(call: &Call<'_>) -> Result<T, Refusal> {
    let announced = call.parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = announced.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        let message = "the body's content type is not supported; send `Content-Type: application/json`";
        return Err(Refusal::new(ErrorCode::INVALID_BODY, message).with_status(415));
    }
    let Object(value) = Format::Json.decode(call.body()?)?;
    Ok(value)
}

/// Reads a body that has no members.
pub(super) fn read_empty(call: &Call<'_>) -> Result<(), Refusal> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Empty {}

    read::<Empty>(call).map(|Empty {}| ())
}
