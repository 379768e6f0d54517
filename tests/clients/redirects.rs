//! Credentials are not sent to the target of a redirect.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ably_auth::Endpoint;
use bytes::Bytes;
use http::Request;

/// Starts a server that redirects its first request to another server. The receiver gets a message if that one is
/// called.
fn trap(status: &'static str) -> (Endpoint, mpsc::Receiver<()>) {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let first = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = elsewhere.local_addr().unwrap();
    let endpoint = Endpoint::parse(&format!("http://{}", first.local_addr().unwrap())).unwrap();
    let (came, arrivals) = mpsc::channel();
    thread::spawn(move || {
        let (mut stream, _) = first.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let answer = format!("HTTP/1.1 {status}\r\nlocation: http://{target}/stolen\r\ncontent-length: 0\r\n\r\n");
        let _ = stream.write_all(answer.as_bytes());
    });
    thread::spawn(move || {
        if elsewhere.accept().is_ok() {
            let _ = came.send(());
        }
    });
    (endpoint, arrivals)
}

fn was_not_called(arrivals: &mpsc::Receiver<()>) -> bool {
    arrivals.recv_timeout(Duration::from_millis(50)).is_err()
}

const REDIRECTS: [&str; 3] = ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"];

#[tokio::test]
async fn async_client_does_not_follow_redirect() {
    for status in REDIRECTS {
        let (endpoint, arrivals) = trap(status);
        let options = ably_auth_reqwest::ClientOptions::new().token("app.t").endpoint(endpoint);
        let client = ably_auth_reqwest::Client::new(options).unwrap();
        let error = client.request(Request::get("/stats").body(Bytes::new()).unwrap()).await.unwrap_err();
        assert!(error.error_info().unwrap().status_code() < 400, "{error}");
        assert!(was_not_called(&arrivals));
    }
}

#[test]
fn blocking_client_does_not_follow_redirect_of_custom_agent() {
    for status in REDIRECTS {
        let (endpoint, arrivals) = trap(status);
        let options = ably_auth_blocking::ClientOptions::new().token("app.t").endpoint(endpoint);
        let eager = ureq::Agent::config_builder().max_redirects(5).build().new_agent();
        let client = ably_auth_blocking::Client::with_agent(options, eager).unwrap();
        let error = client.request(Request::get("/stats").body(Bytes::new()).unwrap()).unwrap_err();
        assert!(error.error_info().unwrap().status_code() < 400, "{error}");
        assert!(was_not_called(&arrivals));
    }
}
