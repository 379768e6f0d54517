//! Live connections: their protocol messages, what waits to be sent to them, their attachments, and which of them a
//! revocation concerns.

pub(crate) mod attachments;
pub(crate) mod connections;
pub(crate) mod mailbox;
pub(crate) mod protocol;
