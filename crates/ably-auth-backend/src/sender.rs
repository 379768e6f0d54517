//! The sender of a request: its token, and the identity that it acts as.

use std::fmt;
use std::sync::Arc;

use ably_auth_core::capability::OperationName;
use ably_auth_core::{ErrorCode, Identity};
use http::{HeaderMap, Uri};

use crate::credentials::{self, Accepted, Credential};
use crate::refusal::Refusal;
use crate::verified_token::VerifiedToken;
use crate::verifier::VerifyToken;

/// Finds out who sent a request, by a token that a [`VerifyToken`] accepts.
///
/// The token comes in the `Authorization` header, plain or in base64, as SDKs send it. In `X-Ably-ClientId`, the holder
/// of a token for any clientId says which one it acts as (`RSA7e2`). Other requests are refused with 401 or 400, and
/// with an error that SDKs understand.
///
/// ```
/// use std::time::Duration;
/// use ably_auth_backend::{ApiKey, Authenticator, Verifier};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = Verifier::new(Duration::from_secs(2)).key(&ApiKey::parse("appId.keyId:secret")?);
/// let authenticator = Authenticator::new(verifier);
/// let request = http::Request::get("/messages").header("Authorization", "Bearer nonsense").body(())?;
/// let refusal = authenticator.authenticate(request.headers(), request.uri()).await.unwrap_err();
/// assert_eq!(refusal.status(), 401);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Authenticator {
    verifier: Arc<dyn VerifyToken>,
    is_optional: bool,
    takes_query: bool,
}

impl Authenticator {
    /// Creates an authenticator that verifies tokens with `verifier`.
    #[must_use]
    pub fn new(verifier: impl VerifyToken) -> Self {
        Self { verifier: Arc::new(verifier), is_optional: false, takes_query: false }
    }

    /// Accepts requests without a token too. A token that is sent must still be valid.
    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.is_optional = true;
        self
    }

    /// Accepts a token in the query too, as `accessToken` or `access_token`, if there is no header: for WebSockets and
    /// event streams of browsers, which cannot set headers. Queries end up in logs, so use it for such routes only.
    #[must_use]
    pub const fn or_in_query(mut self) -> Self {
        self.takes_query = true;
        self
    }

    /// Returns the sender of a request; `None` if the request has no token and none is needed.
    ///
    /// # Errors
    /// The refusal of a request without a token, with an invalid one, or with a clientId that the token does not permit.
    pub async fn authenticate(&self, headers: &HeaderMap, uri: &Uri) -> Result<Option<Authenticated>, Refusal> {
        let credential = match credentials::from_headers(headers, Accepted::Tokens)? {
            None if self.takes_query => credentials::from_query(uri, Accepted::Tokens)?,
            credential => credential,
        };
        let token = match credential {
            Some(Credential::Token(token)) => token,
            Some(Credential::Key(_)) => return Err(credentials::key_not_accepted()),
            None if self.is_optional => return Ok(None),
            None => return Err(Refusal::missing_credential()),
        };
        let verified = self.verifier.verify_token(&token).await?;
        Authenticated::new(verified, credentials::claimed_identity(headers)?).map(Some)
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator")
            .field("is_optional", &self.is_optional)
            .field("takes_query", &self.takes_query)
            .finish_non_exhaustive()
    }
}

/// The sender of a request that an [`Authenticator`] has accepted.
///
/// ```
/// use ably_auth_backend::{Authenticated, Operation, Refusal};
///
/// async fn publish(sender: Authenticated, channel: String) -> Result<&'static str, Refusal> {
///     sender.check(&channel, Operation::Publish)?;
///     Ok("published")
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Authenticated {
    token: VerifiedToken,
    identity: Option<Arc<Identity>>,
}

impl Authenticated {
    /// Creates the sender with a token, who claims the identity `claimed` (`RSA7`).
    pub(crate) fn new(token: VerifiedToken, claimed: Option<Identity>) -> Result<Self, Refusal> {
        let identity = credentials::acting_identity(claimed, token.client_id())?;
        Ok(Self { token, identity: identity.map(Arc::new) })
    }

    /// Returns the sender's token.
    #[must_use]
    pub const fn token(&self) -> &VerifiedToken {
        &self.token
    }

    /// Returns the identity that the sender acts as, if any: the token's clientId or, with a token for any, the one
    /// that the request names.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_deref()
    }

    /// Returns whether the token permits the operation on the resource.
    #[must_use]
    pub fn permits<'a>(&self, resource: &str, operation: impl Into<OperationName<'a>>) -> bool {
        self.token.capability().permits(resource, operation)
    }

    /// Refuses the sender if the token does not permit the operation on the resource.
    ///
    /// # Errors
    /// 40160 if the token does not permit the operation on the resource.
    pub fn check<'a>(&self, resource: &str, operation: impl Into<OperationName<'a>>) -> Result<(), Refusal> {
        let operation = operation.into();
        if self.permits(resource, operation) {
            return Ok(());
        }
        Err(Refusal::not_permitted(resource, operation))
    }
}

/// The sender of a request, with an identity.
///
/// ```
/// use ably_auth_backend::Identified;
///
/// async fn me(sender: Identified) -> String {
///     format!("{}, with a token of {}", sender.identity(), sender.authenticated().token().key_name())
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Identified {
    authenticated: Authenticated,
    identity: Arc<Identity>,
}

impl Identified {
    /// Creates the sender, or refuses one without an identity.
    ///
    /// # Errors
    /// 40161 if the sender is anonymous.
    pub fn new(authenticated: Authenticated) -> Result<Self, Refusal> {
        let identity = authenticated.identity.clone().ok_or_else(|| {
            let message = "the route needs an identified client; use a token with a clientId, or one for any and name \
                           yours in X-Ably-ClientId";
            Refusal::new(ErrorCode::IDENTIFIED_CLIENT_NEEDED, message)
        })?;
        Ok(Self { authenticated, identity })
    }

    /// Returns the identity that the sender acts as.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Returns the sender with its token.
    #[must_use]
    pub const fn authenticated(&self) -> &Authenticated {
        &self.authenticated
    }
}
