//! The credentials of a request. They are removed from errors in case a response repeats them.

use std::fmt;

use ably_auth_core::{ErrorCode, ErrorInfo, TokenRequest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Request};
use percent_encoding::percent_decode_str;

/// The minimum bytes of a text that is redacted. Shorter texts occur by chance in any message.
const MIN_BYTES: usize = 4;

/// Texts that were sent as credentials.
#[derive(Default)]
pub(super) struct SentSecrets(Vec<String>);

impl SentSecrets {
    /// Collects the values of sensitive headers: a token, or a key both in base64 and decoded.
    pub(super) fn of_headers(headers: &HeaderMap) -> Self {
        let mut secrets = Self::default();
        for value in headers.values().filter(|value| value.is_sensitive()).filter_map(|value| value.to_str().ok()) {
            secrets.add(value);
            let credentials = value.split_once(' ').map_or(value, |(_, credentials)| credentials.trim());
            secrets.add(credentials);
            let Some(decoded) = STANDARD.decode(credentials).ok().and_then(|bytes| String::from_utf8(bytes).ok())
            else {
                continue;
            };
            secrets.add(&decoded);
            if let Some((_, secret)) = decoded.split_once(':') {
                secrets.add(secret);
            }
        }
        secrets
    }

    /// Collects the credentials of a request to an auth URL: its sensitive headers, its params, and the values in its
    /// query.
    pub(super) fn of_auth_url(request: &Request<Bytes>, params: &[(String, String)]) -> Self {
        let mut secrets = Self::of_headers(request.headers());
        params.iter().for_each(|(_, value)| secrets.add(value));
        for pair in request.uri().query().unwrap_or_default().split('&') {
            if let Some((_, value)) = pair.split_once('=') {
                secrets.add(value);
                secrets.add(&percent_decode_str(value).decode_utf8_lossy());
            }
        }
        secrets
    }

    /// Collects the MAC of a token request, because anyone who has a signed request can exchange it for a token.
    pub(super) fn of_token_request(request: &TokenRequest) -> Self {
        let mut secrets = Self::default();
        if let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(request) {
            if let Some(mac) = fields.get("mac").and_then(serde_json::Value::as_str) {
                secrets.add(mac);
            }
        }
        secrets
    }

    fn add(&mut self, text: &str) {
        if text.len() >= MIN_BYTES {
            self.0.push(text.to_owned());
        }
    }

    /// Returns `text` without the credentials that were sent.
    pub(super) fn redact_text(&self, text: &str) -> String {
        self.redact(ErrorInfo::new(ErrorCode::BAD_REQUEST, text)).message().to_owned()
    }

    /// Returns `info` without the credentials that were sent.
    pub(super) fn redact(&self, info: ErrorInfo) -> ErrorInfo {
        let texts: Vec<&str> = self.0.iter().map(String::as_str).collect();
        info.without(&texts)
    }
}

impl fmt::Debug for SentSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SentSecrets")
    }
}
