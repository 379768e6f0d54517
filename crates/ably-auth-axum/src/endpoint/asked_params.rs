//! The params that a client sends to an auth URL.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ably_auth_core::{Capability, ClientId, ErrorCode, TokenParams, Ttl};
use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse as _, Response};
use http::Method;
use http::header::CONTENT_TYPE;
use http::request::Parts;

use super::grant::Grant;
use super::grants::Grants;
use crate::refusal::Refusal;

/// Maximum size of a form, in bytes: larger than the longest capability that a token can carry.
const MAX_FORM_BYTES: usize = 64 * 1024;

/// An extractor for the params that a client sends to an [`AuthEndpoint`](super::AuthEndpoint): the token params, and
/// the application's own params (`authParams`).
///
/// They are read from the query and from a POST's form, which overrides the query. They are not authenticated: they
/// only say what the client requests. In a route that is not an [`AuthEndpoint`](super::AuthEndpoint), there are none.
///
/// ```
/// use ably_auth_axum::{ApiKey, AskedParams, AuthEndpoint, Capability, Grant, Operation, Refusal};
///
/// let key = ApiKey::parse("appId.keyId:secret")?;
/// let endpoint = AuthEndpoint::jwt(&key).grant(|asked: AskedParams| async move {
///     let tenant = asked.get("tenant").filter(|tenant| *tenant == "acme");
///     let tenant = tenant.ok_or_else(|| Refusal::forbidden("the tenant is unknown; check `authParams`"))?;
///     let news = Capability::none().with(&format!("news:{tenant}"), [Operation::Subscribe])?;
///     Ok::<_, Refusal>(Grant::anonymous(news))
/// });
/// let app: axum::Router = axum::Router::new().route("/ably-token", endpoint);
/// # Ok::<(), ably_auth_axum::Refusal>(())
/// ```
#[derive(Clone, Default)]
pub struct AskedParams(Option<Arc<Asked>>);

#[derive(Default)]
struct Asked {
    token_params: TokenParams,
    others: Vec<(String, String)>,
}

static NO_PARAMS: TokenParams =
    TokenParams { ttl: None, capability: None, client_id: ClientId::None, timestamp: None, nonce: None };

impl AskedParams {
    /// Returns the requested ttl, capability and clientId. A ttl above the maximum of any token is reduced to that
    /// maximum.
    #[must_use]
    pub fn token_params(&self) -> &TokenParams {
        self.0.as_ref().map_or(&NO_PARAMS, |asked| &asked.token_params)
    }

    /// Returns the last param with this name. Token params are not included.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let others = self.0.as_ref().map_or(&[][..], |asked| &asked.others);
        others.iter().rev().find(|(theirs, _)| theirs == name).map(|(_, value)| value.as_str())
    }

    pub(super) async fn read(parts: &Parts, body: Body, timeout: Duration) -> Result<Self, Refusal> {
        let query = parts.uri.query().filter(|query| !query.is_empty());
        let form = if parts.method == Method::POST && !body.is_end_stream() {
            let form = tokio::time::timeout(timeout, to_bytes(body, MAX_FORM_BYTES)).await;
            form.map_err(|_| too_slow())?.map_err(|_| too_large())?
        } else {
            bytes::Bytes::new()
        };
        if query.is_none() && form.is_empty() {
            return Ok(Self(None));
        }
        if !form.is_empty() && !is_form(parts) {
            let message =
                "the body is not a form; send the params as `application/x-www-form-urlencoded`, or in the query";
            return Err(Refusal::new(ErrorCode::INVALID_BODY, message).with_status(415));
        }
        let mut asked = Asked::default();
        for encoded in [query.unwrap_or_default().as_bytes(), &form] {
            for (name, value) in form_urlencoded::parse(encoded) {
                asked.take(&name, &value)?;
            }
        }
        Ok(Self(Some(Arc::new(asked))))
    }

    /// Returns the application's grant, narrowed to the requested params.
    pub(super) async fn granted_by<F: Grants<T, S>, T, S: Sync>(
        self,
        grants: F,
        parts: &mut Parts,
        state: &S,
    ) -> Result<Grant, Box<Response>> {
        if self.0.is_some() {
            parts.extensions.insert(self.clone());
        }
        let grant = grants.decide(parts, state).await?;
        grant.narrowed(self.token_params()).map_err(|refusal| Box::new(refusal.into_response()))
    }
}

impl Asked {
    /// Stores a param. An empty value requests nothing.
    fn take(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        let given = !value.is_empty();
        match name {
            "ttl" => self.token_params.ttl = given.then(|| ttl(value)).transpose()?,
            "capability" => {
                self.token_params.capability =
                    given.then(|| Capability::parse_strict(value)).transpose().map_err(invalid_param)?;
            }
            "clientId" => {
                self.token_params.client_id =
                    if given { ClientId::parse(value).map_err(invalid_param)? } else { ClientId::None };
            }
            "timestamp" | "nonce" => {}
            _ => self.others.push((name.to_owned(), value.to_owned())),
        }
        Ok(())
    }
}

fn ttl(text: &str) -> Result<Ttl, Refusal> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::new(
            ErrorCode::INVALID_PARAMETER,
            "invalid ttl: it is not a number; send whole milliseconds",
        ));
    }
    // A number with too many digits for 64 bits is a long time too.
    let millis = text.parse().unwrap_or(u64::MAX).min(Ttl::MAX.as_millis());
    Ttl::from_millis(millis).map_err(invalid_param)
}

/// Returns the refusal of an invalid param.
#[allow(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn invalid_param(error: ably_auth_core::Error) -> Refusal {
    Refusal::new(error.ably_code(), error.to_string())
}

fn too_large() -> Refusal {
    let message = format!("the body has more than {MAX_FORM_BYTES} bytes, or is incomplete; request less");
    Refusal::new(ErrorCode::BODY_TOO_LARGE, message)
}

fn too_slow() -> Refusal {
    let message = "the body did not arrive in time; send it without delay, or send the params in the query";
    Refusal::new(ErrorCode::BAD_REQUEST, message).with_status(408)
}

fn is_form(parts: &Parts) -> bool {
    let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

impl<S: Sync> FromRequestParts<S> for AskedParams {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

impl fmt::Debug for AskedParams {
    /// Omits the values of the application's own params, which may be credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let others = self.0.as_ref().map_or(&[][..], |asked| &asked.others);
        f.debug_struct("AskedParams")
            .field("token_params", self.token_params())
            .field("others", &others.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .finish()
    }
}
