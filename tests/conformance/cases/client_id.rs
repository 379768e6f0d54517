//! `uts/rest/unit/auth/client_id.md`: the client's identity.

use ably_auth::{ClientId, ErrorCode};
use serde_json::json;

use super::auth_callback::with_auth_url;
use super::{Case, OfClient};
use crate::harness::{AuthCallback, AuthUrlSetup, KEY, Kind, Reply, Setup, World, details, details_with};

pub(super) const CASES: &[Case] = &[
    OfClient("rest/unit/RSA7a/clientid-from-options-0", from_options),
    OfClient("rest/unit/RSA7b/clientid-from-token-details-0", from_token_details),
    OfClient("rest/unit/RSA7b/clientid-from-callback-token-1", from_callback),
    OfClient("rest/unit/RSA7c/clientid-null-unidentified-0", none_with_key),
    OfClient("rest/unit/RSA7c/clientid-null-unidentified-token-1", none_with_token),
    OfClient("rest/unit/RSA12a/clientid-passed-to-callback-0", passed_to_callback),
    OfClient("rest/unit/RSA12b/clientid-sent-to-authurl-0", sent_to_auth_url),
    OfClient("rest/unit/RSA7/clientid-updated-after-authorize-0", updated_after_authorize),
    OfClient("rest/unit/RSA12/wildcard-clientid-0", wildcard),
    OfClient("rest/unit/RSA7/clientid-mismatch-error-1", consistent),
    OfClient("rest/unit/RSA15a/token-clientid-must-match-0", must_match),
    OfClient("rest/unit/RSA15b/wildcard-token-permits-any-0", wildcard_permits_any),
    OfClient("rest/unit/RSA15c/incompatible-clientid-error-0", incompatible_from_callback),
];

/// Returns a token with the clientId.
fn of(client_id: &str) -> ably_auth::TokenDetails {
    details_with("a-token", json!({ "clientId": client_id }))
}

fn quiet() -> World {
    World::new(|_, _| Reply::ok())
}

fn from_options(kind: Kind) {
    let client = kind.connect(&quiet(), &Setup::key(KEY).client_id("my-client-id"));
    assert_eq!(client.client_id().as_str(), Some("my-client-id"));
}

fn from_token_details(kind: Kind) {
    let client = kind.connect(&quiet(), &Setup::token(of("token-client-id")));
    assert_eq!(client.client_id().as_str(), Some("token-client-id"));
}

fn from_callback(kind: Kind) {
    let world = quiet();
    let callback = AuthCallback::giving(of("callback-client-id"));
    let client = kind.connect(&world, &Setup::callback(&callback));
    client.get("/channels/test").unwrap();
    assert_eq!(client.client_id().as_str(), Some("callback-client-id"));
}

fn none_with_key(kind: Kind) {
    assert_eq!(kind.connect(&quiet(), &Setup::key(KEY)).client_id(), ClientId::None);
}

fn none_with_token(kind: Kind) {
    let client = kind.connect(&quiet(), &Setup::token(details("token-without-clientId")));
    assert_eq!(client.client_id(), ClientId::None);
}

fn passed_to_callback(kind: Kind) {
    let world = quiet();
    let callback = AuthCallback::giving(details("tok"));
    let client = kind.connect(&world, &Setup::callback(&callback).client_id("library-client-id"));
    client.get("/channels/test").unwrap();
    assert_eq!(callback.asked()[0].get_client_id().as_str(), Some("library-client-id"));
}

fn sent_to_auth_url(kind: Kind) {
    let url = || AuthUrlSetup::new("https://auth.example.com/token");
    let world = with_auth_url();
    kind.connect(&world, &Setup::auth_url(url()).client_id("url-client-id")).get("/channels/test").unwrap();
    let asked = &world.log()[0];
    assert_eq!((asked.host(), asked.param("clientId")), ("auth.example.com", Some("url-client-id")));

    let world = with_auth_url();
    kind.connect(&world, &Setup::auth_url(url().post()).client_id("url-client-id")).get("/channels/test").unwrap();
    let form: Vec<_> = form_urlencoded::parse(&world.log()[0].body).into_owned().collect();
    assert_eq!(form, [("clientId".to_owned(), "url-client-id".to_owned())]);
}

fn updated_after_authorize(kind: Kind) {
    let world = quiet();
    let callback = AuthCallback::new(|call, _| Ok(of(&format!("client-{call}"))));
    let client = kind.connect(&world, &Setup::callback(&callback));
    client.get("/channels/test").unwrap();
    assert_eq!(client.client_id().as_str(), Some("client-1"));
    client.authorize(None).unwrap();
    assert_eq!(client.client_id().as_str(), Some("client-2"));
}

fn wildcard(kind: Kind) {
    assert_eq!(kind.connect(&quiet(), &Setup::token(of("*"))).client_id(), ClientId::Any);
}

fn consistent(kind: Kind) {
    let no_client_id = details("a-token");
    for (own, token, of_client) in [
        (Some("client-a"), of("client-a"), Some("client-a")),
        (Some("client-a"), of("client-b"), None),
        (Some("client-a"), no_client_id, Some("client-a")),
        (Some("client-a"), of("*"), Some("client-a")),
        (None, of("client-b"), Some("client-b")),
    ] {
        let world = quiet();
        let of_token = token.client_id().clone();
        let setup = Setup::token(token);
        let setup = if let Some(own) = own { setup.client_id(own) } else { setup };
        match (kind.try_connect(&world, &setup), of_client) {
            (Ok(client), Some(expected)) => {
                client.get("/channels/test").unwrap();
                assert_eq!(client.client_id().as_str(), Some(expected), "{own:?} with a token of {of_token:?}");
            }
            (Err(error), None) => {
                assert_eq!(error.ably_code(), ErrorCode::INCOMPATIBLE_CREDENTIALS);
                assert!(error.to_string().contains("clientId"), "{error}");
            }
            (outcome, _) => panic!("{own:?} with a token of {of_token:?}: {:?}", outcome.err()),
        }
    }
}

fn must_match(kind: Kind) {
    let world = quiet();
    let matching = kind.connect(&world, &Setup::token(of("my-client")).client_id("my-client"));
    assert_eq!(matching.client_id().as_str(), Some("my-client"));
    let Err(error) = kind.try_connect(&world, &Setup::token(of("other-client")).client_id("my-client")) else {
        panic!("a token of another clientId was accepted")
    };
    assert_eq!(error.ably_code().as_u32(), 40_102);
}

fn wildcard_permits_any(kind: Kind) {
    let world = quiet();
    let client = kind.connect(&world, &Setup::token(of("*")).client_id("any-client"));
    client.get("/channels/test").unwrap();
    assert_eq!(client.client_id().as_str(), Some("any-client"));
}

fn incompatible_from_callback(kind: Kind) {
    let world = quiet();
    let callback = AuthCallback::giving(of("other-client"));
    let client = kind.connect(&world, &Setup::callback(&callback).client_id("my-client"));
    let error = client.get("/channels/test").unwrap_err();
    assert_eq!((error.ably_code().as_u32(), error.status_code()), (40_102, 401));
    assert!(world.log().is_empty(), "the token is not used");
}
