//! Revoking tokens by what they have in common.
//!
//! A token is revoked if a revocation of its key describes it and it was issued before the revocation's moment. Moments are
//! milliseconds, and within one there is a before and an after: a revocation without `issuedBefore` therefore takes all of
//! its own millisecond, and a token that is issued to the same target later in it counts as issued in the next. No two such
//! revocations, one after the other, have the same moment, however short the time between them, or slow the clock.

use std::collections::HashSet;

use ably_auth_core::{
    ErrorCode, RevokeTokensRequest, Timestamp, TokenRevocationFailureResult, TokenRevocationResult,
    TokenRevocationSuccessResult, TokenRevocationTargetSpecifier as Target, Ttl,
};

use crate::authenticate::Principal;
use crate::records;
use crate::refusal::Refusal;
use crate::revocations::Cutoff;
use crate::state::State;

/// How long clients have to renew when a margin is asked for (`RSA17f`).
const MARGIN_MILLIS: u64 = 30 * 1000;

/// How long ago `issuedBefore` may be: as long as a revocable token can live.
const MAX_AGE_MILLIS: u64 = Ttl::MAX_REVOCABLE.as_millis();

/// What is asked, with targets as they came: one that is wrong fails alone.
pub(crate) struct Revocation {
    pub(crate) targets: Vec<String>,
    pub(crate) issued_before: Option<Timestamp>,
    pub(crate) with_margin: bool,
}

impl Revocation {
    /// Revokes, and says for each target what came of it.
    pub(crate) async fn apply(
        self,
        principal: &Principal,
        state: &State,
        now: Timestamp,
    ) -> Result<Vec<TokenRevocationResult>, Refusal> {
        let most = RevokeTokensRequest::MAX_TARGETS;
        if self.targets.is_empty() || self.targets.len() > most {
            let message = format!("there are {} targets; give 1 to {most} in one request", self.targets.len());
            return Err(Refusal::new(ErrorCode::BAD_REQUEST, message));
        }
        let by_channel = principal.app.app.revocation_by_channel();
        let judged: Vec<_> = self.targets.iter().map(|text| (judge(text, by_channel), text)).collect();
        let good: HashSet<_> = judged.iter().filter_map(|(target, _)| target.as_ref().ok()).collect();
        let good: Vec<_> = good.into_iter().collect();
        let key = principal.key.name();
        let plan = || {
            let revocations = state.revocations();
            let latest = state.latest(now);
            let (issued_before, cutoff) = self.cutoff(latest, state.last_issue(&revocations, now))?;
            revocations.check_room(key, &good, latest)?;
            let new = good.iter().filter_map(|target| {
                let cutoffs = revocations.with(key, target, cutoff, latest)?;
                Some(records::revocation(key, target, &cutoffs))
            });
            Ok((new.collect::<Result<_, _>>()?, (issued_before, cutoff)))
        };
        let (issued_before, cutoff) = state.change(now, plan).await?;
        Ok(judged
            .into_iter()
            .map(|(target, text)| match target {
                Ok(target) => {
                    let applies_at = cutoff.applies_at;
                    TokenRevocationResult::Success(TokenRevocationSuccessResult { target, issued_before, applies_at })
                }
                Err(refusal) => TokenRevocationResult::Failure(TokenRevocationFailureResult {
                    target: text.clone(),
                    error: refusal.info().clone(),
                }),
            })
            .collect())
    }

    /// The moment to tell, and the one to go by, with the latest at which a token can have been issued until `now`.
    fn cutoff(&self, now: Timestamp, last_issue: Timestamp) -> Result<(Timestamp, Cutoff), Refusal> {
        let applies_at = if self.with_margin { later(now, MARGIN_MILLIS) } else { now };
        let Some(issued_before) = self.issued_before else {
            return Ok((now, Cutoff { issued_before: later(last_issue, 1), applies_at }));
        };
        let problem = match (issued_before > now, now.millis_since(issued_before) > MAX_AGE_MILLIS) {
            (true, _) => "is in the future",
            (_, true) => "is over an hour ago",
            _ => return Ok((issued_before, Cutoff { issued_before, applies_at })),
        };
        let message = format!("issuedBefore {issued_before} {problem}; the time is {now}, and tokens live for an hour");
        Err(Refusal::new(ErrorCode::INVALID_PARAMETER, format!("{message}; give a moment within it, or none")))
    }
}

const fn later(now: Timestamp, millis: u64) -> Timestamp {
    Timestamp::from_millis(now.as_millis().saturating_add(millis))
}

fn judge(text: &str, by_channel: bool) -> Result<Target, Refusal> {
    let target = Target::parse(text)?;
    match target.target_type() {
        "clientId" | "revocationKey" => Ok(target),
        "channel" if by_channel => Ok(target),
        "channel" => {
            let message = "the app does not have revocation by channel; enable it, or revoke by `clientId:`";
            Err(Refusal::new(ErrorCode::BAD_REQUEST, message))
        }
        _ => {
            let message = "unknown type of target; use `clientId:`, `revocationKey:` or `channel:`";
            Err(Refusal::new(ErrorCode::BAD_REQUEST, message))
        }
    }
}
