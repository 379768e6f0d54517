//! `ably-auth token-request`

use ably_auth::{ErrorCode, Nonce, Random as _, SystemRandom, Timestamp, TokenRequest};
use ably_auth_core::VerifiedTokenRequest;
use serde_json::json;

use crate::args;
use crate::draw::{moment, printable};
use crate::input;
use crate::output::{self, Failure, Outcome};
use crate::verdict::{self, Refused, refused};

/// The maximum difference between a request's timestamp and the service's clock in either direction, in milliseconds.
const WINDOW_MILLIS: u64 = 2 * 60 * 1000;

pub(crate) fn run(command: args::TokenRequest) -> Result<Outcome, Failure> {
    match command {
        args::TokenRequest::Sign { key, params, timestamp, nonce } => sign(key, &params, timestamp, nonce.as_deref()),
        args::TokenRequest::Verify { key, now: args::NowArg { now } } => verify(key, now),
    }
}

fn sign(
    key: args::KeyArg,
    params: &args::TokenParams,
    timestamp: Option<u64>,
    nonce: Option<&str>,
) -> Result<Outcome, Failure> {
    let key = input::key(key)?;
    let params = input::token_params(params)?;
    let now = input::now("--timestamp", timestamp);
    let nonce = match nonce {
        Some(text) => Nonce::parse(text).map_err(|error| Failure::input("--nonce", error))?,
        None => SystemRandom.nonce()?,
    };
    let request = TokenRequest::sign(&key, &params, now, nonce).map_err(ably_auth::Error::from)?;
    Ok(Outcome::json(true, output::wire(&request)?))
}

fn verify(key: args::KeyArg, now: Option<u64>) -> Result<Outcome, Failure> {
    let key = input::key(key)?;
    let text = input::stdin()?;
    // Read the clock after the input: the request may be signed while this command waits for stdin.
    let now = input::now("--now", now);
    let request = read("stdin", &text)?;
    let verified = request.verify(&key).map_err(refused);
    Ok(match verified.and_then(|verified| check(&verified, now).map(|()| verified)) {
        Ok(verified) => {
            let client_id = verified.client_id().ok();
            let client_id = client_id.as_ref().and_then(|client_id| client_id.as_str());
            let who =
                client_id.map_or("no clientId".into(), |client_id| format!("clientId `{}`", printable(client_id)));
            let json = json!({ "valid": true, "keyName": verified.key_name(), "clientId": client_id });
            Outcome::yes(format!("valid: signed with {} for {who}", verified.key_name()), &json)
        }
        Err(refused) => verdict::not_valid(refused),
    })
}

/// Parses the JSON of a token request from the input `name`. Errors do not quote the text.
pub(super) fn read(name: &str, text: &str) -> Result<TokenRequest, Failure> {
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Failure::input(name, format!("not the JSON of a token request (line {line} column {column})"))
    })
}

/// Checks what the service checks for every key, in the same order: timestamp, ttl, capability, clientId.
fn check(request: &VerifiedTokenRequest<'_>, now: Timestamp) -> Result<(), Refused> {
    let Some(timestamp) = request.timestamp().map_err(refused)? else {
        return Err((ErrorCode::BAD_REQUEST, "timestamp is missing; sign a new token request".into()));
    };
    if now.abs_diff(timestamp) > WINDOW_MILLIS {
        let reason = if input::is_in_seconds(timestamp.as_millis()) {
            "it is in seconds; give milliseconds".to_owned()
        } else {
            let (side, other) = if timestamp < now { ("behind", "old") } else { ("ahead of", "early") };
            format!("it is over 2 minutes {side} {} and too {other}; sign a new request, or set the clock", moment(now))
        };
        let reason = format!("timestamp {timestamp} is not current: {reason}");
        return Err((ErrorCode::TIMESTAMP_NOT_CURRENT, reason));
    }
    request.ttl().map_err(refused)?;
    if request.capability().map_err(refused)?.is_some_and(|capability| capability.is_empty()) {
        let reason = "the capability permits nothing; add what the token needs, or leave the capability out";
        return Err((ErrorCode::CAPABILITY_REFUSED, reason.into()));
    }
    request.client_id().map(drop).map_err(refused)
}
