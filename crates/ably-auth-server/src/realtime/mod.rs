//! Realtime connections: their opening, the state machine of their protocol, and the connection that carries out what it
//! decides.

mod connection;
mod opening;
mod perform;
mod session;

pub(crate) use connection::Connection;
pub(crate) use opening::Opening;
pub(crate) use perform::Flow;
pub(crate) use session::Ending;
