//! The likely cause of a wrong signature.

use serde::Serialize;

use crate::redact;

/// The likely cause of a wrong signature, and what to do about it. It names no secret.
///
/// ```
/// use ably_auth_inspect::Cause;
///
/// let cause = Cause::new("The secret is another key's", "The mac matches `app.other`.", "Sign with this key.").certain();
/// assert!(cause.is_certain);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Cause {
    /// One line that names the mistake.
    pub title: String,
    /// The mistake, in a sentence or two.
    pub explanation: String,
    /// The change that mends it.
    pub fix: String,
    /// True if a trial reproduced the received signature.
    pub is_certain: bool,
}

impl Cause {
    /// Creates a cause that is not certain.
    pub fn new(title: impl Into<String>, explanation: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { title: title.into(), explanation: explanation.into(), fix: fix.into(), is_certain: false }
    }

    /// Replaces keys and tokens in the texts, which may quote what the sender signed.
    pub(crate) fn redacted(self) -> Self {
        let Self { title, explanation, fix, is_certain } = self;
        Self {
            title: redact::words(&title),
            explanation: redact::words(&explanation),
            fix: redact::words(&fix),
            is_certain,
        }
    }

    /// Marks the cause as certain.
    #[must_use]
    pub fn certain(mut self) -> Self {
        self.is_certain = true;
        self
    }
}
