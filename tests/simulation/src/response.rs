//! A response of the service.

use bytes::Bytes;
use serde_json::Value;

use crate::oracle::Rights;

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    body: Value,
}

/// A token as the service describes it.
#[derive(Debug)]
pub struct Granted {
    pub text: String,
    pub rights: Rights,
    pub issued: u64,
    pub expires: u64,
}

impl Response {
    pub fn new(response: http::Response<Bytes>) -> Self {
        let status = response.status().as_u16();
        Self { status, body: serde_json::from_slice(response.body()).unwrap_or_default() }
    }

    /// Treats the first message of a realtime connection as a response.
    pub fn of_message(message: Value, is_success: bool) -> Self {
        Self { status: if is_success { 200 } else { 401 }, body: message }
    }

    pub const fn is_success(&self) -> bool {
        self.status < 300
    }

    /// Returns the error code; 0 if the response is no error.
    pub fn code(&self) -> u64 {
        let code = self.body.pointer("/error/code").or_else(|| self.body.get("code"));
        code.and_then(Value::as_u64).unwrap_or_default()
    }

    pub fn message(&self) -> &str {
        let message = self.body.pointer("/error/message").or_else(|| self.body.get("message"));
        message.and_then(Value::as_str).unwrap_or_default()
    }

    pub fn body(&self) -> &Value {
        &self.body
    }

    pub fn token(&self) -> Option<Granted> {
        let number = |name: &str| self.body.get(name)?.as_u64();
        let text = |name: &str| self.body.get(name)?.as_str();
        Some(Granted {
            text: text("token")?.to_owned(),
            rights: Rights::parse(text("capability")?)?,
            issued: number("issued")?,
            expires: number("expires")?,
        })
    }
}
