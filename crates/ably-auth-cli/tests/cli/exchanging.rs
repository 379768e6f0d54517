//! `ably-auth token exchange`

use serde_json::Value;

use crate::support::{File, KEY, SECRET, Service, apps, run, run_with_key_in_env, run_with_stdin};

fn signed(more: &[&str]) -> String {
    run_with_key_in_env(&[&["token-request", "sign"], more].concat(), KEY).yes().to_owned()
}

#[test]
fn request_from_each_input_becomes_a_token() {
    let apps = apps("exchange-apps.json");
    let service = Service::start(&["--apps", apps.path()]);
    let (exchange, url) = (["token", "exchange", "--endpoint"], service.url());
    let with = |more: &[&str], stdin: &str| {
        let answer = run_with_stdin(&[&exchange[..], &[url.as_str()], more].concat(), stdin);
        answer.assert_hides(SECRET);
        answer
    };
    let file = File::new("exchange-request.json", &format!("{}\n", signed(&["--client-id", "bob"])));
    let answers = [
        with(&[], &signed(&["--client-id", "bob"])),
        with(&["-"], &signed(&["--client-id", "bob"])),
        with(&[&signed(&["--client-id", "bob"])], ""),
        with(&["--request-file", file.path()], ""),
        with(&["--request-file", "-"], &signed(&["--client-id", "bob"])),
    ];
    for answer in answers {
        let details = answer.yes_json();
        assert_eq!((&details["keyName"], &details["clientId"]), (&"shop.backend".into(), &"bob".into()));
        assert!(details["token"].as_str().unwrap().starts_with("shop."), "{details}");
    }
    let alone = with(&["--token-only"], &signed(&[]));
    let path = format!("/channels/chat/messages?access_token={}", alone.yes());
    assert_eq!(service.call("POST", &path, r#"{"name":"n"}"#).0, 201);
}

#[test]
fn refused_exchange_has_exit_status_1_and_code() {
    let apps = apps("refused-exchange-apps.json");
    let service = Service::start(&["--apps", apps.path()]);
    let args = ["token", "exchange", "--endpoint", &service.url()];
    let request = signed(&[]);
    run_with_stdin(&args, &request).yes();
    let mut other: Value = serde_json::from_str(&signed(&[])).unwrap();
    other["clientId"] = "eve".into();
    for (request, code) in [(request, 40105), (other.to_string(), 40101), (signed(&["--timestamp", "5"]), 40104)] {
        let answer = run_with_stdin(&args, &request);
        assert_eq!(answer.no(), "", "{answer:?}");
        assert!(answer.stderr.contains(&code.to_string()), "{answer:?}");
        let json = run_with_stdin(&[&args[..], &["--json"]].concat(), &request).no_json();
        assert_eq!(json["error"]["code"], code);
    }
    let nobody = run_with_stdin(&["token", "exchange", "--endpoint", "http://127.0.0.1:1"], &signed(&[]));
    assert!(nobody.no().is_empty() && nobody.stderr.contains("check the endpoint"), "{nobody:?}");
}

#[test]
fn bad_token_request_is_named_and_not_quoted() {
    for (args, stdin, said) in [
        (&[][..], "", "stdin: it is empty; give the JSON of a token request there"),
        (&[], "{\"keyName\":\"hush", "stdin: not the JSON of a token request (line 1 column 16)"),
        (&["{\"hush\":1}"], "", "the token request: not the JSON of a token request (line 1"),
        (&["--request-file", "no/such/file"], "", "--request-file no/such/file: "),
        (&["{}", "--request-file", "file"], "", "cannot be used with"),
        (&["--token-only", "--json"], "{}", "cannot be used with"),
    ] {
        let answer = run_with_stdin(&[&["token", "exchange", "--endpoint", "http://192.0.2.1"], args].concat(), stdin);
        assert_eq!(answer.status, Some(2), "{answer:?}");
        assert!(answer.stderr.contains(said), "{answer:?}");
        answer.assert_hides("hush");
    }
    run(&["token", "exchange", "--endpoint", "ftp://127.0.0.1", "{}"]).bad(&["--endpoint: "]);
}
