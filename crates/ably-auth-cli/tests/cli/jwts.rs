//! `ably-auth jwt`

use serde_json::json;

use crate::support::{Answer, File, KEY, LIMITED_KEY, SECRET, run, run_with_env, run_with_key_in_env, run_with_stdin};

const ISSUED: &str = "1449746287318";

fn mint(more: &[&str]) -> Answer {
    let answer = run_with_key_in_env(&[&["jwt", "mint", "--timestamp", ISSUED], more].concat(), KEY);
    answer.assert_hides(SECRET);
    answer
}

fn full() -> String {
    let more = [
        "--client-id",
        "bob",
        "--ttl",
        "600000",
        "--capability",
        r#"{"日本:*":["publish","subscribe"],"café":["history"]}"#,
        "--revocation-key",
        "group-1",
        "--channel-claim",
        "chat:*=a=moderator",
        "--channel-claim",
        "status=reader",
        "--publish-limit",
        "[?a=b]chat=5",
    ];
    mint(&more).yes().to_owned()
}

fn verify(token: &str, more: &[&str]) -> Answer {
    run_with_stdin(&[&["jwt", "verify", "--key", KEY], more].concat(), token)
}

#[test]
fn minted_jwt_has_requested_claims() {
    let inspected = run_with_stdin(&["jwt", "inspect", "--json", "--now", "1449746287318"], &full()).yes_json();
    let expected = json!({
        "kind": "jwt", "keyName": "shop.backend", "appId": "shop", "clientId": "bob", "revocationKey": "group-1",
        "capability": r#"{"café":["history"],"日本:*":["publish","subscribe"]}"#,
        "channelClaims": { "chat:*": "a=moderator", "status": "reader" }, "publishLimits": { "[?a=b]chat": 5.0 },
        "issued": 1_449_746_287_000_u64, "expires": 1_449_746_887_000_u64, "renewAt": 1_449_746_827_000_u64, "state": "valid",
    });
    assert_eq!(inspected, expected);
}

#[test]
fn json_option_prints_token_details() {
    let details = mint(&["--json", "--client-id", "bob"]).yes_json();
    let token = mint(&["--client-id", "bob"]).yes().to_owned();
    let expected = json!({
        "token": token, "keyName": "shop.backend", "clientId": "bob",
        "issued": 1_449_746_287_000_u64, "expires": 1_449_749_887_000_u64,
    });
    assert_eq!(details, expected);
}

#[test]
fn invalid_mint_options_are_named() {
    for (option, value, said) in [
        ("--ttl", "86400001", "--ttl: "),
        ("--client-id", "", "--client-id: "),
        ("--capability", "{", "--capability: "),
        ("--channel-claim", "chat", "--channel-claim: expected `RESOURCE=VALUE`"),
        ("--channel-claim", "=x", "--channel-claim: "),
        ("--publish-limit", "chat=many", "--publish-limit: expected a whole number"),
        ("--publish-limit", "chat=-1", "--publish-limit: "),
        ("--timestamp", "18446744073709551615", "timestamp is too late"),
    ] {
        let answer = run(&["jwt", "mint", "--key", KEY, option, value]);
        answer.bad(&[said]);
        answer.assert_hides(SECRET);
    }
    let repeated = ["--channel-claim", "a=x", "--channel-claim", "a=y"];
    run(&[&["jwt", "mint", "--key", KEY], &repeated[..]].concat()).bad(&["twice"]);
}

#[test]
fn inspect_draws_lifetime_and_capability() {
    let token = full();
    let answer = run_with_stdin(&["jwt", "inspect", "--now", "1449746587000"], &token);
    let shown = answer.yes();
    for part in [
        "JWT, not verified\nkey name        shop.backend\napp id          shop\nclient id       bob\n",
        "channel claim   chat:* = \"a=moderator\"\n",
        "publish limit   [?a=b]chat = 5.0\n",
        "expires   2015-12-10 11:28:07 UTC  in 5 min 0 s",
        "        history\n        │ publish\n        │ │ subscribe\ncafé    ● · ·\n日本:*  · ● ●",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    assert!(!shown.contains('\x1b'), "{shown:?}");
    answer.assert_hides(&token);
    answer.assert_hides(token.rsplit('.').next().unwrap());
}

/// Returns a JWT with an invalid signature.
fn unsigned(payload: &str) -> String {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let header = r#"{"typ":"JWT","alg":"HS256","kid":"shop.backend"}"#;
    format!("{}.{}.{}", engine.encode(header), engine.encode(payload), engine.encode([0; 32]))
}

#[test]
fn hostile_jwt_is_escaped_and_redacted() {
    let payload = json!({
        "iat": 1, "exp": 2, "x-ably-clientId": "bob\u{202e}", "x-ably-revocation-key": "\u{1b}[2J", "x-ably-capability": "{\"a\u{9b}\":[\"\u{1b}\"]}",
        "x-ably-token": "shop.hush-hush", "x\u{7}": "\u{1b}]0;",
    });
    let answer = run_with_stdin(&["jwt", "inspect"], &unsigned(&payload.to_string()));
    let shown = answer.yes();
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{shown:?}");
    answer.assert_hides("hush");
    let answer = run_with_stdin(&["jwt", "inspect", "--json"], &unsigned(&payload.to_string()));
    assert_eq!(answer.yes_json()["embeddedToken"], true);
    answer.assert_hides("hush");
}

#[test]
fn verify_accepts_signed_jwt() {
    let token = full();
    assert_eq!(verify(&token, &["--now", ISSUED]).yes(), "valid: signed with shop.backend for clientId `bob`");
    let json = verify(&format!("\n{token}\n"), &["--now", ISSUED, "--json"]).yes_json();
    assert_eq!(
        (&json["valid"], &json["clientId"], &json["revocationKey"]),
        (&json!(true), &json!("bob"), &json!("group-1"))
    );
    assert!(
        verify(mint(&[]).yes(), &["--now", ISSUED])
            .yes()
            .ends_with(" for no clientId; it has no capability, so it has all rights of the key")
    );
}

#[test]
fn verify_gives_reason_of_refusal() {
    let token = full();
    let (rest, signature) = token.rsplit_once('.').unwrap();
    let other = format!("{rest}.{}", if signature.starts_with('A') { "B" } else { "A" }) + &signature[1..];
    for (token, now, code, said) in [
        (&*other, ISSUED, 40144, "JWT's signature verification failed: this key did not sign the JWT"),
        (&token, "1449746887000", 40142, "JWT has expired"),
        (&token, "1449746284999", 40144, "JWT was issued in the future"),
        ("shop.native", ISSUED, 40144, "JWT"),
    ] {
        let answer = verify(token, &["--now", now]);
        assert!(answer.no().starts_with("not valid: ") && answer.no().contains(said), "{answer:?}");
        answer.assert_hides(SECRET);
        answer.assert_hides(signature);
        let json = verify(token, &["--now", now, "--json"]).no_json();
        assert_eq!((&json["valid"], json["code"].as_u64()), (&json!(false), Some(code)), "{json}");
        assert!(json["reason"].as_str().unwrap().contains(said), "{json}");
    }
    let answer = run_with_stdin(&["jwt", "verify", "--key", LIMITED_KEY, "--now", ISSUED], &token);
    assert!(answer.no().contains("names the key `shop.backend`, not `shop.limited`"), "{answer:?}");
}

#[test]
fn leeway_allows_clock_difference() {
    let token = full();
    for (now, leeway, valid) in [
        ("1449746887000", "0", false),
        ("1449746887000", "1", true),
        ("1449746285000", "1999", false),
        ("1449746285000", "2000", true),
    ] {
        let answer = verify(&token, &["--now", now, "--leeway", leeway]);
        assert_eq!(answer.status, Some(i32::from(!valid)), "{now} {leeway} {answer:?}");
    }
}

#[test]
fn keys_and_tokens_are_read_from_files_environment_or_stdin() {
    let token = full();
    let (key_file, token_file) =
        (File::new("jwt.key", &format!("{KEY}\n")), File::new("jwt.token", &format!("{token}\n")));
    let base = ["jwt", "verify", "--now", ISSUED, "--key-file", key_file.path()];
    run(&[&base[..], &["--token-file", token_file.path()]].concat()).yes();
    run_with_env(&base, "ABLY_TOKEN", &token).yes();
    run_with_stdin(&base, &token).yes();
    run_with_stdin(&[&base[..], &["--token-file", "-"]].concat(), &token).yes();

    run(&[&base[..], &["--token-file", "nowhere"]].concat()).bad(&["--token-file nowhere: "]);
    run_with_stdin(&base, " \n").bad(&["stdin: it is empty"]);
    run_with_stdin(&["jwt", "verify", "--key-file", "nowhere"], &token).bad(&["--key-file nowhere: "]);
    let answer = run_with_stdin(&["jwt", "inspect", "--json"], "nothing.of-the.kind");
    assert!(answer.bad_json().starts_with("stdin: "), "{answer:?}");
    answer.assert_hides("of-the");
}

#[test]
fn other_claims_are_json_or_text() {
    let claims = ["--claim", "sub=bob", "--claim", "admin=true", "--claim", "n=7", "--claim", r#"list=["a=b"]"#];
    let token = mint(&claims).yes().to_owned();
    let json = run_with_stdin(&["jwt", "inspect", "--json"], &token).yes_json();
    assert_eq!(json["otherClaims"], json!({ "sub": "bob", "admin": true, "n": 7, "list": ["a=b"] }));
    verify(&token, &["--now", ISSUED]).yes();
    for claim in ["bob", "=bob", "iat=1", "exp=1", "x-ably-capability={}", "ably.channel.chat=x"] {
        run(&["jwt", "mint", "--key", KEY, "--claim", claim]).bad(&[]);
    }
    run(&["jwt", "mint", "--key", KEY, "--claim", "a=1", "--claim", "a=2"]).bad(&["twice"]);
}
