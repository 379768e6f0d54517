//! Extractors: who sent a request.

use std::sync::Arc;

use ably_auth_core::capability::OperationName;
use ably_auth_core::{ClientId, ErrorCode, Identity};
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;

use crate::credentials;
use crate::refusal::Refusal;
use crate::verified_token::VerifiedToken;

/// What the layer has found out, for the extractors; none where no token was shown and none was needed.
#[derive(Clone, Debug)]
pub(crate) struct Shown(pub(crate) Option<Authenticated>);

/// Who sent a request, as an extractor for routes below an [`Authenticate`](crate::Authenticate) layer.
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
    /// The holder of that token, who says to be `claimed` (`RSA7`).
    pub(crate) fn new(token: VerifiedToken, claimed: Option<Identity>) -> Result<Self, Refusal> {
        let identity = match (claimed, token.client_id()) {
            (Some(claimed), client_id) if client_id.permits(claimed.as_str()) => Some(claimed),
            (Some(_), _) => {
                let message = "the token does not permit to act as this clientId; use one that was issued for it";
                return Err(Refusal::new(ErrorCode::INCOMPATIBLE_CREDENTIALS, message));
            }
            (None, ClientId::Identified(identity)) => Some(identity.clone()),
            (None, ClientId::None | ClientId::Any) => None,
        };
        Ok(Self { token, identity: identity.map(Arc::new) })
    }

    /// The token that was shown.
    #[must_use]
    pub const fn token(&self) -> &VerifiedToken {
        &self.token
    }

    /// As whom the sender acts, if as anybody: the token's clientId or, with a token for any, the one that the request
    /// names.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_deref()
    }

    /// Whether the token permits that operation on that resource.
    #[must_use]
    pub fn permits<'a>(&self, resource: &str, operation: impl Into<OperationName<'a>>) -> bool {
        self.token.capability().permits(resource, operation)
    }

    /// Refuses what the token does not permit: for a resource that is not in the path, where [`require`](crate::require)
    /// finds it.
    ///
    /// # Errors
    /// 40160 if the token does not permit that operation on that resource.
    pub fn check<'a>(&self, resource: &str, operation: impl Into<OperationName<'a>>) -> Result<(), Refusal> {
        let operation = operation.into();
        if self.permits(resource, operation) {
            return Ok(());
        }
        Err(Refusal::not_permitted(resource, operation))
    }
}

/// Who sent a request, if that is somebody in particular: an extractor that refuses others, with code 40161.
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
    /// As whom the sender acts.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// All that is known of the sender.
    #[must_use]
    pub const fn authenticated(&self) -> &Authenticated {
        &self.authenticated
    }
}

/// What the layer has found out; a route without the layer lets nobody in.
pub(crate) fn shown(parts: &Parts) -> Result<Option<&Authenticated>, Refusal> {
    let missing = "the route has no `Authenticate` layer around it; have the server put one there";
    parts.extensions.get::<Shown>().map(|shown| shown.0.as_ref()).ok_or_else(|| Refusal::internal(missing))
}

impl<S: Sync> FromRequestParts<S> for Authenticated {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        shown(parts)?.cloned().ok_or_else(credentials::missing)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Authenticated {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Refusal> {
        shown(parts).map(Option::<&Self>::cloned)
    }
}

impl<S: Sync> FromRequestParts<S> for Identified {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let authenticated = <Authenticated as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        let identity = authenticated.identity.clone().ok_or_else(|| {
            let message = "the route is for identified clients; use a token with a clientId, or one for any and name \
                           yours in X-Ably-ClientId";
            Refusal::new(ErrorCode::IDENTIFIED_CLIENT_NEEDED, message)
        })?;
        Ok(Self { authenticated, identity })
    }
}
