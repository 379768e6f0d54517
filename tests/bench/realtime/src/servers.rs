//! The measured servers, each a separate process: the service, and a bare WebSocket echo.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use ably_auth_core::{ApiKey, Nonce, Timestamp, TokenParams, TokenRequest};
use ably_auth_server::{Apps, Limits, Server, Service};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStdin, Command};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

const APPS: &str = r#"{"appId":"app1","keys":[{"id":"key1","secret":"hush","revocableTokens":true}]}"#;
const KEY: &str = "app1.key1:hush";

/// The maximum number of connections: more than are measured.
const CONNECTIONS: usize = 12_000;

/// A server process, killed on drop.
pub struct Process {
    child: Child,
    commands: ChildStdin,
    pub address: SocketAddr,
}

impl Process {
    pub async fn start(which: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["serve", which]).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).await.unwrap();
        Self { commands: child.stdin.take().unwrap(), child, address: address.trim().parse().unwrap() }
    }

    fn id(&self) -> u32 {
        self.child.id().expect("the server still runs")
    }

    /// Revokes the tokens of a client.
    pub async fn revoke(&mut self, client_id: &str) {
        self.commands.write_all(format!("{client_id}\n").as_bytes()).await.unwrap();
    }

    /// Returns the resident memory, in bytes.
    pub fn resident(&self) -> f64 {
        const PAGE: f64 = 4096.0;
        let text = std::fs::read_to_string(format!("/proc/{}/statm", self.id())).unwrap();
        text.split(' ').nth(1).unwrap().parse::<f64>().unwrap() * PAGE
    }

    /// Returns the CPU time.
    pub fn cpu(&self) -> Duration {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap();
        let (_, fields) = text.rsplit_once(") ").unwrap();
        let mut ticks = fields.split(' ').skip(11).map(|field| field.parse::<u64>().unwrap());
        // Linux reports 100 ticks a second, regardless of the kernel's own tick rate.
        Duration::from_millis((ticks.next().unwrap() + ticks.next().unwrap()) * 10)
    }

    /// Gets a token that expires in an hour.
    pub async fn token(&self, nth: usize, client_id: &str) -> String {
        let key: ApiKey = KEY.parse().unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
        let nonce = Nonce::parse(&format!("nonce-{client_id:>08.8}-{nth:08}").replace(' ', "0")).unwrap();
        let params = TokenParams::new().client_id(client_id);
        let signed = TokenRequest::sign(&key, &params, Timestamp::from_millis(now), nonce).unwrap();
        let body = serde_json::to_string(&signed).unwrap();
        let request = format!(
            "POST /keys/app1.key1/requestToken HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        body["token"].as_str().unwrap_or_else(|| panic!("no token: {body}")).to_owned()
    }
}

/// Prints the address, and serves until the process is killed.
pub async fn serve(which: &str) {
    match which {
        "echo" => echo().await,
        "service" => service().await,
        _ => panic!("unknown server `{which}`"),
    }
}

/// Runs the service. Each line of the standard input is a clientId whose tokens are revoked.
async fn service() {
    let mut limits = Limits::default();
    limits.connections = CONNECTIONS;
    limits.connections_per_address = Some(CONNECTIONS);
    limits.connections_per_app = Some(CONNECTIONS);
    let service = Service::builder().apps(Apps::from_json(APPS).unwrap()).limits(limits).build().unwrap();
    let server = Server::bind("127.0.0.1:0".parse().unwrap(), service.clone()).await.unwrap();
    println!("{}", server.local_addr());
    tokio::spawn(server.run(std::future::pending()));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(client_id) = lines.next_line().await.unwrap() {
        let body = json!({ "targets": [format!("clientId:{client_id}")] });
        let request = Request::post("https://localhost/keys/app1.key1/revokeTokens")
            .header("Authorization", format!("Basic {}", STANDARD.encode(KEY)))
            .header("X-Ably-Version", "6")
            .body(Bytes::from(body.to_string()));
        assert_eq!(service.handle(request.unwrap()).await.status(), StatusCode::CREATED);
    }
}

/// Runs a server that upgrades every request, and sends every message back.
async fn echo() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), hyper::service::service_fn(upgrade))
            .with_upgrades();
        tokio::spawn(connection);
    }
}

async fn upgrade(mut request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let key = request.headers()["Sec-WebSocket-Key"].to_str().unwrap();
    let joined = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let accept = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, joined.as_bytes());
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let stream = TokioIo::new(upgraded.await.unwrap());
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() || socket.send(message).await.is_err() {
                break;
            }
        }
    });
    let response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Accept", STANDARD.encode(accept));
    Ok(response.body(Empty::new()).unwrap())
}
