//! A machine whose clock is an hour wrong gets its tokens all the same.

use super::{ALL, Scenario};
use crate::harness::{AuthSetup, Incoming, KEY, Kind, Reply, Setup, World, issued};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "skewed-clock/a-clock-that-is-slow-is-corrected-once", kinds: ALL, run: slow },
    Scenario { name: "skewed-clock/a-clock-that-is-fast-is-corrected-once", kinds: ALL, run: fast },
    Scenario { name: "skewed-clock/a-service-that-keeps-refusing-is-asked-twice", kinds: ALL, run: never_content },
];

/// How far a token request's timestamp may be off, in milliseconds.
const WINDOW: u64 = 120_000;
const AN_HOUR: i64 = 3_600_000;
const TOKEN_REQUEST: &str = "/keys/appId.keyId/requestToken";

fn tokens_from_key() -> Setup {
    AuthSetup::default().key(KEY).use_token_auth(true).into()
}

/// A service whose clock is that many milliseconds ahead of the clients'.
fn service_ahead_by(millis: i64) -> World {
    World::with_clock(move |clock| {
        move |_, request: &Incoming| {
            let now = clock.millis().saturating_add_signed(millis);
            match &*request.path {
                "/time" => Reply::time(now),
                TOKEN_REQUEST if request.json()["timestamp"].as_u64().unwrap().abs_diff(now) > WINDOW => {
                    Reply::error(401, 40_104, "Timestamp not current")
                }
                TOKEN_REQUEST => Reply::json(200, &issued("issued-token", now)),
                _ => Reply::ok(),
            }
        }
    })
}

fn is_corrected(kind: Kind, millis: i64) {
    let world = service_ahead_by(millis);
    let client = kind.connect(&world, &tokens_from_key());
    client.get("/channels/test").unwrap();
    let paths = |world: &World| -> Vec<String> { world.log().into_iter().map(|request| request.path).collect() };
    assert_eq!(paths(&world), [TOKEN_REQUEST, "/time", TOKEN_REQUEST, "/channels/test"]);

    client.get("/channels/test").unwrap();
    assert_eq!(paths(&world)[4..], ["/channels/test"], "the token is good for an hour, whatever our clock says");

    client.authorize(None).unwrap();
    assert_eq!(paths(&world)[5..], [TOKEN_REQUEST], "from now on it signs by the service's time");
}

fn slow(kind: Kind) {
    is_corrected(kind, AN_HOUR);
}

fn fast(kind: Kind) {
    is_corrected(kind, -AN_HOUR);
}

fn never_content(kind: Kind) {
    let world = World::new(|_, request| match &*request.path {
        "/time" => Reply::time(1),
        _ => Reply::error(401, 40_104, "Timestamp not current"),
    });
    let error = kind.connect(&world, &tokens_from_key()).get("/channels/test").unwrap_err();
    assert_eq!(error.ably_code().as_u32(), 40_104);
    assert_eq!(world.of_path(TOKEN_REQUEST).len(), 2);
}
