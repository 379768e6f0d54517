//! The canonical text of a token request, and the likely cause of a wrong mac.

use serde::Serialize;

use crate::cause::Cause;

/// The text that the service signed to check a mac, and the likely cause if the mac differs.
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
