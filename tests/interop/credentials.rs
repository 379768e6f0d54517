//! Credentials from the issuer: the JWTs that it has minted here, and the responses that clients read.

use ably_auth::{ApiKey, Timestamp, Token, TokenDetails, TokenRequest, Ttl};
use ably_auth_core::JwtFields;
use serde_json::{Map, Value};

use super::{Fault, now};

/// Mints a JWT from the query of a request to the issuer.
pub(super) fn mint(key: &ApiKey, values: &Value) -> Result<Token, Fault> {
    let number = |name: &str| values[name].as_str().map(str::parse::<u64>).transpose();
    let issued = Timestamp::from_millis(now().as_millis() - number("ago")?.unwrap_or(0));
    let ttl = number("ttl")?.map_or(Ok(Ttl::DEFAULT), Ttl::from_millis)?;
    let claims: Map<String, Value> = serde_json::from_str(values["claims"].as_str().unwrap_or("{}"))?;
    let (mut channel_claims, mut publish_limits) = (Vec::new(), Vec::new());
    for (name, value) in &claims {
        if let Some(resource) = name.strip_prefix("ably.channel.") {
            channel_claims.push((resource, value.as_str().ok_or("a channel claim is no text")?));
        } else if let Some(resource) = name.strip_prefix("ably.limits.publish.perAttachment.maxRate.") {
            publish_limits.push((resource, u32::try_from(value.as_u64().ok_or("a limit is no number")?)?));
        } else {
            return Err(format!("unknown claim `{name}`").into());
        }
    }
    let fields = JwtFields {
        capability: values["capability"].as_str(),
        client_id: values["clientId"].as_str(),
        revocation_key: values["revocationKey"].as_str(),
        channel_claims: &channel_claims,
        publish_limits: &publish_limits,
        ..JwtFields::new(key.key_name().as_str(), issued, ttl)
    };
    Ok(fields.mint(&key.signer())?)
}

/// A response of the issuer to an auth callback.
pub(super) enum Answer {
    Token(Token),
    Details(TokenDetails),
    Request(TokenRequest),
}

impl From<Answer> for ably_auth::sources::AuthCallbackAnswer {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Token(token) => token.into(),
            Answer::Details(details) => details.into(),
            Answer::Request(request) => request.into(),
        }
    }
}

/// Fetches a response from the issuer.
pub(super) fn fetch(url: &str) -> Result<Answer, Fault> {
    let mut answer = ureq::get(url).call()?;
    let is_json = answer.headers().get("content-type").is_some_and(|it| it == "application/json");
    let text = answer.body_mut().read_to_string()?;
    Ok(if !is_json {
        Answer::Token(Token::new(&text)?)
    } else if text.contains("\"token\"") {
        Answer::Details(serde_json::from_str(&text)?)
    } else {
        Answer::Request(serde_json::from_str(&text)?)
    })
}
