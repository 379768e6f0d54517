//! `ably-auth jwt`

use std::time::Duration;

use ably_auth::{ErrorCode, Timestamp, TokenDetails, TokenParams};
use ably_auth_core::{ApiKey, JwtFields, Ttl, UnverifiedJwt, VerifiedJwt};
use serde_json::json;

use crate::args::{self, Jwt as Args};
use crate::describe::Description;
use crate::draw::{Paint, printable};
use crate::input;
use crate::output::{self, Failure, Outcome};

pub(crate) fn run(command: Args) -> Result<Outcome, Failure> {
    match command {
        Args::Mint { key, params, revocation_key, channel_claim, publish_limit, timestamp } => {
            let params = input::token_params(&params)?;
            let claims = Claims { revocation_key, channel_claim, publish_limit };
            mint(&input::key(key)?, &params, &claims, input::now(timestamp))
        }
        Args::Inspect { token, now } => inspect(&token, input::now(now)),
        Args::Verify { key, token, leeway, now } => verify(key, &token, Duration::from_millis(leeway), input::now(now)),
    }
}

struct Claims {
    revocation_key: Option<String>,
    channel_claim: Vec<String>,
    publish_limit: Vec<String>,
}

fn mint(key: &ApiKey, params: &TokenParams, claims: &Claims, now: Timestamp) -> Result<Outcome, Failure> {
    let channel_claims: Vec<_> = claims
        .channel_claim
        .iter()
        .map(|text| input::scoped("--channel-claim", text, false))
        .collect::<Result<_, _>>()?;
    let publish_limits: Vec<_> = claims.publish_limit.iter().map(|text| limit(text)).collect::<Result<_, _>>()?;
    let capability = params.capability.as_ref().map(ToString::to_string);
    let fields = JwtFields {
        client_id: params.client_id.as_str(),
        capability: capability.as_deref(),
        revocation_key: claims.revocation_key.as_deref(),
        channel_claims: &channel_claims,
        publish_limits: &publish_limits,
        ..JwtFields::new(key.key_name().as_str(), now, params.ttl.unwrap_or(Ttl::DEFAULT))
    };
    let jwt = fields.mint(&key.signer()).map_err(ably_auth::Error::from)?;
    // A JWT counts in seconds, so its times may not be those that were asked for.
    let minted = UnverifiedJwt::parse(jwt.expose()).and_then(|jwt| jwt.decode_without_verifying());
    let minted = minted.map_err(ably_auth::Error::from)?;
    let life = (minted.issued(), minted.expires());
    let details = TokenDetails::issued_by(
        key.key_name().clone(),
        jwt.clone(),
        life,
        params.capability.as_ref(),
        params.client_id.clone(),
    );
    Ok(Outcome::wire(true, jwt.expose(), output::wire(&details)?))
}

fn limit(text: &str) -> Result<(&str, u32), Failure> {
    // A resource may have a `=` in it, a number has none.
    let (resource, number) = input::scoped("--publish-limit", text, true)?;
    let problem = "what follows the `=` is no number of messages a second; give a whole one";
    number.parse().map(|number| (resource, number)).map_err(|_| Failure::input("--publish-limit", problem))
}

fn inspect(token: &args::TokenArg, now: Timestamp) -> Result<Outcome, Failure> {
    let (name, text) = input::token(token)?;
    let description = describe(&text, now).map_err(|error| Failure::input(&name, error))?;
    let text = description.text(TITLE, Paint::stdout());
    Ok(Outcome::yes(text, &description.json()))
}

pub(super) const TITLE: &str = "JWT, not verified";

/// What a JWT says.
pub(super) fn describe(text: &str, now: Timestamp) -> Result<Description, ably_auth_core::Error> {
    let jwt = UnverifiedJwt::parse(text)?;
    let claims = jwt.decode_without_verifying()?;
    let mut description = Description::default();
    description.kind("jwt");
    description.key(jwt.key_name());
    description.claims(&claims, now);
    Ok(description)
}

fn verify(key: args::KeyArg, token: &args::TokenArg, leeway: Duration, now: Timestamp) -> Result<Outcome, Failure> {
    let key = input::key(key)?;
    let (_, text) = input::token(token)?;
    Ok(match verified(&key, &text, leeway, now) {
        Ok(jwt) => {
            let client_id = jwt.claims().client_id().as_str();
            let who = client_id
                .map_or("nobody in particular".into(), |client_id| format!("clientId `{}`", printable(client_id)));
            let mut description = Description::default();
            description.key(jwt.key_name());
            description.claims(jwt.claims(), now);
            let mut json = description.json();
            if let Some(json) = json.as_object_mut() {
                json.insert("valid".into(), true.into());
            }
            Outcome::yes(format!("valid: signed with {} for {who}", jwt.key_name()), &json)
        }
        Err((code, reason)) => {
            let json = json!({ "valid": false, "code": code.as_u32(), "reason": reason });
            Outcome::no(format!("not valid: {reason}"), &json)
        }
    })
}

fn verified(key: &ApiKey, text: &str, leeway: Duration, now: Timestamp) -> Result<VerifiedJwt, (ErrorCode, String)> {
    let told = |error: ably_auth_core::Error| (error.ably_code(), error.to_string());
    let jwt = UnverifiedJwt::parse(text).map_err(told)?;
    if jwt.key_name() != key.key_name() {
        let (named, given) = (jwt.key_name(), key.key_name());
        let reason = format!("JWT names the key `{named}`, not `{given}`; verify it with the key that it names");
        return Err((ErrorCode::INVALID_JWT, reason));
    }
    jwt.verify(&key.signer(), now, leeway).map_err(told)
}
