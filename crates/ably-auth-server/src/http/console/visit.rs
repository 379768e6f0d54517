//! A request to the console, with its mode and its body.

use ably_auth_core::ErrorCode;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::http::call::Call;
use crate::http::console_path::Mode;
use crate::http::format::Format;
use crate::http::lists::Object;
use crate::refusal::Refusal;

/// A request to the console, with its mode.
pub(super) struct Visit<'a> {
    pub(super) call: &'a Call<'a>,
    pub(super) mode: Mode,
}

impl Visit<'_> {
    /// Reads the body. Refuses any type but JSON, because a form of another page can send the other types.
    pub(super) fn body<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let announced = self.call.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        let media_type = announced.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/json") {
            let message = "the body's content type is not supported; send `Content-Type: application/json`";
            return Err(Refusal::new(ErrorCode::INVALID_BODY, message).with_status(415));
        }
        let Object(value) = Format::Json.decode(self.call.body()?)?;
        Ok(value)
    }

    /// Reads a body that has no members.
    pub(super) fn empty_body(&self) -> Result<(), Refusal> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Empty {}

        self.body::<Empty>().map(|Empty {}| ())
    }
}
