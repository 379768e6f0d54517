//! `tests/vectors/credentials.json`: keys, token requests and JWTs, signed with the HMAC of `jwt_hmac` and not with
//! core's. Core is compared with them, and so are the packages for other languages.

use std::time::Duration;

use ably_auth_core::jwt::ClaimValue;
use ably_auth_core::{ApiKey, JwtFields, Nonce, Timestamp, TokenParams, TokenRequest, Ttl, UnverifiedJwt};
use serde_json::{Value, json};

use super::jwt_hmac::hmac;
use super::jwt_support::{HEADER, IAT, base64url, signed, with_claims};
use super::support::{KEY, KEY_NAME, NONCE, NOW, canonical};
use super::vectors::assert_committed;

const ABOUT: &str = "Keys, token requests and JWTs. The signatures are not from ably-auth-core. Times and ttl are in milliseconds. \
    `params` and `claims` are those that a package takes; `place` is a byte offset; `now` is the time of verification.";

const KEYS: [&str; 4] = [KEY, "app.key:secret", "a-1.b_2:s", "xVLyHw.vtQgVw:012345678901234567890123456789"];

/// Texts that are not keys, with the byte offset of the mistake.
const REFUSED_KEYS: [(&str, usize); 13] = [
    ("", 0),
    ("app.key", 7),
    ("app.key:", 8),
    ("appkey:secret", 6),
    (".key:secret", 0),
    ("app.:secret", 4),
    ("app.k.ey:secret", 5),
    ("app.k y:secret", 5),
    (" app.key:secret", 0),
    ("app.key:sec:ret", 11),
    ("app.key:sec.ret", 11),
    ("app.key:secret\n", 14),
    ("app.k\u{e9}y:secret", 5),
];

fn keys() -> Vec<Value> {
    let case = |text: &&str| {
        let (name, _) = text.split_once(':').unwrap();
        let (app, id) = name.split_once('.').unwrap();
        let key = ApiKey::parse(text).unwrap();
        assert_eq!((key.key_name().as_str(), key.key_name().app_id(), key.key_name().key_id()), (name, app, id));
        json!({"text": text, "keyName": name, "appId": app, "keyId": id})
    };
    KEYS.iter().map(case).collect()
}

fn refused_keys() -> Vec<Value> {
    let case = |(text, place): &(&str, usize)| {
        let error = ApiKey::parse(text).unwrap_err();
        assert_eq!((error.offset(), error.ably_code().as_u32()), (Some(*place), 40005), "{text}");
        json!({"text": text, "code": 40005, "place": place, "message": error.to_string()})
    };
    REFUSED_KEYS.iter().map(case).collect()
}

fn base64(bytes: &[u8; 32]) -> String {
    format!("{}=", base64url(bytes).replace('-', "+").replace('_', "/"))
}

/// Returns the parameters of a case, each value of each parameter at least once with each key.
fn params() -> Vec<Value> {
    let capabilities =
        [None, Some(r#"{"chat:*":["subscribe", "publish"]}"#), Some(r#"{"日\"":["*"],"a":["history"]}"#)];
    let client_ids = [None, Some("bob"), Some("*"), Some("J\u{fc}rgen \u{1f680} \"q\"")];
    let ttls = [None, Some(1), Some(3_600_000), Some(86_400_000)];
    let mut all = Vec::new();
    for (at, capability) in capabilities.iter().enumerate() {
        for (by, client_id) in client_ids.iter().enumerate() {
            let mut params = json!({"timestamp": NOW.as_millis() + by as u64, "nonce": format!("{NONCE}{at}{by}")});
            for (name, value) in
                [("capability", json!(capability)), ("clientId", json!(client_id)), ("ttl", json!(ttls[(at + by) % 4]))]
            {
                if !value.is_null() {
                    params[name] = value;
                }
            }
            all.push(params);
        }
    }
    all
}

/// Returns the request with these parameters, signed with the HMAC of `jwt_hmac`.
fn request(key: &str, params: &Value) -> Value {
    let (name, secret) = key.split_once(':').unwrap();
    let mut request = params.clone();
    if let Some(text) = params["capability"].as_str() {
        request["capability"] = json!(canonical(text));
    }
    let field = |field: &str| match &request[field] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        number => number.to_string(),
    };
    let [ttl, capability, client_id, timestamp, nonce] =
        ["ttl", "capability", "clientId", "timestamp", "nonce"].map(field);
    let text = format!("{name}\n{ttl}\n{capability}\n{client_id}\n{timestamp}\n{nonce}\n");
    request["keyName"] = json!(name);
    request["mac"] = json!(base64(&hmac(secret, text.as_bytes())));
    request
}

fn token_requests() -> Vec<Value> {
    let case = |(key, params): (&str, Value)| {
        let expected = request(key, &params);
        let parsed = ApiKey::parse(key).unwrap();
        let mut given = TokenParams::new().timestamp(Timestamp::from_millis(params["timestamp"].as_u64().unwrap()));
        if let Some(capability) = params["capability"].as_str() {
            given = given.capability(capability);
        }
        if let Some(client_id) = params["clientId"].as_str() {
            given = given.client_id(client_id);
        }
        if let Some(ttl) = params["ttl"].as_u64() {
            given = given.ttl(Ttl::from_millis(ttl).unwrap());
        }
        let nonce = Nonce::parse(params["nonce"].as_str().unwrap()).unwrap();
        let ours = TokenRequest::sign(&parsed, &given, Timestamp::from_millis(0), nonce).unwrap();
        assert_eq!(serde_json::to_value(&ours).unwrap(), expected);
        assert!(ours.verify(&parsed).is_ok());
        json!({"key": key, "params": params, "request": expected})
    };
    KEYS.iter().flat_map(|key| params().into_iter().map(move |params| (*key, params))).map(case).collect()
}

/// Returns requests that are refused, with the code.
fn refused_token_requests() -> Vec<Value> {
    let good = request(KEY, &params()[5]);
    let with = |field: &str, value: Value| {
        let mut changed = good.clone();
        changed[field] = value;
        changed
    };
    let cases = [
        ("40101", with("clientId", json!("alice"))),
        ("40101", with("capability", json!(r#"{"*":["*"]}"#))),
        ("40101", with("ttl", json!(86_400_000))),
        ("40101", with("nonce", json!("another-nonce-0001"))),
        ("40101", with("timestamp", json!(NOW.as_millis()))),
        ("40101", with("mac", json!("SVt6d9F8Xgpf3kO+Nstlr68xI063cRpg4anDbcSQ+yE="))),
        ("40101", with("mac", json!("short"))),
        ("40101", with("mac", Value::Null)),
        ("40000", with("nonce", Value::Null)),
        ("40000", with("nonce", json!("too short"))),
        ("40000", with("timestamp", Value::Null)),
        ("40000", with("keyName", json!("other.key"))),
        ("40012", with("clientId", json!("a\nb"))),
    ];
    let case = |(code, request): (&str, Value)| {
        let read: TokenRequest = serde_json::from_value(request.clone()).unwrap();
        let error = read.verify(&ApiKey::parse(KEY).unwrap()).unwrap_err();
        assert_eq!(error.ably_code().as_u32().to_string(), code, "{request}");
        json!({"key": KEY, "request": request, "code": error.ably_code().as_u32(), "message": error.to_string()})
    };
    cases.into_iter().map(case).collect()
}

/// Returns the claims of the JWTs, as a package takes them.
fn claims() -> Vec<Value> {
    let issued = NOW.as_millis();
    [
        json!({}),
        json!({"ttl": 60_000}),
        json!({"ttl": 1}),
        json!({"ttl": 86_400_000, "clientId": "bob"}),
        json!({"clientId": "*", "capability": r#"{"chat:*":["subscribe","publish"]}"#}),
        json!({"clientId": "J\u{fc}rgen \"q\"", "capability": r#"{"日":["*"]}"#, "revocationKey": "group-1"}),
        json!({"notBefore": issued + 1_500, "ttl": 7_200_000}),
        json!({"channelClaims": {"chat:*": "moderator", "status": ""}}),
        json!({"publishLimits": {"chat:*": 5, "status": 0}}),
        json!({"claims": {"admin": true, "level": -3, "nested": {"list": [1, null, "x"]}, "sub": "bob@example.com"}}),
    ]
    .into_iter()
    .map(|mut claims| {
        claims["timestamp"] = json!(issued);
        claims
    })
    .collect()
}

/// Returns the JWT with these claims, signed with the HMAC of `jwt_hmac`.
fn jwt(key: &str, claims: &Value) -> String {
    let (name, secret) = key.split_once(':').unwrap();
    let issued = claims["timestamp"].as_u64().unwrap();
    let iat = issued / 1000;
    let exp = ((issued + claims["ttl"].as_u64().unwrap_or(3_600_000)) / 1000).max(iat + 1);
    let mut payload = format!(r#"{{"iat":{iat},"exp":{exp}"#);
    let mut add = |name: &str, value: &Value| payload += &format!(",{}:{value}", json!(name));
    if let Some(not_before) = claims["notBefore"].as_u64() {
        add("nbf", &json!(not_before.div_ceil(1000)));
    }
    if let Some(text) = claims["capability"].as_str() {
        add("x-ably-capability", &json!(canonical(text)));
    }
    for (field, claim) in [("clientId", "x-ably-clientId"), ("revocationKey", "x-ably-revocation-key")] {
        if !claims[field].is_null() {
            add(claim, &claims[field]);
        }
    }
    let maps = [
        ("channelClaims", "ably.channel."),
        ("publishLimits", "ably.limits.publish.perAttachment.maxRate."),
        ("claims", ""),
    ];
    for (field, prefix) in maps {
        for (name, value) in claims[field].as_object().into_iter().flatten() {
            add(&format!("{prefix}{name}"), value);
        }
    }
    payload += "}";
    let header = format!(r#"{{"typ":"JWT","alg":"HS256","kid":"{name}"}}"#);
    let text = format!("{}.{}", base64url(header.as_bytes()), base64url(payload.as_bytes()));
    let signature = base64url(&hmac(secret, text.as_bytes()));
    format!("{text}.{signature}")
}

/// Mints the same JWT with core.
fn minted(key: &ApiKey, claims: &Value) -> String {
    let map = |field: &str| claims[field].as_object().cloned().unwrap_or_default();
    let (channel_claims, limits, others) = (map("channelClaims"), map("publishLimits"), map("claims"));
    let others: Vec<(String, String)> = others.into_iter().map(|(name, value)| (name, value.to_string())).collect();
    let number = |field: &str| claims[field].as_u64();
    let capability = claims["capability"].as_str().map(|text| canonical(text).unwrap());
    let fields = JwtFields {
        not_before: number("notBefore").map(Timestamp::from_millis),
        capability: capability.as_deref(),
        client_id: claims["clientId"].as_str(),
        revocation_key: claims["revocationKey"].as_str(),
        channel_claims: &channel_claims
            .iter()
            .map(|(name, claim)| (&**name, claim.as_str().unwrap()))
            .collect::<Vec<_>>(),
        publish_limits: &limits
            .iter()
            .map(|(name, limit)| (&**name, u32::try_from(limit.as_u64().unwrap()).unwrap()))
            .collect::<Vec<_>>(),
        others: &others.iter().map(|(name, json)| (&**name, ClaimValue::Json(json))).collect::<Vec<_>>(),
        ..JwtFields::new(
            key.key_name().as_str(),
            Timestamp::from_millis(number("timestamp").unwrap()),
            number("ttl").map_or(Ttl::DEFAULT, |ttl| Ttl::from_millis(ttl).unwrap()),
        )
    };
    fields.mint(&key.signer()).unwrap().expose().into()
}

fn jwts() -> Vec<Value> {
    let case = |(key, claims): (&str, Value)| {
        let (expected, parsed) = (jwt(key, &claims), ApiKey::parse(key).unwrap());
        assert_eq!(minted(&parsed, &claims), expected, "{claims}");
        let now = Timestamp::from_millis(claims["notBefore"].as_u64().map_or(NOW.as_millis(), |later| later + 1_000));
        assert!(UnverifiedJwt::parse(&expected).unwrap().verify(&parsed.signer(), now, Duration::ZERO).is_ok());
        json!({"key": key, "claims": claims, "jwt": expected, "now": now.as_millis()})
    };
    KEYS.iter().flat_map(|key| claims().into_iter().map(move |claims| (*key, claims))).map(case).collect()
}

/// Returns JWTs that are refused for the key `app.key:secret`, with the code.
fn refused_jwts() -> Vec<Value> {
    let now = IAT * 1000;
    let valid = with_claims("");
    let (text, signature) = valid.rsplit_once('.').unwrap();
    let other = signed(HEADER, br#"{"iat":1700000000,"exp":1700000001}"#);
    let cases = [
        (40144, now, String::new()),
        (40144, now, "not a JWT".into()),
        (40144, now, text.into()),
        (40144, now, format!("{text}.")),
        (40144, now, format!("{text}.{}", other.rsplit('.').next().unwrap())),
        (40144, now, format!("{other}.{signature}")),
        (40144, now, format!("{valid}=")),
        (40144, now, signed(r#"{"typ":"JWT","alg":"none","kid":"app.key"}"#, br#"{"iat":1,"exp":2}"#)),
        (40144, now, signed(r#"{"typ":"JWT","alg":"HS256"}"#, br#"{"iat":1,"exp":2}"#)),
        (40144, now, signed(HEADER, br#"{"exp":1700003600}"#)),
        (40144, now, signed(HEADER, br#"{"iat":1700000000}"#)),
        (40144, now, with_claims(r#""x-ably-capability":null"#)),
        (40144, now, with_claims(r#""iat":1"#)),
        (40012, now, with_claims(r#""x-ably-clientId":"a\nb""#)),
        (40144, now - 1, valid.clone()),
        (40142, now + 3_600_000, valid),
    ];
    let case = |(code, now, jwt): (u32, u64, String)| {
        let key = ApiKey::parse("app.key:secret").unwrap();
        let verify =
            |jwt| UnverifiedJwt::parse(jwt)?.verify(&key.signer(), Timestamp::from_millis(now), Duration::ZERO);
        let error = verify(&jwt).unwrap_err();
        assert_eq!(error.ably_code().as_u32(), code, "{jwt}: {error}");
        json!({"key": "app.key:secret", "jwt": jwt, "now": now, "code": code, "message": error.to_string()})
    };
    cases.into_iter().map(case).collect()
}

#[test]
fn credentials_match_committed_vectors() {
    assert_eq!(KEY_NAME, KEY.split(':').next().unwrap());
    let lists = [
        ("keys", keys()),
        ("refusedKeys", refused_keys()),
        ("tokenRequests", token_requests()),
        ("refusedTokenRequests", refused_token_requests()),
        ("jwts", jwts()),
        ("refusedJwts", refused_jwts()),
    ];
    let committed = include_str!("../../../../tests/vectors/credentials.json");
    assert_committed("credentials.json", committed, ABOUT, &lists);
}
