//! `ably-auth token request`

use crate::support::{Answer, KEY, LIMITED_KEY, SECRET, Service, apps, run, run_with_key_in_env};

fn request(service: &Service, key: &str, more: &[&str]) -> Answer {
    let answer = run(&[&["token", "request", "--endpoint", &service.url(), "--key", key], more].concat());
    answer.assert_hides(SECRET);
    answer
}

#[test]
fn token_and_its_details_are_printed() {
    let apps = apps("details.json");
    let service = Service::start(&["--apps", apps.path()]);
    let answer =
        request(&service, KEY, &["--client-id", "bob", "--ttl", "60000", "--capability", r#"{"a":["publish"]}"#]);
    let details = answer.yes_json();
    assert!(details["token"].as_str().unwrap().starts_with("shop."), "{details}");
    assert_eq!(details["keyName"], "shop.backend");
    assert_eq!(details["clientId"], "bob");
    assert_eq!(details["capability"], r#"{"a":["publish"]}"#);
    assert_eq!(details["expires"].as_u64().unwrap() - details["issued"].as_u64().unwrap(), 60_000);
    assert!(answer.yes().starts_with(r#"{"token":""#), "fields are in the wire's order: {answer:?}");
}

#[test]
fn service_sets_omitted_params() {
    let apps = apps("choice.json");
    let service = Service::start(&["--apps", apps.path()]);
    let args = ["--json", "token", "request", "--endpoint", &service.url()];
    let details = run_with_key_in_env(&args, LIMITED_KEY).yes_json();
    assert_eq!(details["capability"], r#"{"chat:*":["publish","subscribe"]}"#);
    assert_eq!(details["expires"].as_u64().unwrap() - details["issued"].as_u64().unwrap(), 3_600_000);
    assert!(details.get("clientId").is_none(), "{details}");
}

#[test]
fn service_accepts_the_token() {
    let apps = apps("good.json");
    let service = Service::start(&["--apps", apps.path()]);
    let details = request(&service, LIMITED_KEY, &[]).yes_json();
    let path = |channel| format!("/channels/{channel}/messages?access_token={}", details["token"].as_str().unwrap());
    assert_eq!(service.call("POST", &path("chat:a"), r#"{"name":"n","data":"d"}"#).0, 201);
    let (status, body) = service.call("POST", &path("other"), r#"{"name":"n","data":"d"}"#);
    assert_eq!((status, body["error"]["code"].as_u64()), (401, Some(40160)));
}

#[test]
fn refusal_has_exit_status_1_and_service_code() {
    let apps = apps("refusals.json");
    let service = Service::start(&["--apps", apps.path()]);
    for (key, more, code, status) in [
        ("shop.backend:hush-hush", &[][..], 40101, 401),
        (LIMITED_KEY, &["--capability", r#"{"vault":["publish"]}"#], 40160, 401),
        (LIMITED_KEY, &["--capability", r#"{"chat:a":["history"]}"#], 40160, 401),
        ("shop.nobody:hush-hush", &[], 40400, 401),
        ("nowhere.key:hush-hush", &[], 40400, 404),
    ] {
        let answer = request(&service, key, more);
        assert_eq!(answer.no(), "", "{answer:?}");
        assert!(answer.stderr.starts_with("error: ") && answer.stderr.contains(&code.to_string()), "{answer:?}");
        answer.assert_hides("hush");

        let json = request(&service, key, &[more, &["--json"]].concat()).no_json();
        let error = &json["error"];
        assert_eq!((error["code"].as_u64(), error["statusCode"].as_u64()), (Some(code), Some(status)), "{json}");
        assert_eq!(error["href"], format!("https://help.ably.io/error/{code}"));
        assert!(!error["message"].as_str().unwrap().is_empty());
    }
}

#[test]
fn unreachable_service_has_exit_status_1() {
    let endpoint = "http://127.0.0.1:1";
    let answer = run(&["token", "request", "--endpoint", endpoint, "--key", KEY]);
    assert_eq!(answer.no(), "");
    assert!(answer.stderr.contains("check the endpoint"), "{answer:?}");
    answer.assert_hides(SECRET);

    let answer = run(&["--json", "token", "request", "--endpoint", endpoint, "--key", KEY]);
    let json = answer.no_json();
    assert!(json["error"]["code"].is_u64() && json["error"]["message"].is_string(), "{json}");
    answer.assert_hides(SECRET);
}

#[test]
fn invalid_endpoint_is_bad_input() {
    for endpoint in
        ["", "ftp://127.0.0.1", "http://", "http://a b", "http://127.0.0.1:8484/path", "two words", "nonprod:"]
    {
        run(&["token", "request", "--endpoint", endpoint, "--key", KEY])
            .bad(&["--endpoint: endpoint ", "; give a routing policy"]);
    }
    let answer = run(&["token", "request", "--endpoint", &format!("https://{KEY}@example.com"), "--key", KEY]);
    answer.bad(&["--endpoint: ", "credentials"]);
    answer.assert_hides(SECRET);
}

#[test]
fn bad_values_are_refused_before_any_request() {
    for (option, value, said) in [
        ("--key", "shop.backend", "--key: "),
        ("--ttl", "0", "--ttl: "),
        ("--client-id", "", "--client-id: "),
        ("--capability", "{", "--capability: "),
    ] {
        let key: &[&str] = if option == "--key" { &[] } else { &["--key", KEY] };
        let args = ["token", "request", "--endpoint", "http://192.0.2.1", option, value];
        run(&[&args, key].concat()).bad(&[said]);
    }
}

#[test]
fn token_only_option_prints_the_token() {
    let apps = apps("token-only.json");
    let service = Service::start(&["--apps", apps.path()]);
    let answer = request(&service, KEY, &["--token-only"]);
    assert!(answer.yes().starts_with("shop.") && !answer.yes().contains(['{', '"', ' ']), "{answer:?}");
    let path = format!("/channels/chat/messages?access_token={}", answer.yes());
    assert_eq!(service.call("POST", &path, r#"{"name":"n"}"#).0, 201);
    request(&service, KEY, &["--token-only", "--json"]).status.filter(|status| *status == 2).unwrap();
}
