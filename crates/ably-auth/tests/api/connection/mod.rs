//! The authentication of a realtime connection.

mod messages;
mod redaction;
mod week;
