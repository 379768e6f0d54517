//! A sandbox for the tests of an application: the service on its own port, in the process of the test.

pub(crate) mod builder;
mod certificate;
mod thread;

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use ably_auth_core::{ApiKey, ErrorCode};

use crate::apps::App;
use crate::error::{Error, ErrorKind};
use crate::ops::metrics;
use crate::service::Service;
use crate::state::faults::Fault;
use thread::ServerThread;

/// An emulator of the service for the integration tests of an application: it listens on a free port of `127.0.0.1` and
/// has an app with one key. It stops when it is dropped.
///
/// It runs on its own thread, so it serves blocking tests (`#[test]`) and asynchronous ones (`#[tokio::test]`) alike.
/// Each sandbox has its own port, app and state, so tests can run in parallel, each with its own.
///
/// | client | options |
/// | --- | --- |
/// | `ably-auth-reqwest`, `ably-auth-blocking` | `.key(sandbox.key().clone()).endpoint(sandbox.url())` |
/// | npm `ably` | `endpoint`: [`endpoint`](Self::endpoint), `port` and `tlsPort`: [`port`](Self::port), `tls: false`, `useTokenAuth: true` |
///
/// ```
/// use std::io::{Read as _, Write as _};
/// use std::net::TcpStream;
///
/// use ably_auth_server::Sandbox;
///
/// let sandbox = Sandbox::start()?;
/// let mut stream = TcpStream::connect((sandbox.endpoint(), sandbox.port()))?;
/// stream.write_all(b"GET /time HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
/// let mut response = String::new();
/// stream.read_to_string(&mut response)?;
/// assert!(response.starts_with("HTTP/1.1 200"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Like `ably-auth serve --sandbox`, it accepts keys without TLS, creates more apps with `POST /apps`, and answers
/// requests and web pages of this machine only. It keeps everything in memory.
pub struct Sandbox {
    service: Service,
    app: App,
    key: ApiKey,
    address: SocketAddr,
    url: String,
    certificate: Option<String>,
    /// Stops the server when it is dropped.
    _thread: ServerThread,
}

impl Sandbox {
    /// Returns the host, `127.0.0.1`. For Ably's SDKs, use it as `endpoint`, together with [`port`](Self::port). For
    /// the clients of this project, use the [`url`](Self::url).
    ///
    /// ```
    /// use ably_auth_server::Sandbox;
    ///
    /// let sandbox = Sandbox::start()?;
    /// assert_eq!(sandbox.url(), format!("http://{}:{}", sandbox.endpoint(), sandbox.port()));
    /// # Ok::<(), ably_auth_server::Error>(())
    /// ```
    #[must_use]
    pub const fn endpoint(&self) -> &'static str {
        thread::HOST
    }

    /// Returns the port, which stays the same for as long as the sandbox lives.
    ///
    /// ```
    /// use ably_auth_server::Sandbox;
    ///
    /// let (one, other) = (Sandbox::start()?, Sandbox::start()?);
    /// assert_ne!(one.port(), other.port());
    /// # Ok::<(), ably_auth_server::Error>(())
    /// ```
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns the base URL, without a slash at the end. Pass it to `Endpoint::parse` for the clients of this project.
    ///
    /// ```
    /// use ably_auth_server::Sandbox;
    ///
    /// let sandbox = Sandbox::start()?;
    /// let time = format!("{}/time", sandbox.url());
    /// assert!(time.starts_with("http://127.0.0.1:"));
    /// # Ok::<(), ably_auth_server::Error>(())
    /// ```
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the key, which stays the same over [`reset`](Self::reset). With
    /// [`SandboxBuilder::app`](crate::SandboxBuilder::app), it is the first key of the app.
    ///
    /// ```
    /// use ably_auth_server::Sandbox;
    ///
    /// let sandbox = Sandbox::start()?;
    /// let (name, secret) = (sandbox.key().key_name(), sandbox.key().secret());
    /// let text = format!("{name}:{}", secret.expose()); // the option `key` of an SDK
    /// # assert!(text.len() > 40);
    /// # Ok::<(), ably_auth_server::Error>(())
    /// ```
    #[must_use]
    pub const fn key(&self) -> &ApiKey {
        &self.key
    }

    /// Returns the app that the sandbox was started with.
    ///
    /// ```
    /// use ably_auth_server::Sandbox;
    ///
    /// let sandbox = Sandbox::start()?;
    /// assert_eq!(sandbox.app().id(), sandbox.key().key_name().app_id());
    /// # Ok::<(), ably_auth_server::Error>(())
    /// ```
    #[must_use]
    pub const fn app(&self) -> &App {
        &self.app
    }

    /// Returns the certificate for clients to trust, as PEM, if the sandbox uses TLS.
    ///
    /// ```
    /// use ably_auth_server::Sandbox;
    ///
    /// let sandbox = Sandbox::builder().tls(true).start()?;
    /// assert!(sandbox.certificate().is_some_and(|pem| pem.starts_with("-----BEGIN CERTIFICATE-----")));
    /// # Ok::<(), ably_auth_server::Error>(())
    /// ```
    #[must_use]
    pub fn certificate(&self) -> Option<&str> {
        self.certificate.as_deref()
    }

    /// Forgets everything that happened since the start, as if the service were started again.
    ///
    /// - Forgotten are: apps and keys that were created or changed, messages, statistics, revocations, used nonces, the
    ///   tokens that were issued (they are refused with 40143), the failures of [`fail_next`](Self::fail_next), and the
    ///   time by which the clock was advanced. The app and its keys are restored, even if they were deleted, changed or
    ///   revoked.
    /// - The address stays, and so do the app's id, the keys' secrets, the certificate and open connections.
    /// - JWTs stay valid, because the service does not issue them. A JWT that was revoked is valid again.
    ///
    /// A request that the service is already reading gets its response from the state before the reset.
    ///
    /// ```
    /// # use std::io::{Read as _, Write as _};
    /// # fn send(sandbox: &Sandbox, request: &str) -> std::io::Result<String> {
    /// #     let mut stream = std::net::TcpStream::connect((sandbox.endpoint(), sandbox.port()))?;
    /// #     write!(stream, "{request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}")?;
    /// #     let mut response = String::new();
    /// #     stream.read_to_string(&mut response)?;
    /// #     Ok(response)
    /// # }
    /// use ably_auth_server::Sandbox;
    ///
    /// let sandbox = Sandbox::start()?;
    /// let key = sandbox.key().clone();
    /// sandbox.fail_next(10, 50003)?;
    /// sandbox.reset()?;
    /// assert!(send(&sandbox, "POST /apps")?.starts_with("HTTP/1.1 201"));
    /// assert_eq!(sandbox.key(), &key);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Random`] if the system gives no random numbers. The state then stays as it was.
    pub fn reset(&self) -> Result<(), Error> {
        self.service.reset()
    }

    /// Moves the service's clock forward, so that tokens expire without waiting. The clock then goes on from there.
    ///
    /// The clocks of clients do not move: to them, the service's clock is ahead.
    ///
    /// - A client sends its token until the service refuses it (40142), and then renews it.
    /// - The service accepts token requests that are signed by its own clock, and by a clock that was not advanced.
    /// - A JWT that a client or your server mints by its own clock has expired already if the clock was advanced by
    ///   more than its lifetime. To test the renewal of JWTs, use [`fail_next`](Self::fail_next) with 40142.
    ///
    /// The clock moves by whole milliseconds.
    ///
    /// ```
    /// # use std::io::{Read as _, Write as _};
    /// # fn time(sandbox: &Sandbox) -> Result<u64, Box<dyn std::error::Error>> {
    /// #     let mut stream = std::net::TcpStream::connect((sandbox.endpoint(), sandbox.port()))?;
    /// #     stream.write_all(b"GET /time HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    /// #     let mut response = String::new();
    /// #     stream.read_to_string(&mut response)?;
    /// #     Ok(response.rsplit('[').next().unwrap_or_default().trim_end_matches(']').parse()?)
    /// # }
    /// use std::time::Duration;
    ///
    /// use ably_auth_server::Sandbox;
    ///
    /// let sandbox = Sandbox::start()?;
    /// let before = time(&sandbox)?; // GET /time
    /// sandbox.advance_clock(Duration::from_secs(3600));
    /// assert!(time(&sandbox)? >= before + 3_600_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn advance_clock(&self, by: Duration) {
        self.service.current().state().advance_clock(by);
    }

    /// Refuses the next `count` requests with that error code and its HTTP status, before any other check of the
    /// request.
    ///
    /// `OPTIONS` requests, which a browser sends by itself, are answered and not counted. Requests for hosts or from
    /// pages that a sandbox does not answer are not counted either. A new call replaces the failures that are left of
    /// an earlier call; a `count` of 0 removes them.
    ///
    /// ```
    /// # use std::io::{Read as _, Write as _};
    /// # fn get(sandbox: &Sandbox, path: &str) -> std::io::Result<String> {
    /// #     let mut stream = std::net::TcpStream::connect((sandbox.endpoint(), sandbox.port()))?;
    /// #     write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    /// #     let mut response = String::new();
    /// #     stream.read_to_string(&mut response)?;
    /// #     Ok(response)
    /// # }
    /// use ably_auth_server::Sandbox;
    ///
    /// let sandbox = Sandbox::start()?;
    /// sandbox.fail_next(1, 50003)?;
    /// assert!(get(&sandbox, "/time")?.starts_with("HTTP/1.1 500"));
    /// assert!(get(&sandbox, "/time")?.starts_with("HTTP/1.1 200"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::ErrorCode`] if the code is not in the table of `docs/errors.md`: it is neither one of
    /// `ErrorCode::KNOWN` nor 50004. Nothing is changed then.
    pub fn fail_next(&self, count: u32, code: u32) -> Result<(), Error> {
        let code = ErrorCode::new(code);
        if !metrics::codes().any(|known| known == code) {
            let message = format!("unknown error code {code}; use one of `ErrorCode::KNOWN`, such as 50003 or 40142");
            return Err(Error::new(ErrorKind::ErrorCode, message));
        }
        self.inject(Fault::Refuse { code, status: None }, count);
        Ok(())
    }

    /// Holds back the responses to the next `count` requests for `by`, at most for a minute each, so that the timeouts
    /// of a client can be tested. The requests are processed at once: a message is published although its publisher
    /// waits. At most 1000 responses are held back at the same time; more are sent at once.
    ///
    /// The requests count as for [`fail_next`](Self::fail_next). A new call of `fail_next`, `delay_next` or
    /// [`drop_next`](Self::drop_next) replaces what is left of an earlier one.
    ///
    /// ```
    /// use std::io::{Read as _, Write as _};
    /// use std::net::TcpStream;
    /// use std::time::Duration;
    ///
    /// use ably_auth_server::Sandbox;
    ///
    /// let sandbox = Sandbox::start()?;
    /// sandbox.delay_next(1, Duration::from_secs(60));
    /// let mut stream = TcpStream::connect((sandbox.endpoint(), sandbox.port()))?;
    /// stream.set_read_timeout(Some(Duration::from_millis(50)))?;
    /// stream.write_all(b"GET /time HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    /// assert!(stream.read(&mut [0]).is_err(), "the response does not arrive in time");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn delay_next(&self, count: u32, by: Duration) {
        self.inject(Fault::Delay(by.min(Fault::MAX_DELAY)), count);
    }

    /// Closes the connections of the next `count` requests without a response. The requests are not processed.
    ///
    /// The requests count as for [`fail_next`](Self::fail_next). A new call of `fail_next`,
    /// [`delay_next`](Self::delay_next) or `drop_next` replaces what is left of an earlier one.
    ///
    /// ```
    /// use std::io::{Read as _, Write as _};
    /// use std::net::TcpStream;
    ///
    /// use ably_auth_server::Sandbox;
    ///
    /// let sandbox = Sandbox::start()?;
    /// sandbox.drop_next(1);
    /// let mut stream = TcpStream::connect((sandbox.endpoint(), sandbox.port()))?;
    /// stream.write_all(b"GET /time HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    /// let mut response = String::new();
    /// stream.read_to_string(&mut response)?;
    /// assert_eq!(response, "");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn drop_next(&self, count: u32) {
        self.inject(Fault::Drop, count);
    }

    fn inject(&self, fault: Fault, count: u32) {
        if let Some(back) = self.service.current().state().back() {
            back.faults.set(fault, count);
        }
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("url", &self.url).field("key", self.key.key_name()).finish_non_exhaustive()
    }
}
