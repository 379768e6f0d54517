//! A server that follows a script, connection by connection, and both clients to call it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ably_auth::{ClientOptions, Error, Mode, Timestamp};

/// An action of the server on one connection.
#[derive(Clone)]
pub(crate) enum Act {
    /// Sends the text, and closes.
    Answer(String),
    /// Closes without reading, which resets the connection.
    Reset,
    /// Sends the text, and resets the connection.
    AnswerAndReset(String),
    /// Sends the text, which may be empty, and keeps the connection open.
    Hold(String),
    /// Sends the text, and then one byte after another until the client closes.
    Trickle(String),
    /// Answers with a body of this many bytes.
    Large(usize),
}

pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    /// The head of each received request.
    pub(crate) heads: mpsc::Receiver<String>,
    /// Held connections, closed on drop.
    _held: mpsc::Receiver<TcpStream>,
}

impl Scripted {
    pub(crate) fn start(acts: impl IntoIterator<Item = Act>) -> Self {
        let acts: Vec<_> = acts.into_iter().collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (head, heads) = mpsc::channel();
        let (hold, held) = mpsc::channel();
        thread::spawn(move || {
            for act in acts {
                let (stream, _) = listener.accept().unwrap();
                perform(act, stream, &head, &hold);
            }
        });
        Self { address, heads, _held: held }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://localhost:{}", self.address.port())
    }
}

fn perform(act: Act, mut stream: TcpStream, head: &mpsc::Sender<String>, hold: &mpsc::Sender<TcpStream>) {
    let read = |stream: &mut TcpStream| {
        let mut buffer = [0; 4096];
        let length = stream.read(&mut buffer).unwrap_or_default();
        let _ = head.send(String::from_utf8_lossy(&buffer[..length]).into_owned());
    };
    // Write errors are ignored, since the client may have given up.
    match act {
        Act::Answer(answer) => {
            read(&mut stream);
            let _ = stream.write_all(answer.as_bytes());
        }
        // Closing a socket with unread data sends a reset.
        Act::Reset => drop(stream.peek(&mut [0])),
        Act::AnswerAndReset(answer) => {
            let _ = (stream.peek(&mut [0]), stream.write_all(answer.as_bytes()));
        }
        Act::Hold(answer) => {
            read(&mut stream);
            let _ = stream.write_all(answer.as_bytes());
            let _ = hold.send(stream);
        }
        Act::Trickle(answer) => {
            read(&mut stream);
            let _ = stream.write_all(answer.as_bytes());
            thread::spawn(move || {
                while stream.write_all(b" ").is_ok() {
                    thread::sleep(Duration::from_millis(5));
                }
            });
        }
        Act::Large(length) => {
            read(&mut stream);
            let _ = stream.write_all(head_of(200, length).as_bytes());
            let _ = stream.write_all(&vec![b' '; length]);
        }
    }
}

pub(crate) fn head_of(status: u16, length: usize) -> String {
    format!("HTTP/1.1 {status} Said\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n")
}

pub(crate) fn answer(status: u16, body: &str) -> Act {
    Act::Answer(head_of(status, body.len()) + body)
}

pub(crate) fn time() -> Act {
    answer(200, "[1704067200000]")
}

/// Options for both clients.
#[derive(Clone)]
pub(crate) struct TestOptions {
    pub(crate) endpoint: String,
    pub(crate) fallback_hosts: Vec<&'static str>,
    pub(crate) http_request_timeout: Duration,
    pub(crate) http_open_timeout: Duration,
}

impl TestOptions {
    pub(crate) fn of(endpoint: impl Into<String>) -> Self {
        let hour = Duration::from_secs(3600);
        Self {
            endpoint: endpoint.into(),
            fallback_hosts: Vec::new(),
            http_request_timeout: hour,
            http_open_timeout: hour,
        }
    }

    pub(crate) fn fallback_hosts<const N: usize>(mut self, hosts: [&'static str; N]) -> Self {
        self.fallback_hosts = hosts.to_vec();
        self
    }

    pub(crate) fn short_timeout(mut self) -> Self {
        self.http_request_timeout = SHORT_TIMEOUT;
        self
    }

    pub(crate) fn options<M: Mode>(&self) -> ClientOptions<M> {
        ClientOptions::new()
            .token("app.t")
            .endpoint(&self.endpoint)
            .fallback_hosts(&self.fallback_hosts)
            .http_request_timeout(self.http_request_timeout)
            .http_open_timeout(self.http_open_timeout)
    }
}

pub(crate) const SHORT_TIMEOUT: Duration = Duration::from_millis(200);

pub(crate) type Client = fn(&TestOptions) -> Result<Timestamp, Error>;

/// Both clients, each as a function that requests the time.
pub(crate) const BOTH: [(&str, Client); 2] = [("reqwest", over_reqwest), ("ureq", over_ureq)];

fn over_reqwest(options: &TestOptions) -> Result<Timestamp, Error> {
    let client = ably_auth_reqwest::Client::new(options.options()).unwrap();
    block_on(client.time())
}

fn over_ureq(options: &TestOptions) -> Result<Timestamp, Error> {
    ably_auth_blocking::Client::new(options.options()).unwrap().time()
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Returns a builder for a caller's own HTTP client.
pub(crate) fn reqwest_builder() -> reqwest::ClientBuilder {
    // With rustls compiled in, reqwest panics without a default provider. An error says that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy()
}
