//! A client that uses a `Sandbox`, whose clock advances and whose requests fail.

use std::time::Duration;

use ably_auth_blocking::{Client, ClientOptions, ErrorCode};
use ably_auth_server::Sandbox;

use super::support::message;

const HOUR: Duration = Duration::from_secs(3600);

fn options(sandbox: &Sandbox) -> ClientOptions {
    ClientOptions::new().key(sandbox.key().clone()).endpoint(sandbox.url())
}

#[test]
fn token_that_expired_by_the_clock_is_renewed_once() {
    let sandbox = Sandbox::start().unwrap();
    let client = Client::new(options(&sandbox).use_token_auth(true)).unwrap();
    client.request(message()).unwrap();
    let first = client.auth().token_details().unwrap();
    sandbox.advance_clock(HOUR);
    client.request(message()).unwrap();
    let second = client.auth().token_details().unwrap();
    assert_ne!(first, second);
    client.request(message()).unwrap();
    assert_eq!(client.auth().token_details().unwrap(), second);
    assert!(second.issued().unwrap().millis_since(first.issued().unwrap()) >= 3_600_000);
}

#[test]
fn minted_jwt_that_is_refused_is_minted_again() {
    let sandbox = Sandbox::start().unwrap();
    let client = Client::new(options(&sandbox).mint_jwt(true)).unwrap();
    client.request(message()).unwrap();
    sandbox.fail_next(1, ErrorCode::TOKEN_EXPIRED.as_u32()).unwrap();
    client.request(message()).unwrap();
}

#[test]
fn token_error_on_request_is_retried_with_another_token() {
    let sandbox = Sandbox::start().unwrap();
    let client = Client::new(options(&sandbox).use_token_auth(true)).unwrap();
    client.request(message()).unwrap();
    let first = client.auth().token_details();
    sandbox.fail_next(1, ErrorCode::TOKEN_EXPIRED.as_u32()).unwrap();
    client.request(message()).unwrap();
    assert_ne!(client.auth().token_details(), first);
}
