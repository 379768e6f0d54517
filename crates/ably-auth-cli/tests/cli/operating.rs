//! `ably-auth serve`: its configuration, its logs, and reloading of apps.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{File, KEY, Process, SECRET, apps, program, run, run_with_env, spawn};

const TIMEOUT: Duration = Duration::from_secs(60);

/// Two service secrets.
const SECRETS: [&str; 2] = [
    "37a75cfd5ed57e5f3a5b0d76d4d2d2a1c9a1e3a0b4e1ff1d8f6a3d5b9c7e2f10",
    "0FEE8E6c1d2b3a49586776859403c2b1a0f1e2d3c4b5a69788796a5b4c3d2e1f",
];

/// A service whose output on stdout and stderr is read line by line.
pub(crate) struct LoggedService {
    pub(crate) process: Process,
    out: Receiver<String>,
    pub(crate) err: Receiver<String>,
}

fn lines(pipe: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || BufReader::new(pipe).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    lines
}

impl LoggedService {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::of(&mut program(&[&["serve", "--listen", "127.0.0.1:0"], args].concat()))
    }

    pub(crate) fn of(command: &mut Command) -> Self {
        let mut process = spawn(command);
        let (out, err) = (process.0.stdout.take().unwrap(), process.0.stderr.take().unwrap());
        Self { process, out: lines(out), err: lines(err) }
    }

    pub(crate) fn address(&self, before: &str) -> String {
        let line = self.out.recv_timeout(TIMEOUT).unwrap();
        line.strip_prefix(before).unwrap_or_else(|| panic!("`{line}` is not `{before}…`")).to_owned()
    }

    /// Waits for an event whose message starts with `message`, and returns it.
    pub(crate) fn event(&self, message: &str) -> Value {
        loop {
            let line = self.err.recv_timeout(TIMEOUT).unwrap_or_else(|_| panic!("no `{message}`"));
            assert!(!line.contains(SECRET) && !line.contains("hush"), "{line}");
            let event: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("`{line}` is not JSON"));
            if event["message"].as_str().unwrap().starts_with(message) {
                return event;
            }
        }
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.process.0.id().to_string()]).status().unwrap().success());
    }
}

pub(crate) fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn request(url: &str, key: &str) -> crate::support::Answer {
    run(&["token", "request", "--endpoint", url, "--key", key])
}

#[test]
fn health_and_metrics_are_only_on_admin_address() {
    let apps = apps("admin.json");
    let service = LoggedService::start(&["--apps", apps.path(), "--admin", "127.0.0.1:0"]);
    let (address, admin) = (service.address("listening on http://"), service.address("health and metrics on http://"));
    assert!(get(&admin, "/health/live").starts_with("HTTP/1.1 200"));
    // The service listens shortly before it is ready.
    while !get(&admin, "/health/ready").starts_with("HTTP/1.1 200") {}
    request(&format!("http://{address}"), KEY).yes();
    let metrics = get(&admin, "/metrics");
    assert!(metrics.contains("\nably_auth_tokens_issued_total 1\n"), "{metrics}");
    assert!(get(&address, "/metrics").starts_with("HTTP/1.1 404"));
}

#[test]
fn request_is_logged_without_secrets() {
    let apps = apps("log.json");
    let service = LoggedService::start(&["--apps", apps.path(), "--log-format", "json"]);
    let address = service.address("listening on ");
    let token = request(&address, KEY).yes_json()["token"].as_str().unwrap().to_owned();
    let event = service.event("answered");
    assert_eq!(
        (&event["level"], &event["endpoint"], &event["key"], &event["status"], &event["code"]),
        (&json!("INFO"), &json!("requestToken"), &json!("shop.backend"), &json!(201), &json!(0))
    );
    assert!(event["micros"].is_u64() && event["request_id"].as_str().unwrap().len() >= 8, "{event}");
    request(&address, "shop.backend:hush-hush").no();
    assert_eq!(service.event("answered")["code"], 40101);
    get(&address["http://".len()..], &format!("/channels/chat?access_token={token}&key=shop.backend:hush"));
    let event = service.event("answered").to_string();
    assert!(!event.contains(&token) && event.contains("\"channel\""), "{event}");
}

#[test]
fn log_level_warn_omits_successful_requests() {
    let service = LoggedService::start(&["--sandbox", "--log-level", "warn"]);
    let address = service.address("listening on http://");
    get(&address, "/time");
    assert!(service.err.try_recv().is_err());
}

#[cfg(unix)]
#[test]
fn hangup_reloads_apps_and_invalid_file_changes_nothing() {
    let file = apps("reload.json");
    let service = LoggedService::start(&["--apps", file.path(), "--log-format", "json"]);
    let address = service.address("listening on ");
    let other = |id: &str| json!({ "appId": "shop", "keys": [{ "id": id, "secret": SECRET }] }).to_string();
    fs::write(&file.0, other("other")).unwrap();
    service.signal("-HUP");
    let found = service.event("apps reloaded");
    assert_eq!((&found["keys_added"], &found["keys_removed"]), (&json!(1), &json!(2)));
    request(&address, &format!("shop.other:{SECRET}")).yes();
    assert_eq!(request(&address, KEY).status, Some(1));

    fs::write(&file.0, r#"{"appId":"shop","keys":[{"id":"other","secret":"hush","hush"}]}"#).unwrap();
    service.signal("-HUP");
    let found = service.event("apps not reloaded");
    assert!(found["error"].as_str().unwrap().contains("line 1"), "{found}");
    request(&address, &format!("shop.other:{SECRET}")).yes();
}

#[test]
fn changed_apps_file_is_reloaded() {
    let file = apps("watched.json");
    let service = LoggedService::start(&["--apps", file.path(), "--log-format", "json"]);
    let address = service.address("listening on ");
    fs::write(&file.0, json!({ "appId": "other", "keys": [{ "id": "key", "secret": SECRET }] }).to_string()).unwrap();
    service.event("apps reloaded");
    request(&address, &format!("other.key:{SECRET}")).yes();
    fs::remove_file(&file.0).unwrap();
    service.event("apps not reloaded");
    request(&address, &format!("other.key:{SECRET}")).yes();
}

#[cfg(unix)]
#[test]
fn reload_drops_no_request() {
    let file = apps("busy.json");
    let service = LoggedService::start(&["--apps", file.path(), "--log-format", "json"]);
    let address = service.address("listening on http://");
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    write!(stream, "POST /keys/shop.backend/requestToken HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{")
        .unwrap();
    let one_more = r#"{"appId":"shop","keys":[{"id":"backend","secret":"hush"},{"id":"more","secret":"hush"}]}"#;
    fs::write(&file.0, one_more).unwrap();
    service.signal("-HUP");
    service.event("apps reloaded");
    stream.write_all(b"}").unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 400", "the connection stays open, and the body is refused");
}

#[cfg(unix)]
#[test]
fn hangup_during_startup_does_not_end_service() {
    let redis = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", redis.local_addr().unwrap());
    let mut service = LoggedService::start(&["--sandbox", "--redis", &url]);
    let _silent = redis.accept().unwrap();
    service.signal("-HUP");
    assert_eq!(service.process.wait_for_exit(), Some(2), "the service ends because Redis does not answer");
    assert!(service.err.iter().any(|line| line.contains("--redis: ")));
}

#[cfg(unix)]
#[test]
fn service_manager_is_notified_of_start_and_stop() {
    use std::os::unix::net::UnixDatagram;

    let file = File::new("notify", "");
    fs::remove_file(&file.0).unwrap();
    let manager = UnixDatagram::bind(&file.0).unwrap();
    manager.set_read_timeout(Some(TIMEOUT)).unwrap();
    let next_state = || {
        let mut bytes = [0; 100];
        let count = manager.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..count].to_vec()).unwrap()
    };
    let mut command = program(&["serve", "--sandbox", "--listen", "127.0.0.1:0"]);
    let mut service = LoggedService::of(command.env("NOTIFY_SOCKET", file.path()));
    assert_eq!(next_state(), "READY=1");
    assert!(get(&service.address("listening on http://"), "/time").starts_with("HTTP/1.1 200"));
    service.signal("-TERM");
    assert_eq!(next_state(), "STOPPING=1");
    assert_eq!(service.process.wait_for_exit(), Some(0));
}

/// Returns the effective options, each with its value and origin.
fn effective_config(args: &[&str], env: (&str, &str)) -> Value {
    let args = [&["--json", "serve", "--check-config"], args].concat();
    run_with_env(&args, env.0, env.1).yes_json()
}

#[test]
fn command_line_overrides_environment_and_file() {
    let apps = apps("precedence.json");
    let file = File::new(
        "precedence.toml",
        "listen = \"127.0.0.1:1\"\nmax-body = 1_000\nidle = \"1m\"\nsandbox = true\ntrusted-proxy = [\"10.0.0.0/8\", \"::1\"]\n",
    );
    let found = effective_config(
        &["--config", file.path(), "--apps", apps.path(), "--max-body", "3"],
        ("ABLY_AUTH_LISTEN", "127.0.0.1:2"),
    );
    for (option, value, origin) in [
        ("listen", "127.0.0.1:2", "the environment"),
        ("max-body", "3", "the command line"),
        ("idle", "1m", "the file"),
        ("sandbox", "true", "the file"),
        ("trusted-proxy", "10.0.0.0/8,::1", "the file"),
        ("max-header", "16384", "default"),
    ] {
        assert_eq!(found[option], json!({ "value": value, "origin": origin }), "{option}: {found}");
    }
    let found = effective_config(&["--sandbox=false", "--apps", apps.path()], ("ABLY_AUTH_CONFIG", file.path()));
    assert_eq!((&found["sandbox"]["value"], &found["listen"]["value"]), (&json!("false"), &json!("127.0.0.1:1")));
}

#[test]
fn printed_configuration_is_valid_configuration_file() {
    let file = File::new("again.toml", "sandbox = true\nrate-per-address = \"5:6\"\nheader-deadline = \"250ms\"\n");
    let answer = run(&["serve", "--check-config", "--config", file.path()]);
    let again = File::new("again-too.toml", &answer.yes().replace("config = ", "# config = "));
    let second = run(&["serve", "--check-config", "--config", again.path()]);
    for line in ["sandbox = \"true\"", "rate-per-address = \"5:6\"", "header-deadline = \"250ms\""] {
        assert!(answer.yes().contains(line) && second.yes().contains(line), "{answer:?} {second:?}");
    }
}

#[test]
fn invalid_config_file_is_named_with_line() {
    let named = |text: &str, said: &[&str]| {
        let file = File::new("wrong.toml", text);
        let answer = run(&["serve", "--config", file.path()]);
        answer.bad(&[&[&*format!("--config {}: ", file.path())], said].concat());
        answer.assert_hides("hush");
    };
    named("sandbox = true\n\nlissten = \"hush\"", &["line 3: `lissten`: unknown option"]);
    named("config = \"hush\"", &["line 1: `config`: unknown option"]);
    named("sandbox = true\nredis = hush", &["line 2: invalid TOML"]);
    named("sandbox = true\n[limits]\nmax-body = 1", &["line 2: `limits`"]);
    named("max-body = \"hush\"", &["line 1: `max-body`: the value is not BYTES"]);
    named("header-deadline = \"10 s\"", &["`header-deadline`", "`30s`"]);
    named("trusted-proxy = [\"10.0.0.0/8\", \"10.0.0.0/99\"]", &["`trusted-proxy`", "10.0.0.0/99"]);
    run(&["serve", "--config", "no/such.toml"]).bad(&["--config no/such.toml: "]);
}

#[test]
fn check_config_reads_named_files() {
    let apps = apps("checked.json");
    let url = "redis://:hush-hush@127.0.0.1:1";
    let answer = run_with_env(&["serve", "--check-config", "--apps", apps.path()], "ABLY_AUTH_REDIS", url);
    assert!(answer.yes().contains("redis = \"redis://[redacted]@127.0.0.1:1\""), "{answer:?}");
    answer.assert_hides("hush");
    for (url, is_url) in [
        ("redis+unix:///run/redis.sock?pass=hush", true),
        ("redis://127.0.0.1:1?password=hush", true),
        (":hush@127.0.0.1:1", false),
    ] {
        let config = File::new("checked-redis.toml", &format!("redis = \"{url}\"\n"));
        let answer = run(&["serve", "--check-config", "--apps", apps.path(), "--config", config.path()]);
        if is_url {
            assert!(answer.yes().contains("[redacted]"), "{answer:?}");
        } else {
            answer.bad(&["--config: redis: invalid Redis URL: unknown scheme or malformed address"]);
        }
        answer.assert_hides("hush");
        run(&["--json", "serve", "--check-config", "--sandbox", "--redis", url]).assert_hides("hush");
    }
    let broken = File::new("checked-broken.json", "{");
    run(&["serve", "--check-config", "--apps", broken.path()]).bad(&["--apps ", "line 1"]);
    run(&["serve", "--check-config"]).bad(&["nothing to serve"]);
    run(&["serve", "--check-config", "--apps", apps.path(), "--tls-cert", apps.path()]).bad(&["--tls-key"]);
    let secrets = File::new("secrets", &format!("# current\n{}\n\n{}\n", SECRETS[0], SECRETS[1]));
    run(&["serve", "--check-config", "--sandbox", "--service-secrets", secrets.path()]).yes();
    let zeros = format!("{}\n{}", SECRETS[0], "00".repeat(32));
    for (text, said) in [
        ("", "openssl"),
        ("hush", "line 1"),
        (&*"0z".repeat(32), "line 1"),
        (&*zeros, "line 2 is not a random secret: it has fewer than 8 distinct bytes"),
    ] {
        let wrong = File::new("secrets-wrong", text);
        let answer = run(&["serve", "--check-config", "--sandbox", "--service-secrets", wrong.path()]);
        answer.bad(&["--service-secrets ", said]);
        answer.assert_hides("hush");
    }
}

/// Takes the options from the help, so that it includes each new option.
#[test]
fn check_config_refuses_bad_value_of_each_option() {
    let (apps, file) = (apps("each-option.json"), File::new("each-option", "hush"));
    // No option takes a file in another file, and this is no address, number, time, host or URL.
    let bad = format!("{}/hush", file.path());
    let help = run(&["serve", "--help"]).yes().to_owned();
    let end = |c: char| !c.is_ascii_lowercase() && c != '-';
    // The line of an option that takes a value is such as `--idle <TIME>` or `--sandbox[=<true|false>]`.
    let lines = help.lines().filter_map(|line| line.trim_start().strip_prefix("--"));
    let mut options: Vec<_> =
        lines.filter(|line| line.contains('<')).map(|line| line.split(end).next().unwrap()).collect();
    options.sort_unstable();
    options.dedup();
    assert!(options.len() >= 40, "{options:?}");
    for option in options {
        let given = format!("--{option}={bad}");
        let more: &[&str] = match option {
            "tls-cert" => &["--tls-key", file.path()],
            "tls-key" => &["--tls-cert", file.path()],
            "redis-ca" => &["--redis", "rediss://127.0.0.1:1"],
            "admin-console" => &["--admin", "127.0.0.1:0"],
            _ => &[],
        };
        let mut command = program(&[&["serve", "--check-config", &given], more].concat());
        if option != "apps" {
            command.env("ABLY_AUTH_APPS", apps.path());
        }
        if option != "sandbox" {
            command.env("ABLY_AUTH_SANDBOX", "true");
        }
        let answer = crate::support::finish(&mut command, "");
        answer.bad(&[&format!("--{option}")]);
        assert!(!answer.stderr.contains("cannot be used") && !answer.stderr.contains("required"), "{answer:?}");
    }
}

#[test]
fn service_secret_can_be_rotated() {
    let apps = apps("rotate.json");
    let [old, new] = SECRETS.map(str::to_owned);
    let files = [old.clone(), format!("{new}\n{old}"), new];
    let mut token = String::new();
    for (nth, (text, good)) in files.iter().zip([true, true, false]).enumerate() {
        let file = File::new(&format!("rotate-{nth}"), text);
        let service = LoggedService::start(&["--apps", apps.path(), "--service-secrets", file.path()]);
        let address = service.address("listening on ");
        if nth == 0 {
            token = request(&address, KEY).yes_json()["token"].as_str().unwrap().to_owned();
        }
        let answer = get(&address["http://".len()..], &format!("/channels/chat?access_token={token}"));
        assert_eq!(answer.starts_with("HTTP/1.1 200"), good, "{nth}: {answer}");
    }
}

const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy");

#[test]
fn deployment_files_use_existing_options() {
    let apps = apps("deployed.json");
    let config = format!("{DEPLOY}/ably-auth.toml");
    let found = effective_config(&["--config", &config], ("ABLY_AUTH_APPS", apps.path()));
    assert_eq!(found["data"], json!({ "value": "/var/lib/ably-auth", "origin": "the file" }));
    // Join the lines, because line breaks depend on the terminal.
    let help = run(&["serve", "--help"]).yes().split_whitespace().collect::<Vec<_>>().join(" ");
    for file in ["Dockerfile", "compose.yaml"] {
        let text = fs::read_to_string(format!("{DEPLOY}/{file}")).unwrap();
        let words = text.split(|c: char| !c.is_ascii_uppercase() && c != '_');
        let variables: Vec<_> = words.filter(|word| word.starts_with("ABLY_AUTH_")).collect();
        assert!(!variables.is_empty());
        for variable in variables {
            let is_there = ["=", "]"].iter().any(|end| help.contains(&format!("[env: {variable}{end}")));
            assert!(is_there, "{file}: {variable}");
        }
    }
}
