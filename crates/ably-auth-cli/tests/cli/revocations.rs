//! `ably-auth revoke`

use serde_json::{Value, json};

use crate::support::{Answer, File, KEY, SECRET, Service, run};

fn service(name: &str) -> (Service, File) {
    let keys = json!([{ "id": "backend", "secret": SECRET, "revocableTokens": true }]);
    let apps = File::new(name, &json!({ "appId": "shop", "keys": keys }).to_string());
    (Service::start(&["--sandbox", "--apps", apps.path()]), apps)
}

fn revoke(service: &Service, more: &[&str]) -> Answer {
    let answer = run(&[&["revoke", "--endpoint", &service.url(), "--key", KEY], more].concat());
    answer.assert_hides(SECRET);
    answer
}

fn use_token(service: &Service, token: &str) -> (u16, Value) {
    let path = format!("/channels/chat/messages?access_token={token}");
    let (status, body) = service.call("POST", &path, r#"{"name":"n","data":"d"}"#);
    (status, body["error"]["code"].clone())
}

#[test]
fn minted_jwt_works_until_revoked() {
    let (service, _apps) = service("revoke.json");
    let minted = run(&["jwt", "mint", "--key", KEY, "--client-id", "bob", "--revocation-key", "group-1"]);
    let token = minted.yes();
    assert_eq!(use_token(&service, token).0, 201);
    let answer = revoke(&service, &["revocationKey:group-1"]);
    assert!(answer.yes().starts_with("revoked  revocationKey:group-1: issued before 20"), "{answer:?}");
    assert!(!answer.yes().contains('\x1b'));
    assert_eq!(use_token(&service, token), (401, json!(40141)));
}

#[test]
fn each_target_has_its_result() {
    let (service, _apps) = service("results.json");
    let targets = ["clientId:bob", "user:日本", "revocationKey:chat:*"];
    let answer = revoke(&service, &targets);
    let lines: Vec<_> = answer.no().lines().collect();
    assert!(lines[0].starts_with("revoked  clientId:bob: "), "{answer:?}");
    assert!(lines[1].starts_with("failed   user:日本: ") && lines[1].contains("unknown type of target"), "{answer:?}");
    assert!(lines[2].starts_with("revoked  revocationKey:chat:*: "), "{answer:?}");

    let json = revoke(&service, &[&targets[..], &["--json"]].concat()).no_json();
    assert_eq!((&json["successCount"], &json["failureCount"]), (&json!(2), &json!(1)), "{json}");
    let revoked: Vec<_> =
        json["results"].as_array().unwrap().iter().map(|result| result["target"].as_str().unwrap()).collect();
    assert_eq!(revoked, targets);
}

#[test]
fn margin_and_time_are_sent() {
    let (service, _apps) = service("margin.json");
    let now = run(&["token", "request", "--endpoint", &service.url(), "--key", KEY]).yes_json()["issued"].clone();
    let before = now.as_u64().unwrap() - 60_000;
    let args = ["clientId:bob", "--issued-before", &before.to_string(), "--allow-reauth-margin", "--json"];
    let result = revoke(&service, &args).yes_json()["results"][0].clone();
    assert_eq!(result["issuedBefore"], before);
    assert!(result["appliesAt"].as_u64() >= Some(now.as_u64().unwrap() + 30_000), "{result}");
}

#[test]
fn invalid_target_is_refused_before_any_request() {
    let nowhere = ["revoke", "--endpoint", "http://192.0.2.1", "--key", KEY];
    run(&[&nowhere[..], &["hush-hush"]].concat()).assert_hides("hush");
    run(&[&nowhere[..], &["hush-hush"]].concat()).bad(&["target: ", "clientId:"]);
    let answer = run(&[&nowhere[..], &["clientId:bob"]].concat());
    answer.bad(&["a key is not sent without TLS"]);
    answer.assert_hides(SECRET);
    run(&nowhere).bad(&["TYPE:VALUE"]);
    run(&[&nowhere[..], &["clientId:bob"; 101]].concat()).bad(&["targets: there are 101, more than 100"]);
}

#[test]
fn refusal_has_exit_status_1_and_service_code() {
    let (service, _apps) = service("refused.json");
    let args = ["revoke", "--endpoint", &service.url(), "--key", "shop.backend:hush-hush", "clientId:bob", "--json"];
    let answer = run(&args);
    assert_eq!(answer.no_json()["error"]["code"], 40101, "{answer:?}");
    answer.assert_hides("hush");
}
