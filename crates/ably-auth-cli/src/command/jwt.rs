//! `ably-auth jwt`

use std::time::Duration;

use ably_auth::{Capability, ErrorCode, Timestamp, TokenDetails, TokenParams};
use ably_auth_core::jwt::{ClaimValue, embedded_token, has_jwt_form};
use ably_auth_core::{ApiKey, JwtClaims, JwtFields, Ttl, UnverifiedJwt, Validity, VerifiedJwt};

use crate::args::{self, Jwt as Args, NowArg};
use crate::describe;
use crate::draw::{Paint, printable};
use crate::input;
use crate::output::{self, Failure, Outcome};
use crate::verdict::{self, Refused, refused};

pub(crate) fn run(command: Args) -> Result<Outcome, Failure> {
    match command {
        Args::Mint { key, params, revocation_key, channel_claim, claim, publish_limit, timestamp } => {
            let params = input::token_params(&params)?;
            let claims = Claims { revocation_key, channel_claim, claim, publish_limit };
            mint(&input::key(key)?, &params, &claims, input::now("--timestamp", timestamp))
        }
        Args::Inspect { token, now: NowArg { now } } => inspect(&token, now),
        Args::Verify { key, token, leeway, now: NowArg { now } } => {
            let leeway = leeway.map(|leeway| Duration::from_millis(input::span_millis("--leeway", leeway)));
            verify(key, &token, leeway, now)
        }
    }
}

struct Claims {
    revocation_key: Option<String>,
    channel_claim: Vec<String>,
    claim: Vec<String>,
    publish_limit: Vec<String>,
}

fn mint(key: &ApiKey, params: &TokenParams, claims: &Claims, now: Timestamp) -> Result<Outcome, Failure> {
    let channel_claims: Vec<_> = claims
        .channel_claim
        .iter()
        .map(|text| input::scoped("--channel-claim", text, false))
        .collect::<Result<_, _>>()?;
    let publish_limits: Vec<_> =
        claims.publish_limit.iter().map(|text| publish_limit(text)).collect::<Result<_, _>>()?;
    let others: Vec<_> = claims.claim.iter().map(|text| custom_claim(text)).collect::<Result<_, _>>()?;
    let capability = params.get_capability().map(ToString::to_string);
    let fields = JwtFields {
        client_id: params.get_client_id().as_str(),
        capability: capability.as_deref(),
        revocation_key: claims.revocation_key.as_deref(),
        channel_claims: &channel_claims,
        publish_limits: &publish_limits,
        others: &others,
        ..JwtFields::new(key.key_name().as_str(), now, params.get_ttl().unwrap_or(Ttl::DEFAULT))
    };
    let jwt = fields.mint(&key.signer()).map_err(ably_auth::Error::from)?;
    // JWT times are in seconds, so they may differ from the requested ones.
    let minted = UnverifiedJwt::parse(jwt.expose()).and_then(|jwt| jwt.decode_without_verifying());
    let minted = minted.map_err(ably_auth::Error::from)?;
    let validity = Validity { issued: minted.issued(), expires: minted.expires() };
    let details = TokenDetails::issued_by(
        key.key_name().clone(),
        jwt.clone(),
        validity,
        params.get_capability(),
        params.get_client_id().clone(),
    );
    Ok(Outcome::wire(true, jwt.expose(), output::wire(&details)?))
}

fn custom_claim(text: &str) -> Result<(&str, ClaimValue<'_>), Failure> {
    let problem = "expected `NAME=VALUE`; put the name of a claim before the `=`";
    let parts = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = parts.ok_or_else(|| Failure::input("--claim", problem))?;
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok();
    Ok((name, if is_json { ClaimValue::Json(value) } else { ClaimValue::Text(value) }))
}

fn publish_limit(text: &str) -> Result<(&str, u32), Failure> {
    // A resource may contain `=`, so split at the last one.
    let (resource, number) = input::scoped("--publish-limit", text, true)?;
    let problem = "expected a whole number of messages per second after the `=`";
    number.parse().map(|number| (resource, number)).map_err(|_| Failure::input("--publish-limit", problem))
}

fn inspect(token: &args::TokenArg, now: Option<u64>) -> Result<Outcome, Failure> {
    let (name, text) = input::token(token)?;
    // Read the clock after the input: the token may be minted while this command waits for stdin.
    let report = ably_auth_inspect::describe::jwt(&text, input::now("--now", now))
        .map_err(|error| Failure::input(&name, error))?;
    Ok(Outcome::yes(describe::text(&report, Paint::stdout()), &describe::json_with_kind(&report, "jwt")))
}

fn verify(
    key: args::KeyArg,
    token: &args::TokenArg,
    leeway: Option<Duration>,
    now: Option<u64>,
) -> Result<Outcome, Failure> {
    let key = input::key(key)?;
    let (_, text) = input::token(token)?;
    // Read the clock after the input: the token may be minted while this command waits for stdin.
    let now = input::now("--now", now);
    Ok(match verified(&key, &text, leeway, now) {
        Ok(jwt) => {
            let client_id = jwt.claims().client_id().as_str();
            let who =
                client_id.map_or("no clientId".into(), |client_id| format!("clientId `{}`", printable(client_id)));
            let mut json = describe::json(&ably_auth_inspect::describe::jwt_claims(jwt.key_name(), jwt.claims(), now));
            if let Some(json) = json.as_object_mut() {
                json.insert("valid".into(), true.into());
            }
            let rights = match jwt.claims().capability_text() {
                Some(_) => "",
                None => "; it has no capability, so it has all rights of the key",
            };
            Outcome::yes(format!("valid: signed with {} for {who}{rights}", jwt.key_name()), &json)
        }
        Err(refused) => verdict::not_valid(refused),
    })
}

/// Verifies a JWT as the service does. If a token is embedded in the JWT, verifies that token, and the expiry of the
/// JWT.
fn verified(key: &ApiKey, text: &str, leeway: Option<Duration>, now: Timestamp) -> Result<VerifiedJwt, Refused> {
    let Some(embedded) = embedded_token(text).ok().flatten() else {
        return signed(key, text, leeway, now);
    };
    let inner = embedded.token().expose();
    if !has_jwt_form(inner) {
        let reason =
            "the token embedded in the JWT is native, and only the service can verify it; send the JWT to the service";
        return Err((ErrorCode::INVALID_JWT, reason.into()));
    }
    let jwt = signed(key, inner, leeway, now)?;
    embedded.check_expires_within(jwt.claims().expires()).map_err(refused)?;
    Ok(jwt)
}

/// The time by which the service accepts that the clock of a JWT's issuer is ahead. It has no leeway for `exp`.
const LEEWAY_OF_SERVICE: Duration = Duration::from_secs(2);

/// Refuses a lifetime over 24 hours, and an invalid or empty capability. The service refuses them for every key.
fn check_claims(claims: &JwtClaims) -> Result<(), Refused> {
    claims.ttl().map_err(|_| {
        let life = claims.expires().millis_since(claims.issued());
        let reason = format!(
            "JWT lives for {life} ms, but the service takes {} at most; mint one with a shorter lifetime",
            Ttl::MAX
        );
        (ErrorCode::INVALID_PARAMETER, reason)
    })?;
    let Some(text) = claims.capability_text() else { return Ok(()) };
    let capability = Capability::parse_strict(text).map_err(|error| {
        (ErrorCode::INVALID_JWT, format!("invalid `x-ably-capability`: {}", printable(&error.to_string())))
    })?;
    if capability.is_empty() {
        let reason = "`x-ably-capability` permits nothing; add what the JWT needs, or leave the claim out";
        return Err((ErrorCode::CAPABILITY_REFUSED, reason.into()));
    }
    Ok(())
}

fn signed(key: &ApiKey, text: &str, leeway: Option<Duration>, now: Timestamp) -> Result<VerifiedJwt, Refused> {
    let jwt = UnverifiedJwt::parse(text).map_err(refused)?;
    if jwt.key_name() != key.key_name() {
        let (named, given) = (jwt.key_name(), key.key_name());
        let reason = format!("JWT names the key `{named}`, not `{given}`; verify it with the key that it names");
        return Err((ErrorCode::INVALID_JWT, reason));
    }
    let jwt = jwt.verify(&key.signer(), now, leeway.unwrap_or(LEEWAY_OF_SERVICE)).map_err(refused)?;
    if leeway.is_none() && jwt.claims().expires() <= now {
        return Err((ErrorCode::TOKEN_EXPIRED, "JWT has expired; mint or request a new one".into()));
    }
    check_claims(jwt.claims())?;
    Ok(jwt)
}
