//! Extractors for the sender of a request.

use std::sync::Arc;

use ably_auth_core::capability::OperationName;
use ably_auth_core::{ClientId, ErrorCode, Identity};
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;

use crate::credentials;
use crate::refusal::Refusal;
use crate::verified_token::VerifiedToken;

/// The layer's result, for the extractors. `None` if an optional layer got no token.
#[derive(Clone, Debug)]
pub(crate) struct AuthContext(pub(crate) Option<Authenticated>);

/// The sender of a request, as an extractor for routes below an [`Authenticate`](crate::Authenticate) layer.
///
/// ```
/// use ably_auth_axum::{Authenticated, Operation, Refusal};
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
        let identity = match (claimed, token.client_id()) {
            (Some(claimed), client_id) if client_id.permits(claimed.as_str()) => Some(claimed),
            (Some(_), _) => {
                let message = "the token does not permit this clientId; use one that was issued for it";
                return Err(Refusal::new(ErrorCode::INCOMPATIBLE_CREDENTIALS, message));
            }
            (None, ClientId::Identified(identity)) => Some(identity.clone()),
            (None, ClientId::None | ClientId::Any) => None,
        };
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

    /// Refuses the sender if the token does not permit the operation, for a resource that is not in the path. For one
    /// in the path, use [`require`](crate::require).
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

/// The sender of a request, as an extractor that refuses senders without an identity, with code 40161.
///
/// ```
/// use ably_auth_axum::Identified;
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

/// Returns the layer's result. A route without the layer refuses every request.
pub(crate) fn auth_context(parts: &Parts) -> Result<Option<&Authenticated>, Refusal> {
    let missing = "the route has no `Authenticate` layer; on the server, add one around it";
    parts
        .extensions
        .get::<AuthContext>()
        .map(|auth_context| auth_context.0.as_ref())
        .ok_or_else(|| Refusal::internal(missing))
}

impl<S: Sync> FromRequestParts<S> for Authenticated {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        auth_context(parts)?.cloned().ok_or_else(credentials::missing)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Authenticated {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Refusal> {
        auth_context(parts).map(Option::<&Self>::cloned)
    }
}

impl<S: Sync> FromRequestParts<S> for Identified {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let authenticated = <Authenticated as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        let identity = authenticated.identity.clone().ok_or_else(|| {
            let message = "the route needs an identified client; use a token with a clientId, or one for any and name \
                           yours in X-Ably-ClientId";
            Refusal::new(ErrorCode::IDENTIFIED_CLIENT_NEEDED, message)
        })?;
        Ok(Self { authenticated, identity })
    }
}
