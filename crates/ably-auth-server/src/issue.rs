//! Issuing: from a token request to a token.

use ably_auth_core::jwt::HeaderFit;
use ably_auth_core::{
    ApiKey, Capability, ErrorCode, KeyName, Timestamp, Token, TokenDetails, TokenRequest, Ttl, VerifiedTokenRequest,
};

use crate::apps::Key;
use crate::authenticate;
use crate::refusal::Refusal;
use crate::registry::{Registry, RunningApp};
use crate::store::{Memory, Subject, WINDOW_MILLIS, lock};
use crate::token::{Claims, Entropy, Reference};

/// The most pairs of entries that are compared: the work grows with the product, and more than this is no honest request.
const MAX_CAPABILITY_PAIRS: usize = 100_000;

/// What a token is issued from, and by whom.
pub(crate) struct Issuer<'a> {
    pub(crate) registry: &'a Registry,
    pub(crate) store: &'a Memory,
}

impl Issuer<'_> {
    /// Exchanges a token request. The order of the checks tells nothing about the key to who did not sign.
    pub(crate) fn exchange(
        &self,
        request: &TokenRequest,
        key_name: &KeyName,
        shown: Option<&ApiKey>,
        entropy: &Entropy,
        now: Timestamp,
    ) -> Result<TokenDetails, Refusal> {
        // The body's text is not quoted: who mistakes the field may have put the whole key there.
        if request.key_name() != key_name.as_str() {
            let message = "the body's `keyName` is not the path's; post the request to `/keys/{keyName}/requestToken`";
            return Err(Refusal::new(ErrorCode::BAD_REQUEST, message));
        }
        let (app, key) = self.registry.key(key_name)?;
        let request = prove(request, &key, shown)?;
        key.check_in_force(now)?;
        self.check_fresh(&request, &key, now)?;
        let ttl = ttl(&request, &key)?;
        let capability = grant(request.capability()?, &key)?;
        let details = self.seal(&app, &key, (ttl, capability), &request, entropy, now)?;
        lock(&app.memory.stats).count_token(now);
        Ok(details)
    }

    fn check_fresh(&self, request: &VerifiedTokenRequest<'_>, key: &Key, now: Timestamp) -> Result<(), Refusal> {
        let Some(timestamp) = request.timestamp()? else {
            return Ok(());
        };
        if now.abs_diff(timestamp) > WINDOW_MILLIS {
            let message = format!(
                "the request's timestamp {timestamp} is over 2 minutes from the service's {now}; set the clock, or ask \
                 `/time` before signing"
            );
            return Err(Refusal::new(ErrorCode::TIMESTAMP_NOT_CURRENT, message));
        }
        match request.nonce() {
            Some(nonce) if !self.store.use_nonce(key.name(), timestamp, nonce, now) => {
                let message = "the request was exchanged before; sign a new token request for each token";
                Err(Refusal::new(ErrorCode::NONCE_REPLAYED, message))
            }
            _ => Ok(()),
        }
    }

    fn seal(
        &self,
        app: &RunningApp,
        key: &Key,
        (ttl, capability): (Ttl, Capability),
        request: &VerifiedTokenRequest<'_>,
        entropy: &Entropy,
        now: Timestamp,
    ) -> Result<TokenDetails, Refusal> {
        let client_id = request.client_id()?;
        let subject = Subject {
            key: key.name(),
            client_id: &client_id,
            capability: &capability,
            written: None,
            revocation_key: None,
        };
        // Where tokens were revoked within this very millisecond, the token counts as issued after it.
        let issued = now.max(self.store.first_valid_issue(&subject));
        let expires = issued.saturating_add(ttl);
        let expires = key.expires().map_or(expires, |of_key| of_key.min(expires));
        let claims = Claims { key_name: key.name().clone(), issued, expires, client_id, capability: capability.into() };
        let token = app.memory.sealer.seal(&claims, entropy)?;
        let token = if HeaderFit::of(token.expose()) == HeaderFit::Over {
            self.refer(app, &claims, entropy, now)?
        } else {
            token
        };
        Ok(TokenDetails::issued_by(claims.key_name, token, (issued, expires), &*claims.capability, claims.client_id))
    }
}

impl Issuer<'_> {
    /// A short token for claims that would not fit into a header, which are kept here instead.
    fn refer(&self, app: &RunningApp, claims: &Claims, entropy: &Entropy, now: Timestamp) -> Result<Token, Refusal> {
        let reference = Reference::new(claims.expires, entropy);
        let token = app.memory.sealer.seal_reference(reference, entropy)?;
        if !self.store.keep(reference, claims.clone(), now) {
            let message = "there are too many tokens with large capabilities; wait until some expire, or use wildcards";
            return Err(Refusal::new(ErrorCode::RATE_LIMITED, message));
        }
        Ok(token)
    }
}

/// Shows that the key's holder made the request: by its mac, or by the key itself.
fn prove<'a>(
    request: &'a TokenRequest,
    key: &Key,
    shown: Option<&ApiKey>,
) -> Result<VerifiedTokenRequest<'a>, Refusal> {
    if let Some(shown) = shown {
        authenticate::compare(shown, key)?;
    }
    if request.is_signed() {
        return Ok(request.verify_with(key.signer(), key.name())?);
    }
    if shown.is_none() {
        let message = "the request has no mac; sign it, or authenticate with the key itself";
        return Err(Refusal::new(ErrorCode::INVALID_CREDENTIALS, message));
    }
    Ok(request.trust_key_holder(key.name())?)
}

fn ttl(request: &VerifiedTokenRequest<'_>, key: &Key) -> Result<Ttl, Refusal> {
    let ttl = request.ttl()?.unwrap_or(Ttl::DEFAULT);
    if ttl > key.max_ttl() {
        let message = format!("a ttl of {ttl} ms is over {}, the most for a key with revocable tokens", key.max_ttl());
        return Err(Refusal::new(ErrorCode::INVALID_PARAMETER, format!("{message}; ask for less")));
    }
    Ok(ttl)
}

/// What a token may do: what is asked for, as far as the key has it (`RSA6`).
pub(crate) fn grant(asked: Option<Capability>, key: &Key) -> Result<Capability, Refusal> {
    let has = key.capability();
    let Some(asked) = asked else {
        return if has.is_empty() { Err(nothing_in_common("", "the key permits nothing")) } else { Ok(has.clone()) };
    };
    if asked.len().saturating_mul(has.len()) > MAX_CAPABILITY_PAIRS {
        let message = "the capability names too many resources for this key; ask for fewer, or use wildcards";
        return Err(Refusal::new(ErrorCode::BAD_REQUEST, message));
    }
    let granted = has.intersect(&asked);
    if !granted.is_empty() {
        return Ok(granted);
    }
    let near = asked.iter().any(|(a, _)| has.iter().any(|(b, _)| a.covers(b) || b.covers(a)));
    let why = match (asked.is_empty(), has.is_empty(), near) {
        (true, ..) => "that permits nothing",
        (_, true, _) => "the key permits nothing",
        (.., true) => "the key permits other operations on these resources",
        _ => "the key permits other resources",
    };
    Err(nothing_in_common(&asked.to_string(), why))
}

fn nothing_in_common(asked: &str, why: &str) -> Refusal {
    const MAX_CHARS: usize = 300;
    let shortened: String = asked.chars().take(MAX_CHARS).collect();
    let more = if shortened.len() < asked.len() { "…" } else { "" };
    let asked = if asked.is_empty() {
        "nothing in particular was asked for".into()
    } else {
        format!("`{shortened}{more}` was asked for")
    };
    let message = format!("no capability is left: {asked}, and {why}; ask for what the key permits");
    Refusal::new(ErrorCode::CAPABILITY_REFUSED, message)
}
