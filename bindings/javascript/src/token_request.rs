//! Token requests.

use ably_auth_core::{Capability, ErrorCode, Mac, TokenRequestFields, Ttl};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::failure::Failure;
use crate::json::Object;
use crate::key::SigningKey;
use crate::numbers::{timestamp, ttl};

/// The lifetime in milliseconds that some SDKs sign if the request has none.
const OMITTED_TTL: f64 = 3_600_000.0;
/// The maximum bytes of a capability for which a mac over its canonical text is accepted. It limits the work for a request
/// with a wrong mac, as in core.
const MAX_ALTERNATIVE_BYTES: usize = 4 * 1024;

/// Signs a token request and returns its JSON.
///
/// # Errors
/// The error of core for an invalid value.
#[wasm_bindgen(js_name = signTokenRequest)]
pub fn sign_token_request(
    key: &SigningKey,
    lifetime: Option<f64>,
    capability: Option<String>,
    client_id: Option<String>,
    time: f64,
    nonce: &str,
) -> Result<String, Failure> {
    let fields = TokenRequestFields {
        key_name: key.key.key_name().as_str(),
        ttl: lifetime.map(ttl).transpose()?,
        capability: capability.as_deref(),
        client_id: client_id.as_deref(),
        timestamp: timestamp(time),
        nonce,
    };
    let mac = key.signer.sign(&fields)?;
    let mut json = String::new();
    let written = fields.write_json(&mac, &mut json);
    written.map_err(|_| Failure::new(ErrorCode::INTERNAL, "token request was not written; report this"))?;
    Ok(json)
}

/// Verifies the mac of the values of a token request, and returns as JSON those that core normalizes.
///
/// It accepts what core's `TokenRequest::verify` accepts: a mac over the sent text, over the canonical capability, or over a
/// ttl of one hour in place of an omitted one. That function needs serde, which would double the size of the module.
///
/// # Errors
/// The error of core for an invalid value or another mac.
#[wasm_bindgen(js_name = verifyTokenRequest)]
pub fn verify_token_request(
    key: &SigningKey,
    lifetime: Option<f64>,
    capability: Option<String>,
    client_id: Option<String>,
    time: f64,
    nonce: &str,
    mac: &str,
) -> Result<String, Failure> {
    let mac = Mac::from_base64(mac)?;
    let sent = capability.as_deref();
    let fields = TokenRequestFields {
        key_name: key.key.key_name().as_str(),
        ttl: lifetime.map(ttl).transpose()?,
        capability: sent,
        // Some peers send an empty clientId for none. Both are signed as an empty text.
        client_id: client_id.as_deref().filter(|text| !text.is_empty()),
        timestamp: timestamp(time),
        nonce,
    };
    let hour = if fields.ttl.is_none() { Some(ttl(OMITTED_TTL)?) } else { None };
    let verify = |fields: TokenRequestFields<'_>| match (key.signer.verify(&fields, &mac), hour) {
        (Err(_), Some(hour)) => key.signer.verify(&TokenRequestFields { ttl: Some(hour), ..fields }, &mac),
        (result, _) => result,
    };
    let parsed = sent.filter(|text| !text.is_empty()).map(Capability::parse_strict);
    let canonical = parsed.as_ref().and_then(|parsed| parsed.as_ref().ok()).map(ToString::to_string);
    verify(fields).or_else(|error| match canonical.as_deref() {
        Some(text) if text.len() <= MAX_ALTERNATIVE_BYTES && Some(text) != sent => {
            verify(TokenRequestFields { capability: Some(text), ..fields })
        }
        _ => Err(error),
    })?;
    // Reported only now: a sender that did not sign the request gets no details.
    parsed.transpose()?;
    let values = Object::new().text("keyName", fields.key_name).number("timestamp", fields.timestamp.as_millis());
    let values = match fields.ttl.map(Ttl::as_millis) {
        Some(ttl) => values.number("ttl", ttl),
        None => values,
    };
    Ok(values.maybe("capability", canonical.as_deref()).maybe("clientId", fields.client_id).text("nonce", nonce).end())
}
