//! The states of a connection, and the changes between them.

use std::fmt;
use std::time::Duration;

use ably_auth_core::ErrorInfo;

/// The state of a connection (`RTN27`).
///
/// ```
/// use ably_auth::connection::ConnectionState;
///
/// assert_eq!(ConnectionState::Suspended.to_string(), "suspended");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConnectionState {
    /// No connection was attempted yet (`RTN27a`).
    #[default]
    Initialized,
    /// The client gets a token, opens a socket, or waits for CONNECTED (`RTN27b`).
    Connecting,
    /// The connection is open (`RTN27c`).
    Connected,
    /// The connection is lost for a short time; the client tries again soon (`RTN27d`).
    Disconnected,
    /// The connection is lost for long, so its state is lost; the client tries again less often (`RTN27e`).
    Suspended,
    /// The client has sent CLOSE, and waits for CLOSED (`RTN27f`).
    Closing,
    /// The application has closed the connection (`RTN27g`).
    Closed,
    /// An error that a retry cannot fix has ended the connection (`RTN27h`).
    Failed,
}

impl ConnectionState {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Initialized => "initialized",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
            Self::Suspended => "suspended",
            Self::Closing => "closing",
            Self::Closed => "closed",
            Self::Failed => "failed",
        }
    }

    /// Returns true if nothing happens in this state until the application connects or authorizes.
    #[must_use]
    pub const fn is_at_rest(self) -> bool {
        matches!(self, Self::Initialized | Self::Closed | Self::Failed)
    }
}

impl fmt::Display for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The kind of a change of a connection (`RTN4`).
///
/// ```
/// use ably_auth::connection::{ConnectionEvent, ConnectionState};
///
/// assert_ne!(ConnectionEvent::Update, ConnectionEvent::State(ConnectionState::Connected));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionEvent {
    /// The connection has entered a state.
    State(ConnectionState),
    /// The connection was connected and still is, with new details or an error (`RTN4h`, `RTN24`).
    Update,
}

/// A change of a connection (`TA1`).
///
/// ```
/// use ably_auth::connection::{ConnectionEvent, ConnectionState, ConnectionStateChange};
///
/// fn log(change: &ConnectionStateChange) {
///     let reason = change.reason().map(ToString::to_string).unwrap_or_default();
///     eprintln!("{} -> {} {reason}", change.previous(), change.current());
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionStateChange {
    pub(super) previous: ConnectionState,
    pub(super) current: ConnectionState,
    pub(super) event: ConnectionEvent,
    pub(super) reason: Option<ErrorInfo>,
    pub(super) retry_in: Option<Duration>,
    pub(super) is_resumed: bool,
}

impl ConnectionStateChange {
    /// Returns the state before the change (`TA2`).
    #[must_use]
    pub const fn previous(&self) -> ConnectionState {
        self.previous
    }

    /// Returns the state after the change (`TA2`).
    #[must_use]
    pub const fn current(&self) -> ConnectionState {
        self.current
    }

    /// Returns the kind of the change (`TA5`).
    #[must_use]
    pub const fn event(&self) -> ConnectionEvent {
        self.event
    }

    /// Returns the error that caused the change (`TA3`).
    #[must_use]
    pub const fn reason(&self) -> Option<&ErrorInfo> {
        self.reason.as_ref()
    }

    /// Returns the time until the next attempt to connect (`TA2`), in the states DISCONNECTED and SUSPENDED.
    #[must_use]
    pub const fn retry_in(&self) -> Option<Duration> {
        self.retry_in
    }

    /// Returns true if the connection continues with its former id, so that attached channels lose no message
    /// (`RTN15c6`). An application that attaches channels attaches them again in either case, and starts `msgSerial` at
    /// 0 if this is false (`RTN15c7`).
    #[must_use]
    pub const fn is_resumed(&self) -> bool {
        self.is_resumed
    }
}
