//! Core's performance-critical functions, each run once under valgrind. Setup and drop are not counted.

#[path = "../../inputs.rs"]
mod inputs;

use std::hint::black_box;
use std::time::Duration;

use ably_auth_core::capability::Matcher;
use ably_auth_core::jwt::{self, UnverifiedJwt, VerifiedJwt};
use ably_auth_core::{ApiKey, Capability, Nonce, Operation, Signer, Token, TokenParams, TokenRequest};
use gungraun::{library_benchmark, library_benchmark_group, main};

use inputs::{BY_NAME, BY_WILDCARD, DENIED, NOW};

type Held = &'static (ApiKey, Signer, TokenParams);

/// Returns a key, its signer and token params.
fn held(params: TokenParams) -> Held {
    let key = inputs::key();
    let signer = key.signer();
    Box::leak(Box::new((key, signer, params)))
}

fn to_sign() -> (Held, Nonce) {
    (held(inputs::params()), inputs::nonce())
}

fn to_mint() -> Held {
    held(inputs::jwt_params())
}

fn signed() -> &'static TokenRequest {
    let (held, nonce) = to_sign();
    Box::leak(Box::new(sign(held, nonce)))
}

fn to_verify() -> (Held, &'static str) {
    let held = to_mint();
    (held, Box::leak(mint(held).expose().into()))
}

fn to_ask(names: &'static [&'static str]) -> (&'static Matcher, &'static [&'static str]) {
    (Box::leak(Box::new(Matcher::new(&inputs::capability()))), names)
}

fn pair() -> &'static (Capability, Capability) {
    Box::leak(Box::new((inputs::capability(), inputs::asked())))
}

fn text() -> &'static str {
    Box::leak(inputs::capability().to_string().into())
}

fn sign((key, signer, params): Held, nonce: Nonce) -> TokenRequest {
    TokenRequest::sign_with(signer, key.key_name(), params, NOW, nonce).unwrap()
}

fn mint((key, signer, _): Held) -> Token {
    inputs::jwt_fields(key).mint(signer).unwrap()
}

#[library_benchmark]
#[bench::fields(setup = to_sign)]
fn sign_and_write_json(((key, signer, _), nonce): (Held, Nonce)) -> ([u8; 512], Nonce) {
    let mut json = [0; 512];
    let fields = black_box(inputs::fields(key, &nonce));
    let mac = signer.sign(&fields).unwrap();
    fields.json_into(&mac, &mut json).unwrap();
    (json, nonce)
}

#[library_benchmark]
#[bench::params(setup = to_sign)]
fn sign_token_request((held, nonce): (Held, Nonce)) -> TokenRequest {
    sign(black_box(held), nonce)
}

#[library_benchmark]
#[bench::with_serde(setup = signed)]
fn write_json(request: &'static TokenRequest) -> String {
    serde_json::to_string(black_box(request)).unwrap()
}

#[library_benchmark]
#[bench::of_params(setup = signed)]
fn write_json_into(request: &'static TokenRequest) -> [u8; 512] {
    let mut json = [0; 512];
    black_box(request).json_into(&mut json).unwrap();
    json
}

#[library_benchmark]
#[bench::fields(setup = to_mint)]
fn mint_jwt(held: Held) -> Token {
    mint(black_box(held))
}

#[library_benchmark]
#[bench::params(setup = to_mint)]
fn mint_jwt_with((key, signer, params): Held) -> Token {
    jwt::mint_with(signer, key.key_name(), black_box(params), NOW).unwrap()
}

#[library_benchmark]
#[bench::claims_read(setup = to_verify)]
fn verify_jwt(((_, signer, _), jwt): (Held, &'static str)) -> VerifiedJwt {
    UnverifiedJwt::parse(black_box(jwt)).unwrap().verify(signer, NOW, Duration::ZERO).unwrap()
}

#[library_benchmark]
#[bench::yes_by_name(args = (&BY_NAME), setup = to_ask)]
#[bench::yes_by_wildcard(args = (&BY_WILDCARD), setup = to_ask)]
#[bench::no(args = (&DENIED), setup = to_ask)]
fn permits_8((matcher, names): (&'static Matcher, &'static [&'static str])) -> usize {
    black_box(names).iter().filter(|name| matcher.permits(name, Operation::Publish)).count()
}

#[library_benchmark]
#[bench::of_50(setup = inputs::capability)]
fn make_matcher(capability: Capability) -> (Matcher, Capability) {
    (Matcher::new(&capability), capability)
}

#[library_benchmark]
#[bench::of_50(setup = text)]
fn parse_capability(text: &'static str) -> Capability {
    Capability::parse_strict(black_box(text)).unwrap()
}

#[library_benchmark]
#[bench::of_50_and_4(setup = pair)]
fn intersect((has, asks): &'static (Capability, Capability)) -> Capability {
    black_box(has).intersect(black_box(asks))
}

library_benchmark_group!(
    name = core;
    benchmarks = sign_and_write_json, sign_token_request, write_json, write_json_into, mint_jwt, mint_jwt_with, verify_jwt, permits_8, make_matcher,
        parse_capability, intersect
);

main!(library_benchmark_groups = core);
