//! JWTs that other implementations minted, and JWTs of this crate that they accepted. `cargo xtask vectors` regenerates
//! the data.

use std::time::Duration;

use ably_auth_core::jwt::ClaimValue;
use ably_auth_core::{ApiKey, JwtClaims, JwtFields, Timestamp, Ttl, UnverifiedJwt};
use serde_json::{Map, Value, json};

const CHANNEL: &str = "ably.channel.";
const LIMIT: &str = "ably.limits.publish.perAttachment.maxRate.";

fn vectors(kind: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("../../../../tests/vectors/jwt.json")).unwrap();
    file[kind].as_array().unwrap().clone()
}

fn text<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap()
}

fn key(case: &Value) -> ApiKey {
    ApiKey::parse(text(case, "key")).unwrap()
}

fn moment(seconds: &Value) -> Timestamp {
    Timestamp::from_millis(seconds.as_u64().unwrap() * 1000)
}

/// Returns the first time at which the claims are valid.
fn start(claims: &Value) -> Timestamp {
    moment(claims.get("nbf").unwrap_or(&claims["iat"]))
}

/// Returns the claims as a JSON object.
fn written(claims: &JwtClaims) -> Value {
    let mut object = Map::new();
    let mut add = |name: &str, value: Option<Value>| value.and_then(|value| object.insert(name.into(), value));
    let seconds = |moment: Timestamp| json!(moment.as_millis() / 1000);
    add("iat", Some(seconds(claims.issued())));
    add("exp", Some(seconds(claims.expires())));
    add("nbf", claims.not_before().map(seconds));
    add("x-ably-capability", claims.capability_text().map(Into::into));
    add("x-ably-clientId", claims.client_id().as_str().map(Into::into));
    add("x-ably-revocation-key", claims.revocation_key().map(Into::into));
    add("x-ably-token", claims.embedded_token().map(|token| token.expose().into()));
    claims.channel_claims().for_each(|(resource, claim)| {
        add(&format!("{CHANNEL}{resource}"), Some(claim.into()));
    });
    claims.publish_limits().for_each(|(resource, limit)| {
        add(&format!("{LIMIT}{resource}"), Some(json!(limit as u64)));
    });
    claims.others().for_each(|(name, json)| {
        add(name, Some(serde_json::from_str(json).unwrap()));
    });
    object.into()
}

#[test]
fn there_are_enough_vectors() {
    let file: Value = serde_json::from_str(include_str!("../../../../tests/vectors/jwt.json")).unwrap();
    let sources: Vec<_> = file["sources"].as_array().unwrap().iter().map(|source| source.as_str().unwrap()).collect();
    assert!(
        matches!(sources[..], [npm, pypi] if npm.starts_with("jsonwebtoken npm") && pypi.starts_with("PyJWT PyPI"))
    );
    assert_eq!((vectors("foreign").len(), vectors("ours").len(), vectors("refused").len()), (68, 34, 9));
}

/// Every JWT of another implementation verifies with its key, and has the claims that it was minted from.
#[test]
fn foreign_jwts_verify() {
    for case in vectors("foreign") {
        let (id, key, claims) = (text(&case, "id"), key(&case), &case["claims"]);
        let unverified = UnverifiedJwt::parse(text(&case, "jwt")).unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(unverified.key_name(), key.key_name(), "{id}");
        assert_eq!(written(&unverified.decode_without_verifying().unwrap()), *claims, "{id}");
        let verified = unverified.verify(&key.signer(), start(claims), Duration::ZERO);
        let verified = verified.unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(verified.key_name(), key.key_name(), "{id}");
        assert_eq!(written(verified.claims()), *claims, "{id}");
    }
}

/// No JWT of another implementation verifies with another secret.
#[test]
fn foreign_jwts_verify_with_no_other_secret() {
    for case in vectors("foreign").iter().chain(&vectors("ours")) {
        let wrong = ApiKey::parse(&format!("{}A", text(case, "key"))).unwrap();
        let unverified = UnverifiedJwt::parse(text(case, "jwt")).unwrap();
        let error = unverified.verify(&wrong.signer(), start(&case["claims"]), Duration::ZERO).unwrap_err();
        assert!(
            error.to_string().starts_with("JWT's signature verification failed: this key did not sign the JWT;"),
            "{error}"
        );
        assert_eq!(error.ably_code().as_u32(), 40144);
    }
}

/// This crate mints the same bytes that other implementations accepted, into a buffer and on the heap.
#[test]
fn minted_jwts_equal_accepted_ones() {
    for case in vectors("ours") {
        let (id, key, claims) = (text(&case, "id"), key(&case), case["claims"].as_object().unwrap());
        assert_eq!(case["acceptedBy"].as_array().unwrap().len(), 2, "{id}");
        let scoped = |prefix: &'static str| {
            claims.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value)))
        };
        let channel_claims: Vec<_> =
            scoped(CHANNEL).map(|(resource, claim)| (resource, claim.as_str().unwrap())).collect();
        let limit = |limit: &Value| u32::try_from(limit.as_u64().unwrap()).unwrap();
        let publish_limits: Vec<_> = scoped(LIMIT).map(|(resource, value)| (resource, limit(value))).collect();
        let known = |name: &str| ["iat", "exp", "nbf"].contains(&name) || name.contains("ably");
        let others: Vec<_> = claims.iter().filter(|(name, _)| !known(name)).collect();
        let json: Vec<_> = others.iter().map(|(_, value)| value.to_string()).collect();
        let others = others.iter().zip(&json).map(|((name, value), json)| {
            let value = match value {
                Value::String(text) => ClaimValue::Text(text),
                Value::Number(number) => ClaimValue::Integer(number.as_i64().unwrap()),
                _ => ClaimValue::Json(json),
            };
            (name.as_str(), value)
        });
        let field = |name: &str| claims.get(name).and_then(Value::as_str);
        let ttl = moment(&claims["exp"]).millis_since(moment(&claims["iat"]));
        let fields = JwtFields {
            not_before: claims.get("nbf").map(moment),
            capability: field("x-ably-capability"),
            client_id: field("x-ably-clientId"),
            revocation_key: field("x-ably-revocation-key"),
            embedded_token: field("x-ably-token"),
            channel_claims: &channel_claims,
            publish_limits: &publish_limits,
            others: &others.collect::<Vec<_>>(),
            ..JwtFields::new(key.key_name().as_str(), moment(&claims["iat"]), Ttl::from_millis(ttl).unwrap())
        };
        let accepted = text(&case, "jwt");
        assert_eq!(fields.mint(&key.signer()).unwrap().expose(), accepted, "{id}");
        let mut buffer = vec![0; accepted.len()];
        assert_eq!(fields.mint_into(&key.signer(), &mut buffer).unwrap(), accepted, "{id}");
        let verified = UnverifiedJwt::parse(accepted).unwrap();
        let verified = verified.verify(&key.signer(), start(&case["claims"]), Duration::ZERO).unwrap();
        assert_eq!(written(verified.claims()), case["claims"], "{id}");
    }
}

/// Every other algorithm is refused, and the error names it.
#[test]
fn other_algorithm_is_refused_by_name() {
    for case in vectors("refused") {
        let error = UnverifiedJwt::parse(text(&case, "jwt")).unwrap_err();
        let expected = format!("JWT's `alg` is `{}`, not `HS256`", text(&case, "alg"));
        assert!(error.to_string().starts_with(&expected), "{}: {error}", text(&case, "id"));
    }
}
