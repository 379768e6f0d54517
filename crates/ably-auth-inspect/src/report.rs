//! The report about a credential.

use ably_auth_core::{Capability, ErrorCode};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::life::Life;
use crate::matrix::Matrix;

/// The end of the title of a credential whose signature was not verified.
pub(crate) const NOT_VERIFIED: &str = ", not verified";

/// Everything that can be known about a credential without its secret.
///
/// It contains no secret of a key and no token. Its texts may contain control characters of strangers: escape them
/// before you print them to a terminal.
///
/// ```
/// use ably_auth_core::Timestamp;
/// use ably_auth_inspect::{Kind, inspect};
///
/// let report = inspect("app.key:a-secret-that-stays-secret", Timestamp::from_millis(0));
/// assert_eq!(report.kind, Kind::Key);
/// assert!(!serde_json::to_string(&report)?.contains("a-secret"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Report {
    /// The kind of credential that was recognized.
    pub kind: Kind,
    /// The kind in words, such as `JWT, not verified`.
    pub title: String,
    /// The statements of the credential, in the order in which to show them.
    pub facts: Vec<Fact>,
    /// The lifetime, if the credential has one.
    pub life: Option<Life>,
    /// The text of the capability, as it is in the credential.
    pub capability: Option<String>,
    /// The capability as a table, if it is valid.
    pub matrix: Option<Matrix>,
    /// The faults of the credential, each with advice.
    pub problems: Vec<String>,
    /// The service's decision. Only a caller that has verified the credential adds it.
    pub verdict: Option<Verdict>,
    /// The facts as typed values.
    #[serde(skip)]
    pub(crate) members: Map<String, Value>,
}

impl Report {
    pub(crate) fn new(kind: Kind, title: impl Into<String>) -> Self {
        Self {
            kind,
            title: title.into(),
            facts: Vec::new(),
            life: None,
            capability: None,
            matrix: None,
            problems: Vec::new(),
            verdict: None,
            members: Map::new(),
        }
    }

    /// Returns the facts as typed values: `channelClaims` is an object, for example, and `notBefore` a number.
    ///
    /// ```
    /// use ably_auth_core::Timestamp;
    ///
    /// let report = ably_auth_inspect::inspect("app.key", Timestamp::from_millis(0));
    /// assert_eq!(report.members()["appId"], "app");
    /// ```
    #[must_use]
    pub const fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// Adds the decision of a service that has verified the credential. The title does not say `not verified` any more.
    ///
    /// ```
    /// use ably_auth_core::Timestamp;
    /// use ably_auth_inspect::{Verdict, inspect};
    ///
    /// let request = r#"{"keyName":"app.key","timestamp":1449746287318,"nonce":"9000000830710428","mac":"AAAA"}"#;
    /// let report = inspect(request, Timestamp::from_millis(0));
    /// assert_eq!(report.title, "token request, not verified");
    /// assert_eq!(report.with_verdict(Verdict::accepted()).title, "token request");
    /// ```
    #[must_use]
    pub fn with_verdict(mut self, verdict: Verdict) -> Self {
        self.title.truncate(self.title.trim_end_matches(NOT_VERIFIED).len());
        self.verdict = Some(verdict);
        self
    }

    /// Answers whether the capability of this credential permits `operation` on `resource`.
    ///
    /// Returns `None` if the credential has no valid capability. A JWT or a token request without one has all rights of
    /// its key: use [`Answer::new`] with the key's capability.
    ///
    /// ```
    /// use ably_auth_core::Timestamp;
    ///
    /// let report = ably_auth_inspect::inspect(r#"{"chat:*":["publish"]}"#, Timestamp::from_millis(0));
    /// let answer = report.asks("chat:room1", "history").expect("it is a capability");
    /// assert!(!answer.permitted);
    /// assert_eq!(
    ///     answer.explanation,
    ///     "`history` on `chat:room1` is not permitted: `chat:*` covers it, but has only `publish`"
    /// );
    /// ```
    #[must_use]
    pub fn asks(&self, resource: &str, operation: &str) -> Option<Answer> {
        let capability = Capability::parse_lenient(self.capability.as_deref()?).ok()?;
        Some(Answer::new(&capability, resource, operation))
    }
}

/// The kind of a credential.
///
/// ```
/// assert_eq!(serde_json::to_string(&ably_auth_inspect::Kind::KeyName)?, r#""keyName""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Kind {
    /// A JWT, which may be malformed.
    Jwt,
    /// A native Ably token, which only its service can read.
    Token,
    /// An API key with its secret.
    Key,
    /// The name of a key, without the secret.
    KeyName,
    /// The JSON of a token request.
    TokenRequest,
    /// The JSON of a token's details.
    TokenDetails,
    /// The JSON of a capability.
    Capability,
    /// None of these.
    Unknown,
}

/// One thing that a credential says.
///
/// ```
/// let report = ably_auth_inspect::inspect("app.key", ably_auth_core::Timestamp::from_millis(0));
/// assert_eq!((report.facts[0].label.as_str(), report.facts[0].value.as_str()), ("key name", "app.key"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Fact {
    /// The name in JSON, such as `keyName`. Entries of a map have the name of the map.
    pub name: String,
    /// The name for people, such as `key name`.
    pub label: String,
    /// The value as text.
    pub value: String,
}

/// The decision of a service about a credential.
///
/// ```
/// use ably_auth_core::ErrorCode;
/// use ably_auth_inspect::Verdict;
///
/// let verdict = Verdict::refused(ErrorCode::TOKEN_EXPIRED, "the token has expired");
/// assert_eq!(
///     serde_json::to_string(&verdict)?,
///     r#"{"accepted":false,"code":40142,"reason":"the token has expired"}"#
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Verdict {
    /// True if the service accepts the credential.
    pub accepted: bool,
    /// The error code of the refusal.
    pub code: Option<u32>,
    /// The reason of the refusal, or a remark on the acceptance.
    pub reason: Option<String>,
}

impl Verdict {
    /// Returns the verdict for an accepted credential.
    #[must_use]
    pub const fn accepted() -> Self {
        Self { accepted: true, code: None, reason: None }
    }

    /// Returns the verdict for a refused credential.
    pub fn refused(code: ErrorCode, reason: impl Into<String>) -> Self {
        Self { accepted: false, code: Some(code.as_u32()), reason: Some(reason.into()) }
    }
}
