//! `ably-auth serve`: its limits on connections and open files, and the headers of a trusted proxy.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

use serde_json::Value;

use crate::operating::{LoggedService, get};
use crate::support::{apps, run};

/// Sends a request on a new connection. Returns the open connection and the first 12 bytes of the response.
fn keep_open(address: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /time HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).unwrap();
    (stream, String::from_utf8(start.to_vec()).unwrap())
}

#[test]
fn address_has_a_quarter_of_the_connections_by_default() {
    let apps = apps("shares.json");
    for (args, served) in [(&[][..], 2), (&["--max-connections-per-address", "off"], 4)] {
        let args = [&["--apps", apps.path(), "--max-connections", "8"], args].concat();
        let service = LoggedService::start(&args);
        let address = service.address("listening on http://");
        let open: Vec<_> = (0..4).map(|_| keep_open(&address)).collect();
        let answers: Vec<_> = open.iter().map(|(_, answer)| answer.as_str()).collect();
        assert_eq!(answers.iter().filter(|answer| **answer == "HTTP/1.1 200").count(), served, "{answers:?}");
    }
    for wrong in ["0", "1.5", "none"] {
        run(&["serve", "--sandbox", "--max-connections-per-address", wrong]).bad(&["--max-connections-per-address"]);
    }
}

#[test]
fn trusted_proxy_header_option_selects_header() {
    let ask = |header: &str, forwarded: &str| {
        let apps = apps("proxied.json");
        let args = ["--apps", apps.path(), "--trusted-proxy", "127.0.0.1", "--trusted-proxy-header", header];
        let address = LoggedService::start(&args);
        let service = address.address("listening on http://");
        let mut stream = TcpStream::connect(&service).unwrap();
        let key = "Basic c2hvcC5iYWNrZW5kOnNlY3JldA==";
        write!(stream, "GET /stats HTTP/1.0\r\nAuthorization: {key}\r\n{forwarded}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        // Over TLS the service checks the key, which is wrong (40101). Without TLS it refuses any key (40103).
        assert!(answer.contains("40101") || answer.contains("40103"), "{answer}");
        answer.contains("40101")
    };
    assert!(ask("forwarded", "Forwarded: for=192.0.2.1;proto=https"));
    assert!(!ask("forwarded", "X-Forwarded-Proto: https"));
    assert!(ask("x-forwarded", "X-Forwarded-Proto: https"));
    assert!(!ask("x-forwarded", "Forwarded: for=192.0.2.1;proto=https"));
    run(&["serve", "--sandbox", "--trusted-proxy-header", "both"]).bad(&["x-forwarded", "forwarded"]);
}

/// Starts the service with the limits that `ulimit` sets: both, or only the soft limit with `-S`.
#[cfg(unix)]
fn start_with(ulimit: &str, connections: &str) -> LoggedService {
    let script = format!("ulimit {ulimit} && exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_ably-auth"), "serve", "--listen", "127.0.0.1:0", "--sandbox"]);
    command.args(["--log-format", "json", "--max-connections", connections]);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    LoggedService::of(&mut command)
}

#[cfg(unix)]
#[test]
fn limit_of_files_is_raised_or_warned_about() {
    let service = start_with("-n 500", "1000");
    let event = service.event("the limit of open files is below");
    assert_eq!((&event["level"], &event["limit"], &event["needed"]), (&"WARN".into(), &500.into(), &1384.into()));
    assert!(get(&service.address("listening on http://"), "/time").starts_with("HTTP/1.1 200"));

    let service = start_with("-Sn 200", "100");
    let event: Value = service.event("raised the limit of open files");
    assert_eq!((&event["from"], &event["to"]), (&200.into(), &484.into()));
}
