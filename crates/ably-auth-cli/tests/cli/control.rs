//! `ably-auth app` and `ably-auth key` over the Control API of `ably-auth serve`.

use serde_json::{Value, json};

use crate::support::{Answer, File, KEY, SECRET, Service, apps, run, run_with_env};

const TOKEN: &str = "hush-access-token-of-the-tests";

struct World {
    service: Service,
    token: File,
    _apps: File,
}

impl World {
    fn new(name: &str) -> Self {
        let apps = apps(&format!("{name}-apps.json"));
        let token = File::new(&format!("{name}-token"), &format!("{TOKEN}\n"));
        let service = Service::start(&["--sandbox", "--apps", apps.path(), "--control-token", token.path()]);
        Self { service, token, _apps: apps }
    }

    fn url(&self) -> String {
        format!("{}/v1", self.service.url())
    }

    fn run(&self, args: &[&str]) -> Answer {
        let answer = run(&[args, &["--control-url", &self.url(), "--control-token", self.token.path()]].concat());
        answer.assert_hides(TOKEN);
        answer.assert_hides(SECRET);
        answer
    }

    /// Returns true if the service accepts the key.
    fn accepts(&self, key: &str) -> bool {
        run(&["token", "request", "--endpoint", &self.service.url(), "--key", key]).status == Some(0)
    }
}

#[test]
fn app_and_key_are_created_updated_and_revoked() {
    let world = World::new("whole");
    let app_id = world.run(&["app", "create", "Shop", "--account", "mine"]).yes().to_owned();
    let create = ["key", "create", &app_id, "--name", "Kitchen", "--capability", r#"{"b":["publish"],"a":["*"]}"#];
    let key = world.run(&create).yes().to_owned();
    assert!(world.accepts(&key));
    let (name, secret) = key.split_once(':').unwrap();

    let listed = world.run(&["key", "list", &app_id]);
    listed.assert_hides(secret);
    assert_eq!(listed.yes(), format!(r#"{name}  enabled  {{"a":["*"],"b":["publish"]}}  Kitchen"#));

    let update = ["key", "update", name, "--capability", r#"{"c":["*"]}"#, "--revocable-tokens", "true"];
    let updated = world.run(&update);
    updated.assert_hides(secret);
    assert_eq!(updated.yes(), format!(r#"{name}  enabled, revocable tokens  {{"c":["*"]}}  Kitchen"#));
    let renamed = world.run(&["key", "update", name, "--name", "a\u{202e}b", "--revocable-tokens=false"]);
    assert_eq!(renamed.yes(), format!(r#"{name}  enabled  {{"c":["*"]}}  a\u{{202e}}b"#));

    let revoked = world.run(&["key", "revoke", name]);
    assert!(revoked.yes().contains("revoked"), "{revoked:?}");
    assert!(!world.accepts(&key));
}

#[test]
fn apps_are_listed_and_deleted() {
    let world = World::new("apps");
    let app_id = world.run(&["app", "create", "a\u{202e}b", "--account", "mine"]).yes().to_owned();
    let created = world.run(&["key", "create", &app_id, "--name", "k", "--capability", r#"{"a":["*"]}"#]);
    let listed = world.run(&["app", "list", "--account", "mine"]);
    assert_eq!(listed.yes(), format!(r"{app_id}  enabled  a\u{{202e}}b"));
    let json = world.run(&["--json", "app", "list", "--account", "mine"]).yes_json();
    assert_eq!((&json[0]["id"], &json[0]["name"]), (&json!(app_id), &json!("a\u{202e}b")));
    assert_eq!(world.run(&["--json", "app", "list", "--account", "local"]).yes_json()[0]["id"], "shop");

    assert_eq!(world.run(&["app", "delete", &app_id, "--yes"]).yes(), format!("deleted {app_id}"));
    assert!(!world.accepts(created.yes()));
    assert_eq!(world.run(&["--json", "app", "list", "--account", "mine"]).yes_json(), json!([]));
    world.run(&["app", "delete", "shop"]).bad(&["nothing was deleted", "give --yes"]);
    let again = world.run(&["app", "delete", &app_id, "--yes"]);
    assert!(again.no().is_empty() && again.stderr.contains("40400"), "{again:?}");
    let json = world.run(&["--json", "app", "delete", "shop", "--yes"]).yes_json();
    assert_eq!(json, json!({ "id": "shop", "deleted": true }));
}

#[test]
fn json_option_prints_json_for_each_command() {
    let world = World::new("scripts");
    let app = world.run(&["--json", "app", "create", "Shop", "--account", "mine"]).yes_json();
    assert_eq!((&app["name"], &app["accountId"]), (&json!("Shop"), &json!("mine")));
    let app_id = app["id"].as_str().unwrap();
    let create =
        ["--json", "key", "create", app_id, "--name", "k", "--capability", r#"{"a":["*"]}"#, "--revocable-tokens"];
    let mut key = world.run(&create).yes_json();
    assert!(world.accepts(key["key"].as_str().unwrap()));
    assert_eq!((&key["capability"], &key["revocableTokens"]), (&json!({ "a": ["*"] }), &json!(true)));
    let name = format!("{app_id}.{}", key["id"].as_str().unwrap());
    key.as_object_mut().unwrap().remove("key");
    assert_eq!(world.run(&["--json", "key", "list", app_id]).yes_json(), json!([key]));
    assert_eq!(world.run(&["--json", "key", "update", &name, "--name", "other"]).yes_json()["name"], "other");
    assert_eq!(world.run(&["--json", "key", "revoke", &name]).yes_json()["status"], 1);
}

#[test]
fn access_token_is_read_from_environment() {
    let world = World::new("environment");
    let args = ["key", "list", "shop", "--control-url", &world.url()];
    let answer = run_with_env(&args, "ABLY_CONTROL_TOKEN", TOKEN);
    assert_eq!(answer.yes().lines().count(), 2);
    answer.assert_hides(SECRET);
    run(&args).bad(&["no access token is given", "--control-token", "ABLY_CONTROL_TOKEN"]);
    run_with_env(&args, "ABLY_CONTROL_TOKEN", "hush hush").bad(&["ABLY_CONTROL_TOKEN: token has a character"]);
    let wrong = run_with_env(&args, "ABLY_CONTROL_TOKEN", "hush-of-somebody-else");
    assert!(wrong.no().is_empty() && wrong.stderr.contains("40101"), "{wrong:?}");
    wrong.assert_hides("hush-of-somebody-else");
}

#[test]
fn refusal_has_exit_status_1_and_service_code() {
    let world = World::new("refusals");
    for (args, code) in [
        (&["key", "list", "nowhere"][..], 40400),
        (&["key", "revoke", "shop.nobody"], 40400),
        (&["key", "create", "shop", "--name", "", "--capability", r#"{"a":["*"]}"#], 40000),
    ] {
        let answer = world.run(args);
        assert_eq!(answer.no(), "");
        assert!(answer.stderr.starts_with("error: ") && answer.stderr.contains(&code.to_string()), "{answer:?}");
        let error: Value = world.run(&[&["--json"], args].concat()).no_json();
        assert_eq!(error["error"]["code"], code, "{error}");
    }
    let url = world.service.url();
    let elsewhere = run(&["key", "list", "shop", "--control-url", &url, "--control-token", world.token.path()]);
    assert!(elsewhere.no().is_empty() && elsewhere.stderr.contains("check --control-url"), "{elsewhere:?}");
    let nobody =
        ["key", "list", "shop", "--control-url", "http://127.0.0.1:1/v1", "--control-token", world.token.path()];
    assert_eq!(run(&nobody).no(), "");
}

#[test]
fn bad_input_is_refused_before_any_request() {
    let token = File::new("bad-input-token", TOKEN);
    let with = |args: &[&str]| {
        let answer = run(&[args, &["--control-url", "http://127.0.0.1:1", "--control-token", token.path()]].concat());
        answer.assert_hides(SECRET);
        answer
    };
    with(&["key", "list", "a/b"]).bad(&["app id"]);
    with(&["key", "list", KEY]).bad(&["app id"]);
    with(&["key", "revoke", "shop"]).bad(&["key's name"]);
    with(&["key", "revoke", KEY]).bad(&["key's name"]);
    with(&["key", "update", "shop.backend"]).bad(&["no change is given", "--capability"]);
    with(&["key", "update", "shop.backend", "--capability", "{"]).bad(&["--capability: "]);
    with(&["key", "create", "shop", "--name", "n", "--capability", r#"{"a":["fly"]}"#]).bad(&["--capability: "]);
    with(&["app", "create", "Shop", "--account", ""]).bad(&["--account"]);
    with(&["app", "list", "--account", "a/b"]).bad(&["--account"]);
    with(&["app", "delete", "a/b"]).bad(&["app id"]);
    with(&["app", "delete", KEY]).bad(&["app id"]);
    for (url, said) in [
        ("control.example/v1", "https://host/path"),
        ("http://control.example/v1", "without TLS"),
        ("ftp://control.example/v1", "`http` or `https`"),
        ("https://control.example/v1?x=1", "a query or a fragment"),
    ] {
        let args = ["key", "list", "shop", "--control-url", url, "--control-token", token.path()];
        run(&args).bad(&["--control-url: ", said]);
    }
    run(&["key", "list", "shop", "--control-token", "no/such/file"]).bad(&["--control-token no/such/file: "]);
}

#[test]
fn weak_access_token_is_refused() {
    let token = File::new("short-token", "hush");
    let answer = run(&["serve", "--sandbox", "--listen", "127.0.0.1:0", "--control-token", token.path()]);
    answer.bad(&["--control-token ", "too short"]);
    answer.assert_hides("hush");
    let empty = File::new("empty-token", "\n");
    run(&["serve", "--sandbox", "--control-token", empty.path()]).bad(&["--control-token ", "it is empty"]);
    let quoted = File::new("quoted-token", &format!("\"hush-{TOKEN}\"\n"));
    let answer = run(&["serve", "--sandbox", "--control-token", quoted.path()]);
    answer.bad(&["--control-token ", "it is in quotes"]);
    answer.assert_hides("hush");
    run(&["serve", "--sandbox", "--control-token", "no/such/file"]).bad(&["--control-token no/such/file: "]);
    let good = File::new("in-the-open-token", TOKEN);
    let apps = apps("in-the-open-apps.json");
    let in_the_open = ["serve", "--listen", "127.0.0.1:0", "--apps", apps.path(), "--control-token", good.path()];
    run(&in_the_open).bad(&["--control-token: ", "--tls-cert", "--sandbox"]);
    run(&["serve", "--control-token", good.path()]).bad(&["--control-token: ", "--tls-cert"]);
}

#[test]
fn several_control_tokens_are_read_from_lines() {
    let apps = apps("lines-apps.json");
    let tokens = File::new(
        "lines-tokens",
        "# rotated each month\njune hush-token-of-june-june\njuly hush-token-of-july-july\nboard hush-token-of-the-board read-only\n",
    );
    let service = Service::start(&["--sandbox", "--apps", apps.path(), "--control-token", tokens.path()]);
    let url = format!("{}/v1", service.url());
    let list = ["key", "list", "shop", "--control-url", &url];
    for token in ["hush-token-of-june-june", "hush-token-of-july-july", "hush-token-of-the-board"] {
        assert_eq!(run_with_env(&list, "ABLY_CONTROL_TOKEN", token).yes().lines().count(), 2);
    }
    let revoke = ["key", "revoke", "shop.limited", "--control-url", &url];
    let refused = run_with_env(&revoke, "ABLY_CONTROL_TOKEN", "hush-token-of-the-board");
    assert!(refused.no().is_empty() && refused.stderr.contains("40300"), "{refused:?}");
    run_with_env(&revoke, "ABLY_CONTROL_TOKEN", "hush-token-of-june-june").yes();
    let client = run(&[&list[..], &["--control-token", tokens.path()]].concat());
    client.bad(&["--control-token ", "more than one word"]);
    client.assert_hides("hush");
}

#[test]
fn invalid_control_token_line_is_named_and_not_quoted() {
    for (nth, (text, said)) in [
        ("june hush-token-of-june-june\njune hush-token-of-july-july\n", "line 2: its name is also on line 1"),
        ("june hush-token-of-june-june\njuly hush-token-of-june-june\n", "line 2: its token is also on line 1"),
        ("june hush\n", "line 1: invalid control token: it is too short"),
        ("hush-token-of-june-june june\n", "line 1: "),
        ("june hush-token-of-june-june hush\n", "line 1: the word after the token is not `read-only`"),
    ]
    .into_iter()
    .enumerate()
    {
        let tokens = File::new(&format!("wrong-tokens-{nth}"), text);
        let answer = run(&["serve", "--check-config", "--sandbox", "--control-token", tokens.path()]);
        answer.bad(&["--control-token ", said]);
        answer.assert_hides("hush");
    }
}
