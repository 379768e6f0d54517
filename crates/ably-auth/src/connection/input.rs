//! The inputs of the state machine.

use ably_auth_core::realtime::ProtocolMessage;

use crate::auth::Credentials;
use crate::error::Error;

/// The number of a socket. Inputs of a former socket are ignored.
///
/// ```
/// use ably_auth::connection::SocketId;
///
/// assert_eq!(SocketId::default(), SocketId::default());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId(pub(super) u64);

/// An event that a driver passes to the [state machine](super::StateMachine).
///
/// ```
/// use ably_auth::connection::Input;
///
/// let input = Input::Connect; // the application calls `connect`
/// ```
#[allow(clippy::large_enum_variant, reason = "most inputs are messages")]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Input {
    /// The application connects (`RTN11`).
    Connect,
    /// The application closes the connection (`RTN12`).
    Close,
    /// The application authorizes (`RTC8`). Pass the next one after [`Output::Authorized`](super::Output::Authorized).
    Authorize,
    /// The outcome of [`Output::GetCredentials`](super::Output::GetCredentials).
    Credentials(Result<Credentials, Error>),
    /// A message has arrived.
    Received(SocketId, ProtocolMessage),
    /// Something else has arrived, such as a WebSocket ping, so the service is alive (`RTN23b`).
    Active(SocketId),
    /// The socket could not be opened, or is closed. The error says why.
    Lost(SocketId, Error),
    /// The outcome of [`Output::CheckConnectivity`](super::Output::CheckConnectivity): true if the internet can be
    /// reached.
    Connectivity(bool),
    /// The time of [`StateMachine::until_tick`](super::StateMachine::until_tick) has passed.
    Tick,
}
