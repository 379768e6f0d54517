//! Realtime connections: their opening, the state machine of their protocol, the connection, which applies its effects,
//! and the events that services with a shared store send each other.

mod connection;
#[cfg(feature = "console")]
mod description;
mod opening;
mod peers;
mod perform;
#[cfg(feature = "console")]
mod recorder;
mod relaying;
mod session;

pub(crate) use connection::Connection;
pub(crate) use opening::Opening;
pub(crate) use perform::Flow;
pub(crate) use relaying::{leave_relay, relay_events};
pub(crate) use session::Ending;
