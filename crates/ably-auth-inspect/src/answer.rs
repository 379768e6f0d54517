//! The answer to the question whether a capability permits an operation.

use ably_auth_core::Capability;
use serde::Serialize;

/// An answer: does a capability permit an operation on a resource, and why?
///
/// ```
/// use ably_auth_core::Capability;
/// use ably_auth_inspect::Answer;
///
/// let capability: Capability = r#"{"chat":["publish"]}"#.parse()?;
/// let answer = Answer::new(&capability, "chat", "publish");
/// assert!(answer.permitted);
/// assert_eq!(answer.explanation, "`publish` on `chat` is permitted by `chat`");
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Answer {
    /// True if the capability permits the operation.
    pub permitted: bool,
    /// The entry that decides, or what is missing.
    pub explanation: String,
}

impl Answer {
    /// Asks `capability` about `operation` on `resource`.
    #[must_use]
    pub fn new(capability: &Capability, resource: &str, operation: &str) -> Self {
        let explanation = capability.explain(resource, operation);
        Self { permitted: explanation.is_permitted(), explanation: explanation.to_string() }
    }
}
