//! Proxies in the environment: requests go through the proxy or are refused, but never directly.

use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use crate::sandboxes::outer_address;
use crate::support::{Answer, File, KEY, TIMEOUT, answer_json, finish, program};

const VARIABLES: [&str; 9] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "REQUEST_METHOD",
];

fn with_env(args: &[&str], variables: &[(&str, &str)]) -> Answer {
    let mut command = program(args);
    for name in VARIABLES {
        command.env_remove(name);
    }
    finish(command.envs(variables.iter().copied()), "")
}

/// A server that records connections, and answers each request with a token.
struct Listener {
    port: u16,
    heads: Receiver<String>,
}

impl Listener {
    fn start() -> Self {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (head, heads) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let _ = head.send(first_line(&stream));
                thread::spawn(|| answer_json(stream, "201 Created", r#"{"token":"shop.answered"}"#));
            }
        });
        Self { port, heads }
    }

    #[track_caller]
    fn was_not_reached(&self) {
        assert_eq!(self.heads.try_recv().ok(), None);
    }
}

/// Returns the first line of the request, and leaves the request unread.
fn first_line(stream: &TcpStream) -> String {
    let mut start = [0; 512];
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let mut count = 0;
    // The line may arrive in several pieces.
    while !start[..count].contains(&b'\n') {
        let before = count;
        count = stream.peek(&mut start).unwrap_or_default();
        if count == 0 || count == start.len() {
            break;
        }
        if count == before {
            thread::sleep(Duration::from_millis(1));
        }
    }
    String::from_utf8_lossy(&start[..count]).lines().next().unwrap_or_default().to_owned()
}

/// Returns a name that the system's resolver refuses without asking a server, because its label is too long.
fn unknown_name() -> String {
    format!("{}.invalid", "x".repeat(64))
}

/// Returns the hosts to which no request may go directly: an unknown name, and this machine under an address that is
/// not loopback.
fn hosts(direct: &Listener) -> Vec<String> {
    let here = outer_address().map(|address| format!("{address}:{}", direct.port));
    [Some(format!("{}:{}", unknown_name(), direct.port)), here].into_iter().flatten().collect()
}

#[test]
fn unusable_proxy_is_refused_and_nothing_is_sent() {
    let (direct, proxy) = (Listener::start(), Listener::start());
    let token = File::new("proxies-token", "hush-access-token");
    let socks = format!("socks5://me:hush@127.0.0.1:{}", proxy.port);
    for host in hosts(&direct) {
        let (endpoint, control) = (format!("http://{host}"), format!("https://{host}/v1"));
        let request = ["token", "request", "--key", KEY, "--endpoint", &endpoint];
        let list = ["key", "list", "shop", "--control-token", token.path(), "--control-url", &control];
        for (args, own) in [(&request[..], "HTTP_PROXY"), (&list, "HTTPS_PROXY")] {
            for variable in ["ALL_PROXY", own] {
                for value in [&*socks, "http://nonsense:hush", "hush/hush", "ftp://127.0.0.1"] {
                    let answer = with_env(args, &[(variable, value)]);
                    assert_eq!(answer.no(), "", "{answer:?}");
                    let said = format!(
                        "invalid proxy: `{variable}` does not name an HTTP proxy; set `http://host:port`, or unset it"
                    );
                    assert!(answer.stderr.contains(&said), "{answer:?}");
                    answer.assert_hides("hush");
                }
                // This value is a host name, but no host has it.
                let answer = with_env(args, &[(variable, &unknown_name())]);
                assert_eq!(answer.no(), "", "{answer:?}");
            }
        }
    }
    direct.was_not_reached();
    proxy.was_not_reached();
}

#[test]
fn http_proxy_is_used_except_under_cgi() {
    let (direct, proxy) = (Listener::start(), Listener::start());
    let url = format!("http://127.0.0.1:{}", proxy.port);
    for variable in ["HTTP_PROXY", "http_proxy"] {
        for host in hosts(&direct) {
            let endpoint = format!("http://{host}");
            let request = ["token", "request", "--key", KEY, "--endpoint", &endpoint];
            // The proxy does not open a tunnel, so the request fails.
            assert_eq!(with_env(&request, &[(variable, &url)]).no(), "");
            let head = proxy.heads.recv_timeout(TIMEOUT).unwrap();
            assert!(head.contains(&host), "{head}");
            direct.was_not_reached();

            let answer = with_env(&request, &[(variable, &url), ("REQUEST_METHOD", "GET")]);
            if host.starts_with(&unknown_name()) {
                assert!(answer.no().is_empty() && answer.stderr.contains("cannot be resolved"), "{answer:?}");
            } else {
                answer.yes();
                let head = direct.heads.recv_timeout(TIMEOUT).unwrap();
                assert!(head.starts_with("POST /keys/"), "{head}");
            }
            proxy.was_not_reached();
        }
    }
}
