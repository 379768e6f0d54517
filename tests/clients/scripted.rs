//! A server that does as it is told, connection by connection, and what both clients make of it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ably_auth::{ClientOptions, Endpoint, Error, Mode, Timestamp, Token};

/// What the server does with a connection.
#[derive(Clone)]
pub(crate) enum Act {
    /// Answers with this, and closes.
    Answer(String),
    /// Reads nothing and closes, which resets the connection.
    Reset,
    /// Answers with this, and resets the connection.
    AnswerAndReset(String),
    /// Answers with this, if anything, and then nothing more.
    Hold(String),
    /// Answers with this, and then a byte at a time for as long as anybody takes them.
    Trickle(String),
    /// Answers with that many bytes.
    Large(usize),
}

pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    /// The head of each request, as it comes.
    pub(crate) heads: mpsc::Receiver<String>,
    /// Ends the held connections when the test does.
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
    // A client that has given up is nothing to complain of.
    match act {
        Act::Answer(answer) => {
            read(&mut stream);
            let _ = stream.write_all(answer.as_bytes());
        }
        // What was sent and not read makes the closing a reset.
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

/// What both clients are told.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) endpoint: String,
    pub(crate) fallback_hosts: Vec<&'static str>,
    pub(crate) http_request_timeout: Duration,
    pub(crate) http_open_timeout: Duration,
}

impl Told {
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

    pub(crate) fn in_a_moment(mut self) -> Self {
        self.http_request_timeout = MOMENT;
        self
    }

    pub(crate) fn options<M: Mode>(&self) -> ClientOptions<M> {
        ClientOptions::new()
            .token(Token::new("app.t").unwrap())
            .endpoint(Endpoint::parse(&self.endpoint).unwrap())
            .fallback_hosts(&self.fallback_hosts)
            .http_request_timeout(self.http_request_timeout)
            .http_open_timeout(self.http_open_timeout)
    }
}

pub(crate) const MOMENT: Duration = Duration::from_millis(200);

pub(crate) type Client = fn(&Told) -> Result<Timestamp, Error>;

/// Both clients, each asking the time.
pub(crate) const BOTH: [(&str, Client); 2] = [("reqwest", over_reqwest), ("ureq", over_ureq)];

fn over_reqwest(told: &Told) -> Result<Timestamp, Error> {
    let client = ably_auth_reqwest::Client::new(told.options()).unwrap();
    block_on(client.time())
}

fn over_ureq(told: &Told) -> Result<Timestamp, Error> {
    ably_auth_blocking::Client::new(told.options()).unwrap().time()
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// The beginnings of a client of the caller's own.
pub(crate) fn reqwest_builder() -> reqwest::ClientBuilder {
    // reqwest panics without one where it is compiled with rustls. It may be there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy()
}
