//! `ably-auth token try`

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::{Answer, KEY, SECRET, Service, apps, run, run_with_env, run_with_key_in_env, run_with_stdin};

const NOW: u64 = 1_767_225_600_000;
const CAPABILITY: &str = r#"{"chat:*":["publish","subscribe"]}"#;

fn minted(more: &[&str]) -> String {
    let args = ["jwt", "mint", "--key", KEY, "--timestamp", &NOW.to_string()];
    run(&[&args, more].concat()).yes().to_owned()
}

fn attempt(token: &str, now: u64, more: &[&str]) -> Answer {
    let answer = run_with_stdin(&[&["token", "try"], more, &["--now", &now.to_string()]].concat(), token);
    answer.assert_hides(token);
    answer.assert_hides(SECRET);
    answer
}

#[test]
fn capability_of_jwt_is_checked() {
    let jwt = minted(&["--capability", CAPABILITY]);
    assert_eq!(
        attempt(&jwt, NOW, &["chat:room1", "publish"]).yes(),
        "yes: `publish` on `chat:room1` is permitted by `chat:*`\n\n        publish\n        │ subscribe\nchat:*  ● ●\n\n\
         not checked: signature, capability of the key, maximum lifetime of the key's tokens, revocation"
    );
    let refused = attempt(&jwt, NOW, &["chat:room1", "history"]);
    assert!(refused.no().starts_with("no: `history` on `chat:room1` is not permitted: "), "{refused:?}");
    assert_eq!(attempt(&jwt, NOW, &["status", "publish"]).status, Some(1));
    let json = attempt(&jwt, NOW, &["--json", "chat:room1", "history"]).no_json();
    assert_eq!((&json["permitted"], &json["reason"]), (&json!(false), &json!("lacksOperation")));
}

#[test]
fn key_capability_limits_a_jwt() {
    let jwt = minted(&["--capability", CAPABILITY]);
    let of_key = ["--key-capability", r#"{"chat:lobby":["*"]}"#];
    let with_key = |channel: &str| attempt(&jwt, NOW, &[&[channel, "publish"][..], &of_key].concat());
    assert!(
        with_key("chat:lobby")
            .yes()
            .ends_with("\nnot checked: signature, maximum lifetime of the key's tokens, revocation")
    );
    assert_eq!(with_key("chat:room1").status, Some(1));
    let bare = minted(&[]);
    attempt(&bare, NOW, &["chat:lobby", "publish"]).bad(&["stdin: unknown capability: the JWT does not contain one"]);
    assert_eq!(attempt(&bare, NOW, &[&["chat:lobby", "publish"][..], &of_key].concat()).status, Some(0));
    let details = json!({ "token": "shop.opaque", "capability": CAPABILITY }).to_string();
    attempt(&details, NOW, &[&["chat:lobby", "publish"][..], &of_key].concat()).bad(&["--key-capability: "]);
}

#[test]
fn token_outside_its_lifetime_permits_nothing() {
    let jwt = minted(&["--capability", CAPABILITY, "--ttl", "30m"]);
    let details =
        json!({ "token": "shop.opaque", "issued": NOW, "expires": NOW + 1_800_000, "capability": CAPABILITY });
    for token in [jwt, details.to_string()] {
        let at = |now: u64| attempt(&token, now, &["chat:room1", "publish"]);
        assert_eq!((at(NOW).status, at(NOW + 1_799_999).status), (Some(0), Some(0)));
        let expired = at(NOW + 1_800_000);
        assert!(expired.no().contains("the token expired at 2026-01-01 00:30:00 UTC"), "{expired:?}");
        let json = attempt(&token, NOW + 1_800_000, &["--json", "chat:room1", "publish"]).no_json();
        let expected =
            json!({ "permitted": false, "resource": "chat:room1", "operation": "publish", "reason": "expired" });
        assert_eq!(json, expected);
    }
}

#[test]
fn early_jwt_is_accepted_within_leeway_of_service() {
    let jwt = minted(&["--capability", CAPABILITY]);
    let at = |now: u64| attempt(&jwt, now, &["chat:room1", "publish"]);
    assert_eq!(at(NOW - 2_000).status, Some(0));
    let early = at(NOW - 2_001);
    assert!(early.no().contains("the token is valid from 2026-01-01 00:00:00 UTC on"), "{early:?}");
}

/// The service refuses each of these tokens, even if its capability permits the operation.
#[test]
fn token_that_service_refuses_permits_nothing() {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let header = part(&json!({ "typ": "JWT", "alg": "HS256", "kid": "shop.backend" }));
    let signature = URL_SAFE_NO_PAD.encode([0; 32]);
    let jwt = |claims: Value| format!("{header}.{}.{signature}", part(&claims));
    let (iat, day) = (NOW / 1_000, 24 * 60 * 60);
    let long = jwt(json!({ "iat": iat, "exp": iat + 2 * day, "x-ably-capability": CAPABILITY }));
    assert_eq!(attempt(&long, NOW, &["--json", "chat:room1", "publish"]).no_json()["reason"], "refused");
    let details = json!({ "token": long, "capability": CAPABILITY }).to_string();
    assert_eq!(attempt(&details, NOW, &["chat:room1", "publish"]).status, Some(1), "the details do not count");
    let misspelt =
        jwt(json!({ "iat": iat, "exp": iat + 60, "x-ably-capability": r#"{"chat:*":["publish","pubish"]}"# }));
    attempt(&misspelt, NOW, &["chat:room1", "publish"]).bad(&["pubish"]);
    let inner = jwt(json!({ "iat": iat, "exp": iat + 60, "x-ably-capability": CAPABILITY }));
    let outer = jwt(json!({ "iat": iat, "exp": iat + 61, "x-ably-token": inner }));
    let answer = attempt(&outer, NOW, &["chat:room1", "publish"]);
    assert!(answer.no().contains("expires later than the token embedded in it"), "{answer:?}");
}

#[test]
fn native_token_needs_its_details() {
    let apps = apps("try-apps.json");
    let service = Service::start(&["--apps", apps.path()]);
    let request = ["token", "request", "--endpoint", &service.url(), "--capability", CAPABILITY];
    let details = run_with_key_in_env(&request, KEY).yes().to_owned();
    let answer = run_with_stdin(&["token", "try", "chat:room1", "publish"], &details);
    assert!(answer.yes().ends_with("\nnot checked: revocation"), "{answer:?}");
    assert_eq!(run_with_stdin(&["token", "try", "chat:room1", "history"], &details).status, Some(1));

    let json: Value = serde_json::from_str(&details).unwrap();
    let token = json["token"].as_str().unwrap();
    let alone = run_with_env(&["token", "try", "chat:room1", "publish"], "ABLY_TOKEN", token);
    alone.bad(&["ABLY_TOKEN: unknown capability: only the service can read a native token"]);
    alone.assert_hides(token);
    let less = json!({ "token": token }).to_string();
    attempt(&less, NOW, &["chat:room1", "publish"]).bad(&["the TokenDetails has no `capability`"]);
    let of_jwt = json!({ "token": minted(&["--capability", CAPABILITY]) }).to_string();
    assert_eq!(attempt(&of_jwt, NOW, &["chat:room1", "publish"]).status, Some(0));
}

#[test]
fn embedded_token_is_tried() {
    let around = |token: &str| {
        let payload = json!({ "exp": NOW / 1000 + 60, "x-ably-token": token }).to_string();
        format!("eyJhbGciOiJSUzI1NiJ9.{}.c2ln", URL_SAFE_NO_PAD.encode(payload))
    };
    let jwt = around(&minted(&["--capability", CAPABILITY]));
    assert_eq!(attempt(&jwt, NOW, &["chat:room1", "publish"]).status, Some(0));
    assert_eq!(attempt(&jwt, NOW, &["status", "publish"]).status, Some(1));
    attempt(&around("shop.opaque"), NOW, &["status", "publish"]).bad(&["only the service can read a native token"]);
}

#[test]
fn token_that_cannot_be_tried_is_named() {
    let jwt = minted(&["--capability", CAPABILITY]);
    attempt(&jwt, NOW, &["chat", "fly"]).bad(&["the operation: unknown operation `fly`", "publish"]);
    attempt(&jwt, NOW, &["[x", "publish"]).bad(&["the channel: "]);
    attempt("eyJhbGciOiJIUzI1NiJ9.e30", NOW, &["chat", "publish"]).bad(&["stdin: "]);
    let key = attempt(KEY, NOW, &["chat", "publish"]);
    key.bad(&["it is an API key, not a token"]);
    run(&["token", "try", "chat"]).bad(&["<OPERATION>"]);
}
