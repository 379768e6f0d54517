//! `ably-auth token inspect`

use serde_json::{Value, json};

use crate::support::{Answer, File, KEY, SECRET, Service, apps, run, run_with_env, run_with_stdin};

/// The secret part of a token, which no output may contain.
const REST: &str = "AbCdEfGhIjKlMnOpQrStUvWxYz0123";

fn inspect(text: &str, more: &[&str]) -> Answer {
    let answer = run_with_stdin(&[&["token", "inspect"], more].concat(), text);
    answer.assert_hides(REST);
    answer
}

#[test]
fn native_token_shows_only_its_app() {
    let token = format!("shop.{REST}\n");
    let shown = "native token\napp id    shop\nthe rest  30 characters that only the service can read";
    assert_eq!(inspect(&token, &[]).yes(), shown);
    assert_eq!(inspect(&token, &["--json"]).yes_json(), json!({ "kind": "native", "appId": "shop" }));
}

#[test]
fn token_is_read_from_file_environment_or_stdin() {
    let token = format!("shop.{REST}");
    let file = File::new("inspect.token", &token);
    for answer in [
        run(&["token", "inspect", "--token-file", file.path()]),
        run_with_env(&["token", "inspect"], "ABLY_TOKEN", &token),
        inspect(&token, &["--token-file", "-"]),
    ] {
        assert!(answer.yes().contains("app id    shop"), "{answer:?}");
        answer.assert_hides(REST);
    }
}

#[test]
fn jwt_is_described() {
    let minted = run(&["jwt", "mint", "--key", KEY, "--client-id", "bob", "--timestamp", "1449746287318"]);
    let answer = inspect(minted.yes(), &["--json", "--now", "1449749586999"]);
    let expected = json!({
        "kind": "jwt", "keyName": "shop.backend", "appId": "shop", "clientId": "bob", "state": "valid",
        "issued": 1_449_746_287_000_u64, "expires": 1_449_749_887_000_u64, "renewAt": 1_449_749_587_000_u64,
    });
    assert_eq!(answer.yes_json(), expected);
    answer.assert_hides(minted.yes());
}

fn details() -> Value {
    json!({
        "token": format!("shop.{REST}"), "keyName": "shop.backend", "clientId": "bob",
        "issued": 1_449_746_287_318_u64, "expires": 1_449_749_887_318_u64, "capability": r#"{"é":["publish"]}"#,
    })
}

#[test]
fn details_are_described_without_token() {
    let mut expected = details();
    expected.as_object_mut().unwrap().remove("token");
    for (name, value) in [
        ("kind", json!("tokenDetails")),
        ("tokenKind", json!("native")),
        ("appId", json!("shop")),
        ("state", json!("renewing")),
        ("renewAt", json!(1_449_749_587_318_u64)),
    ] {
        expected[name] = value;
    }
    let now = ["--now", "1449749587318"];
    assert_eq!(inspect(&details().to_string(), &[&now[..], &["--json"]].concat()).yes_json(), expected);
    let shown = inspect(&details().to_string(), &now).yes().to_owned();
    assert!(shown.starts_with("TokenDetails\nkey name   shop.backend\n"), "{shown}");
    assert!(shown.contains("valid, and time to renew") && shown.ends_with("   publish\né  ●"), "{shown}");
    assert!(!shown.contains('\x1b'));
}

#[test]
fn missing_details_are_left_out() {
    let text = json!({ "token": format!("shop.{REST}") }).to_string();
    let expected = json!({ "kind": "tokenDetails", "tokenKind": "native", "appId": "shop" });
    assert_eq!(inspect(&text, &["--json"]).yes_json(), expected);
    let mut odd = details();
    odd["capability"] = json!("{");
    assert!(inspect(&odd.to_string(), &[]).yes().contains("invalid capability: "));
}

#[test]
fn requested_token_can_be_inspected() {
    let apps = apps("inspected.json");
    let service = Service::start(&["--apps", apps.path()]);
    let details = run(&["token", "request", "--endpoint", &service.url(), "--key", KEY]).yes_json();
    let answer = inspect(&details.to_string(), &["--json"]);
    assert_eq!((&answer.yes_json()["state"], &answer.yes_json()["expires"]), (&json!("valid"), &details["expires"]));
    answer.assert_hides(details["token"].as_str().unwrap());
}

#[test]
fn invalid_token_is_named_and_not_quoted() {
    for (text, said) in [
        ("", "it is empty"),
        (KEY, "it is an API key; use `key inspect`"),
        (REST, "it is not a token"),
        (".rest-of-it", "it is not a token"),
        ("two words", "token has a character"),
        (r#"{"token":"hush hush"}"#, "not the JSON of a token's details (line 1 column "),
        (r#"{"hush":1}"#, "not the JSON of a token's details (line 1 column "),
        ("a.b.c", "JWT"),
        ("a.b.c.d.e", "JWT"),
    ] {
        let answer = inspect(text, &[]);
        answer.bad(&["stdin: ", said]);
        answer.assert_hides("hush");
        answer.assert_hides(SECRET);
    }
}

#[test]
fn token_in_wrong_argument_is_redacted() {
    for token in [format!("shop.{REST}"), format!("eyJhbGciOiJIUzI1NiJ9.e30.{REST}")] {
        for json in [&[][..], &["--json"]] {
            let answer = run(&[json, &["token", "request", &token]].concat());
            assert_eq!(answer.status, Some(2), "{answer:?}");
            answer.assert_hides(REST);
        }
    }
}

#[test]
fn token_may_be_an_argument() {
    let native = format!("shop.{REST}");
    let minted = run(&["jwt", "mint", "--key", KEY, "--client-id", "bob"]).yes().to_owned();
    for (command, token, said) in [
        (["token", "inspect"], &native, "app id    shop"),
        (["token", "inspect"], &minted, "client id  bob"),
        (["jwt", "inspect"], &minted, "client id  bob"),
    ] {
        let answer = run(&[&command[..], &[token]].concat());
        assert!(answer.yes().contains(said), "{answer:?}");
        answer.assert_hides(token);
        assert!(run_with_stdin(&[&command[..], &["-"]].concat(), token).yes().contains(said));
    }
    run(&["jwt", "verify", &minted, "--key", KEY]).yes();
    run(&["token", "inspect", &native, "--token-file", "x"]).bad(&["cannot be used with"]);
    for broken in [format!("{REST} x"), format!("\"{REST}\"")] {
        let answer = run(&["token", "inspect", &broken]);
        answer.bad(&["the token: "]);
        answer.assert_hides(REST);
    }
}
