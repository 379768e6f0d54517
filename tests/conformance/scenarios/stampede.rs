//! Concurrent callers share one token request.

use super::{BOTH, Scenario};
use crate::harness::{AuthSetup, HOUR, KEY, Kind, Reply, World, issued};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "stampede/first-callers-share-one-token-request", kinds: ALL_BUT_TASK, run: cold },
    Scenario { name: "stampede/callers-after-expiry-share-one-token-request", kinds: BOTH, run: expired },
];

const ALL_BUT_TASK: &[Kind] = &[Kind::Reqwest, Kind::ReqwestMultiThread, Kind::Blocking];

const fn callers(kind: Kind) -> usize {
    match kind {
        Kind::Reqwest | Kind::ReqwestMultiThread => 10_000,
        Kind::Blocking | Kind::BlockingInTask => 200,
    }
}

fn issuing() -> World {
    World::with_clock(|clock| move |number, _| Reply::json(200, &issued(&format!("token-{number}"), clock.millis())))
}

fn cold(kind: Kind) {
    let world = issuing();
    let client = kind.connect(&world, &AuthSetup::default().key(KEY).use_token_auth(true).into());
    assert_eq!(client.stampede(callers(kind)), callers(kind));
    assert!(world.only().is_token_request());
}

fn expired(kind: Kind) {
    let world = issuing();
    let client = kind.connect(&world, &AuthSetup::default().key(KEY).use_token_auth(true).into());
    client.authorize(None).unwrap();
    world.clock.advance(std::time::Duration::from_millis(HOUR + 1));
    assert_eq!(client.stampede(callers(kind)), callers(kind));
    assert_eq!(world.log().len(), 2);
}
