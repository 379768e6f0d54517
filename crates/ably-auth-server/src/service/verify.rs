//! The service as a verifier of tokens for an application's routes.

use ably_auth_backend::{ErrorCode, Refusal, Token, VerifiedToken, VerifyToken};

use crate::journal::checks::Checks;
use crate::policy::authenticate::Authenticator;
use crate::service::Service;

/// Verifies tokens for the routes of an application: tokens that the service issued, JWTs that are signed with its
/// keys, and either of them embedded in another JWT. A token is refused from the moment on that it or its key is
/// revoked. Over a shared store, this holds whichever service revoked it.
///
/// The application either runs a server for this service, or builds another service with the same apps, secret and
/// store, without a server. Requests to these routes do not count for the rate limits of keys.
///
/// ```
/// use ably_auth_backend::Authenticator;
/// use ably_auth_server::{Apps, Service};
///
/// let service = Service::builder().apps(Apps::of_key("app1.key1:secret".parse()?)).build()?;
/// let authenticator = Authenticator::new(service.clone()); // on axum, `Authenticate` is a layer around it
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[async_trait::async_trait]
impl VerifyToken for Service {
    async fn verify_token(&self, token: &Token) -> Result<VerifiedToken, Refusal> {
        let current = self.current();
        let state = current.state();
        match (Authenticator { state, checks: &Checks::default() }).bearer(token, state.clock.now()).await {
            Ok(bearer) => Ok(bearer.token),
            // The endpoints of the service answer 404 for an unknown key, because it is part of their path. Here the
            // path is right and the token is invalid.
            Err(refusal) if refusal.info().code() == ErrorCode::NOT_FOUND => Err(Refusal::unknown_token()),
            Err(refusal) => Err(refusal.into_of_any()),
        }
    }
}
