//! Errors, which `js/error.mjs` turns into an `AblyAuthError`.

use ably_auth_core::{Error, ErrorCode};
use wasm_bindgen::JsValue;

use crate::json::Object;

/// An error of core, or of an input that core does not get, as JSON.
pub struct Failure(String);

impl Failure {
    pub(crate) fn new(code: ErrorCode, message: &str) -> Self {
        Self(Self::object(code, message).end())
    }

    fn object(code: ErrorCode, message: &str) -> Object {
        Object::new().number("code", code.as_u32()).text("message", message)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let object = Self::object(error.ably_code(), &error.to_string()).maybe("resource", error.resource());
        let object = match error.offset() {
            Some(at) => object.number("place", at as u64),
            None => object,
        };
        Self(object.end())
    }
}

impl From<Failure> for JsValue {
    fn from(failure: Failure) -> Self {
        Self::from_str(&failure.0)
    }
}
