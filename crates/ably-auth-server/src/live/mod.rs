//! Live connections: their protocol messages, their mailboxes, their attachments, an index of them, and the events for
//! other services.

pub(crate) mod attachments;
pub(crate) mod connections;
#[cfg(feature = "console")]
pub(crate) mod inquiry;
pub(crate) mod mailbox;
pub(crate) mod protocol;
pub(crate) mod relay;
