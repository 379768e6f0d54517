//! The layer that accepts requests with a valid token only.

use std::pin::Pin;
use std::task::{Context, Poll};

use ably_auth_backend::{Authenticator, VerifyToken};
use axum::response::{IntoResponse as _, Response};
use http::Request;
use tower_layer::Layer;
use tower_service::Service;

/// A layer that accepts only requests with a token that a [`VerifyToken`] accepts. It passes the sender to the routes
/// below: see [`Authenticated`](crate::Authenticated), [`Identified`](crate::Identified) and [`require`](crate::require).
///
/// The token comes in the `Authorization` header, plain or in base64, as SDKs send it. In `X-Ably-ClientId`, the holder
/// of a token for any clientId says which one it acts as (`RSA7e2`). Other requests are refused with 401 or 400, and
/// with an error that SDKs understand.
///
/// The layer covers only the routes that exist when it is added: a route added after `.layer(…)` is open to everyone.
/// Add the layer last, and have routes extract [`Authenticated`](crate::Authenticated) or guard them with [`require`](crate::require). Both
/// refuse every request if the layer is missing.
///
/// Put a layer for CORS around this one, since a preflight request has no token.
///
/// ```
/// use std::time::Duration;
/// use ably_auth_axum::{ApiKey, Authenticate, Identified, Verifier};
/// use axum::{Router, routing::get};
///
/// let verifier = Verifier::new(Duration::from_secs(2)).key(&ApiKey::parse("appId.keyId:secret")?);
/// let app: Router = Router::new()
///     .route("/me", get(|me: Identified| async move { me.identity().to_string() }))
///     .layer(Authenticate::new(verifier));
/// # Ok::<(), ably_auth_axum::Refusal>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is put around routes"]
pub struct Authenticate(Authenticator);

impl Authenticate {
    /// Creates a layer that verifies tokens with `verifier`.
    pub fn new(verifier: impl VerifyToken) -> Self {
        Self(Authenticator::new(verifier))
    }

    /// Accepts requests without a token too, for routes that extract `Option<Authenticated>`. A token that is sent must
    /// still be valid, and a route that extracts [`Authenticated`](crate::Authenticated) still refuses requests without
    /// one.
    pub fn optional(self) -> Self {
        Self(self.0.optional())
    }

    /// Accepts a token in the query too, as `accessToken` or `access_token`, if there is no header: for WebSockets and
    /// event streams of browsers, which cannot set headers. Queries end up in logs, so use it for such routes only.
    pub fn or_in_query(self) -> Self {
        Self(self.0.or_in_query())
    }
}

impl<S> Layer<S> for Authenticate {
    type Service = Authenticating<S>;

    fn layer(&self, inner: S) -> Authenticating<S> {
        Authenticating { layer: self.clone(), inner }
    }
}

/// The service that [`Authenticate`] puts around another.
///
/// ```
/// use std::time::Duration;
/// use ably_auth_axum::{ApiKey, Authenticate, Authenticating, Verifier};
/// use axum::Router;
/// use tower_layer::Layer as _;
///
/// let verifier = Verifier::new(Duration::from_secs(2)).key(&ApiKey::parse("appId.keyId:secret")?);
/// let service: Authenticating<Router> = Authenticate::new(verifier).layer(Router::new());
/// # Ok::<(), ably_auth_axum::Refusal>(())
/// ```
#[derive(Clone, Debug)]
pub struct Authenticating<S> {
    layer: Authenticate,
    inner: S,
}

impl<S, B> Service<Request<B>> for Authenticating<S>
where
    S: Service<Request<B>, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // `poll_ready` has prepared `self.inner`, so call that one and keep the clone.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let layer = self.layer.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            match layer.0.authenticate(&parts.headers, &parts.uri).await {
                Ok(sender) => {
                    // The extractors of the backend crate read it from here.
                    parts.extensions.insert(sender);
                    inner.call(Request::from_parts(parts, body)).await
                }
                Err(refusal) => Ok(refusal.into_response()),
            }
        })
    }
}
