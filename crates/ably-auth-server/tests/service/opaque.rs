//! Tests that tokens and refusals reveal no secret information.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::Request;
use serde_json::json;

use crate::support::*;

/// Returns the status, all headers and the whole body.
fn full_response(answer: &Answer) -> (u16, String, String) {
    (answer.status, format!("{:?}", answer.headers), answer.text())
}

#[test]
fn token_text_reveals_no_rights() {
    let world = World::new();
    let asked = [
        params(),
        of("bob"),
        of("*"),
        can(r#"{"a":["publish"]}"#),
        can(r#"{"a-much-longer-name":["publish","subscribe"]}"#),
        of("alice").ttl(ttl(1)).capability(r#"{"a":["history"],"b:*":["*"]}"#),
        params().ttl(ttl(24 * HOUR)),
    ];
    let tokens = asked.each_ref().map(|params| world.token(KEY, params).token().expose().to_owned());
    let raw = tokens.each_ref().map(|token| {
        let (app_id, sealed) = token.split_once('.').unwrap();
        assert_eq!(app_id, "app1");
        URL_SAFE_NO_PAD.decode(sealed).unwrap()
    });
    for (token, raw) in tokens.iter().zip(&raw) {
        assert_eq!(token.len(), tokens[0].len(), "the length does not depend on the rights");
        for readable in ["a", "publish", "subscribe", "bob", "alice", "key1", "history", "b:*"].map(str::as_bytes) {
            // Random bytes contain short sequences by chance.
            let found = readable.len() > 2 && raw.windows(readable.len()).any(|window| window == readable);
            assert!(!found, "{readable:?} is readable in the token");
        }
    }
    // Two tokens share only the version and the key ID, even if their rights are equal.
    let common = |one: &[u8], other: &[u8]| one.iter().zip(other).take_while(|(one, other)| one == other).count();
    let again =
        URL_SAFE_NO_PAD.decode(world.token(KEY, &params()).token().expose().split_once('.').unwrap().1).unwrap();
    for other in raw[1..].iter().chain([&again]) {
        assert!((5..9).contains(&common(&raw[0], other)), "only version and key ID are equal");
        let equal = raw[0].iter().zip(other).skip(5).filter(|(one, other)| one == other).count();
        assert!(equal < 16, "{equal} of {} bytes are equal", other.len());
    }
}

#[test]
fn all_wrong_secrets_get_same_response() {
    let world = World::new();
    let half = format!("{}{}", &SECRET[..20], "x".repeat(SECRET.len() - 20));
    let all_but_one = format!("{}x", &SECRET[..SECRET.len() - 1]);
    let guesses = ["x", &SECRET[..1], &half, &all_but_one, &format!("{SECRET}x"), &"x".repeat(SECRET.len())];
    let answers = guesses.map(|guess| {
        let credential = basic_of(&format!("{KEY}:{guess}"));
        let path = "/channels/chat?request_id=same";
        let by_key = full_response(&world.get(path, &credential));
        let claims = json!({ "iat": NOW / 1000, "exp": NOW / 1000 + 60 });
        let jwt = jwt_of(&json!({ "typ": "JWT", "alg": "HS256", "kid": KEY }), &claims, guess);
        let by_jwt = full_response(&world.get(path, &format!("Bearer {jwt}")));
        (by_key, by_jwt)
    });
    for (guess, answer) in guesses.iter().zip(&answers) {
        assert_eq!((answer.0.0, answer.1.0), (401, 401));
        assert_eq!(answer, &answers[0], "{guess}");
    }
}

#[test]
fn all_wrong_macs_get_same_response_and_use_no_nonce() {
    let world = World::new();
    let good = serde_json::to_value(world.sign(KEY, &of("bob"))).unwrap();
    let right = STANDARD.decode(good["mac"].as_str().unwrap()).unwrap();
    let path = format!("/keys/{KEY}/requestToken?request_id=same");
    let send = |request: &serde_json::Value| full_response(&world.send(Request::post(&path), request.to_string()));
    let answers: Vec<_> = (0..right.len())
        .map(|at| {
            let mut mac = right.clone();
            mac[at] ^= 1;
            let mut request = good.clone();
            request["mac"] = STANDARD.encode(mac).into();
            send(&request)
        })
        .collect();
    assert!(answers.iter().all(|answer| answer.0 == 401 && *answer == answers[0]));
    assert_eq!(send(&good).0, 201, "refused requests used no nonce");
}

#[test]
fn all_wrong_access_tokens_get_same_response() {
    let world = World::new();
    let guesses = ["x", &CONTROL[..1], &CONTROL[..CONTROL.len() - 1], &format!("{CONTROL}x"), &CONTROL.to_uppercase()];
    let answers = guesses
        .map(|guess| full_response(&world.get("/v1/apps/app1/keys?request_id=same", &format!("Bearer {guess}"))));
    assert!(answers.iter().all(|answer| answer.0 == 401 && *answer == answers[0]), "{answers:?}");
}
