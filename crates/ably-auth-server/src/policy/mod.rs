//! The service's decisions at a given time: authentication, authorization, and what a caller gets.

pub(crate) mod authenticate;
pub(crate) mod authorize;
pub(crate) mod control;
pub(crate) mod issue;
pub(crate) mod publish;
pub(crate) mod reload;
pub(crate) mod revoke;
pub(crate) mod standing;
pub(crate) mod verify_token;
