//! The layer that lets in who shows a token.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Request, Uri};
use tower_layer::Layer;
use tower_service::Service;

use crate::credentials;
use crate::extract::{Authenticated, Shown};
use crate::refusal::Refusal;
use crate::verifier::VerifyToken;

/// A layer that lets in only requests that show a token of which a [`VerifyToken`] approves, and tells the routes below whose
/// they are: see [`Authenticated`], [`Identified`](crate::Identified) and [`require`](crate::require).
///
/// A token comes in the `Authorization` header, plain or in base64, as SDKs send it. With `X-Ably-ClientId`, the holder of a
/// token for any identity says which it is (`RSA7e2`). Everyone else is answered with 401, or with 400 where that is usual,
/// and an error that SDKs know.
///
/// The layer covers only the routes that exist when it is added: a route added after `.layer(…)` is open to everyone.
/// Add the layer last, and have routes extract [`Authenticated`] or guard them with [`require`](crate::require). Both
/// refuse every request if the layer is missing.
///
/// A layer for CORS goes around this one: a preflight shows no token.
///
/// ```
/// use std::time::Duration;
/// use ably_auth_axum::{ApiKey, Identified, Verifier};
/// use axum::{Router, routing::get};
///
/// let verifier = Verifier::new(Duration::from_secs(2)).key(&ApiKey::parse("appId.keyId:secret")?);
/// let app: Router = Router::new()
///     .route("/me", get(|me: Identified| async move { me.identity().to_string() }))
///     .layer(verifier.layer());
/// # Ok::<(), ably_auth_axum::Refusal>(())
/// ```
#[derive(Clone)]
#[must_use = "a layer does nothing until it is put around routes"]
pub struct Authenticate {
    verifier: Arc<dyn VerifyToken>,
    is_optional: bool,
    takes_query: bool,
}

impl Authenticate {
    /// A layer that goes by that verifier.
    pub fn new(verifier: impl VerifyToken) -> Self {
        Self { verifier: Arc::new(verifier), is_optional: false, takes_query: false }
    }

    /// Lets in requests that show no token too, for routes that take `Option<Authenticated>`. A token that is shown still
    /// has to be good, and a route that extracts [`Authenticated`] still refuses who shows none.
    pub const fn optional(mut self) -> Self {
        self.is_optional = true;
        self
    }

    /// Takes a token from the query too, as `accessToken` or `access_token`, where there is no header: for WebSockets and
    /// event streams of browsers, which cannot set one. Queries end up in logs, so put it around such routes alone.
    pub const fn or_in_query(mut self) -> Self {
        self.takes_query = true;
        self
    }

    async fn find_out(&self, headers: &HeaderMap, uri: &Uri) -> Result<Shown, Refusal> {
        let token = match credentials::from_headers(headers)? {
            None if self.takes_query => credentials::from_query(uri)?,
            token => token,
        };
        let Some(token) = token else {
            return if self.is_optional { Ok(Shown(None)) } else { Err(credentials::missing()) };
        };
        let verified = self.verifier.verify_token(&token).await?;
        Authenticated::new(verified, credentials::claimed_identity(headers)?).map(|it| Shown(Some(it)))
    }
}

impl fmt::Debug for Authenticate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticate")
            .field("is_optional", &self.is_optional)
            .field("takes_query", &self.takes_query)
            .finish_non_exhaustive()
    }
}

impl<S> Layer<S> for Authenticate {
    type Service = Authenticating<S>;

    fn layer(&self, inner: S) -> Authenticating<S> {
        Authenticating { layer: self.clone(), inner }
    }
}

/// The service that [`Authenticate`] makes of another.
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
        // What was found ready is the one to call.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let layer = self.layer.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            match layer.find_out(&parts.headers, &parts.uri).await {
                Ok(shown) => {
                    parts.extensions.insert(shown);
                    inner.call(Request::from_parts(parts, body)).await
                }
                Err(refusal) => Ok(refusal.into_response()),
            }
        })
    }
}
