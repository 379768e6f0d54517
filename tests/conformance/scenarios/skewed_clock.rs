//! A client whose clock is wrong by an hour gets tokens all the same.

use super::{ALL, Scenario};
use crate::harness::{AuthSetup, Incoming, KEY, Kind, Reply, Setup, World, issued};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "skewed-clock/slow-clock-is-corrected-once", kinds: ALL, run: slow },
    Scenario { name: "skewed-clock/fast-clock-is-corrected-once", kinds: ALL, run: fast },
    Scenario { name: "skewed-clock/second-refusal-is-an-error", kinds: ALL, run: refused_twice },
];

/// Allowed difference of a token request's timestamp from the service's time, in ms.
const WINDOW: u64 = 120_000;
const AN_HOUR: i64 = 3_600_000;
const TOKEN_REQUEST: &str = "/keys/appId.keyId/requestToken";

fn tokens_from_key() -> Setup {
    AuthSetup::default().key(KEY).use_token_auth(true).into()
}

/// Returns a service whose clock is ahead of the clients' by some milliseconds.
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
    assert_eq!(paths(&world)[4..], ["/channels/test"], "the token lasts an hour, regardless of the client's clock");

    client.authorize(None).unwrap();
    assert_eq!(paths(&world)[5..], [TOKEN_REQUEST], "later requests use the service's time");
}

fn slow(kind: Kind) {
    is_corrected(kind, AN_HOUR);
}

fn fast(kind: Kind) {
    is_corrected(kind, -AN_HOUR);
}

fn refused_twice(kind: Kind) {
    let world = World::new(|_, request| match &*request.path {
        "/time" => Reply::time(1),
        _ => Reply::error(401, 40_104, "Timestamp not current"),
    });
    let error = kind.connect(&world, &tokens_from_key()).get("/channels/test").unwrap_err();
    assert_eq!(error.ably_code().as_u32(), 40_104);
    assert_eq!(world.of_path(TOKEN_REQUEST).len(), 2);
}
