//! Routes that are guarded by capability, with resources from the path.

use ably_auth_axum::{Authenticate, ErrorKind, Operation, require};
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use http::Request;

use crate::support::{Answer, mint, send, verifier, with_token};

fn guarded(route: &str, resource: &str) -> Router {
    let echo = |Path(params): Path<Vec<(String, String)>>| async move {
        params.into_iter().map(|(_, value)| value).collect::<Vec<_>>().join("|")
    };
    let route_of = get(echo).layer(require(resource, Operation::Publish).unwrap());
    Router::new().route(route, route_of).layer(Authenticate::new(verifier()))
}

async fn ask(app: &Router, uri: &str, capability: &str) -> Answer {
    with_token(app, &mint(|jwt| jwt.capability = Some(&*capability.to_owned().leak())), Request::get(uri)).await
}

#[tokio::test]
async fn resource_is_taken_from_path() {
    let app = guarded("/rooms/{room}", "chat:{room}");
    let allowed = r#"{"chat:a":["publish"]}"#;
    assert_eq!(ask(&app, "/rooms/a", allowed).await.body, "a");
    let refused = ask(&app, "/rooms/b", allowed).await;
    assert_eq!(refused.refused(), (401, 40160));
    let expected = "capability does not permit `publish` on `chat:b`; ask for a token that has it";
    assert_eq!(refused.json()["error"]["message"], expected);
    assert_eq!(ask(&app, "/rooms/a", r#"{"chat:a":["subscribe"]}"#).await.refused(), (401, 40160));
    assert_eq!(ask(&app, "/rooms/a", r#"{"chat:*":["*"]}"#).await.status, 200);
    assert_eq!(ask(&app, "/rooms/a?room=b", r#"{"chat:b":["*"]}"#).await.refused(), (401, 40160));
}

/// The guard checks the same value that the handler gets: decoded once, not twice.
#[tokio::test]
async fn percent_encoding_is_decoded_once() {
    let app = guarded("/rooms/{room}", "chat:{room}");
    for (path, room, resource) in [
        ("/rooms/%61", "a", "chat:a"),
        ("/rooms/a%20b%C3%BC", "a bü", "chat:a bü"),
        ("/rooms/a%2Fb", "a/b", "chat:a/b"),
        ("/rooms/%2561", "%61", "chat:%61"),
        ("/rooms/a+b", "a+b", "chat:a+b"),
        ("/rooms/a%3Ab", "a:b", "chat:a:b"),
        ("/rooms/a:b", "a:b", "chat:a:b"),
        ("/rooms/%2A", "*", "chat:*"),
    ] {
        let answer = ask(&app, path, &format!(r#"{{"{resource}":["publish"]}}"#)).await;
        assert_eq!((answer.status, &*answer.body), (200, room), "{path}");
        let other = ask(&app, path, r#"{"chat:other":["publish"],"chat":["*"]}"#).await;
        assert_eq!(other.refused(), (401, 40160), "{path}");
    }
    let odd = ask(&app, "/rooms/%FF", r#"{"[*]*":["*"]}"#).await;
    assert_eq!(odd.refused(), (400, 40000));
}

/// A right to one segment must not permit a value that contains several.
#[tokio::test]
async fn encoded_colon_adds_segment() {
    let app = guarded("/rooms/{room}/admin", "chat:{room}:admin");
    let one_segment = r#"{"chat:*:admin":["publish"]}"#;
    assert_eq!(ask(&app, "/rooms/a/admin", one_segment).await.status, 200);
    assert_eq!(ask(&app, "/rooms/a%3Ab/admin", one_segment).await.refused(), (401, 40160));
}

/// A resource with `[` is not a channel, and `*` covers channels only.
#[tokio::test]
async fn right_to_channels_does_not_permit_queue() {
    let app = guarded("/{channel}", "{channel}");
    assert_eq!(ask(&app, "/chat", r#"{"*":["*"]}"#).await.status, 200);
    for path in ["/%5Bqueue%5Dq", "/%5Bmeta%5Dlog"] {
        assert_eq!(ask(&app, path, r#"{"*":["*"]}"#).await.refused(), (401, 40160), "{path}");
        assert_eq!(ask(&app, path, r#"{"[*]*":["*"]}"#).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn several_parameters_and_wildcard_are_filled() {
    let app = guarded("/{tenant}/files/{*path}", "{tenant}:files:{path}");
    assert_eq!(ask(&app, "/acme/files/a/b", r#"{"acme:files:a/b":["publish"]}"#).await.body, "acme|a/b");
    assert_eq!(ask(&app, "/evil/files/a/b", r#"{"acme:*":["publish"]}"#).await.refused(), (401, 40160));
}

#[tokio::test]
async fn parameters_of_outer_router_are_filled() {
    let inner = Router::new()
        .route("/rooms/{room}", get(|| async { "in" }).layer(require("{tenant}:{room}", Operation::Publish).unwrap()));
    let app = Router::new().nest("/{tenant}", inner).layer(Authenticate::new(verifier()));
    assert_eq!(ask(&app, "/acme/rooms/a", r#"{"acme:a":["publish"]}"#).await.status, 200);
    assert_eq!(ask(&app, "/acme/rooms/a", r#"{"evil:a":["publish"]}"#).await.refused(), (401, 40160));
}

/// A handler that extracts a map gets the last of two parameters with the same name. A guard that checked only the
/// first would let everyone in.
#[tokio::test]
async fn repeated_parameter_is_refused() {
    let guard = || require("chat:{room}", Operation::Publish).unwrap();
    let inner = Router::new().route("/x/{room}", get(|| async { "in" }).layer(guard()));
    let deep = Router::new().nest("/{other}/m", inner.clone());
    let rest = Router::new().route("/y/{*room}", get(|| async { "in" }).layer(guard()));
    let outside = Router::new().route("/x/{room}", get(|| async { "in" })).layer(guard());
    for (app, uri) in [
        (guarded("/n/{room}/x/{room}", "chat:{room}"), "/n/mine/x/victim"),
        (Router::new().nest("/n/{room}", inner), "/n/mine/x/victim"),
        (Router::new().nest("/n/{room}", deep), "/n/mine/o/m/x/victim"),
        (Router::new().nest("/n/{room}", rest), "/n/mine/y/victim/1"),
        (Router::new().nest("/n/{room}", outside), "/n/mine/x/victim"),
    ] {
        let app = app.layer(Authenticate::new(verifier()));
        for capability in [r#"{"chat:mine":["publish"]}"#, r#"{"chat:victim":["publish"]}"#, r#"{"[*]*":["*"]}"#] {
            let answer = ask(&app, uri, capability).await;
            assert_eq!(answer.refused(), (500, 50000), "{uri} {capability}");
            assert!(answer.body.contains("`room`"), "{}", answer.body);
        }
    }
    let app = guarded("/n/{a}/x/{b}", "chat:{b}");
    assert_eq!(ask(&app, "/n/same/x/same", r#"{"chat:same":["publish"]}"#).await.status, 200);
}

#[tokio::test]
async fn guard_with_unknown_parameter_refuses_everyone() {
    let app = guarded("/rooms/{room}", "chat:{channel}");
    let answer = ask(&app, "/rooms/a", r#"{"[*]*":["*"]}"#).await;
    assert_eq!(answer.refused(), (500, 50000));
    assert!(answer.body.contains("`channel`"), "{}", answer.body);
    let unlayered = get(|| async { "in" }).layer(require("chat", Operation::Publish).unwrap());
    assert_eq!(ask(&Router::new().route("/", unlayered), "/", r#"{"[*]*":["*"]}"#).await.refused(), (500, 50000));
}

/// A layer covers only the routes that exist when it is added, as documented.
#[tokio::test]
async fn route_added_after_layer_is_unguarded() {
    let open = || get(|| async { "in" });
    let app = Router::new().route("/before", open()).layer(Authenticate::new(verifier())).route("/after", open());
    let nobody = |uri: &str| Request::get(uri).body(String::new().into()).unwrap();
    assert_eq!(send(&app, nobody("/before")).await.refused(), (401, 40101));
    assert_eq!(send(&app, nobody("/after")).await.status, 200);
    // An extractor or a guard on such a route refuses the request.
    let guarded = open().layer(require("chat", Operation::Publish).unwrap());
    let sender = get(|_: ably_auth_axum::Authenticated| async { "in" });
    let app = Router::new().layer(Authenticate::new(verifier())).route("/guarded", guarded).route("/sender", sender);
    for uri in ["/guarded", "/sender"] {
        assert_eq!(send(&app, nobody(uri)).await.refused(), (500, 50000), "{uri}");
    }
}

#[tokio::test]
async fn sender_without_token_has_no_capability() {
    let route = get(|| async { "in" }).layer(require("chat", Operation::Publish).unwrap());
    let app = Router::new().route("/", route).layer(Authenticate::new(verifier()).optional());
    let visitor = Request::get("/").body(String::new().into()).unwrap();
    assert_eq!(send(&app, visitor).await.refused(), (401, 40101));
}

#[test]
fn invalid_resource_is_refused_when_route_is_created() {
    for wrong in ["", "chat:{room", "chat:}", "chat:{}", "{*rest}"] {
        assert_eq!(require(wrong, Operation::Publish).unwrap_err().kind(), ErrorKind::Template, "{wrong}");
    }
}
