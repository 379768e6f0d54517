//! Live connections: their protocol messages, what waits to be sent to them, their attachments, which of them a
//! revocation concerns, and the events that other services get.

pub(crate) mod attachments;
pub(crate) mod connections;
pub(crate) mod mailbox;
pub(crate) mod protocol;
pub(crate) mod relay;
