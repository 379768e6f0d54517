//! Credentials from environment variables, each set in a process of its own.

use std::env;
use std::process::Command;

use ably_auth::{ApiKey, Blocking, ClientOptions};

const PRINTS: &str = "ABLY_AUTH_TEST_PRINTS";
const NAMES: [&str; 3] = ["ABLY_API_KEY", "ABLY_TOKEN", "ABLY_CACERT"];

/// Runs the test `name` of this file in a process with `variables`, and returns what it prints between `<` and `>`.
fn printed(name: &str, variables: &[(&str, &str)]) -> String {
    let module = module_path!().split_once("::").unwrap().1;
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", &format!("{module}::{name}"), "--nocapture"]).env(PRINTS, "1");
    for name in NAMES {
        command.env_remove(name);
    }
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let text = output.split_once('<').and_then(|(_, rest)| rest.rsplit_once('>'));
    text.unwrap_or_else(|| panic!("{output}")).0.to_owned()
}

#[test]
fn key_is_read_from_environment() {
    if env::var_os(PRINTS).is_some() {
        return println!("<{}>", ApiKey::from_env().map_or_else(|error| error.to_string(), |key| format!("{key:?}")));
    }
    let form = "a key has the form `appId.keyId:secret`";
    for (value, expected) in [
        (" app.key:hush\n", "ApiKey(app.key:[redacted])".to_owned()),
        (" ", format!("key is not set in `ABLY_API_KEY`; {form}")),
        ("app.key", format!("key has no `:` in `ABLY_API_KEY` (byte 7); {form}")),
    ] {
        assert_eq!(printed("key_is_read_from_environment", &[("ABLY_API_KEY", value)]), expected);
    }
    assert!(printed("key_is_read_from_environment", &[]).starts_with("key is not set in `ABLY_API_KEY`; "));
}

#[test]
fn options_are_read_from_environment() {
    if env::var_os(PRINTS).is_some() {
        let options = ClientOptions::<Blocking>::from_env();
        return println!("<{}>", options.map_or_else(|error| error.to_string(), |options| format!("{options:?}")));
    }
    let printed = |variables: &[(&str, &str)]| printed("options_are_read_from_environment", variables);
    let key = ("ABLY_API_KEY", "app.key:hush");
    let both = printed(&[key, ("ABLY_TOKEN", "app.hush")]);
    assert!(both.contains("app.key:[redacted]") && both.contains("token: Some(") && !both.contains("hush"), "{both}");
    assert!(printed(&[("ABLY_TOKEN", "app.hush"), ("ABLY_API_KEY", "")]).contains("key: None"));
    assert_eq!(printed(&[]), "neither `ABLY_API_KEY` nor `ABLY_TOKEN` is set; set one of them");
    let wrong = printed(&[("ABLY_TOKEN", "hush hush")]);
    assert!(wrong.starts_with("invalid environment variable `ABLY_TOKEN`: token has a character"), "{wrong}");
    assert!(!wrong.contains("hush"), "{wrong}");
    let missing = printed(&[key, ("ABLY_CACERT", "/nonexistent.pem")]);
    assert!(missing.starts_with("cannot read the file in `ABLY_CACERT`: "), "{missing}");
}
