//! Issues tokens for token requests.

use std::sync::Arc;

use ably_auth_backend::{VerifiedToken, limit_capability};
use ably_auth_core::jwt::HeaderFit;
use ably_auth_core::{
    ApiKey, Capability, ClientId, ErrorCode, KeyName, Timestamp, TokenDetails, TokenRequest, Ttl, Validity,
    VerifiedTokenRequest,
};

use crate::apps::Key;
use crate::journal::checks::{Check, Checks};
use crate::refusal::Refusal;
use crate::state::State;
use crate::state::registry::RunningApp;
use crate::state::revocations::Subject;
use crate::store::{Feed, Fingerprint, KeptClaims, Reference, Use, WINDOW_MILLIS};
use crate::sync::lock;
use crate::token::{Claims, Entropy};

/// Issues tokens with the service's keys and store.
pub(crate) struct Issuer<'a> {
    pub(crate) state: &'a State,
    /// The checks of the request.
    pub(crate) checks: &'a Checks,
}

/// The contents of a token that may be issued.
struct TokenGrant {
    ttl: Ttl,
    /// The latest time at which the token may expire.
    latest_end: Option<Timestamp>,
    capability: Capability,
    client_id: ClientId,
}

/// The proof that the sender of a token request holds the key or one of its tokens.
#[derive(Clone, Copy)]
pub(crate) enum Proof<'a> {
    /// The mac of the request, which must be signed.
    Mac,
    /// The key.
    Key(&'a ApiKey),
    /// A valid token of the same key. The new token permits no more than this one and does not live longer.
    Token(&'a VerifiedToken),
}

/// The key of a token request, with the state of the service when the key was looked up.
pub(crate) struct RequestedKey {
    app: Arc<RunningApp>,
    key: Arc<Key>,
    /// The version of the store's feed that the service had seen before the lookup.
    seen: u64,
}

impl Issuer<'_> {
    /// Finds the key that a request names. Asks the store about a key that the service does not know yet.
    pub(crate) async fn find(&self, key_name: &KeyName, now: Timestamp) -> Result<RequestedKey, Refusal> {
        let seen = self.state.store.feed().seen();
        let (app, key) = self.checks.record(Check::KeyKnown, self.state.key(key_name, now).await)?;
        Ok(RequestedKey { app, key, seen })
    }

    /// Exchanges a token request for a token. The sender is authenticated before anything is awaited, and before the
    /// response can reveal anything about the key except that it exists.
    pub(crate) async fn exchange(
        &self,
        requested_key: RequestedKey,
        request: &TokenRequest,
        proof: Proof<'_>,
        entropy: &Entropy,
        now: Timestamp,
    ) -> Result<TokenDetails, Refusal> {
        let RequestedKey { mut app, mut key, seen } = requested_key;
        let checks = self.checks;
        checks.record(Check::SameKey, check_same_key(request, &key))?;
        let State { store, .. } = self.state;
        if let Proof::Key(presented) = proof {
            checks.record(Check::Secret, key.check_presented(presented))?;
        }
        let proof_check = if request.is_signed() { Check::Mac } else { Check::Proof };
        let request = checks.record(proof_check, prove(request, &key, proof))?;
        checks.record(Check::KeyInForce, key.check_in_force(self.state.latest(now)))?;
        if !matches!(proof, Proof::Token(_)) {
            // The holder of a token was counted when the token was verified.
            checks.record(Check::Rate, self.state.check_rate_of(key.name()))?;
        }
        let fresh = fresh_nonce(&request, &key, self.state.sender_clocks(now));
        let (nonce, nonce_clock) = checks.record(Check::Timestamp, fresh)?;
        // Read this before the store learns the time, so that a revocation that uses the store's time includes this
        // token.
        let latest = self.state.latest(now);
        // The nonce of an unsigned request proves nothing, and holders of tokens must not fill the store with nonces.
        let nonce = nonce.filter(|_| !matches!(proof, Proof::Token(_)));
        let used = check_use(store.use_once(nonce, nonce_clock).await?, store.feed(), now);
        // Without a nonce, nothing was checked.
        if nonce.is_some() { checks.record(Check::Nonce, used) } else { used }?;
        self.state.learn()?;
        if store.feed().seen() != seen {
            (app, key) = self.state.registry.key(key.name())?;
            key.check_in_force(self.state.latest(now))?;
            if let Proof::Token(token) = proof {
                check_may_request(token, &key)?;
            }
        }
        let grant = checks.record(Check::Grant, token_grant(&request, &key, proof))?;
        let details = self.seal(&app, &key, grant, entropy, (now, latest)).await?;
        lock(&app.memory.stats).count_token(now);
        Ok(details)
    }

    /// Checks a signed token request as [`exchange`](Self::exchange) does, except for the use of its nonce.
    #[cfg(feature = "console")]
    pub(crate) fn check(&self, key: &Key, request: &TokenRequest, now: Timestamp) -> Result<(), Refusal> {
        let checks = self.checks;
        let request = checks.record(Check::Mac, prove(request, key, Proof::Mac))?;
        checks.record(Check::KeyInForce, key.check_in_force(self.state.latest(now)))?;
        checks.record(Check::Timestamp, fresh_nonce(&request, key, self.state.sender_clocks(now)))?;
        checks.record(Check::Grant, token_grant(&request, key, Proof::Mac)).map(|_| ())
    }

    async fn seal(
        &self,
        app: &RunningApp,
        key: &Key,
        TokenGrant { ttl, latest_end, capability, client_id }: TokenGrant,
        entropy: &Entropy,
        (now, latest): (Timestamp, Timestamp),
    ) -> Result<TokenDetails, Refusal> {
        let subject = Subject {
            key: key.name(),
            client_id: &client_id,
            capability: &capability,
            written: None,
            revocation_key: None,
            is_jwt: false,
        };
        // If tokens were revoked within this millisecond, the token counts as issued after it. The same applies if the
        // clock has stepped back: a revocation applies to tokens issued up to the latest known time.
        let issued = latest.max(self.state.first_valid_issue(key, &subject));
        let expires = issued.saturating_add(ttl);
        let expires = latest_end.map_or(expires, |latest_end| latest_end.min(expires));
        let expires = key.expires().map_or(expires, |of_key| of_key.min(expires));
        let text = capability.to_string();
        let claims = Claims { key_name: key.name().clone(), issued, expires, client_id, capability: capability.into() };
        let token = app.memory.sealer().seal(&claims, &text, entropy)?;
        let validity = Validity { issued, expires };
        if HeaderFit::of(token.expose()) != HeaderFit::Over {
            let details = TokenDetails::issued_by(claims.key_name, token, validity, None, claims.client_id);
            return Ok(details.with_capability_text(text));
        }
        if latest_end.is_some() {
            // Holders of tokens must not use up the store's room for large tokens.
            let message = "invalid capability: it is too large for a token that is requested with a token; request fewer \
                           resources or use wildcards";
            return Err(Refusal::new(ErrorCode::BAD_REQUEST, message));
        }
        drop(token);
        // The claims would not fit into a header, so the store keeps them and the token refers to them.
        let reference = Reference::new(expires, entropy);
        let token = app.memory.sealer().seal_reference(reference, entropy)?;
        let (key_name, client_id) = (claims.key_name.clone(), claims.client_id.clone());
        let details = TokenDetails::issued_by(key_name, token, validity, None, client_id).with_capability_text(text);
        // The claims are dropped before the store answers: in parsed form they use many times the memory of their text.
        let kept = self.state.store.keep(reference, KeptClaims(Arc::new(claims)), now);
        if !kept.await? {
            let message = "there are too many tokens with large capabilities; wait until some expire, or use wildcards";
            return Err(Refusal::new(ErrorCode::RATE_LIMITED, message));
        }
        Ok(details)
    }
}

fn check_same_key(request: &TokenRequest, key: &Key) -> Result<(), Refusal> {
    if request.key_name() == key.name().as_str() {
        return Ok(());
    }
    // The body's `keyName` is not quoted: a sender may have put the whole key there by mistake.
    let message = "the body's `keyName` differs from the path's; post the request to `/keys/{keyName}/requestToken`";
    Err(Refusal::new(ErrorCode::BAD_REQUEST, message))
}

/// Returns the fingerprint of the request's nonce, if it has one, and the clock within whose replay window the request's
/// timestamp is. Refuses a request without a timestamp, or with one that is not within the window of any clock.
fn fresh_nonce(
    request: &VerifiedTokenRequest<'_>,
    key: &Key,
    clocks: [Timestamp; 2],
) -> Result<(Option<Fingerprint>, Timestamp), Refusal> {
    let Some(timestamp) = request.timestamp()? else {
        let message = "the token request has no timestamp; send the time in milliseconds since the epoch";
        return Err(Refusal::new(ErrorCode::BAD_REQUEST, message));
    };
    let Some(near) = clocks.into_iter().find(|clock| clock.abs_diff(timestamp) <= WINDOW_MILLIS) else {
        let [now, _] = clocks;
        let in_millis = Timestamp::from_millis(timestamp.as_millis().saturating_mul(1_000));
        let advice = if in_millis.abs_diff(now) <= WINDOW_MILLIS {
            "it is in seconds, so give milliseconds"
        } else {
            "set the clock, or request `/time` before signing"
        };
        let message = format!(
            "Timestamp not current: the request's {timestamp} is over 2 minutes from the service's {now}; {advice}"
        );
        return Err(Refusal::new(ErrorCode::TIMESTAMP_NOT_CURRENT, message));
    };
    Ok((request.nonce().map(|nonce| Fingerprint::new(key.name(), nonce, timestamp)), near))
}

fn check_use(used: Use, feed: &Feed, now: Timestamp) -> Result<(), Refusal> {
    match used {
        Use::First => Ok(()),
        Use::Again => {
            let message = "the request was exchanged before; sign a new token request for each token";
            Err(Refusal::new(ErrorCode::NONCE_REPLAYED, message))
        }
        Use::Forgotten { until } => Err(Refusal::until(
            ErrorCode::TIMESTAMP_NOT_CURRENT,
            "the service cannot check whether the request was exchanged before: its clock was ahead, or its record was lost",
            until,
            now,
        )),
        Use::Unknown => Err(Refusal::until(
            ErrorCode::TIMEOUT,
            "the service cannot check whether the request was exchanged before: its store was lost",
            feed.known_from(),
            now,
        )),
        Use::Full => {
            let message = "there are too many token requests; try again later";
            Err(Refusal::new(ErrorCode::RATE_LIMITED, message))
        }
    }
}

fn token_grant(request: &VerifiedTokenRequest<'_>, key: &Key, proof: Proof<'_>) -> Result<TokenGrant, Refusal> {
    let (ttl, capability, client_id) = (ttl(request, key)?, request.capability()?, request.client_id()?);
    let Proof::Token(token) = proof else {
        let capability = limit_capability(capability.as_ref(), key.capability(), "key")?.into_owned();
        return Ok(TokenGrant { ttl, latest_end: None, capability, client_id });
    };
    let within_token = limit_capability(capability.as_ref(), token.capability(), "token")?;
    Ok(TokenGrant {
        ttl,
        latest_end: Some(token.expires()),
        capability: limit_capability(Some(&within_token), key.capability(), "key")?.into_owned(),
        client_id: client_id_within(client_id, token)?,
    })
}

/// Returns the clientId of a token that is requested with `token`: the same one, unless that permits any.
fn client_id_within(requested: ClientId, token: &VerifiedToken) -> Result<ClientId, Refusal> {
    match (&requested, token.client_id()) {
        (_, ClientId::Any) => Ok(requested),
        (ClientId::None, of_token) => Ok(of_token.clone()),
        (_, of_token) if requested == *of_token => Ok(requested),
        _ => {
            let message =
                "the token does not permit this clientId; leave it out, or use a token that was issued for it";
            Err(Refusal::new(ErrorCode::INCOMPATIBLE_CREDENTIALS, message))
        }
    }
}

/// Verifies that the sender is entitled to a token: by the mac of the request, by the key, or by a token.
fn prove<'a>(request: &'a TokenRequest, key: &Key, proof: Proof<'_>) -> Result<VerifiedTokenRequest<'a>, Refusal> {
    if request.is_signed() {
        return Ok(request.verify_with(key.signer(), key.name())?);
    }
    match proof {
        Proof::Mac => {
            let message = "the request has no mac; sign it, or authenticate with the key or one of its tokens";
            return Err(Refusal::new(ErrorCode::INVALID_CREDENTIALS, message));
        }
        Proof::Key(_) => {}
        Proof::Token(token) => check_may_request(token, key)?,
    }
    Ok(request.trust_key_holder(key.name())?)
}

/// Refuses a token that must not be used to request another token. The new token would lack the limits of this one: a
/// revocation of this one would not apply to it. A JWT has claims that the new token would not have, and unlike it, a JWT
/// ends when the secret of its key changes.
fn check_may_request(token: &VerifiedToken, key: &Key) -> Result<(), Refusal> {
    let problem = if token.key_name() != key.name() {
        "the token belongs to another key"
    } else if key.revocable_tokens() {
        "the key's tokens are revocable"
    } else if token.claims().is_some() {
        "the token is a JWT, whose limits the new token would not have"
    } else {
        return Ok(());
    };
    let message = format!("{problem}; sign the token request, or authenticate with the key itself");
    Err(Refusal::new(ErrorCode::INVALID_CREDENTIALS, message))
}

fn ttl(request: &VerifiedTokenRequest<'_>, key: &Key) -> Result<Ttl, Refusal> {
    let ttl = request.ttl()?.unwrap_or(Ttl::DEFAULT);
    if ttl > key.max_ttl() {
        let message =
            format!("invalid ttl: {ttl} is above {}, the maximum for a key with revocable tokens", key.max_ttl());
        return Err(Refusal::new(ErrorCode::INVALID_PARAMETER, format!("{message}; request less")));
    }
    Ok(ttl)
}
