//! `ably-auth jwt verify` answers as the service would, and `inspect` shows the readable parts of a malformed JWT.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{Answer, KEY, SECRET, Service, apps, run, run_with_stdin};

const RS256: &str = r#"{"alg":"RS256","kid":"shop.backend"}"#;
const HEADER: &str = r#"{"typ":"JWT","alg":"HS256","kid":"shop.backend"}"#;
const NOW: u64 = 1_767_225_600;

/// A number of seconds that is beyond the leeway of the service, even if the clock goes on before it reads the JWT.
const AHEAD: u64 = 30;

/// Returns a JWT that is signed with the key, even if `header` or `claims` are invalid.
fn signed(header: &str, claims: &str) -> String {
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn claims(more: &Value) -> String {
    let mut claims = json!({ "iat": NOW, "exp": NOW + 3600, "x-ably-capability": r#"{"chat":["publish"]}"# });
    for (name, value) in more.as_object().unwrap() {
        if value == "absent" {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims.to_string()
}

/// Returns the `iat` of a JWT, in seconds.
fn issued(token: &str) -> u64 {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<Value>(&payload).unwrap()["iat"].as_u64().unwrap()
}

fn verify(token: &str) -> Answer {
    run_with_stdin(&["jwt", "verify", "--key", KEY, "--now", &format!("{}", NOW * 1000)], token)
}

/// Returns claims that the service refuses, each with a part of the expected message.
fn refused() -> Vec<(Value, &'static str)> {
    vec![
        (json!({ "exp": NOW + 86_401 }), "lives for 86401000 ms"),
        (json!({ "exp": NOW + 30 * 86_400 }), "86400000 at most"),
        (json!({ "exp": "absent" }), "exp"),
        (json!({ "iat": "absent" }), "iat"),
        (json!({ "x-ably-capability": r#"{"chat":["pubish"]}"# }), "pubish"),
        (json!({ "x-ably-capability": r#"{"chat":["publish","shout"]}"# }), "shout"),
        (json!({ "x-ably-capability": "{}" }), "permits nothing"),
        (json!({ "x-ably-capability": r#"{"*":"*"}"# }), "x-ably-capability"),
        (json!({ "x-ably-capability": r#"{"*":[]}"# }), "x-ably-capability"),
        (json!({ "x-ably-capability": "" }), "x-ably-capability"),
        (json!({ "x-ably-capability": "chat" }), "x-ably-capability"),
        (json!({ "x-ably-capability": { "chat": ["publish"] } }), "x-ably-capability"),
        (json!({ "x-ably-capability": null }), "x-ably-capability"),
        (json!({ "iat": null }), "iat"),
        (json!({ "x-ably-clientId": "" }), "clientId"),
        (json!({ "x-ably-clientId": 7 }), "x-ably-clientId"),
        (json!({ "x-ably-revocation-key": 7 }), "x-ably-revocation-key"),
        (json!({ "iat": NOW + AHEAD }), "issued in the future"),
        (json!({ "nbf": NOW + AHEAD }), "not valid yet"),
        (json!({ "iat": NOW - 60, "exp": NOW - 1 }), "expired"),
    ]
}

#[test]
fn verifying_refuses_what_the_service_refuses() {
    for (more, said) in refused() {
        let answer = verify(&signed(HEADER, &claims(&more)));
        assert!(answer.no().starts_with("not valid: ") && answer.no().contains(said), "{more}: {answer:?}");
        assert_eq!(answer.stderr, "");
    }
    verify(&signed(HEADER, &claims(&json!({ "exp": NOW + 86_400 })))).yes();
    verify(&signed(HEADER, &claims(&json!({ "x-ably-capability": r#"{"*":["*"]}"# })))).yes();
}

#[test]
fn verifying_has_the_leeway_of_the_service() {
    for (more, is_taken) in [
        (json!({ "iat": NOW + 2 }), true),
        (json!({ "iat": NOW + 3 }), false),
        (json!({ "nbf": NOW + 2 }), true),
        (json!({ "nbf": NOW + 3 }), false),
        (json!({ "iat": NOW - 60, "exp": NOW + 1 }), true),
        (json!({ "iat": NOW - 60, "exp": NOW }), false),
    ] {
        let answer = verify(&signed(HEADER, &claims(&more)));
        assert_eq!(answer.status, Some(i32::from(!is_taken)), "{more}: {answer:?}");
    }
}

/// Sends JWTs with the same claims to the service, with times around the current time.
#[test]
fn verifying_agrees_with_the_service() {
    let apps = apps("agreement.json");
    let service = Service::start(&["--apps", apps.path()]);
    let now = issued(run(&["jwt", "mint", "--key", KEY]).yes());
    let shift = |value: &Value| value.as_u64().filter(|time| *time > 1_000_000).map(|time| json!(time + now - NOW));
    let taken = [
        json!({}),
        json!({ "x-ably-capability": "absent" }),
        json!({ "x-ably-clientId": "bob" }),
        json!({ "x-ably-clientId": null, "x-ably-revocation-key": null, "x-ably-clientType": null, "nbf": null }),
        json!({ "nbf": NOW, "iat": NOW + 1, "exp": NOW + 60 }),
    ];
    for (more, is_taken) in refused().into_iter().map(|(more, _)| (more, false)).chain(taken.map(|more| (more, true))) {
        let mut claims: Value = serde_json::from_str(&claims(&more)).unwrap();
        for name in ["iat", "exp", "nbf"] {
            if let Some(time) = shift(&claims[name]) {
                claims[name] = time;
            }
        }
        let token = signed(HEADER, &claims.to_string());
        let (status, body) =
            service.call("POST", &format!("/channels/chat/messages?access_token={token}"), r#"{"name":"n"}"#);
        assert_eq!(status == 201, is_taken, "{claims}: {status} {body}");
        let answer = run_with_stdin(&["jwt", "verify", "--key", KEY], &token);
        assert_eq!(answer.status, Some(i32::from(!is_taken)), "{claims}: {answer:?}");
    }
}

#[test]
fn jwt_without_capability_has_all_rights_of_the_key() {
    let answer = verify(&signed(HEADER, &claims(&json!({ "x-ably-capability": "absent" }))));
    assert!(answer.yes().ends_with("it has no capability, so it has all rights of the key"), "{answer:?}");
    assert!(!verify(&signed(HEADER, &claims(&json!({})))).yes().contains("all rights"));
}

#[test]
fn embedded_token_is_verified() {
    let inner = signed(HEADER, &claims(&json!({})));
    let rs256 = r#"{"typ":"JWT","alg":"RS256"}"#;
    let outer = |token: &str, exp: u64| signed(rs256, &json!({ "x-ably-token": token, "exp": exp }).to_string());
    verify(&outer(&inner, NOW + 3600)).yes();
    let answer = verify(&outer(&inner, NOW + 3601));
    assert!(answer.no().contains("expires later than the token embedded"), "{answer:?}");
    let answer = verify(&outer(&signed(HEADER, &claims(&json!({ "x-ably-capability": "{}" }))), NOW));
    assert!(answer.no().contains("permits nothing"), "{answer:?}");
    let answer = verify(&outer("shop.hush-hush", NOW));
    assert!(answer.no().contains("only the service can verify it"), "{answer:?}");
    answer.assert_hides("hush");
}

#[test]
fn minted_jwt_on_pipe_is_never_issued_in_future() {
    for _ in 0..5 {
        let minted = run(&["jwt", "mint", "--key", KEY]).yes().to_owned();
        run_with_stdin(&["jwt", "verify", "--key", KEY], &minted).yes();
    }
}

#[cfg(unix)]
#[test]
fn clock_is_read_after_stdin() {
    // The verifier starts first and waits for the token, which is minted in a later second.
    let mut verifier = crate::support::spawn(
        crate::support::program(&["jwt", "verify", "--key", KEY]).stdin(std::process::Stdio::piped()),
    );
    let started = issued(run(&["jwt", "mint", "--key", KEY]).yes());
    let minted = loop {
        let token = run(&["jwt", "mint", "--key", KEY]).yes().to_owned();
        if issued(&token) > started {
            break token;
        }
    };
    std::io::Write::write_all(&mut verifier.0.stdin.take().unwrap(), minted.as_bytes()).unwrap();
    assert_eq!(verifier.wait_for_exit(), Some(0));
}

#[track_caller]
fn inspect(token: &str) -> Answer {
    let now = (NOW * 1000).to_string();
    let answer = run_with_stdin(&["jwt", "inspect", "--now", &now], token);
    let same = run_with_stdin(&["token", "inspect", "--now", &now], token);
    assert_eq!((answer.status, &answer.stdout), (Some(0), &same.stdout), "{answer:?} {same:?}");
    answer
}

#[test]
fn inspecting_lists_every_problem() {
    for (header, more, said) in [
        (r#"{"alg":"RS256","kid":"shop.backend"}"#, json!({}), &["`alg` is \"RS256\""][..]),
        (r#"{"alg":"none","kid":"shop.backend"}"#, json!({}), &["`alg` is \"none\""]),
        (r#"{"typ":"JWT","alg":"HS256"}"#, json!({}), &["`kid` is missing"]),
        (r#"{"kid":7}"#, json!({}), &["`alg` is missing", "`kid` is not the name of a key"]),
        (r#"{"alg":"HS256","kid":"shop.backend","typ":"at+jwt"}"#, json!({}), &["`typ` is not \"JWT\""]),
        (
            HEADER,
            json!({ "iat": NOW * 1000, "exp": (NOW + 60) * 1000 }),
            &["`iat` is in milliseconds", "`exp` is in milliseconds"],
        ),
        (HEADER, json!({ "exp": (NOW + 60).to_string() }), &["`exp` is not a number"]),
        (HEADER, json!({ "exp": "absent", "iat": "absent" }), &["`iat` is missing", "`exp` is missing"]),
        (HEADER, json!({ "exp": NOW - 5 }), &["`exp` is not after `iat`"]),
        (HEADER, json!({ "exp": NOW + 100_000 }), &["it lives for 100000 s"]),
        (HEADER, json!({ "x-ably-capability": { "a": ["*"] } }), &["`x-ably-capability` is an object"]),
        (HEADER, json!({ "x-ably-capability": r#"{"a":["pubish"]}"# }), &["unknown operation `pubish`"]),
        (HEADER, json!({ "x-ably-capability": "{}" }), &["permits nothing"]),
        (HEADER, json!({ "x-ably-clientid": "bob" }), &["`x-ably-clientid`; did you mean `x-ably-clientId`?"]),
        (
            HEADER,
            json!({ "clientId": "bob", "capability": "{}" }),
            &["did you mean `x-ably-clientId`?", "did you mean `x-ably-capability`?"],
        ),
        (HEADER, json!({ "iat": null, "exp": null }), &["`iat` is missing", "`exp` is missing"]),
        (RS256, json!({ "x-ably-capability": null }), &["`alg` is \"RS256\"", "`x-ably-capability` is null"]),
        (RS256, json!({ "x-ably-clientId": "" }), &["`alg` is \"RS256\"", "clientId"]),
        (RS256, json!({ "x-ably-clientId": 7 }), &["`alg` is \"RS256\"", "x-ably-clientId"]),
        (RS256, json!({ "x-ably-clientId": "a\nb" }), &["`alg` is \"RS256\"", "clientId"]),
        (RS256, json!({ "x-ably-revocation-key": 7 }), &["`alg` is \"RS256\"", "x-ably-revocation-key"]),
        (RS256, json!({ "x-ably-clientType": {} }), &["`alg` is \"RS256\"", "x-ably-clientType"]),
        (
            RS256,
            json!({ "ably.limits.publish.perAttachment.maxRate.chat": "fast" }),
            &["`alg` is \"RS256\"", "ably.limits.publish.perAttachment.maxRate"],
        ),
        (
            HEADER,
            json!({ "exp": NOW * 1000, "x-ably-capabilities": "{}" }),
            &["`exp` is in milliseconds", "did you mean `x-ably-capability`?"],
        ),
    ] {
        let answer = inspect(&signed(header, &claims(&more)));
        let (_, problems) =
            answer.stdout.split_once("\n\nproblems\n- ").unwrap_or_else(|| panic!("{more}: {answer:?}"));
        assert!(said.iter().all(|said| problems.contains(said)), "{more}: {problems}");
        let json = run_with_stdin(&["jwt", "inspect", "--json"], &signed(header, &claims(&more))).yes_json();
        assert!(json["problems"].as_array().unwrap().len() >= said.len(), "{json}");
    }
}

#[test]
fn inspecting_lists_repeated_members() {
    let claims = format!(r#"{{"iat":{NOW},"exp":{},"exp":{0},"x-ably-clientId":"a","x-ably-clientId":"b"}}"#, NOW + 60);
    let answer = inspect(&signed(r#"{"alg":"HS256","alg":"none","kid":"shop.backend"}"#, &claims));
    for said in ["header repeats `alg`", "payload repeats `exp`", "payload repeats `x-ably-clientId`"] {
        assert!(answer.stdout.contains(said), "{answer:?}");
    }
}

#[test]
fn inspecting_shows_header_claims_and_dates() {
    let header = r#"{"alg":"RS256","typ":"JWT"}"#;
    let answer = inspect(&signed(header, &claims(&json!({ "sub": "bob", "exp": (NOW + 3600) * 1000 }))));
    for said in [
        "header  alg = RS256",
        "claim   sub = bob",
        "iat = 1767225600 (2026-01-01 00:00:00 UTC)",
        "exp = 1767229200000 (2026-01-01 01:00:00 UTC)",
        r#"x-ably-capability = {"chat":["publish"]}"#,
    ] {
        assert!(answer.stdout.contains(said), "{said}: {answer:?}");
    }
}

#[test]
fn readable_parts_of_malformed_jwts_are_shown() {
    let token = signed(HEADER, &claims(&json!({})));
    let (start, _) = token.rsplit_once('.').unwrap();
    let padded = format!(
        "{}.{}.{}",
        STANDARD.encode(HEADER),
        STANDARD.encode(claims(&json!({ "sub": "ÿþ?~>>>" }))),
        "A".repeat(43)
    );
    for (token, said) in [
        (start.to_owned(), "it has 2 parts between dots, not 3"),
        (format!("{start}."), "it has no signature"),
        (token[..token.len() - 20].to_owned(), "its signature has "),
        (
            format!("{start}.{}", URL_SAFE_NO_PAD.encode([7; 64])),
            "its signature has 64 bytes, not 32; sign it with HMAC",
        ),
        (format!("{start}.!"), "its signature is not base64url"),
        (format!("{}.%.x", URL_SAFE_NO_PAD.encode(HEADER)), "its payload is not base64url"),
        (format!("{}.e30", URL_SAFE_NO_PAD.encode(HEADER)), "`exp` is missing"),
        (format!("{}..x.y.z", URL_SAFE_NO_PAD.encode(HEADER)), "it is encrypted"),
        (format!("{token}.more"), "it has 4 parts"),
        (padded, "is in base64, not in base64url without padding"),
    ] {
        let answer = run_with_stdin(&["jwt", "inspect"], &token);
        assert!(answer.yes().contains(said), "{said}: {answer:?}");
        assert!(answer.stdout.contains("shop.backend"), "{answer:?}");
    }
}

#[test]
fn malformed_jwts_are_escaped_and_redacted() {
    let header = "{\"alg\":\"\u{202e}RS\",\"x-ably-token\":\"shop.hush\"}";
    let claims = "{\"a\u{202e}\":\"\\u001b[2J\",\"x-ably-token\":\"shop.hush\",\"x-Ably-Token\":\"shop.hush\"}";
    for json in [&[][..], &["--json"]] {
        let answer = run_with_stdin(&[&["jwt", "inspect"], json].concat(), &signed(header, claims));
        answer.assert_hides("hush");
        if json.is_empty() {
            assert!(answer.yes().chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{answer:?}");
        }
    }
}

#[test]
fn key_in_wrong_place_is_redacted() {
    let in_kid = json!({ "alg": "HS256", "kid": KEY }).to_string();
    let in_claim = claims(&json!({ "sub": KEY, "accessToken": "shop.hush" }));
    for token in [signed(&in_kid, &claims(&json!({}))), signed(HEADER, &in_claim)] {
        for json in [&[][..], &["--json"]] {
            let answer = run_with_stdin(&[&["jwt", "inspect"], json].concat(), &token);
            answer.assert_hides(SECRET);
            answer.assert_hides("hush");
            assert!(answer.yes().contains("shop.backend:[redacted]"), "{answer:?}");
        }
    }
}
