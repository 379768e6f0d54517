//! Tests of the Control API: apps and keys that are created and changed at run time.

use ably_auth_core::Token;
use ably_auth_server::{ControlToken, ErrorKind, Service};
use http::Request;
use serde_json::{Value, json};

use crate::support::*;

const KEYS: &str = "/v1/apps/app1/keys";

fn send(world: &World, method: &str, path: &str, body: &Value) -> Answer {
    let request = Request::builder().method(method).uri(path).header("Authorization", format!("Bearer {CONTROL}"));
    world.send(request, if body.is_null() { String::new() } else { body.to_string() })
}

/// Returns the status and the code, and checks the other fields of an error of the Control API.
fn code(answer: &Answer) -> (u16, u64) {
    if answer.status < 400 {
        return (answer.status, 0);
    }
    let error = answer.json();
    let code = error["code"].as_u64().unwrap();
    assert_eq!(error["statusCode"], answer.status);
    assert_eq!(error["href"], format!("https://help.ably.io/error/{code}"));
    assert!(!error["message"].as_str().unwrap().is_empty() && error.get("error").is_none(), "{error}");
    assert_eq!(answer.header("x-ably-errorcode"), code.to_string());
    assert!(!answer.text().contains(SECRET) && !answer.text().contains(CONTROL));
    (answer.status, code)
}

fn create(world: &World, body: &Value) -> Value {
    let answer = send(world, "POST", KEYS, body);
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

fn usable(world: &World, key: &Value) -> (u16, u64) {
    world.get("/channels/chat", &basic_of(key["key"].as_str().unwrap())).code()
}

#[test]
fn created_key_works_at_once() {
    let world = World::new();
    let key = create(&world, &json!({ "name": "Kitchen", "capability": { "chat": ["*"], "a:*": ["publish"] } }));
    let id = key["id"].as_str().unwrap();
    assert!(key["key"].as_str().unwrap().starts_with(&format!("app1.{id}:")));
    let expected = json!({
        "appId": "app1", "id": id, "name": "Kitchen", "status": 0, "key": key["key"],
        "capability": { "a:*": ["publish"], "chat": ["*"] }, "revocableTokens": false, "created": NOW, "modified": NOW,
    });
    assert_eq!(key, expected);
    assert_eq!(usable(&world, &key), (200, 0));
    let credential = basic_of(key["key"].as_str().unwrap());
    assert_eq!(world.get("/channels/other", &credential).code(), (401, 40160));
    assert_eq!(world.get("/channels/chat", &basic(KEY)).code(), (200, 0), "other keys are unchanged");
    let revocable = create(&world, &json!({ "name": "r", "capability": { "*": ["*"] }, "revocableTokens": true }));
    assert_eq!(revocable["revocableTokens"], true);
}

#[test]
fn all_keys_are_listed() {
    let world = World::new();
    world.set(NOW + 5);
    let made = create(&world, &json!({ "name": "new", "capability": { "*": ["*"] } }));
    let listed = send(&world, "GET", KEYS, &Value::Null).json();
    let listed = listed.as_array().unwrap();
    let ids: Vec<_> = listed.iter().map(|key| key["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["key1", "revocable", "limited", "revoked", "expiring", made["id"].as_str().unwrap()]);
    let mut made = made;
    made.as_object_mut().unwrap().remove("key");
    assert_eq!(listed[5], made);
    assert_eq!((&listed[0]["created"], &listed[0]["name"]), (&json!(NOW), &json!("key1")));
    assert_eq!(listed[2]["capability"], json!({ "chat:*": ["publish", "subscribe"], "status": ["history"] }));
    assert_eq!(listed[3]["status"], 1);
    assert_eq!(send(&world, "HEAD", KEYS, &Value::Null).status, 200);
}

#[test]
fn apps_of_account_are_listed_by_id() {
    let world = World::new();
    let list = |account: &str| send(&world, "GET", &format!("/v1/accounts/{account}/apps"), &Value::Null).json();
    let expected = json!({ "id": "app1", "accountId": "local", "name": "app1", "status": "enabled", "tlsOnly": false,
                       "created": NOW, "modified": NOW });
    assert!(list("local").as_array().unwrap().contains(&expected), "{}", list("local"));
    world.set(NOW + 5);
    let create = |name: &str| send(&world, "POST", "/v1/accounts/mine/apps", &json!({ "name": name })).json();
    let mut made = [create("Shop"), create("Bar"), create("Zoo")];
    assert_eq!((&made[0]["name"], &made[0]["created"]), (&json!("Shop"), &json!(NOW + 5)));
    made.sort_by_key(|app| app["id"].to_string());
    assert_eq!(list("mine"), json!(made));
    assert_eq!(list("nobody"), json!([]));
    assert_eq!(send(&world, "HEAD", "/v1/accounts/mine/apps", &Value::Null).status, 200);
}

#[test]
fn deleted_app_ends_its_keys_and_tokens() {
    let world = World::new();
    let app = send(&world, "POST", "/v1/accounts/mine/apps", &json!({ "name": "Shop" })).json();
    let path = format!("/v1/apps/{}", app["id"].as_str().unwrap());
    let new = json!({ "name": "n", "capability": { "*": ["*"] } });
    let key = send(&world, "POST", &format!("{path}/keys"), &new).json();
    let token = world.token(KEY, &params());
    assert_eq!((usable(&world, &key), world.accepts(&token).code()), ((200, 0), (200, 0)));

    let deleted = send(&world, "DELETE", &path, &Value::Null);
    assert_eq!((deleted.status, deleted.text()), (204, String::new()));
    assert_eq!(send(&world, "GET", "/v1/accounts/mine/apps", &Value::Null).json(), json!([]));
    assert_eq!(usable(&world, &key).0, 404);
    assert_eq!(code(&send(&world, "DELETE", &path, &Value::Null)), (404, 40400));
    assert_eq!(world.accepts(&token).code(), (200, 0), "other apps are unchanged");
    // Delete an app of the configuration.
    assert_eq!(send(&world, "DELETE", "/v1/apps/app1", &Value::Null).status, 204);
    assert_ne!(world.accepts(&token).status, 200);
}

#[test]
fn key_change_spares_issued_tokens() {
    let world = World::new();
    let key = create(&world, &json!({ "name": "one", "capability": { "chat": ["*"] } }));
    let name = format!("app1.{}", key["id"].as_str().unwrap());
    let credential = basic_of(key["key"].as_str().unwrap());
    let token = world
        .post(&format!("/keys/{name}/requestToken"), &credential, &json!({ "keyName": name, "timestamp": NOW }))
        .json();
    let token = format!("Bearer {}", token["token"].as_str().unwrap());
    let path = format!("{KEYS}/{}", key["id"].as_str().unwrap());

    world.set(NOW + 7);
    let changed = send(&world, "PATCH", &path, &json!({ "capability": { "other": ["*"] } }));
    assert_eq!(changed.status, 200);
    let changed = changed.json();
    assert_eq!((&changed["name"], changed.get("key")), (&json!("one"), None));
    assert_eq!((&changed["created"], &changed["modified"]), (&json!(NOW), &json!(NOW + 7)));
    assert_eq!(changed["capability"], json!({ "other": ["*"] }));
    assert_eq!(usable(&world, &key), (401, 40160));
    assert_eq!(world.get("/channels/other", &credential).code(), (200, 0));
    assert_eq!(world.get("/channels/chat", &token).code(), (200, 0));

    let renamed = send(&world, "PATCH", &path, &json!({ "name": "two", "revocableTokens": true })).json();
    assert_eq!((&renamed["name"], &renamed["revocableTokens"]), (&json!("two"), &json!(true)));
    assert_eq!(renamed["capability"], json!({ "other": ["*"] }));
    let targets = json!({ "targets": ["channel:chat"] });
    assert_eq!(world.post(&format!("/keys/{name}/revokeTokens"), &credential, &targets).status, 201);
    assert_eq!(world.get("/channels/chat", &token).code(), (401, 40141));
}

#[test]
fn revocation_lasts_until_older_tokens_expire() {
    let world = World::new();
    let token = world.token(KEY, &of("bob").ttl(ttl(24 * HOUR)));
    send(&world, "PATCH", &format!("{KEYS}/key1"), &json!({ "revocableTokens": true }));
    let revoke = |target: &str| {
        let path = format!("/keys/{KEY}/revokeTokens");
        assert_eq!(world.post(&path, &basic(KEY), &json!({ "targets": [target] })).status, 201);
    };
    revoke("clientId:bob");
    world.set(NOW + 24 * HOUR - 1);
    revoke("clientId:alice");
    assert_eq!(world.accepts(&token).code(), (401, 40141));
}

#[test]
fn revoked_key_and_its_tokens_are_refused() {
    let world = World::new();
    let native = world.token(KEY, &params());
    let minted = format!("Bearer {}", jwt(KEY, 60, &json!({})));
    let answer = send(&world, "POST", &format!("{KEYS}/key1/revoke"), &Value::Null);
    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!(1)));
    assert_eq!(world.get("/stats", &basic(KEY)).code(), (401, 40131));
    assert_eq!(world.exchange(&world.sign(KEY, &params())).code(), (401, 40131));
    assert_eq!(world.accepts(&native).code(), (401, 40141));
    assert_eq!(world.get("/stats", &minted).code(), (401, 40141));
    assert_eq!(world.get("/stats", &basic(REVOCABLE)).code(), (200, 0));
    let again = send(&world, "PATCH", &format!("{KEYS}/key1"), &json!({ "name": "still revoked" })).json();
    assert_eq!(again["status"], 1);
}

#[test]
fn created_app_gets_keys() {
    let world = World::new();
    let answer = send(&world, "POST", "/v1/accounts/acc-1/apps", &json!({ "name": "Shop" }));
    assert_eq!(answer.status, 201);
    let app = answer.json();
    let id = app["id"].as_str().unwrap();
    let expected = json!({
        "id": id, "accountId": "acc-1", "name": "Shop", "status": "enabled", "tlsOnly": false, "created": NOW,
        "modified": NOW,
    });
    assert_eq!(app, expected);
    let keys = format!("/v1/apps/{id}/keys");
    assert_eq!(send(&world, "GET", &keys, &Value::Null).json(), json!([]));
    let key = send(&world, "POST", &keys, &json!({ "name": "k", "capability": { "*": ["*"] } })).json();
    assert_eq!(usable(&world, &key), (200, 0));
}

#[test]
fn invalid_request_gets_control_api_error() {
    let world = World::new();
    let full = json!({ "name": "n", "capability": { "*": ["*"] } });
    let key = format!("{KEYS}/key1");
    let cases = [
        ("POST", KEYS, json!({ "capability": { "*": ["*"] } }), (400, 40001)),
        ("POST", KEYS, json!({ "name": "n" }), (400, 40001)),
        ("POST", KEYS, json!({ "name": "n", "capability": r#"{"*":["*"]}"# }), (400, 40001)),
        ("POST", KEYS, json!({ "name": "n", "capability": { "*": "*" } }), (400, 40001)),
        ("POST", KEYS, json!({ "name": "n", "capability": { "*": [] } }), (400, 40000)),
        ("POST", KEYS, json!({ "name": "n", "capability": { "*": ["fly"] } }), (400, 40000)),
        ("POST", KEYS, json!({ "name": "n", "capability": { "*": ["*"] }, "colour": "red" }), (400, 40001)),
        ("POST", KEYS, json!({ "name": "", "capability": { "*": ["*"] } }), (400, 40000)),
        ("POST", KEYS, json!({ "name": "a\nb", "capability": { "*": ["*"] } }), (400, 40000)),
        ("POST", KEYS, json!([]), (400, 40001)),
        ("POST", KEYS, Value::Null, (400, 40001)),
        ("POST", "/v1/apps/app9/keys", full.clone(), (404, 40400)),
        ("GET", "/v1/apps/app9/keys", Value::Null, (404, 40400)),
        ("PATCH", &key, json!({ "status": 0 }), (400, 40001)),
        ("PATCH", &key, json!({ "revocableTokens": "yes" }), (400, 40001)),
        ("PATCH", &key, json!({ "capability": { "[x": ["*"] } }), (400, 40000)),
        ("PATCH", "/v1/apps/app1/keys/key9", json!({}), (404, 40400)),
        ("POST", "/v1/apps/app1/keys/key9/revoke", json!({}), (404, 40400)),
        ("DELETE", &key, Value::Null, (405, 40500)),
        ("PATCH", "/v1/accounts/a/apps", Value::Null, (405, 40500)),
        ("GET", "/v1/apps/app1", Value::Null, (405, 40500)),
        ("DELETE", "/v1/apps/app9", Value::Null, (404, 40400)),
        ("POST", "/v1/accounts/a/apps", json!({ "name": "n", "tlsOnly": true }), (400, 40000)),
        ("POST", "/v1/accounts/a/apps", json!({ "name": "n", "status": "disabled" }), (400, 40000)),
        ("POST", "/v1/accounts/a/apps", json!({ "title": "n" }), (400, 40001)),
        ("GET", "/v1/", Value::Null, (404, 40400)),
        ("GET", "/v1/apps/app1/keys/key1/revoke/more", Value::Null, (404, 40400)),
        ("GET", "/v1/apps/%FF/keys", Value::Null, (400, 40000)),
    ];
    for (method, path, body, expected) in cases {
        assert_eq!(code(&send(&world, method, path, &body)), expected, "{method} {path} {body}");
    }
    let twice = Request::post(KEYS).header("Authorization", format!("Bearer {CONTROL}"));
    let twice = world.send(twice, r#"{"name":"n","capability":{"a":["*"],"a":["publish"]}}"#);
    assert_eq!(code(&twice), (400, 40000), "the resource is repeated");
    let long = Request::post(KEYS).header("Authorization", format!("Bearer {CONTROL}"));
    assert_eq!(code(&world.send(long, vec![b' '; 64 * 1024 + 1])), (413, 40009));
    assert_eq!(send(&world, "GET", KEYS, &Value::Null).json().as_array().unwrap().len(), 5, "no key was created");
}

#[test]
fn only_access_token_opens_control_api() {
    let world = World::new();
    let token = world.token(KEY, &params());
    let ask = |credential: &str| code(&world.get(KEYS, credential));
    for credential in [
        bearer(&token),
        basic(KEY),
        format!("Basic {CONTROL}"),
        format!("Bearer {CONTROL}x"),
        format!("Bearer {}", &CONTROL[1..]),
        "Bearer".into(),
        "Bearer ".into(),
        CONTROL.into(),
    ] {
        assert_eq!(ask(&credential), (401, 40101), "{credential}");
    }
    assert_eq!(code(&world.send(Request::get(KEYS), "")), (401, 40101));
    assert_eq!(code(&world.send(Request::get(format!("{KEYS}?access_token={CONTROL}")), "")), (401, 40101));
    assert_eq!(ask(&format!("bearer {CONTROL}")), (200, 0));
    assert_eq!(
        world.get("/stats", &format!("Bearer {CONTROL}")).code(),
        (401, 40145),
        "the access token is not an Ably token"
    );
    let closed = Service::builder().apps(apps()).sandbox(true).build().unwrap();
    let request = Request::get(KEYS).header("Authorization", format!("Bearer {CONTROL}"));
    assert_eq!(answer(&closed, request, "").code(), (404, 40400));
}

#[test]
fn control_api_without_tls_is_refused() {
    let world = World::without_sandbox();
    let ask = |uri: &str| code(&send(&world, "GET", uri, &Value::Null));
    assert_eq!(ask(KEYS), (401, 40103));
    assert_eq!(
        ask(&format!("https://control.example{KEYS}")),
        (200, 0),
        "a TLS terminator in front of the service sets the scheme"
    );
    assert_eq!(ask(&format!("http://control.example{KEYS}")), (401, 40103));
}

#[test]
fn secrets_are_returned_only_on_request() {
    let world = World::new();
    let key1 = format!("{KEYS}/key1");
    let revoke = format!("{key1}/revoke");
    for (method, path, body) in
        [("GET", KEYS, Value::Null), ("PATCH", &key1, json!({ "name": "n" })), ("POST", &revoke, Value::Null)]
    {
        for query in ["", "?secrets=false"] {
            let answer = send(&world, method, &format!("{path}{query}"), &body);
            assert_eq!(answer.status, 200);
            assert!(!answer.text().contains(SECRET), "{method} {path}{query}");
        }
        let answer = send(&world, method, &format!("{path}?secrets=true"), &body);
        assert!(answer.text().contains(&format!("{KEY}:{SECRET}")), "{method} {path}");
        assert_eq!(code(&send(&world, method, &format!("{path}?secrets=yes"), &body)), (400, 40000));
    }
}

fn with_tokens(tokens: impl IntoIterator<Item = ControlToken>) -> Result<Service, ably_auth_server::Error> {
    Service::builder().apps(apps()).sandbox(true).control_tokens(tokens).build()
}

fn named(name: &str, token: &str) -> ControlToken {
    ControlToken::new(name, Token::new(token).unwrap()).unwrap()
}

#[test]
fn each_control_token_opens_control_api() {
    let tokens = ["an-access-token-of-june", "an-access-token-of-july", "an-access-token-of-may"];
    let service = with_tokens(tokens.map(|token| named(token.rsplit('-').next().unwrap(), token))).unwrap();
    let ask = |token: &str| {
        code(&answer(&service, Request::get(KEYS).header("Authorization", format!("Bearer {token}")), ""))
    };
    for token in tokens {
        assert_eq!(ask(token), (200, 0));
    }
    assert_eq!(ask("an-access-token-of-jun"), (401, 40101));
    assert_eq!(ask("june"), (401, 40101), "the name is no credential");
    let closed = with_tokens([]).unwrap();
    assert_eq!(answer(&closed, Request::get(KEYS).header("Authorization", "Bearer x"), "").code(), (404, 40400));
}

#[test]
fn read_only_token_reads_no_secret_and_changes_nothing() {
    let token = "a-read-only-access-token";
    let service = with_tokens([named("reader", token).read_only(true)]).unwrap();
    let ask = |method: &str, path: &str, body: &str| {
        let request = Request::builder().method(method).uri(path).header("Authorization", format!("Bearer {token}"));
        answer(&service, request, body.to_owned())
    };
    let before = ask("GET", KEYS, "");
    assert_eq!((before.status, before.text().contains(SECRET)), (200, false));
    assert_eq!(ask("HEAD", KEYS, "").status, 200);
    assert_eq!(code(&ask("GET", &format!("{KEYS}?secrets=true"), "")), (403, 40300));
    let new = r#"{"name":"n","capability":{"*":["*"]}}"#;
    for (method, path, body) in [
        ("POST", KEYS, new),
        ("POST", "/v1/accounts/a/apps", r#"{"name":"n"}"#),
        ("PATCH", "/v1/apps/app1/keys/key1", r#"{"name":"n"}"#),
        ("POST", "/v1/apps/app1/keys/key1/revoke", ""),
    ] {
        let answer = ask(method, path, body);
        assert_eq!(code(&answer), (403, 40300), "{method} {path}");
        assert!(answer.text().contains("read-only"), "{}", answer.text());
    }
    assert_eq!(ask("GET", KEYS, "").text(), before.text());
}

#[test]
fn invalid_control_token_is_refused_unquoted() {
    let (one, other) = ("hush-an-access-token", "hush-another-access-token");
    for name in ["", "a b", "a\nb", "\u{e4}", &"n".repeat(31), &"0123456789abcdef".repeat(2)] {
        let error = ControlToken::new(name, Token::new(one).unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ControlToken, "{name:?}");
        assert!(!error.to_string().contains("hush"), "{error}");
    }
    let short = ControlToken::new("short", Token::new("hush").unwrap()).unwrap_err();
    assert!(short.to_string().contains("too short") && !short.to_string().contains("hush"), "{short}");
    for (tokens, said) in [
        (vec![named("a", one), named("a", other)], "name is used twice"),
        (vec![named("a", one), named("b", one)], "same token"),
        ((0..65).map(|nth| named(&format!("n{nth}"), &format!("{one}-{nth}"))).collect(), "at most 64"),
    ] {
        let error = with_tokens(tokens).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ControlToken);
        assert!(error.to_string().contains(said) && !error.to_string().contains("hush"), "{error}");
    }
    assert!(!format!("{:?}", named("a", one)).contains("hush"));
}

#[test]
fn short_access_token_is_refused() {
    let with = |text: &str| Service::builder().control_token(Token::new(text).unwrap()).build();
    assert_eq!(with("fifteen-letters").unwrap_err().kind(), ErrorKind::ControlToken);
    let service = with("sixteen-letters!").unwrap();
    assert!(!format!("{service:?}").contains("sixteen"));
    let builder = Service::builder().control_token(Token::new("sixteen-letters!").unwrap());
    assert!(!format!("{builder:?}").contains("sixteen"));
}

#[test]
fn app_has_at_most_1000_keys() {
    let world = World::new();
    let body = json!({ "name": "n", "capability": { "*": ["*"] } });
    let made = (0..1_000).filter(|_| send(&world, "POST", KEYS, &body).status == 201).count();
    assert_eq!(made, 995, "the configuration has five keys");
    assert_eq!(code(&send(&world, "POST", KEYS, &body)), (429, 42910));
}
