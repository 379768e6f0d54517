//! The params that a client sends to an auth URL.

use std::fmt;
use std::sync::Arc;

use ably_auth_core::{Capability, ClientId, ErrorCode, TokenParams, Ttl};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Request};

use crate::refusal::Refusal;

/// The maximum size of a form, in bytes.
pub(super) const MAX_BODY_BYTES: usize = 64 * 1024;

/// The params that a client sends to an [`Endpoint`](super::Endpoint): the token params, and the application's own
/// params (`authParams`).
///
/// They are read from the query and from a POST's form, which overrides the query. They are not authenticated: they
/// only say what the client requests.
///
/// ```
/// use ably_auth_backend::{ApiKey, Endpoint};
/// use bytes::Bytes;
///
/// let endpoint = Endpoint::jwt(&ApiKey::parse("appId.keyId:secret")?);
/// let request = http::Request::get("/ably-token?clientId=bob&tenant=acme").body(Bytes::new())?;
/// let params = endpoint.params(&request).map_err(|refused| refused.status().to_string())?;
/// assert_eq!((params.token_params().get_client_id().as_str(), params.get("tenant")), (Some("bob"), Some("acme")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct AskedParams(Option<Arc<Asked>>);

struct Asked {
    token_params: TokenParams,
    others: Vec<(String, String)>,
}

static NO_PARAMS: TokenParams = TokenParams::new();

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

    pub(super) fn read(request: &Request<Bytes>) -> Result<Self, Refusal> {
        let query = request.uri().query().filter(|query| !query.is_empty());
        let form = if *request.method() == Method::POST { request.body().as_ref() } else { &[] };
        if form.len() > MAX_BODY_BYTES {
            return Err(Refusal::body_too_large(MAX_BODY_BYTES));
        }
        if query.is_none() && form.is_empty() {
            return Ok(Self(None));
        }
        if !form.is_empty() && !is_form(request.headers()) {
            let message =
                "the body is not a form; send the params as `application/x-www-form-urlencoded`, or in the query";
            return Err(Refusal::new(ErrorCode::INVALID_BODY, message).with_status(415));
        }
        let mut sent = SentParams::default();
        for encoded in [query.unwrap_or_default().as_bytes(), form] {
            for (name, value) in form_urlencoded::parse(encoded) {
                sent.take(&name, &value)?;
            }
        }
        Ok(Self(Some(Arc::new(sent.into_asked()))))
    }
}

/// The params that were read until now. A later one replaces an earlier one.
#[derive(Default)]
struct SentParams {
    ttl: Option<Ttl>,
    capability: Option<Capability>,
    client_id: ClientId,
    others: Vec<(String, String)>,
}

impl SentParams {
    /// Stores a param. An empty value requests nothing.
    fn take(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        let given = !value.is_empty();
        match name {
            "ttl" => self.ttl = given.then(|| ttl(value)).transpose()?,
            "capability" => {
                self.capability =
                    given.then(|| Capability::parse_strict(value)).transpose().map_err(Refusal::invalid_input)?;
            }
            "clientId" => {
                self.client_id =
                    if given { ClientId::parse(value).map_err(Refusal::invalid_input)? } else { ClientId::None };
            }
            "timestamp" | "nonce" => {}
            _ => self.others.push((name.to_owned(), value.to_owned())),
        }
        Ok(())
    }

    fn into_asked(self) -> Asked {
        let mut token_params = TokenParams::new().client_id(self.client_id);
        if let Some(ttl) = self.ttl {
            token_params = token_params.ttl(ttl);
        }
        if let Some(capability) = self.capability {
            token_params = token_params.capability(capability);
        }
        Asked { token_params, others: self.others }
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
    Ttl::from_millis(millis).map_err(Refusal::invalid_input)
}

fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
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
