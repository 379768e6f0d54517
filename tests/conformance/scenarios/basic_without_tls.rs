//! Basic auth without TLS is refused before a connection is made.

use ably_auth::{ErrorCode, RevokeTokensRequest, TokenRevocationTargetSpecifier as Target};

use super::{BOTH, Scenario};
use crate::harness::{AuthSetup, KEY, Kind, Reply, Setup, World, token};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "basic-without-tls/client-is-refused", kinds: BOTH, run: no_client },
    Scenario { name: "basic-without-tls/authorize-does-not-switch-to-basic", kinds: BOTH, run: not_by_authorize },
    Scenario { name: "basic-without-tls/sandbox-on-loopback-is-permitted", kinds: BOTH, run: sandbox },
];

fn quiet() -> World {
    World::new(|_, _| Reply::ok())
}

fn no_client(kind: Kind) {
    let world = quiet();
    let of_machine = || Setup::key(KEY).endpoint("http://127.0.0.1:80");
    for setup in [
        Setup::key(KEY).no_tls(),
        Setup::key(KEY).no_tls().basic_on_loopback(),
        Setup::from(AuthSetup::default().key(KEY).token(token("a-token")).use_token_auth(false)).no_tls(),
        of_machine(),
        of_machine().basic_on_loopback().fallback_hosts(&["fallback.example.com"]),
    ] {
        let error = kind.try_connect(&world, &setup).err().expect("Basic auth without TLS is refused");
        assert_eq!(error.ably_code(), ErrorCode::BASIC_AUTH_WITHOUT_TLS);
    }
    assert_eq!(world.connections(), 0);
    assert!(world.network.asked().is_empty(), "no name was resolved");
}

fn not_by_authorize(kind: Kind) {
    let world = quiet();
    let client = kind.connect(&world, &Setup::token(token("a-token")).no_tls());
    let error = client.authorize_with(None, &AuthSetup::default().key(KEY).use_token_auth(false)).unwrap_err();
    assert_eq!(error.ably_code(), ErrorCode::BASIC_AUTH_WITHOUT_TLS);
    let error = client.revoke_tokens(&RevokeTokensRequest::new([Target::client_id("bob")])).unwrap_err();
    assert_eq!(error.ably_code(), ErrorCode::BASIC_AUTH_NEEDED);
    assert_eq!(world.connections(), 0);
    client.get("/channels/test").unwrap();
    assert_eq!(world.only().authorization(), Some("Bearer a-token"), "the token is still in use");
}

fn sandbox(kind: Kind) {
    let world = quiet();
    let setup = Setup::key(KEY).endpoint(&format!("http://{}", world.address())).basic_on_loopback();
    kind.connect(&world, &setup).get("/channels/test").unwrap();
    assert!(world.only().authorization().is_some_and(|sent| sent.starts_with("Basic ")));
}
