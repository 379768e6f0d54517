//! The outputs of the state machine.

use ably_auth_core::realtime::ProtocolMessage;

use super::input::SocketId;
use super::socket_url::SocketUrl;
use super::state::ConnectionStateChange;
use crate::auth::Credentials;
use crate::error::Error;

/// The credentials that a connection needs.
///
/// ```
/// use ably_auth::connection::CredentialsQuery;
///
/// let query = CredentialsQuery::Current;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CredentialsQuery {
    /// The current credentials: the held token if it is valid, else a new one.
    Current,
    /// Newer credentials than these, which stay in use if there are none (`RTN22`).
    NewerThan(Credentials),
    /// Newer credentials than these, which the service refused (`RSA4b`).
    Refused(Credentials),
    /// The credentials after the application's `authorize`, which the driver carries out first (`RTC8`).
    Authorize,
}

/// An action that the [state machine](super::StateMachine) asks its driver for. Carry them out in order.
///
/// ```
/// use ably_auth::connection::Output;
///
/// fn is_for_socket(output: &Output) -> bool {
///     matches!(output, Output::Open { .. } | Output::Send(_) | Output::CloseSocket)
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Output {
    /// Get credentials, and pass [`Input::Credentials`](super::Input::Credentials). No other request for them is running.
    GetCredentials(CredentialsQuery),
    /// Cancel the request for credentials. Do not pass its outcome.
    StopGetting,
    /// Open a socket. There is no other socket.
    Open {
        /// The number of the socket, for its inputs.
        socket: SocketId,
        /// The URL, which contains the credentials.
        url: SocketUrl,
    },
    /// Send a message over the socket.
    Send(ProtocolMessage),
    /// Close the socket, or stop opening it, after what was sent. It gives no more inputs.
    CloseSocket,
    /// Check if the internet can be reached, and pass [`Input::Connectivity`](super::Input::Connectivity) (`RTN17j`).
    CheckConnectivity,
    /// Give the message to the application.
    Deliver(ProtocolMessage),
    /// Tell the application about a change.
    Change(ConnectionStateChange),
    /// The outcome of the application's `authorize` (`RTC8a3`).
    Authorized(Result<(), Error>),
}
