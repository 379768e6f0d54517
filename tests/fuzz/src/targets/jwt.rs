//! JWTs. One is accepted only if the HMAC of its bytes is right by another library, and its header and claims are those
//! that `serde_json` reads. Any JSON value is accepted as a claim, and nothing else.
//!
//! The first byte selects the parts that the rest of the input gives, so that it gets past the signature.

use std::time::Duration;

use ably_auth_core::{ApiKey, JwtClaims, Timestamp, UnverifiedJwt, VerifiedJwt};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::memory::Bound;
use crate::{NOW, SECRET, hmac};

const MEMORY: Bound = Bound { fixed: 8 * 1024, factor: 32 };
const HEADER: &str = r#"{"typ":"JWT","alg":"HS256","kid":"app.key"}"#;

#[derive(serde::Deserialize)]
struct Header {
    alg: String,
    kid: String,
}

pub fn run(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else { return };
    let (iat, exp) = (NOW / 1000, NOW / 1000 + 3600);
    match mode % 5 {
        0 => {
            let Ok(text) = std::str::from_utf8(rest) else { return };
            drop(judge(text));
        }
        1 => drop(judge(&signed(HEADER.as_bytes(), rest))),
        2 => {
            let (header, payload) = rest.split_at(rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()));
            drop(judge(&signed(header, payload.get(1..).unwrap_or_default())));
        }
        3 => {
            let payload = [format!(r#"{{"iat":{iat},"exp":{exp},"#).as_bytes(), rest, b"}"].concat();
            drop(judge(&signed(HEADER.as_bytes(), &payload)));
        }
        _ => {
            let payload = [format!(r#"{{"iat":{iat},"exp":{exp},"other":"#).as_bytes(), rest, b"}"].concat();
            let token = signed(HEADER.as_bytes(), &payload);
            let is_accepted = judge(&token).is_some();
            let is_json = serde_json::from_slice::<Value>(rest).is_ok_and(|value| depth(&value) <= 32);
            assert!(is_accepted || !is_json, "{:?} is refused as a claim", String::from_utf8_lossy(rest));
        }
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

fn signed(header: &[u8], payload: &[u8]) -> String {
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = URL_SAFE_NO_PAD.encode(hmac(SECRET, text.as_bytes()));
    format!("{text}.{signature}")
}

/// Verifies a JWT, and compares the result with that of other libraries.
fn judge(token: &str) -> Option<VerifiedJwt> {
    let key = ApiKey::parse(&format!("app.key:{SECRET}")).unwrap();
    let now = Timestamp::from_millis(NOW);
    let verified = MEMORY.check(token.len(), || {
        UnverifiedJwt::parse(token).and_then(|jwt| jwt.verify(&key.signer(), now, Duration::ZERO))
    });
    let verified = match verified {
        Ok(verified) => verified,
        Err(error) => {
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(SECRET), "{shown}");
            assert_ne!(error.ably_code().as_u32(), 50000);
            return None;
        }
    };
    let (text, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = text.split_once('.').unwrap();
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap_or_else(|error| panic!("{part}: {error}"));
    assert_eq!(decode(signature), hmac(SECRET, text.as_bytes()), "{token}");
    let header: Header = serde_json::from_slice(&decode(header)).unwrap();
    assert_eq!((header.alg.as_str(), header.kid.as_str()), ("HS256", verified.key_name().as_str()));
    let payload = decode(payload);
    serde_json::from_slice::<IgnoredAny>(&payload).unwrap();
    // `serde_json` refuses numbers above the range of floats, which a claim may have.
    if let Ok(claims) = serde_json::from_slice::<Value>(&payload) {
        compare(verified.claims(), &claims);
    }
    assert!(verified.claims().expires() > now, "an expired JWT is accepted");
    Some(verified)
}

fn compare(claims: &JwtClaims, payload: &Value) {
    let text = |name: &str| payload.get(name).and_then(Value::as_str);
    assert_eq!(claims.capability_text(), text("x-ably-capability"));
    assert_eq!(claims.revocation_key(), text("x-ably-revocation-key"));
    assert_eq!(claims.embedded_token().map(|token| token.expose()), text("x-ably-token"));
    for (name, moment) in [("iat", claims.issued()), ("exp", claims.expires())] {
        // The claim may have a fraction, which is cut off.
        let seconds = payload[name].as_f64().unwrap();
        let millis = moment.as_millis() as f64;
        assert!((millis - seconds * 1000.0).abs() < 2.0, "{name}: {seconds} is read as {millis}");
    }
    for (name, json) in claims.others() {
        assert_eq!(payload.get(name), Some(&serde_json::from_str(json).unwrap()), "{name}");
    }
}
