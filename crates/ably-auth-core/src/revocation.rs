//! Token revocation: the request and its results.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize, de};

use crate::error::{Error, ErrorInfo, ErrorKind};
use crate::time::Timestamp;

/// A set of tokens to revoke (`TRT1`): all tokens with a clientId, with a revocation key, or with a channel in their
/// capability.
///
/// ```
/// use ably_auth_core::TokenRevocationTargetSpecifier as Target;
///
/// let target = Target::parse("channel:foo:*")?;
/// assert_eq!((target.target_type(), target.value()), ("channel", "foo:*"));
/// assert_eq!(Target::client_id("bob"), Target::parse("clientId:bob")?);
/// # Ok::<(), ably_auth_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct TokenRevocationTargetSpecifier {
    text: Box<str>,
    colon: usize,
}

impl TokenRevocationTargetSpecifier {
    /// Selects all tokens with this clientId.
    #[must_use]
    pub fn client_id(client_id: &str) -> Self {
        Self::of("clientId", client_id)
    }

    /// Selects all tokens with this revocation key.
    #[must_use]
    pub fn revocation_key(key: &str) -> Self {
        Self::of("revocationKey", key)
    }

    /// Selects all tokens whose capability has exactly this resource.
    #[must_use]
    pub fn channel(resource: &str) -> Self {
        Self::of("channel", resource)
    }

    fn of(target_type: &str, value: &str) -> Self {
        let text: String = [target_type, ":", value].into_iter().collect();
        Self { text: text.into(), colon: target_type.len() }
    }

    /// Parses `type:value`, split at the first `:`. An unknown type is kept, because the service may know it.
    ///
    /// # Errors
    /// [`ErrorKind::RevocationTarget`] if there is no `:`, or no text before or after it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let advice = "write `clientId:…`, `revocationKey:…` or `channel:…`";
        match text.split_once(':') {
            Some((target_type, value)) if !target_type.is_empty() && !value.is_empty() => {
                Ok(Self::of(target_type, value))
            }
            // The text is not shown, because some callers pass a token by mistake.
            _ => Err(Error::new(ErrorKind::RevocationTarget, "revocation target is not `type:value`", advice)),
        }
    }

    /// Returns `clientId`, `revocationKey`, `channel`, or a type that only a newer service knows (`TRT2a`).
    #[must_use]
    pub fn target_type(&self) -> &str {
        self.text.get(..self.colon).unwrap_or_default()
    }

    /// Returns the value that the type applies to (`TRT2b`).
    #[must_use]
    pub fn value(&self) -> &str {
        self.text.get(self.colon.saturating_add(1)..).unwrap_or_default()
    }

    /// Returns the text on the wire, `type:value`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl core::str::FromStr for TokenRevocationTargetSpecifier {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl AsRef<str> for TokenRevocationTargetSpecifier {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for TokenRevocationTargetSpecifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for TokenRevocationTargetSpecifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

impl Serialize for TokenRevocationTargetSpecifier {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for TokenRevocationTargetSpecifier {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&<Cow<'_, str>>::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// The body of a `revokeTokens` request (`RSA17`).
///
/// ```
/// use ably_auth_core::{RevokeTokensRequest, TokenRevocationTargetSpecifier as Target};
///
/// let targets = [Target::client_id("bob"), Target::channel("chat:*")];
/// let request = RevokeTokensRequest::new(targets).allow_reauth_margin(true);
/// assert_eq!(
///     serde_json::to_string(&request)?,
///     r#"{"targets":["clientId:bob","channel:chat:*"],"allowReauthMargin":true}"#
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RevokeTokensRequest {
    targets: Vec<TokenRevocationTargetSpecifier>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    issued_before: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    allow_reauth_margin: Option<bool>,
}

impl RevokeTokensRequest {
    /// The maximum number of targets in one request.
    pub const MAX_TARGETS: usize = 100;

    /// Creates a request that immediately revokes the tokens issued until now to `targets`, of which there may be at
    /// most 100 (`RSA17b`).
    #[must_use]
    pub fn new(targets: impl IntoIterator<Item = TokenRevocationTargetSpecifier>) -> Self {
        Self { targets: targets.into_iter().collect(), issued_before: None, allow_reauth_margin: None }
    }

    /// Revokes only tokens issued before this time. The default is the time of the request (`RSA17e`). It must not be
    /// in the future, and must be at most one hour ago.
    #[must_use]
    pub fn issued_before(mut self, time: impl Into<Timestamp>) -> Self {
        self.issued_before = Some(time.into());
        self
    }

    /// Delays the revocation by 30 seconds, so that clients can renew without a gap (`RSA17f`).
    #[must_use]
    pub const fn allow_reauth_margin(mut self, allow: bool) -> Self {
        self.allow_reauth_margin = Some(allow);
        self
    }

    /// Returns the tokens to revoke.
    #[must_use]
    pub fn get_targets(&self) -> &[TokenRevocationTargetSpecifier] {
        &self.targets
    }

    /// Returns the time before which a token was issued, if it was set.
    #[must_use]
    pub const fn get_issued_before(&self) -> Option<Timestamp> {
        self.issued_before
    }

    /// Returns whether to delay the revocation, if it was set.
    #[must_use]
    pub const fn get_allow_reauth_margin(&self) -> Option<bool> {
        self.allow_reauth_margin
    }
}

/// A target whose tokens were revoked (`TRS1`).
///
/// ```
/// use ably_auth_core::TokenRevocationSuccessResult;
///
/// let json = r#"{"target":"clientId:bob","issuedBefore":1449746287318,"appliesAt":1449746317318}"#;
/// let revoked: TokenRevocationSuccessResult = serde_json::from_str(json)?;
/// assert_eq!(revoked.target.value(), "bob");
/// assert_eq!(revoked.applies_at.millis_since(revoked.issued_before), 30_000); // with a margin to renew
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenRevocationSuccessResult {
    /// The target (`TRS2a`).
    pub target: TokenRevocationTargetSpecifier,
    /// Tokens issued before this moment are revoked (`TRS2c`).
    pub issued_before: Timestamp,
    /// The time at which the revocation takes effect (`TRS2b`).
    pub applies_at: Timestamp,
}

/// A target whose tokens could not be revoked (`TRF1`).
///
/// ```
/// use ably_auth_core::TokenRevocationFailureResult;
///
/// let json = r#"{"target":"user:bob","error":{"code":40000,"statusCode":400,"message":"unknown type"}}"#;
/// let failed: TokenRevocationFailureResult = serde_json::from_str(json)?;
/// assert_eq!((failed.target.as_str(), failed.error.message()), ("user:bob", "unknown type"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenRevocationFailureResult {
    /// The target as it was sent (`TRF2a`).
    pub target: String,
    /// The reason (`TRF2b`).
    pub error: ErrorInfo,
}

/// The result for one target.
///
/// ```
/// use ably_auth_core::TokenRevocationResult;
///
/// let json = r#"{"target":"clientId:bob","issuedBefore":1449746287318,"appliesAt":1449746317318}"#;
/// match serde_json::from_str(json)? {
///     TokenRevocationResult::Success(revoked) => assert_eq!(revoked.target.value(), "bob"),
///     TokenRevocationResult::Failure(failed) => panic!("{}: {}", failed.target, failed.error),
/// }
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TokenRevocationResult {
    /// The tokens were revoked.
    Success(TokenRevocationSuccessResult),
    /// The tokens were not revoked.
    Failure(TokenRevocationFailureResult),
}

/// The results of a request with several targets (`BAR1`).
///
/// ```
/// use ably_auth_core::{BatchResult, ErrorCode, TokenRevocationResult};
///
/// let body = r#"{"successCount":1,"failureCount":1,"results":[
///     {"target":"clientId:bob","issuedBefore":1449746287318,"appliesAt":1449746287318},
///     {"target":"user:bob","error":{"code":40000,"statusCode":400,"message":"unknown type of target"}}]}"#;
/// let batch: BatchResult<TokenRevocationResult> = serde_json::from_str(body)?;
/// for result in &batch.results {
///     match result {
///         TokenRevocationResult::Success(revoked) => assert_eq!(revoked.target.value(), "bob"),
///         TokenRevocationResult::Failure(failed) => assert_eq!(failed.error.code(), ErrorCode::BAD_REQUEST),
///     }
/// }
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResult<T> {
    /// The number of targets that succeeded (`BAR2a`).
    pub success_count: usize,
    /// The number of targets that failed (`BAR2b`).
    pub failure_count: usize,
    /// The result for each target, in the order of the request (`BAR2c`).
    pub results: Vec<T>,
}
