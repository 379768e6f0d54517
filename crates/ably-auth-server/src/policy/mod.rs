//! The service's decisions, over an explicit time: who a sender is, and what it gets.

pub(crate) mod authenticate;
pub(crate) mod authorize;
pub(crate) mod control;
pub(crate) mod grant;
pub(crate) mod issue;
pub(crate) mod publish;
pub(crate) mod reload;
pub(crate) mod revoke;
pub(crate) mod verify_token;
