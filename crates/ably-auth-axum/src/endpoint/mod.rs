//! The auth URL: an endpoint from which Ably clients get their tokens.

mod asked_params;
mod cors;
mod form;
mod grant;
mod grants;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ably_auth_core::{ApiKey, ErrorCode, KeyName, Signer, Timestamp};
use axum::extract::Request;
use axum::handler::Handler;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, MethodRouter, on};
use http::header::{ALLOW, CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::clock::Clock;
use crate::error::Error;
use crate::random::Random;
use crate::refusal::{NO_STORE, Refusal};
use cors::Cors;
use form::Form;

pub use asked_params::AskedParams;
pub use grant::Grant;
pub use grants::{Grants, IntoGrant};

/// The header that limits which pages may embed an answer, for example as a script, an image or a `no-cors` `fetch`.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

const BODY_TIMEOUT: Duration = Duration::from_secs(10);

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, OPTIONS");

/// An auth URL (`RSA8c`): a route that issues Ably tokens to users whom the application grants one.
///
/// Choose the form of the answer with a constructor, set options, and finish with the application's decision, [`grant`].
/// The route answers GET with params in the query, and POST with params in a form. All answers have `Cache-Control:
/// no-store`. A client's params can narrow the grant, and never widen it: see [`Grant::narrowed`]. A timestamp or nonce
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
#[must_use = "call `grant` to make a route of it"]
pub struct AuthEndpoint {
    form: Form,
    issuer: Issuer,
    cors: Cors,
    clock: Clock,
    body_timeout: Duration,
}

/// The parts that all tokens of an endpoint share. The signer computes the key schedule once.
struct Issuer {
    key_name: KeyName,
    signer: Signer,
    random: Random,
}

impl AuthEndpoint {
    fn new(form: Form, key: &ApiKey) -> Self {
        let issuer = Issuer { key_name: key.key_name().clone(), signer: key.signer(), random: Random::system() };
        Self { form, issuer, cors: Cors::default(), clock: Clock::system(), body_timeout: BODY_TIMEOUT }
    }

    /// Answers with a JWT, as `application/jwt`. It is minted locally, without a request to the service, and can carry
    /// [claims](Grant::claim).
    pub fn jwt(key: &ApiKey) -> Self {
        Self::new(Form::Jwt, key)
    }

    /// Answers with a signed token request in JSON, which the client exchanges for a token at the service. The client
    /// can read the request's capability and clientId.
    pub fn token_request(key: &ApiKey) -> Self {
        Self::new(Form::TokenRequest, key)
    }

    /// Answers with token details in JSON, with a JWT as the token: the client knows the token's clientId and expiry at
    /// once.
    pub fn token_details(key: &ApiKey) -> Self {
        Self::new(Form::TokenDetails, key)
    }

    /// Allows pages of an origin to use the endpoint, with their cookies. Call it once for each origin.
    ///
    /// Pages of the endpoint's own origin are always allowed. If the application has its own CORS layer, do not call
    /// this.
    ///
    /// # Errors
    /// [`ErrorKind::Origin`](crate::ErrorKind::Origin) if the origin is not written as browsers send it, for example
    /// `https://app.example.com`: in lower case, and without a path, not even `/`.
    pub fn allow_origin(mut self, origin: &str) -> Result<Self, Error> {
        self.cors = self.cors.with(origin)?;
        Ok(self)
    }

    /// Allows pages of any origin, without cookies: for applications that identify users by a header. It replaces
    /// origins that were allowed before.
    pub fn allow_any_origin(mut self) -> Self {
        self.cors = Cors::Any;
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
        self.clock = Clock::new(now);
        self
    }

    /// Sets the source of nonces for token requests, in place of the system's. It must be cryptographically secure.
    pub fn random(mut self, bytes: impl Fn() -> [u8; 16] + Send + Sync + 'static) -> Self {
        self.issuer.random = Random::new(bytes);
        self
    }

    /// Returns the route. The function decides about each grant: it is async, takes up to eight of the application's
    /// extractors, such as its user, its state or the [requested params](AskedParams), and returns a [`Grant`] or a
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
            .options(move |headers: HeaderMap| async move { options.answer_options(&headers) })
            .fallback(move |headers: HeaderMap| async move { other_methods.answer_other_method(&headers) })
    }

    async fn answer<F: Grants<T, S>, T, S: Sync>(&self, grants: F, request: Request, state: &S) -> Response {
        let (mut parts, body) = request.into_parts();
        let asking = AskedParams::read(&parts, body, self.body_timeout).await;
        let mut response = match asking {
            Ok(asked) => match asked.granted_by(grants, &mut parts, state).await {
                Ok(grant) => {
                    self.form.write(&self.issuer, &grant, self.clock.now()).unwrap_or_else(Refusal::into_response)
                }
                Err(response) => *response,
            },
            Err(refusal) => refusal.into_response(),
        };
        self.finish(&parts.headers, &mut response);
        response
    }

    fn answer_options(&self, asked: &HeaderMap) -> Response {
        let mut response = StatusCode::NO_CONTENT.into_response();
        response.headers_mut().insert(ALLOW, METHODS);
        self.finish(asked, &mut response);
        self.cors.permit(asked, response.headers_mut());
        response
    }

    fn answer_other_method(&self, asked: &HeaderMap) -> Response {
        let message = "an auth URL does not support this method; use GET or POST";
        let mut response = Refusal::new(ErrorCode::METHOD_NOT_ALLOWED, message).into_response();
        response.headers_mut().insert(ALLOW, METHODS);
        self.finish(asked, &mut response);
        response
    }

    /// Adds the headers that every answer has, including the application's own answers.
    fn finish(&self, asked: &HeaderMap, response: &mut Response) {
        response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
        // Without it, a page of another origin could load the answer as a script with cookies, and learn parts of it.
        response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response.headers_mut().insert(RESOURCE_POLICY, self.cors.resource_policy());
        self.cors.add(asked, response.headers_mut());
    }
}

impl fmt::Debug for AuthEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthEndpoint")
            .field("form", &self.form)
            .field("key_name", &self.issuer.key_name)
            .field("cors", &self.cors)
            .finish_non_exhaustive()
    }
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
