//! The calls of the application, on their way to the driver.

use std::collections::VecDeque;
use std::time::Duration;

use ably_auth::connection::{ConnectionDetails, ConnectionState};
use ably_auth::{Async, AuthOptions, Error, ErrorCode, ErrorInfo, TokenDetails, TokenParams};
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Message;

/// A call of the application.
pub(crate) enum Command {
    /// Answered once the state machine has handled it.
    Connect(oneshot::Sender<()>),
    /// Answered once the state machine has handled it.
    Close(oneshot::Sender<()>),
    Authorize(Box<Authorize>),
    /// Answered with the steady time of the round trip.
    Ping(oneshot::Sender<Result<Duration, Error>>),
}

/// A call of `authorize`.
pub(crate) struct Authorize {
    pub(crate) params: Option<TokenParams>,
    pub(crate) options: Option<AuthOptions<Async>>,
    pub(crate) reply: oneshot::Sender<Result<TokenDetails, Error>>,
    /// The new token, once there is one.
    pub(crate) details: Option<TokenDetails>,
}

/// The calls of `authorize`, which are carried out one at a time.
#[derive(Default)]
pub(crate) struct Authorizing {
    pub(crate) current: Option<Box<Authorize>>,
    waiting: VecDeque<Box<Authorize>>,
}

impl Authorizing {
    pub(crate) fn push(&mut self, call: Box<Authorize>) {
        // Callers may have given up.
        self.waiting.retain(|call| !call.reply.is_closed());
        self.waiting.push_back(call);
    }

    /// Begins the next call. Returns false if one is being carried out, or none waits.
    pub(crate) fn begin(&mut self) -> bool {
        if self.current.is_some() {
            return false;
        }
        self.waiting.retain(|call| !call.reply.is_closed());
        self.current = self.waiting.pop_front();
        self.current.is_some()
    }

    /// Ends the current call with the answer of the service.
    pub(crate) fn end(&mut self, outcome: Result<(), Error>) {
        let Some(Authorize { details, reply, .. }) = self.current.take().map(|call| *call) else { return };
        let no_token = || Error::configuration("the connection was authorized without a new token");
        // The caller may have given up.
        let _ = reply.send(outcome.and_then(|()| details.ok_or_else(no_token)));
    }
}

/// A frame of the application.
pub(crate) struct Outgoing {
    /// The session that the frame is for. It is discarded in another one.
    pub(crate) session: u64,
    pub(crate) frame: Message,
}

/// The state of a connection, for the application.
#[derive(Clone, Default)]
pub(crate) struct Snapshot {
    pub(crate) state: ConnectionState,
    pub(crate) error_reason: Option<ErrorInfo>,
    pub(crate) id: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) details: Option<ConnectionDetails>,
    /// The number of the socket that is open, counted from 1.
    pub(crate) session: u64,
}

impl Snapshot {
    /// Returns the error for an action that needs an open connection.
    pub(crate) fn not_connected(&self) -> Error {
        let advice = match self.state {
            ConnectionState::Initialized | ConnectionState::Closed => "call `connect`",
            ConnectionState::Failed => "see the cause, and call `connect`",
            _ => "wait until it is connected",
        };
        let text = format!("the state of the connection is `{}`; {advice}", self.state);
        let info = ErrorInfo::new(ErrorCode::CONNECTION_DISCONNECTED, text);
        Error::connection(match &self.error_reason {
            Some(reason) => info.with_cause(reason.clone()),
            None => info,
        })
    }
}
