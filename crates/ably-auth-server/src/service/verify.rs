//! The service as what verifies the tokens of an axum application's routes.

use ably_auth_backend::{ErrorCode, Refusal, Token, VerifiedToken, VerifyToken};

use crate::policy::authenticate::Authenticator;
use crate::service::Service;

/// Guards routes of an application's own by the service's tokens: those that it issued, JWTs of its keys' holders, and either
/// of them within another JWT. What was revoked, whether a token or its key, is refused from then on; over a store that
/// services share, wherever it was revoked.
///
/// To hold it, an application serves the tokens' service itself, or makes one that serves nobody, of the same apps, secret
/// and store. The limits on how often a key may be used are the service's own: these routes do not count.
///
/// ```
/// use ably_auth_backend::Authenticate;
/// use ably_auth_server::{Apps, Service};
///
/// let service = Service::builder().apps(Apps::of_key("app1.key1:secret".parse()?)).build()?;
/// let guard = Authenticate::new(service.clone()); // a layer to put around routes
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[async_trait::async_trait]
impl VerifyToken for Service {
    async fn verify_token(&self, token: &Token) -> Result<VerifiedToken, Refusal> {
        let state = self.state();
        match Authenticator(state).bearer(token, state.clock.now()).await {
            Ok(bearer) => Ok(bearer.token),
            // On the wire that is about a path of the service's; here the path is right, and it is the token that is not.
            Err(refusal) if refusal.info().code() == ErrorCode::NOT_FOUND => {
                let message = "the token is of a key that this service does not know; request a new token from it";
                Err(Refusal::new(ErrorCode::TOKEN_UNRECOGNISED, message))
            }
            Err(refusal) => Err(refusal.into_of_any()),
        }
    }
}
