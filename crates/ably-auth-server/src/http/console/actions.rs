//! Tokens that are issued and revoked in the name of a key.

use ably_auth_backend::credentials::Credential;
use ably_auth_core::{Capability, KeyName, Nonce, Timestamp, TokenParams, TokenRequest, Ttl, jwt};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::visit::Visit;
use super::{inspect, keys};
use crate::http::format::Format;
use crate::http::keys as endpoints;
use crate::http::reply::Reply;
use crate::journal::checks::Checks;
use crate::ops::metrics;
use crate::policy::authenticate::{Authenticator, Principal};
use crate::policy::issue::{Issuer, Proof};
use crate::policy::revoke::Revocation;
use crate::random;
use crate::refusal::Refusal;
use crate::token::Entropy;

/// An upper bound of the usual size of a report, in bytes.
const MAX_REPORT: usize = 64 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewToken {
    key_name: String,
    kind: TokenKind,
    ttl_ms: Option<u64>,
    capability: Option<String>,
    client_id: Option<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
enum TokenKind {
    Token,
    Jwt,
}

/// Issues a token: by the exchange of a token request that the key signs, or as a JWT.
pub(super) async fn issue(visit: &Visit<'_>) -> Result<Reply, Refusal> {
    let call = visit.call;
    let NewToken { key_name, kind, ttl_ms, capability, client_id } = visit.body()?;
    let key = keys::find(visit, &key_name)?;
    let mut params = TokenParams::new();
    if let Some(millis) = ttl_ms {
        params = params.ttl(Ttl::from_millis(millis)?);
    }
    if let Some(text) = capability.filter(|text| !text.trim().is_empty()) {
        params = params.capability(Capability::parse_strict(&text)?);
    }
    if let Some(client_id) = client_id.filter(|text| !text.is_empty()) {
        params = params.client_id(&*client_id);
    }
    params.check()?;
    // The report repeats the capability, and shows it as a matrix.
    call.reserve_answer(MAX_REPORT)?;
    let token = match kind {
        TokenKind::Jwt => {
            key.check_in_force(call.state.latest(call.now))?;
            jwt::mint(key.api_key(), &params, call.now)?
        }
        TokenKind::Token => {
            let nonce = Nonce::from_random(&random::bytes().map_err(|_| Refusal::internal())?);
            let request = TokenRequest::sign(key.api_key(), &params, call.now, nonce)?;
            let issuer = Issuer { state: call.state, checks: &Checks::default() };
            let requested_key = issuer.find(key.name(), call.now).await?;
            let entropy = Entropy::new(random::bytes().map_err(|_| Refusal::internal())?);
            let details = issuer.exchange(requested_key, &request, Proof::Mac, &entropy, call.now).await?;
            metrics::add(&call.state.metrics.tokens_issued, 1);
            details.token().clone()
        }
    };
    let (report, _) = inspect::report(call, token.expose()).await;
    Reply::new(StatusCode::CREATED, &json!({ "token": token.expose(), "report": report }), Format::Json)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewRevocation {
    key_name: String,
    targets: Vec<String>,
    issued_before: Option<Timestamp>,
    allow_reauth_margin: Option<bool>,
}

pub(super) async fn revoke(visit: &Visit<'_>) -> Result<Reply, Refusal> {
    let body: NewRevocation = visit.body()?;
    let principal = holder(visit, &body.key_name).await?;
    let revocation = Revocation {
        targets: body.targets,
        issued_before: body.issued_before,
        with_margin: body.allow_reauth_margin.unwrap_or(false),
    };
    let done = endpoints::revoke(visit.call, &principal, revocation).await?;
    Reply::new(StatusCode::CREATED, &done, Format::Json)
}

/// Returns the holder of a key, whose tokens must be revocable.
pub(super) async fn holder(visit: &Visit<'_>, key_name: &str) -> Result<Principal, Refusal> {
    let (call, checks) = (visit.call, Checks::default());
    let name = KeyName::parse(key_name)?;
    let key = keys::find(visit, key_name)?;
    let credential = Credential::Key(key.api_key().clone());
    let authenticator = Authenticator { state: call.state, checks: &checks };
    let principal = authenticator.authenticate(&credential, None, call.now).await?;
    call.note(|notes| {
        notes.app = Some(name.app_id().to_owned());
        notes.key = Some(name.clone());
    });
    endpoints::check_may_revoke(&principal, &name)?;
    Ok(principal)
}
