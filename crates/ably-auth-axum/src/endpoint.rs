//! The auth URL: a route from which Ably clients get their tokens.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ably_auth_backend::{ApiKey, AskedParams, Endpoint, Error, Refusal, Timestamp};
use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::Request;
use axum::handler::Handler;
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, on};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method};

use crate::grants::Grants;

const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// An auth URL (`RSA8c`): a route that issues Ably tokens to users whom the application grants one.
///
/// Choose the form of the answer with a constructor, set options, and finish with the application's decision, [`grant`].
/// The route answers GET with params in the query, and POST with params in a form. All answers have `Cache-Control:
/// no-store`. A client's params can narrow the grant, and never widen it: see [`Grant::narrowed`](ably_auth_backend::Grant::narrowed). A timestamp or nonce
/// from the client is ignored; otherwise a client could get a token request that is signed for a later time.
///
/// [`grant`]: Self::grant
///
/// ```
/// use std::sync::Arc;
/// use ably_auth_axum::{ApiKey, AuthEndpoint, Capability, Grant};
/// use axum::Router;
/// # struct User { id: String }
/// # impl<S: Sync> axum::extract::FromRequestParts<S> for User {
/// #     type Rejection = std::convert::Infallible;
/// #     async fn from_request_parts(_: &mut http::request::Parts, _: &S) -> Result<Self, Self::Rejection> {
/// #         Ok(Self { id: "bob".to_owned() })
/// #     }
/// # }
///
/// let key = ApiKey::parse("appId.keyId:secret")?;
/// let chat: Arc<Capability> = Arc::new(r#"{"chat:*":["publish","subscribe"]}"#.parse()?);
/// let endpoint = AuthEndpoint::jwt(&key)
///     .allow_origin("https://app.example.com")?
///     .grant(|user: User| async move { Grant::identified(&user.id, chat) });
/// let app: Router = Router::new().route("/ably-token", endpoint);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "call `grant` to make a route of it"]
pub struct AuthEndpoint {
    endpoint: Endpoint,
    body_timeout: Duration,
}

impl AuthEndpoint {
    const fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, body_timeout: BODY_TIMEOUT }
    }

    /// Answers with a JWT, as `application/jwt`. It is minted locally, without a request to the service, and can carry
    /// [claims](ably_auth_backend::Grant::claim).
    pub fn jwt(key: &ApiKey) -> Self {
        Self::new(Endpoint::jwt(key))
    }

    /// Answers with a signed token request in JSON, which the client exchanges for a token at the service. The client
    /// can read the request's capability and clientId.
    pub fn token_request(key: &ApiKey) -> Self {
        Self::new(Endpoint::token_request(key))
    }

    /// Answers with token details in JSON, with a JWT as the token: the client knows the token's clientId and expiry at
    /// once.
    pub fn token_details(key: &ApiKey) -> Self {
        Self::new(Endpoint::token_details(key))
    }

    /// Allows pages of an origin to use the endpoint, with their cookies: see [`Endpoint::allow_origin`].
    ///
    /// # Errors
    /// [`ErrorKind::Origin`](crate::ErrorKind::Origin) if the origin is not written as browsers send it.
    pub fn allow_origin(mut self, origin: &str) -> Result<Self, Error> {
        self.endpoint = self.endpoint.allow_origin(origin)?;
        Ok(self)
    }

    /// Allows pages of any origin, without cookies: see [`Endpoint::allow_any_origin`].
    pub fn allow_any_origin(mut self) -> Self {
        self.endpoint = self.endpoint.allow_any_origin();
        self
    }

    /// Sets the time limit for receiving the form of a POST: a slower client is answered with 408. The default is 10 s.
    ///
    /// The form is read before the application decides, so that the decision can depend on it. The body is at most 64
    /// KiB.
    pub const fn body_timeout(mut self, timeout: Duration) -> Self {
        self.body_timeout = timeout;
        self
    }

    /// Sets the clock, in place of the system's.
    pub fn clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.endpoint = self.endpoint.clock(now);
        self
    }

    /// Sets the source of nonces for token requests, in place of the system's. It must be cryptographically secure.
    pub fn random(mut self, bytes: impl Fn() -> [u8; 16] + Send + Sync + 'static) -> Self {
        self.endpoint = self.endpoint.random(bytes);
        self
    }

    /// Returns the route. The function decides about each grant: it is async, takes up to eight of the application's
    /// extractors, such as its user, its state or the [requested params](AskedParams), and returns a [`Grant`](ably_auth_backend::Grant) or a
    /// `Result` of one.
    ///
    /// To refuse a user, return an error from the function or from an extractor: a [`Refusal`], or any other answer of
    /// the application.
    pub fn grant<F, T, S>(self, grants: F) -> MethodRouter<S>
    where
        F: Grants<T, S>,
        T: 'static,
        S: Clone + Send + Sync + 'static,
    {
        let endpoint = Arc::new(self);
        let options = Arc::clone(&endpoint);
        let other_methods = Arc::clone(&endpoint);
        on(MethodFilter::GET.or(MethodFilter::POST), GrantHandler { endpoint, grants })
            .options(move |headers: HeaderMap| async move { options.answer_without_grant(Method::OPTIONS, headers) })
            .fallback(move |method: Method, headers: HeaderMap| async move {
                other_methods.answer_without_grant(method, headers)
            })
    }

    async fn answer<F: Grants<T, S>, T, S: Sync>(&self, grants: F, request: Request, state: &S) -> Response {
        let (parts, body) = request.into_parts();
        let form = if parts.method == Method::POST { read(body, self.body_timeout).await } else { Ok(Bytes::new()) };
        let headers = parts.headers.clone();
        let params = match form {
            Ok(form) => self.params(parts, form),
            Err(refusal) => {
                let mut response: http::Response<Bytes> = refusal.into();
                self.endpoint.finish(&headers, response.headers_mut());
                Err(Box::new(response))
            }
        };
        let (mut parts, params) = match params {
            Ok(read) => read,
            Err(response) => return (*response).map(Body::from),
        };
        match grants.decide(&mut parts, state).await {
            Ok(grant) => self.endpoint.answer(&headers, &params, Ok(grant)).map(Body::from),
            Err(response) => {
                let mut response = *response;
                self.endpoint.finish(&headers, response.headers_mut());
                response
            }
        }
    }

    /// Reads the params of a request, and passes them to the application's extractors.
    fn params(&self, parts: Parts, form: Bytes) -> Result<(Parts, AskedParams), Box<http::Response<Bytes>>> {
        let request = http::Request::from_parts(parts, form);
        let params = self.endpoint.params(&request)?;
        let (mut parts, _) = request.into_parts();
        parts.extensions.insert(params.clone());
        Ok((parts, params))
    }

    /// Answers OPTIONS, and refuses methods that no auth URL takes.
    fn answer_without_grant(&self, method: Method, headers: HeaderMap) -> Response {
        let mut request = http::Request::new(Bytes::new());
        *request.method_mut() = method;
        *request.headers_mut() = headers;
        match self.endpoint.params(&request) {
            Err(response) => (*response).map(Body::from),
            Ok(_) => Response::default(),
        }
    }
}

/// Reads a form within the time limit.
async fn read(body: Body, timeout: Duration) -> Result<Bytes, Refusal> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let most = Endpoint::MAX_BODY_BYTES;
    let form = tokio::time::timeout(timeout, to_bytes(body, most)).await.map_err(|_| Refusal::body_too_slow())?;
    form.map_err(|_| Refusal::body_too_large(most))
}

/// The endpoint as axum's handler. It gets the whole request, and passes the head to the application's function.
#[derive(Clone)]
struct GrantHandler<F> {
    endpoint: Arc<AuthEndpoint>,
    grants: F,
}

impl<F, T, S> Handler<(T,), S> for GrantHandler<F>
where
    F: Grants<T, S>,
    T: 'static,
    S: Clone + Send + Sync + 'static,
{
    type Future = Pin<Box<dyn Future<Output = Response> + Send>>;

    fn call(self, request: Request, state: S) -> Self::Future {
        Box::pin(async move { self.endpoint.answer(self.grants, request, &state).await })
    }
}
