//! `uts/rest/unit/auth/token_renewal.md`: renewal of expired and refused tokens.

use ably_auth::Timestamp;
use serde_json::json;

use super::{Case, OfClient};
use crate::harness::{
    AuthCallback, AuthSetup, AuthUrlSetup, Kind, Reply, Setup, TestClock, World, bearer, details, details_with, issued,
    token,
};

pub(super) const CASES: &[Case] = &[
    OfClient("rest/unit/RSA4b/renewal-on-40142-0", on_40142),
    OfClient("rest/unit/RSA4b/renewal-on-40140-1", on_40140),
    OfClient("rest/unit/RSA4b1/preemptive-renewal-0", renewed_before_refusal),
    OfClient("rest/unit/RSA4a2/no-renewal-without-callback-0", no_renewal),
    OfClient("rest/unit/RSA4b/renewal-via-authurl-2", by_auth_url),
    OfClient("rest/unit/RSA4b/renewal-limit-no-loop-3", renewed_once),
    OfClient("rest/unit/RSC10/request-retried-after-renewal-0", request_retried),
    OfClient("rest/unit/RSC10b/non-token-401-no-renewal-0", other_401),
    OfClient("rest/unit/RSA4b/renewal-msgpack-response-4", refused_in_msgpack),
];

const HISTORY: &str = "/channels/test/messages";

/// Returns a callback that gives `token-1`, `token-2` and so on.
fn numbered() -> AuthCallback {
    AuthCallback::new(|call, _| Ok(details(&format!("token-{call}"))))
}

/// Requests the history while the first token is refused with `refusal`, and checks that the request succeeds with the
/// second.
fn renewed_after(kind: Kind, refusal: &Reply) {
    let refusal = refusal.clone();
    let world = World::new(move |_, request| match request.authorization() {
        Some("Bearer token-1") => refusal.clone(),
        _ => Reply::json(200, &json!([{ "name": "greeting" }])),
    });
    let callback = numbered();
    let answer = kind.connect(&world, &Setup::callback(&callback)).get(HISTORY).unwrap();
    assert_eq!(&answer.body()[..], br#"[{"name":"greeting"}]"#);
    assert_eq!(callback.asked().len(), 2);
    let sent: Vec<_> = world.log().iter().map(|request| request.authorization().map(ToOwned::to_owned)).collect();
    assert_eq!(sent, [Some(bearer("token-1")), Some(bearer("token-2"))]);
}

fn on_40142(kind: Kind) {
    renewed_after(kind, &Reply::error(401, 40_142, "Token expired"));
}

fn on_40140(kind: Kind) {
    renewed_after(kind, &Reply::error(401, 40_140, "Token error"));
}

fn refused_in_msgpack(kind: Kind) {
    let error = json!({ "error": { "code": 40_142, "statusCode": 401, "message": "Token expired" } });
    renewed_after(kind, &Reply::msgpack(401, &error));
}

fn renewed_before_refusal(kind: Kind) {
    let world = World::with_clock(|clock| {
        move |_, request| match (&*request.path, request.authorization()) {
            ("/time", _) => Reply::time(clock.millis()),
            (_, Some("Bearer expired-token")) => Reply::error(401, 40_142, "Token expired"),
            _ => Reply::json(200, &json!([])),
        }
    });
    let callback = AuthCallback::new(|call, _| match call {
        1 => Ok(details_with("expired-token", json!({ "expires": TestClock::START - 1_000 }))),
        _ => Ok(details("fresh-token")),
    });
    let client = kind.connect(&world, &AuthSetup::default().callback(&callback).query_time().into());
    let first = client.authorize(None).unwrap();
    assert!(first.expires() < Some(Timestamp::from_millis(TestClock::START)));
    client.get(HISTORY).unwrap();
    assert_eq!(callback.asked().len(), 2);
    let history = world.of_path(HISTORY);
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].authorization(), Some("Bearer fresh-token"));
}

fn no_renewal(kind: Kind) {
    let world = World::new(|_, _| Reply::error(401, 40_142, "Token expired"));
    let error = kind.connect(&world, &Setup::token(token("static-token"))).get(HISTORY).unwrap_err();
    assert_eq!(error.ably_code().as_u32(), 40_171);
    assert_eq!(world.log().len(), 1);
}

fn by_auth_url(kind: Kind) {
    let world = World::with_clock(|clock| {
        move |number, request| match (request.host(), number) {
            ("example.com", 0) => Reply::json(200, &issued("first-token", clock.millis())),
            ("example.com", _) => Reply::json(200, &issued("second-token", clock.millis())),
            (_, 1) => Reply::json(401, &json!({ "error": { "code": 40_142, "message": "Token expired" } })),
            _ => Reply::json(200, &json!([])),
        }
    });
    kind.connect(&world, &Setup::auth_url(AuthUrlSetup::new("https://example.com/auth"))).get(HISTORY).unwrap();
    assert_eq!(world.of_path("/auth").len(), 2);
    let calls = world.of_path(HISTORY);
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[1].authorization(), Some("Bearer second-token"));
}

fn renewed_once(kind: Kind) {
    let world =
        World::new(|_, _| Reply::json(401, &json!({ "error": { "code": 40_142, "message": "Token expired" } })));
    let callback = numbered();
    let error = kind.connect(&world, &Setup::callback(&callback)).get(HISTORY).unwrap_err();
    assert_eq!(error.ably_code().as_u32(), 40_142);
    assert_eq!((callback.asked().len(), world.log().len()), (2, 2));
}

fn request_retried(kind: Kind) {
    let status = json!({ "channelId": "test", "status": { "isActive": true } });
    let world = World::new(move |_, request| match request.authorization() {
        Some("Bearer token-1") => Reply::error(401, 40_142, "Token expired"),
        _ => Reply::json(200, &status),
    });
    let callback = numbered();
    let answer = kind.connect(&world, &Setup::callback(&callback)).get("/channels/test").unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(callback.asked().len(), 2);
    let calls = world.of_path("/channels/test");
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0].authorization(), Some("Bearer token-1"));
    assert_eq!(calls[1].authorization(), Some("Bearer token-2"));
}

fn other_401(kind: Kind) {
    let world = World::new(|_, _| Reply::error(401, 40_100, "Unauthorized"));
    let callback = numbered();
    let error = kind.connect(&world, &Setup::callback(&callback)).get("/channels/test").unwrap_err();
    assert_eq!(error.ably_code().as_u32(), 40_100);
    assert_eq!((callback.asked().len(), world.log().len()), (1, 1));
}
