//! Reports about credentials.

use ably_auth_core::{ApiKey, Nonce, Timestamp, TokenParams, TokenRequest, jwt};
use ably_auth_inspect::{Kind, LifeState, MAX_BYTES, Report, Verdict, inspect};
use serde_json::{Value, json};
use test_support::{KEY, KEY_NAME, NOW, basic, bearer};

use crate::support::{base64, base64url};

const NATIVE: &str = "xVLyHw.Dtxd9tuz-that-is-as-long-as-usual";

fn report(text: &str) -> Report {
    inspect(text, Timestamp::from_millis(NOW))
}

fn minted() -> String {
    let params = TokenParams::new().client_id("bob").ttl("1h").capability(r#"{"chat":["publish"]}"#);
    let token = jwt::mint(&ApiKey::parse(KEY).unwrap(), &params, Timestamp::from_millis(NOW)).unwrap();
    token.expose().to_owned()
}

fn signed() -> Value {
    let key = ApiKey::parse(KEY).unwrap();
    let params = TokenParams::new().client_id("bob").capability(r#"{"chat":["publish"]}"#);
    let nonce = Nonce::parse("9000000830710428").unwrap();
    serde_json::to_value(TokenRequest::sign(&key, &params, Timestamp::from_millis(NOW), nonce).unwrap()).unwrap()
}

/// Returns the kind and the problems of a token request with one field changed.
fn changed(name: &str, value: impl Into<Value>) -> Vec<String> {
    let mut request = signed();
    request[name] = value.into();
    let report = report(&request.to_string());
    assert_eq!(report.kind, Kind::TokenRequest);
    report.problems
}

#[test]
fn each_kind_is_recognized() {
    let details = json!({ "token": NATIVE, "issued": NOW, "expires": NOW + 1000 }).to_string();
    for (text, kind) in [
        (KEY, Kind::Key),
        (KEY_NAME, Kind::KeyName),
        (NATIVE, Kind::Token),
        (&minted(), Kind::Jwt),
        (&signed().to_string(), Kind::TokenRequest),
        (&details, Kind::TokenDetails),
        (r#"{"chat":["publish"]}"#, Kind::Capability),
        ("hello", Kind::Unknown),
        ("", Kind::Unknown),
    ] {
        let report = report(text);
        assert_eq!(report.kind, kind, "{text}");
        assert_eq!(report.problems.is_empty(), kind != Kind::Unknown, "{text} {:?}", report.problems);
    }
}

#[test]
fn headers_quotes_and_white_space_are_accepted() {
    let jwt = minted();
    for text in [
        format!("  {jwt}\n"),
        format!("Bearer {jwt}"),
        format!("authorization: bearer {jwt}\r\n"),
        format!("\"Authorization: Bearer {jwt}\""),
        format!("'{jwt}'"),
        format!("“{jwt}”"),
        bearer(&base64(&jwt)),
    ] {
        assert_eq!(report(&text).kind, Kind::Jwt, "{text}");
    }
    for text in [basic(KEY), format!("Authorization: {}", basic(KEY)), base64(KEY)] {
        let report = report(&text);
        assert_eq!((report.kind, report.problems.len()), (Kind::Key, 0), "{text}");
        assert_eq!(report.members()["keyName"], KEY_NAME);
    }
    let capability = r#"{"chat":["publish"]}"#;
    assert_eq!(report(&Value::from(capability).to_string()).capability.as_deref(), Some(capability));
}

#[test]
fn credential_in_url_is_found() {
    let key = KEY.replace(':', "%3A");
    for url in [
        format!("https://rest.ably.io/time?key={key}&v=3"),
        format!("wss://realtime.ably.io/?v=3&key={KEY}#x"),
        format!("GET /keys?key={KEY} HTTP/1.1"),
    ] {
        assert_eq!((report(&url).kind, report(&url).problems.len()), (Kind::Key, 0), "{url}");
    }
    assert_eq!(report(&format!("wss://realtime.ably.io/?accessToken={}&v=3", minted())).kind, Kind::Jwt);
    assert_eq!(report("https://ably.com/?q=%zz%").kind, Kind::Unknown);
}

#[test]
fn absent_capability_means_all_rights_of_key() {
    let all = |report: &Report| report.facts.iter().any(|fact| fact.value.starts_with("all rights of the key"));
    let mut request = signed();
    assert!(!all(&report(&request.to_string())) && !all(&report(&minted())));
    request["capability"] = json!({ "chat": KEY }).to_string().into();
    assert!(!all(&report(&request.to_string())));
    request.as_object_mut().unwrap().remove("capability");
    assert!(all(&report(&request.to_string())));
}

#[test]
fn jwt_has_life_capability_and_matrix() {
    let report = report(&minted());
    let life = report.life.unwrap();
    assert_eq!((life.state, life.millis()), (LifeState::Valid, 3_600_000));
    assert_eq!(report.capability.as_deref(), Some(r#"{"chat":["publish"]}"#));
    assert_eq!(report.matrix.as_ref().unwrap().rows[0].resource, "chat");
    assert!(report.asks("chat", "publish").unwrap().permitted);
    let answer = report.asks("chat", "history").unwrap();
    assert_eq!(answer.explanation, "`history` on `chat` is not permitted: `chat` covers it, but has only `publish`");
}

#[test]
fn json_has_the_form_that_pages_read() {
    let mut report = report(KEY_NAME);
    report.verdict = Some(Verdict::accepted());
    let expected = json!({
        "kind": "keyName", "title": "name of an API key",
        "facts": [
            { "name": "keyName", "label": "key name", "value": KEY_NAME },
            { "name": "appId", "label": "app id", "value": "I2E_JQ" },
            { "name": "keyId", "label": "key id", "value": "OqUdfg" },
            { "name": "secret", "label": "secret", "value": "not given; a key has the form `appId.keyId:secret`" },
        ],
        "life": null, "capability": null, "matrix": null, "problems": [],
        "verdict": { "accepted": true, "code": null, "reason": null },
    });
    assert_eq!(serde_json::to_value(report).unwrap(), expected);
}

#[test]
fn life_is_in_milliseconds() {
    let life = serde_json::to_value(report(&minted()).life).unwrap();
    let issued = NOW / 1000 * 1000;
    let expected = json!({
        "issued": issued, "expires": issued + 3_600_000, "renewAt": issued + 3_300_000, "now": NOW, "state": "valid",
    });
    assert_eq!(life, expected);
}

#[test]
fn malformed_jwt_is_read_with_its_problems() {
    let header = base64url(r#"{"alg":"HS512","kid":"app.key:a-secret-of-the-shop"}"#);
    let payload = base64url(r#"{"iat":1449746287318,"exp":1449749887,"x-ably-clientid":"bob"}"#);
    let report = report(&format!("{header}.{payload}.{}", base64url([0; 32])));
    let problems = report.problems.join("\n");
    for part in
        ["`alg` is \"HS512\"", "`kid` is not the name of a key", "`iat` is in milliseconds", "`x-ably-clientId`"]
    {
        assert!(problems.contains(part), "{part}: {problems}");
    }
    assert!(report.facts.iter().any(|fact| fact.value == "kid = app.key:[redacted]"), "{:?}", report.facts);
}

#[test]
fn encoding_of_signature_is_named() {
    let jwt = minted();
    let (signed, _) = jwt.rsplit_once('.').unwrap();
    let report = report(&format!("{signed}.{}", "0aF9".repeat(16)));
    assert_eq!(report.problems, ["its signature is in hexadecimal; encode its 32 bytes in base64url"]);
}

#[test]
fn text_in_the_place_of_a_credential_is_named() {
    for (text, said) in
        [("undefined", "`undefined`"), ("NULL", "`null`"), ("[object Object]", "`[object Object]`"), ("<html>", "HTML")]
    {
        let report = report(text);
        assert_eq!((report.kind, report.problems.len()), (Kind::Unknown, 1), "{text}");
        assert!(report.problems[0].contains(said), "{:?}", report.problems);
    }
}

#[test]
fn wrong_scheme_is_named() {
    assert!(report(&bearer(KEY)).problems[0].contains("it is a key; send it with `Basic`"));
    assert!(report(&format!("Basic {KEY}")).problems[0].contains("the key is not in base64"));
    assert!(report(&format!("Basic {}", minted())).problems[0].contains("it is a token; send it with `Bearer`"));
}

#[test]
fn invalid_characters_are_named_and_the_rest_is_read() {
    let jwt = minted();
    let (start, end) = jwt.split_at(20);
    let report = report(&format!("{start}\n{end}"));
    assert_eq!(report.kind, Kind::Jwt);
    assert_eq!(report.problems, ["it has a line break (byte 20), which a header cannot carry; remove it"]);
    let report = self::report("app.key:sec\u{200b}ret");
    assert_eq!((report.kind, report.problems.len()), (Kind::Key, 1));
    assert!(report.problems[0].contains("U+200B (byte 11)"), "{:?}", report.problems);
}

#[test]
fn faulty_fields_of_token_request_are_named() {
    for (name, value, problem) in [
        ("keyName", json!("app.key:secret"), "without the secret"),
        ("ttl", json!(3600), "`ttl` is 3600 milliseconds; write 3600000 if you mean 3600 seconds"),
        ("ttl", json!("1h"), "not a whole number"),
        ("ttl", json!(90_000_000), "`ttl`: "),
        ("timestamp", json!(NOW / 1000), "`timestamp` is in seconds"),
        ("timestamp", json!(NOW - 180_000), "`timestamp` is 180 s behind the clock here"),
        ("timestamp", json!(NOW + 180_000), "180 s ahead of"),
        ("timestamp", json!(null), "`timestamp` is missing"),
        ("nonce", json!("short"), "`nonce`: "),
        ("nonce", json!(null), "`nonce` is missing"),
        ("mac", json!("AAAA"), "`mac`: "),
        ("mac", json!(null), "`mac` is missing"),
        ("capability", json!({ "chat": ["publish"] }), "`capability` is not a string"),
        ("capability", json!(r#"{"chat":["pubish"]}"#), "unknown operation `pubish`"),
        ("capability", json!("{}"), "permits nothing"),
        ("clientId", json!(7), "it is not the JSON of a token request"),
        ("clientid", json!("bob"), "unknown field `clientid`; did you mean `clientId`?"),
    ] {
        let problems = changed(name, value.clone());
        assert!(problems.iter().any(|found| found.contains(problem)), "{name} {value}: {problems:?}");
    }
    assert_eq!(changed("later", 1), Vec::<String>::new());
}

#[test]
fn malformed_json_is_named_by_its_kind() {
    for (text, kind) in [
        (r#"{"keyName":"app.key","mac":"AAAA""#, Kind::TokenRequest),
        (r#"{"token":"app.secret""#, Kind::TokenDetails),
        (r#"{"chat":["publish"}"#, Kind::Capability),
        ("[1]", Kind::Capability),
    ] {
        let report = report(text);
        assert_eq!((report.kind, report.problems.len()), (kind, 1), "{text} {:?}", report.problems);
    }
}

#[test]
fn problems_of_jwt_in_token_details_are_listed() {
    let header = base64url(r#"{"alg":"HS256"}"#);
    let token = format!("{header}.{}.{}", base64url(r#"{"iat":1,"exp":2}"#), base64url([0; 32]));
    let report = report(&json!({ "token": token }).to_string());
    assert_eq!(report.problems, ["JWT in `token`: `kid` is missing; write the name of the key, `appId.keyId`"]);
}

#[test]
fn long_text_is_refused() {
    let long = "a".repeat(MAX_BYTES + 1);
    assert_eq!((report(&long).kind, report(&long).problems.len()), (Kind::Unknown, 1));
    assert!(report(&long).problems[0].contains("65537 bytes"));
    assert!(!report(&long[1..]).problems[0].contains("bytes"));
}

#[test]
fn unknown_text_says_what_was_tried() {
    let report = report("hello world");
    let tried: Vec<_> =
        report.facts.iter().filter(|fact| fact.name == "tried").map(|fact| fact.label.as_str()).collect();
    assert_eq!(tried, ["not a key", "not a key name", "not a JWT", "not a token", "not JSON"]);
}
