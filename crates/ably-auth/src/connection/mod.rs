//! The authentication of a realtime connection, without I/O (feature `realtime`).
//!
//! A [`StateMachine`] decides what a client does to open a connection and to keep it authenticated: when it gets a token,
//! opens a socket, sends AUTH, resumes, waits or gives up. It has no socket, no timer, no clock and no randomness. A
//! driver passes it [`Input`]s with the current time, and carries out its [`Output`]s. `ably-auth-websocket` is a driver
//! for tokio.
//!
//! The tokens are those of an [`Auth`](crate::Auth): a token that the connection renews serves REST requests too, and the
//! other way round. [`ConnectionAuth`] is an `Auth` over any transport.
//!
//! ```
//! use ably_auth::connection::{
//!     ConnectionSettings, ConnectionState, CredentialsQuery, Input, Output, ServiceHosts, StateMachine,
//! };
//! use ably_auth::{Endpoint, HttpSettings, Moment, Timestamp};
//!
//! let hosts = ServiceHosts::new(&Endpoint::default(), &HttpSettings::default())?;
//! let mut machine = StateMachine::new(ConnectionSettings::new(), hosts, None, 7);
//! let now = Moment::new(Timestamp::from_millis(1_449_746_287_318), std::time::Duration::ZERO);
//!
//! let outputs = machine.handle(Input::Connect, now);
//! assert_eq!(machine.state(), ConnectionState::Connecting);
//! // A token is obtained before a socket is opened.
//! assert!(outputs.iter().any(|output| matches!(output, Output::GetCredentials(CredentialsQuery::Current))));
//! # Ok::<(), ably_auth::Error>(())
//! ```

mod backoff;
mod connection_auth;
mod format;
mod hosts;
mod input;
mod machine;
mod output;
mod recovery_key;
mod settings;
mod socket_url;
mod state;

pub use connection_auth::ConnectionAuth;
pub use format::Format;
pub use hosts::ServiceHosts;
pub use input::{Input, SocketId};
pub use machine::StateMachine;
pub use output::{CredentialsQuery, Output};
pub use recovery_key::RecoveryKey;
pub use settings::ConnectionSettings;
pub use socket_url::SocketUrl;
pub use state::{ConnectionEvent, ConnectionState, ConnectionStateChange};

pub use ably_auth_core::realtime::{Action, AuthDetails, ConnectionDetails, ProtocolMessage, Value, flags};
