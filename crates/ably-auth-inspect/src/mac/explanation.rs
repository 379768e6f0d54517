//! The data of an explanation.

use serde::Serialize;

use crate::cause::Cause;

/// The text that the service signed to check a mac, and the likely cause if the mac differs.
///
/// It contains neither the secret of the key nor the mac. See [`mac::explain`](crate::mac::explain).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct MacExplanation {
    /// The lines of the canonical text.
    pub lines: Vec<MacLine>,
    /// The canonical text.
    pub text: String,
    /// The likely cause of the wrong mac. `None` if the mac is right.
    pub cause: Option<Cause>,
}

/// A line of the canonical text.
///
/// ```
/// use ably_auth_core::{ApiKey, TokenRequest};
/// use ably_auth_inspect::mac;
///
/// let key = ApiKey::parse("app.key:secret")?;
/// let request: TokenRequest = serde_json::from_str(r#"{"keyName":"app.key","ttl":3600000}"#)?;
/// let line = &mac::explain(&request, &key, [].into_iter()).lines[1];
/// assert_eq!((line.field, line.text.as_str(), line.received.as_deref()), ("ttl", "3600000", Some("3600000")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct MacLine {
    /// The field of the token request.
    pub field: &'static str,
    /// The line that the service signs, without its line feed.
    pub text: String,
    /// The value as it was received, or `None` if it was absent.
    pub received: Option<String>,
    /// The line that the sender signed, if a trial found it and it differs from `text`.
    pub signed: Option<String>,
    /// True if the sender signed another line, or if the line is not the value as it was received.
    pub differs: bool,
}
