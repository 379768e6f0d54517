//! `ably-auth health`

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::json;

use super::serve::reachable;
use crate::output::{Failure, Outcome};

/// The limit for connecting, and for each part of the response. The service answers within half a second.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The service writes less; another server may write more.
const MAX_RESPONSE: u64 = 4096;

pub(crate) fn run(admin: SocketAddr) -> Result<Outcome, Failure> {
    let address = reachable(admin);
    let response = request(address).map_err(|error| {
        failed(format!("`{address}` cannot be reached: {error}; check that the service runs with `--admin {admin}`"))
    })?;
    match status(&response) {
        Some("200") => Ok(Outcome::yes("ready", &json!({ "ready": true }))),
        Some("503") => Ok(Outcome::no("not ready", &json!({ "ready": false }))),
        _ => Err(failed(format!("`{address}` is not the --admin address of the service; check the address"))),
    }
}

/// Sends the request without an HTTP client, which would use a proxy of the environment.
fn request(address: SocketAddr) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    // In one packet: another server may close the connection after the first.
    let request = format!("GET /health/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut response = Vec::new();
    stream.take(MAX_RESPONSE).read_to_end(&mut response)?;
    Ok(response)
}

/// Returns the status of an HTTP response.
fn status(response: &[u8]) -> Option<&str> {
    let line = response.split(|&byte| byte == b'\r').next()?;
    let mut words = std::str::from_utf8(line).ok()?.split(' ');
    words.next()?.starts_with("HTTP/1.").then(|| words.next()).flatten()
}

fn failed(text: String) -> Failure {
    let json = json!({ "error": { "message": text } });
    Failure::Failed { text, json }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unspecified_address_is_reached_over_loopback() {
        let reached = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(reached("0.0.0.0:8485"), "127.0.0.1:8485");
        assert_eq!(reached("[::]:8485"), "[::1]:8485");
        assert_eq!(reached("192.0.2.1:80"), "192.0.2.1:80");
    }

    #[test]
    fn only_http_responses_have_a_status() {
        assert_eq!(status(b"HTTP/1.1 503 Service Unavailable\r\n\r\n"), Some("503"));
        assert_eq!([status(b""), status(b"SSH-2.0-x\r\n"), status(b"HTTP/1.1\r\n")], [None; 3]);
    }
}
