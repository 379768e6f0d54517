// The README's programs call a service, which this crate does not depend on: `tests/lib.rs` runs them.
#![cfg_attr(not(doctest), doc = include_str!("../README.md"))]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod command;
mod connect;
mod delivery;
mod driver;
mod events;
mod handle;
mod opener;
mod options;
mod pending;
mod pings;
mod socket;
mod tcp;
mod tls;
mod trace;
mod without_http;

pub use connect::{ByteStream, Connect};
pub use events::{Changes, Event, Events};
pub use handle::Connection;
pub use options::ConnectionOptions;

/// The options of a client, from which a connection without an HTTP client is created.
///
/// ```
/// use ably_auth_websocket::ClientOptions;
///
/// let options = ClientOptions::new().key("app.key:secret").client_id("bob").use_token_auth(true);
/// ```
pub type ClientOptions = ably_auth::ClientOptions<Async>;

#[doc(no_inline)]
pub use ably_auth::connection::{
    Action, ConnectionAuth, ConnectionDetails, ConnectionEvent, ConnectionSettings, ConnectionState,
    ConnectionStateChange, Format, ProtocolMessage, RecoveryKey, Value, flags,
};

#[doc(no_inline)]
pub use ably_auth::*;
