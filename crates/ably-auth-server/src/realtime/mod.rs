//! Realtime connections: their opening, the state machine of their protocol, the connection that carries out what it
//! decides, and the events that services which share a store send each other.

mod connection;
mod opening;
mod peers;
mod perform;
mod relaying;
mod session;

pub(crate) use connection::Connection;
pub(crate) use opening::Opening;
pub(crate) use perform::Flow;
pub(crate) use relaying::{leave_relay, relay_events};
pub(crate) use session::Ending;
