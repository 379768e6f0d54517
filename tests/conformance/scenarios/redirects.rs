//! Redirects are not followed, so no credentials reach their target.

use ably_auth::{Error, RevokeTokensRequest, TokenRevocationTargetSpecifier as Target};

use super::{BOTH, Scenario};
use crate::harness::{AuthSetup, AuthUrlSetup, Client, KEY, Kind, Reply, Setup, World, token};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "redirects/call-with-token-is-not-redirected", kinds: BOTH, run: call_with_token },
    Scenario { name: "redirects/call-with-key-is-not-redirected", kinds: BOTH, run: call_with_key },
    Scenario { name: "redirects/token-request-is-not-redirected", kinds: BOTH, run: token_request },
    Scenario { name: "redirects/revocation-is-not-redirected", kinds: BOTH, run: revocation },
    Scenario { name: "redirects/auth-url-is-not-redirected", kinds: BOTH, run: auth_url },
    Scenario { name: "redirects/http-library-that-follows-sends-no-credentials", kinds: BOTH, run: following_library },
];

const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];
const TARGETS: [&str; 3] = ["https://thief.example.com/stolen", "http://thief.example.com/stolen", "/stolen"];

/// Checks that every call that is answered with a redirect fails, and that no request reaches the target.
fn stays(kind: Kind, setup: &Setup, call: fn(&dyn Client) -> Option<Error>) {
    for status in STATUSES {
        for target in TARGETS {
            let world = World::new(move |_, _| Reply::body(status, "text/plain", "").with_header("location", target));
            let error = call(&*kind.connect(&world, setup)).expect("a redirect is an error");
            let log = world.log();
            assert_eq!(log.len(), 1, "{status} to {target}: {log:#?}");
            assert_ne!(log[0].path, "/stolen");
            assert!(!world.network.asked().iter().any(|host| host.contains("thief")));
            assert_eq!(error.error_info().unwrap().status_code(), status, "{error:?}");
        }
    }
}

fn call_with_token(kind: Kind) {
    stays(kind, &Setup::token(token("a-token")), |client| client.get("/channels/test").err());
}

fn call_with_key(kind: Kind) {
    stays(kind, &Setup::key(KEY), |client| client.get("/channels/test").err());
}

fn token_request(kind: Kind) {
    let setup = AuthSetup::default().key(KEY).use_token_auth(true).into();
    stays(kind, &setup, |client| client.get("/channels/test").err());
}

fn revocation(kind: Kind) {
    stays(kind, &Setup::key(KEY), |client| {
        client.revoke_tokens(&RevokeTokensRequest::new([Target::client_id("bob")])).err()
    });
}

fn auth_url(kind: Kind) {
    let auth_url = AuthUrlSetup::new("https://auth.example.com/token").header("x-api-key", "of the application");
    stays(kind, &Setup::auth_url(auth_url), |client| client.get("/channels/test").err());
}

/// The application's own HTTP library follows redirects, against the documentation.
fn following_library(kind: Kind) {
    for status in STATUSES {
        let world = World::new(move |_, request| match request.host() {
            "thief.example.com" => Reply::ok(),
            _ => Reply::body(status, "text/plain", "").with_header("location", TARGETS[0]),
        });
        drop(kind.connect(&world, &Setup::key(KEY).follows_redirects()).get("/channels/test"));
        for request in world.log().iter().filter(|request| request.host() == "thief.example.com") {
            assert_eq!(request.authorization(), None);
        }
    }
}
