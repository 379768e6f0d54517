//! `ably-auth token try`

use ably_auth::capability::OperationName;
use ably_auth::{Capability, Timestamp};
use ably_auth_core::jwt::{embedded_token, has_jwt_form};
use ably_auth_core::{ApiKeyRef, Token, UnverifiedJwt};
use serde_json::json;

use super::details;
use crate::args::Try as Args;
use crate::command::capability;
use crate::draw::{Paint, matrix, moment, printable};
use crate::input;
use crate::output::{self, Failure, Outcome};

/// The time, in ms, by which a JWT may come from the future, because the clocks of its issuer and of the service differ.
/// The service accepts as much.
const LEEWAY_MILLIS: u64 = 2_000;

/// The rights that a token states.
struct Rights {
    capability: Option<Capability>,
    is_jwt: bool,
    /// The time from which the token is valid, if it says so.
    starts: Option<Timestamp>,
    expires: Option<Timestamp>,
    /// The reason why the service refuses the token at any time, if it does.
    refused: Option<String>,
}

pub(super) fn run(args: &Args) -> Result<Outcome, Failure> {
    let channel = capability::resource("the channel", &args.channel)?;
    let operation = capability::operation("the operation", &args.operation)?;
    let of_key = args.key_capability.as_deref().map(|text| input::capability("--key-capability", text)).transpose()?;
    let (name, text) = input::token(&args.token)?;
    // Read the clock after the input: the token may be minted while this command waits for stdin.
    let now = input::now("--now", args.now.now);
    let rights = rights(&text).map_err(|problem| Failure::input(&name, problem))?;
    if of_key.is_some() && !rights.is_jwt {
        let problem = "the token is not a JWT, and has its final capability already; leave this option out";
        return Err(Failure::input("--key-capability", problem));
    }
    if let Some((reason, why)) = validity_error(&rights, now) {
        let asked = format!("`{}` on `{}`", operation.as_str(), printable(channel.as_str()));
        let json = json!({ "permitted": false, "resource": channel.as_str(), "operation": operation.as_str(),
                           "reason": reason });
        return Ok(Outcome::no(format!("no: {asked} is not permitted: {why}"), &json));
    }
    let mut unchecked = Vec::new();
    if rights.is_jwt {
        unchecked.push("signature");
        if of_key.is_none() {
            unchecked.push("capability of the key");
        }
        unchecked.push("maximum lifetime of the key's tokens");
    }
    unchecked.push("revocation");
    let capability = match (rights.capability, of_key) {
        (Some(says), Some(of_key)) => says.intersect(&of_key),
        (Some(says), None) => says,
        (None, Some(of_key)) => of_key,
        (None, None) => return Err(Failure::input(&name, missing_capability_error(rights.is_jwt))),
    };
    answer(&capability, (channel.as_str(), operation), &unchecked)
}

/// Formats the result for `capability`. `unchecked` names what only the service can check.
fn answer(
    capability: &Capability,
    (channel, operation): (&str, OperationName<'_>),
    unchecked: &[&str],
) -> Result<Outcome, Failure> {
    let explanation = capability.explain(channel, operation);
    let is_permitted = explanation.is_permitted();
    let drawn = matrix::of(capability, Paint::stdout());
    let text = format!(
        "{}: {}\n\n{drawn}\n\nnot checked: {}",
        if is_permitted { "yes" } else { "no" },
        printable(&explanation.to_string()),
        unchecked.join(", "),
    );
    Ok(Outcome::wire(is_permitted, text, output::wire(&explanation)?))
}

/// Returns the rights that a token states. Errors do not quote the token.
fn rights(text: &str) -> Result<Rights, String> {
    if text.starts_with('{') {
        return of_details(text);
    }
    Token::new(text).map_err(|error| error.to_string())?;
    if has_jwt_form(text) || text.starts_with("eyJ") {
        return of_jwt(text);
    }
    if ApiKeyRef::parse(text).is_ok() {
        return Err("it is an API key, not a token; use `capability check` with the key's capability".into());
    }
    Err(native_token_error())
}

fn of_details(text: &str) -> Result<Rights, String> {
    let details = details::read(text)?;
    let token = details.token().expose();
    // The service reads the JWT itself, and not what the details say of it.
    if has_jwt_form(token) {
        return of_jwt(token);
    }
    let capability =
        details.capability_text().map(Capability::parse_lenient).transpose().map_err(invalid_capability)?;
    Ok(Rights { capability, is_jwt: false, starts: None, expires: details.expires(), refused: None })
}

fn of_jwt(text: &str) -> Result<Rights, String> {
    let shown = |error: ably_auth_core::Error| printable(&error.to_string());
    if let Some(embedded) = embedded_token(text).map_err(shown)? {
        let inner = embedded.token().expose();
        if !has_jwt_form(inner) {
            return Err(native_token_error());
        }
        // The recursion ends: the core refuses a token in an embedded JWT.
        let mut rights = of_jwt(inner)?;
        let too_long = rights.expires.and_then(|expires| embedded.check_expires_within(expires).err());
        rights.refused = rights.refused.or(too_long.map(shown));
        return Ok(rights);
    }
    let claims = UnverifiedJwt::parse(text).and_then(|jwt| jwt.decode_without_verifying());
    let claims = claims.map_err(shown)?;
    Ok(Rights {
        // The service refuses a JWT with an unknown operation or kind of resource.
        capability: claims.capability_text().map(Capability::parse_strict).transpose().map_err(invalid_capability)?,
        is_jwt: true,
        starts: claims.not_before().max(Some(claims.issued())),
        expires: Some(claims.expires()),
        refused: claims.ttl().err().map(shown),
    })
}

#[allow(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn invalid_capability(error: ably_auth_core::Error) -> String {
    format!("invalid capability: {}", printable(&error.to_string()))
}

/// Returns why the token is not valid now, as a word for scripts and as text, unless it is valid.
fn validity_error(rights: &Rights, now: Timestamp) -> Option<(&'static str, String)> {
    if let Some(expires) = rights.expires.filter(|expires| *expires <= now) {
        return Some(("expired", format!("the token expired at {}; get a new one", moment(expires))));
    }
    if let Some(why) = &rights.refused {
        return Some(("refused", why.clone()));
    }
    let starts = rights.starts.filter(|starts| starts.millis_since(now) > LEEWAY_MILLIS)?;
    Some(("notYetValid", format!("the token is valid from {} on; check the clock", moment(starts))))
}

fn native_token_error() -> String {
    "unknown capability: only the service can read a native token, and no endpoint returns its capability; give the \
     JSON of its TokenDetails"
        .into()
}

const fn missing_capability_error(is_jwt: bool) -> &'static str {
    if is_jwt {
        "unknown capability: the JWT does not contain one, so its key decides; give the capability of the key as --key-capability"
    } else {
        "unknown capability: the TokenDetails has no `capability`; give the whole JSON that the service returned"
    }
}
