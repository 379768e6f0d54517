//! The options of a connection.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ably_auth::connection::{ConnectionAuth, ConnectionSettings, Format};
use ably_auth::{Async, Auth, ClientOptions, Error, Transport};
use tokio_rustls::TlsConnector;

use crate::connect::Connect;
use crate::opener::Opener;
use crate::tcp::Tcp;
use crate::tls;
use crate::without_http::WithoutHttp;

/// The default of the most bytes in a frame.
const MAX_FRAME_BYTES: usize = 1024 * 1024;

/// The default capacity of the queues, in messages.
const QUEUE_CAPACITY: usize = 64;

/// The maximum capacity of the queues. tokio's channels panic above a capacity of their own, which is far larger.
const MAX_QUEUE_CAPACITY: usize = 1_000_000;

/// The options of a [`Connection`](crate::Connection). Credentials, identity, endpoint, root certificates, clock and
/// randomness are those of its [`Auth`].
///
/// Clones share the TLS configuration. A program with many connections should clone one.
///
/// ```
/// use ably_auth_websocket::{ClientOptions, ConnectionOptions, Format};
///
/// let client = ClientOptions::new().key("app.key:secret").client_id("bob");
/// let options = ConnectionOptions::from_client_options(client)?.echo(false).format(Format::Json);
/// # Ok::<(), ably_auth_websocket::Error>(())
/// ```
#[derive(Clone)]
pub struct ConnectionOptions {
    pub(crate) auth: Result<ConnectionAuth, Error>,
    pub(crate) settings: ConnectionSettings,
    pub(crate) auto_connect: bool,
    pub(crate) check_url: Option<Arc<str>>,
    pub(crate) queue_capacity: usize,
    connect: Option<Arc<dyn Connect>>,
    max_frame_bytes: usize,
    tls: Arc<OnceLock<TlsConnector>>,
}

impl ConnectionOptions {
    /// Creates the options of a connection that shares the tokens of `auth`, such as the
    /// [`auth`](https://docs.rs/ably-auth-reqwest/latest/ably_auth_reqwest/struct.Client.html#method.auth) of
    /// `ably-auth-reqwest`'s client.
    ///
    /// ```
    /// use ably_auth_websocket::{Auth, Connection, ConnectionOptions, Error, Events, Transport};
    ///
    /// fn open<T: Transport + 'static>(auth: &Auth<T>) -> Result<(Connection, Events), Error> {
    ///     Connection::open(ConnectionOptions::new(auth))
    /// }
    /// ```
    #[must_use]
    pub fn new<T: Transport + 'static>(auth: &Auth<T>) -> Self {
        Self {
            auth: ConnectionAuth::new(auth),
            settings: ConnectionSettings::new(),
            auto_connect: true,
            check_url: Some(ConnectionAuth::CONNECTIVITY_CHECK_URL.into()),
            queue_capacity: QUEUE_CAPACITY,
            connect: None,
            max_frame_bytes: MAX_FRAME_BYTES,
            tls: Arc::default(),
        }
    }

    /// Creates the options of a connection without an HTTP client, so it makes no
    /// [connectivity check](Self::connectivity_check_url). A key, a token, an auth callback that returns tokens or JWTs,
    /// and [`mint_jwt`](ClientOptions::mint_jwt) work. Without an HTTP client, the connection cannot ask an auth URL, nor
    /// exchange a token request.
    ///
    /// # Errors
    /// As [`Auth::new`].
    pub fn from_client_options(options: ClientOptions<Async>) -> Result<Self, Error> {
        let auth = Auth::new(options, WithoutHttp)?;
        Ok(Self::new(&auth).without_connectivity_check())
    }

    /// Sets all settings of the connection's state machine, such as its timeouts.
    #[must_use]
    pub fn settings(mut self, settings: ConnectionSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Sets whether the connection receives the messages that it publishes: see [`ConnectionSettings::echo`].
    #[must_use]
    pub fn echo(mut self, echo: bool) -> Self {
        self.settings = self.settings.echo(echo);
        self
    }

    /// Sets the format of the frames: see [`ConnectionSettings::format`].
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.settings = self.settings.format(format);
        self
    }

    /// Sets the recovery key of a former connection: see [`ConnectionSettings::recover`].
    #[must_use]
    pub fn recover(mut self, recovery_key: impl Into<String>) -> Self {
        self.settings = self.settings.recover(recovery_key);
        self
    }

    /// Adds a parameter to the query of the connection's URL: see [`ConnectionSettings::transport_param`].
    #[must_use]
    pub fn transport_param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings = self.settings.transport_param(name, value);
        self
    }

    /// Sets how long the client waits for a token, for CONNECTED, for CLOSED and for the answer to a ping: see
    /// [`ConnectionSettings::realtime_request_timeout`].
    #[must_use]
    pub fn realtime_request_timeout(mut self, timeout: Duration) -> Self {
        self.settings = self.settings.realtime_request_timeout(timeout);
        self
    }

    /// Sets whether the connection connects when it is opened (`RTC1b`). By default it does. Otherwise, call
    /// [`connect`](crate::Connection::connect).
    #[must_use]
    pub const fn auto_connect(mut self, auto_connect: bool) -> Self {
        self.auto_connect = auto_connect;
        self
    }

    /// Sets a hook that opens byte streams, such as through a proxy. By default, the connection opens TCP connections
    /// itself, and uses no proxy.
    #[must_use]
    pub fn connect_with(mut self, connect: impl Connect + 'static) -> Self {
        self.connect = Some(Arc::new(connect));
        self
    }

    /// Sets the URL that tells if the internet can be reached, when a host of the service cannot (`REC3b`). It has to
    /// respond with `yes`. If it does not, the connection tries no other host. The default is
    /// [`ConnectionAuth::CONNECTIVITY_CHECK_URL`].
    #[must_use]
    pub fn connectivity_check_url(mut self, url: impl AsRef<str>) -> Self {
        self.check_url = Some(url.as_ref().into());
        self
    }

    /// Tries the other hosts of the service without a connectivity check, such as where the internet cannot be reached.
    #[must_use]
    pub fn without_connectivity_check(mut self) -> Self {
        self.check_url = None;
        self
    }

    /// Sets the most bytes of a message in a frame, in both directions. The default is 1 MiB.
    ///
    /// A longer message of the service ends the socket with code 40009, and the connection opens a new one. A longer
    /// message of the application is refused by [`send`](crate::Connection::send).
    #[must_use]
    pub const fn max_frame_bytes(mut self, bytes: usize) -> Self {
        self.max_frame_bytes = bytes;
        self
    }

    /// Sets how many events, and how many messages to send, wait at most. The default is 64 for each, the minimum 1, and
    /// the maximum a million.
    ///
    /// So up to `max_frame_bytes` times the capacity wait in each direction: 64 MiB by default, in the worst case. A
    /// received message is decoded, which can take 32 times the bytes of its frame if it consists of tiny values. Each
    /// socket has buffers of 16 KiB in addition, which grow with the longest message, and by up to 128 KiB if the service
    /// sends pings and reads nothing.
    #[must_use]
    pub fn queue_capacity(mut self, messages: usize) -> Self {
        self.queue_capacity = messages.clamp(1, MAX_QUEUE_CAPACITY);
        self
    }

    /// Returns the opener of the connection's sockets.
    pub(crate) fn opener(&self, auth: &ConnectionAuth) -> Result<Opener, Error> {
        let (http, timeout) = (auth.http_settings(), auth.http_settings().http_open_timeout());
        let connect = self.connect.clone().unwrap_or_else(|| Arc::new(Tcp { timeout }));
        let tls = match self.tls.get() {
            _ if connect.has_own_tls() => None,
            Some(connector) => Some(connector.clone()),
            None => {
                let connector = tls::connector(http)?;
                Some(self.tls.get_or_init(|| connector).clone())
            }
        };
        Ok(Opener { connect, tls, timeout, max_frame_bytes: self.max_frame_bytes })
    }
}

impl fmt::Debug for ConnectionOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionOptions")
            .field("auth", &self.auth)
            .field("auto_connect", &self.auto_connect)
            .field("max_frame_bytes", &self.max_frame_bytes)
            .field("queue_capacity", &self.queue_capacity)
            .finish_non_exhaustive()
    }
}
