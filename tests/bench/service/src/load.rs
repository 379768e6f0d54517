//! A load generator: each connection sends a request, reads the answer, and repeats.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ably_auth_core::{ApiKey, Nonce, Timestamp, TokenParams, TokenRequest};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::servers::KEY;

pub struct Load {
    address: SocketAddr,
    connections: usize,
    make: fn(&ApiKey, &TokenParams) -> Vec<u8>,
}

pub struct Measured {
    /// Number of requests, including those of the warm-up.
    pub in_all: usize,
    pub per_second: f64,
    pub p50_micros: f64,
    pub p99_micros: f64,
    /// CPU time of the server for one request, in µs.
    pub cpu_micros: f64,
}

impl Load {
    pub fn new(address: SocketAddr, connections: usize, which: &str) -> Self {
        let make = if which.starts_with("endpoint") { login } else { request };
        Self { address, connections, make }
    }

    pub async fn run(&self, lasting: Duration, server: u32) -> Measured {
        let (began, cpu) = (Instant::now(), cpu_of(server));
        let until = began + lasting;
        let workers: Vec<_> =
            (0..self.connections).map(|_| tokio::spawn(ask_until(self.address, self.make, until))).collect();
        let mut took = Vec::new();
        for worker in workers {
            took.extend(worker.await.unwrap());
        }
        let (lasted, cpu) = (began.elapsed(), cpu_of(server) - cpu);
        took.sort_unstable();
        let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e6;
        Measured {
            in_all: took.len(),
            per_second: took.len() as f64 / lasted.as_secs_f64(),
            p50_micros: at(0.5),
            p99_micros: at(0.99),
            cpu_micros: cpu.as_secs_f64() * 1e6 / took.len() as f64,
        }
    }
}

async fn ask_until(address: SocketAddr, make: fn(&ApiKey, &TokenParams) -> Vec<u8>, until: Instant) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let key: ApiKey = KEY.parse().unwrap();
    let params = TokenParams::new().client_id("bob").capability(r#"{"chat:*":["publish","subscribe"]}"#);
    let (mut took, mut buffer) = (Vec::new(), vec![0; 16 * 1024]);
    while Instant::now() < until {
        let request = make(&key, &params);
        let began = Instant::now();
        stream.write_all(&request).await.unwrap();
        let read = answer(&mut stream, &mut buffer).await;
        took.push(began.elapsed());
        let status = &buffer[..12];
        assert!(status == b"HTTP/1.1 200" || status == b"HTTP/1.1 201", "{}", String::from_utf8_lossy(&buffer[..read]));
    }
    took
}

/// Reads the live log of the console until the task is aborted.
pub async fn read_console(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = b"GET /console/api/log/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut buffer = vec![0; 64 * 1024];
    let read = stream.read(&mut buffer).await.unwrap();
    assert!(buffer[..read].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&buffer[..read]));
    while stream.read(&mut buffer).await.unwrap() > 0 {}
}

/// Returns the system's time, in milliseconds since the epoch.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

/// Returns a token request with a new nonce.
fn request(key: &ApiKey, params: &TokenParams) -> Vec<u8> {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let nonce = format!("{:08x}{:016x}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    let now = now();
    let signed = TokenRequest::sign(key, params, Timestamp::from_millis(now), Nonce::parse(&nonce).unwrap()).unwrap();
    let body = serde_json::to_string(&signed).unwrap();
    let head = "POST /keys/app1.key1/requestToken HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n\
                Content-Type: application/json\r\nX-Ably-Version: 6\r\nAbly-Agent: bench/1";
    format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Returns the request of a browser's SDK to an auth URL.
fn login(_: &ApiKey, _: &TokenParams) -> Vec<u8> {
    b"GET /ably-token?clientId=bob&timestamp=1449746287318 HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n\
      Cookie: session=bob\r\nUser-Agent: Mozilla/5.0\r\nConnection: keep-alive\r\n\r\n"
        .to_vec()
}

/// Reads one answer, and returns its length.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> usize {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await.unwrap();
        assert!(read > 0, "the server has closed the connection");
        filled += read;
        let Some(head) = buffer[..filled].windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let text = std::str::from_utf8(&buffer[..head]).unwrap();
        let length = text.split("\r\n").find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
        });
        if filled >= head + 4 + length.unwrap() {
            return filled;
        }
    }
}

/// Returns the CPU time of a process.
fn cpu_of(process: u32) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let (_, fields) = text.rsplit_once(") ").unwrap();
    let mut ticks = fields.split(' ').skip(11).map(|field| field.parse::<u64>().unwrap());
    // Linux reports 100 ticks a second, regardless of the kernel's own tick rate.
    Duration::from_millis((ticks.next().unwrap() + ticks.next().unwrap()) * 10)
}
