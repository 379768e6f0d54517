//! The auth URL: what an Ably client asks for its token.

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

/// The header that says which pages may embed an answer, such as by a script, an image or a `no-cors` `fetch`.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

const BODY_TIMEOUT: Duration = Duration::from_secs(10);

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, OPTIONS");

/// An auth URL (`RSA8c`): a route that hands out Ably tokens to whom the application lets have one.
///
/// It is made with the form in which it answers, told what is not as usual, and closed with the application's own decision,
/// [`grant`](Self::grant). It answers GET, with what is asked in the query, and POST, with that in a form; nothing that it
/// answers is to be stored. What is asked can narrow the grant and never widen it: see [`Grant::narrowed`]. A time or a nonce
/// of the client's own is left aside, or it could have a token request signed for later.
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
#[must_use = "it is a route once it has been told what to grant"]
pub struct AuthEndpoint {
    form: Form,
    issuer: Issuer,
    cors: Cors,
    clock: Clock,
    body_timeout: Duration,
}

/// What every token of an endpoint has in common. The keying is done once, not for each token.
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

    /// Answers with a JWT, as `application/jwt`: a token at once, made here, without asking the service. It can carry
    /// [claims](Grant::claim).
    pub fn jwt(key: &ApiKey) -> Self {
        Self::new(Form::Jwt, key)
    }

    /// Answers with a signed token request, as JSON, which the client exchanges for a token with the service. The
    /// client can read the capability and the clientId of the request.
    pub fn token_request(key: &ApiKey) -> Self {
        Self::new(Form::TokenRequest, key)
    }

    /// Answers with token details, as JSON, that have a JWT for a token: the client knows at once whom the token identifies
    /// and when it expires.
    pub fn token_details(key: &ApiKey) -> Self {
        Self::new(Form::TokenDetails, key)
    }

    /// Lets pages of that origin ask, with their cookies. It may be called for each of several.
    ///
    /// Pages of the endpoint's own origin need no such leave. Where the application has CORS in a layer of its own, it
    /// needs none here.
    ///
    /// # Errors
    /// [`ErrorKind::Origin`](crate::ErrorKind::Origin) if it does not read as browsers send it, `https://app.example.com`:
    /// without a path, not even `/`, and in lower case.
    pub fn allow_origin(mut self, origin: &str) -> Result<Self, Error> {
        self.cors = self.cors.with(origin)?;
        Ok(self)
    }

    /// Lets pages of any origin ask, without cookies: for applications that know their users by a header. It takes the
    /// place of single origins.
    pub fn allow_any_origin(mut self) -> Self {
        self.cors = Cors::Any;
        self
    }

    /// Sets the time limit for receiving the form of a POST: a slower client is answered with 408. The default is 10 s.
    ///
    /// The form is read before the application decides, so that the decision can depend on it. The body is at most 64 KiB.
    pub const fn body_timeout(mut self, timeout: Duration) -> Self {
        self.body_timeout = timeout;
        self
    }

    /// Takes the time from there in place of the system's clock.
    pub fn clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }

    /// Takes the nonces of token requests from there in place of the system's source. It has to be a cryptographic one.
    pub fn random(mut self, bytes: impl Fn() -> [u8; 16] + Send + Sync + 'static) -> Self {
        self.issuer.random = Random::new(bytes);
        self
    }

    /// The route, which decides by that function what to grant: an async one of up to eight extractors of the application's
    /// own, its user, its state, what was [asked](AskedParams), that gives a [`Grant`] or a `Result` of one.
    ///
    /// Who is not to get a token is refused by the error of that result, or of an extractor: a [`Refusal`], or whatever else
    /// the application answers with.
    pub fn grant<F, T, S>(self, grants: F) -> MethodRouter<S>
    where
        F: Grants<T, S>,
        T: 'static,
        S: Clone + Send + Sync + 'static,
    {
        let endpoint = Arc::new(self);
        let options = Arc::clone(&endpoint);
        let fallen = Arc::clone(&endpoint);
        on(MethodFilter::GET.or(MethodFilter::POST), Answering { endpoint, grants })
            .options(move |headers: HeaderMap| async move { options.answer_options(&headers) })
            .fallback(move |headers: HeaderMap| async move { fallen.answer_other_method(&headers) })
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
        let message = "an auth URL does not take this method; use GET or POST";
        let mut response = Refusal::new(ErrorCode::METHOD_NOT_ALLOWED, message).into_response();
        response.headers_mut().insert(ALLOW, METHODS);
        self.finish(asked, &mut response);
        response
    }

    /// Adds what every answer has, also one of the application's own.
    fn finish(&self, asked: &HeaderMap, response: &mut Response) {
        response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
        // Or a page of another origin may load it as a script, cookies and all, and see of it what scripts let see.
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

/// The endpoint as axum's handler: it takes the whole request, and gives the decision its head.
#[derive(Clone)]
struct Answering<F> {
    endpoint: Arc<AuthEndpoint>,
    grants: F,
}

impl<F, T, S> Handler<(T,), S> for Answering<F>
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
