//! `ably-auth health`

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use crate::operating::{LoggedService, get};
use crate::support::{apps, run, run_with_env};

/// Starts a server that sends the same response to every request, and returns its address.
pub(crate) fn server(response: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(response.as_bytes());
        }
    });
    address
}

#[test]
fn ready_service_is_healthy() {
    let apps = apps("health.json");
    let service = LoggedService::start(&["--apps", apps.path(), "--admin", "127.0.0.1:0"]);
    service.address("listening on http://");
    let admin = service.address("health and metrics on http://");
    // The service listens shortly before it is ready.
    while !get(&admin, "/health/ready").starts_with("HTTP/1.1 200") {}
    assert_eq!(run(&["health", "--admin", &admin]).yes().trim(), "ready");
    let port = admin.rsplit(':').next().unwrap();
    let answer = run_with_env(&["health", "--json"], "ABLY_AUTH_ADMIN", &format!("0.0.0.0:{port}"));
    assert_eq!(answer.yes_json()["ready"], true);
}

#[test]
fn other_responses_are_not_healthy() {
    let check = |response| run(&["health", "--admin", &server(response)]);
    let answer = check("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
    answer.no();
    assert_eq!(answer.stdout.trim(), "not ready");
    for response in ["HTTP/1.1 404 Not Found\r\n\r\n", "220 mail.example\r\n", ""] {
        let answer = check(response);
        answer.no();
        assert!(answer.stderr.contains("is not the --admin address"), "{answer:?}");
    }
}

#[test]
fn unreachable_service_is_not_healthy() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let answer = run(&["health", "--admin", &free]);
    answer.no();
    assert!(answer.stderr.contains(&format!("`{free}` cannot be reached")), "{answer:?}");
    run(&["health", "--admin", "localhost"]).bad(&["not an IP address with a port"]);
}
