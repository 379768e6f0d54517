//! JWTs.

use std::time::Duration;

use ably_auth_core::jwt::{self, ClaimValue};
use ably_auth_core::{ErrorCode, JwtClaims, JwtFields, KeyName, Timestamp, Ttl, UnverifiedJwt};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::failure::Failure;
use crate::json::Object;
use crate::key::SigningKey;
use crate::numbers::{timestamp, ttl};

/// The claims of a JWT that is to be minted. Claims of several resources are added one by one.
#[wasm_bindgen]
pub struct Draft {
    issued: Timestamp,
    ttl: Ttl,
    not_before: Option<Timestamp>,
    capability: Option<String>,
    client_id: Option<String>,
    revocation_key: Option<String>,
    channel_claims: Vec<(String, String)>,
    publish_limits: Vec<(String, u32)>,
    others: Vec<(String, String)>,
}

#[wasm_bindgen]
impl Draft {
    /// Creates a draft with the claims of which there is at most one.
    ///
    /// # Errors
    /// The error of core for a ttl that is out of range.
    #[wasm_bindgen(constructor)]
    pub fn new(
        issued: f64,
        lifetime: Option<f64>,
        not_before: Option<f64>,
        capability: Option<String>,
        client_id: Option<String>,
        revocation_key: Option<String>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            issued: timestamp(issued),
            ttl: lifetime.map_or(Ok(Ttl::DEFAULT), ttl)?,
            not_before: not_before.map(timestamp),
            capability,
            client_id,
            revocation_key,
            channel_claims: Vec::new(),
            publish_limits: Vec::new(),
            others: Vec::new(),
        })
    }

    /// Adds a claim that other clients on a channel can see.
    #[wasm_bindgen(js_name = addChannelClaim)]
    pub fn add_channel_claim(&mut self, resource: String, claim: String) {
        self.channel_claims.push((resource, claim));
    }

    /// Adds the maximum messages a second on a channel.
    #[wasm_bindgen(js_name = addPublishLimit)]
    pub fn add_publish_limit(&mut self, resource: String, limit: u32) {
        self.publish_limits.push((resource, limit));
    }

    /// Adds a claim that Ably does not define, as JSON.
    #[wasm_bindgen(js_name = addClaim)]
    pub fn add_claim(&mut self, name: String, json: String) {
        self.others.push((name, json));
    }

    /// Signs the JWT.
    ///
    /// # Errors
    /// The error of core for an invalid or repeated claim.
    pub fn mint(&self, key: &SigningKey) -> Result<String, Failure> {
        let channel_claims: Vec<_> = self.channel_claims.iter().map(|(name, claim)| (&**name, &**claim)).collect();
        let limits: Vec<_> = self.publish_limits.iter().map(|(name, limit)| (&**name, *limit)).collect();
        let others: Vec<_> = self.others.iter().map(|(name, json)| (&**name, ClaimValue::Json(json))).collect();
        let fields = JwtFields {
            not_before: self.not_before,
            capability: self.capability.as_deref(),
            client_id: self.client_id.as_deref(),
            revocation_key: self.revocation_key.as_deref(),
            channel_claims: &channel_claims,
            publish_limits: &limits,
            others: &others,
            ..JwtFields::new(key.key.key_name().as_str(), self.issued, self.ttl)
        };
        Ok(fields.mint(&key.signer)?.expose().into())
    }
}

/// Verifies the key's name, the signature and the times of a JWT, and returns its content as JSON.
///
/// # Errors
/// The error of core, or an error for a JWT with an embedded token.
#[wasm_bindgen(js_name = verifyJwt)]
pub fn verify_jwt(key: &SigningKey, token: &str, now: f64, leeway: f64) -> Result<String, Failure> {
    let (now, unverified) = (timestamp(now), UnverifiedJwt::parse(token)?);
    let verified = if unverified.key_name() == key.key.key_name() {
        unverified.verify(&key.signer, now, Duration::from_millis(timestamp(leeway).as_millis()))?
    } else {
        // Fails with the error for another key.
        jwt::verify(&key.key, token, now)?
    };
    if verified.claims().embedded_token().is_some() {
        // Its rights count instead of those of this JWT, so the content would mislead the caller.
        let problem = "JWT has an embedded token, whose rights count instead of its own; verify the embedded token";
        return Err(Failure::new(ErrorCode::INVALID_JWT, problem));
    }
    Ok(content(verified.key_name(), verified.claims()))
}

/// Decodes a JWT without verifying it, and returns its content as JSON.
///
/// # Errors
/// The error of core for a malformed JWT.
#[wasm_bindgen(js_name = inspectJwt)]
pub fn inspect_jwt(token: &str) -> Result<String, Failure> {
    let unverified = UnverifiedJwt::parse(token)?;
    Ok(content(unverified.key_name(), &unverified.decode_without_verifying()?))
}

/// Writes the claims that core interprets. `js/jwt.mjs` decodes the others from the payload.
fn content(key_name: &KeyName, claims: &JwtClaims) -> String {
    let times = Object::new().text("keyName", key_name.as_str()).number("issued", claims.issued().as_millis());
    let mut object = times.number("expires", claims.expires().as_millis());
    if let Some(not_before) = claims.not_before() {
        object = object.number("notBefore", not_before.as_millis());
    }
    object.maybe("capability", claims.capability_text()).maybe("clientId", claims.client_id().as_str()).end()
}
