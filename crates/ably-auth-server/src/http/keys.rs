//! The endpoints of a key: requesting a token, and revoking tokens.

use std::collections::BTreeSet;

use ably_auth_backend::credentials::Credential;
use ably_auth_core::{BatchResult, ErrorCode, KeyName, Timestamp, TokenRevocationResult};
use http::StatusCode;

use super::batch::{FIRST_VERSION_WITH_BATCH_RESULTS, reply_in_old_format};
use super::call::Call;
use super::lists::Object;
use super::refusal_log;
use super::reply::Reply;
use super::request_labels::Part;
use super::revocation_body::{Moment, RevocationBody};
use crate::ops::metrics;
use crate::policy::authenticate::Principal;
use crate::policy::issue::{Issuer, Proof};
use crate::policy::revoke::Revocation;
use crate::random;
use crate::refusal::Refusal;
use crate::token::Entropy;

/// An upper bound of the size, in bytes, of the result for one target, without the target itself.
const MAX_RESULT_SIZE: usize = 512;

pub(super) async fn request_token(call: &Call<'_>, key_name: &str) -> Result<Reply, Refusal> {
    let key_name = KeyName::parse(key_name)?;
    call.note_key(&key_name);
    let credential = call.credential()?;
    let issuer = Issuer { state: call.state, checks: &call.checks };
    let requested_key = issuer.find(&key_name, call.now).await?;
    // A token counts for an unsigned request only. The body is decoded again after each wait for the store: an
    // unauthenticated client can make the service wait, and a decoded body would use memory meanwhile.
    let principal = match credential {
        Some(Credential::Token(_)) if !call.read_token_request()?.is_signed() => Some(call.principal().await?),
        _ => None,
    };
    let request = call.read_token_request()?;
    let entropy = Entropy::new(random::bytes().map_err(|_| Refusal::internal())?);
    let proof = match (&credential, principal.as_ref().and_then(Principal::token)) {
        (_, Some(token)) => Proof::Token(token),
        (Some(Credential::Key(key)), None) => Proof::Key(key),
        (Some(Credential::Token(_)) | None, None) => Proof::Mac,
    };
    let details = issuer.exchange(requested_key, &request, proof, &entropy, call.now).await?;
    #[cfg(feature = "console")]
    call.observations.note_issued(&request, &details);
    metrics::add(&call.state.metrics.tokens_issued, 1);
    Ok(Reply::encoded(StatusCode::CREATED, call.format.encode_token_details(&details)?, call.format))
}

fn issued_before(moment: Moment) -> Result<Option<Timestamp>, Refusal> {
    match moment {
        Moment::Absent => Ok(None),
        Moment::At(moment) => Ok(Some(moment)),
        Moment::Invalid => {
            let message = "invalid issuedBefore: it is not a timestamp; give whole milliseconds since the epoch";
            Err(Refusal::new(ErrorCode::INVALID_PARAMETER, message))
        }
    }
}

pub(super) async fn revoke_tokens(call: &Call<'_>, key_name: &str) -> Result<Reply, Refusal> {
    let key_name = KeyName::parse(key_name)?;
    let principal = call.principal().await?;
    check_may_revoke(&principal, &key_name)?;
    let Object(body): Object<RevocationBody> = call.read()?;
    let revocation = Revocation {
        issued_before: issued_before(body.issued_before)?,
        with_margin: body.allow_reauth_margin.unwrap_or(false),
        targets: body.targets.0,
    };
    let done = revoke(call, &principal, revocation).await?;
    if call.version() < FIRST_VERSION_WITH_BATCH_RESULTS {
        return reply_in_old_format(call, &done.results, done.failure_count > 0);
    }
    call.reply(StatusCode::CREATED, &done)
}

/// Revokes tokens in the name of the holder of their key.
pub(super) async fn revoke(
    call: &Call<'_>,
    principal: &Principal,
    revocation: Revocation,
) -> Result<BatchResult<TokenRevocationResult>, Refusal> {
    call.note(|notes| notes.target_kinds = Some(target_kinds(&revocation.targets)));
    let results_size = revocation.targets.len().saturating_mul(MAX_RESULT_SIZE);
    call.reserve_answer(call.max_echo_size().saturating_add(results_size))?;
    let results = revocation.apply(principal, call.state, call.now).await?;
    let failures = results.iter().filter_map(|result| match result {
        TokenRevocationResult::Success(_) => None,
        TokenRevocationResult::Failure(failure) => Some(failure),
    });
    let failure_count = failures
        .inspect(|failure| refusal_log::record_part(call, Some(Part::Target(&failure.target)), &failure.error))
        .count();
    let count = results.len().saturating_sub(failure_count);
    call.note(|notes| notes.count = u64::try_from(count).ok());
    Ok(BatchResult { success_count: count, failure_count, results })
}

/// Returns the kinds of the targets, sorted, with `other` for an unknown kind. It omits the values: they are personal
/// data.
fn target_kinds(targets: &[String]) -> String {
    let known = ["channel", "clientId", "revocationKey"];
    let kind =
        |target: &String| target.split_once(':').and_then(|(kind, _)| known.into_iter().find(|known| *known == kind));
    let kinds: BTreeSet<_> = targets.iter().map(|target| kind(target).unwrap_or("other")).collect();
    kinds.into_iter().collect::<Vec<_>>().join(",")
}

pub(super) fn check_may_revoke(principal: &Principal, key_name: &KeyName) -> Result<(), Refusal> {
    let (code, message) = if !principal.is_key_holder() {
        (ErrorCode::BASIC_AUTH_NEEDED, "a token cannot revoke tokens; use the key that issued them")
    } else if principal.key.name() != key_name {
        (ErrorCode::REVOCATION_WITH_ANOTHER_KEY, "tokens are revoked with the key that issued them; use that key")
    } else if !principal.key.revocable_tokens() {
        (ErrorCode::TOKENS_NOT_REVOCABLE, "the key's tokens are not revocable; enable that for the key")
    } else {
        return Ok(());
    };
    Err(Refusal::new(code, message))
}
