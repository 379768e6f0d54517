//! Revocation of tokens by attributes that they share.
//!
//! A token is revoked if a revocation of its key matches it and the token was issued before the revocation's moment.
//! Moments have a resolution of 1 ms. A revocation without `issuedBefore` includes its entire millisecond, and a token
//! that is issued for the same target later in that millisecond counts as issued in the next. Two such revocations
//! never have the same moment, even if the clock is slow.
//!
//! The `iat` of a JWT comes from the clock of its issuer, which may be ahead by [`LEEWAY`]. So a revocation without
//! `issuedBefore` also revokes JWTs whose `iat` is up to [`LEEWAY`] after the revocation, because they may have been
//! issued before it. If other services share the store, their clocks may be ahead by the same amount again.

use std::collections::HashMap;

use ably_auth_core::{
    ErrorCode, RevokeTokensRequest, Timestamp, TokenRevocationFailureResult, TokenRevocationResult,
    TokenRevocationSuccessResult, TokenRevocationTargetSpecifier as Target, Ttl,
};

use crate::policy::authenticate::Principal;
use crate::policy::verify_token::LEEWAY;
use crate::refusal::Refusal;
use crate::state::State;
use crate::state::cutoffs::{Cutoff, MARGIN_MILLIS};
use crate::state::records;

/// The maximum age of `issuedBefore`, in milliseconds: the maximum life of a revocable token.
const MAX_AGE_MILLIS: u64 = Ttl::MAX_REVOCABLE.as_millis();

/// The maximum length of a target's value, in bytes. Ably advises to keep channel names below 2048 characters; a
/// clientId or a revocation key in a header is shorter.
const MAX_VALUE_BYTES: usize = 2048;

/// The maximum length of a target's text, in bytes: that of the longest type and the longest value.
const MAX_TARGET_BYTES: usize = "revocationKey:".len().saturating_add(MAX_VALUE_BYTES);

/// The number of characters that a result repeats of a target that is too long.
const MAX_REPEATED_CHARS: usize = 64;

/// A revocation request. Targets are unparsed text, so that an invalid target fails alone.
pub(crate) struct Revocation {
    pub(crate) targets: Vec<String>,
    pub(crate) issued_before: Option<Timestamp>,
    pub(crate) with_margin: bool,
}

impl Revocation {
    /// Revokes the tokens and returns a result for each target.
    pub(crate) async fn apply(
        self,
        principal: &Principal,
        state: &State,
        now: Timestamp,
    ) -> Result<Vec<TokenRevocationResult>, Refusal> {
        let max = RevokeTokensRequest::MAX_TARGETS;
        if self.targets.is_empty() || self.targets.len() > max {
            let problem =
                if self.targets.is_empty() { "the list is empty".into() } else { format!("more than {max} targets") };
            let message = format!("invalid targets: {problem}; give 1 to {max} in one request");
            return Err(Refusal::new(ErrorCode::BAD_REQUEST, message));
        }
        let by_channel = principal.app.app.revocation_by_channel();
        let parsed: Vec<_> = self.targets.iter().map(|text| (parse_target(text, by_channel), text)).collect();
        let mut valid: Vec<_> = parsed.iter().filter_map(|(target, _)| target.as_ref().ok()).collect();
        valid.sort_unstable_by_key(|target| target.as_str());
        valid.dedup();
        let key = principal.key.name();
        let plan = || {
            let revocations = state.revocations();
            let latest = state.latest(now);
            let (issued_before, cutoff) = self.cutoff(latest, state, state.last_issue(&revocations, now))?;
            let added: Vec<_> =
                valid.iter().map(|target| (*target, revocations.with(key, target, cutoff, latest))).collect();
            revocations.check_room(key, &added, state.limits.revocation_bytes, latest)?;
            let changed = added.iter().filter_map(|(target, added)| Some((*target, added.cutoffs.as_deref()?)));
            let records = changed.map(|(target, cutoffs)| records::revocation(key, target, cutoffs));
            let records = records.collect::<Result<_, _>>()?;
            let applies: HashMap<_, _> = added.iter().map(|(target, added)| (*target, added.applies_at)).collect();
            Ok((records, (issued_before, cutoff.applies_at, applies)))
        };
        let (issued_before, latest, applies) = state.change(now, plan).await?;
        let applies: Vec<_> = parsed.iter().map(|(target, _)| applies.get(target.as_ref().ok()?).copied()).collect();
        Ok(parsed
            .into_iter()
            .zip(applies)
            .map(|((target, text), applies_at)| match target {
                Ok(target) => {
                    let applies_at = applies_at.unwrap_or(latest);
                    TokenRevocationResult::Success(TokenRevocationSuccessResult { target, issued_before, applies_at })
                }
                Err(refusal) => TokenRevocationResult::Failure(TokenRevocationFailureResult {
                    target: shorten(text),
                    error: refusal.info().clone(),
                }),
            })
            .collect())
    }

    /// Returns the `issuedBefore` of the response and the cutoff. `last_issue` is the latest issue time of a token
    /// until `now`.
    fn cutoff(&self, now: Timestamp, state: &State, last_issue: Timestamp) -> Result<(Timestamp, Cutoff), Refusal> {
        let applies_at = if self.with_margin { later(now, MARGIN_MILLIS) } else { now };
        let Some(issued_before) = self.issued_before else {
            let last_iat = later(now, max_ahead(state.store.is_shared()));
            let cutoff = Cutoff { issued_before: later(last_issue, 1), jwts_before: later(last_iat, 1), applies_at };
            return Ok((now, cutoff));
        };
        let problem = match (issued_before > now, now.millis_since(issued_before) > MAX_AGE_MILLIS) {
            (true, _) => "is in the future",
            (_, true) => "is more than an hour ago",
            // The caller's `issuedBefore` applies to the `iat` of JWTs as it is, without leeway.
            _ => return Ok((issued_before, Cutoff { issued_before, jwts_before: issued_before, applies_at })),
        };
        let message = format!("invalid issuedBefore: {issued_before} {problem}, and the time is {now}");
        Err(Refusal::new(ErrorCode::INVALID_PARAMETER, format!("{message}; use a time of the last hour, or none")))
    }
}

const fn later(now: Timestamp, millis: u64) -> Timestamp {
    Timestamp::from_millis(now.as_millis().saturating_add(millis))
}

/// Returns how far the `iat` of a JWT that was accepted until now can be ahead of the service's time, in milliseconds.
fn max_ahead(is_shared: bool) -> u64 {
    let leeway = u64::try_from(LEEWAY.as_millis()).unwrap_or(u64::MAX);
    if is_shared { leeway.saturating_mul(2) } else { leeway }
}

/// Returns the text that a result repeats of a failed target; a target that is too long is shortened.
fn shorten(text: &str) -> String {
    if text.len() <= MAX_TARGET_BYTES {
        return text.into();
    }
    text.chars().take(MAX_REPEATED_CHARS).chain(['…']).collect()
}

fn parse_target(text: &str, by_channel: bool) -> Result<Target, Refusal> {
    let value = text.split_once(':').map_or(text, |(_, value)| value);
    if text.len() > MAX_TARGET_BYTES || value.len() > MAX_VALUE_BYTES {
        let message = format!(
            "invalid target: its value has {} bytes, more than {MAX_VALUE_BYTES}; revoke by a shorter \
             `revocationKey:` or `channel:` that the tokens share, or revoke the key",
            value.len()
        );
        return Err(Refusal::new(ErrorCode::BAD_REQUEST, message));
    }
    let target = Target::parse(text)?;
    match target.target_type() {
        "clientId" | "revocationKey" => Ok(target),
        "channel" if by_channel => Ok(target),
        "channel" => {
            let message = "revocation by channel is not enabled for the app; enable it, or revoke by `clientId:`";
            Err(Refusal::new(ErrorCode::REVOCATION_NOT_ENABLED, message))
        }
        _ => {
            let message = "unknown type of target; use `clientId:`, `revocationKey:` or `channel:`";
            Err(Refusal::new(ErrorCode::BAD_REQUEST, message))
        }
    }
}
