//! The auth URL: an endpoint from which Ably clients get their tokens.

mod asked_params;
mod cors;
mod form;
mod grant;
mod issuer;

use std::fmt;

use ably_auth_core::{ApiKey, ErrorCode, Timestamp};
use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};

use crate::clock::Clock;
use crate::error::Error;
use crate::random::Random;
use crate::refusal::{NO_STORE, Refusal};
use cors::Cors;
use form::Form;
use issuer::Issuer;

pub use asked_params::AskedParams;
pub use grant::Grant;

/// The header that limits which pages may embed an answer, for example as a script, an image or a `no-cors` `fetch`.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, OPTIONS");

/// An auth URL (`RSA8c`): it issues Ably tokens to users whom the application grants one.
///
/// Choose the form of the answer with a constructor, and set options. For each request, read the client's
/// [params](Self::params), decide about the grant, and [answer](Self::answer). All answers have `Cache-Control:
/// no-store`. A client's params can narrow the grant, and never widen it: see [`Grant::narrowed`]. A timestamp or nonce
/// from the client is ignored; otherwise a client could get a token request that is signed for a later time.
///
/// ```
/// use ably_auth_backend::{ApiKey, Capability, Endpoint, Grant, Refusal};
/// use bytes::Bytes;
/// use http::{Request, Response};
///
/// fn auth_url(endpoint: &Endpoint, request: &Request<Bytes>) -> Response<Bytes> {
///     let params = match endpoint.params(request) {
///         Ok(params) => params,
///         Err(response) => return *response, // a preflight request, or a refused one
///     };
///     let decision = match request.headers().get("x-user") {
///         Some(user) if user == "bob" => Grant::identified("bob", Capability::all()),
///         _ => Err(Refusal::unauthenticated("log in first")),
///     };
///     endpoint.answer(request.headers(), &params, decision)
/// }
///
/// let endpoint = Endpoint::jwt(&ApiKey::parse("appId.keyId:secret")?).allow_origin("https://app.example.com")?;
/// let request = Request::get("/ably-token?ttl=60000").header("x-user", "bob").body(Bytes::new())?;
/// let response = auth_url(&endpoint, &request);
/// assert_eq!((response.status().as_u16(), &response.headers()["content-type"]), (200, &"application/jwt".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Endpoint {
    form: Form,
    issuer: Issuer,
    cors: Cors,
    clock: Clock,
}

impl Endpoint {
    /// The maximum size of a request's body, in bytes: larger than the longest capability that a token can carry. A
    /// server must read no more than this.
    pub const MAX_BODY_BYTES: usize = asked_params::MAX_BODY_BYTES;

    fn new(form: Form, key: &ApiKey) -> Self {
        Self { form, issuer: Issuer::new(key), cors: Cors::default(), clock: Clock::system() }
    }

    /// Answers with a JWT, as `application/jwt`. It is minted locally, without a request to the service, and can carry
    /// [claims](Grant::claim).
    #[must_use]
    pub fn jwt(key: &ApiKey) -> Self {
        Self::new(Form::Jwt, key)
    }

    /// Answers with a signed token request in JSON, which the client exchanges for a token at the service. The client
    /// can read the request's capability and clientId.
    #[must_use]
    pub fn token_request(key: &ApiKey) -> Self {
        Self::new(Form::TokenRequest, key)
    }

    /// Answers with token details in JSON, with a JWT as the token: the client knows the token's clientId and expiry at
    /// once.
    #[must_use]
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
    #[must_use]
    pub fn allow_any_origin(mut self) -> Self {
        self.cors = Cors::Any;
        self
    }

    /// Sets the clock, in place of the system's.
    #[must_use]
    pub fn clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }

    /// Sets the source of nonces for token requests, in place of the system's. It must be cryptographically secure.
    #[must_use]
    pub fn random(mut self, bytes: impl Fn() -> [u8; 16] + Send + Sync + 'static) -> Self {
        self.issuer.random = Random::new(bytes);
        self
    }

    /// Reads the params of a client: those of the query, and those of a POST's form, which override the query.
    ///
    /// # Errors
    /// The answer to a request that needs no decision: OPTIONS (such as a preflight request), a method other than GET,
    /// HEAD and POST, and a request whose params are invalid.
    pub fn params(&self, request: &Request<Bytes>) -> Result<AskedParams, Box<Response<Bytes>>> {
        let headers = request.headers();
        let refused = match *request.method() {
            Method::GET | Method::HEAD | Method::POST => match AskedParams::read(request) {
                Ok(params) => return Ok(params),
                Err(refusal) => refusal.into(),
            },
            Method::OPTIONS => return Err(Box::new(self.answer_options(headers))),
            _ => {
                let message = "an auth URL does not support this method; use GET or POST";
                let mut response = Response::from(Refusal::new(ErrorCode::METHOD_NOT_ALLOWED, message));
                response.headers_mut().insert(ALLOW, METHODS);
                response
            }
        };
        Err(Box::new(self.finished(headers, refused)))
    }

    /// Answers a request with the token of a grant, narrowed to the client's params, or with a refusal. `headers` are
    /// those of the request.
    #[must_use]
    pub fn answer(
        &self,
        headers: &HeaderMap,
        params: &AskedParams,
        decision: Result<Grant, Refusal>,
    ) -> Response<Bytes> {
        let grant = decision.and_then(|grant| grant.narrowed(params.token_params()));
        let response = grant.and_then(|grant| self.form.write(&self.issuer, &grant, self.clock.now()));
        self.finished(headers, response.unwrap_or_else(Response::from))
    }

    /// Adds the headers that every answer of an auth URL has. Call it for an answer that the application made itself,
    /// for example a redirect to its login. `headers` are those of the request.
    pub fn finish(&self, headers: &HeaderMap, answer: &mut HeaderMap) {
        answer.insert(CACHE_CONTROL, NO_STORE);
        // Without it, a page of another origin could load the answer as a script with cookies, and learn parts of it.
        answer.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        answer.insert(RESOURCE_POLICY, self.cors.resource_policy());
        self.cors.add(headers, answer);
    }

    fn finished(&self, headers: &HeaderMap, mut response: Response<Bytes>) -> Response<Bytes> {
        self.finish(headers, response.headers_mut());
        response
    }

    fn answer_options(&self, headers: &HeaderMap) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::NO_CONTENT;
        response.headers_mut().insert(ALLOW, METHODS);
        let mut response = self.finished(headers, response);
        self.cors.permit(headers, response.headers_mut());
        response
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("form", &self.form)
            .field("key_name", &self.issuer.key_name)
            .field("cors", &self.cors)
            .finish_non_exhaustive()
    }
}
