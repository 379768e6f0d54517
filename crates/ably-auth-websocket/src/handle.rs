//! The connection, as the application sees it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ably_auth::connection::{
    ConnectionAuth, ConnectionDetails, ConnectionState, ConnectionStateChange, Format, ProtocolMessage, RecoveryKey,
    StateMachine,
};
use ably_auth::{Async, AuthOptions, ClientId, Error, ErrorInfo, FaultKind, TokenDetails, TokenParams, TransportFault};
use tokio::runtime::Handle as Runtime;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::command::{Authorize, Command, Outgoing, Snapshot};
use crate::delivery::{Delivery, MAX_WAITING_CHANGES};
use crate::driver::{Driver, Ends};
use crate::events::{Changes, Events};
use crate::opener::too_large_to_send;
use crate::options::ConnectionOptions;
use crate::socket::frame;

/// A realtime connection that stays authenticated: it renews its token, and connects again when it is lost.
///
/// Clones are the same connection. When the last one is dropped, the connection is closed. The [crate's
/// documentation](crate) has an example.
///
/// ```no_run
/// use ably_auth_websocket::{Action, ClientOptions, Connection, ConnectionOptions, ProtocolMessage};
///
/// # async fn example() -> Result<(), ably_auth_websocket::Error> {
/// let client = ClientOptions::new().key("app.key:secret").client_id("bob");
/// let (connection, mut events) = Connection::open(ConnectionOptions::from_client_options(client)?)?;
/// connection.connect().await?;
/// connection.send(ProtocolMessage::new(Action::Attach).channel("chat")).await?;
/// while let Some(event) = events.next().await {
///     println!("{event:?}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Connection(Arc<Shared>);

struct Shared {
    auth: ConnectionAuth,
    commands: mpsc::UnboundedSender<Command>,
    frames: mpsc::Sender<Outgoing>,
    snapshot: watch::Receiver<Snapshot>,
    changes: broadcast::Receiver<Arc<ConnectionStateChange>>,
    format: Format,
    max_frame_bytes: usize,
    request_timeout: Duration,
}

impl Connection {
    /// Opens a connection, on a task of the current tokio runtime. It connects at once, unless
    /// [`auto_connect`](ConnectionOptions::auto_connect) is false. Keep the `Connection`: dropping it closes the
    /// connection.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](ably_auth::ErrorKind::Configuration) if the options are invalid, if TLS or the root
    /// certificates cannot be set up, or outside of a tokio runtime.
    pub fn open(options: ConnectionOptions) -> Result<(Self, Events), Error> {
        let runtime = Runtime::try_current().map_err(|_| {
            Error::configuration(
                "no tokio runtime: a connection needs one with its time and I/O drivers; open it there",
            )
        })?;
        let auth = options.auth.clone()?;
        let opener = options.opener(&auth)?;
        let [a, b, c, d, e, f, g, h, ..] = auth.random().bytes()?;
        let seed = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        let (format, request_timeout) =
            (options.settings.get_format(), options.settings.get_realtime_request_timeout());
        let machine = StateMachine::new(options.settings, auth.hosts().clone(), auth.identity().cloned(), seed);

        let (to_driver, commands) = mpsc::unbounded_channel();
        let (to_socket, frames) = mpsc::channel(options.queue_capacity);
        let (to_application, events) = mpsc::channel(options.queue_capacity);
        let (snapshot, snapshots) = watch::channel(Snapshot::default());
        let (changes, receiver) = broadcast::channel(MAX_WAITING_CHANGES);
        let ends = Ends { commands, frames, snapshot, changes, delivery: Delivery::new(to_application) };
        let max_frame_bytes = opener.max_frame_bytes;
        let driver = Driver::new(machine, auth.clone(), opener, format, options.check_url, ends);
        runtime.spawn(driver.run(options.auto_connect));

        let shared = Shared {
            auth,
            commands: to_driver,
            frames: to_socket,
            snapshot: snapshots,
            changes: receiver,
            format,
            max_frame_bytes,
            request_timeout,
        };
        Ok((Self(Arc::new(shared)), Events(events)))
    }

    /// Connects, if the connection is not connected or connecting (`RTN11`), and waits until it is connected. While it
    /// is DISCONNECTED, it tries again by itself, and the call keeps waiting.
    ///
    /// # Errors
    /// The reason, when the connection is FAILED, SUSPENDED, or closed by [`close`](Self::close).
    pub async fn connect(&self) -> Result<(), Error> {
        self.call(Command::Connect).await?;
        let is_decided = |snapshot: &Snapshot| {
            use ConnectionState::{Closed, Connected, Failed, Suspended};
            matches!(snapshot.state, Connected | Suspended | Failed | Closed)
        };
        let mut snapshots = self.0.snapshot.clone();
        let snapshot = snapshots.wait_for(is_decided).await.map_err(|_| task_ended())?;
        match &snapshot.error_reason {
            _ if snapshot.state == ConnectionState::Connected => Ok(()),
            Some(reason) => Err(Error::connection(reason.clone())),
            None => Err(snapshot.not_connected()),
        }
    }

    /// Closes the connection, and waits until it is closed (`RTN12`): at most for the
    /// [`realtime_request_timeout`](ConnectionOptions::realtime_request_timeout). The messages that [`send`](Self::send)
    /// has put into the queue go before CLOSE.
    pub async fn close(&self) {
        if self.call(Command::Close).await.is_ok() {
            let mut snapshots = self.0.snapshot.clone();
            // Another task may connect again meanwhile.
            let _ = snapshots.wait_for(|snapshot| snapshot.state != ConnectionState::Closing).await;
        }
    }

    async fn call<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.0.commands.send(command(reply)).map_err(|_| task_ended())?;
        answer.await.map_err(|_| task_ended())
    }

    /// Requests a new token, and authenticates the connection with it, which stays open if it is (`RTC8`). It connects if
    /// it is not connected. Returns the token once the service has accepted it. Calls are carried out one at a time.
    ///
    /// Take [`Events`] meanwhile, in another task or with `tokio::select!`: no answer of the service is read while the
    /// queue of events is full. The same applies to [`ping`](Self::ping) and [`send`](Self::send).
    ///
    /// # Errors
    /// As [`Auth::authorize`](ably_auth::Auth::authorize), and the reason why the service refuses the token, or why the
    /// connection is FAILED, SUSPENDED or CLOSED (`RTC8a2`, `RTC8c`).
    pub async fn authorize<'p>(&self, params: impl Into<Option<&'p TokenParams>>) -> Result<TokenDetails, Error> {
        self.authorize_by(params.into(), None).await
    }

    /// Requests a new token as [`authorize`](Self::authorize), with these options, which replace those of the
    /// [`Auth`](ably_auth::Auth): see [`Auth::authorize_with`](ably_auth::Auth::authorize_with).
    ///
    /// # Errors
    /// As [`authorize`](Self::authorize), and as [`Auth::new`](ably_auth::Auth::new) for the options.
    pub async fn authorize_with<'p>(
        &self,
        params: impl Into<Option<&'p TokenParams>>,
        options: AuthOptions<Async>,
    ) -> Result<TokenDetails, Error> {
        self.authorize_by(params.into(), Some(options)).await
    }

    async fn authorize_by(
        &self,
        params: Option<&TokenParams>,
        options: Option<AuthOptions<Async>>,
    ) -> Result<TokenDetails, Error> {
        let params = params.cloned();
        let command = |reply| Command::Authorize(Box::new(Authorize { params, options, reply, details: None }));
        self.call(command).await?
    }

    /// Sends a HEARTBEAT, and returns the time until the service answers it (`RTN13`), by the clock of the options. The
    /// system's clock has a resolution of a few milliseconds.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`](ably_auth::ErrorKind::Refused) with 80003 if the connection is not connected, or is lost;
    /// 50003 if no answer arrives within the
    /// [`realtime_request_timeout`](ConnectionOptions::realtime_request_timeout); an error if 16 pings already wait.
    pub async fn ping(&self) -> Result<Duration, Error> {
        let late = |_| TransportFault::new(FaultKind::TimedOut, "the service did not answer the ping in time");
        timeout(self.0.request_timeout, self.call(Command::Ping)).await.map_err(late)??
    }

    /// Sends a message. It waits while the [queue](ConnectionOptions::queue_capacity) is full, because the service reads
    /// slowly.
    ///
    /// The message is in the queue then. The service answers MESSAGE and PRESENCE with ACK or NACK. A message that waits
    /// in the queue when the connection is lost is discarded. If this is cancelled, the message is not sent.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`](ably_auth::ErrorKind::Refused) with 80003 if the connection is not connected, or is lost
    /// before there is room; 40009 if the message is too large for the service or the
    /// [options](ConnectionOptions::max_frame_bytes).
    pub async fn send(&self, message: ProtocolMessage) -> Result<(), Error> {
        let (session, service_limit) = {
            let snapshot = self.0.snapshot.borrow();
            if snapshot.state != ConnectionState::Connected {
                return Err(snapshot.not_connected());
            }
            let limit = snapshot.details.as_ref().and_then(ConnectionDetails::max_frame_size);
            (snapshot.session, limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0))
        };
        let content = self.0.format.encode(&message)?;
        let limit = service_limit.unwrap_or(usize::MAX).min(self.0.max_frame_bytes);
        if content.len() > limit {
            return Err(too_large_to_send(content.len(), limit));
        }
        let room = self.0.frames.reserve().await.map_err(|_| task_ended())?;
        {
            let snapshot = self.0.snapshot.borrow();
            if snapshot.state != ConnectionState::Connected || snapshot.session != session {
                return Err(snapshot.not_connected());
            }
        }
        room.send(Outgoing { session, frame: frame(self.0.format, content) });
        Ok(())
    }

    /// Returns the state (`RTN4d`).
    #[must_use]
    pub fn state(&self) -> ConnectionState {
        self.0.snapshot.borrow().state
    }

    /// Waits until the connection is in `state`. A state that lasts only for a moment may be missed.
    pub async fn reached(&self, state: ConnectionState) {
        let mut snapshots = self.0.snapshot.clone();
        if snapshots.wait_for(|snapshot| snapshot.state == state).await.is_err() {
            // The runtime has ended the task, so the state stays as it is.
            std::future::pending::<()>().await;
        }
    }

    /// Returns the state changes from now on. [`Events`] have them too, in order with the messages.
    #[must_use]
    pub fn changes(&self) -> Changes {
        Changes::new(self.0.changes.resubscribe())
    }

    /// Returns the reason of the current state, if it has one (`RTN25`).
    #[must_use]
    pub fn error_reason(&self) -> Option<ErrorInfo> {
        self.0.snapshot.borrow().error_reason.clone()
    }

    /// Returns the id of the connection, once it is connected (`RTN8`).
    #[must_use]
    pub fn id(&self) -> Option<String> {
        self.0.snapshot.borrow().id.clone()
    }

    /// Returns the secret key of the connection, once it is connected (`RTN9`).
    #[must_use]
    pub fn key(&self) -> Option<String> {
        self.0.snapshot.borrow().key.clone()
    }

    /// Returns the properties of the connection, once it is connected (`RTN21`).
    #[must_use]
    pub fn details(&self) -> Option<ConnectionDetails> {
        self.0.snapshot.borrow().details.clone()
    }

    /// Returns the client's own identity, or else that which the service gave the connection, or else that of its token
    /// (`RSA7b`).
    #[must_use]
    pub fn client_id(&self) -> ClientId {
        if let Some(own) = self.0.auth.identity() {
            // The service may permit any identity.
            return ClientId::Identified(own.clone());
        }
        match self.details().map(|details| details.client_id().clone()) {
            Some(ClientId::None) | None => self.0.auth.client_id(),
            Some(client_id) => client_id,
        }
    }

    /// Returns a key with which another client can continue the connection (`RTN16g`), or `None` if the service does not
    /// know it (`RTN16g2`). Give the serial of your next message, and the `channelSerial` of each attached channel.
    #[must_use]
    pub fn create_recovery_key<C: Into<String>, S: Into<String>>(
        &self,
        msg_serial: u64,
        channel_serials: impl IntoIterator<Item = (C, S)>,
    ) -> Option<RecoveryKey> {
        use ConnectionState::{Closed, Closing, Failed, Suspended};

        let snapshot = self.0.snapshot.borrow();
        let key = snapshot.key.as_ref().filter(|_| !matches!(snapshot.state, Closing | Closed | Failed | Suspended));
        Some(RecoveryKey::new(key?, msg_serial, channel_serials))
    }
}

/// Returns the error of a connection whose task does not run any more.
fn task_ended() -> Error {
    let text = "the connection's task has ended: its tokio runtime has ended";
    TransportFault::new(FaultKind::Interrupted, text).into()
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("state", &self.state()).field("id", &self.id()).finish_non_exhaustive()
    }
}
