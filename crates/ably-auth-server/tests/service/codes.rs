//! Every error code that the service returns, each with a request that gets it.
//!
//! Not covered are the codes that only clients report (40106, 40170, 40171, 80019), the codes of features that only Ably has,
//! and 50000, which needs a machine without randomness or memory. The tests of revocations cover 40121, which is the code of a
//! single target.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use http::request::Builder;
use serde_json::{Value, json};

use crate::store::faults;
use crate::support::*;

/// The expected status and code, the request, and its body.
type Case = ((u16, u64), Builder, Value);

fn get(path: &str, credential: &str) -> Builder {
    Request::get(path).header("Authorization", credential)
}

fn post(path: &str, credential: &str) -> Builder {
    Request::post(path).header("Authorization", credential)
}

fn of_requests(world: &World) -> Vec<Case> {
    let key = basic(KEY);
    vec![
        ((400, 40000), post("/channels/chat/messages", &key), json!([])),
        ((400, 40001), post("/channels/chat/messages", &key), json!("hello")),
        ((415, 40001), post("/channels/chat/messages", &key).header("Content-Type", "text/html"), json!({})),
        ((400, 40003), get("/stats?limit=0", &key), Value::Null),
        ((413, 40009), post("/channels/chat/messages", &key), json!({ "data": "x".repeat(64 * 1024) })),
        ((403, 40300), Request::get("/time").header("Origin", "https://elsewhere.example"), Value::Null),
        ((404, 40400), Request::get("/nowhere"), Value::Null),
        ((400, 40010), get("/channels/:x", &key), Value::Null),
        ((400, 40031), post("/channels/chat/messages", &key), json!({ "id": "x".repeat(257) })),
        ((401, 40161), get("/channels/identified:x", &key), Value::Null),
        ((429, 42911), post("/channels/chat/messages", &never_publishing()), json!({})),
        ((405, 40500), Request::delete("/time"), Value::Null),
        ((401, 40102), as_alice(&bearer(&world.token(KEY, &of("bob")))), Value::Null),
        (
            (400, 40012),
            get("/time", &key).uri("/channels/a").header("X-Ably-ClientId", STANDARD.encode("*")),
            Value::Null,
        ),
        ((401, 40160), get("/stats", &basic(LIMITED)), Value::Null),
    ]
}

fn never_publishing() -> String {
    format!("Bearer {}", jwt(KEY, 60, &json!({ "ably.limits.publish.perAttachment.maxRate.*": 0 })))
}

fn as_alice(credential: &str) -> Builder {
    get("/channels/chat", credential).header("X-Ably-ClientId", STANDARD.encode("alice"))
}

fn of_credentials(world: &World) -> Vec<Case> {
    let token = world.token(KEY, &params());
    let foreign = bearer(&token).replace("app1.", "app2.");
    let revoked = revoked_token(world);
    let expired = jwt(KEY, 0, &json!({ "iat": NOW / 1000 - 60, "exp": NOW / 1000 - 1 }));
    let long = jwt(KEY, 25 * 60 * 60, &json!({}));
    let minted = |key_name| format!("Bearer {}", jwt(key_name, 60, &json!({})));
    [
        ((401, 40101), String::new()),
        ((401, 40005), basic_of("no key")),
        ((401, 40101), basic_of(&format!("{KEY}:wrong"))),
        ((401, 40131), basic(REVOKED)),
        ((404, 40400), basic("app9.key1")),
        ((401, 40400), basic("app1.key9")),
        ((401, 40141), revoked),
        ((401, 40142), format!("Bearer {expired}")),
        ((401, 40143), foreign),
        ((401, 40144), "Bearer not.a.jwt".into()),
        ((401, 40145), "Bearer app1.short".into()),
        ((400, 40003), format!("Bearer {long}")),
        ((401, 40141), minted(REVOKED)),
        ((404, 40400), minted("app9.key1")),
        ((401, 40400), minted("app1.key9")),
    ]
    .map(|(code, credential)| {
        let plain = Request::get("/channels/chat");
        (code, if credential.is_empty() { plain } else { plain.header("Authorization", credential) }, Value::Null)
    })
    .into()
}

fn revoked_token(world: &World) -> String {
    let token = world.token(REVOCABLE, &of("mallory"));
    let targets = json!({ "targets": ["clientId:mallory"] });
    world.post(&format!("/keys/{REVOCABLE}/revokeTokens"), &basic(REVOCABLE), &targets);
    bearer(&token)
}

fn of_token_requests(world: &World) -> Vec<Case> {
    let fields = |name: &str, value: Value| {
        let mut fields = vec![
            ("keyName", json!(KEY)),
            ("timestamp", json!(NOW)),
            ("nonce", json!(format!("sixteen-letters-{name}-{value}"))),
        ];
        fields.retain(|(known, _)| *known != name);
        fields
    };
    let signed = |name: &'static str, value: Value| {
        let mut fields = fields(name, value.clone());
        fields.push((name, value));
        sign_raw(&fields)
    };
    let used = serde_json::to_value(world.sign(KEY, &params())).unwrap();
    world.post(&format!("/keys/{KEY}/requestToken"), &basic(KEY), &used);
    let limited = serde_json::to_value(world.sign(LIMITED, &can(r#"{"x":["*"]}"#))).unwrap();
    let mut changed = signed("clientId", json!("bob"));
    changed["clientId"] = json!("alice");
    let path = |name: &str| Request::post(format!("/keys/{name}/requestToken"));
    vec![
        ((400, 40000), path(REVOCABLE), signed("ttl", json!(1))),
        ((400, 40000), path(KEY), signed("capability", json!("chat"))),
        ((400, 40001), path(KEY), json!({})),
        ((400, 40003), path(KEY), signed("ttl", json!(25 * HOUR))),
        ((400, 40005), path("no-key"), signed("ttl", json!(1))),
        ((400, 40012), path(KEY), signed("clientId", json!("b\tb"))),
        ((401, 40101), path(KEY), changed),
        ((401, 40104), path(KEY), signed("timestamp", json!(NOW - HOUR))),
        ((401, 40105), path(KEY), used),
        ((401, 40160), path(LIMITED), limited),
    ]
}

fn of_revocations(world: &World) -> Vec<Case> {
    let one = json!({ "targets": ["clientId:bob"] });
    let token = bearer(&world.token(REVOCABLE, &params()));
    let path = format!("/keys/{REVOCABLE}/revokeTokens");
    vec![
        ((400, 40000), post(&path, &basic(REVOCABLE)), json!({ "targets": [] })),
        ((400, 40003), post(&path, &basic(REVOCABLE)), json!({ "targets": ["clientId:bob"], "issuedBefore": NOW + 1 })),
        ((400, 40020), post(&path, &basic(REVOCABLE)), json!({ "targets": ["x"] })),
        ((401, 40133), post(&path, &basic(KEY)), one.clone()),
        ((401, 40162), post(&path, &token), one.clone()),
        ((401, 40163), post(&format!("/keys/{KEY}/revokeTokens"), &basic(KEY)), one),
        ((401, 40162), Request::delete("/apps/app1").header("Authorization", token), Value::Null),
        ((403, 40300), Request::delete("/apps/app2").header("Authorization", basic(KEY)), Value::Null),
    ]
}

#[test]
fn every_code_is_returned_with_full_error() {
    let world = World::new();
    let mut given = std::collections::BTreeSet::new();
    for (nth, (expected, request, body)) in
        [of_requests(&world), of_credentials(&world), of_token_requests(&world), of_revocations(&world)]
            .into_iter()
            .flatten()
            .enumerate()
    {
        let answer = world.send(request, if body.is_null() { String::new() } else { body.to_string() });
        assert_eq!(answer.code(), expected, "case {nth}: {}", answer.text());
        given.insert(expected.1);
    }
    // The codes that need another state: no TLS outside a sandbox, an expired key, too many apps.
    assert_eq!(World::without_sandbox().get("/stats", &basic(KEY)).code(), (401, 40103));
    world.set(NOW + HOUR);
    assert_eq!(world.get("/stats", &basic(EXPIRING)).code(), (401, 40132));
    while world.send(Request::post("/apps"), "{}").status == 201 {}
    assert_eq!(world.send(Request::post("/apps"), "{}").code(), (429, 42910));
    // A service that cannot read its store.
    let unsure = faults::world_with_failing_store();
    assert_eq!(unsure.exchange(&unsure.sign(KEY, &params())).code(), (500, 50003));
    given.extend([40103, 40132, 42910, 50003]);

    // The tests of realtime connections get these.
    given.extend([40017, 40150, 40151, 40165, 42921, 80003, 80018, 90001, 90010, 91000, 91001, 91003]);

    let not_ours = [
        40100, 40106, 40110, 40111, 40112, 40113, 40114, 40115, 40120, 40121, 40125, 40126, 40127, 40128, 40130, 40140,
        40164, 40166, 40167, 40170, 40171, 40172, 40180, 40181, 40182, 40310, 40311, 40320, 40330, 40331, 40332, 50000,
        80011, 80017, 80019,
    ];
    let known = ably_auth_core::ErrorCode::KNOWN.iter().map(|code| u64::from(code.as_u32()));
    let missing: Vec<_> = known.filter(|code| !given.contains(code) && !not_ours.contains(code)).collect();
    assert_eq!(missing, Vec::<u64>::new(), "no request gets these codes");
}

#[test]
fn every_code_is_returned_in_msgpack() {
    let world = World::new();
    let cases = [of_requests(&world), of_credentials(&world), of_token_requests(&world), of_revocations(&world)];
    for ((status, code), request, body) in cases.into_iter().flatten() {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = world.send(request.header("Accept", "application/x-msgpack"), body);
        assert_eq!((answer.status, answer.header("content-type")), (status, "application/x-msgpack"));
        let read: Value = rmp_serde::from_slice(&answer.body).unwrap();
        // The response to a batch of an older client has `error` next to the results.
        assert_eq!(
            (read["error"]["code"].as_u64(), answer.header("x-ably-errorcode")),
            (Some(code), &*code.to_string())
        );
        assert_eq!(read["error"]["statusCode"], status);
        assert_eq!(read["error"]["requestId"], answer.header("x-ably-requestid"));
    }
}
