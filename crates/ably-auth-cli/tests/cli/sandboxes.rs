//! The first lines that a sandbox prints, and sandboxes for containers.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::operating::{LoggedService, get};
use crate::support::{File, Process, Service, TIMEOUT, apps, finish, program, run, run_with_key_in_env, spawn};

/// Starts a sandbox. Returns the process, and its output up to the line with `ClientOptions::from_env()`.
fn sandbox(more: &[&str]) -> (Process, String) {
    let args = [&["serve", "--sandbox", "--listen", "127.0.0.1:0"], more].concat();
    started(program(&args))
}

fn started(mut program: Command) -> (Process, String) {
    let mut process = spawn(program.stderr(Stdio::null()));
    let mut lines = BufReader::new(process.0.stdout.take().unwrap()).lines();
    let mut text = String::new();
    while !text.contains("ClientOptions::from_env()") {
        text.push_str(&lines.next().unwrap().unwrap());
        text.push('\n');
    }
    (process, text)
}

fn after<'a>(text: &'a str, start: &str) -> &'a str {
    text.split_once(start).unwrap_or_else(|| panic!("`{start}` is not printed: {text}")).1.lines().next().unwrap()
}

#[test]
fn sandbox_without_apps_prints_a_key_that_works() {
    let (_process, text) = sandbox(&[]);
    let (key, url) = (after(&text, "export ABLY_API_KEY="), after(&text, "listening on "));
    assert_eq!(run_with_key_in_env(&["key", "inspect", "--json"], key).status, Some(0));
    // Run the printed `ably-auth token request` command unchanged.
    let line = text.lines().find_map(|line| line.trim().strip_prefix("ably-auth ")).unwrap();
    let token = run_with_key_in_env(&line.split(' ').collect::<Vec<_>>(), key).yes_json();
    assert_eq!(token["capability"], r#"{"*":["*"]}"#);

    let port = url.rsplit_once(':').unwrap().1;
    let js = format!("endpoint: \"127.0.0.1\", port: {port}, tlsPort: {port}, tls: false");
    for said in [&*js, &format!("{url}/channels/chat/messages"), "curl -u \"$ABLY_API_KEY\"", "useTokenAuth: true"] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");

    let (_other, other) = sandbox(&[]);
    assert_ne!(after(&other, "export ABLY_API_KEY="), key);
}

#[test]
fn printed_command_begins_as_launcher_says() {
    for (named, shown) in [("npx ably-auth", "npx ably-auth"), ("", "ably-auth"), ("a\u{1b}[2J", "a\\u{1b}[2J")] {
        let mut sandbox = program(&["serve", "--sandbox", "--listen", "127.0.0.1:0"]);
        sandbox.env("ABLY_AUTH_COMMAND", named);
        let (_process, text) = started(sandbox);
        assert!(text.contains(&format!("\n  {shown} token request --endpoint http")), "{text}");
    }
}

#[test]
fn printed_examples_of_sandbox_with_tls_use_tls() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let certificate = File(folder.join(format!("{}-it's.pem", std::process::id())));
    let (_process, text) = sandbox(&["--tls-self-signed", certificate.path()]);
    let quoted = certificate.path().replace('\'', r"'\''");
    for said in ["tls: true", "endpoint https://127.0.0.1:", &format!("curl --cacert '{quoted}' -u")] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

/// Starts a sandbox with `--json` and an open stdin. Returns the process, and its output.
fn sandbox_for_program(more: &[&str]) -> (Process, Value) {
    let args = ["serve", "--sandbox", "--json", "--until-stdin-ends", "--listen", "127.0.0.1:0"];
    let mut process = spawn(program(&[&args, more].concat()).stdin(Stdio::piped()).stderr(Stdio::null()));
    let mut line = String::new();
    BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (process, serde_json::from_str(&line).unwrap())
}

#[test]
fn program_gets_address_and_key_as_json() {
    let certificate = File(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-json.pem", std::process::id())));
    for (more, scheme) in [(&[][..], "http"), (&["--tls-self-signed", certificate.path()], "https")] {
        let (_process, started) = sandbox_for_program(more);
        let port = started["port"].as_u64().unwrap();
        let url = format!("{scheme}://127.0.0.1:{port}");
        let console = format!("{url}/console");
        let key = started["key"].as_str().unwrap();
        let tls = scheme == "https";
        let expected =
            json!({ "url": url, "endpoint": "127.0.0.1", "port": port, "tls": tls, "key": key, "console": console });
        assert_eq!(started, expected);
        assert_eq!(run_with_key_in_env(&["key", "inspect", "--json"], key).status, Some(0));
    }

    let apps = apps("json-started.json");
    let (_process, started) =
        sandbox_for_program(&["--apps", apps.path(), "--admin", "127.0.0.1:0", "--console", "false"]);
    assert!(started["admin"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{started}");
    assert!(started.get("key").is_none() && started.get("console").is_none(), "{started}");
}

#[test]
fn service_shuts_down_when_its_stdin_ends() {
    let (mut process, _) = sandbox_for_program(&[]);
    drop(process.0.stdin.take());
    assert_eq!(process.wait_for_exit(), Some(0));
}

#[test]
fn service_with_closed_stdin_keeps_serving() {
    let (process, text) = sandbox(&[]);
    let mut command = program(&["token", "request", "--endpoint", after(&text, "listening on ")]);
    // `sandbox` gave it an empty stdin.
    finish(command.env("ABLY_API_KEY", after(&text, "export ABLY_API_KEY=")), "").yes();
    drop(process);
}

#[test]
fn sandbox_with_apps_prints_no_key() {
    let apps = apps("printed.json");
    let mut service = Service::start(&["--sandbox", "--apps", apps.path()]);
    service.process.0.kill().unwrap();
    let mut stderr = String::new();
    service.process.0.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert!(!stderr.contains("ABLY_API_KEY"), "{stderr}");
}

/// Runs the printed `curl` command unchanged, with options after it that print the status.
#[test]
fn printed_curl_command_publishes() {
    if Command::new("curl").arg("--version").output().is_err() {
        println!("SKIPPED: curl is not installed, so the printed command was not run");
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let certificate = File(folder.join(format!("{}-it's curl's.pem", std::process::id())));
    for more in [&[][..], &["--tls-self-signed", certificate.path()]] {
        let (_process, text) = sandbox(more);
        let (_, command) = text.split_once("publish a message with curl:\n").unwrap();
        let (command, _) = command.split_once("get a token:").unwrap();
        let script = format!("{} --silent --show-error --noproxy '*' --write-out ' %{{http_code}}'", command.trim());
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).env("ABLY_API_KEY", after(&text, "export ABLY_API_KEY="));
        let answer = finish(shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()), "");
        assert!(answer.status == Some(0) && answer.stdout.ends_with(" 201"), "{script}: {answer:?}");
    }
}

#[test]
fn refusal_is_printed_in_text_and_json() {
    let apps = apps("refusals.json");
    let service = LoggedService::start(&["--sandbox", "--apps", apps.path()]);
    let address = service.address("listening on http://");
    get(&address, "/channels/chat/messages?key=shop.limited:hush-hush");
    let next = || service.err.recv_timeout(TIMEOUT).unwrap();
    let refused = std::iter::repeat_with(next).find(|line| line.starts_with("401 ")).unwrap();
    assert_eq!(refused, "401 40101  GET /channels/chat/messages  operation=history  channel=chat");
    let reason = next();
    assert!(reason.starts_with("           ") && !reason.contains("hush"), "{reason}");

    let service = LoggedService::start(&["--sandbox", "--apps", apps.path(), "--log-format", "json"]);
    let address = service.address("listening on http://");
    get(&address, "/channels/chat/messages?key=shop.limited:hush-hush");
    let event = service.event("refused");
    let fields = ["level", "status", "code", "method", "path", "operation", "channel"].map(|name| &event[name]);
    let expected = json!(["INFO", 401, 40101, "GET", "/channels/chat/messages", "history", "chat"]);
    assert_eq!(json!(fields), expected, "{event}");
    assert!(!event["reason"].as_str().unwrap().is_empty(), "{event}");
}

/// Returns an address of this machine that other machines can reach, or `None` if it has only loopback addresses.
pub(crate) fn outer_address() -> Option<IpAddr> {
    // Connecting a UDP socket only looks up the route. It sends nothing.
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    let address = socket.connect("198.51.100.1:9").and_then(|()| socket.local_addr()).ok()?.ip();
    let is_outer = !address.is_loopback() && !address.is_unspecified();
    if !is_outer {
        println!("SKIPPED: this machine has only loopback addresses");
    }
    is_outer.then_some(address)
}

#[test]
fn open_sandbox_is_reached_over_outer_address() {
    let Some(address) = outer_address() else { return };
    let host = address.to_string();
    for (open, hosts) in [
        (&["--sandbox-public"][..], [(&*host, 200), ("ably", 200), ("localhost", 200)]),
        (&["--sandbox-allow-host", &host], [(&*host, 200), ("ably", 403), ("localhost", 200)]),
        (&["--sandbox-allow-host", "ably"], [(&*host, 403), ("ably", 200), ("localhost", 200)]),
    ] {
        let service = Service::start(&[&["--sandbox", "--listen", "0.0.0.0:0"], open].concat());
        let port = service.address.rsplit_once(':').unwrap().1;
        for (name, expected) in hosts {
            let named = format!("{name}:{port}");
            assert_eq!(status_at(&format!("{host}:{port}"), "/time", &named, None), expected, "{open:?} {named}");
        }
    }
    let closed = Service::start(&["--sandbox"]);
    let port = closed.address.rsplit_once(':').unwrap().1;
    assert!(TcpStream::connect(format!("{host}:{port}")).is_err(), "a sandbox listens on loopback by default");
}

/// Requests `target` with `Host: host`, and returns the status of the response.
fn status(address: &str, target: &str, host: &str, origin: Option<&str>) -> u16 {
    let port = address.rsplit_once(':').unwrap().1;
    status_at(&format!("127.0.0.1:{port}"), target, host, origin)
}

fn status_at(address: &str, target: &str, host: &str, origin: Option<&str>) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    let origin = origin.map_or_else(String::new, |origin| format!("Origin: {origin}\r\n"));
    write!(stream, "GET {target} HTTP/1.1\r\nHost: {host}\r\n{origin}Connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn allowed_hosts_are_answered_and_others_are_not() {
    let hosts = ["--sandbox", "--sandbox-allow-host", "ably", "--sandbox-allow-host", "ci.example,10.1.2.3"];
    let service = Service::start(&[&hosts[..], &["--listen", "0.0.0.0:0"]].concat()[..]);
    for (host, expected) in [
        ("ably", 200),
        ("ABLY:8484", 200),
        ("ci.example:80", 200),
        ("10.1.2.3", 200),
        ("localhost", 200),
        ("127.0.0.1:8484", 200),
        ("evil.example", 403),
        ("ably.evil.example", 403),
        ("notably", 403),
        ("10.1.2.4", 403),
    ] {
        assert_eq!(status(&service.address, "/time", host, None), expected, "{host}");
        assert_eq!(status(&service.address, &format!("http://{host}/time"), "localhost", None), expected, "{host}");
    }
    let page = Some("http://app.test:3000");
    assert_eq!(status(&service.address, "/time", "ably:8484", page), 200);
    assert_eq!(status(&service.address, "/time", "localhost:8484", page), 403);
}

#[test]
fn public_sandbox_answers_any_host_and_any_page() {
    let service = Service::start(&["--sandbox", "--sandbox-public", "--listen", "0.0.0.0:0"]);
    for host in ["ably", "anything.example:1", "localhost", "192.0.2.7"] {
        assert_eq!(status(&service.address, "/time", host, None), 200, "{host}");
    }
    assert_eq!(status(&service.address, "/time", "localhost", Some("http://app.test:3000")), 200);
}

#[test]
fn open_sandbox_is_warned_about() {
    let certificate = File::new("sandbox.pem", "");
    let tls = ["--tls-self-signed", certificate.path()];
    for (more, tls, said) in [
        (&["--sandbox-public"][..], &[][..], "PUBLIC SANDBOX"),
        (&["--sandbox-allow-host", "ably"], &[], "OPEN SANDBOX"),
        (&["--sandbox-public"], &tls, "PUBLIC SANDBOX"),
        (&["--sandbox-allow-host", "ably"], &tls, "OPEN SANDBOX"),
    ] {
        let mut service = Service::start(&[&["--sandbox"], more, tls].concat());
        service.process.0.kill().unwrap();
        let mut stderr = String::new();
        service.process.0.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert!(stderr.contains("WARN") && stderr.contains(said), "{stderr}");
        assert_eq!(stderr.contains("without TLS"), tls.is_empty(), "{stderr}");
    }
}

#[test]
fn access_options_need_sandbox_and_valid_host() {
    let apps = apps("no-access.json");
    for option in ["--sandbox-public", "--sandbox-allow-host=ably"] {
        run(&["serve", "--apps", apps.path(), option]).bad(&["it needs --sandbox"]);
    }
    for name in ["http://ably", "ably:8484", "a b", "", "user@ably", "ably/path"] {
        run(&["serve", "--sandbox", "--sandbox-allow-host", name]).bad(&["--sandbox-allow-host"]);
    }
    run(&["serve", "--sandbox", "--listen", "0.0.0.0:0"]).bad(&["--listen: ", "allow a host by name"]);
}
