//! No error contains a secret: neither its text, nor its debug output, nor its sources.

use std::error::Error as StdError;
use std::time::Duration;

use ably_auth::{Error, RevokeTokensRequest, TokenRevocationTargetSpecifier as Target};
use serde_json::json;

use super::{BOTH, Scenario};
use crate::harness::{AuthCallback, AuthSetup, AuthUrlSetup, Client, Host, Kind, Reply, Setup, World, details, token};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "secrets/error-has-no-secret", kinds: BOTH, run: error_has_no_secret },
    Scenario { name: "secrets/auth-url-gets-no-secret", kinds: BOTH, run: auth_url_gets_no_secret },
    Scenario { name: "secrets/transport-fault-has-no-secret", kinds: BOTH, run: fault_has_no_secret },
];

const KEY: &str = "appId.keyId:hush-of-the-key";
/// A part of every secret in these tests, as text and in base64.
const HUSH: [&str; 2] = ["hush", "aHVza"];

fn assert_no_secret(error: &Error) {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = next {
        for shown in [error.to_string(), format!("{error:?}"), format!("{error:#?}")] {
            assert!(!HUSH.iter().any(|hush| shown.contains(hush)), "{shown}");
        }
        next = error.source();
    }
}

fn auth_url() -> AuthUrlSetup {
    AuthUrlSetup::new("https://auth.example.com/token?session=hush-of-the-url")
        .param("secret", "hush-of-the-params")
        .header("x-api-key", "hush-of-the-headers")
}

fn setups() -> Vec<Setup> {
    vec![
        Setup::key(KEY),
        Setup::token(token("hush-of-the-token")),
        Setup::callback(&AuthCallback::giving(details("hush-of-the-callback"))),
        Setup::auth_url(auth_url()),
        AuthSetup::default().key(KEY).use_token_auth(true).into(),
    ]
}

/// Makes every kind of call, checks its error, and returns the number of errors.
fn look(client: &dyn Client) -> usize {
    let revocation = RevokeTokensRequest::new([Target::client_id("bob")]);
    let errors = [
        client.get("/channels/test").err(),
        client.authorize(None).err(),
        client.request_token(None).err(),
        client.revoke_tokens(&revocation).err(),
        client.time().err(),
    ];
    errors.iter().flatten().map(assert_no_secret).count()
}

fn error_has_no_secret(kind: Kind) {
    // Each answer has a secret that a parser could quote in its error.
    let secret = json!({ "token": "hush-in-the-answer", "expires": "hush", "mac": "hush", "results": "hush" });
    for answer in [
        Reply::json(200, &secret),
        Reply::body(200, "application/json", "{\"token\":\"hush-in-the-answer"),
        Reply::body(200, "application/json", "hush-in-the-answer"),
        Reply::body(200, "text/plain", "not a token: hush\u{1}in-the-answer"),
        Reply::body(200, "text/html", "<p>hush-in-the-answer</p>"),
        Reply::body(200, "application/x-msgpack", "hush-in-the-answer"),
        Reply::msgpack(200, &secret),
        Reply::json(401, &secret),
        Reply::body(500, "text/html", "<p>hush-in-the-answer</p>"),
        Reply::error(401, 40_142, "Token expired"),
        Reply::error(401, 40_101, "Invalid credentials"),
        Reply::body(307, "text/plain", "").with_header("location", "https://a.example.com/?key=hush-in-the-answer"),
    ] {
        for setup in setups() {
            let answer = answer.clone();
            let world = World::new(move |_, _| answer.clone());
            assert!(look(&*kind.connect(&world, &setup.fallback_hosts(&[]))) > 0);
        }
    }
}

fn fault_has_no_secret(kind: Kind) {
    let no_time = Duration::from_millis(50);
    for fault in [Reply::Reset, Reply::Silence, Reply::json(200, &json!({ "token": "hush-in-the-answer" })).cut()] {
        for setup in setups() {
            let fault = fault.clone();
            let world = World::new(move |_, _| fault.clone());
            assert!(look(&*kind.connect(&world, &setup.fallback_hosts(&[]).request_timeout(no_time))) > 0);
        }
    }
    for host in [Host::Unknown, Host::Refuses] {
        for setup in setups() {
            let world = World::new(|_, _| Reply::ok());
            world.network.set("main.realtime.ably.net", host);
            world.network.set("auth.example.com", host);
            assert!(look(&*kind.connect(&world, &setup.fallback_hosts(&[]))) > 0);
        }
    }
}

fn auth_url_gets_no_secret(kind: Kind) {
    let world = World::new(|_, request| match request.host() {
        "auth.example.com" => Reply::body(200, "text/plain", "hush-of-the-token"),
        _ => Reply::error(401, 40_142, "Token expired"),
    });
    let setup = AuthSetup::default().key(KEY).auth_url(auth_url()).into();
    kind.connect(&world, &setup).get("/channels/test").unwrap_err();
    let asked: Vec<_> = world.log().into_iter().filter(|request| request.host() == "auth.example.com").collect();
    assert_eq!(asked.len(), 2);
    for request in asked {
        assert_eq!(request.authorization(), None);
        let logged = format!("{request:?}");
        assert!(!logged.contains("hush-of-the-key") && !logged.contains("hush-of-the-token"), "{logged}");
    }
}
