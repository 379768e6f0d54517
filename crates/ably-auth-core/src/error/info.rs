//! Errors of the service, as they travel.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString as _};
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::error::ErrorCode;
use crate::text::Redaction;
use crate::text::printable::{self, PrintableText};

type Detail = BTreeMap<String, serde_json::Value>;

/// The maximum number of causes that an error keeps.
const MAX_CAUSES: usize = 8;

/// An error of the service (`TI1`).
///
/// A deserialized error keeps at most 4 KiB of each text, a `detail` of at most 4 KiB, and 8 causes. `Display` and
/// `Debug` escape control characters, because the text may come from an untrusted sender.
///
/// ```
/// use ably_auth_core::{ErrorCode, ErrorEnvelope};
///
/// let body = r#"{"error":{"code":40142,"statusCode":401,"message":"token expired","href":"https://help.ably.io/error/40142"}}"#;
/// let error = serde_json::from_str::<ErrorEnvelope>(body)?.error;
/// assert_eq!(error.code(), ErrorCode::TOKEN_EXPIRED);
/// assert_eq!(error.to_string(), "token expired (code 40142, status 401; see https://help.ably.io/error/40142)");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorInfo {
    code: u32,
    #[serde(default, deserialize_with = "if_it_fits", skip_serializing_if = "Option::is_none")]
    status_code: Option<u16>,
    #[serde(default, deserialize_with = "short_text", skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(default, deserialize_with = "short_text", skip_serializing_if = "Option::is_none")]
    href: Option<String>,
    #[serde(default, deserialize_with = "short_text", skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(default, deserialize_with = "small_detail", skip_serializing_if = "Option::is_none")]
    detail: Option<Detail>,
    #[serde(default, deserialize_with = "short_chain", skip_serializing_if = "Option::is_none")]
    cause: Option<Box<ErrorInfo>>,
}

/// Reads a value, or leaves it out if it has another type: the code must not be lost because another field is invalid.
fn if_it_fits<'de, T: serde::de::DeserializeOwned, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}

/// Reads a text and cuts it to [`PrintableText::MAX_BYTES`], because an error may come from an untrusted sender.
fn short_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text: Option<String> = if_it_fits(deserializer)?;
    Ok(text.map(|text| if printable::cut(&text).len() < text.len() { printable::cut(&text).into() } else { text }))
}

/// Reads a detail, and drops it if its JSON is longer than [`PrintableText::MAX_BYTES`].
fn small_detail<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Detail>, D::Error> {
    let detail: Option<Detail> = if_it_fits(deserializer)?;
    let is_small =
        |detail: &Detail| serde_json::to_string(detail).is_ok_and(|json| json.len() <= PrintableText::MAX_BYTES);
    Ok(detail.filter(is_small))
}

/// Reads the first [`MAX_CAUSES`] of a chain of causes.
fn short_chain<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Box<ErrorInfo>>, D::Error> {
    let mut first: Option<Box<ErrorInfo>> = if_it_fits(deserializer)?;
    let mut last = first.as_deref_mut();
    for _ in 1..MAX_CAUSES {
        last = last.and_then(|error| error.cause.as_deref_mut());
    }
    if let Some(last) = last {
        last.cause = None;
    }
    Ok(first)
}

impl ErrorInfo {
    /// Creates an error with the default status and help page of its code.
    ///
    /// ```
    /// use ably_auth_core::{ErrorCode, ErrorInfo};
    ///
    /// let error = ErrorInfo::new(ErrorCode::CAPABILITY_REFUSED, "no such right").with_request_id("r1");
    /// assert_eq!(
    ///     serde_json::to_string(&error)?,
    ///     r#"{"code":40160,"statusCode":401,"message":"no such right","href":"https://help.ably.io/error/40160","requestId":"r1"}"#
    /// );
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code: code.as_u32(),
            status_code: Some(code.status()),
            message: Some(message.into()),
            href: Some(format!("https://help.ably.io/error/{code}")),
            request_id: None,
            detail: None,
            cause: None,
        }
    }

    /// Sets another HTTP status than the default of the code.
    #[must_use]
    pub const fn with_status(mut self, status_code: u16) -> Self {
        self.status_code = Some(status_code);
        self
    }

    /// Sets the error that caused this one (`TI1`).
    #[must_use]
    pub fn with_cause(mut self, cause: Self) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }

    /// Sets the id of the request that failed.
    #[must_use]
    pub fn with_request_id(mut self, request_id: impl Into<String>) -> Self {
        self.request_id = Some(request_id.into());
        self
    }

    /// Returns the error with `[redacted]` in place of each text in `secrets`, so that an error repeats no credential
    /// of its request. A detail that contains such a text is removed.
    ///
    /// A text of about 4 KiB may have been cut inside a secret, so the beginning of a secret at its end is replaced too.
    ///
    /// ```
    /// use ably_auth_core::{ErrorCode, ErrorInfo};
    ///
    /// let error = ErrorInfo::new(ErrorCode::new(40005), "no such key: app.key:secret").without(&["app.key:secret"]);
    /// assert_eq!(error.message(), "no such key: [redacted]");
    /// ```
    #[must_use]
    pub fn without(mut self, secrets: &[impl AsRef<str>]) -> Self {
        let secrets = Redaction::new(secrets.iter().map(AsRef::as_ref));
        self.redact(&secrets);
        self
    }

    fn redact(&mut self, secrets: &Redaction<'_>) {
        for text in [&mut self.message, &mut self.href, &mut self.request_id].into_iter().flatten() {
            secrets.apply(text);
        }
        self.detail.take_if(|detail| detail.iter().any(|(name, value)| secrets.occur_in_member(name, value)));
        if let Some(cause) = &mut self.cause {
            cause.redact(secrets);
        }
    }

    /// Returns the code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        ErrorCode::new(self.code)
    }

    /// Returns the HTTP status.
    #[must_use]
    pub fn status_code(&self) -> u16 {
        self.status_code.unwrap_or_else(|| self.code().status())
    }

    /// Returns the message for people.
    #[must_use]
    pub fn message(&self) -> &str {
        self.message.as_deref().unwrap_or_default()
    }

    /// Returns the address of a page about the error (`TI5`).
    #[must_use]
    pub fn href(&self) -> Option<&str> {
        self.href.as_deref()
    }

    /// Returns the id of the request that failed.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// Returns the service's further details by name, as JSON text.
    pub fn detail(&self) -> impl Iterator<Item = (&str, String)> {
        self.detail.iter().flatten().map(|(name, value)| (name.as_str(), value.to_string()))
    }

    /// Returns the error that caused this one, if the service names one.
    #[must_use]
    pub fn cause(&self) -> Option<&Self> {
        self.cause.as_deref()
    }
}

impl fmt::Display for ErrorInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (code {}, status {}", PrintableText::new(self.message()), self.code, self.status_code())?;
        match &self.href {
            Some(href) if !self.message().contains(href.as_str()) => write!(f, "; see {})", PrintableText::new(href)),
            _ => f.write_str(")"),
        }
    }
}

impl core::error::Error for ErrorInfo {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

/// The body of an answer that refuses: `{"error": …}`.
///
/// ```
/// use ably_auth_core::{ErrorCode, ErrorEnvelope};
///
/// let body = r#"{"error":{"code":40142,"statusCode":401,"message":"token expired"}}"#;
/// let ErrorEnvelope { error } = serde_json::from_str(body)?;
/// assert_eq!((error.code(), error.message()), (ErrorCode::TOKEN_EXPIRED, "token expired"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ErrorEnvelope {
    /// The error itself.
    pub error: ErrorInfo,
}
