//! `ably-auth token-request`

use ably_auth::{Clock as _, Nonce, Random as _, SystemClock, SystemRandom, Timestamp, TokenRequest};
use serde_json::json;

use crate::args;
use crate::draw::printable;
use crate::input;
use crate::output::{self, Failure, Outcome};

pub(crate) fn run(command: args::TokenRequest) -> Result<Outcome, Failure> {
    match command {
        args::TokenRequest::Sign { key, params, timestamp, nonce } => sign(key, &params, timestamp, nonce.as_deref()),
        args::TokenRequest::Verify(key) => verify(key),
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
    let now = timestamp.map_or_else(|| SystemClock.now(), Timestamp::from_millis);
    let nonce = match nonce {
        Some(text) => Nonce::parse(text).map_err(|error| Failure::input("--nonce", error))?,
        None => SystemRandom.nonce()?,
    };
    let request = TokenRequest::sign(&key, &params, now, nonce).map_err(ably_auth::Error::from)?;
    Ok(Outcome::json(true, output::wire(&request)?))
}

fn verify(key: args::KeyArg) -> Result<Outcome, Failure> {
    let key = input::key(key)?;
    let request: TokenRequest = serde_json::from_str(&input::stdin()?).map_err(|error| {
        // Where, but not the parser's words, which may quote what was given.
        let (line, column) = (error.line(), error.column());
        Failure::input("stdin", format!("not the JSON of a token request (line {line} column {column})"))
    })?;
    Ok(match request.verify(&key) {
        Ok(verified) => {
            let client_id = verified.client_id().ok();
            let client_id = client_id.as_ref().and_then(|client_id| client_id.as_str());
            let who = client_id.map_or("nobody in particular".into(), |client_id| format!("clientId `{}`", printable(client_id)));
            let json = json!({ "valid": true, "keyName": verified.key_name(), "clientId": client_id });
            Outcome::yes(format!("valid: signed with {} for {who}", verified.key_name()), &json)
        }
        Err(error) => {
            let json = json!({ "valid": false, "code": error.ably_code().as_u32(), "reason": error.to_string() });
            Outcome::no(format!("not valid: {error}"), &json)
        }
    })
}
