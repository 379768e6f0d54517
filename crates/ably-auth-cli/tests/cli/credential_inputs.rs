//! Credentials as people pass them: with line ends, a byte order mark, quotes or invisible characters, or empty.

use std::process::Stdio;

use crate::support::{
    Answer, File, KEY, SECRET, apps, program, run, run_with_env, run_with_key_in_env, run_with_stdin,
};

/// Characters before and after a credential that are ignored.
const HARMLESS: [(&str, &str); 7] = [
    ("", "\n"),
    ("", "\r\n"),
    ("\u{feff}", ""),
    ("\u{feff}", "\r\n"),
    ("  ", "\t\n\n"),
    ("\n", ""),
    ("\u{a0}", "\u{a0}"),
];

fn token() -> String {
    run(&["jwt", "mint", "--key", KEY]).yes().to_owned()
}

#[test]
fn text_around_credential_is_ignored() {
    let token = token();
    for (nth, (before, after)) in HARMLESS.into_iter().enumerate() {
        let (key, token) = (format!("{before}{KEY}{after}"), format!("{before}{token}{after}"));
        let key_file = File::new(&format!("around-{nth}.key"), &key);
        let token_file = File::new(&format!("around-{nth}.token"), &token);
        let inspect = ["key", "inspect"];
        for answer in [
            run_with_key_in_env(&inspect, &key),
            run(&["key", "inspect", "--key", &key]),
            run(&["key", "inspect", "--key-file", key_file.path()]),
            run_with_stdin(&["key", "inspect", "--key-file", "-"], &key),
        ] {
            assert!(answer.yes().starts_with("key name  shop.backend\n"), "{nth}: {answer:?}");
        }
        let inspect = ["token", "inspect"];
        for answer in [
            run_with_env(&inspect, "ABLY_TOKEN", &token),
            run_with_stdin(&inspect, &token),
            run(&["jwt", "verify", "--key", &key, "--token-file", token_file.path()]),
        ] {
            assert_eq!(answer.status, Some(0), "{nth}: {answer:?}");
        }
        let capability = format!("{before}{{\"a\":[\"*\"]}}{after}");
        assert_eq!(run(&["capability", "format", &capability]).yes(), r#"{"a":["*"]}"#);
        assert_eq!(run_with_stdin(&["capability", "format", "-"], &capability).yes(), r#"{"a":["*"]}"#);
    }
}

/// Runs a command with `text` as each kind of credential. Returns the name of the input with each answer.
fn with_each(text: &str, file: &str) -> Vec<(String, Answer)> {
    let file = File::new(file, text);
    let (key_file, token_file) = (format!("--key-file {}", file.path()), format!("--token-file {}", file.path()));
    let access_file = format!("--control-token {}", file.path());
    let list = ["key", "list", "shop", "--control-url", "http://127.0.0.1:1"];
    vec![
        ("--key".into(), run(&["key", "inspect", "--key", text])),
        (key_file, run(&["key", "inspect", "--key-file", file.path()])),
        ("stdin".into(), run_with_stdin(&["key", "inspect", "--key-file", "-"], text)),
        (token_file, run(&["token", "inspect", "--token-file", file.path()])),
        ("stdin".into(), run_with_stdin(&["jwt", "inspect"], text)),
        (access_file, run(&[&list[..], &["--control-token", file.path()]].concat())),
        ("--capability".into(), run(&["jwt", "mint", "--key", KEY, "--capability", text])),
    ]
}

/// Runs a command with `text` in each variable of a credential, and as an argument. Returns the name of the input with
/// each answer.
fn with_each_variable(text: &str) -> [(&'static str, Answer); 4] {
    let list = ["key", "list", "shop", "--control-url", "http://127.0.0.1:1"];
    [
        ("ABLY_API_KEY", run_with_key_in_env(&["key", "inspect"], text)),
        ("ABLY_TOKEN", run_with_env(&["token", "inspect"], "ABLY_TOKEN", text)),
        ("ABLY_CONTROL_TOKEN", run_with_env(&list, "ABLY_CONTROL_TOKEN", text)),
        ("the token", run(&["token", "inspect", text])),
    ]
}

#[test]
fn quotes_are_named_with_the_input() {
    for (nth, (open, close)) in
        [("\"", "\""), ("'", "'"), ("`", "`"), ("\u{201c}", "\u{201d}"), ("\u{2018}", "\u{2019}"), ("\u{ab}", "\u{bb}")]
            .into_iter()
            .enumerate()
    {
        let text = format!("{open}{KEY}{close}\n");
        for (name, answer) in with_each(&text, &format!("quoted-{nth}")) {
            answer.bad(&[&format!("error: {name}: it is in quotes; give ")]);
            answer.assert_hides(SECRET);
        }
        for (name, answer) in with_each_variable(&text) {
            answer.bad(&[&format!("error: {name}: it is in quotes; give ")]);
            answer.assert_hides(SECRET);
        }
    }
}

#[test]
fn invisible_characters_are_named_with_their_place() {
    for (nth, (invisible, code)) in [
        ('\u{200b}', "200B"),
        ('\u{200d}', "200D"),
        ('\u{2060}', "2060"),
        ('\u{202a}', "202A"),
        ('\u{ad}', "00AD"),
        ('\u{feff}', "FEFF"),
    ]
    .into_iter()
    .enumerate()
    {
        let text = format!("shop{invisible}.backend:{SECRET}");
        for (name, answer) in with_each(&text, &format!("invisible-{nth}")) {
            answer.bad(&[&format!("error: {name}: it has the invisible character U+{code} (byte 4)")]);
            answer.assert_hides(SECRET);
        }
        for (name, answer) in with_each_variable(&text) {
            answer.bad(&[&format!("error: {name}: it has the invisible character U+{code} (byte 4)")]);
            answer.assert_hides(SECRET);
        }
    }
}

#[test]
fn empty_input_is_named() {
    for (nth, text) in ["", " ", "\n\r\n", "\u{feff}", "\u{feff}\n"].into_iter().enumerate() {
        for (name, answer) in with_each(text, &format!("empty-{nth}")) {
            answer.bad(&[&format!("error: {name}: it is empty; give ")]);
        }
    }
}

#[test]
fn empty_variables_count_as_unset() {
    for value in ["", " ", "\r\n"] {
        run_with_key_in_env(&["key", "inspect"], value).bad(&["no key is given"]);
        run_with_env(&["key", "list", "shop"], "ABLY_CONTROL_TOKEN", value).bad(&["no access token is given"]);
        let mut command = program(&["token", "inspect"]);
        let answer = crate::support::finish(command.env("ABLY_TOKEN", value).stdin(Stdio::piped()), &token());
        assert_eq!(answer.status, Some(0), "{answer:?}");
    }
    let apps = apps("empty-variables.json");
    let check = ["serve", "--check-config", "--apps", apps.path()];
    let defaults = run(&check).yes().to_owned();
    for line in run(&["serve", "--help"]).yes().lines() {
        let Some((_, variable)) = line.split_once("[env: ") else { continue };
        let variable = variable.split(['=', ']']).next().unwrap();
        if variable != "ABLY_AUTH_APPS" {
            assert_eq!(run_with_env(&check, variable, "").yes(), defaults, "{variable}");
        }
    }
    run_with_env(&["serve"], "ABLY_AUTH_APPS", "").bad(&["there is nothing to serve"]);
}

#[test]
fn empty_variable_does_not_override_file() {
    let apps = apps("empty-variable-file.json");
    let config = File::new("empty-variable.toml", "\u{feff}max-body = 1234\n");
    let args = ["serve", "--check-config", "--apps", apps.path(), "--config", config.path(), "--json"];
    let effective = run_with_env(&args, "ABLY_AUTH_MAX_BODY", "").yes_json();
    assert_eq!(effective["max-body"], serde_json::json!({ "value": "1234", "origin": "the file" }));
}

#[test]
fn errors_name_the_variable_or_file_of_a_value() {
    let apps = apps("named.json");
    let serve = ["serve", "--sandbox", "--listen", "127.0.0.1:0"];
    for (variable, value, said) in [
        ("ABLY_AUTH_MAX_BODY", "much", "error: ABLY_AUTH_MAX_BODY: invalid value 'much'"),
        ("ABLY_AUTH_IDLE", "10 s", "error: ABLY_AUTH_IDLE: invalid value '10 s'"),
        ("ABLY_AUTH_LOG_LEVEL", "loud", "error: ABLY_AUTH_LOG_LEVEL: invalid value 'loud'"),
        ("ABLY_AUTH_APPS", "no/such.json", "error: ABLY_AUTH_APPS no/such.json: "),
        ("ABLY_AUTH_AUDIT_LOG", "no/such/file", "error: ABLY_AUTH_AUDIT_LOG no/such/file: "),
        ("ABLY_AUTH_REDIS", "http://:hush@127.0.0.1", "error: ABLY_AUTH_REDIS: invalid Redis URL: "),
    ] {
        let answer = run_with_env(&serve, variable, value);
        answer.bad(&[said]);
        answer.assert_hides("hush");
        let named = format!("{variable}: invalid value");
        let given = run_with_env(&[&serve[..], &["--max-body", "1", "--idle", "x"]].concat(), variable, value);
        assert!(!given.stderr.contains(&named) || variable == "ABLY_AUTH_LOG_LEVEL", "{given:?}");
    }
    let config = File::new("named.toml", "control-token = \"no/such\"\n");
    run(&["serve", "--sandbox", "--apps", apps.path(), "--config", config.path()])
        .bad(&["error: --config: control-token no/such: it does not exist"]);
}

#[test]
fn check_config_checks_the_form_of_redis_urls() {
    let apps = apps("redis-form.json");
    let roots = File::new("redis-form.pem", "no certificate");
    let check = ["serve", "--check-config", "--apps", apps.path()];
    for url in ["127.0.0.1", "http://127.0.0.1", "redis://127.0.0.1:port", "redis://:hush@", "redis://h/db", "redis:"] {
        let answer = run(&[&check[..], &["--redis", url]].concat());
        answer.bad(&["error: --redis: invalid Redis URL: "]);
        answer.assert_hides("hush");
    }
    for url in ["redis://127.0.0.1:1", "rediss://:hush@redis.example.com:6380/2", "redis+unix:///run/redis.sock"] {
        run(&[&check[..], &["--redis", url]].concat()).yes();
    }
    run(&[&check[..], &["--redis", "redis://h", "--redis-ca", roots.path()]].concat()).bad(&["--redis: "]);
    run(&[&check[..], &["--redis", "rediss://h", "--redis-ca", roots.path()]].concat()).bad(&["--redis: "]);
}

#[test]
fn stdin_is_read_for_one_input_only() {
    let text = format!("{KEY}\n");
    let twice = "stdin: it is requested for two inputs";
    run_with_stdin(&["jwt", "verify", "--key-file", "-"], &text).bad(&[twice]);
    run_with_stdin(&["token-request", "verify", "--key-file", "-"], &text).bad(&[twice]);
    run_with_stdin(&["capability", "intersect", "-", "-"], "{}").bad(&[twice]);
    let list = ["key", "list", "shop", "--control-url", "http://127.0.0.1:1", "--control-token", "-"];
    let answer = run_with_stdin(&list, "an-access-token\r\n");
    assert_eq!(answer.status, Some(1), "{answer:?}");
}
