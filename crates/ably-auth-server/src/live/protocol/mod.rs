//! Protocol messages: the frames of a realtime connection, in JSON or MessagePack.

pub(crate) mod inbound;
pub(crate) mod modes;
pub(crate) mod outbound;

pub(crate) use ably_auth_core::realtime::Action;
pub(crate) use inbound::Inbound;
pub(crate) use modes::Modes;
pub(crate) use outbound::Outbound;
