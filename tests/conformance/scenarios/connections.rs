//! Reuse and failure of connections.

use ably_auth::{FaultKind, TokenParams};

use super::{ALL, BOTH, Scenario};
use crate::harness::{AuthSetup, HOUR, KEY, Kind, Reply, Setup, World, issued, ttl};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "connections/connection-is-reused", kinds: BOTH, run: kept },
    Scenario { name: "connections/closed-connection-is-replaced", kinds: ALL, run: closed_by_server },
    Scenario { name: "connections/server-with-wrong-certificate-gets-no-request", kinds: BOTH, run: impostor },
    Scenario { name: "connections/fallback-gets-whole-token-request", kinds: BOTH, run: body_to_fallback },
];

fn kept(kind: Kind) {
    let world = World::new(|_, _| Reply::ok());
    let client = kind.connect(&world, &Setup::key(KEY));
    for _ in 0..5 {
        client.get("/channels/test").unwrap();
    }
    assert_eq!((world.log().len(), world.connections()), (5, 1));
}

/// The server closes idle connections earlier than the client. The client may notice that before it sends, or gets a
/// fault and retries on another host.
fn closed_by_server(kind: Kind) {
    let world = World::new(|_, _| Reply::ok().and_leave());
    let client = kind.connect(&world, &Setup::key(KEY));
    for _ in 0..5 {
        client.get("/channels/test").unwrap();
    }
    assert_eq!(world.log().len(), 5, "no request is sent twice");
}

/// The server's certificate has other names.
fn impostor(kind: Kind) {
    let world = World::new(|_, _| Reply::ok());
    let error = kind.connect(&world, &Setup::key(KEY).endpoint("ably.example.org")).get("/channels/test").unwrap_err();
    assert!(error.transport_fault().is_some_and(|fault| fault.kind() != FaultKind::TimedOut), "{error:?}");
    assert!(world.log().is_empty());
}

fn body_to_fallback(kind: Kind) {
    let world = World::with_clock(|clock| {
        move |number, _| match number {
            0 => Reply::Reset,
            _ => Reply::json(200, &issued("a-token", clock.millis())),
        }
    });
    let client = kind.connect(&world, &AuthSetup::default().key(KEY).use_token_auth(true).into());
    client.authorize(Some(&TokenParams::new().ttl(ttl(HOUR)))).unwrap();
    let log = world.log();
    assert_eq!(log.len(), 2);
    assert!(log.iter().all(|request| request.method == "POST" && request.is_token_request()));
    assert_eq!(log[0].json(), log[1].json());
    assert_ne!(log[0].host(), log[1].host());
}
