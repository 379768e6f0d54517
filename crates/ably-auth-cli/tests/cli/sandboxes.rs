//! The first lines that a sandbox prints, and sandboxes for containers.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

use crate::support::{File, Process, Service, apps, program, run, run_with_key_in_env, spawn};

/// Starts a sandbox. Returns the process, and its output up to the line with `Endpoint::parse(`.
fn sandbox(more: &[&str]) -> (Process, String) {
    let args = [&["serve", "--sandbox", "--listen", "127.0.0.1:0"], more].concat();
    let mut process = spawn(program(&args).stderr(Stdio::null()));
    let mut lines = BufReader::new(process.0.stdout.take().unwrap()).lines();
    let mut text = String::new();
    while !text.contains("Endpoint::parse(") {
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
fn printed_examples_of_sandbox_with_tls_use_tls() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let certificate = File(folder.join(format!("{}-it's.pem", std::process::id())));
    let (_process, text) = sandbox(&["--tls-self-signed", certificate.path()]);
    let quoted = certificate.path().replace('\'', r"'\''");
    for said in ["tls: true", "endpoint https://127.0.0.1:", &format!("curl --cacert '{quoted}' -u")] {
        assert!(text.contains(said), "{said}: {text}");
    }
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

/// Requests `target` with `Host: host`, and returns the status of the response.
fn status(address: &str, target: &str, host: &str, origin: Option<&str>) -> u16 {
    let port = address.rsplit_once(':').unwrap().1;
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
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
