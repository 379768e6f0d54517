//! Tests of the story of each request: the checks that it passed, the one that it failed, and why.

use ably_auth_core::TokenParams;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::*;

/// Returns the story of the newest request.
fn story(world: &World) -> Value {
    let rows = get(world, "log")["rows"].clone();
    get(world, &format!("log/{}", rows.as_array().unwrap().last().unwrap()["seq"]))
}

fn checks(story: &Value, result: &str) -> Vec<String> {
    let checks = story["checks"].as_array().unwrap().iter().filter(|check| check["result"] == result);
    checks.map(|check| check["id"].as_str().unwrap().to_owned()).collect()
}

fn failed(story: &Value) -> String {
    let failed = checks(story, "failed");
    assert_eq!(failed.len(), 1, "{story}");
    failed[0].clone()
}

fn cause(explanation: &Value) -> (&str, bool) {
    let cause = &explanation["cause"];
    (cause["title"].as_str().unwrap(), cause["isCertain"].as_bool().unwrap())
}

/// Exchanges a token request after `change` to its signed fields.
fn exchange_changed(world: &World, params: &TokenParams, change: impl FnOnce(&mut Value)) -> Value {
    let mut request = serde_json::to_value(world.sign(KEY, params)).unwrap();
    change(&mut request);
    let _ = world.send(with_json(Request::post(format!("/keys/{KEY}/requestToken"))), request.to_string());
    story(world)
}

fn request_with(world: &World, credential: &str) -> Value {
    let _ = world.post("/channels/chat/messages", credential, &json!({ "name": "a" }));
    story(world)
}

fn request_with_jwt(world: &World, jwt: &str) -> Value {
    request_with(world, &format!("Bearer {jwt}"))
}

#[test]
fn granted_exchange_has_passed_all_checks() {
    let world = world();
    let _ = world.token(LIMITED, &of("bob").capability(r#"{"chat:1":["publish"],"other":["publish"]}"#));
    let story = story(&world);
    let expected = ["accepted", "keyKnown", "sameKey", "mac", "keyInForce", "rate", "timestamp", "nonce", "grant"];
    assert_eq!(checks(&story, "passed"), expected);
    assert_eq!((&story["row"]["clientId"], &story["row"]["key"]), (&json!("bob"), &json!(LIMITED)));
    assert_eq!(story["issued"]["capability"], r#"{"chat:1":["publish"]}"#);
    assert_eq!(story["issued"]["life"]["expires"], NOW + HOUR);
    let rows = story["matrix"]["matrix"]["rows"].as_array().unwrap();
    let marks = |resource: &str| rows.iter().find(|row| row["resource"] == resource).unwrap()["marks"].clone();
    assert_eq!(marks("other"), json!(["no", "refused", "no"]), "{story}");
    assert_eq!(marks("chat:1"), json!(["no", "yes", "unrequested"]));
}

/// The checks that a refusal did not reach are those that follow in a granted request.
#[test]
fn checks_not_reached_are_those_of_granted_request() {
    let world = world();
    let token = bearer(&world.token(KEY, &params()));
    let jwt = format!("Bearer {}", jwt(KEY, 60, &json!({})));
    let forged = |credential: &str| format!("{}AAAAAAAA", &credential[..credential.len() - 8]);
    for (credential, wrong) in
        [(basic(KEY), basic_of(&format!("{KEY}:wrong"))), (token.clone(), forged(&token)), (jwt.clone(), forged(&jwt))]
    {
        let granted = checks(&request_with(&world, &credential), "passed");
        let refused = request_with(&world, &wrong);
        let position = |check: &String| granted.iter().position(|granted| granted == check);
        assert!(checks(&refused, "passed").iter().all(|check| position(check).is_some()), "{refused}");
        // The verification of a JWT is one check if it passes, and several steps if it fails.
        let steps = ["claims", "times", "lifetime", "capability"];
        let rest: Vec<_> =
            checks(&refused, "notReached").into_iter().filter(|check| !steps.contains(&check.as_str())).collect();
        assert!(rest.len() >= 4 && granted.ends_with(&rest), "{granted:?} {refused}");
    }
}

#[test]
fn wrong_mac_shows_canonical_text_and_cause() {
    let world = world();
    let story = exchange_changed(&world, &of("bob").ttl(ttl(HOUR)), |request| request["ttl"] = json!(HOUR / 2));
    assert_eq!((failed(&story).as_str(), &story["row"]["clientId"]), ("mac", &json!("bob")));
    assert_eq!(checks(&story, "passed"), ["accepted", "keyKnown", "sameKey"]);
    assert_eq!(checks(&story, "notReached"), ["keyInForce", "rate", "timestamp", "nonce", "grant"]);
    let (title, is_certain) = cause(&story["mac"]);
    assert!(title.to_lowercase().contains("ttl") && is_certain, "{title}");
    let text = story["mac"]["text"].as_str().unwrap();
    assert!(text.starts_with(&format!("{KEY}\n{}\n", HOUR / 2)) && text.ends_with('\n'), "{text}");
    let lines = story["mac"]["lines"].as_array().unwrap();
    assert_eq!((&lines[0]["field"], &lines[1]["field"], lines.len()), (&json!("keyName"), &json!("ttl"), 6));
    let differing: Vec<_> = lines.iter().filter(|line| line["differs"] == true).map(|line| &line["field"]).collect();
    assert!(differing.contains(&&json!("ttl")), "{story}");
}

#[test]
fn mac_of_another_key_is_named() {
    let world = world();
    let mut request = serde_json::to_value(world.sign(LIMITED, &params())).unwrap();
    request["keyName"] = json!(KEY);
    let _ = world.send(with_json(Request::post(format!("/keys/{KEY}/requestToken"))), request.to_string());
    // All keys of the tests have the same secret, so the field that was changed is the cause.
    let story = story(&world);
    assert_eq!(failed(&story), "mac");
    assert!(!cause(&story["mac"]).0.is_empty());
}

#[test]
fn replay_names_first_use_of_nonce() {
    let world = world();
    let request = world.sign(KEY, &params());
    assert_eq!(world.exchange(&request).status, 201);
    world.pass(5_000);
    let _ = world.get("/time", "");
    assert_eq!(world.exchange(&request).status, 401);
    let story = story(&world);
    assert_eq!(failed(&story), "nonce");
    assert_eq!(story["replay"], json!({ "firstUsed": NOW, "seq": 1 }));
}

#[test]
fn nonce_of_refused_grant_counts_as_used() {
    let world = world();
    let request = world.sign(LIMITED, &can(r#"{"nothing":["publish"]}"#));
    for _ in 0..2 {
        let _ = world.send(
            with_json(Request::post(format!("/keys/{LIMITED}/requestToken"))),
            serde_json::to_string(&request).unwrap(),
        );
    }
    assert_eq!(story(&world)["replay"]["seq"], 1);
    assert_eq!(failed(&get(&world, "log/1")), "grant");
}

#[test]
fn time_error_shows_both_clocks() {
    let world = world();
    let request = world.sign(KEY, &params());
    world.pass(10 * MINUTE);
    let _ = world.exchange(&request);
    let story = story(&world);
    assert_eq!(failed(&story), "timestamp");
    let clocks = &story["clocks"];
    assert_eq!((&clocks["sender"]["at"], &clocks["service"]["at"]), (&json!(NOW), &json!(NOW + 10 * MINUTE)));
    assert_eq!((&clocks["differenceMs"], &clocks["allowedMs"]), (&json!(-600_000), &json!(120_000)));
    assert!(story["advice"].as_str().unwrap().contains("set the clock"), "{story}");
}

#[test]
fn jwt_story_names_the_part_that_failed() {
    let header = json!({ "typ": "JWT", "alg": "HS256", "kid": KEY });
    let valid = json!({ "iat": NOW / 1000, "exp": NOW / 1000 + 60 });
    let expired = json!({ "iat": NOW / 1000 - 90, "exp": NOW / 1000 - 30 });
    let with = |member: &str, value: Value| {
        let mut payload = valid.clone();
        payload[member] = value;
        payload
    };
    let decoded_secret = URL_SAFE_NO_PAD.encode("a secret in base64");
    for (jwt, failed_check, member) in [
        (jwt_of(&header, &valid, &decoded_secret), "signature", "signature"),
        (jwt_of(&header, &expired, SECRET), "times", "clocks"),
        (jwt_of(&header, &with("iat", json!(NOW / 1000 + 30)), SECRET), "times", "clocks"),
        (jwt_of(&header, &with("nbf", json!(NOW / 1000 + 30)), SECRET), "times", "clocks"),
        (jwt_of(&header, &with("exp", json!(NOW / 1000 + 90_000)), SECRET), "lifetime", "credential"),
        (jwt_of(&header, &with("iat", json!("now")), SECRET), "claims", "credential"),
        (jwt_of(&header, &with("x-ably-capability", json!({ "chat": ["publish"] })), SECRET), "claims", "credential"),
    ] {
        let world = world();
        let story = request_with_jwt(&world, &jwt);
        assert_eq!(failed(&story), failed_check, "{story}");
        assert!(!story[member].is_null(), "{failed_check}: {story}");
        assert_eq!(story["credential"]["kind"], "jwt");
        assert_eq!(story["row"]["key"], KEY, "the row names the key of the JWT");
        assert!(checks(&story, "passed").starts_with(&["accepted".into(), "credential".into(), "keyKnown".into()]));
        assert!(!story.to_string().contains(jwt.rsplit_once('.').unwrap().1), "the log has no whole token");
    }
}

#[test]
fn right_that_key_lacks_is_explained() {
    let world = world();
    let jwt = jwt(LIMITED, 60, &json!({ "x-ably-capability": r#"{"*":["*"]}"# }));
    let story = request_with_jwt(&world, &jwt);
    assert_eq!(failed(&story), "permitted");
    assert_eq!(cause(&story["signature"]), ("The key lacks this right", true));
    assert!(story["explanation"].as_str().unwrap().contains("`publish` on `chat` is not permitted"), "{story}");
    let refused = story["matrix"]["matrix"]["rows"].as_array().unwrap().iter().find(|row| row["resource"] == "chat");
    assert!(refused.unwrap()["marks"].as_array().unwrap().contains(&json!("refused")), "{story}");
}

#[test]
fn unknown_app_and_key_are_explained_by_those_that_exist() {
    let world = world();
    let with_key = |name: &str| request_with(&world, &basic_of(&format!("{name}:{SECRET}")));
    let story = with_key("appId.keyId");
    assert_eq!(cause(&story["signature"]), ("This sandbox has no such app", false));
    let explanation = story["signature"]["cause"]["explanation"].as_str().unwrap();
    assert!(explanation.starts_with("Its apps are: `app1`, `app2`. "), "{explanation}");
    let story = with_key("app2.missing");
    assert_eq!(cause(&story["signature"]), ("The app has no such key", false));
    assert_eq!(story["signature"]["cause"]["explanation"], format!("Its keys are: `{ELSEWHERE}`, `app2.quoted`."));
}

#[test]
fn wrong_secret_is_explained_without_showing_it() {
    let world = world();
    for (sent, title) in
        [("wrong-secret", "The secret is wrong"), (&SECRET[..SECRET.len() - 3], "The secret is cut off")]
    {
        let story = request_with(&world, &basic_of(&format!("{KEY}:{sent}")));
        assert_eq!(failed(&story), "secret");
        assert_eq!(cause(&story["signature"]).0, title);
        let text = story.to_string();
        assert!(!text.contains(SECRET) && !text.contains("wrong-secret"), "{text}");
    }
}

#[test]
fn refused_tokens_name_their_check() {
    let world = world();
    let token = world.token(KEY, &params());
    let shown = bearer(&token);
    let mut forged = shown.clone();
    forged.replace_range(shown.len() - 8.., "AAAAAAAA");
    assert_eq!(failed(&request_with(&world, &forged)), "sealed");
    assert_eq!(failed(&request_with(&world, "Bearer ")), "credential");
    assert_eq!(failed(&request_with(&world, &basic(REVOKED))), "keyInForce");
    let story = {
        let _ = world.send(Request::post("/channels/chat/messages"), "{}");
        story(&world)
    };
    assert_eq!((failed(&story).as_str(), &story["credential"]), ("credential", &Value::Null));
    world.pass(2 * HOUR);
    let story = request_with(&world, &shown);
    assert_eq!(failed(&story), "notExpired");
    assert!(!story.to_string().contains(token.token().expose()), "the log has no token");
}

#[test]
fn key_in_path_or_body_is_not_logged() {
    let world = world();
    let whole = format!("{KEY}:{SECRET}");
    let _ = world.send(with_json(Request::post(format!("/keys/{whole}/requestToken"))), "{}");
    let _ = exchange_changed(&world, &params(), |request| request["keyName"] = json!(whole));
    let _ = exchange_changed(&world, &params(), |request| request["key"] = json!(whole));
    let _ = world.send(Request::get(format!("/channels?key={whole}x")), "");
    for seq in 1..=4 {
        let text = get(&world, &format!("log/{seq}")).to_string();
        assert!(!text.contains(SECRET), "{text}");
    }
    assert!(!get(&world, "log").to_string().contains(SECRET));
}

/// Requests with a credential in each place where a client can put one.
fn misplaced(credential: &str) -> Vec<(Builder, String)> {
    let encoded = STANDARD.encode(credential);
    let escaped: String = form_urlencoded::byte_serialize(credential.as_bytes()).collect();
    let exchange = |name: &str, value: &str| {
        let body =
            json!({ "keyName": KEY, "timestamp": NOW, "nonce": "a-nonce-of-the-tests", name: value, "mac": "AAAA" });
        (with_json(Request::post(format!("/keys/{KEY}/requestToken"))), body.to_string())
    };
    let capability = json!({ "a": [credential] }).to_string();
    let with_claim = |claims: &Value| format!("Bearer {}", jwt(KEY, 60, claims));
    let publish =
        |credential: String| (Request::post("/channels/a/messages").header("Authorization", credential), "{}".into());
    vec![
        (Request::get(format!("/channels/{credential}/messages")).header("Authorization", basic(KEY)), String::new()),
        (Request::get(format!("/{credential}")), String::new()),
        (Request::get(format!("/keys/{escaped}/requestToken")), String::new()),
        (Request::get(format!("/channels?key={escaped}x&request_id={escaped}")), String::new()),
        (Request::get(format!("/channels?accessToken={escaped}")), String::new()),
        (Request::get("/channels").header("Authorization", credential), String::new()),
        (
            Request::get("/channels/a").header("Authorization", basic(KEY)).header("X-Ably-ClientId", &encoded),
            String::new(),
        ),
        exchange("clientId", credential),
        exchange("nonce", credential),
        exchange("capability", &capability),
        exchange("capability", credential),
        exchange("unknown", credential),
        exchange(credential, "value"),
        publish(with_claim(&json!({ "x-ably-clientId": credential, "x-ably-capability": "{" }))),
        publish(with_claim(&json!({ "x-ably-capability": capability }))),
        publish(with_claim(&json!({ "note": format!("see {credential}"), "deep": { credential: 1 }, "nbf": NOW }))),
        publish(with_claim(&json!({ credential: 1, "exp": 1 }))),
    ]
}

#[test]
fn misplaced_credentials_are_not_logged() {
    let world = world();
    let token = world.token(KEY, &params()).token().expose().to_owned();
    let jwt = jwt(KEY, 60, &json!({}));
    let end = |text: &str| text[text.len() - 20..].to_owned();
    let credentials =
        [(format!("{KEY}:{SECRET}"), SECRET.to_owned()), (token.clone(), end(&token)), (jwt.clone(), end(&jwt))];
    for (credential, secret) in credentials {
        assert_eq!(world.send(Request::delete(api("log")), "").status, 204);
        for (request, body) in misplaced(&credential) {
            let _ = world.send(request, body);
        }
        let log = get(&world, "log");
        let rows = log["rows"].as_array().unwrap();
        assert_eq!(rows.len(), 17, "each request has a row");
        for row in rows {
            assert!(!row.to_string().contains(&secret), "{row}");
            let story = get(&world, &format!("log/{}", row["seq"]));
            assert!(!story.to_string().contains(&secret), "{story}");
        }
    }
}

#[test]
fn large_credentials_are_refused_without_a_story_of_them() {
    let world = world();
    let names: Vec<_> = (0..400).map(|nth| format!("\"*:a:*:{nth}:*:a:*\":[\"publish\"]")).collect();
    let capability = format!("{{{}}}", names.join(","));
    let story = request_with_jwt(&world, &jwt(KEY, 60, &json!({ "x-ably-capability": capability, "exp": 1 })));
    assert_eq!((&story["row"]["key"], &story["credential"]), (&json!(KEY), &Value::Null), "{story}");
    let report = post(&world, "inspect", &json!({ "text": capability })).json()["report"].clone();
    let matrix = &report["matrix"];
    assert_eq!(matrix["rows"].as_array().unwrap().len() as u64 + matrix["rowsLeftOut"].as_u64().unwrap(), 400);
}
