//! Tests of the details of responses that the test suites of Ably's SDKs check.

use std::collections::BTreeSet;

use http::Request;
use serde_json::{Value, json};

use crate::support::*;

fn challenge(answer: &Answer) -> &str {
    assert_eq!(answer.headers.get_all("www-authenticate").iter().count(), 1, "one header line has all challenges");
    answer.header("www-authenticate")
}

#[test]
fn challenge_begins_with_scheme_of_sdks() {
    let world = World::new();
    let expired = jwt(KEY, 0, &json!({ "iat": NOW / 1000 - 60, "exp": NOW / 1000 - 1 }));
    let stale =
        [format!("Bearer {expired}"), "Bearer not.a.jwt".into(), "Bearer app1.x".into(), "Bearer app2.AAAA".into()];
    for credential in stale {
        let answer = world.get("/stats", &credential);
        assert!((40140..40150).contains(&answer.code().1), "{credential}");
        assert!(challenge(&answer).starts_with(r#"x-ably-token realm="ably", stale="true""#), "{}", challenge(&answer));
    }
    let fresh = [basic_of(&format!("{KEY}:wrong")), basic(REVOKED), basic_of("no key"), basic(LIMITED)];
    for credential in fresh {
        let answer = world.get("/stats", &credential);
        assert_eq!(answer.status, 401);
        assert!(
            challenge(&answer).starts_with(r#"x-ably-token realm="ably""#) && !challenge(&answer).contains("stale")
        );
    }
}

#[test]
fn older_paths_of_messages_work() {
    let world = World::new();
    let published = world.post("/channels/chat/publish", &basic(KEY), &json!({ "data": 1 }));
    assert_eq!(published.code(), (201, 0));
    world.post("/channels/chat/publish", &basic(KEY), &json!([{ "data": 2 }, { "data": 3 }]));
    let history = world.get("/channels/chat/history", &basic(KEY));
    assert_eq!(history.json(), world.get("/channels/chat/messages", &basic(KEY)).json());
    assert_eq!(history.json().as_array().unwrap().len(), 3);
    let page = world.get("/channels/chat/history?limit=1", &basic(KEY));
    assert!(links(&page).iter().all(|link| link.starts_with("<./history?")), "{:?}", links(&page));
    let history = bearer(&world.token(KEY, &can(r#"{"chat":["history"]}"#)));
    assert_eq!(world.get("/channels/chat/history", &history).code(), (200, 0));
    assert_eq!(world.post("/channels/chat/publish", &history, &json!({})).code(), (401, 40160));
    assert_eq!(world.get("/channels/chat/publish", &basic(KEY)).code(), (405, 40500));
    assert_eq!(world.post("/channels/chat/history", &basic(KEY), &json!({})).code(), (405, 40500));
}

fn links(answer: &Answer) -> Vec<&str> {
    answer.headers.get_all("link").iter().map(|link| link.to_str().unwrap()).collect()
}

#[test]
fn each_link_has_its_own_header_line() {
    let world = World::new();
    for nth in 0..3 {
        world.set(NOW + nth * MINUTE);
        world.post(&format!("/channels/chat{nth}/messages"), &basic(KEY), &json!({}));
        world.post("/channels/chat/messages", &basic(KEY), &json!({}));
    }
    for path in ["/channels/chat/messages", "/channels", "/stats", "/channels/chat/history"] {
        let name = path.rsplit('/').next().unwrap();
        let answer = world.get(&format!("{path}?limit=1"), &basic(KEY));
        let rels: Vec<_> = links(&answer).iter().map(|link| link.split("; rel=").nth(1).unwrap().to_owned()).collect();
        assert_eq!(rels, [r#""first""#, r#""current""#, r#""next""#], "{path}");
        assert!(links(&answer).iter().all(|link| link.starts_with(&format!("<./{name}?"))), "{path}");
    }
}

#[test]
fn link_has_query_even_if_request_has_none() {
    let world = World::new();
    for path in ["/channels/chat/messages", "/channels", "/stats", "/channels/chat/presence"] {
        let name = path.rsplit('/').next().unwrap();
        let answer = world.get(path, &basic(KEY));
        let expected = ["first", "current"].map(|rel| format!("<./{name}?limit=100>; rel=\"{rel}\""));
        assert_eq!(links(&answer), expected, "{path}");
    }
}

#[test]
fn messages_contain_texts_that_sdks_look_for() {
    let world = World::new();
    for moment in [NOW - HOUR, NOW + HOUR, 1, NOW / 1000] {
        let fields = [("keyName", json!(KEY)), ("timestamp", json!(moment)), ("nonce", json!("sixteen-characters"))];
        let answer = world.send(Request::post(format!("/keys/{KEY}/requestToken")), sign_raw(&fields).to_string());
        assert_eq!(answer.code(), (401, 40104));
        assert!(answer.message().contains("Timestamp not current"), "{}", answer.message());
        assert_eq!(answer.message().contains("it is in seconds"), moment == NOW / 1000, "{}", answer.message());
    }
    let header = json!({ "typ": "JWT", "alg": "HS256", "kid": KEY });
    let payload = json!({ "iat": NOW / 1000, "exp": NOW / 1000 + 60 });
    for secret in ["wrong", "", &SECRET[1..], &SECRET.to_lowercase()] {
        let answer = world.get("/stats", &format!("Bearer {}", jwt_of(&header, &payload, secret)));
        assert_eq!(answer.code(), (401, 40144));
        assert!(answer.message().contains("signature verification failed"), "{}", answer.message());
    }
    for path in ["/nowhere", "/channels/a/nothing", "/keys", "/v1/nothing"] {
        let answer = world.send(Request::get(path), "");
        assert_eq!(answer.status, if path.starts_with("/v1") { 401 } else { 404 }, "{path}");
        assert!(answer.status == 401 || answer.message().contains("Could not find"), "{path}");
    }
}

#[test]
fn get_of_token_request_path_is_not_found() {
    let world = World::new();
    for key in [KEY, "app9.key", "no-key"] {
        for request in
            [Request::get(format!("/keys/{key}/requestToken")), Request::head(format!("/keys/{key}/requestToken"))]
        {
            assert_eq!(world.send(request, "").code(), (404, 40400), "{key}");
        }
        assert_eq!(world.send(Request::delete(format!("/keys/{key}/requestToken")), "").code(), (405, 40500));
        assert_eq!(world.send(Request::get(format!("/keys/{key}/revokeTokens")), "").code(), (405, 40500));
    }
}

#[test]
fn empty_client_id_of_token_request_means_none() {
    let world = World::new();
    let path = format!("/keys/{KEY}/requestToken");
    let ttls = [Value::Null, json!(0), json!(60_000), json!("60000")];
    for (nth, ttl) in ttls.into_iter().enumerate() {
        let mut fields = vec![
            ("keyName", json!(KEY)),
            ("clientId", json!("")),
            ("timestamp", json!(NOW)),
            ("nonce", json!(format!("sixteen-characters-{nth}"))),
        ];
        if !ttl.is_null() && ttl != json!(0) {
            fields.push(("ttl", ttl));
        }
        let answer = world.send(Request::post(&path), sign_raw(&fields).to_string());
        assert_eq!(answer.code(), (201, 0), "{}", answer.text());
        let details: ably_auth_core::TokenDetails = serde_json::from_slice(&answer.body).unwrap();
        assert!(details.client_id().is_none());
        let published = world.post("/channels/chat/messages", &bearer(&details), &json!({ "clientId": "bob" }));
        assert_eq!(published.code(), (400, 40012), "the token has no identity");
    }
    let unsigned = json!({ "keyName": KEY, "clientId": "", "timestamp": NOW });
    assert_eq!(world.post(&path, &basic(KEY), &unsigned).code(), (201, 0));
    let control = [
        ("keyName", json!(KEY)),
        ("clientId", json!("b\tb")),
        ("timestamp", json!(NOW)),
        ("nonce", json!("sixteen-characters-x")),
    ];
    assert_eq!(world.send(Request::post(&path), sign_raw(&control).to_string()).code(), (400, 40012));
}

#[test]
fn unsigned_token_request_requires_timestamp() {
    let world = World::new();
    let post = |body: &Value| world.post(&format!("/keys/{KEY}/requestToken"), &basic(KEY), body).code();
    assert_eq!(post(&json!({ "keyName": KEY })), (400, 40000));
    assert_eq!(post(&json!({ "keyName": KEY, "timestamp": null, "ttl": 1000 })), (400, 40000));
    assert_eq!(post(&json!({ "keyName": KEY, "timestamp": NOW })), (201, 0));
    assert_eq!(post(&json!({ "keyName": KEY, "timestamp": NOW - HOUR })), (401, 40104));
    let by_nobody =
        world.send(Request::post(format!("/keys/{KEY}/requestToken")), json!({ "keyName": KEY }).to_string());
    assert_eq!(by_nobody.code(), (401, 40101), "the missing mac is reported before the missing timestamp");
}

#[test]
fn plain_text_body_is_read_as_json() {
    let world = World::new();
    for content_type in ["text/plain", "text/plain; charset=utf-8", "Text/Plain;charset=UTF-8"] {
        let request = Request::post(format!("/keys/{KEY}/requestToken")).header("Content-Type", content_type);
        let signed = serde_json::to_vec(&world.sign(KEY, &params())).unwrap();
        assert_eq!(world.send(request, signed).code(), (201, 0), "{content_type}");
        let publish = Request::post("/channels/chat/messages").header("Content-Type", content_type);
        let publish = publish.header("Authorization", basic(KEY));
        assert_eq!(world.send(publish, r#"{"data":"x"}"#).code(), (201, 0), "{content_type}");
    }
    for content_type in ["text/html", "text/plainer", "text", "application/x-www-form-urlencoded", "text/json"] {
        let request = Request::post("/channels/chat/messages").header("Content-Type", content_type);
        let answer = world.send(request.header("Authorization", basic(KEY)), "{}");
        assert_eq!(answer.code(), (415, 40001), "{content_type}");
    }
}

#[test]
fn root_lists_endpoints() {
    let answer = World::new().send(Request::get("/"), "");
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/plain; charset=utf-8"));
    for said in
        ["ably-auth", "sandbox", "POST /keys/{keyName}/requestToken", "POST /apps", "Not offered here", "websocket"]
    {
        assert!(answer.text().contains(said), "{said}");
    }
    let as_json = World::without_sandbox().send(Request::get("/").header("Accept", "application/json"), "").json();
    assert_eq!(as_json["sandbox"], false);
    assert!(as_json["served"]["GET /time"].is_string() && as_json["served"]["POST /apps"].is_null());
    assert!(as_json["served"]["GET /channels"].is_string() && as_json["notOffered"].is_string());
    let alone = World::new().with_service(|builder| builder.channels(false));
    assert!(!alone.send(Request::get("/"), "").text().contains("/channels"));
    let msgpack = World::new().send(Request::get("/").header("Accept", "application/x-msgpack"), "");
    assert_eq!(rmp_serde::from_slice::<Value>(&msgpack.body).unwrap()["service"], "ably-auth");
    assert_eq!(World::new().send(Request::post("/"), "{}").code(), (405, 40500));
}

/// Returns the paths in `docs/openapi.yaml` with their methods.
pub(crate) fn described_paths() -> BTreeSet<String> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.yaml")).unwrap();
    let (mut paths, mut path) = (BTreeSet::new(), "");
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("  /").and_then(|name| name.strip_suffix(':')) {
            path = name;
        } else if let Some(method) = line.strip_prefix("    ").and_then(|method| method.strip_suffix(':')) {
            if ["get", "post", "delete", "patch", "put"].contains(&method) && !path.is_empty() {
                paths.insert(format!("{} /{path}", method.to_uppercase()));
            }
        }
    }
    paths
}

#[test]
fn root_lists_all_paths_that_openapi_describes() {
    let as_json = World::new().send(Request::get("/").header("Accept", "application/json"), "").json();
    let listed: BTreeSet<_> = as_json["served"].as_object().unwrap().keys().cloned().collect();
    let mut described = described_paths();
    described.retain(|path| !path.contains(" /v1/") && !path.contains(" /console/"));
    // OpenAPI describes it as an error.
    assert!(described.remove("GET /keys/{keyName}/requestToken"));
    assert_eq!(listed, described);
}

#[test]
fn realtime_is_not_offered() {
    let world = World::new();
    for (path, upgrade) in [("/", "websocket"), ("/?key=a.b:c&v=3", "WebSocket"), ("/channels/chat", "h2c, websocket")]
    {
        let request = Request::get(path).header("Connection", "Upgrade").header("Upgrade", upgrade);
        let answer = world.send(request, "");
        assert_eq!(answer.code(), (404, 40400), "{path}");
        assert!(answer.message().contains("WebSocket is not offered here"), "{}", answer.message());
    }
    for path in ["/push/publish", "/channels/chat/messages/1", "/event-stream?channels=chat", "/comet/connect"] {
        let answer = world.get(path, &basic(KEY));
        assert_eq!(answer.code(), (404, 40400), "{path}");
        assert!(answer.message().contains("not offered here"), "{}", answer.message());
    }
    assert_eq!(world.send(Request::get("/time").header("Upgrade", "h2c"), "").code(), (200, 0));
}
